/* The C functions that main.rs tries the emitter with. For each function NAME it makes another one
   with the same signature, which calls NAME with what it was given, and returns what NAME returns.
   check_NAME calls both with the same arguments: what a function sees and returns is folded into
   `seen`, which has to be the same. */
#include <stdarg.h>
#include <string.h>

static unsigned long seen;
static void fold(const void *from, int n) {
    for (const unsigned char *p = from; n > 0; n--) seen = seen * 31 + *p++;
}
static void fill(void *to, int n, unsigned long k) {
    for (unsigned char *p = to; n > 0; n--) *p++ = (k = k * 6364136223846793005ul + 1442695040888963407ul) >> 56;
}

/* A type of which the first bytes are its value: how it is seen, and an object of it. */
#define TYPE(T, bytes) \
    static void see_##T(T x) { fold(&x, bytes); } \
    static T give_##T(int k) { T x; fill(&x, sizeof x, k); return x; }
/* Any other. */
#define SPECIAL(T, see, give) \
    static void see_##T(T x) { see; } \
    static T give_##T(int k) { return give; }

typedef unsigned short ushort;
typedef unsigned int uint;
typedef _Float16 half;
typedef __float128 quad;
typedef __int128 int128;
typedef int vector __attribute__((vector_size(16)));
typedef _Complex float complex_float;
typedef long double f80;
typedef _Complex long double f80complex;
typedef struct { long a, b; } pair;
typedef struct { double a; long b; } mixed;
typedef struct { char a[3]; } bytes3;
typedef struct { char a[7]; } bytes7;
typedef struct { char a[11]; } odd;
typedef struct { float a, b, c; } floats;
typedef struct { half a, b, c; } halves;
typedef struct { char a; int b; } __attribute__((packed)) packed;
typedef struct { long a; double b; unsigned char c; } three;
typedef struct { char a[75]; short b; } large;
typedef struct { char a[203]; } huge;
typedef struct { f80 a; char b; } f80record;
typedef struct { long a; float b; } __attribute__((aligned(32))) aligned;

TYPE(char, 1) TYPE(ushort, 2) TYPE(int, 4) TYPE(uint, 4) TYPE(long, 8) TYPE(float, 4) TYPE(double, 8) TYPE(half, 2) TYPE(quad, 16) TYPE(int128, 16)
TYPE(vector, 16) TYPE(complex_float, 8) TYPE(pair, 16) TYPE(mixed, 16) TYPE(bytes3, 3) TYPE(bytes7, 7) TYPE(odd, 11) TYPE(floats, 12) TYPE(halves, 6)
TYPE(packed, 5) TYPE(three, 17) TYPE(large, 78) TYPE(huge, 203) TYPE(aligned, 12)
typedef _Bool boolean;
SPECIAL(boolean, fold(&x, 1), k & 1)
SPECIAL(f80, fold(&x, 10), k * 1.3L)
SPECIAL(f80complex, (see_f80(__real__ x), see_f80(__imag__ x)), k * 1.3L + k * 0.7iL)
SPECIAL(f80record, (see_f80(x.a), see_char(x.b)), ((f80record){ give_f80(k), give_char(k) }))

/* LIST(m, T, U, V) is m(T, a), m(U, ax), m(V, axx); ALL has no commas. */
#define EVAL(...) EVAL1(EVAL1(EVAL1(EVAL1(__VA_ARGS__))))
#define EVAL1(...) EVAL2(EVAL2(EVAL2(EVAL2(__VA_ARGS__))))
#define EVAL2(...) __VA_ARGS__
#define EMPTY()
#define LIST_(m, id, T, ...) m(T, id) __VA_OPT__(, LIST_AGAIN EMPTY()()(m, id##x, __VA_ARGS__))
#define LIST_AGAIN() LIST_
#define LIST(m, ...) EVAL(LIST_(m, a, __VA_ARGS__))
#define ALL_(m, id, T, ...) m(T, id) __VA_OPT__(ALL_AGAIN EMPTY()()(m, id##x, __VA_ARGS__))
#define ALL_AGAIN() ALL_
#define ALL(m, ...) EVAL(ALL_(m, a, __VA_ARGS__))
#define PARAM(T, id) T id
#define NAME(T, id) id
#define SEE(T, id) see_##T(id);
#define TAKE(T, id) see_##T(va_arg(*list, T));
#define GIVE(T, id) give_##T(sizeof #id)

