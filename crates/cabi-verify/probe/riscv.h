/* RISC-V: where an image has the registers (riscv.S). Those that only `fastcc` has arguments in are
   among them. */
enum { WORD = __riscv_xlen / 8, GENERAL = 32, SP = 2 * WORD, AREA = 0, STACK = 32 * WORD + 32 * 8, BIG_ENDIAN = 0, KEPT_VECTOR = WORD,
#if __riscv_flen == 64
  BOXES = 1 /* A float is below ones in a register for doubles. */
#else
  BOXES = 0
#endif
};

#define X(name, n, argument, result) {name, n * WORD, WORD, argument, result}
#ifdef __riscv_flen
#define F(name, n, argument, result) {name, 32 * WORD + 8 * n, __riscv_flen / 8, argument, result}
#define FLOATS , \
  F("fa0", 10, 1, 1), F("fa1", 11, 1, 1), F("fa2", 12, 1, 0), F("fa3", 13, 1, 0), F("fa4", 14, 1, 0), F("fa5", 15, 1, 0), F("fa6", 16, 1, 0), F("fa7", 17, 1, 0), \
  F("ft0", 0, 1, 0), F("ft1", 1, 1, 0), F("ft2", 2, 1, 0), F("ft3", 3, 1, 0), F("ft4", 4, 1, 0), F("ft5", 5, 1, 0), F("ft6", 6, 1, 0), F("ft7", 7, 1, 0), \
  F("ft8", 28, 1, 0), F("ft9", 29, 1, 0), F("ft10", 30, 1, 0), F("ft11", 31, 1, 0), F("fs0", 8, 0, 0), F("fs1", 9, 0, 0), F("fs2", 18, 0, 0), F("fs3", 19, 0, 0), \
  F("fs4", 20, 0, 0), F("fs5", 21, 0, 0), F("fs6", 22, 0, 0), F("fs7", 23, 0, 0), F("fs8", 24, 0, 0), F("fs9", 25, 0, 0), F("fs10", 26, 0, 0), F("fs11", 27, 0, 0)
#else
#define FLOATS
#endif
#ifndef __riscv_32e
#define REST \
  X("a6", 16, 1, 0), X("a7", 17, 1, 0), X("t3", 28, 1, 0), X("t4", 29, 1, 0), X("t5", 30, 1, 0), X("t6", 31, 1, 0), \
  X("s2", 18, 0, 0), X("s3", 19, 0, 0), X("s4", 20, 0, 0), X("s5", 21, 0, 0), X("s6", 22, 0, 0), X("s7", 23, 0, 0), X("s8", 24, 0, 0), X("s9", 25, 0, 0), \
  X("s10", 26, 0, 0), X("s11", 27, 0, 0),
#else
#define REST
#endif
#define REGISTERS \
  X("a0", 10, 1, 1), X("a1", 11, 1, 1), X("a2", 12, 1, 0), X("a3", 13, 1, 0), X("a4", 14, 1, 0), X("a5", 15, 1, 0), REST \
  X("t2", 7, 1, 0), X("s0", 8, 0, 0), X("s1", 9, 0, 0) FLOATS

#if __riscv_xlen == 64
#define LINUX_CALLS enum { TIMER = 103, LIMIT = 164, PROTECT = 226, WRITE = 64, FORK = 220, WAIT = 260, KILL = 129, EXIT = 94, OWN = 172 }
#define FORK_ARGUMENTS 17, 0, 0, 0
#else
/* It has no wait4: all cases are of one process. */
#define LINUX_CALLS enum { PROTECT = 226, WRITE = 64, EXIT = 94, OWN = 172 }
#endif

/* what callees keep */
#define KEPT "s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 fs0 fs1 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11"
#define FIRST_ARGUMENTS 10 * WORD, 11 * WORD, 12 * WORD

static const char *const conditions[] = {"none"};
static unsigned conditions_of(const byte *image) { (void)image; return 0; }
