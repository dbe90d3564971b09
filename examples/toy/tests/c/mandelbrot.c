/* What programs/mandelbrot.toy does, in C. */
#include <complex.h>
#include <stdio.h>
#include <stdlib.h>
#include "noipa.h"

NOIPA static double complex next(double complex z, double complex c) { return z * z + c; }
NOIPA static double norm(double complex z) { return creal(z) * creal(z) + cimag(z) * cimag(z); }

NOIPA static int escape(double complex c, int limit)
{
    double complex z = 0;
    for (int i = 0; i < limit; i++) {
        z = next(z, c);
        if (norm(z) > 4.0)
            return i;
    }
    return limit;
}

int main(int argc, char **argv)
{
    int size = argc > 1 ? atoi(argv[1]) : 40;
    long total = 0;
    int inside = 0;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            double complex c = 3.0 * x / size - 2.25 + (3.0 * y / size - 1.5) * I;
            int n = escape(c, 500);
            total += n;
            if (n == 500)
                inside++;
        }
    printf("%ld %d\n", total, inside);
}
