#include <ffi.h>
#define STRUCTURE(name, ...) \
  static ffi_type *members_of_##name[] = { __VA_ARGS__, 0 }; \
  static ffi_type name = { 0, 0, FFI_TYPE_STRUCT, members_of_##name };
static void nothing(ffi_cif *cif, void *ret, void **args, void *context) {}
// A function pointer that does nothing. It is kept until the process ends.
void *ffi_closure_code(ffi_cif *cif) {
  void *code = 0, *closure = ffi_closure_alloc(sizeof(ffi_closure), &code);
  return closure && ffi_prep_closure_loc(closure, cif, nothing, 0, code) == FFI_OK ? code : 0;
}
