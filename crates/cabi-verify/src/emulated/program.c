typedef unsigned char byte;
typedef unsigned long word;
struct row {
  void (*function)(void); int enters; const byte *memory; word n_memory; const byte *image; word n_image, stack; const byte *pointed;
  const word *pointers; word n_pointers; int result;
};
byte cabi_memory[MAX] __attribute__((aligned(64)));
byte cabi_dump[REGISTERS + 32] __attribute__((aligned(64))), cabi_image[REGISTERS + MAX] __attribute__((aligned(64)));
static byte area[MAX], pointed[2 * MAX] __attribute__((aligned(64))), line[16 * MAX];
static word n_pointed, n_line;
static const struct row *now;
enum { registers = REGISTERS, align = ALIGN };
void cabi_write(int, const void *, word);
void cabi_enter(void *, word, void *, void (*)(void));
/* compilers call it */
void *memcpy(void *to, const void *from, word n) { for (word i = 0; i < n; i++) ((volatile byte *)to)[i] = ((const byte *)from)[i]; return to; }
void *memset(void *to, int with, word n) { for (word i = 0; i < n; i++) ((volatile byte *)to)[i] = with; return to; }
void *memmove(void *to, const void *from, word n) {
  if ((byte *)to < (const byte *)from) return memcpy(to, from, n);
  while (n-- > 0) ((volatile byte *)to)[n] = ((const byte *)from)[n];
  return to;
}
/* and libatomic */
void load(word n, const void *from, void *to, int order) __asm__("__atomic_load");
void load(word n, const void *from, void *to, int order) { memcpy(to, from, n); }
void store(word n, void *to, const void *from, int order) __asm__("__atomic_store");
void store(word n, void *to, const void *from, int order) { memcpy(to, from, n); }
#define ATOMIC(n, T) T load##n(const void *from, int order) __asm__("__atomic_load_" #n); T load##n(const void *from, int order) { T x; memcpy(&x, from, n); return x; } void store##n(void *to, T x, int order) __asm__("__atomic_store_" #n); void store##n(void *to, T x, int order) { memcpy(to, &x, n); }
ATOMIC(1, byte)
ATOMIC(2, unsigned short)
ATOMIC(4, unsigned)
ATOMIC(8, unsigned long long)
#ifdef __SIZEOF_INT128__
ATOMIC(16, unsigned __int128)
#endif
CALLS
void cabi_record(byte *sp) {
  memcpy(area, sp, now->stack);
  for (word i = 0; i < now->n_pointers; i++) {
    word at = now->pointers[2 * i], n = now->pointers[2 * i + 1];
    byte *to = *(byte **)(at < registers ? cabi_dump + at : sp + (at - registers));
    if (now->result && i + 1 == now->n_pointers) { memcpy(to, now->pointed, n); break; }
    memcpy(pointed + n_pointed, to, n);
    n_pointed += n;
  }
}
static void print(const byte *from, word n) {
  for (word i = 0; i < n; i++) { line[n_line++] = "0123456789abcdef"[from[i] >> 4]; line[n_line++] = "0123456789abcdef"[from[i] & 15]; }
}
static void make(const struct row *row) {
  now = row;
  n_pointed = 0;
  memset(cabi_dump, 0xee, sizeof cabi_dump);
  memcpy(cabi_memory, row->memory, row->n_memory);
  memcpy(cabi_image, row->image, row->n_image);
  if (!row->enters) { row->function(); return; }
  for (word i = 0; i < row->n_pointers; i++) {
    byte *copy = pointed + n_pointed;
    word n = row->pointers[2 * i + 1];
    memcpy(cabi_image + row->pointers[2 * i], &copy, sizeof copy);
    memcpy(copy, row->pointed + n_pointed, n);
    n_pointed += (n + align - 1) / align * align;
  }
  cabi_enter(cabi_image, row->stack, cabi_image + registers, row->function);
}
static void digits(word i) { if (i >= 10) digits(i / 10); line[n_line++] = '0' + i % 10; }
int cabi_main(word *stack) {
  word first = 0;
  for (const char *at = stack[0] > 1 ? (const char *)stack[2] : ""; *at; at++) first = 10 * first + (*at - '0');
  for (word i = first; i < sizeof rows / sizeof *rows; i++) {
    make(&rows[i]);
    n_line = 0;
    digits(i);
    line[n_line++] = ' ';
    print(cabi_memory, rows[i].n_memory);
    line[n_line++] = ' ';
    print(cabi_dump, registers);
    if (!rows[i].enters) print(area, rows[i].stack);
    print(pointed, n_pointed);
    line[n_line++] = '\n';
    cabi_write(1, line, n_line);
  }
  return 0;
}
