/* The rounds of the probe: each case's callee is called with random registers and stack, and each
   case's caller calls a function that writes them down. The place that holds a byte of a value in
   every round is where the compiler passes that byte; nothing here knows where it should be. One
   line of text for each value.

   The machine's own files have `cabi_fill_*`, `cabi_dump_*`, `cabi_leave`, `_start`, `cabi_system`
   and the table of registers; a generated file has the cases. No header and no library of C is
   needed. */
ROW

#include MACHINE
#ifndef TAME
#define TAME(image)
#endif
#ifndef CHOOSE
/* A machine with registers of one size, without a count of them, and registers that callers keep
   otherwise than callees. */
extern void cabi_fill(void (*)(void)), cabi_dump(void);
#define CHOOSE(fill, dump) (fill = cabi_fill, dump = cabi_dump)
#define KEPT_BY_CALLERS KEPT
#define HAS_COUNT 0
#define COUNT(image) 0
#define PUT_COUNT(image)
#endif

/* P rounds: a byte of which one bit counts is elsewhere by chance once in 2^24. */
enum { P = 24, IMAGE = STACK + WINDOW, VALUES = 1 << 15, BLOCK = 1 << 15, SMALL = 256, SLOTS = 64, WORDS = GENERAL + SLOTS, MANY = 1024 };

struct base { const char *name; unsigned at, size; byte argument, result; };

/* with what a function is called, how it returns; with what a callee is called, what it returns */
#define ALIGNED __attribute__((aligned(64)))
byte cabi_call[IMAGE] ALIGNED, cabi_return[IMAGE] ALIGNED, cabi_entry[IMAGE] ALIGNED, cabi_result[IMAGE] ALIGNED;
word cabi_align;
int cabi_x87, cabi_x87_filled, cabi_escapes;

/* Buffers of the compiled code: values that callees read and return, arguments and results of
   callers, narrow integers widened. A flag says that a callee wrote outside of its values. */
static struct { byte *seen, *given, *images, *got; long long *wide; int *gap_is_lost; } its;

void SHARED cabi_record(void);
void SHARED cabi_leave(void);

/* Most of the time is spent there: optimized where the rest is not. */
#ifdef __clang__
#define QUICK
#else
#define QUICK __attribute__((optimize("O2", "no-tree-loop-distribute-patterns")))
#endif

/* Others of these names may be what is looked at. */
#define memcpy cabi_copy
#define memset cabi_set
typedef word __attribute__((may_alias)) any;
static int is_whole(const void *at) { return !((__UINTPTR_TYPE__)at & 7); }
static QUICK void memcpy(void *to, const void *from, __SIZE_TYPE__ n) {
  __SIZE_TYPE__ i = 0;
  if (is_whole(to) && is_whole(from)) for (; i + 8 <= n; i += 8) *(any *)((byte *)to + i) = *(const any *)((const byte *)from + i);
  for (; i < n; i++) ((byte *)to)[i] = ((const byte *)from)[i];
}
static QUICK void memset(void *to, int with, __SIZE_TYPE__ n) { for (__SIZE_TYPE__ i = 0; i < n; i++) ((byte *)to)[i] = (byte)with; }

/* The buffers of the cases' frame (frame.c), or those of the table of cases. */
extern void *const cabi_places[] __attribute__((weak));
extern byte cabi_argument_bytes[] __attribute__((weak)), cabi_result_bytes[] __attribute__((weak));
void SHARED cabi_keep(void) __attribute__((weak));

static const struct base registers[] = { REGISTERS };
enum { N_REGISTERS = sizeof registers / sizeof *registers, ON_STACK = N_REGISTERS, FIRST_POINTER };

/* text */
static char text[1 << 18];
static unsigned n_text;
static void say(const char *words) { while (*words && n_text < sizeof text) text[n_text++] = *words++; }
static void number(unsigned long n) { if (n >= 10) number(n / 10); char digit[2] = {(char)('0' + n % 10), 0}; say(digit); }

static word state;
#define STEP(of) (of ^= of << 13, of ^= of >> 7, of ^= of << 17)
static word step(void) { return STEP(state); }
static byte draw(void) { return (byte)(step() >> 24); }
static QUICK void fill(byte *to, unsigned n) {
  word own = state;
  if (is_whole(to)) for (; n >= 8; n -= 8, to += 8) *(any *)to = STEP(own);
  for (; n > 0; n--) *to++ = (byte)(STEP(own) >> 24);
  state = own;
}
#ifdef HAS_X87
/* How many registers of the x87 stack are in use: all of them in MMX state. */
static unsigned tags_of(const byte *image) { return image[X87 + 8] | image[X87 + 9] << 8; }
static unsigned depth_of(const byte *image) {
  unsigned n = 0;
  for (int i = 0; i < 8; i++) n += (tags_of(image) >> 2 * i & 3) != 3;
  return n;
}
/* Writes down the double and the float that st0 holds, over words of the unit's that nobody reads;
   before that, gives a result an exponent that floats have. */
