/* A library that takes and returns structs by value: the other side of shapes.toy. Every function
   computes from every member, so that a byte that went astray shows. */
#include <stdarg.h>
#include "shapes.h"

struct point point_sum(struct point a, struct point b) { return (struct point){a.x + b.x, a.y + b.y}; }
struct rgb rgb_turn(struct rgb c) { return (struct rgb){c.g, c.b, c.r}; }
struct pair pair_scale(int k, struct pair p) { return (struct pair){p.x * k, p.n * k}; }
struct triple triple_turn(struct triple t) { return (struct triple){t.b, t.c, t.a}; }

struct box box_grow(struct box b, double by, int tag)
{
    b.low.x -= by;
    b.low.y -= by;
    b.high.x += by;
    b.high.y += by;
    b.tag += tag;
    return b;
}

struct precise precise_half(struct precise p) { return (struct precise){p.value / 2}; }
struct tagged tagged_next(struct tagged t, long double by) { return (struct tagged){t.value + by, t.tag + 1}; }
union number number_double(union number n) { return (union number){.i = n.i * 2}; }

struct chars chars_next(struct chars c)
{
    for (int i = 0; i < 16; i++)
        c.text[i]++;
    return c;
}

struct seven seven_next(long a, long b, long c, long d, long e, struct seven s)
{
    for (int i = 0; i < 6; i++)
        s.text[i] += a + b + c + d + e;
    return s;
}

struct both both_swap(struct both b) { return (struct both){(int)b.f, (float)b.n}; }
__int128 wide_sum(__int128 a, long b, __int128 c) { return a + b + c; }
long double _Complex complex_turn(long double _Complex z) { return z * I; }
float _Complex complex_half(float _Complex z) { return z / 2; }

/* Registers run out in the middle. */
double crowd(long a, struct pair p, struct point q, long b, struct pair r, struct box s, struct point t, struct triple u,
             long c, struct pair v, struct point w, signed char last)
{
    return a + 2 * p.x + 3 * p.n + 4 * q.x + 5 * q.y + 6 * b + 7 * r.x + 8 * r.n + 9 * s.low.x + 10 * s.high.y + 11 * s.tag +
           12 * t.x + 13 * t.y + 14 * u.a + 15 * u.b + 16 * u.c + 17 * c + 18 * v.x + 19 * v.n + 20 * w.x + 21 * w.y + 22 * last;
}

/* Variadic: structs among the unnamed arguments. */
double sum_of(int count, ...)
{
    va_list list;
    va_start(list, count);
    double sum = 0;
    for (int i = 0; i < count; i++) {
        struct pair p = va_arg(list, struct pair);
        struct box b = va_arg(list, struct box);
        sum += p.x + p.n + b.low.x + b.high.y + b.tag + (double)va_arg(list, long double) + va_arg(list, int);
    }
    va_end(list);
    return sum;
}

/* Callbacks: the toy side receives structs from C. */
struct point each(struct point (*f)(struct point, int), struct point start, int times)
{
    for (int i = 0; i < times; i++)
        start = f(start, i);
    return start;
}

struct box (*chosen)(struct tagged, struct box, long double);
void choose(struct box (*f)(struct tagged, struct box, long double)) { chosen = f; }
double call_chosen(void)
{
    struct box b = chosen((struct tagged){1.5L, 7}, (struct box){{1, 2}, {3, 4}, 5}, 0.25L);
    return b.low.x + 10 * b.low.y + 100 * b.high.x + 1000 * b.high.y + 10000 * b.tag;
}

long double _Complex mapped(long double _Complex (*f)(long double _Complex, struct rgb), int n)
{
    long double _Complex sum = 0;
    for (int i = 0; i < n; i++)
        sum += f(i + 1.0L * I, (struct rgb){1, 2, (unsigned char)(250 + i)});
    return sum;
}
