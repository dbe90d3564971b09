/* i386: where an image has the registers (i386.S). */
enum { WORD = 4, GENERAL = 8, SP = 16, AREA = 4, STACK = 144, BIG_ENDIAN = 0, BOXES = 0, KEPT_VECTOR = 4 };

#define REGISTERS \
  {"eax", 0, 4, 1, 1}, {"ecx", 4, 4, 1, 0}, {"edx", 8, 4, 1, 1}, {"ebx", 12, 4, 0, 0}, {"ebp", 20, 4, 0, 0}, {"esi", 24, 4, 0, 0}, {"edi", 28, 4, 0, 0}, \
  {"st0", 60, 10, 0, 1}, {"st0d", 48, 8, 0, 1}, {"st0f", 44, 4, 0, 1}
enum { X87 = 32 };
#define HAS_X87

#define LINUX_CALLS enum { TIMER = 104, LIMIT = 75, PROTECT = 125, WRITE = 4, FORK = 2, WAIT = 114, KILL = 37, EXIT = 252, OWN = 20 }
#define FORK_ARGUMENTS 0, 0, 0, 0

/* The x87 unit, which moves floats and doubles, changes NaNs of some kinds: no word is one, nor the
   upper half of one. */
#define TAME(image) do for (unsigned i = 3; i < IMAGE; i += 4) (image)[i] &= 0xbf; while (0)

/* what callees keep */
#define KEPT "ebx ebp esi edi"
#define FIRST_ARGUMENTS 144, 148, 152

static const char *const conditions[] = {"backwards", "x87-control"};
static unsigned conditions_of(const byte *image) {
  unsigned control = image[32] | image[33] << 8;
  return (image[141] >> 2 & 1) | ((control & 0x1f3f) != 0x33f) << 1;
}
