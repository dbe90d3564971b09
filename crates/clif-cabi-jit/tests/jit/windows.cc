// Throws, and catches around a function of the JIT with its own values in callee-saved registers.
typedef long long i64;
typedef i64 four(i64, i64, i64, i64);
volatile i64 n1 = 11, n2 = 22, n3 = 33, n4 = 44, n5 = 55, n6 = 66, n7 = 77;
volatile double x1 = 1.5, x2 = 2.5, x3 = 3.5, x4 = 4.5;

extern "C" __declspec(dllexport) i64 throws(i64 n) {
  if (n) throw (int)n;
  return 0;
}

// Returns how many of eleven values are wrong after the exception `n`; -1 if none came.
extern "C" __declspec(dllexport) __attribute__((noinline)) int wrong_registers(four *f, int n) {
  i64 a = n1, b = n2, c = n3, d = n4, e = n5, g = n6, h = n7;
  double p = x1, q = x2, r = x3, s = x4;
  try {
    f(n, 2, 3, 4);
  } catch (int caught) {
    return (caught != n) + (a != n1) + (b != n2) + (c != n3) + (d != n4) + (e != n5) + (g != n6) + (h != n7) +
           (p != x1) + (q != x2) + (r != x3) + (s != x4);
  }
  return -1;
}
