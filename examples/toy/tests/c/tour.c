/* What programs/tour.toy does, in C. */
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void divisions(void)
{
    div_t small = div(-17, 5);
    lldiv_t large = lldiv(1000000000007, -1000003);
    printf("div    %d %d\n", small.quot, small.rem);
    printf("lldiv  %lld %lld\n", large.quot, large.rem);
}

static int by_value(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void sorting(void)
{
    int numbers[] = {31, -4, 15, 92, -65, 35, 8, 97};
    size_t count = sizeof numbers / sizeof *numbers;
    qsort(numbers, count, sizeof *numbers, by_value);
    printf("qsort ");
    for (size_t i = 0; i < count; i++)
        printf(" %d", numbers[i]);
    printf("\n");
    int key = 35;
    int *found = bsearch(&key, numbers, count, sizeof *numbers, by_value);
    printf("bsearch %d is at %lld\n", key, (long long)(found - numbers));
    key = 36;
    if (bsearch(&key, numbers, count, sizeof *numbers, by_value) == NULL)
        printf("bsearch %d is nowhere\n", key);
}

static void complex_numbers(void)
{
    printf("cabs   %.15g\n", cabs(3.0 + 4.0 * I));
    double _Complex z = cexp(3.14159265358979323846 * I / 3.0);
    printf("cexp   %.12f %+.12fi\n", creal(z), cimag(z));
    double _Complex root = csqrt(-2.0);
    printf("csqrt  %.15f %+.15fi\n", creal(root), cimag(root));
    double _Complex product = root * root - 1.5 * I;
    printf("z*z    %.12f %+.12fi\n", creal(product), cimag(product));
    float _Complex narrow = csqrtf(8.0f * I);
    printf("csqrtf %g %+gi\n", crealf(narrow), cimagf(narrow));
}

static void long_doubles(void)
{
    long double root = sqrtl(2.0L);
    printf("sqrtl  %.18Lf\n", root);
    printf("cabsl  %.18Lf\n", cabsl(root - root * I));
    long double _Complex z = cexpl(1.0L + 1.0L * I);
    printf("cexpl  %.15Lf %+.15Lfi\n", creall(z), cimagl(z));
}

static void mixed(void)
{
    long double pi = 3.14159265358979323846264338327950288L;
    printf("printf %d %u %c %s %lld %g %Lf %g %g %g %g %g %g %g %g %d\n", -1, 4000000000u, 'x', "text",
           1LL << 40, 0.5, pi, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 7);
}

int main(void)
{
    divisions();
    sorting();
    complex_numbers();
    long_doubles();
    mixed();
    return 0;
}