static void convert(byte *image, int is_result) {
  byte *st0 = image + X87 + 28;
  if (is_result) { st0[7] |= 128; st0[8] |= 192; st0[9] = (byte)((st0[9] & 128) | 0x3f); }
  __asm__("fldt %2; fstl %0; fstps %1" : "=m"(*(byte (*)[8])(image + X87 + 16)), "=m"(*(byte (*)[4])(image + X87 + 12)) : "m"(*(byte (*)[10])st0));
}
/* Empty registers of the x87 stack have what was there before; entries are from the top, tags are
   by register. */
static void hide(byte *image) {
  unsigned top = image[X87 + 5] >> 3 & 7;
  for (unsigned i = 0; i < 8; i++) if ((tags_of(image) >> 2 * (top + i & 7) & 3) == 3) fill(image + X87 + 28 + 10 * i, 10);
  convert(image, 0);
}
#define HIDE(image) hide(image)
#define GIVE(image) convert(image, 1)
#else
#define HIDE(image)
#define GIVE(image)
static unsigned depth_of(const byte *image) { (void)image; return 0; }
#endif
static void put(byte *to, word w) { __UINTPTR_TYPE__ p = (__UINTPTR_TYPE__)w; memcpy(to, &p, sizeof p); }
static void put_arguments(byte *image, word a, word b, word c) {
  static const unsigned at[] = {FIRST_ARGUMENTS};
  put(image + at[0], a); put(image + at[1], b); put(image + at[2], c);
}
static word get(const byte *from) { __UINTPTR_TYPE__ p; memcpy(&p, from, sizeof p); return p; }
static word address(const void *of) { return (word)(__UINTPTR_TYPE__)of; }

/* State of each round: registers and stack with arguments, registers with a result, the values, and
   the blocks that are pointed to. */
static byte image[2][P][IMAGE] ALIGNED, value[P][VALUES] ALIGNED, blocks[P][2 * VALUES] ALIGNED;
static byte memory[WORDS][BLOCK] __attribute__((aligned(4096)));
static const struct row *row;
/* Checks whether arguments, or results, may be in a register. */
static int has_argument(unsigned r) { return registers[r].argument || row->has_all; }
static int has_result(unsigned r) { return registers[r].result || row->has_all; }
static unsigned now; /* the round */
/* Draws a byte of a value. The sign bit of a narrow integer is not the same in the first two rounds. */
static byte draw_of(const struct value *v, unsigned i) {
  byte own = draw();
  if (now < 2 && v->narrow != SAME && i == (BIG_ENDIAN ? v->size - v->declared : v->declared - 1)) own = (byte)((own & 127) | now << 7);
  return v->may ? own & v->may[i] : own;
}
/* A word of an image that holds an address: how many bytes are looked at there, where `blocks` has
   them, and all bits of its values. */
struct pointer { unsigned word, size, at; word bits; };
static struct pointer pointers[WORDS];
static unsigned n_pointers;
enum use { NOT, COPY, RESULT, CARRIED, TRIED };
static byte uses[WORDS];
static unsigned sizes[WORDS]; /* of what such a pointer leads to */

static unsigned word_at(unsigned w) { return w < GENERAL ? w * WORD : STACK + (w - GENERAL) * WORD; }
/* Checks whether an argument's address may be there. */
static int may_point(unsigned w) {
  for (unsigned r = 0; r < N_REGISTERS; r++) if (has_argument(r) && registers[r].at == w * WORD) return 1;
  return w >= GENERAL;
}
static void point_at(unsigned w, unsigned size) {
  if (!may_point(w)) return;
  unsigned at = n_pointers ? pointers[n_pointers - 1].at + pointers[n_pointers - 1].size : 0;
  if (at + size <= sizeof *blocks) pointers[n_pointers++] = (struct pointer){w, size, at, 0};
}
static byte mask_of(const struct value *v, unsigned i, int is_exact) {
  byte mask = v->mask ? v->mask[i] : 255;
  return is_exact || !v->may ? mask : mask & v->may[i];
}
static const struct value *result(void) { return row->has_result ? &row->values[row->n] : 0; }

/* A place: a register, the stack, or memory at a pointer; and a byte of it. */
struct place { unsigned base, byte; };

/* Address of a base's bytes in an image, or in `blocks`, in the first round; `step` bytes further
   on in the next. */
static const byte *bytes_of(unsigned base, int is_result, unsigned *size, unsigned *step) {
  *step = IMAGE;
  if (base < ON_STACK) { *size = registers[base].size; return image[is_result][0] + registers[base].at; }
  if (base == ON_STACK) { *size = WINDOW; return image[is_result][0] + STACK; }
  *size = pointers[base - FIRST_POINTER].size; *step = sizeof *blocks;
  return blocks[0] + pointers[base - FIRST_POINTER].at;
}

static QUICK int is_at(unsigned at, byte mask, const byte *of, unsigned step) {
  unsigned p = 0;
  while (p < P && !((of[p * step] ^ value[p][at]) & mask)) p++;
  return p == P;
}

