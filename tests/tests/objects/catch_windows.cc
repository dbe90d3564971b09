// Throws through each function of the object, and prints what the catcher kept in callee-saved
// registers.
#include <cstdio>
typedef int callback(int);
extern "C" {
int pass(callback *, int), aligned(callback *, int), one(callback *, int), integers(callback *, int),
    vectors(callback *, int), all(callback *, int), large(callback *, int);
}
static int (*const functions[])(callback *, int) = { pass, aligned, one, integers, vectors, all, large };

static int thrower(int n) { throw n; }
static int nested(int n) { volatile int got = all(thrower, n); return got; }

volatile long long n1 = 11, n2 = 22, n3 = 33, n4 = 44, n5 = 55, n6 = 66, n7 = 77;
volatile double x1 = 1.5, x2 = 2.5, x3 = 3.5, x4 = 4.5, x5 = 5.5, x6 = 6.5, x7 = 7.5, x8 = 8.5, x9 = 9.5, x10 = 10.5;

// Alive across the call: seven integers and ten doubles, as many as there are callee-saved
// registers.
__attribute__((noinline)) static void catcher(int (*f)(callback *, int), callback *g, int n) {
  long long a = n1, b = n2, c = n3, d = n4, e = n5, h = n6, i = n7;
  double p = x1, q = x2, r = x3, s = x4, t = x5, u = x6, v = x7, w = x8, x = x9, y = x10;
  try {
    f(g, n);
  } catch (int caught) {
    std::printf("%d: %lld %lld %lld %lld %lld %lld %lld, %g %g %g %g %g %g %g %g %g %g\n",
                caught, a, b, c, d, e, h, i, p, q, r, s, t, u, v, w, x, y);
    std::fflush(stdout);
  }
}

static callback *const both[] = { thrower, nested };

int main() {
  int n = 0;
  for (auto f : functions)
    for (callback *g : both) catcher(f, g, ++n);
}
