/* What is called, as the C compiler of this machine compiles it. */
struct mixed {
    double x;
    long n;
};

struct odd {
    char bytes[11];
};

/* h is passed in rdi and rsi, a in xmm0 and rdx, g on the stack; the result is returned in xmm0 and rax. */
struct mixed blend(struct odd h, struct mixed a, long b, long c, long d, struct mixed g) {
    struct mixed result = {a.x - g.x, 10000 * a.n + 1000 * b + 100 * c + 10 * d + g.n};
    for (int i = 0; i < 11; i++)
        result.n += (i + 1) * 1000000L * h.bytes[i];
    return result;
}

struct odd turned(struct odd o) {
    struct odd result;
    for (int i = 0; i < 11; i++)
        result.bytes[i] = o.bytes[10 - i];
    return result;
}

long double half(long double x) { return x / 2; }
