/* What a toy program takes from a C header: layouts that no declaration in the program repeats. */
#pragma once

#define PARTS_MAX 4
#define PARTS_ALL ((1u << PARTS_MAX) - 1)
#define PARTS_NAME "parts"

#pragma pack(push, 2)
struct part {
    char tag;
    double weight;
    long count : 40;
    unsigned kind : 5;
};
#pragma pack(pop)

typedef struct {
    enum __attribute__((packed)) color { RED, GREEN = 7 } color;
    union {
        float real;
        struct { short low, high; };
    };
    const struct part *first;
    char name[9];
} item;

struct list { int n; struct part parts[]; };
struct hidden;

struct part part_of(char tag, double weight, long count, unsigned kind);
long part_count(struct part p);
struct part part_next(struct part p);
item item_turn(item i, char by, _Bool twice);
double list_weigh(const struct list *l, double (*weigh)(struct part p, void *context), void *context);
int renamed(signed char a) __asm__("part_of_another_name");
struct hidden *hide(long value);
long unhide(const struct hidden *h);
_Complex long double spin(_Complex long double z, long double by);
