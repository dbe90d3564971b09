/* The library that tiny.txt imports. */
struct pair { long a, b; };
struct point { float x, y; };
union number { long n; double x; };
struct tagged { int kind; union number value; };
struct big { long at[6]; };
struct array { double at[3]; };

long after5(long a, long b, long c, long d, long e, struct pair p)
{
    return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * p.a + 1000000 * p.b;
}
struct point corner(double x, double y) { return (struct point){(float)x, (float)y}; }
struct point mirror(struct point p) { return (struct point){p.y, p.x}; }
int kind(long n) { return (int)n; }
double weigh(struct tagged t) { return t.kind ? t.value.x / 2 : (double)t.value.n; }
double norm(struct array a) { return a.at[0] * a.at[0] + a.at[1] * a.at[1] + a.at[2] * a.at[2]; }
struct big count(long n) { return (struct big){{n, n + 1, n + 2, n + 3, n + 4, n + 5}}; }
signed char low(long n) { return (signed char)n; }
long widen(signed char c) { return c; }
struct pair twice(struct pair (*f)(struct pair), struct pair p) { return f(f(p)); }
long double third(void) { return 1 / 3.0L; }