/* Checks whether the first `n` bytes of a value are at a pointer. Its last bytes alone may be a
   temporary's that lies further on. */
static int leads_to(const struct pointer *to, const struct value *v, int is_exact, unsigned n) {
  byte any = 0;
  for (unsigned i = 0; i < n; i++) {
    byte mask = mask_of(v, i, is_exact);
    any |= mask;
    if (i >= to->size || !is_at(v->at + i, mask, blocks[0] + to->at + i, sizeof *blocks)) return 0;
  }
  return any != 0;
}

/* Where each byte of the first round is: the places of one are a list, the first place first. */
enum { ALL = 64 * N_REGISTERS + WINDOW + 2 * VALUES };
static struct place places[1 + ALL];
static unsigned first_of[256], next_of[1 + ALL], has_memory;
static QUICK void list_places(int is_result) {
  unsigned n = 0, size, step;
  memset(first_of, 0, sizeof first_of);
  has_memory = 0;
  for (unsigned p = 0; p < n_pointers; p++) has_memory |= uses[pointers[p].word] == RESULT;
  for (unsigned base = FIRST_POINTER + n_pointers; base-- > 0;) {
    const byte *of = bytes_of(base, is_result, &size, &step);
    for (unsigned i = size; i-- > 0;) { places[++n] = (struct place){base, i}; next_of[n] = first_of[of[i]]; first_of[of[i]] = n; }
  }
}
/* A result is looked for in memory if there is a pointer to it, else in registers. */
static int is_wanted(unsigned base, int is_result) {
  enum use use = base < FIRST_POINTER ? NOT : uses[pointers[base - FIRST_POINTER].word];
  return base >= FIRST_POINTER ? (is_result ? use == RESULT : use != RESULT)
    : base == ON_STACK ? !is_result : is_result ? has_result(base) && !has_memory : has_argument(base);
}
/* Finds the places of byte `at` of the values that are the same in every round. */
static QUICK unsigned look(unsigned at, byte mask, int is_result, struct place *found) {
  unsigned n = 0, size, step;
  if (mask == 255) {
    for (unsigned k = first_of[value[0][at]]; k; k = next_of[k]) {
      const byte *of = bytes_of(places[k].base, is_result, &size, &step);
      if (n < MANY && is_wanted(places[k].base, is_result) && is_at(at, mask, of + places[k].byte, step)) found[n++] = places[k];
    }
    return n;
  }
  for (unsigned base = 0; base < FIRST_POINTER + n_pointers; base++) {
    if (!is_wanted(base, is_result)) continue;
    const byte *of = bytes_of(base, is_result, &size, &step);
    for (unsigned i = 0; i < size; i++) if (!((of[i] ^ value[0][at]) & mask) && n < MANY && is_at(at, mask, of + i, step)) found[n++] = (struct place){base, i};
  }
  return n;
}

/* Drops copies of a sign: bytes of a register above the one that continues the places of the bytes
   before. */
static unsigned keep_those_that_go_on(struct place *found, unsigned n, const struct place *run, unsigned n_run, unsigned length) {
  struct place kept[MANY];
  unsigned n_kept = 0;
  for (unsigned i = 0; i < n; i++) {
    int goes_on = 0, has_other = 0;
    for (unsigned k = 0; k < n_run; k++) if (run[k].base == found[i].base && run[k].base < ON_STACK) {
      goes_on |= found[i].byte == run[k].byte + length;
      for (unsigned j = 0; j < n; j++)
        has_other |= found[j].base == run[k].base && found[j].byte == run[k].byte + length && (BIG_ENDIAN ? found[i].byte < found[j].byte : found[i].byte > found[j].byte);
    }
    if (goes_on || !has_other) kept[n_kept++] = found[i];
  }
  for (unsigned i = 0; i < n_kept; i++) found[i] = kept[i];
  return n_kept;
}

static void say_word(unsigned w) {
  if (w >= GENERAL) { say("sp+"); number((w - GENERAL) * WORD); return; }
  for (unsigned r = 0; r < N_REGISTERS; r++) if (registers[r].at == w * WORD) say(registers[r].name);
}
static void say_place(struct place at) {
  if (at.base < ON_STACK) say(registers[at.base].name);
  else if (at.base == ON_STACK) { say("sp+"); number(at.byte); return; }
  else { say("["); say_word(pointers[at.base - FIRST_POINTER].word); say("]"); }
  if (at.byte) { say("+"); number(at.byte); }
}

/* Prints the places of a value as runs of bytes that continue each other. `highs` has the places of
   the byte at its high end. */
