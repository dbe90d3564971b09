/* x86-64: where an image has the registers (x86_64.S), and what of the machine's state a call must
   leave as it is. */
enum { WORD = 8, GENERAL = 16, SP = 32, AREA = 8, STACK = 1280, BIG_ENDIAN = 0, BOXES = 0 };

/* name, where it is, bytes of it, of arguments, of results */
#define REGISTERS \
  {"rdi", 56, 8, 1, 0}, {"rsi", 48, 8, 1, 0}, {"rdx", 16, 8, 1, 1}, {"rcx", 8, 8, 1, 1}, {"r8", 64, 8, 1, 0}, {"r9", 72, 8, 1, 0}, \
  {"rax", 0, 8, 1, 1}, {"r10", 80, 8, 1, 0}, {"rbx", 24, 8, 1, 0}, {"rbp", 40, 8, 0, 0}, {"r12", 96, 8, 0, 0}, {"r13", 104, 8, 0, 0}, \
  {"r11", 88, 8, 0, 0}, {"r14", 112, 8, 0, 0}, {"r15", 120, 8, 0, 0}, \
  {"xmm0", 128, 64, 1, 1}, {"xmm1", 192, 64, 1, 1}, {"xmm2", 256, 64, 1, 1}, {"xmm3", 320, 64, 1, 1}, {"xmm4", 384, 64, 1, 0}, \
  {"xmm5", 448, 64, 1, 0}, {"xmm6", 512, 64, 1, 0}, {"xmm7", 576, 64, 1, 0}, {"xmm8", 640, 64, 0, 0}, {"xmm9", 704, 64, 0, 0}, \
  {"xmm10", 768, 64, 0, 0}, {"xmm11", 832, 64, 0, 0}, {"xmm12", 896, 64, 0, 0}, {"xmm13", 960, 64, 0, 0}, {"xmm14", 1024, 64, 0, 0}, \
  {"xmm15", 1088, 64, 0, 0}, {"st0", 1180, 10, 1, 1}, {"st1", 1190, 10, 1, 1}, {"st2", 1200, 10, 1, 0}, {"st3", 1210, 10, 1, 0}, \
  {"st4", 1220, 10, 1, 0}, {"st5", 1230, 10, 1, 0}, {"st6", 1240, 10, 1, 0}, {"st0d", 1168, 8, 0, 1}
enum { X87 = 1152 };
#define HAS_X87

/* what callees of some convention keep */
#define KEPT "rbx rsi rdi rbp r11 r12 r13 r14 r15 xmm6 xmm7 xmm8 xmm9 xmm10 xmm11 xmm12 xmm13 xmm14 xmm15"
/* how many bytes of a register a callee keeps that keeps it: of vector registers the low 16 */
enum { KEPT_VECTOR = 16 };

#define LINUX_CALLS enum { TIMER = 38, LIMIT = 160, PROTECT = 10, WRITE = 1, FORK = 57, WAIT = 61, KILL = 62, EXIT = 231, OWN = 39 }
#define FORK_ARGUMENTS 0, 0, 0, 0

#define SIDES(n) extern void SHARED cabi_fill_##n(void (*)(void)); extern void cabi_dump_##n(void)
SIDES(xmm); SIDES(ymm); SIDES(zmm);

/* The widest vector registers that processor and system have. */
static int widest(void) {
  unsigned a, b, c, d, low, high;
  __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1), "c"(0));
  if (!(c >> 27 & 1) || !(c >> 28 & 1)) return 16;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 6) != 6) return 16;
  __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
  return b >> 16 & 1 && (low & 0xe0) == 0xe0 ? 64 : 32;
}
#define CHOOSE(fill, dump) do { \
    int w = widest(); \
    fill = w == 64 ? cabi_fill_zmm : w == 32 ? cabi_fill_ymm : cabi_fill_xmm; \
    dump = w == 64 ? cabi_dump_zmm : w == 32 ? cabi_dump_ymm : cabi_dump_xmm; \
  } while (0)

/* A caller of a variadic function says in al how many vector registers it uses. */
#define HAS_COUNT 1
#define COUNT(image) ((image)[0])
#define PUT_COUNT(image) (COUNT(image) = 8)

void cabi_spoil(void);
#define KEPT_BY_CALLERS "rbx rbp r12 r13 r14 r15"
#define SPOILED "rdi", "rsi", "rdx", "rcx", "r8", "r9", "rax", "r10", "r11", "vector-register"

/* The first arguments of a caller, a function of System V. */
#define FIRST_ARGUMENTS 56, 48, 16

static const char *const conditions[] = {"backwards", "mxcsr", "x87-control"};
static unsigned conditions_of(const byte *image) {
  unsigned mxcsr = image[1264] | image[1265] << 8, control = image[1152] | image[1153] << 8;
  return (image[1273] >> 2 & 1) | ((mxcsr & 0xffc0) != 0x1f80) << 1 | ((control & 0x1f3f) != 0x33f) << 2;
}
