static __inline void copy(volatile void *to, const volatile void *from, unsigned long long n) {
  unsigned long long i;
  for (i = 0; i < n; i++) ((volatile char *)to)[i] = ((const volatile char *)from)[i];
}
static __inline void set(volatile void *to, int with, unsigned long long n) {
  unsigned long long i;
  for (i = 0; i < n; i++) ((volatile char *)to)[i] = (char)with;
}
/* parts may be of different conventions: no function of a library is called */
#define __builtin_memcpy copy
#define __builtin_memset set
/* the stack that callers and callees get: what nobody passes, or writes, is not there by chance */
static __attribute__((noinline)) void fill(void) {
  volatile unsigned long long words[512];
  int i;
  for (i = 0; i < 512; i++) words[i] = 0x5b5b5b5b5b5b5b5bull;
}
/* and registers, with the opposite bits in the second round: of some arguments a single bit
   counts */
static volatile unsigned long long filling = 0x5b5b5b5b5b5b5b5bull;
#ifdef __x86_64__
#define FILL_REGISTERS do { \
    filling = ~filling; \
    register unsigned long long r8 __asm__("r8") = filling, r9 __asm__("r9") = filling; \
    __asm__ volatile("" : : "D"(filling), "S"(filling), "d"(filling), "c"(filling), "r"(r8), "r"(r9)); \
  } while (0)
#else
#define FILL_REGISTERS do filling = ~filling; while (0)
#endif
/* and keeps the caller's own variables away from the end of the argument area, where a wrong va_arg
   would read them */
#define CABI_FILL_STACK static volatile unsigned long gap = 256; set(__builtin_alloca(gap), 0x5b, 256); fill(); FILL_REGISTERS
#define CABI_GAP
#define CABI_AFTER_CALL
extern unsigned char cabi_seen_bytes[], cabi_given_bytes[];
static long long cabi_wide_values[256];
