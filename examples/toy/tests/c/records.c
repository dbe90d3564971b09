/* What programs/records.toy does, in C. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct Point { double x, y; };
struct Line { struct Point from, to; signed char tag; };
struct Mixed { unsigned char a; int b; unsigned char c; double d; short e; };
struct __attribute__((packed)) Packed { unsigned char a; int b; unsigned char c; double d; short e; };
struct __attribute__((aligned(64))) Wide { int a; };
struct Nested { int kind; union { int64_t number; double real; struct { int low, high; }; }; unsigned char after; };
union Value { int i; double d; unsigned char bytes[12]; };
struct Flags {
    bool ready : 1; unsigned kind : 3; int delta : 5; unsigned : 0;
    unsigned long long big : 40; unsigned long long more : 30;
};
struct __attribute__((packed)) Odd { unsigned long long a : 60; long long b : 60; unsigned char c : 3; };
struct Message { int length; unsigned char text[]; };
struct Matrix { double rows[2][3]; const char *name; };
struct Empty {};

static void layouts(void)
{
    printf("Point %zu %zu\n", sizeof(struct Point), _Alignof(struct Point));
    printf("Line %zu, to at %zu, tag at %zu\n", sizeof(struct Line), offsetof(struct Line, to), offsetof(struct Line, tag));
    printf("Mixed %zu: %zu %zu %zu %zu\n", sizeof(struct Mixed), offsetof(struct Mixed, b), offsetof(struct Mixed, c),
           offsetof(struct Mixed, d), offsetof(struct Mixed, e));
    printf("Packed %zu: %zu %zu %zu %zu\n", sizeof(struct Packed), offsetof(struct Packed, b), offsetof(struct Packed, c),
           offsetof(struct Packed, d), offsetof(struct Packed, e));
    printf("Wide %zu %zu\n", sizeof(struct Wide), _Alignof(struct Wide));
    printf("Nested %zu: %zu %zu %zu\n", sizeof(struct Nested), offsetof(struct Nested, real),
           offsetof(struct Nested, high), offsetof(struct Nested, after));
    printf("Value %zu %zu\n", sizeof(union Value), _Alignof(union Value));
    printf("Flags %zu, Odd %zu\n", sizeof(struct Flags), sizeof(struct Odd));
    printf("Message %zu, text at %zu\n", sizeof(struct Message), offsetof(struct Message, text));
    printf("Matrix %zu, Empty %zu\n", sizeof(struct Matrix), sizeof(struct Empty));
}

static void bytes(const char *name, const void *of, size_t count)
{
    printf("%s", name);
    for (size_t i = 0; i < count; i++)
        printf(" %02x", ((const unsigned char *)of)[i]);
    printf("\n");
}

static void bit_fields(void)
{
    struct Flags f;
    memset(&f, 0, sizeof f);
    f.ready = true;
    f.kind = 5;
    f.delta = -9;
    f.big = 0xabcdef0123;
    f.more = 0x3fffffff;
    bytes("flags", &f, sizeof f);
    printf("%d %u %d %llx %llx\n", f.ready, f.kind, f.delta, (unsigned long long)f.big, (unsigned long long)f.more);
    f.kind += 6;
    f.delta -= 8;
    f.ready = f.kind == 3;
    printf("%d %u %d\n", f.ready, f.kind, f.delta);
    struct Odd o;
    memset(&o, 0xff, sizeof o);
    o.b = 0x123456789abcde;
    bytes("odd", &o, sizeof o);
    o.a = 1;
    o.c = 2;
    o.b = -3;
    printf("%lld %lld %d\n", (long long)o.a, (long long)o.b, o.c);
    bytes("odd", &o, sizeof o);
}

static void unions(void)
{
    union Value v = {.d = 1.0};
    bytes("value", &v, sizeof(double));
    v.i = 0x01020304;
    printf("%02x%02x%02x%02x %02x\n", v.bytes[0], v.bytes[1], v.bytes[2], v.bytes[3], v.bytes[7]);
    struct Nested n = {.kind = 1, .number = 0x100000002, .after = 9};
    printf("%d %d %lld\n", n.low, n.high, (long long)n.number);
    n.real = 2.5;
    printf("%g %x %d\n", n.real, n.high, n.after);
}

static struct Line mirrored(struct Line line)
{
    line.from.x = -line.from.x;
    return (struct Line){line.to, line.from, line.tag + 1};
}

static struct Point middle(const struct Line *line)
{
    return (struct Point){(line->from.x + line->to.x) / 2, (line->from.y + line->to.y) / 2};
}

static double total(struct Matrix m)
{
    double sum = 0;
    for (int row = 0; row < 2; row++)
        for (int column = 0; column < 3; column++)
            sum += m.rows[row][column];
    m.rows[0][0] = 100;
    return sum;
}

static void by_value(void)
{
    struct Line line = {{1, 2}, {5, 8}, 3};
    struct Line other = mirrored(line);
    printf("(%g,%g) (%g,%g) %d\n", other.from.x, other.from.y, other.to.x, other.to.y, other.tag);
    printf("(%g,%g) %g\n", line.from.x, line.from.y, middle(&line).y);
    line = mirrored(mirrored(line));
    printf("(%g,%g) (%g,%g) %d\n", line.from.x, line.from.y, line.to.x, line.to.y, line.tag);
    struct Matrix m = {{{1, 2, 3}, {4, 5, 6.5}}, "m"};
    printf("%s %g %g\n", m.name, total(m), m.rows[0][0]);
    double copy[2][3];
    memcpy(copy, m.rows, sizeof copy);
    memcpy(copy[1], m.rows[0], sizeof copy[1]);
    printf("%g %g\n", copy[1][2], m.rows[1][2]);
}

static void over_aligned(void)
{
    struct Wide w = {3};
    struct Wide *p = &w;
    printf("%d %d\n", p->a, (int)((uintptr_t)p % 64));
}

int main(void)
{
    layouts();
    bit_fields();
    unions();
    by_value();
    over_aligned();
    return 0;
}
