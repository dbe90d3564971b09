// Stops at each instruction of the stubs it is told of, and asks the unwinder there for the caller.
// x86-64 has the trap flag. On AArch64, RISC-V and s390x, where a process
// cannot step itself, every instruction is a breakpoint but the one that the processor is at.
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

// One for each unit of a stub.
typedef unsigned __int128 bits;
enum { UNITS = 128 };

#ifdef __x86_64__
#define REGISTER(UC, N) ((UC)->uc_mcontext.gregs[N])
enum { N = 6, IP = REG_RIP, SP = REG_RSP, TRAP = SIGTRAP, TRAP_BYTES = 0 };
typedef unsigned char unit;
static const int at[N] = { REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15 }, dwarf[N] = { 3, 6, 12, 13, 14, 15 };
#elif defined __s390x__
// The PSW, whose second word is the address, then r0 to r15. A trap is after its instruction.
#define REGISTER(UC, N) (((unsigned long *)&(UC)->uc_mcontext)[N])
enum { N = 8, IP = 1, RA = 2 + 14, SP = 2 + 15, CALLEE_BYTES = 160, TRAP = SIGILL, TRAP_BYTES = 2 };
static const int at[N] = { 8, 9, 10, 11, 12, 13, 14, 15 }, dwarf[N] = { 6, 7, 8, 9, 10, 11, 12, 13 };
typedef uint16_t unit;
static const unit BREAKPOINT = 0x0001;
// The rest of an instruction, and the address after `basr r1, 0`, `lg r1, 8(r1)`, `br r1`, or after
// four instructions for a call.
static bits data_of(const unit *code, int i) {
  bits rest = code[i] < 0x4000 ? 0 : code[i] < 0xc000 ? 1 : 3;
  if (i > 3 && code[i - 4] == 0x0d10 && code[i] == 0x07f1) rest |= 15;
  if (i > 4 && code[i - 5] == 0x0d10 && code[i] == 0xa7f4) rest |= 15 << 1;
  return rest << (i + 1);
}
#elif defined __riscv
// pc, then x1 to x31.
#define REGISTER(UC, N) ((UC)->uc_mcontext.__gregs[N])
enum { N = 12, IP = 0, RA = 1, SP = 2, CALLEE_BYTES = 0, TRAP = SIGTRAP, TRAP_BYTES = 0 };
static const int at[N] = { 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27 }, *const dwarf = at;
typedef uint32_t unit;
static const unit BREAKPOINT = 0x00100073;
// `auipc t1, 0`, `ld t1, 16(t1)` and two more: the address after them, and a `nop` before it.
static bits data_of(const unit *code, int i) {
  if (code[i] != 0x317 || code[i + 1] != 0x01033303) return 0;
  return (bits)(code[i + 3] == 0x13 ? 7 : 6) << (i + 3);
}
#else
// The address of a fault, then x0 to x30, sp and pc.
#define REGISTER(UC, N) (((unsigned long long *)&(UC)->uc_mcontext)[1 + (N)])
enum { N = 11, RA = 30, SP = 31, IP = 32, CALLEE_BYTES = 0, TRAP = SIGTRAP, TRAP_BYTES = 0 };
static const int at[N] = { 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29 }, *const dwarf = at;
typedef uint32_t unit;
static const unit BREAKPOINT = 0xd4200000;
// `ldr x, literal`: two words after it may be in the stub.
static bits data_of(const unit *code, int i) {
  uint32_t ahead = code[i] >> 5 & 0x7ffff;
  return code[i] >> 24 == 0x58 && i + ahead < UNITS - 1 ? (bits)3 << (i + ahead) : 0;
}
#endif

// A stub, what its caller had when it was entered, and how often the unwinder was asked and was
// wrong.
struct stub { uintptr_t start, end, returns_to, cfa, saved[N]; long asked, wrong; unit code[UNITS]; bits planted, seen; };
static stub stubs[64];
static int n_stubs;

