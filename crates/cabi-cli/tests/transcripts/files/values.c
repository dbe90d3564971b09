#include "values.h"
#include <stdarg.h>
#include <stdlib.h>
struct vec2 rotate(struct vec2 v, double by) { return (struct vec2){ -v.y * by, v.x * by }; }
mixed swap(mixed a) { return (mixed){ a.n, a.x }; }
word see(word w) { return w; }
struct bits next(struct bits b) { b.a++; b.b--; b.c += 1; b.d = !b.d; return b; }
struct tagged more(struct tagged t) { t.i++; return t; }
v4 add(v4 a, v4 b) { return a + b; }
enum color other(enum color c) { return c == RED ? GREEN : RED; }
long double _Complex twice(long double _Complex z) { return z * 2; }
__int128 square(__int128 a) { return a * a; }
bool not(bool b) { return !b; }
_Float16 half(_Float16 x) { return x / 2; }
__float128 quad(__float128 x) { return x * 4; }
unsigned char byte(unsigned char c) { return c + 1; }
struct empty nothing(struct empty e) { return e; }
struct over over(struct over o) { return o; }
float first(float v __attribute__((vector_size(32)))) { return v[0]; }
struct vec2 sum(int n, ...)
{
    va_list ap;
    struct vec2 sum = { 0, 0 };
    va_start(ap, n);
    while (n--) {
        struct vec2 v = va_arg(ap, struct vec2);
        sum.x += v.x;
        sum.y += v.y;
    }
    return sum;
}
void fill(struct vec2 *p) { p->x += 1; p->y = 2.5; }
int old(int a, double b) { return a + b; }
int same(const char *text, long double x) { return strtold(text, 0) == x; }
