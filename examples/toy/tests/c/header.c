/* programs/header.toy in C. */
#define _GNU_SOURCE
#include <complex.h>
#include <ctype.h>
#include <locale.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static void records(void)
{
    div_t d = div(-17, 5);
    printf("div: %d %d\n", d.quot, d.rem);
    ldiv_t l = ldiv(1000000007, 1000);
    printf("ldiv: %ld %ld\n", l.quot, l.rem);

    time_t t = 86399;
    struct tm broken = {0};
    gmtime_r(&t, &broken);
    printf("%d-%d-%d %d:%d:%d %s\n", broken.tm_year + 1900, broken.tm_mon + 1, broken.tm_mday, broken.tm_hour,
           broken.tm_min, broken.tm_sec, broken.tm_zone);
    broken.tm_mday = 15;
    broken.tm_hour = 12;
    char text[32] = {0};
    size_t written = strftime(text, sizeof text, "%A %d %H", &broken);
    printf("%s (%zu of %zu)\n", text, written, sizeof broken);

    struct sigaction action = {0};
    printf("sigaction: %zu bytes, tm_zone at %zu\n", sizeof action, offsetof(struct tm, tm_zone));
    action.sa_flags = SA_RESTART | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR1);
    printf("member: %d, not: %d, flags %x\n", sigismember(&action.sa_mask, SIGUSR1),
           sigismember(&action.sa_mask, SIGUSR2), (unsigned)action.sa_flags);
    printf("decimal point: %s\n", localeconv()->decimal_point);
}

static void functions(void)
{
    int numbers[] = {3, 1, 2}, two = 2;
    qsort(numbers, 3, sizeof(int), by_value);
    printf("qsort: %d %d %d\n", numbers[0], numbers[1], numbers[2]);
    int *found = bsearch(&two, numbers, 3, sizeof(int), by_value);
    printf("bsearch: at %d\n", (int)(found - numbers));
    double complex z = csqrt(-4.0);
    float complex w = conjf(1.0f + 2.0f * I);
    printf("complex: %g%+gi %g%+gi %Lg\n", creal(z), cimag(z), crealf(w), cimagf(w), cabsl(3.0L + 4.0L * I));
    printf("strings: %zu %d %d\n", strlen("header"), strcmp("a", "b"), toupper('q'));
    printf("own: %ld\n", -7L);
}

static void constants(void)
{
    printf("EOF %d, RAND_MAX %d, BUFSIZ %d\n", EOF, RAND_MAX, BUFSIZ);
    printf("%d %lu %lu %ld\n", EXIT_FAILURE, (unsigned long)UINT32_MAX, UINT64_MAX, INT64_MIN);
    idtype_t which = P_PID;
    printf("enum: %u %u\n", which, P_PGID);
    if (which == P_PID && which != P_ALL)
        puts("P_PID");
}

int main(void)
{
    records();
    functions();
    constants();
    FILE *out = fopen("/dev/null", "w");
    if (!out || fputs("nothing", out) == EOF || fclose(out) != 0)
        abort();
    exit(EXIT_SUCCESS);
}
