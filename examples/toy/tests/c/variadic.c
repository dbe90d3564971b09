/* What programs/variadic.toy does. */
#include <complex.h>
#include <stdarg.h>
#include <stdio.h>

struct point { double x, y; };
struct mixed { long n; double x; };
struct large { long words[4]; };
union value { long whole; double real; };

static long sum(int count, ...)
{
    va_list list;
    va_start(list, count);
    long total = 0;
    for (int i = 0; i < count; i++)
        total += va_arg(list, long);
    va_end(list);
    return total;
}

static double show(const char *letters, ...)
{
    va_list list;
    va_start(list, letters);
    double total = 0;
    for (; *letters; letters++)
        switch (*letters) {
        case 'i': total += va_arg(list, int); break;
        case 'd': total += va_arg(list, double); break;
        case 'l': printf("%Lg ", va_arg(list, long double)); break;
        case 'z': { double _Complex z = va_arg(list, double _Complex); total += creal(z) - cimag(z); break; }
        case 'p': { struct point p = va_arg(list, struct point); total += p.x - p.y; break; }
        case 'm': { struct mixed m = va_arg(list, struct mixed); total += m.n * m.x; break; }
        case 'L': total += va_arg(list, struct large).words[3]; break;
        case 'v': total += va_arg(list, union value).real; break;
        }
    va_end(list);
    return total;
}

static int format(char *to, size_t size, const char *text, ...)
{
    va_list list;
    va_start(list, text);
    int length = vsnprintf(to, size, text, list);
    va_end(list);
    return length;
}

static int last(va_list list) { return va_arg(list, int); }

static int twice(const char *text, ...)
{
    va_list list, again, third;
    va_start(list, text);
    va_copy(again, list);
    va_copy(third, list);
    vprintf(text, list);
    vprintf(text, again);
    va_end(again);
    va_arg(third, int);
    va_arg(third, double);
    va_arg(third, char *);
    int left = last(third);
    va_end(third);
    va_end(list);
    return left;
}

static double average(int count, ...)
{
    va_list list;
    va_start(list, count);
    double total = 0;
    for (int i = 0; i < count; i++)
        total += va_arg(list, double);
    va_end(list);
    return total / count;
}

static double apply(double (*f)(int, ...)) { return f(9, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.5f); }

int main(void)
{
    printf("sum %ld %ld %ld\n", sum(0), sum(3, 1L, 20L, 300L), sum(7, 1L, 2L, 3L, 4L, 5L, 6L, 7L));
    struct point point = {7.5, 0.25};
    printf("show %g\n", show("pidlzmLvpp", point, 'a', 0.5f, 1.5L, 3.0 + 1.0 * I, (struct mixed){3, 1.5},
                             (struct large){{1, 2, 3, 4}}, (union value){.real = 1000}, point, point));
    char text[32];
    int length = format(text, 32, "%s is %d and %.2f", "this", 42, 2.5);
    printf("format %d: %s\n", length, text);
    int left = twice("twice %d %g %s\n", 1, 2.5, "three", 4);
    printf("left %d\n", left);
    printf("average %g %g\n", average(2, 1.0, 2.0), apply(average));
    return 0;
}
