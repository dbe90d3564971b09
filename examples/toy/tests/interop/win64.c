/* Functions that are called as on Windows, on both sides of calls: the other side of win64.toy. */
#include <stdarg.h>

#define WIN64 __attribute__((ms_abi))

struct three { char c[3]; };
struct small { int a; float b; };
struct point { double x, y; };
struct large { long words[5]; };
typedef float vec4 __attribute__((vector_size(16)));

WIN64 double mixed(int a, double b, long c, float d, double e, signed char f)
{
    return a + b * 10 + c * 100 + d * 1000 + e * 10000 + f * 100000;
}
WIN64 struct three three(struct three t, char by) { return (struct three){{t.c[2] + by, t.c[0], t.c[1]}}; }
WIN64 struct small small(struct small s, int by) { return (struct small){s.a + by, s.b * 2}; }
WIN64 struct large large(long a, struct large l, struct point p)
{
    l.words[4] += a + (long)(p.x * p.y);
    return l;
}
WIN64 __int128 wide(__int128 a, long b, __int128 c) { return a * b + c; }
WIN64 vec4 lanes(vec4 v, vec4 w) { return v * w; }

WIN64 double average(int count, ...)
{
    __builtin_ms_va_list list;
    __builtin_ms_va_start(list, count);
    double total = 0;
    for (int i = 0; i < count; i++)
        total += __builtin_va_arg(list, int) * __builtin_va_arg(list, double);
    __builtin_ms_va_end(list);
    return total / count;
}

double call_mixed(double(WIN64 *f)(int, double, long, float, double, signed char)) { return f(-1, 2.5, 3, 4.5f, 5, -6); }
struct small call_small(struct small(WIN64 *f)(struct small, int)) { return f((struct small){1, 2.5f}, -3); }
long call_large(struct large(WIN64 *f)(long, struct large, struct point))
{
    struct large given = {{1, 2, 3, 4, 5}};
    struct large got = f(7, given, (struct point){2, 3});
    /* The callee has changed its own copy. */
    return got.words[4] * 100 + given.words[4];
}
long call_wide(__int128(WIN64 *f)(__int128, long, __int128)) { return (long)(f((__int128)5 << 64, 3, (__int128)2 << 64) >> 64); }
float call_lanes(vec4(WIN64 *f)(vec4, vec4)) { return f((vec4){1, 2, 3, 4}, (vec4){5, 6, 7, 8})[3]; }

/* Windows' functions preserve rsi, rdi and xmm6 to xmm15, which this one uses across the calls. */
WIN64 double preserved(double(WIN64 *f)(double), long n)
{
    double a = 1, b = 2, c = 3, d = 4, sum = 0;
    for (long i = 0; i < n; i++) {
        sum += f(a + b) + f(c + d);
        a += sum, b -= a, c += b, d -= c;
    }
    return sum + a + b + c + d;
}

/* A list of toy's, and toy's functions with unnamed arguments. */
WIN64 double sum(int count, __builtin_ms_va_list list)
{
    double total = 0;
    for (int i = 0; i < count; i++)
        total += __builtin_va_arg(list, int) + __builtin_va_arg(list, struct small).b;
    return total;
}
double call_sum(double(WIN64 *f)(int, ...)) { return f(2, 1, (struct small){0, 0.25f}, 4, (struct small){0, 0.5f}); }
