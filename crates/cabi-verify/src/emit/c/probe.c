extern unsigned char cabi_argument_bytes[], cabi_result_bytes[];
#define cabi_seen_bytes cabi_argument_bytes
#define cabi_given_bytes cabi_result_bytes
extern long long cabi_wide_values[];
extern int cabi_gap_is_lost;
CABI_SYSV __attribute__((noreturn)) void cabi_escape(void);
/* Between a caller's own variables and its argument area are so many bytes that the probe finds values in the area alone; nobody else may write to them. */
static volatile unsigned long cabi_gap_bytes = 16384;
#define CABI_FILL_STACK unsigned char *volatile cabi_gap = __builtin_memset(__builtin_alloca(cabi_gap_bytes), 0x5b, 16384)
#define CABI_GAP
static __attribute__((noinline, unused)) void cabi_look_at(const unsigned char *gap) {
  for (int i = 0; i < 16384; i++) if (gap[i] != 0x5b) cabi_gap_is_lost = 1;
}
#define CABI_AFTER_CALL cabi_look_at(cabi_gap)
