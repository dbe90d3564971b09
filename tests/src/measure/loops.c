#include <stdarg.h>
#include <string.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name)
#endif
// Callee of a loop, and its arguments: `struct Loop` of `program.rs`.
struct loop { void *code, *target; const unsigned char *args; void *ret; void **pointers; void *const *restored; long n_restored; void *cif; };
#define LOOP(...) (const char *name, long n, const struct loop *loop) { \
  void *code = loop->code, *target = loop->target, *ret = loop->ret, *cif = loop->cif; \
  const unsigned char *args = loop->args; \
  void **pointers = loop->pointers, *const *restored = loop->restored; \
  long n_restored = loop->n_restored; \
  { __VA_ARGS__ } \
  CALLGRIND_ZERO_STATS; \
  for (long i = 0; i < n; i++) { __VA_ARGS__ } \
  CALLGRIND_DUMP_STATS_AT(name); \
}
typedef void any(void *context);
void repeat_any LOOP(((any *)code)(target);)
typedef void shim(const void *args, void *ret, void *target);
void repeat_shim LOOP(((shim *)code)(args, ret, target);)
typedef void invoker(void *target, void *const *args, void *ret);
void repeat_invoker LOOP(((invoker *)code)(target, pointers, ret);)
typedef void ffi_calls(void *cif, void *target, void *ret, void **args);
// libffi writes to the table of addresses where an argument is a large record.
void repeat_ffi_call LOOP(
  for (long j = 0; j < n_restored; j++) pointers[j] = restored[j];
  ((ffi_calls *)code)(cif, target, ret, pointers);
)
