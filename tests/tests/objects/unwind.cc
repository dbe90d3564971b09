// Calls each function of unwind.clif, with callees that return and that throw.
extern "C" {
int printf(const char *, ...);
int pass(int (*)(int), int);
int catch_all(int (*)(int), int);
int catch_int(int (*)(int), int);
int cleanup(int (*)(int), int);
int aligned(int (*)(int), int);
int entered(int (*)(int), int);
int noted;
void note() { ++noted; }
}
static int returns(int n) { return n; }
static int throws(int n) { throw n; }
static int throws_double(int n) { throw n + 0.5; }
int main() {
  try { pass(throws, 7); return 1; } catch (int n) { if (pass(returns, 1) != 2) return 2; printf("pass %d\n", n); }
  printf("catch_all %d\n", catch_all(returns, 3) == 3 ? catch_all(throws, 7) : 0);
  printf("catch_int %d", catch_int(throws, 42));
  try { catch_int(throws_double, 2); return 3; } catch (double d) { printf(" passed %g\n", d); }
  try { cleanup(throws, 1); return 4; } catch (int n) { printf("cleanup %d noted %d\n", n, noted); }
  try { aligned(throws, 9); return 5; } catch (int n) { if (aligned(returns, 1) != 2) return 6; printf("aligned %d\n", n); }
  try { entered(throws, 8); return 7; } catch (int n) { if (entered(returns, 1) != 1) return 8; printf("entered %d\n", n); }
}
