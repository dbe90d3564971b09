/* The cases of a program, as the probe has them. */
typedef unsigned char byte;
typedef unsigned long long word;
#ifdef __x86_64__
#define SHARED __attribute__((sysv_abi))
#else
#define SHARED
#endif
enum { SAME, FLOAT, SIGNED, UNSIGNED };
/* A value: where it is among the values of a round, and in the buffer of arguments or of the
   result; bytes as it is declared and as it is passed; bits that count, bits that may be set; how
   it is promoted; how a narrow integer is extended, and whether the callee says what it makes of it
   in 64 bits. */
struct value { unsigned at, place, declared, size; const byte *mask, *may; byte promotion, narrow, is_wide; };
/* A case: its callee, or a function that has the address of one without a name; its caller; the
   value after the arguments is the result; how many registers of the x87 stack have arguments;
   pages beside values that nobody may touch; whether all registers may have arguments and results,
   not C's alone; and the register that carries an address besides, if one does. */
struct row {
  void (*callee)(void), *(*callee_address)(void), (*caller)(void);
  const struct value *values;
  unsigned n, align, shadow, n_x87;
  byte has_result, is_variadic, escapes, is_guarded, has_all;
  const char *carried;
};
extern const struct row cabi_rows[];
extern const unsigned cabi_n_rows;
