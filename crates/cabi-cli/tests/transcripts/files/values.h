#include <complex.h>
#include <stdbool.h>
struct vec2 { double x, y; };
typedef struct { float x; int n; } mixed;
typedef union { double d; long n; unsigned char c[8]; } word;
struct bits { unsigned a : 3; int b : 5; unsigned long c : 40; bool d : 1; };
struct tagged { int kind; union { int i; float f; }; };
struct mixture { char tag[6]; struct vec2 at[2]; word w; struct bits bits; struct tagged t; float _Complex z; short s[2][2];
              const char *end; };
typedef float v4 __attribute__((vector_size(16)));
enum color { RED, GREEN = 7 };
struct over { _Alignas(64) int n; };
struct empty {};
struct vec2 rotate(struct vec2 v, double by);
mixed swap(mixed a);
word see(word w);
struct bits next(struct bits b);
struct tagged more(struct tagged t);
v4 add(v4 a, v4 b);
enum color other(enum color c);
long double _Complex twice(long double _Complex z);
__int128 square(__int128 a);
bool not(bool b);
_Float16 half(_Float16 x);
__float128 quad(__float128 x);
unsigned char byte(unsigned char c);
struct empty nothing(struct empty e);
struct over over(struct over o);
__attribute__((target("avx"))) float first(float v __attribute__((vector_size(32))));
struct vec2 sum(int n, ...);
void fill(struct vec2 *p);
int old();
int same(const char *text, long double x);
static inline int inlined(int x) { return x; }
