// Functions of each kind of call, which throw their first argument unless it is 0, and otherwise
// return what only right arguments give.
// `args_NAME(t)` are addresses of its arguments, `expect_NAME(to)` writes the right result.

typedef struct { double x; long long n; } pair;
typedef struct { long long at[5]; } big;
struct wide { alignas(64) long long at[8]; };

#define KIND(NAME, RET, PARAMS, VALUE, ADDRESSES, ...)                       \
  extern "C" RET NAME PARAMS { if (t) throw t; return VALUE; }               \
  extern "C" const void *const *args_##NAME(int t) {                         \
    static const void *const all[] = ADDRESSES; t_ = t; return all; }        \
  extern "C" void expect_##NAME(void *to) { t_ = 0; *(RET *)to = NAME(__VA_ARGS__); }
#define LIST(...) { __VA_ARGS__ }

static int t_;
static double d_ = 2.5;
static pair p_ = { 1.5, 7 };
static big b_ = { { 1, 2, 3, 4, 5 } };
static long double l_ = 1.25L;
static wide w_ = { { 11, 12, 13, 14, 15, 16, 17, 18 } };

#define N(I) (I * 0x100000003L)
static long long n_[9] = { N(1), N(2), N(3), N(4), N(5), N(6), N(7), N(8), N(9) };

static big shifted(big b, long long by) { for (long long &at : b.at) at += by; return b; }
static int misaligned(const wide *w) { return (unsigned long long)w % 64 ? 1000 : 0; }

KIND(scalar, int, (int t), 42, LIST(&t_), t_)
KIND(registers, pair, (int t, pair p), (pair { p.x + 1, p.n + 2 }), LIST(&t_, &p_), t_, p_)
KIND(memory, big, (int t, big b, double d), shifted(b, (long long)(2 * d)), LIST(&t_, &b_, &d_), t_, b_, d_)
KIND(words, big, (int t, long long a, long long b, long long c, long long d, long long e, long long f, long long g, long long h, long long i), (big { { a + 2 * b, c + 3 * d, e + 4 * f, g, h + 5 * i } }),
     LIST(&t_, n_, n_ + 1, n_ + 2, n_ + 3, n_ + 4, n_ + 5, n_ + 6, n_ + 7, n_ + 8), t_, n_[0], n_[1], n_[2], n_[3], n_[4], n_[5], n_[6], n_[7], n_[8])
KIND(x87, long double, (int t, long double l), l * 3, LIST(&t_, &l_), t_, l_)
KIND(x87_complex, _Complex long double, (int t, long double l), l + l * 1.0iL, LIST(&t_, &l_), t_, l_)
KIND(over_aligned, long long, (int t, double d, wide w), misaligned(&w) + w.at[7] + (long long)d, LIST(&t_, &d_, &w_), t_, d_, w_)
KIND(over_aligned_memory, big, (int t, wide w, big b), shifted(b, misaligned(&w) + w.at[1]), LIST(&t_, &w_, &b_), t_, w_, b_)

// With a static chain, which it does not look at.
KIND(chained, int, (int t), 43, LIST(&t_, &p_.n), t_)

extern "C" double variadic(int t, ...) {
  if (t) throw t;
  __builtin_va_list list;
  __builtin_va_start(list, t);
  double sum = __builtin_va_arg(list, double);
  sum += (double)__builtin_va_arg(list, long double);
  big b = __builtin_va_arg(list, big);
  __builtin_va_end(list);
  return sum + b.at[4];
}
extern "C" const void *const *args_variadic(int t) {
  static const void *const all[] = { &t_, &d_, &l_, &b_ };
  t_ = t;
  return all;
}
extern "C" void expect_variadic(void *to) { *(double *)to = variadic(0, d_, l_, b_); }

// gcc for Windows aligns no vector of 32 bytes, and writes no tables for functions of System V.
#if defined __x86_64__ && !defined _WIN32
typedef double v4 __attribute__((vector_size(32)));
static v4 v_ = { 1, 2, 3, 4 };
extern "C" v4 vector(int t, v4 v) { if (t) throw t; return v + v; }
extern "C" const void *const *args_vector(int t) { static const void *const all[] = { &t_, &v_ }; t_ = t; return all; }
extern "C" void expect_vector(void *to) { *(v4 *)to = v_ + v_; }

#define WIN64 extern "C" __attribute__((ms_abi))
WIN64 double win64(int t, double d, long long n, double e, pair p, long long m, double f) {
  if (t) throw t;
  return d + 2 * n + 3 * e + 4 * p.x + 5 * p.n + 6 * m + 7 * f;
}
extern "C" const void *const *args_win64(int t) {
  static const void *const all[] = { &t_, &d_, n_, &d_, &p_, n_ + 1, &p_.x };
  t_ = t;
  return all;
}
extern "C" void expect_win64(void *to) { *(double *)to = win64(0, d_, n_[0], d_, p_, n_[1], p_.x); }

WIN64 big win64_memory(int t, big b) { if (t) throw t; return shifted(b, 3); }
extern "C" const void *const *args_win64_memory(int t) { static const void *const all[] = { &t_, &b_ }; t_ = t; return all; }
extern "C" void expect_win64_memory(void *to) { *(big *)to = win64_memory(0, b_); }

WIN64 double win64_variadic(int t, ...) {
  if (t) throw t;
  __builtin_ms_va_list list;
  __builtin_ms_va_start(list, t);
  double sum = __builtin_va_arg(list, double) + 2 * __builtin_va_arg(list, long long);
  sum += 3 * __builtin_va_arg(list, big).at[4];
  sum += 4 * __builtin_va_arg(list, double);
  __builtin_ms_va_end(list);
  return sum;
}
extern "C" const void *const *args_win64_variadic(int t) {
  static const void *const all[] = { &t_, &d_, n_, &b_, &p_.x };
  t_ = t;
  return all;
}
extern "C" void expect_win64_variadic(void *to) { *(double *)to = win64_variadic(0, d_, n_[0], b_, p_.x); }
#endif

// Returns the number that is thrown through f(target, args, to), or 0.
typedef int shim(const void *target, const void *const *args, void *to);
extern "C" int catches(shim *f, const void *target, const void *const *args, void *to) {
  try { return f(target, args, to); } catch (int caught) { return 1000 + caught; }
}

extern "C" int seven() { return 7; }

#define NO_TAIL(GOT) __asm__ volatile("" : "+r"(GOT))
extern "C" int takes_wide(wide w, int (*g)()) { int got = misaligned(&w) + g(); NO_TAIL(got); return got; }
extern "C" int called_with(int (*f)(int (*)(), int), int (*g)()) { int got = f(g, 0); NO_TAIL(got); return got; }
extern "C" int throws_now() { throw 5; }
// Returns the number that is caught from f, or its result.
extern "C" int caught_of(int (*f)(int (*)(), int)) { try { return f(throws_now, 0); } catch (int caught) { return 1000 + caught; } }

#if defined __x86_64__ && !defined _WIN32
// Calls what it is given with a vector.
static int (*with_vector)(int (*)(), int, v4);
extern "C" void set_with_vector(int (*f)(int (*)(), int, v4)) { with_vector = f; }
extern "C" int call_with_vector(int (*g)(), int n) { int got = with_vector(g, n, v_); NO_TAIL(got); return got; }
#endif
