// Throws, and catches around a function of the JIT with its own values in callee-saved registers.
#include <cxxabi.h>
#include <typeinfo>
#include <unwind.h>

typedef long long i64;
typedef i64 four(i64, i64, i64, i64);
volatile i64 n1 = 11, n2 = 22, n3 = 33, n4 = 44, n5 = 55, n6 = 66, n7 = 77;
volatile double x1 = 1.5, x2 = 2.5, x3 = 3.5, x4 = 4.5;

// Throws an `int` or a `double`.
extern "C" i64 throws(i64 n) {
  if (n > 0) throw (int)n;
  if (n < 0) throw (double)n;
  return 0;
}

// The C++ library is linked into this DLL, which does not export it.
extern "C" int __gxx_personality_seh0(...);
struct named { const char *name; const void *address; };
extern "C" const named cxx_symbols[] = {
  { "__gxx_personality_seh0", (const void *)__gxx_personality_seh0 },
  { "__cxa_begin_catch", (const void *)abi::__cxa_begin_catch },
  { "__cxa_end_catch", (const void *)abi::__cxa_end_catch },
  { "_Unwind_Resume", (const void *)_Unwind_Resume },
  { "_ZTIi", &typeid(int) },
  { "_ZTId", &typeid(double) },
};

// Returns how many of eleven values are wrong after f, and 100 more if the exception `n` did not come out of it.
extern "C" __attribute__((noinline)) int wrong_registers(four *f, int n) {
  i64 a = n1, b = n2, c = n3, d = n4, e = n5, g = n6, h = n7;
  double p = x1, q = x2, r = x3, s = x4;
  int more = 100;
  try {
    f(n, 2, 3, 4);
  } catch (int caught) {
    more = caught != n;
  }
  return more + (a != n1) + (b != n2) + (c != n3) + (d != n4) + (e != n5) + (g != n6) + (h != n7) + (p != x1) + (q != x2) +
         (r != x3) + (s != x4);
}

// Functions for an example.
extern "C" {
#include "../../examples/front_end/called.c"
}
