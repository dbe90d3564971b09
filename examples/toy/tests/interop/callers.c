/* C calls closures of callers.toy. Where the compiler has nested functions, they are the
   callers. */

struct mixed { long n; double x; };
struct three { float a, b, c; };
struct large { long words[4]; };

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

__int128 wider(__int128 (*f)(__int128, long), __int128 x)
{
    return f(x >> 64, 7) + f(x, 9);
}
