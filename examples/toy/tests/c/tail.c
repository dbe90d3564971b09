// Prints the output of programs/tail.toy, computed in loops.
#include <stdio.h>

#define DEEP 10000000L

struct sum { long total, odd; double mean; };

static void even(void) {
    struct sum sum = {0};
    float turn[3] = {1, 2, 4};
    for (long n = DEEP; n > 0; n--) {
        sum.total += n;
        if ((DEEP - n) % 2 == 0) {
            sum.mean += turn[0];
            float x = turn[0];
            turn[0] = turn[1], turn[1] = turn[2], turn[2] = x;
        } else {
            sum.odd++;
        }
    }
    printf("%ld %ld %g\n", sum.total, sum.odd, sum.mean);
}

static void wide(void) {
    long a = 1, b = 2, c = 3;
    __int128 d = (__int128)1 << 70;
    for (long n = DEEP; n > 0; n -= 2) {
        d += a;
        a = c = b + 1;
    }
    d += a + b + c;
    printf("%ld %ld\n", (long)(d >> 64), (long)d);
}

static void walk(void) {
    long words[40] = {0};
    for (long n = DEEP; n > 0; n--) {
        if ((DEEP - n) % 2 == 0)
            words[n & 31]++;
        else
            words[39] += n & 1;
    }
    printf("%ld\n", words[0] + words[39]);
}

int main(void) {
    even();
    wide();
    walk();
    long at = 5;
    for (long n = DEEP; n > 0; n--)
        at += 2;
    printf("%ld %ld\n", at, at + 39);
    printf("%d\n", 8);
    return 0;
}
