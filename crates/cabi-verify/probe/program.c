/* The program. `first` is the number of the first case. Prints the number and the lines of each
   case. */

long SHARED cabi_system(long number, long, long, long, long);
LINUX_CALLS;
int cabi_output = 1;
static void print(void) { cabi_system(WRITE, cabi_output, (long)text, n_text, 0); n_text = 0; }
static void end(int code) { cabi_system(EXIT, code, 0, 0, 0); }
static long own_process;
/* A copy ends, and then the process that waited for it: so nothing is written after the case. */
static void end_if_forked(void) {
  static const char said[] = "died forked\n";
  int is_copy = cabi_system(OWN, 0, 0, 0, 0) != own_process;
#ifdef FORK_ARGUMENTS
  enum { STOPPED = 2, WITHOUT_SIGNAL = 0x40000000 };
  if (is_copy) end(0);
  if (cabi_system(WAIT, -1, 0, STOPPED | WITHOUT_SIGNAL, 0) < 0) return;
#else
  if (!is_copy) return;
#endif
  cabi_system(WRITE, cabi_output, (long)said, sizeof said - 1, 0);
  end(0);
}
#ifdef FORK_ARGUMENTS
static long fork_process(void) {
  long child = cabi_system(FORK, FORK_ARGUMENTS);
  if (child < 0) { say("died unforked\n"); print(); end(1); }
  return child;
}
/* Checks whether a call of the callee ends a process. */
static int ends(void) {
  int status = 0;
  long child = fork_process();
  if (child == 0) { own_process = cabi_system(OWN, 0, 0, 0, 0); for (now = 0; now < 4; now++) call_callee(0); end(0); }
  cabi_system(WAIT, child, (long)&status, 0, 0);
  return status != 0;
}
/* Checks whether this is the process of the case; the other one waits for it. */
static int is_own(void) {
  int status = 0, stopped = 2;
  /* seconds of processor time, seconds on the clock, and bytes of a core file */
  static const unsigned long seconds[2] = {SECONDS, SECONDS}, clock[4] = {0, 0, 60, 0}, none[2];
  print();
  long child = fork_process();
  if (child == 0) {
    cabi_system(LIMIT, 0, (long)seconds, 0, 0);
    cabi_system(TIMER, 0, (long)clock, 0, 0);
    cabi_system(LIMIT, 4, (long)none, 0, 0);
    return 1;
  }
  cabi_system(WAIT, child, (long)&status, stopped, 0);
  if ((status & 255) == 127) { cabi_system(KILL, child, 9, 0, 0); cabi_system(WAIT, child, (long)&status, 0, 0); say("died stopped\n"); }
  else if (status & 127) { say("died "); number((unsigned long)status & 127); say("\n"); }
  return 0;
}
#endif

/* Takes away the pages that a value begins after or ends before: touching a byte beside it ends the
   process. */
enum { PAGE = 4096 };
static void guard(const byte *from, unsigned size) {
  const byte *pages[] = {from - PAGE, from + size};
  for (unsigned i = 0; i < 2; i++) if (!(address(pages[i]) % PAGE) && cabi_system(PROTECT, (long)pages[i], PAGE, 0, 0)) {
    say("died unguarded\n");
    print();
    end(1);
  }
}
static void guard_values(void) {
  for (unsigned i = 0; i < row->n; i++) guard(its.seen + row->values[i].place, row->values[i].size);
  if (result()) { guard(its.given + result()->place, result()->size); guard(its.got + result()->place, result()->size); }
}

static void find_buffers(void) {
  static long long wide[256];
  static int lost;
  its.seen = its.images = cabi_argument_bytes; its.given = its.got = cabi_result_bytes; its.wide = wide; its.gap_is_lost = &lost;
  if (!cabi_places) return;
  its.seen = cabi_places[0]; its.got = cabi_places[1]; its.given = cabi_places[2]; its.images = cabi_places[3]; its.wide = cabi_places[4];
  *(void (SHARED **)(void))cabi_places[9] = cabi_leave;
  its.gap_is_lost = cabi_places[10];
}

/* Looks at the cases from `first` on. */
void SHARED cabi_run(unsigned first) {
  char here = 0;
  stack_end = address(&here);
  CHOOSE(fill_with, cabi_chosen);
  find_buffers();
  for (unsigned k = first; k < cabi_n_rows; k++) {
    row = &cabi_rows[k];
    callee = row->callee ? row->callee : row->callee_address ? (void (*)(void))row->callee_address() : 0;
    say("= "); number(k); say("\n");
#ifdef FORK_ARGUMENTS
    if (!is_own()) continue;
#endif
    print();
    own_process = cabi_system(OWN, 0, 0, 0, 0);
    state = 88172645463325252ull + k;
    depth = 0;
    memset(uses, 0, sizeof uses);
    n_pointers = 0;
    if (row->is_guarded) guard_values();
    if (callee) observe_callee(); else say("state absent\n");
    say("calling\n");
    print();
    if (row->caller) observe_caller(); else say("state absent\n");
    say(".\n");
    print();
#ifdef FORK_ARGUMENTS
    end(0);
#endif
  }
  print();
}

static unsigned number_in(const char *at) { unsigned n = 0; while (*at >= '0' && *at <= '9') n = 10 * n + (unsigned)(*at++ - '0'); return n; }
void SHARED cabi_start(long *stack) { cabi_run(stack[0] > 1 ? number_in((const char *)stack[2]) : 0); end(0); }
