/* What programs/numbers.toy does, in C. */
#define __STDC_WANT_IEC_60559_TYPES_EXT__ 1
#define _GNU_SOURCE
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef __int128 i128;
typedef unsigned __int128 u128;

static void narrow(void)
{
    int8_t a = 127;
    a += 1;
    uint8_t b = 255;
    b += 2;
    int16_t c = (int16_t)(-30000 - 10000);
    uint32_t d = 0xffffffffu + 2;
    printf("%d %d %d %u %d %g\n", a, b, c, d, 1 << 10, 22.0 / 7.0);
    printf("%d %d %d %d\n", -7 / 2, -7 % 2, 7 / -2, 7 % -2);
    printf("%u %d %d\n", 200 / 7, -100 / 7, (int8_t)200 / 7);
    printf("%d %u %d %d\n", -16 >> 2, 0xf0000000u >> 28, 1 << 10, ~5);
    printf("%d %lld %llu %d\n", -1, -1LL, 255ULL, (int8_t)300);
    printf("%d %d %d\n", 6 & 3, 6 | 3, 6 ^ 3);
}

static void wide(void)
{
    i128 a = 1;
    for (int i = 1; i < 31; i++)
        a *= i;
    printf("30! %016llx%016llx\n", (unsigned long long)(a >> 64), (unsigned long long)a);
    u128 u = ~(u128)0;
    printf("%llx %d %d\n", (unsigned long long)(u >> 3), u > 1, (a - a) == 0);
}

static void floats(void)
{
    _Float16 halves[2] = {0.1f16, 65504.0f16};
    uint16_t bits[2];
    memcpy(bits, halves, sizeof bits);
    printf("%x %x %.10g\n", bits[0], bits[1], (double)0.1f);
    printf("%.9g %.17g %d %d\n", (double)(float)16777217, (double)9007199254740993, (int)2.99, (int)-2.99);
    printf("%llu %.17g\n", (unsigned long long)1.8e19, (double)18000000000000000000u);
    int exponent;
    long double fraction = frexpl(0.5L, &exponent), whole;
    printf("%.20Lg %d %.10Lg\n", fraction, exponent, ldexpl(fraction, 10));
    fraction = modfl(-3.75L, &whole);
    printf("%Lg %Lg\n", whole, fraction);
}

int main(void)
{
    narrow();
    wide();
    floats();
    return 0;
}
