/* The C of functions.o: what its functions call, and a main that calls them. Exits with 0 if all are right. */
#include <stddef.h>
#include <string.h>

struct longs { long a, b; };
struct array { double at[3]; };
struct point { float x, y; };
struct triple { long n[3]; };

long after5(long a, long b, long c, long d, long e, struct longs p)
{
    return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * p.a + 1000000 * p.b;
}
int widen(signed char c) { return c; }
double norm(struct array a) { return a.at[0] * a.at[0] + a.at[1] * a.at[1] + a.at[2] * a.at[2]; }
struct point mirror(struct point p) { return (struct point){p.y, p.x}; }
long sum(struct triple t) { return t.n[0] + t.n[1] + t.n[2]; }
void clear(struct longs *p) { *p = (struct longs){0, 0}; }
static long difference(struct longs p) { return p.a - p.b; }

long total(struct longs *p);
int low(long n);
double norm_of(double *at);
float first(float x, float y);
int show(char *to, size_t size, const char *format, float x);
long apply(long (*f)(struct longs), struct longs *p);
long rounded(void);
long fresh(long n);
struct longs taken(struct longs *p);

int main(void)
{
    struct longs longs = {6, 7};
    double at[3] = {3, 4, 12};
    char text[8];
    int wrong = total(&longs) != 7654321;
    wrong += low(232) != -24 || low(7) != 7;
    wrong += norm_of(at) != 169;
    wrong += first(2, 11) != 11;
    wrong += show(text, sizeof text, "%g", 2.5f) != 3 || strcmp(text, "2.5") != 0;
    wrong += apply(difference, &longs) != -1;
    wrong += rounded() != 2;
    wrong += fresh(5) != 15;
    struct longs taken_from = taken(&longs);
    wrong += difference(taken_from) != -1 || taken_from.b != 7 || longs.a != 0 || longs.b != 0;
    return wrong;
}
