/* What programs/nbody3.toy does, in C. */
#include "noipa.h"

struct vector { double x, y, z; };
struct body { struct vector place, speed; double mass; };

NOIPA static struct vector add(struct vector a, struct vector b) { return (struct vector){a.x + b.x, a.y + b.y, a.z + b.z}; }
NOIPA static struct vector sub(struct vector a, struct vector b) { return (struct vector){a.x - b.x, a.y - b.y, a.z - b.z}; }
NOIPA static struct vector scale(struct vector a, double k) { return (struct vector){a.x * k, a.y * k, a.z * k}; }
NOIPA static double dot(struct vector a, struct vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

static struct body start(double at)
{
    return (struct body){{at * 1.5, at * at * 0.25 - 1.0, 0.5 * at}, {0.125 * at, 0.5 - 0.25 * at, 0.0625 * at}, 1.0 / (at + 1.0)};
}

#include "nbody.h"
