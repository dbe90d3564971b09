#include <stddef.h>
typedef struct { double x; long n; } mixed;
struct small { char c; short s; int i; };
enum color { RED, GREEN, BLUE };
struct flags { unsigned a : 3; unsigned b : 7; enum color color; long tail : 40; };
typedef struct { long a[13]; } roomy __attribute__((aligned(16)));
union word { int i; float f; char text[12]; };
mixed scale(mixed m, double by);
struct small pick(const struct small *from, size_t at);
long double exact(long double x, int n);
enum color next(enum color now);
int count(struct flags f, union word w, void (*done)(enum color));
int say(const char *format, ...);
_Noreturn void quit(int code);
static inline int twice(int x) { return 2 * x; }
