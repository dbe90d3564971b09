/* A library that passes vectors of 32 bytes in registers, for processors with AVX, or of 64 with AVX-512: the other side of avx.toy. */
#include <stdarg.h>

typedef double wide __attribute__((vector_size(LANES * 8)));
typedef float floats __attribute__((vector_size(LANES * 8)));
struct one { wide v; };

wide sums(wide a, int n, wide b, double x) { return a + b * (n + x); }

struct one boxed(struct one a, floats b)
{
    a.v[0] += b[7];
    return a;
}

wide apply(wide (*f)(wide, double, wide), wide v) { return f(v, 0.5, v); }

/* The last vector is on the stack. */
double crowd(double (*f)(double, wide, wide, wide, wide, wide, wide, wide, wide))
{
    wide v = {1, 2, 3, 4};
    return f(1, v, v, v, v, v, v, v, v * 10);
}

double va(int n, ...)
{
    va_list list;
    va_start(list, n);
    double total = 0;
    for (int i = 0; i < n; i++)
        total += va_arg(list, wide)[i];
    va_end(list);
    return total;
}
