/* A library that passes vectors of 32 bytes in registers, for processors with AVX: the other side of avx.toy. */
#include <stdarg.h>

typedef double f64x4 __attribute__((vector_size(32)));
typedef float f32x8 __attribute__((vector_size(32)));
struct one { f64x4 v; };

f64x4 sums(f64x4 a, int n, f64x4 b, double x) { return a + b * (n + x); }

struct one boxed(struct one a, f32x8 b)
{
    a.v[0] += b[7];
    return a;
}

f64x4 apply(f64x4 (*f)(f64x4, double, f64x4), f64x4 v) { return f(v, 0.5, v); }

/* The last vector is on the stack. */
double crowd(double (*f)(double, f64x4, f64x4, f64x4, f64x4, f64x4, f64x4, f64x4, f64x4))
{
    f64x4 v = {1, 2, 3, 4};
    return f(1, v, v, v, v, v, v, v, v * 10);
}

double va(int n, ...)
{
    va_list list;
    va_start(list, n);
    double total = 0;
    for (int i = 0; i < n; i++)
        total += va_arg(list, f64x4)[i];
    va_end(list);
    return total;
}
