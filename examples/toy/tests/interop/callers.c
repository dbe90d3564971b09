/* C calls variadic functions, nested functions and closures of callers.toy. Of a variadic function it prints what the program's makes of
   the arguments, and what C's own does. Where the compiler has nested functions, they are the callers. */
#include <complex.h>
#include <stdarg.h>
#include <stdio.h>

struct point { double x, y; };
struct mixed { long n; double x; };
struct three { float a, b, c; };
struct large { long words[4]; };
struct bytes { char text[3]; };

double own_list(const char *letters, va_list list)
{
    double total = 0;
    for (int at = 1; *letters; letters++, at++)
        switch (*letters) {
        case 'i': total += at * va_arg(list, int); break;
        case 'd': total += at * va_arg(list, double); break;
        case 'l': total += at * (double)va_arg(list, long double); break;
        case 'w': total += at * (double)(long)(va_arg(list, __int128) >> 64); break;
        case 'z': { float _Complex z = va_arg(list, float _Complex); total += at * (crealf(z) - 2 * cimagf(z)); break; }
        case 'p': { struct point p = va_arg(list, struct point); total += at * (p.x - p.y); break; }
        case 'm': { struct mixed m = va_arg(list, struct mixed); total += at * (m.n + 100 * m.x); break; }
        case 't': { struct three t = va_arg(list, struct three); total += at * (t.a + 10 * t.b + 100 * t.c); break; }
        case 'L': total += at * va_arg(list, struct large).words[3]; break;
        case 'b': { struct bytes b = va_arg(list, struct bytes); total += at * (b.text[0] + 10 * b.text[2]); break; }
        }
    return total;
}

static double own(const char *letters, ...)
{
    va_list list;
    va_start(list, letters);
    double total = own_list(letters, list);
    va_end(list);
    return total;
}

#define SAME(letters, ...) printf("%s %g %g\n", letters, f(letters, __VA_ARGS__), own(letters, __VA_ARGS__))

void variadic(double (*f)(const char *, ...))
{
    struct point p = {1.5, 0.25};
    struct mixed m = {7, 2.5};
    struct three t = {1, 2, 3};
    struct large l = {{1, 2, 3, 40}};
    struct bytes b = {{3, 4, 5}};
    SAME("i", -3);
    SAME("iiiiiiii", 1, 2, 3, 4, 5, 6, 7, 8);
    SAME("dddddddddd", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.5);
    SAME("idlzpm", 1, 2.5, 3.5L, 4.0f + 5.0f * I, p, m);
    SAME("iiiiml", 1, 2, 3, 4, m, 5.5L);
    SAME("mmmmmmmi", m, m, m, m, m, m, m, 9);
    SAME("ppppppd", p, p, p, p, p, p, 0.5);
    SAME("iiiwi", 1, 2, 3, (__int128)77 << 64, 6);
    SAME("iiilwtb", 1, 2, 3, 4.5L, (__int128)5 << 64, t, b);
    SAME("tLbLi", t, l, b, l, 3);
}

/* The program's va_list. */
double passed(double (*f)(const char *, va_list), const char *letters, ...)
{
    va_list list;
    va_start(list, letters);
    double total = f(letters, list);
    va_end(list);
    return total;
}

long numbers(long (*f)(long), int n)
{
    long sum = 0;
#ifdef __clang__
    for (int i = 0; i < n; i++)
        sum += f(i);
#else
    void once(int i) { sum += f(i); }
    for (int i = 0; i < n; i++)
        once(i);
#endif
    return sum;
}

struct mixed records(struct mixed (*f)(struct mixed, struct large, double), int n)
{
    struct mixed m = {1, 0.5};
    for (int i = 0; i < n; i++)
        m = f(m, (struct large){{i, 2, 3, 4}}, 0.25);
    return m;
}

struct large sums(struct large (*f)(long, long, long, long, long, long, struct large))
{
    return f(1, 2, 3, 4, 5, 6, (struct large){{10, 20, 30, 40}});
}

long double halves(long double (*f)(long double, struct three)) { return f(9.0L, (struct three){1, 2, 3}); }

/* Two function pointers of one function of the program, alive at the same time. */
long both(long (*f)(long), long (*g)(long)) {
    long first = f(1);
    return 100 * first + g(2);
}
