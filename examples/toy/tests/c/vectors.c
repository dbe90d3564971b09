/* What programs/vectors.toy does, in C: with gcc's vectors. */
#include <stdint.h>
#include <stdio.h>

typedef int i32x4 __attribute__((vector_size(16)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));
typedef uint8_t u8x8 __attribute__((vector_size(8)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef int16_t i16x4 __attribute__((vector_size(8)));
typedef float f32x2 __attribute__((vector_size(8)));

struct Particle { f32x4 at, speed; float mass; };
struct Colors { u8x8 low; u8x16 high; };

static struct Particle moved(struct Particle p, float time)
{
    p.at += p.speed * time;
    return p;
}

static double dot(f64x2 a, f64x2 b) { return a[0] * b[0] + a[1] * b[1]; }

static int mixed(u8x8 a, i16x4 b, i32x4 c, f32x4 d, f32x2 e)
{
    return a[3] + b[2] * 10 + c[1] * 100 + (int)d[0] * 1000 + (int)e[1] * 10000;
}

static i32x4 tenth(i32x4 a, i32x4 b, i32x4 c, i32x4 d, i32x4 e, i32x4 f, i32x4 g, i32x4 h, i32x4 i, i32x4 j)
{
    (void)b, (void)c, (void)d, (void)e, (void)f, (void)g;
    j[0] += a[0] + h[3];
    j[3] -= i[3];
    return j;
}

static struct Colors inverted(struct Colors c) { return (struct Colors){~c.low, c.high}; }

int main(void)
{
    struct Particle p = {{1, 2, 3, 0}, {0.5f, 0, -1, 0}, 2};
    p = moved(moved(p, 2), 2);
    printf("%g %g %g %g %g\n", p.at[0], p.at[1], p.at[2], p.at[3], p.mass);
    printf("%g\n", dot((f64x2){1.5, 2}, (f64x2){4, 0.25}));
    printf("%d\n", mixed((u8x8){1, 2, 3, 4, 5, 6, 7, 8}, (i16x4){5, 6, 7, 8}, (i32x4){9, 1, 2, 3}, (f32x4){3.5f, 0, 0, 0},
                         (f32x2){0, 2}));
    i32x4 v = {1, 2, 3, 4}, t = tenth(v, v, v, v, v, v, v, v, v, (i32x4){1000, 1000, 1000, 1000});
    printf("%d %d %d %d\n", t[0], t[1], t[2], t[3]);
    u8x16 nines = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
    struct Colors c = inverted((struct Colors){{0, 1, 2, 3, 4, 5, 6, 7}, nines});
    printf("%d %d %d %zu\n", c.low[0], c.low[7], c.high[15], sizeof c);
    f64x2 many[3] = {{0}};
    many[1][0] = 2.5;
    many[2] = many[1];
    printf("%g %g\n", many[2][0], many[2][1]);
    return 0;
}
