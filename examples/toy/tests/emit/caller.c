#include <stdio.h>
struct point { double x; long n; };
struct large { long long words[5]; };
struct point moved(struct point, double);
long long last(struct large, long long (*)(struct large, int));
double sum(int, ...);
static long long word(struct large l, int i) { return l.words[i]; }
int c_main(void)
{
    struct point p = moved((struct point){1.5, 21}, 0.25);
    struct large l = {{1, 2, 3, 4, 77}};
    printf("%g %ld %lld %g\n", p.x, p.n, last(l, word), sum(2, p, 10.0, p, 20.0));
    return 0;
}
