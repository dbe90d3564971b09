/* What shapes.toy does, in C: linked with shapes.c. */
#include <math.h>
#include <stdio.h>
#include "shapes.h"

static struct point stepped(struct point p, int i) { return (struct point){p.x + p.y, p.y + i}; }

static struct box mixed(struct tagged t, struct box b, long double k)
{
    b.low.x += (double)lrintl(t.value);
    b.high.y += (double)lrintl(k);
    b.tag += t.tag;
    return b;
}

static long double _Complex weighed(long double _Complex z, struct rgb c)
{
    return c.r + c.g == 3 && c.b > 251 ? cimagl(z) + creall(z) * 1.0L * I : z;
}

int main(void)
{
    struct point p = point_sum((struct point){1.5, 2}, (struct point){10, 20.25});
    printf("point %g %g\n", p.x, p.y);
    struct rgb c = rgb_turn((struct rgb){1, 2, 3});
    printf("rgb %d %d %d\n", c.r, c.g, c.b);
    struct pair s = pair_scale(3, (struct pair){0.5, -7});
    printf("pair %g %ld\n", s.x, s.n);
    struct triple t = triple_turn((struct triple){1, 2, 3});
    printf("triple %g %g %g\n", t.a, t.b, t.c);
    struct box b = box_grow((struct box){{0, 1}, {2, 3}, 4}, 0.5, 10);
    printf("box %g %g %g %g %d\n", b.low.x, b.low.y, b.high.x, b.high.y, b.tag);
    printf("precise %.20Lf\n", precise_half((struct precise){0.1L}).value);
    struct tagged g = tagged_next((struct tagged){1.25L, 8}, 0.5L);
    printf("tagged %Lg %d\n", g.value, g.tag);
    printf("number %ld\n", number_double((union number){.i = 21}).i);
    printf("chars %s\n", chars_next((struct chars){"abcdefghijklmnop"}).text);
    printf("seven %s\n", seven_next(1, 0, 0, 0, 1, (struct seven){"abcdef"}).text);
    struct lit lit = lit_dim((struct lit){{1, 2, 3, 4}}, 0.5f);
    printf("lit %g %g %g %g\n", lit.color[0], lit.color[1], lit.color[2], lit.color[3]);
    struct both both = both_swap((struct both){5, 9.5f});
    printf("both %d %g\n", both.n, both.f);
    printf("wide %lld\n", (long long)(wide_sum((__int128)1 << 70, -1, (__int128)1 << 69) >> 66));
    long double _Complex z = complex_turn(1.5L - 2.5L * I);
    printf("turned %Lg %Lg\n", creall(z), cimagl(z));
    float _Complex h = complex_half(3.0f + 5.0f * I);
    printf("half %g %g\n", crealf(h), cimagf(h));
    printf("crowd %g\n", crowd(1, s, p, 2, s, b, p, t, 3, s, p, -4));
    printf("sum %g\n", sum_of(2, s, b, 0.5L, 7, s, b, 1.5L, 8));
    p = each(stepped, (struct point){1, 2}, 5);
    printf("each %g %g\n", p.x, p.y);
    choose(mixed);
    printf("chosen %g\n", call_chosen());
    z = mapped(weighed, 4);
    printf("mapped %Lg %Lg\n", creall(z), cimagl(z));
    return 0;
}
