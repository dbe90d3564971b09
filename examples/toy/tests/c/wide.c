/* What programs/wide.toy does. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

typedef double f64x4 __attribute__((vector_size(32)));
typedef float f32x16 __attribute__((vector_size(64)));
struct big { f64x4 v; int n; };

static f64x4 twice(f64x4 v) { return v + v; }
static f32x16 both(int a, f32x16 v, long b, f64x4 w, signed char c)
{
    v[0] += (float)w[0] * c;
    v[15] += (float)w[3] + a + b;
    return v;
}
static struct big big(struct big b, int k) { b.v[0] *= 3; b.n += k; return b; }
static int address(int a, f32x16 v, struct big b) { return a + (int)((uintptr_t)&v % 64) + (int)((uintptr_t)&b % 32); }
static double sum(int count, ...)
{
    va_list list;
    va_start(list, count);
    double total = 0;
    for (int i = 0; i < count; i++) {
        f64x4 v = va_arg(list, f64x4);
        total += v[0] + 10 * v[1] + 100 * v[2] + 1000 * v[3] + va_arg(list, int);
    }
    va_end(list);
    return total;
}
static f64x4 apply(f64x4 (*f)(f64x4), f64x4 v) { return f(f(v)); }
static f64x4 half(f64x4 v) { return v * 0.5; }

int main(void)
{
    f64x4 v = twice((f64x4){1, 2, 3, 4});
    printf("twice %g %g %g %g\n", v[0], v[1], v[2], v[3]);
    f32x16 ones = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    f32x16 w = both(1, ones, 2, v, -3);
    printf("both %g %g %g\n", w[0], w[1], w[15]);
    struct big b = big((struct big){v, 4}, 5);
    printf("big %g %g %d\n", b.v[0], b.v[3], b.n);
    printf("address %d\n", address(1, w, b));
    printf("sum %g\n", sum(2, v, 5, b.v, 6));
    v = apply(twice, v);
    printf("apply %g %g\n", v[0], v[3]);
    v = apply(half, v);
    printf("closure %g %g\n", v[0], v[3]);
    return 0;
}
