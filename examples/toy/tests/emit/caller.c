#include <stdio.h>
struct Point { double x; long n; };
struct Large { long long words[5]; };
struct Point moved(struct Point p, double by);
long long last(struct Large l, void (*f)(void));
static long long word(struct Large l, int i) { return l.words[i]; }
int c_main(void)
{
    struct Point p = moved((struct Point){.x = 1.5, .n = 21}, 0.25);
    struct Large l = {{1, 2, 3, 4, 77}};
    printf("%g %ld %lld\n", p.x, p.n, last(l, (void (*)(void))word));
    return 0;
}
