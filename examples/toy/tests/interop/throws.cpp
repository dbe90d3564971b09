// A library that throws, for throws.toy.
#include <stdarg.h>
#include <stdio.h>

namespace std { int uncaught_exceptions() noexcept; }
struct failure { const char *what; };
struct guard {
  const char *name;
  ~guard() { if (std::uncaught_exceptions()) printf("  %s is left\n", name); }
};
struct pair { long n; double x; };
struct words { long at[5]; };

static void fail_if(int fails) {
  guard own{"fail_if"};
  if (fails == 1) throw failure{"failed"};
  if (fails == 2) throw 42;
}

extern "C" {
int number(int n, int fails) { fail_if(fails); return n; }
pair halves(long n, int fails) { fail_if(fails); return {n / 2, n / 2.0}; }
words five(words from, int fails) { fail_if(fails); for (long &word : from.at) word *= 2; return from; }
long double wide(long double x, int fails) { fail_if(fails); return x + 1; }
int total(int count, ...) {
  va_list list;
  va_start(list, count);
  int sum = 0;
  for (int i = 0; i < count; i++) sum += va_arg(list, int);
  va_end(list);
  fail_if(sum < 0);
  return sum;
}
// The exception of the toy function is caught here, or passes.
int each(int count, int (*visit)(int)) {
  guard own{"each"};
  int sum = 0;
  for (int i = 0; i < count; i++) sum += visit(i);
  return sum;
}
int catches(int (*visit)(int)) {
  try {
    return visit(7);
  } catch (const failure &error) {
    printf("  C++ has caught: %s\n", error.what);
    return -1;
  }
}
int uncaught(void) { return std::uncaught_exceptions(); }
}
