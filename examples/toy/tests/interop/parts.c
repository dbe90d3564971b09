/* The other side of parts.toy. */
#include "parts.h"

struct hidden { long value; };

struct part part_of(char tag, double weight, long count, unsigned kind) { return (struct part){tag, weight, count, kind}; }
long part_count(struct part p) { return (long)p.count * 100 + p.kind; }

struct part part_next(struct part p)
{
    p.tag++;
    p.weight *= 2;
    p.count -= 3;
    p.kind ^= 31;
    return p;
}

item item_turn(item i, char by, _Bool twice)
{
    short low = i.low;
    i.color = i.color == RED ? GREEN : RED;
    i.low = i.high;
    i.high = low;
    for (int at = 0; i.name[at]; at++)
        i.name[at] += twice ? 2 * by : by;
    return i;
}

double list_weigh(const struct list *l, double (*weigh)(struct part p, void *context), void *context)
{
    double sum = 0;
    for (int i = 0; i < l->n; i++)
        sum += weigh(l->parts[i], context);
    return sum;
}

int renamed(signed char a) { return a * 100; }

struct hidden *hide(long value)
{
    static struct hidden hidden;
    hidden.value = ~value;
    return &hidden;
}

long unhide(const struct hidden *h) { return ~h->value; }

_Complex long double spin(_Complex long double z, long double by) { return z * by * 1.0il; }
