/* What programs/closures.toy does, in GNU C. */
#include <stdio.h>
#include <stdlib.h>

static int nearest(int *numbers, size_t count, int center)
{
    int compared = 0;
    int distance(int n) { return n < center ? center - n : n - center; }
    int compare(const void *a, const void *b)
    {
        compared++;
        return distance(*(const int *)a) - distance(*(const int *)b);
    }
    qsort(numbers, count, sizeof *numbers, compare);
    return compared;
}

struct range { long low, high; };

static long paths(struct range range)
{
    long calls = 0;
    long walk(long from)
    {
        calls++;
        if (from >= range.high)
            return from == range.high;
        long step(long by) { return walk(from + by); }
        long one = step(1);
        return one + step(2);
    }
    long found = walk(range.low);
    return found * 1000 + calls;
}

static void each(const int *numbers, int count, void (*visit)(int))
{
    for (int i = 0; i < count; i++)
        visit(numbers[i]);
}

static int depth(int n, int (*outer)(void))
{
    int own = n * 10;
    if (n == 0)
        return outer();
    int sum(void) { return own + outer(); }
    return depth(n - 1, sum);
}

int main(void)
{
    int numbers[] = {31, -4, 15, 92, -65, 35, 8, 97};
    int compared = nearest(numbers, 8, 33);
    for (int i = 0; i < 8; i++)
        printf("%d ", numbers[i]);
    printf("in at most 28 steps: %d\n", compared <= 28);

    long total = 0;
    int largest = -1000;
    void note(int n)
    {
        total += n;
        if (n > largest)
            largest = n;
    }
    each(numbers, 8, note);
    note(1000);
    printf("total %ld, largest %d\n", total, largest);

    printf("paths %ld\n", paths((struct range){2, 12}));
    int one(void) { return 1; }
    printf("depth %d\n", depth(4, one));

    int sum = 0;
    for (int i = 0; i < 20000; i++) {
        int third(void) { return i % 3; }
        sum += depth(1, third);
    }
    int seven(void) { return 7; }
    printf("many %d %d\n", depth(9000, seven), sum);
    return 0;
}
