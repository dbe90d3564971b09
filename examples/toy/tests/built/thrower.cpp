// A library that throws, for caught.toy.
extern "C" __declspec(dllexport) int number(int n, double x) { if (n > 1) throw n; return n + (int)x; }
extern "C" __declspec(dllexport) int each(int count, int (*visit)(int)) {
  int sum = 0;
  for (int i = 0; i < count; i++) sum += visit(i);
  return sum;
}