static struct place highs[MANY];
static unsigned n_highs;
static void say_runs(const struct value *v, int is_exact, int is_result) {
  struct place run[MANY], found[MANY];
  unsigned n_run = 0, length = 0;
  n_highs = 0;
  enum { NONE, PADDING, NOWHERE, SOMEWHERE } kind = NONE, own;
  for (unsigned i = 0; i <= v->size; i++) {
    unsigned n = 0;
    own = NONE;
    if (i < v->size) {
      byte mask = mask_of(v, i, is_exact);
      n = mask ? look(v->at + i, mask, is_result, found) : 0;
      if (kind == SOMEWHERE) n = keep_those_that_go_on(found, n, run, n_run, length);
      own = !mask ? PADDING : n ? SOMEWHERE : NOWHERE;
      if (i == (BIG_ENDIAN ? 0 : v->size - 1)) { n_highs = n; memcpy(highs, found, n * sizeof *found); }
    }
    int goes_on = own == kind && n == n_run;
    for (unsigned k = 0; goes_on && k < n; k++) goes_on = found[k].base == run[k].base && found[k].byte == run[k].byte + length;
    if (!goes_on) {
      if (kind != NONE) { say(" "); number(length); say(kind == PADDING ? ":-" : kind == NOWHERE ? ":?" : ":"); }
      for (unsigned k = 0; kind == SOMEWHERE && k < n_run; k++) { if (k) say("|"); say_place(run[k]); }
      kind = own; n_run = n; length = 0;
      for (unsigned k = 0; k < n; k++) run[k] = found[k];
    }
    length++;
  }
}

static byte sign_of(const struct value *v, byte top) { return v->narrow == SIGNED && top >> 7 ? 255 : 0; }

/* How many bytes above the one at `at` are zero, or copies of its sign, in every round. */
static unsigned bytes_above(unsigned at, unsigned most, int is_signed, int is_result) {
  for (unsigned n = 0; n < most; n++) for (unsigned p = 0; p < P; p++) {
    const byte *own = image[is_result][p];
    if (own[BIG_ENDIAN ? at - n - 1 : at + n + 1] != (is_signed && own[at] >> 7 ? 255 : 0)) return n;
  }
  return most;
}

/* How many bits a narrow integer is extended to: in each of its places, with an `@` before one of
   several. */
static void say_extension(const struct value *v, int is_result) {
  for (unsigned k = 0; v->narrow != SAME && v->size < WORD && k < n_highs; k++) {
    struct place high = highs[k];
    if (high.base > ON_STACK) continue;
    unsigned at = high.base == ON_STACK ? STACK + high.byte : registers[high.base].at + high.byte, most = WORD - v->size, n = 0;
    int is_signed = 0;
    while (!(n = bytes_above(at, most, is_signed, is_result)) && !is_signed) is_signed = 1;
    if (!n) continue;
    say(is_signed ? " signed:" : " zeroed:"); number(8 * (v->size + n));
    if (n_highs == 1) continue;
    say("@");
    if (!BIG_ENDIAN) high.byte -= v->size - 1;
    say_place(high);
  }
}

static void say_alignment(word bits) { word lowest = bits & -bits; say(" aligned:"); number(lowest && lowest < 4096 ? (unsigned long)lowest : 4096); }

/* Notes what is unusual about the state after a callee, or at a call. */
static unsigned depth, seen_conditions;
static void look_at_state(const byte *at) {
  unsigned own = depth_of(at);
  if (own > depth) depth = own;
  seen_conditions |= conditions_of(at);
}
static void say_state(void) {
  if (depth) { say(" x87:"); number(depth); }
  for (unsigned i = 0; i < sizeof conditions / sizeof *conditions; i++) if (seen_conditions >> i & 1) { say(" "); say(conditions[i]); }
}

static int is_word(const char *list, const char *name) {
  while (*list) {
    const char *own = name;
    while (*own && *list == *own) { list++; own++; }
    if (!*own && (!*list || *list == ' ')) return 1;
    while (*list && *list++ != ' ') {}
  }
  return 0;
}

static void (SHARED *fill_with)(void (*)(void));
static void end_if_forked(void);
/* Leaves other bytes on the stack in each round: what a function does not write there is no value
   by chance. */
static word scraps = 1;
static QUICK __attribute__((noinline)) void litter(unsigned n) {
  volatile word below[64];
  word own = scraps;
  for (unsigned i = 0; i < 64; i++) below[i] = STEP(own);
  scraps = own;
  if (n) litter(n - 1);
  below[0] = 0;
}
/* A function that forks would have each of its copies go on with the rounds. */
static void call(void (*function)(void)) { litter(WINDOW / sizeof(word[64]) + 4); fill_with(function); end_if_forked(); }
/* A callee of any type: `cabi_dump` goes on there where a machine has several. */
void (*cabi_chosen)(void);

/* -- the callee */

static byte is_boxed[N_REGISTERS];
static void (*callee)(void);
static word area_align;
/* Bytes of its arguments that it pops. */
static long popped;

/* Checks whether the register that carries an address besides the arguments is this word. */
static int carries(unsigned w) {
  for (unsigned r = 0; w < GENERAL && r < N_REGISTERS; r++) if (registers[r].at == w * WORD && is_word(row->carried, registers[r].name)) return 1;
  return 0;
}

