/* What programs/vectors.toy does, in C: with gcc's vectors, and the bits of vectors of bools by hand. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef int i32x4 __attribute__((vector_size(16)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));
typedef uint64_t u64x2 __attribute__((vector_size(16)));
typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef int16_t i16x8 __attribute__((vector_size(16)));
typedef uint8_t u8x4 __attribute__((vector_size(4)));
typedef uint8_t u8x8 __attribute__((vector_size(8)));
typedef int16_t i16x4 __attribute__((vector_size(8)));
typedef float f32x2 __attribute__((vector_size(8)));
typedef _Float16 f16x4 __attribute__((vector_size(8)));

struct Particle { f32x4 at, speed; float mass; };
struct Colors { u8x4 low; u8x8 high; };

static struct Particle moved(struct Particle p, float time)
{
    p.at += p.speed * time;
    return p;
}

static double dot(f64x2 a, f64x2 b)
{
    f64x2 product = a * b;
    return product[0] + product[1];
}

static int mixed(u8x4 a, i16x4 b, i32x4 c, f16x4 d, f32x2 e)
{
    return a[3] + b[2] * 10 + c[1] * 100 + (int)d[0] * 1000 + (int)e[1] * 10000;
}

static i32x4 tenth(i32x4 a, i32x4 b, i32x4 c, i32x4 d, i32x4 e, i32x4 f, i32x4 g, i32x4 h, i32x4 i, i32x4 j)
{
    return j - a * b + c * d - e * f + g * h - i;
}

static struct Colors inverted(struct Colors c) { return (struct Colors){~c.low, ~c.high}; }

static void show(const char *name, i32x4 v) { printf("%s %d %d %d %d\n", name, v[0], v[1], v[2], v[3]); }

static void bools(void)
{
    bool v[100];
    for (int i = 0; i < 100; i++)
        v[i] = i % 3 == 0;
    v[99] = true;
    v[0] = !v[0];
    int bits = 0;
    for (int i = 0; i < 100; i++)
        bits = bits * 2 % 1000003 + v[i];
    printf("%d %d %d %d\n", v[0], v[3], v[99], bits);
    v[99] = false;
    v[0] = !v[0];
    printf("%d %d\n", v[0], v[99]);
}

static void integers(void)
{
    i32x4 a = {1, -2, 3, 2147483647}, b = {10, 10, 10, 10};
    show("sum", a + b);
    show("difference", a - b);
    show("product", a * b);
    show("quotient", b / (i32x4){1, 2, 3, 4});
    show("rest", b % (i32x4){3, 4, 6, 7});
    show("bits", ((a & b) | (i32x4){1, 0, 1, 0}) ^ ~b);
    show("shifted", a << (i32x4){1, 2, 3, 1} >> (i32x4){0, 1, 0, 1});
    show("negated", -a);
    u64x2 u = {~(uint64_t)0, 6};
    u = u / (u64x2){2, 4};
    printf("%lx %lu\n", u[0], u[1]);
    i8x16 bytes;
    for (int i = 0; i < 16; i++)
        bytes[i] = 100;
    bytes = bytes + bytes;
    printf("%d %zu\n", bytes[15], sizeof bytes);
}

static void lanes(void)
{
    i16x8 v;
    for (int i = 0; i < 8; i++)
        v[i] = (int16_t)(i * i);
    v[3] += 1000;
    int total = 0;
    for (int i = 0; i < 8; i++)
        total += v[i];
    printf("%d %d\n", total, v[3]);
    f64x2 many[3] = {0};
    many[1][0] = 2.5;
    many[2] = many[1] + many[1];
    printf("%g %g\n", many[2][0], many[2][1]);
    bool flags[100];
    int count = 0;
    for (int i = 0; i < 100; i++)
        count += flags[i] = i % 7 == 0;
    flags[98] = !flags[98];
    printf("%d %d %d\n", count, flags[98], 16);
}

static void passed(void)
{
    struct Particle p = {{1, 2, 3, 0}, {0.5f, 0, -1, 0}, 2};
    p = moved(moved(p, 2), 2);
    printf("%g %g %g %g %g\n", p.at[0], p.at[1], p.at[2], p.at[3], p.mass);
    printf("%g\n", dot((f64x2){1.5, 2}, (f64x2){4, 0.25}));
    printf("%d\n", mixed((u8x4){1, 2, 3, 4}, (i16x4){5, 6, 7, 8}, (i32x4){9, 1, 2, 3}, (f16x4){3.5f, 0, 0, 0},
                         (f32x2){0, 2}));
    i32x4 v = {1, 2, 3, 4};
    show("tenth", tenth(v, v, v, v + v, v, v, v, v, v, (i32x4){1000, 1000, 1000, 1000}));
    struct Colors c = inverted((struct Colors){{0, 1, 2, 3}, {255, 254, 253, 252, 251, 250, 249, 248}});
    printf("%d %d %d %d\n", c.low[0], c.low[3], c.high[0], c.high[7]);
}

int main(void)
{
    bools();
    integers();
    lanes();
    passed();
    return 0;
}
