// Calls each function of unwind.clif that has no handler, twice on one stack, and counts the frames up to `main`.
#include <windows.h>
#include <stdio.h>
typedef int callback(int);
int pass(callback *, int), aligned(callback *, int), entered(callback *, int);
int main(void);
static int c_passes(callback *g, int n) { volatile int got = g(n) + 1; return got; }
static int (*const all[])(callback *, int) = { c_passes, pass, aligned, entered };
static int frames(int i) {
  CONTEXT c;
  DWORD64 base, frame;
  void *data, *own = RtlLookupFunctionEntry((DWORD64)main, &base, 0);
  RtlCaptureContext(&c);
  for (int n = 0; n < 100; ++n) {
    PRUNTIME_FUNCTION f = RtlLookupFunctionEntry(c.Rip, &base, 0);
    if (!f) return -1 - n;
    if (f == own) return n;
    RtlVirtualUnwind(0, base, c.Rip, f, &c, &data, &frame, 0);
  }
  return -100;
}
static int again(int i) { volatile int got = all[i](frames, i); return got; }
int main(void) {
  // Each of the two calls adds 1, but for those of `entered`.
  for (int i = 0; i < 4; ++i) printf("%d ", all[i](again, i) - 2);
}