/* Puts ones above the floats of those registers that have one. */
static void box(byte *to, int is_all) {
  for (unsigned r = 0; BOXES && r < N_REGISTERS; r++)
    if (registers[r].name[0] == 'f' && (is_all || is_boxed[r])) memset(to + registers[r].at + 4, 255, 4);
}

static void call_callee(int is_trial) {
  fill(cabi_call, sizeof cabi_call);
  TAME(cabi_call);
  for (unsigned w = 0; w < WORDS; w++) {
    if (is_trial ? !may_point(w) : !uses[w]) continue;
    put(cabi_call + word_at(w), address(memory[w]));
    fill(memory[w], sizes[w] > SMALL ? sizes[w] : SMALL);
    if (carries(w)) memset(memory[w], 0, SMALL); /* a trace without room */
  }
  if (row->is_variadic) { PUT_COUNT(cabi_call); }
  box(cabi_call, is_trial);
  memcpy(image[0][now], cabi_call, IMAGE);
  for (unsigned p = 0; p < n_pointers; p++) memcpy(blocks[now] + pointers[p].at, memory[pointers[p].word], pointers[p].size);
  const struct value *v = result();
  for (unsigned i = 0; v && i < v->size; i++) value[now][v->at + i] = its.given[v->place + i] = draw_of(v, i);
  for (unsigned i = 0; i < row->n; i++) memset(its.seen + row->values[i].place, 0, row->values[i].size);
  cabi_align = area_align;
  cabi_x87_filled = row->n_x87;
  call(callee);
  for (unsigned i = 0; i < row->n; i++) memcpy(value[now] + row->values[i].at, its.seen + row->values[i].place, row->values[i].size);
  HIDE(cabi_return);
  memcpy(image[1][now], cabi_return, IMAGE);
  for (unsigned p = 0; p < n_pointers; p++) if (uses[pointers[p].word] == RESULT) memcpy(blocks[now] + pointers[p].at, memory[pointers[p].word], pointers[p].size);
}

/* A value of padding alone shows no pointer to it; nor is one found where the callee would end this
   process. */
static int has_nothing(const struct value *v) {
  unsigned n = 0;
  for (unsigned i = 0; i < v->size; i++) n |= mask_of(v, i, 1);
  return v->size > 0 && !n;
}
#ifdef FORK_ARGUMENTS
static int ends(void);
/* Checks whether a callee needs an address in the register that carries one. */
static void find_what_is_carried(void) {
  for (unsigned w = 0; w < GENERAL; w++) if (carries(w) && ends()) uses[w] = CARRIED;
}
static void find_pointers_to_padding(void) {
  int has = result() && has_nothing(result()), has_result = 0;
  for (unsigned i = 0; i < row->n; i++) has |= has_nothing(&row->values[i]);
  for (unsigned w = 0; has && w < WORDS; w++) if (may_point(w) && !uses[w]) {
    for (unsigned other = 0; other < WORDS; other++) if (other != w && !uses[other]) uses[other] = TRIED;
    int is_needed = ends();
    for (unsigned other = 0; other < WORDS; other++) if (uses[other] == TRIED) uses[other] = NOT;
    if (is_needed) { uses[w] = result() && has_nothing(result()) && !has_result ? RESULT : COPY; has_result |= uses[w] == RESULT; }
  }
}
#endif

/* A register of eight bytes has a float of four below ones: which of those that were so are no
   doubles? */
static void find_boxes(void) {
  for (unsigned r = 0; r < N_REGISTERS; r++) {
    is_boxed[r] = 0;
    if (!BOXES || registers[r].name[0] != 'f') continue;
    for (unsigned i = 0; i < row->n; i++) for (unsigned b = 0; b + 4 <= row->values[i].size; b++) {
      unsigned at = row->values[i].at + b, is_float = 1, is_double = b + 8 <= row->values[i].size;
      for (unsigned k = 0; is_float && k < 4; k++) is_float = is_at(at + k, 255, image[0][0] + registers[r].at + k, IMAGE);
      for (unsigned k = 4; is_double && k < 8; k++) is_double = is_at(at + k, 255, image[0][0] + registers[r].at + k, IMAGE);
      if (is_float && !is_double) is_boxed[r] = 1;
    }
  }
}

/* With the address of a block in every word: which blocks does the callee read a value from, and to
   which does it write its result? */
static void find_pointers(void) {
  static byte is_written[WORDS];
  const struct value *r = result();
  n_pointers = 0;
  for (unsigned w = 0; w < WORDS; w++) { point_at(w, SMALL); is_written[w] = r && !row->escapes; uses[w] = NOT; sizes[w] = 0; }
  for (now = 0; now < P; now++) {
    call_callee(1);
    for (unsigned w = 0; r && w < WORDS; w++) {
      unsigned n = 0;
      is_written[w] &= may_point(w);
      for (unsigned i = 0; i < r->size; i++) { byte mask = mask_of(r, i, 1); n |= mask; if ((memory[w][i] ^ its.given[r->place + i]) & mask) is_written[w] = 0; }
      if (!n) is_written[w] = 0;
    }
  }
  find_boxes();
  for (unsigned k = 0; k < n_pointers; k++) {
    unsigned w = pointers[k].word;
    for (unsigned i = 0; i < row->n; i++) {
      const struct value *v = &row->values[i];
      if (leads_to(&pointers[k], v, 0, v->size < SMALL ? v->size : SMALL)) { uses[w] = COPY; sizes[w] = v->size; }
    }
    if (r && is_written[w]) { uses[w] = RESULT; sizes[w] = r->size; }
  }
  n_pointers = 0;
#ifdef FORK_ARGUMENTS
  find_what_is_carried();
  find_pointers_to_padding();
#endif
  for (unsigned w = 0; w < WORDS; w++) if (uses[w]) point_at(w, sizes[w]);
}

