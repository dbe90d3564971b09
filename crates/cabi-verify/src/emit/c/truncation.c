#if defined __FLT16_MANT_DIG__ && defined __x86_64__
__attribute__((weak, sysv_abi)) _Float16 __truncsfbf2(float x) {
  unsigned bits; _Float16 r; unsigned short upper;
  __builtin_memcpy(&bits, &x, 4); upper = bits >> 16;
  __builtin_memcpy(&r, &upper, 2); return r;
}
#endif
