/* AArch64: where an image has the registers (aarch64.S). */
enum { WORD = 8, GENERAL = 32, SP = 248, AREA = 0, STACK = 784, BIG_ENDIAN = 0, BOXES = 0, KEPT_VECTOR = 8 };

#define X(n, argument, result) {"x" #n, 8 * n, 8, argument, result}
#define V(n, argument, result) {"v" #n, 256 + 16 * n, 16, argument, result}
/* of static chains; others leave what they will there */
#ifdef CHAINS
#define CHAIN X(18, 1, 0),
#else
#define CHAIN
#endif
#define REGISTERS \
  X(0, 1, 1), X(1, 1, 1), X(2, 1, 0), X(3, 1, 0), X(4, 1, 0), X(5, 1, 0), X(6, 1, 0), X(7, 1, 0), X(8, 1, 0), \
  CHAIN X(19, 0, 0), X(20, 0, 0), X(21, 0, 0), X(22, 0, 0), X(23, 0, 0), X(24, 0, 0), X(25, 0, 0), X(26, 0, 0), X(27, 0, 0), X(28, 0, 0), X(29, 0, 0), \
  V(0, 1, 1), V(1, 1, 1), V(2, 1, 1), V(3, 1, 1), V(4, 1, 0), V(5, 1, 0), V(6, 1, 0), V(7, 1, 0), \
  V(8, 0, 0), V(9, 0, 0), V(10, 0, 0), V(11, 0, 0), V(12, 0, 0), V(13, 0, 0), V(14, 0, 0), V(15, 0, 0)

#define LINUX_CALLS enum { TIMER = 103, LIMIT = 164, PROTECT = 226, WRITE = 64, FORK = 220, WAIT = 260, KILL = 129, EXIT = 94, OWN = 172 }
#define FORK_ARGUMENTS 17, 0, 0, 0

/* what callees keep */
#define KEPT "x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29 v8 v9 v10 v11 v12 v13 v14 v15"
#define FIRST_ARGUMENTS 0, 8, 16

static const char *const conditions[] = {"fpcr"};
static unsigned conditions_of(const byte *image) { return (image[768] | image[769] | image[770] | image[771]) != 0; }