/* Checks whether a callee reads more of a register than a narrow argument has. */
static int relies_on_more(const struct value *v, unsigned i) {
  const byte *seen = its.seen + v->place, *wide = (const byte *)&its.wide[i];
  byte top = seen[BIG_ENDIAN ? 0 : v->size - 1];
  for (unsigned b = 0; b < 8; b++) {
    unsigned at = BIG_ENDIAN ? 7 - b : b;
    byte expected = b >= v->size ? sign_of(v, top) : seen[BIG_ENDIAN ? v->size - 1 - b : b];
    if ((wide[at] ^ expected) & (b < v->size && v->may ? v->may[b] : 255)) return 1;
  }
  return 0;
}

/* Registers that hold the address of a result in memory when a callee returns. */
static byte is_address[N_REGISTERS];

static void observe_callee(void) {
  static byte relies[256], is_lost[N_REGISTERS];
  area_align = row->align;
  popped = 0;
  find_pointers();
  memset(relies, 0, sizeof relies); memset(is_lost, 0, sizeof is_lost); memset(is_address, 1, sizeof is_address);
  depth = seen_conditions = 0;
  for (now = 0; now < P; now++) {
    call_callee(0);
    for (unsigned i = 0; i < row->n && i < sizeof relies; i++)
      if (row->values[i].is_wide) relies[i] |= relies_on_more(&row->values[i], i);
    if (row->escapes) continue;
    for (unsigned r = 0; r < N_REGISTERS; r++) {
      unsigned at = registers[r].at, size = registers[r].size > WORD ? KEPT_VECTOR : registers[r].size;
      for (unsigned i = 0; i < size; i++) is_lost[r] |= cabi_return[at + i] != cabi_call[at + i];
      for (unsigned p = 0; p < n_pointers; p++)
        if (uses[pointers[p].word] == RESULT && (size > WORD || get(cabi_return + at) != address(memory[pointers[p].word]))) is_address[r] = 0;
    }
    popped = (long)(get(cabi_return + SP) - get(cabi_call + SP));
    look_at_state(cabi_return);
  }
  list_places(0);
  for (unsigned i = 0; i < row->n; i++) {
    say_runs(&row->values[i], 0, 0);
    say(i < sizeof relies && relies[i] ? " relies\n" : "\n");
  }
  if (row->escapes) return;
  const struct value *r = result();
  if (r) {
    say("result");
    list_places(1);
    say_runs(r, 1, 1);
    say_extension(r, 1);
    for (unsigned p = 0; p < n_pointers; p++) if (uses[pointers[p].word] == RESULT)
      for (unsigned k = 0; k < N_REGISTERS; k++) if (is_address[k] && has_result(k)) { say(" returned:"); say(registers[k].name); }
    say("\n");
  }
  unsigned n = n_text, start;
  say("state");
  start = n_text;
  say_state();
  if (popped) { say(" popped:"); number((unsigned long)popped); }
#ifdef FORK_ARGUMENTS
  for (area_align = 16; area_align < row->align && ends();) area_align *= 2;
  if (area_align > 16) { say(" needs:"); number((unsigned long)area_align); }
#endif
  for (unsigned w = 0; w < GENERAL; w++) if (uses[w] == CARRIED) { say(" carried:"); say_word(w); }
  for (unsigned k = 0; k < N_REGISTERS; k++) if (is_lost[k] && (is_word(KEPT, registers[k].name) || is_word(row->carried, registers[k].name))) { say(" lost:"); say(registers[k].name); }
  if (n_text == start) n_text = n; else say("\n");
}

/* -- the caller */

static void make_value(const struct value *v) {
  byte *passed = value[now] + v->at, *declared = its.images + v->place;
  for (unsigned i = 0; i < v->size; i++) passed[i] = draw_of(v, i);
  unsigned low = BIG_ENDIAN ? v->size - v->declared : 0;
  if (v->promotion == FLOAT) {
    /* By hand: not every machine has the instruction. */
    unsigned f; word d;
    memcpy(&f, passed, sizeof f);
    if (!(f >> 23 & 255)) f |= 1u << 23;
    d = (word)(f >> 31) << 63 | ((word)(f >> 23 & 255) + 896) << 52 | (word)(f & 0x7fffff) << 29;
    memcpy(passed, &d, sizeof d); memcpy(declared, &f, sizeof f);
    return;
  }
  if (v->promotion != SAME) {
    byte top = passed[BIG_ENDIAN ? low : v->declared - 1], with = v->promotion == SIGNED && top >> 7 ? 255 : 0;
    for (unsigned i = 0; i < v->size; i++) if (i - low >= v->declared) passed[i] = with;
  }
  memcpy(declared, passed + low, v->declared);
}

