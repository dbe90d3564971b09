/* The C of functions.o: what its functions call, and a main that calls them. Exits with 0 if all
   are right. */
struct longs { long a, b; };
struct point { float x, y; };
struct triple { long n[3]; };

long after5(long a, long b, long c, long d, long e, struct longs p)
{
    return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * p.a + 1000000 * p.b;
}
int widen(signed char c) { return c; }
struct point mirror(struct point p) { return (struct point){p.y, p.x}; }
long sum(struct triple t) { return t.n[0] + t.n[1] + t.n[2]; }
void clear(struct longs *p) { *p = (struct longs){0, 0}; }

long total(struct longs *p);
int low(long n);
float first(float x, float y);
long rounded(void);
long fresh(long n);
struct longs taken(struct longs *p);

int main(void)
{
    struct longs longs = {6, 7};
    int wrong = total(&longs) != 7654321;
    wrong += low(232) != -24 || low(7) != 7;
    wrong += first(2, 11) != 11;
    wrong += rounded() != 2;
    wrong += fresh(5) != 15;
    struct longs taken_from = taken(&longs);
    wrong += taken_from.a != 6 || taken_from.b != 7 || longs.a != 0 || longs.b != 0;
    return wrong;
}
