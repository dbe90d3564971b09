/* What nbody2.c and nbody3.c share, after their vectors and `start`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 5 };

NOIPA static void pull(struct body *bodies, int i, double step)
{
    struct body *own = &bodies[i];
    for (int j = i + 1; j < N; j++) {
        struct body *other = &bodies[j];
        struct vector between = sub(own->place, other->place);
        double square = dot(between, between) + 0.01;
        double force = step / (square * sqrt(square));
        own->speed = sub(own->speed, scale(between, other->mass * force));
        other->speed = add(other->speed, scale(between, own->mass * force));
    }
}

NOIPA static double energy(struct body *bodies)
{
    double total = 0.0;
    for (int i = 0; i < N; i++) {
        total += 0.5 * bodies[i].mass * dot(bodies[i].speed, bodies[i].speed);
        for (int j = i + 1; j < N; j++) {
            struct vector between = sub(bodies[i].place, bodies[j].place);
            total -= bodies[i].mass * bodies[j].mass / sqrt(dot(between, between));
        }
    }
    return total;
}

int main(int argc, char **argv)
{
    int steps = argc > 1 ? atoi(argv[1]) : 1000;
    struct body bodies[N];
    for (int i = 0; i < N; i++)
        bodies[i] = start(i);
    printf("%.15g\n", energy(bodies));
    for (int step = 0; step < steps; step++) {
        for (int i = 0; i < N; i++)
            pull(bodies, i, 0.001);
        for (int i = 0; i < N; i++)
            bodies[i].place = add(bodies[i].place, scale(bodies[i].speed, 0.001));
    }
    printf("%.15g %.15g %.15g\n", energy(bodies), bodies[0].place.x, bodies[4].speed.y);
}
