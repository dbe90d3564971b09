#ifdef __x86_64__
#define SYSTEM __attribute__((sysv_abi))
#else
#define SYSTEM
#endif
int printf(const char *, ...);
int fflush(void *);
int atoi(const char *);
typedef SYSTEM void caller(void (*)(void), const unsigned char *, unsigned char *);
/* a caller that is ours */
typedef SYSTEM void shim(unsigned char **, unsigned char *, void (*)(void));
struct row {
  void (*callee)(void); caller *call;
  const unsigned char *image; unsigned long n_image;
  const unsigned char *given; unsigned long n_given, n_seen, n_wide;
  /* of a shim, where the image has each argument */
  const unsigned long *offsets; unsigned long n_offsets;
};
ROWS
/* seen, got, given, image, wide, .. escape_at: those of the callers' file, and of the callees', if that is another one */
extern void *const cabi_places[10];
extern __attribute__((weak)) void *const cabi_callee_places[10];
static void *cabi_home[5];
static unsigned char *cabi_args[256];
static SYSTEM void cabi_escape(void) { __builtin_longjmp(cabi_home, 1); }
static void cabi_copy(unsigned char *to, const unsigned char *from, unsigned long n) { for (unsigned long i = 0; i < n; i++) to[i] = from[i]; }
static void cabi_fill(unsigned char *to, unsigned long n) { for (unsigned long i = 0; i < n; i++) to[i] = 0xee; }
static void cabi_print(const unsigned char *from, unsigned long n) {
  printf(" ");
  for (unsigned long i = 0; i < n; i++) printf("%02x", from[i]);
}
int main(int n, char **args) {
  void *const *places = cabi_callee_places ? cabi_callee_places : cabi_places;
  unsigned char *seen = places[0], *given = places[2], *got = cabi_places[1], *image = cabi_places[3], *wide = places[4];
  for (unsigned long i = n > 1 ? atoi(args[1]) : 0; i < sizeof cabi_rows / sizeof *cabi_rows - 1; i++) {
    const struct row *row = &cabi_rows[i];
    cabi_copy(image, row->image, row->n_image);
    cabi_copy(given, row->given, row->n_given);
    cabi_fill(seen, row->n_seen);
    cabi_fill(got, row->n_given);
    *(SYSTEM void (*volatile *)(void))places[9] = cabi_escape;
    for (unsigned long a = 0; a < row->n_offsets; a++) cabi_args[a] = image + row->offsets[a];
    if (__builtin_setjmp(cabi_home) == 0) {
      if (row->offsets) ((shim *)row->call)(cabi_args, got, row->callee);
      else row->call(row->callee, image, got);
    }
    printf("%lu", i);
    cabi_print(seen, row->n_seen);
    cabi_print(got, row->n_given);
    cabi_print(wide, row->n_wide);
    printf("\n");
    fflush(0);
  }
  return 0;
}
