/* What programs/numbers.toy does, in C; without `_BitInt` and `__bf16` arithmetic, which gcc 12 does not have. */
#define __STDC_WANT_IEC_60559_TYPES_EXT__ 1
#define _GNU_SOURCE
#include <complex.h>
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
    i128 q = a / 1000000000000007, r = a % 1000000000000007;
    printf("%016llx%016llx %lld\n", (unsigned long long)(q >> 64), (unsigned long long)q, (long long)r);
    i128 n = -a;
    q = n / 1000000000000007;
    printf("%016llx%016llx %lld\n", (unsigned long long)(q >> 64), (unsigned long long)q,
           (long long)(n % 1000000000000007));
    u128 u = ~(u128)0;
    printf("%llx %d %d\n", (unsigned long long)(u / 3), u > 1, (a - a) == 0);
    printf("%.20g %.20g\n", (double)a, (double)u);
    printf("%lld\n", (long long)((i128)1e20 / 1000000000));
}

/* By shifts and masks in wider integers. */
static void bit_precise(void)
{
    i128 c = (i128)1 << 98, d = (i128)((u128)(c * 2) << 28) >> 28;
    printf("%d %d %d %d\n", (int)((int8_t)(64 << 1) >> 1), (4095 + 3) & 4095, c > 0, d < 0);
    u128 e = 1000000007;
    e = (e * e * e) << 28 >> 28;
    printf("%llx %llx %lld\n", (unsigned long long)(e >> 64), (unsigned long long)e, (long long)(e % 1000));
    printf("%d %d %d %d\n", 1, 4, 16, 32);
}

static float bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&x, &bits, 4);
    return x;
}

static void floats(void)
{
    _Float16 h = 0.1f16;
    float b = bf16(0.1f);
    printf("%.10g %.10g %.10g\n", (double)h, (double)b, (double)0.1f);
    h = (_Float16)((_Float16)(h * 3.0f16) + 1.0f16);
    b = bf16(bf16(b * 3) + 1);
    printf("%.10g %.10g %d\n", (double)h, (double)b, h > 1.25f16);
    volatile float big = 65504, bigger = 65520;
    volatile double tiny = 5.9e-8;
    printf("%g %g %g\n", (double)(_Float16)big, (double)(_Float16)bigger, (double)(_Float16)tiny);
    printf("%.9g %.17g %d %d\n", (double)(float)16777217, (double)9007199254740993, (int)2.99, (int)-2.99);
    printf("%llu %.17g\n", (unsigned long long)1.8e19, (double)18000000000000000000u);
    long double x = 0.1L, y = x + 0.2L, z = (x - 1) * 10 / 7;
    printf("%.21Lg %.21Lg %d\n", y, z, y == 0.3L);
    printf("%.17g %.9g %lld\n", (double)y, (double)(float)z, (long long)(z * 1e18L));
    printf("%.21Lg %.21Lg %.21Lg\n", (long double)123456789012345678, (long double)-1, (long double)0.1);
    int exponent;
    long double fraction = frexpl(x, &exponent);
    printf("%.20Lg %d %.10Lg\n", fraction, exponent, ldexpl(fraction, 10));
    long double whole;
    fraction = modfl(-3.75L, &whole);
    printf("%Lg %Lg %d %d\n", whole, fraction, whole < fraction, -x <= x);
    volatile long double huge = 1e4932L;
    /* x87 makes the NaN of 0/0 negative. */
    printf("%Lg %Lg %Lg %g\n", huge * 10, fabsl(0 / (huge - huge)), 1e-4950L / 2, (double)huge);
}

static void quad(void)
{
    char text[64];
    _Float128 two = 2, root = sqrtf128(two);
    strfromf128(text, sizeof text, "%.33g", root);
    printf("%s\n", text);
    strfromf128(text, sizeof text, "%.33g", root * root - two);
    printf("%s\n", text);
    strfromf128(text, sizeof text, "%.34g", (two + 1) / 7);
    printf("%s %.17g %d\n", text, (double)root, root < 1.5f128);
}

static void complex_arithmetic(void)
{
    double _Complex a = 3.0 - 2.0 * I, b = -0.5 + 0.25 * I, q = a / b, p = a * b + 1.0;
    printf("%.12g %.12g %.12g %.12g\n", creal(q), cimag(q), creal(p), cimag(p));
    printf("%d %d\n", q * b == a, a != -b);
    float _Complex f = 1.0f + 2.0f * I;
    f = f * f - I / f;
    printf("%.7g %.7g\n", (double)crealf(f), (double)cimagf(f));
    long double _Complex l = 1.0L + 3.0L * I;
    l = l / (7.0L * I) * 2.5L;
    printf("%.20Lg %.20Lg\n", creall(l), cimagl(l));
    l += I;
    double _Complex d = (double _Complex)l;
    printf("%.15g %.15g\n", creal(d), cimag(d));
}

int main(void)
{
    narrow();
    wide();
    bit_precise();
    floats();
    quad();
    complex_arithmetic();
    return 0;
}
