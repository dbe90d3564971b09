/* The policies of x86-64's systems: values that show one bit of clang's profile each, and plain
   ones. `SIDES` makes of the type T<n> the caller c<n> and the callee d<n> * of a question for the
   probe. */
#define SIDES(n) \
    extern T##n g##n##_0, out##n; \
    T##n f##n(T##n); \
    void c##n(void) { out##n = f##n(g##n##_0); } \
    T##n d##n(T##n a0) { g##n##_0 = a0; return out##n; }

typedef int T0; SIDES(0)
typedef signed char T1; SIDES(1)
typedef unsigned char T2; SIDES(2)
typedef short T3; SIDES(3)
typedef _Bool T4; SIDES(4)
typedef double T5; SIDES(5)
typedef struct { double x; long long n; } T6; SIDES(6)
typedef long long T7 __attribute__((vector_size(8))); SIDES(7)
typedef __int128 T8 __attribute__((vector_size(16))); SIDES(8)
typedef __int128 T9 __attribute__((vector_size(32))); SIDES(9)
typedef float T10 __attribute__((vector_size(32))); SIDES(10)
typedef double T11 __attribute__((vector_size(8))); SIDES(11)
typedef _Float16 T12 __attribute__((vector_size(4))); SIDES(12)
typedef union { long double x; int n; } T13; SIDES(13)
typedef struct { long long : 64; long long a; } T14; SIDES(14)
typedef struct { _Atomic int n; } T15; SIDES(15)
typedef struct { float x; int n[0]; } T16; SIDES(16)
#ifdef __SIZEOF_FLOAT128__
typedef __float128 T17; SIDES(17)
#endif

/* gcc and clang lay this out differently. */
typedef _Bool wide __attribute__((aligned(2)));
struct w { wide a : 1, b : 1, c : 1; };
