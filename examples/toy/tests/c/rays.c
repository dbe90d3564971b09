/* What programs/rays.toy does, in C. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "noipa.h"

struct vector { float x, y, z; };
struct ray { struct vector from, to; };
struct sphere { struct vector center; float radius, shine; };
struct hit { float distance; struct vector at, normal; int sphere; };

enum { N = 6 };

NOIPA static struct vector add(struct vector a, struct vector b) { return (struct vector){a.x + b.x, a.y + b.y, a.z + b.z}; }
NOIPA static struct vector sub(struct vector a, struct vector b) { return (struct vector){a.x - b.x, a.y - b.y, a.z - b.z}; }
NOIPA static struct vector scale(struct vector a, float k) { return (struct vector){a.x * k, a.y * k, a.z * k}; }
NOIPA static float dot(struct vector a, struct vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
NOIPA static struct vector unit(struct vector a) { return scale(a, 1.0f / sqrtf(dot(a, a))); }

NOIPA static float meet(struct ray ray, struct sphere sphere)
{
    struct vector between = sub(ray.from, sphere.center);
    float along = dot(between, ray.to);
    float square = along * along - dot(between, between) + sphere.radius * sphere.radius;
    if (square < 0)
        return -1;
    float root = sqrtf(square);
    if (-along - root > 0.001f)
        return -along - root;
    return root - along;
}

NOIPA static struct hit nearest(struct ray ray, struct sphere *spheres)
{
    struct hit hit = {.distance = 1000000, .sphere = -1};
    for (int i = 0; i < N; i++) {
        float distance = meet(ray, spheres[i]);
        if (distance > 0.001f && distance < hit.distance) {
            struct vector at = add(ray.from, scale(ray.to, distance));
            hit = (struct hit){distance, at, unit(sub(at, spheres[i].center)), i};
        }
    }
    return hit;
}

NOIPA static float light(struct ray ray, struct sphere *spheres, int depth)
{
    struct hit hit = nearest(ray, spheres);
    if (hit.sphere < 0)
        return 0.25f + 0.25f * ray.to.y;
    struct vector sun = unit((struct vector){1, 2, -1});
    float bright = dot(hit.normal, sun);
    if (bright < 0)
        bright = 0;
    if (bright > 0) {
        struct hit shadow = nearest((struct ray){hit.at, sun}, spheres);
        if (shadow.sphere >= 0)
            bright = 0;
    }
    float shine = spheres[hit.sphere].shine;
    if (depth > 0) {
        struct vector back = sub(ray.to, scale(hit.normal, 2 * dot(ray.to, hit.normal)));
        bright = bright * (1 - shine) + shine * light((struct ray){hit.at, back}, spheres, depth - 1);
    }
    return bright;
}

int main(int argc, char **argv)
{
    int size = argc > 1 ? atoi(argv[1]) : 24;
    struct sphere spheres[N];
    for (int i = 0; i < N; i++) {
        float at = i;
        spheres[i] = (struct sphere){{at - 2.5f, (at - 2) * 0.5f, 4 + at * 0.25f}, 0.75f, 0.125f * at};
    }
    double total = 0;
    float brightest = 0;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            struct vector to = unit((struct vector){(float)x / size - 0.5f, 0.5f - (float)y / size, 0.5f});
            float seen = light((struct ray){{0}, to}, spheres, 3);
            total += seen;
            if (seen > brightest)
                brightest = seen;
        }
    printf("%.12g %.9g\n", total, brightest);
}
