/* Aggregates by value, for every deliberate mistake of tests/src/mutants.rs to show in a run of
   `verify`: tests/tests/headers.rs. */

/* Sse, Integer: eightbytes that can be exchanged, and registers of two kinds to give back. */
struct mixed { double x; long n; };
/* Integer, Integer: all or nothing of two integer registers; rax and rdx as a result. */
struct pair { long a, b; };
/* Sse, Sse. */
struct point { double x, y; };
/* An eightbyte of an int and a float is Integer. */
struct merged { float x; int n; };
/* Three eightbytes are memory; rax is its address as a result. */
struct triple { long a, b, c; };
/* An array of floats is Sse. */
struct floats { float at[3]; };
/* Memory, whatever its size. */
struct __attribute__((packed)) unaligned { char tag; double value; };
/* Tails that no wide load may read. */
struct tail { char text[11]; };
struct short_tail { short at[5]; };
/* Aligned to 16 in memory. */
struct wide { long double value; };

/* Vectors of one lane: each compiler has its own way with them as a whole. */
typedef float one_float __attribute__((vector_size(4)));
typedef double one_double __attribute__((vector_size(8)));
/* Leaves that only one compiler counts: an unnamed bit-field, an unaligned record. */
struct skipped { long : 64; long a; };
struct __attribute__((aligned(2))) even { char a; };
struct __attribute__((packed)) odd { char a; struct even b; };

/* One of each alone in a function of its own, and what records cannot show. */
struct mixed scale(struct mixed by, struct mixed what, double factor);
struct pair order(struct pair given, int descending);
struct triple widen(struct pair of, long by);
double area(struct point from, struct point to, struct merged unit);
long count(long a, long b, long c, long d, long e, struct pair both, long last);
signed char narrow(signed char c, short s, unsigned char u, _Bool b);
long double exact(long double x, int n);
_Complex long double root(_Complex long double of);
int say(const char *format, ...);
one_float lone(one_float value);
one_double alone(one_double value);
long skip(struct skipped from, struct odd to);
/* One register is left for two eightbytes: what comes after may have it, or not. */
long left_over(long a, long b, long c, long d, long e, __int128 wide, long last);
/* Rule 5(b): the long double's second eightbyte has no X87 before it. */
union exact_or_count { long double exact; int count; };
union exact_or_count either(union exact_or_count of);
/* Aligned to more than the stack is. */
struct __attribute__((aligned(32))) over { long a; char b; };
long aligned(long first, struct over moved, double factor);
#ifdef __AVX__
/* A whole ymm register, also for the result. */
typedef float eight_floats __attribute__((vector_size(32)));
eight_floats turn(eight_floats by, eight_floats what, long n);
/* Rule 5(c), of a union: clang looks at two eightbytes only. */
typedef float padded_floats __attribute__((vector_size(16), aligned(32)));
union padded { padded_floats floats; };
union padded lengthen(union padded of, double by);
#endif
