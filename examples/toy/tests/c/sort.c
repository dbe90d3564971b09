/* What programs/sort.toy does, in C. */
#include <stdio.h>
#include <stdlib.h>
#include "noipa.h"

struct item { double key; int id, group; };

NOIPA static int by_key(struct item a, struct item b)
{
    if (a.group != b.group)
        return a.group - b.group;
    if (a.key < b.key)
        return -1;
    if (a.key > b.key)
        return 1;
    return a.id - b.id;
}

NOIPA static int by_id(struct item a, struct item b) { return a.id - b.id; }

NOIPA static void sort(struct item *items, int low, int high, int (*compare)(struct item, struct item))
{
    while (high - low > 12) {
        struct item pivot = items[low + (high - low) / 2];
        int i = low, j = high - 1;
        for (;;) {
            while (compare(items[i], pivot) < 0)
                i++;
            while (compare(items[j], pivot) > 0)
                j--;
            if (i >= j)
                break;
            struct item item = items[i];
            items[i] = items[j];
            items[j] = item;
            i++;
            j--;
        }
        sort(items, low, i, compare);
        low = i;
    }
    for (int i = low + 1; i < high; i++) {
        struct item item = items[i];
        int j = i;
        while (j > low && compare(items[j - 1], item) > 0) {
            items[j] = items[j - 1];
            j--;
        }
        items[j] = item;
    }
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 1000;
    struct item *items = calloc(n + 1, sizeof(struct item));
    unsigned random = 1;
    for (int i = 0; i < n; i++) {
        random = random * 1664525 + 1013904223;
        items[i] = (struct item){(random >> 8) / 1000.0, i, (random >> 5) & 3};
    }
    sort(items, 0, n, by_key);
    long sum = 0;
    for (int i = 0; i < n; i++)
        sum += (long)i * items[i].id;
    printf("%d %g %ld\n", items[0].id, items[n / 2].key, sum);
    sort(items, 0, n, by_id);
    printf("%d %g\n", items[n / 3].id, items[n / 3].key);
    free(items);
}
