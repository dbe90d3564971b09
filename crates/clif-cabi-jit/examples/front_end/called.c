/* C calls functions of docs/front-end.md: check_NAME calls the one that it is given, and returns
   whether something is wrong. With MAIN a program that is linked with all of them. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pair { double x; int64_t n; };
struct point { float x, y; };
struct two { int64_t m, n; };
struct big { int64_t at[5]; };

int check_sort(void (*sort)(int *, size_t))
{
    int numbers[] = {3, -1, 4, 1, -5}, sorted[] = {-5, -1, 1, 3, 4};
    sort(numbers, 5);
    return memcmp(numbers, sorted, sizeof sorted) != 0;
}

int check_show(int (*show)(char *, size_t, double, float))
{
    char text[20];
    return show(text, sizeof text, 0.5, -2.25f) != 9 || strcmp(text, "0.5 -2.25") != 0;
}

int check_note(int (*note)(char *, size_t, const char *, ...))
{
    char text[20];
    return note(text, sizeof text, "%d %s", 100, 42, "is") != 105 || strcmp(text, "42 is") != 0;
}

static struct pair add(struct pair p) { return (struct pair){p.x, p.n + 1}; }

int check_apply(int64_t (*apply)(struct pair (*)(struct pair), struct pair *))
{
    struct pair p = {1.5, 41};
    return apply(add, &p) != 42;
}

static struct point double_x(struct point p) { return (struct point){2 * p.x, p.y}; }

int check_swap(struct point (*swap)(struct point (*)(struct point), struct point))
{
    struct point p = swap(double_x, (struct point){0.5f, -1.5f});
    return p.x != -3 || p.y != 0.5f;
}

#ifdef __x86_64__
int check_ratio(double (__attribute__((ms_abi)) *ratio)(struct pair, double))
{
    return ratio((struct pair){3, 1}, 2) != 1.5;
}
#endif

int check_rotate(struct big (*rotate)(int64_t, int64_t, int64_t, int64_t, int64_t, struct two, struct big))
{
    struct big given = {{1, 2, 3, 4, 5}}, rotated = {{9, 1, 2, 3, 4}};
    struct big found = rotate(0, 0, 0, 0, 0, (struct two){8, 9}, given);
    return memcmp(&found, &rotated, sizeof found) != 0;
}

static int first(void *p) { *(int *)p = 7; return *(int *)p; }

int check_tidy(int (*tidy)(int (*)(void *), size_t)) { return tidy(first, sizeof(int)) != 7; }

#ifdef MAIN
void sort(int *, size_t);
int show(char *, size_t, double, float), note(char *, size_t, const char *, ...);
int64_t apply(struct pair (*)(struct pair), struct pair *);
struct point swap(struct point (*)(struct point), struct point);
struct big rotate(int64_t, int64_t, int64_t, int64_t, int64_t, struct two, struct big);
int tidy(int (*)(void *), size_t);

int main(void)
{
    return check_sort(sort) || check_show(show) || check_note(note) || check_apply(apply) || check_swap(swap)
        || check_rotate(rotate) || check_tidy(tidy);
}
#endif