static unsigned n_calls;
static word stack_end; /* Above are frames of nobody. */
static word area_bits, count;
static int is_other_count, is_carried;

/* How many bytes may be written there: of the caller's stack, or of the buffer that a result may go
   to at once. */
static word room_at(word at, word sp) {
  const struct value *r = result();
  word got = address(its.got + (r ? r->place : 0)), end = got + (row->is_guarded ? r ? r->size : 0 : VALUES);
  return at >= got && at < end ? end - at : at < sp || at > stack_end ? 0 : stack_end - at;
}

/* At a call: what it passes is in `cabi_entry`. */
void SHARED cabi_record(void) {
  word sp = get(cabi_entry + SP), own;
  byte *area = (byte *)(__UINTPTR_TYPE__)(sp + AREA);
  n_calls++;
  HIDE(cabi_entry);
  memcpy(image[0][now], cabi_entry, IMAGE);
  area_bits |= address(area);
  look_at_state(cabi_entry);
  if (HAS_COUNT) { if (now == 0) count = COUNT(cabi_entry); is_other_count |= count != COUNT(cabi_entry); }
  /* Words of the stack may be addresses near its end, which differ from run to run: what is drawn
     later does not depend on them. */
  const word drawn = state;
  for (unsigned p = 0; p < n_pointers; p++) {
    struct pointer *one = &pointers[p];
    own = get(cabi_entry + word_at(one->word));
    one->bits |= own;
    byte *at = (byte *)(__UINTPTR_TYPE__)own;
    word room = room_at(own, sp);
    if (uses[one->word] == RESULT && room >= one->size) {
      memcpy(at, value[now] + result()->at, one->size);
      for (unsigned k = 0; k < N_REGISTERS; k++) if (is_address[k] && has_result(k)) put(cabi_result + registers[k].at, own);
    }
    unsigned n = room < one->size ? (unsigned)room : one->size;
    memcpy(blocks[now] + one->at, at, n);
    fill(blocks[now] + one->at + n, one->size - n);
  }
  state = drawn;
  for (unsigned r = 0; r < N_REGISTERS; r++) {
    own = get(cabi_entry + registers[r].at);
    if (!is_word(row->carried, registers[r].name)) continue;
    is_carried &= own > sp && own < stack_end;
    put(cabi_result + registers[r].at, own); /* callees keep it */
  }
  fill(area, row->shadow);
  /* This callee pops as many bytes as the one that was observed, and its return address is above
     them. It changes every register that a callee may change. */
  if (popped) { if (AREA) put(area + popped - AREA, get((byte *)(__UINTPTR_TYPE__)sp)); put(cabi_entry + SP, sp + (word)popped); }
  for (unsigned r = 0; r < N_REGISTERS; r++)
    if (!is_word(row->shadow ? KEPT : KEPT_BY_CALLERS, registers[r].name) && !is_word(row->carried, registers[r].name)) {
      if (row->has_all) memcpy(cabi_entry + registers[r].at, cabi_result + registers[r].at, registers[r].size);
      else fill(cabi_entry + registers[r].at, registers[r].size);
    }
}

/* A callee's copies may be elsewhere than its caller's: at each pointer there is room for the
   largest. */
static void widen_copies(void) {
  unsigned n = 0, most = 0;
  for (unsigned w = 0; w < WORDS; w++) n += uses[w] == COPY;
  for (unsigned p = 0; p < n_pointers; p++) if (uses[pointers[p].word] == COPY && pointers[p].size > most) most = pointers[p].size;
  if (n * most > VALUES) return;
  for (unsigned p = 0, at = 0; p < n_pointers; p++) {
    if (uses[pointers[p].word] == COPY) pointers[p].size = most;
    pointers[p].at = at;
    at += pointers[p].size;
  }
}

/* Registers of its own caller that a caller changes; and one that it takes for kept, although a
   callee may change it: `cabi_keep` (frame.c) has values of its own during a call. */
