/* Scalars and unions that libc has no functions for. Each function says what it received. */
#include <complex.h>
#include <stdbool.h>
#include <stdio.h>

enum color { RED = 3, GREEN = -4 };
union heavy { long double value; int number; };
union light { float value; int number; };
struct quad { int tag; __float128 value; };
struct half { _Float16 a, b, c; };
struct nothing { };
struct zero { char c; int none[0]; };

signed char narrow(bool a, signed char b, unsigned char c, short d, unsigned short e)
{
    printf("narrow %d %d %u %d %u\n", a, b, c, d, e);
    return (signed char)(b + c + d + e);
}

bool both(bool a, bool b) { return a && b; }

unsigned short many_narrow(long a, long b, long c, long d, long e, long f, signed char g, unsigned short h, bool i)
{
    printf("many %ld %d %u %d\n", a + b + c + d + e + f, g, h, i);
    return (unsigned short)(h + g);
}

_Float16 half_sum(_Float16 a, struct half h)
{
    printf("half %g %g %g %g\n", (double)a, (double)h.a, (double)h.b, (double)h.c);
    return a + h.a + h.b + h.c;
}

struct half half_turn(struct half h) { return (struct half){h.b, h.c, h.a}; }

__float128 quad_sum(double a, __float128 b, struct quad q)
{
    printf("quad %g %g %d %g\n", a, (double)b, q.tag, (double)q.value);
    return a + b + q.value;
}

struct quad quad_next(struct quad q) { return (struct quad){q.tag + 1, q.value * 2}; }
enum color color_of(int n, enum color c) { return n ? c : RED; }

union heavy heavy_of(long a, union heavy h, long b)
{
    printf("heavy %ld %Lg %ld\n", a, h.value, b);
    return (union heavy){.number = (int)(a + b)};
}

union light light_of(union light l, float by)
{
    printf("light %d\n", l.number);
    return (union light){.value = by};
}

int around(int a, struct nothing n, int b, struct zero z, double c)
{
    (void)n;
    printf("around %d %d %c %g\n", a, b, z.c, c);
    return a - b;
}

_Complex char letters(_Complex char z, _Complex long w)
{
    printf("letters %d %d %ld %ld\n", __real z, __imag z, __real w, __imag w);
    return z + 1;
}

__int128 shifted(int a, long b, long c, long d, __int128 x, long f)
{
    printf("shifted %d %ld %ld %lx %lx\n", a, b + c + d, f, (long)(x >> 64), (long)x);
    return x << 8;
}

/* The toy side as callee, called with garbage above the narrow arguments' bits. */
int call_narrow(long (*f)(long, long, long))
{
    return (int)f(0x1122334455667788, 0x7fffffffffffffff, -256 + 1);
}

float _Complex call_pair(float _Complex (*f)(float _Complex, int, float _Complex)) { return f(1.0f + 2.0f * I, 3, 4.0f + 5.0f * I); }