/* Whether something is on the x87 stack. */
static long x87_is_full(void) {
    struct { unsigned short control, unused1, status, unused2, tag, unused3[9]; } state;
    __asm__ volatile("fnstenv %0\n\tfldenv %0" : "+m"(state));
    return state.tag != 0xffff;
}

#define IS_SRET(T) (sizeof(T) > 16 && !__builtin_types_compatible_p(T, f80complex))
/* Whether f does what NAME does, and, given the address of a result in memory, returns that. */
#define CHECK(T, name, ...) \
    long check_##name(__typeof__(name) *f) { \
        seen = 0; \
        see_##T(name(__VA_ARGS__)); \
        unsigned long expected = seen; \
        seen = 0; \
        see_##T(f(__VA_ARGS__)); \
        long is_wrong = seen != expected || x87_is_full(); \
        T result; \
        if (IS_SRET(T)) is_wrong |= ((void *(*)())f)(&result, __VA_ARGS__) != &result; \
        return is_wrong; \
    }
#define FUNCTION(T, name, ...) \
    __attribute__((noipa)) T name(LIST(PARAM, __VA_ARGS__)) { ALL(SEE, __VA_ARGS__) return give_##T(1); } \
    CHECK(T, name, LIST(GIVE, __VA_ARGS__))
/* name is variadic after its first two parameters; name_list has the others in a va_list,
   name_fixed as parameters. */
#define VARIADIC(T, name, A, B, ...) \
    __attribute__((noipa)) T name##_list(A n, B m, va_list *list) { see_##A(n); see_##B(m); ALL(TAKE, __VA_ARGS__) return give_##T(1); } \
    __attribute__((noipa)) T name(A n, B m, ...) { va_list list; va_start(list, m); T result = name##_list(n, m, &list); va_end(list); return result; } \
    __attribute__((noipa)) T name##_fixed(A n, B m, LIST(PARAM, __VA_ARGS__)) { return name(n, m, LIST(NAME, __VA_ARGS__)); } \
    CHECK(T, name, give_##A(8), give_##B(9), LIST(GIVE, __VA_ARGS__)) \
    CHECK(T, name##_fixed, give_##A(8), give_##B(9), LIST(GIVE, __VA_ARGS__))

/* Each place that a value can have. No integer follows the `int128` that has one register left:
   compilers disagree where it goes. */
FUNCTION(char, scalars, char, boolean, ushort, float, uint, half)
FUNCTION(mixed, registers, mixed, odd, floats, packed, halves)
FUNCTION(bytes7, small, bytes3, bytes7, bytes3)
FUNCTION(pair, rollback, long, long, long, long, long, pair, long, mixed)
FUNCTION(odd, stack, long, long, long, long, long, long, char, three, odd, double)
FUNCTION(floats, all_floats, double, double, double, double, double, double, double, double, float, mixed, vector, long)
FUNCTION(three, sret, mixed, three, long)
FUNCTION(huge, areas, large, huge, three, long)
FUNCTION(f80, x87, f80, long, f80, f80record)
FUNCTION(f80complex, x87_complex, int)
FUNCTION(f80record, x87_record, f80record)
FUNCTION(quad, wide, int128, vector, quad, complex_float)
FUNCTION(vector, wide_stack, double, double, double, double, double, double, double, quad, float, quad, half, vector)
FUNCTION(int128, rollback_wide, long, long, long, long, long, int128, complex_float)
FUNCTION(aligned, aligned_result, long, aligned, f80)
VARIADIC(mixed, variadic, char, double, double, mixed, pair, f80, large, int, odd, double)
VARIADIC(large, variadic_sret, three, long, long, double)
VARIADIC(f80, variadic_x87, aligned, long, double, aligned)

/* The static chain is in r10, where no C of ours can read it. */
__asm__(".globl chain\nchain: mov %r10, %rax\n\tlea (%rax,%rdi), %rax\n\tret");
long chain(long);
long check_chain(__typeof__(chain) *f) { return __builtin_call_with_static_chain(f(5), (void *)37) != 42; }

/* Called between a call and the return of its result: it leaves something else in rax. */
__attribute__((noipa)) long disturb(void) { return -1; }

/* Compilers other than gcc rely on narrow arguments extended to 32 bits. */
long extended(signed char a, unsigned char b, short c);
long extended_ints(int a, unsigned b, int c) __asm__("extended");
__attribute__((noipa)) long extended_ints(int a, unsigned b, int c) { see_int(a); see_int(b); see_int(c); return 0; }
CHECK(long, extended, -2, 250, -30000)