static byte is_spoiled[N_REGISTERS], loses_own, leaves_stack;
static unsigned leaves_x87, leaves_conditions;
/* Callers of ours keep values of their own during each call. */
static word *own_words(int which) { return cabi_places && !cabi_keep ? cabi_places[5 + which] : 0; }
static void look_at_kept(void) {
  if (row->escapes) return;
  for (unsigned i = 0; own_words(0) && i < OWN_WORDS; i++) loses_own |= own_words(0)[i] != own_words(1)[i];
  for (unsigned r = 0; r < N_REGISTERS; r++) {
    unsigned at = registers[r].at, size = registers[r].size > WORD ? KEPT_VECTOR : registers[r].size;
    for (unsigned i = 0; is_word(KEPT_BY_CALLERS, registers[r].name) && i < size; i++) is_spoiled[r] |= cabi_return[at + i] != cabi_call[at + i];
  }
  leaves_stack |= get(cabi_return + SP) != get(cabi_call + SP);
  leaves_x87 |= depth_of(cabi_return);
  leaves_conditions |= conditions_of(cabi_return);
}
static void say_lost(void) {
  if (loses_own) say(" relies:some-register");
  for (unsigned r = 0; r < N_REGISTERS; r++) if (is_spoiled[r]) { say(" spoils:"); say(registers[r].name); }
  if (leaves_stack) say(" leaves:stack-pointer");
  if (leaves_x87) say(" leaves:x87");
  for (unsigned i = 0; i < sizeof conditions / sizeof *conditions; i++) if (leaves_conditions >> i & 1) { say(" leaves:"); say(conditions[i]); }
#ifdef SPOILED
  static const char *const spoiled[] = {SPOILED};
  if (!cabi_places || !cabi_keep || row->shadow) return;
  word *live = cabi_places[5], *kept = cabi_places[6];
  memset(kept, 0, 64);
  for (unsigned i = 0; i < 8; i++) live[i] = step();
  *(word *)cabi_places[7] = step();
  put_arguments(cabi_call, address((void *)cabi_spoil), 0, 0);
  call((void (*)(void))cabi_keep);
  for (unsigned i = 0; i < 9; i++) {
    word is = i < 8 ? kept[i] : *(word *)cabi_places[8];
    if (is == (i < 8 ? live[i] : *(word *)cabi_places[7])) continue;
    unsigned n = (unsigned)(is - 0x5b5b5b00);
    say(" relies:"); say(n < sizeof spoiled / sizeof *spoiled ? spoiled[n] : "?");
    return;
  }
#endif
}

static void observe_caller(void) {
  const struct value *r = result();
  widen_copies();
  for (unsigned w = 0; w < WORDS; w++) if (!uses[w]) point_at(w, SMALL);
  for (unsigned p = 0; p < n_pointers; p++) pointers[p].bits = 0;
  cabi_x87 = (int)depth;
  cabi_escapes = row->escapes;
  depth = seen_conditions = *its.gap_is_lost = is_other_count = n_calls = 0;
  is_carried = *row->carried != 0;
  memset(is_spoiled, 0, sizeof is_spoiled);
  loses_own = leaves_stack = 0;
  leaves_x87 = leaves_conditions = 0;
  /* A callee has returned a float so. */
  for (unsigned k = 0; BOXES && k < N_REGISTERS; k++) {
    is_boxed[k] = registers[k].result;
    for (unsigned p = 0; p < P; p++) for (unsigned i = 4; i < 8; i++) if (image[1][p][registers[k].at + i] != 255) is_boxed[k] = 0;
  }
  area_bits = 0;
  for (now = 0; now < P; now++) {
    for (unsigned i = 0; i < row->n; i++) make_value(&row->values[i]);
    fill(cabi_result, STACK);
    box(cabi_result, 0);
    GIVE(cabi_result);
    for (unsigned i = 0; r && i < r->size; i++) value[now][r->at + i] = draw_of(r, i);
    memcpy(image[1][now], cabi_result, IMAGE);
    fill(cabi_call, sizeof cabi_call);
    if (own_words(0)) fill((byte *)own_words(0), OWN_WORDS * sizeof(word));
    put_arguments(cabi_call, address((void *)(__UINTPTR_TYPE__)cabi_chosen), address(its.images), address(its.got + (r ? r->place : 0)));
    /* Each up to 4096: a caller that aligns the area itself has no more by chance. */
    cabi_align = 16 << now % 9;
    cabi_x87_filled = 0;
    call(row->caller);
    look_at_kept();
    if (r) memcpy(value[now] + r->at, its.got + r->place, r->size);
  }
  list_places(0);
  for (unsigned i = 0; i < row->n; i++) {
    const struct value *v = &row->values[i];
    say_runs(v, 1, 0);
    say_extension(v, 0);
    /* The pointer to a copy leads to its first byte. A word that is no argument may lead to the
       object it was copied from. */
    for (unsigned p = 0; p < n_pointers; p++)
      if (uses[pointers[p].word] == COPY && leads_to(&pointers[p], v, 1, v->size)) { say_alignment(pointers[p].bits); break; }
    say("\n");
  }
  if (r && !row->escapes) { say("result"); list_places(1); say_runs(r, 0, 1); say("\n"); }
  say("state");
  say_alignment(area_bits);
  if (row->is_variadic && HAS_COUNT) { say(" count:"); if (is_other_count) say("?"); else number((unsigned long)count); }
  say_state();
  if (n_calls != P) { say(" calls:"); number(n_calls); }
  if (is_carried) { say(" carried:"); say(row->carried); }
  if (*its.gap_is_lost) say(" overwritten");
  say_lost();
  say("\n");
}

PROGRAM
