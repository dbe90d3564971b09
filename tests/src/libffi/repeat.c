#include <stdarg.h>
#include <string.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name)
#endif
#define LOOP(...) { \
  { __VA_ARGS__ } \
  CALLGRIND_ZERO_STATS; \
  for (long i = 0; i < n; i++) { __VA_ARGS__ } \
  CALLGRIND_DUMP_STATS_AT(name); \
}
void repeat_any(const char *name, long n, void (*f)(void *), void *context) LOOP(f(context);)
typedef void shim(const void *args, void *ret, void *target);
void repeat_shim(const char *name, long n, shim *call, const void *args, void *ret, void *target) LOOP(call(args, ret, target);)
typedef void invoker(void *target, void *const *args, void *ret);
void repeat_invoker(const char *name, long n, invoker *call, void *target, void *const *args, void *ret) LOOP(call(target, args, ret);)
typedef void ffi_call(void *cif, void *target, void *ret, void **args);
void repeat_ffi_call(const char *name, long n, ffi_call *call, void *cif, void *target, void *const *args, long n_restored, void *ret) {
  void *own[16];
  for (int i = 0; i < 16; i++) own[i] = args[i];
  LOOP(for (long j = 0; j < n_restored; j++) own[j] = args[j]; call(cif, target, ret, own);)
}
