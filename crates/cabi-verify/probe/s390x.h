/* s390x: where an image has the registers (s390x.S). */
enum { WORD = 8, GENERAL = 16, SP = 120, AREA = 0, STACK = 264, BIG_ENDIAN = 1, BOXES = 0, KEPT_VECTOR = 8 };

#define R(n, argument, result) {"r" #n, 8 * n, 8, argument, result}
#define F(n, argument, result) {"f" #n, 128 + 8 * n, 8, argument, result}
/* of static chains; others leave what they will there */
#ifdef CHAINS
#define CHAIN R(0, 1, 0),
#else
#define CHAIN
#endif
#define REGISTERS \
  CHAIN R(2, 1, 1), R(3, 1, 0), R(4, 1, 0), R(5, 1, 0), R(6, 1, 0), R(7, 0, 0), R(8, 0, 0), R(9, 0, 0), R(10, 0, 0), R(11, 0, 0), R(12, 0, 0), R(13, 0, 0), \
  F(0, 1, 1), F(2, 1, 0), F(4, 1, 0), F(6, 1, 0), F(8, 0, 0), F(9, 0, 0), F(10, 0, 0), F(11, 0, 0), F(12, 0, 0), F(13, 0, 0), F(14, 0, 0), F(15, 0, 0)

#define LINUX_CALLS enum { TIMER = 104, LIMIT = 75, PROTECT = 125, WRITE = 4, FORK = 2, WAIT = 114, KILL = 37, EXIT = 248, OWN = 20 }
#define FORK_ARGUMENTS 0, 0, 0, 0

/* what callees keep */
#define KEPT "r6 r7 r8 r9 r10 r11 r12 r13 f8 f9 f10 f11 f12 f13 f14 f15"
#define FIRST_ARGUMENTS 16, 24, 32

/* masks of exceptions, and how results are rounded */
static const char *const conditions[] = {"fpc"};
static unsigned conditions_of(const byte *image) { return (image[256] | (image[259] & 7)) != 0; }
