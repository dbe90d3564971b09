static unsigned char cabi_seen_bytes[262144] __attribute__((aligned(64)));
static unsigned char cabi_got_bytes[262144] __attribute__((aligned(64)));
static unsigned char cabi_given_bytes[262144] __attribute__((aligned(64)));
static unsigned char cabi_image_bytes[262144] __attribute__((aligned(64)));
static long long cabi_wide_values[256];
static int cabi_gap_is_lost;
static volatile unsigned long cabi_live_values[8], cabi_kept_values[8];
static volatile double cabi_live_double, cabi_kept_double;
static void (CABI_SYSV *volatile cabi_escape_at)(void);
/* data: what the compiler makes of code runs in calls only */
void *const cabi_places[11] = {cabi_seen_bytes, cabi_got_bytes, cabi_given_bytes, cabi_image_bytes, cabi_wide_values, (void *)cabi_live_values, (void *)cabi_kept_values, (void *)&cabi_live_double, (void *)&cabi_kept_double, (void *)&cabi_escape_at, &cabi_gap_is_lost};
/* for callees in other languages */
CABI_SYSV void *cabi_seen(void) { return cabi_seen_bytes; }
CABI_SYSV void *cabi_given(void) { return cabi_given_bytes; }
CABI_SYSV void *cabi_wide(void) { return cabi_wide_values; }
CABI_SYSV __attribute__((noreturn)) void cabi_escape(void) { cabi_escape_at(); __builtin_unreachable(); }
/* A caller's own variables, and copies of what it passes by reference, do not lie right after its
   argument area: va_arg at a wrong place does not find a value by chance. */
static volatile unsigned long cabi_gap_bytes = 256;
#define CABI_GAP __asm__ volatile("" : : "r"(__builtin_memset(__builtin_alloca(cabi_gap_bytes), 0x5b, 256)) : "memory")
/* Fills the stack below its caller, where the caller's next callee has its frame: what nobody
   passes is not there by chance. */
static __attribute__((noinline, unused)) void cabi_fill_stack(void) {
  volatile unsigned long words[128];
  int i;
  for (i = 0; i < 128; i++) words[i] = 0x5b5b5b5b5b5b5b5bul;
}
/* Between a caller's own variables and its argument area are so many bytes that the probe finds
   values in the area alone; nobody else may write to them. They are aligned to nothing, or
   compilers would align the stack for them; with gcc there are eight more in every other call: no
   stack is aligned by chance. clang gives up the alignment of arguments beyond 16 bytes in a frame
   of another size. */
enum { CABI_WIDTH = 4096 };
static volatile unsigned long cabi_width = CABI_WIDTH;
#ifdef __clang__
#define CABI_NEXT_WIDTH cabi_width
#else
#define CABI_NEXT_WIDTH cabi_width ^= 8
#endif
#define CABI_FILL_STACK cabi_fill_stack(); unsigned char *volatile cabi_below = __builtin_memset(__builtin_alloca_with_align(CABI_NEXT_WIDTH, 8), 0x5b, CABI_WIDTH)
static __attribute__((noinline, unused)) void cabi_look_at(const unsigned char *gap) {
  int i;
  for (i = 0; i < CABI_WIDTH; i++) if (gap[i] != 0x5b) cabi_gap_is_lost = 1;
}
#define CABI_AFTER_CALL cabi_look_at(cabi_below)
/* keeps values of its own during a call without arguments, so that any register may be thought to
   keep one */
CABI_SYSV void cabi_keep(void (CABI_SYSV *opaque)(void)) {
  unsigned long k0 = cabi_live_values[0], k1 = cabi_live_values[1], k2 = cabi_live_values[2], k3 = cabi_live_values[3], k4 = cabi_live_values[4], k5 = cabi_live_values[5], k6 = cabi_live_values[6], k7 = cabi_live_values[7];
  double d = cabi_live_double;
  opaque();
  cabi_kept_values[0] = k0; cabi_kept_values[1] = k1; cabi_kept_values[2] = k2; cabi_kept_values[3] = k3; cabi_kept_values[4] = k4; cabi_kept_values[5] = k5; cabi_kept_values[6] = k6; cabi_kept_values[7] = k7;
  cabi_kept_double = d;
  CABI_SPOIL;
}