struct walk { const stub *own; uintptr_t ip; int is_next, is_right, n; };
static _Unwind_Reason_Code one(struct _Unwind_Context *context, void *given) {
  walk *to = (walk *)given;
  // One that is told wrong may go round in circles.
  if (++to->n > 100) return _URC_NORMAL_STOP;
  if (!to->is_next) {
    to->is_next = _Unwind_GetIP(context) == to->ip;
    return _URC_NO_REASON;
  }
  to->is_right = _Unwind_GetIP(context) == to->own->returns_to && _Unwind_GetCFA(context) == to->own->cfa;
  for (int i = 0; i < N; ++i) to->is_right &= _Unwind_GetGR(context, dwarf[i]) == to->own->saved[i];
  return _URC_NORMAL_STOP;
}

#ifndef __x86_64__
// The instruction that is there now.
static unit *restored;

static void put(unit *to, unit code) {
  *to = code;
  __builtin___clear_cache((char *)to, (char *)(to + 1));
}
static void plant(stub *own) {
  bits is_data = 0;
  unit *code = (unit *)own->start;
  int n = (own->end - own->start) / sizeof(unit);
  if (n > UNITS) __builtin_trap();
  for (int i = 0; i < n; ++i) {
    own->code[i] = code[i];
    if (!(is_data >> i & 1)) is_data |= data_of(code, i);
    own->planted |= (bits)1 << i;
  }
  own->planted &= ~is_data;
  uintptr_t first = own->start & -sysconf(_SC_PAGESIZE);
  mprotect((void *)first, own->end - first, PROT_READ | PROT_WRITE | PROT_EXEC);
  for (int i = 0; i < n; ++i) if (own->planted >> i & 1) put(code + i, BREAKPOINT);
}
static void go_on(stub *own, uintptr_t ip) {
  if (restored) put(restored, BREAKPOINT);
  restored = (unit *)ip;
  int i = (ip - own->start) / sizeof(unit);
  own->seen |= (bits)1 << i;
  put(restored, own->code[i]);
}
#else
static void plant(stub *) {}
static void go_on(stub *, uintptr_t) {}
#endif

static void trapped(int, siginfo_t *, void *given) {
  ucontext_t *regs = (ucontext_t *)given;
  uintptr_t ip = REGISTER(regs, IP) - TRAP_BYTES, sp = REGISTER(regs, SP);
  for (stub *own = stubs; own != stubs + n_stubs; ++own) {
    if (ip < own->start || ip >= own->end) continue;
    if (ip == own->start) {
#ifdef __x86_64__
      own->returns_to = *(uintptr_t *)sp;
      own->cfa = sp + 8;
#else
      own->returns_to = REGISTER(regs, RA);
      own->cfa = sp + CALLEE_BYTES;
#endif
      for (int i = 0; i < N; ++i) own->saved[i] = REGISTER(regs, at[i]);
    }
    walk to = { own, ip + TRAP_BYTES };
    _Unwind_Backtrace(one, &to);
    ++own->asked;
    own->wrong += !to.is_right;
    REGISTER(regs, IP) = ip;
    go_on(own, ip);
  }
}

extern "C" void watch(uintptr_t start, uintptr_t bytes) {
  struct sigaction action = {};
  action.sa_sigaction = trapped;
  action.sa_flags = SA_SIGINFO;
  sigaction(TRAP, &action, 0);
  stubs[n_stubs] = stub { start, start + bytes };
  plant(&stubs[n_stubs++]);
}
extern "C" long asked(int i) { return stubs[i].asked; }
// Also at an instruction that it never came to.
extern "C" long wrong(int i) { return stubs[i].wrong + (stubs[i].planted != stubs[i].seen); }
extern "C" void forget() { n_stubs = 0; }

// f(a, b, c), stepped.
extern "C" long stepped(long (*f)(const void *, const void *, const void *), const void *a, const void *b, const void *c) {
#ifdef __x86_64__
  __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq" ::: "memory", "cc");
  long got = f(a, b, c);
  // The result of a function on the x87 stack is not looked at.
  __asm__ volatile("emms\n pushfq\n andq $~0x100, (%%rsp)\n popfq" ::: "memory", "cc");
  return got;
#else
  long got = f(a, b, c);
  // Now: what was stepped may be gone at the next one.
  if (restored) put(restored, BREAKPOINT);
  restored = 0;
  return got;
#endif
}
