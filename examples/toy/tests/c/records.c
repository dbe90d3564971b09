/* What programs/records.toy does, in C. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct Point { double x, y; };
struct Line { struct Point from, to; signed char tag; };
struct Mixed { unsigned char a; int b; unsigned char c; double d; short e; };
struct Halves { int low, high; };
union Word { int64_t number; double real; struct Halves halves; };
struct Nested { int kind; union Word word; unsigned char after; };
union Value { int i; double d; unsigned char bytes[12]; };
struct Matrix { double rows[2][3]; const char *name; };
struct Empty {};

static void layouts(void)
{
    printf("Point %zu\n", sizeof(struct Point));
    printf("Line %zu, to at %zu, tag at %zu\n", sizeof(struct Line), offsetof(struct Line, to), offsetof(struct Line, tag));
    printf("Mixed %zu\n", sizeof(struct Mixed));
    printf("Nested %zu: %zu %zu\n", sizeof(struct Nested), offsetof(struct Nested, word.halves.high), offsetof(struct Nested, after));
    printf("Value %zu\n", sizeof(union Value));
    printf("Matrix %zu, Empty %zu\n", sizeof(struct Matrix), sizeof(struct Empty));
}

static void bytes(const char *name, const void *of, size_t count)
{
    printf("%s", name);
    for (size_t i = 0; i < count; i++)
        printf(" %02x", ((const unsigned char *)of)[i]);
    printf("\n");
}

static void unions(void)
{
    union Value v = {.d = 1.0};
    bytes("value", &v, sizeof(double));
    v.i = 0x01020304;
    printf("%02x%02x%02x%02x %02x\n", v.bytes[0], v.bytes[1], v.bytes[2], v.bytes[3], v.bytes[7]);
    struct Nested n = {.kind = 1, .word.number = 0x100000002, .after = 9};
    printf("%d %d %lld\n", n.word.halves.low, n.word.halves.high, (long long)n.word.number);
    n.word.real = 2.5;
    printf("%g %x %d\n", n.word.real, n.word.halves.high, n.after);
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

int main(void)
{
    layouts();
    unions();
    by_value();
    return 0;
}
