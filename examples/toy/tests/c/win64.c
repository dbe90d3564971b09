/* What programs/win64.toy does. */
#include <complex.h>
#include <stdio.h>

#define WIN64 __attribute__((ms_abi))

struct small { int a; float b; };
struct point { double x, y; };
struct large { long words[5]; };

WIN64 static double mixed(int a, double b, long c, float d, double e, signed char f)
{
    return a + b * 10 + c * 100 + d * 1000 + e * 10000 + f * 100000;
}
WIN64 static struct small small(struct small s, int by) { return (struct small){s.a + by, s.b * 2}; }
WIN64 static struct point point(struct point p, struct point q) { return (struct point){p.x + q.x, p.y - q.y}; }
WIN64 static struct large large(long a, struct large l) { l.words[4] += a; return l; }
WIN64 static __int128 wide(__int128 a, __int128 b) { return a * b; }
WIN64 static double _Complex pair(double _Complex z) { return cimag(z) + creal(z) * I; }

static struct point twice(struct point(WIN64 *f)(struct point, struct point), struct point p) { return f(f(p, p), p); }
WIN64 static int sum(int n, int (*f)(int))
{
    int total = 0;
    for (int i = 0; i < n; i++)
        total += f(i);
    return total;
}
static int by = 3;
static int multiplied(int n) { return n * by; }

int main(void)
{
    printf("mixed %g\n", mixed(1, 2, 3, 4, 5, 6));
    struct small s = small((struct small){40, 1.25f}, 2);
    printf("small %d %g\n", s.a, s.b);
    struct point p = point((struct point){1, 2}, (struct point){0.5, 0.25});
    printf("point %g %g\n", p.x, p.y);
    struct large l = {{1, 2, 3, 4, 5}};
    printf("large %ld %ld\n", large(10, l).words[4], l.words[4]);
    printf("wide %ld\n", (long)(wide((__int128)1 << 70, 3) >> 70));
    double _Complex z = pair(1.5 - 2.5 * I);
    printf("pair %g %g\n", creal(z), cimag(z));
    p = twice(point, (struct point){3, 4});
    printf("twice %g %g\n", p.x, p.y);
    printf("sum %d\n", sum(5, multiplied));
    return 0;
}
