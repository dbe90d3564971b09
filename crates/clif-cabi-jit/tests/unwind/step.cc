// Stops at each instruction (the trap flag), and asks the unwinder there for the caller of the stubs it is told of.
#include <signal.h>
#include <stdint.h>
#include <ucontext.h>
#include <unwind.h>

// A stub, what its caller had when it was entered, and how often the unwinder was asked and was wrong.
struct stub { uintptr_t start, end, returns_to, cfa, saved[6]; long asked, wrong; };
static stub stubs[64];
static int n_stubs;
static const int at[6] = { REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15 }, dwarf[6] = { 3, 6, 12, 13, 14, 15 };

struct walk { const stub *own; uintptr_t ip; int is_next, is_right; };
static _Unwind_Reason_Code one(struct _Unwind_Context *context, void *given) {
  walk *to = (walk *)given;
  if (!to->is_next) {
    to->is_next = _Unwind_GetIP(context) == to->ip;
    return _URC_NO_REASON;
  }
  to->is_right = _Unwind_GetIP(context) == to->own->returns_to && _Unwind_GetCFA(context) == to->own->cfa;
  for (int i = 0; i < 6; ++i) to->is_right &= _Unwind_GetGR(context, dwarf[i]) == to->own->saved[i];
  return _URC_NORMAL_STOP;
}

static void trapped(int, siginfo_t *, void *given) {
  const greg_t *regs = ((ucontext_t *)given)->uc_mcontext.gregs;
  uintptr_t ip = regs[REG_RIP], sp = regs[REG_RSP];
  for (stub *own = stubs; own != stubs + n_stubs; ++own) {
    if (ip < own->start || ip >= own->end) continue;
    if (ip == own->start) {
      own->returns_to = *(uintptr_t *)sp;
      own->cfa = sp + 8;
      for (int i = 0; i < 6; ++i) own->saved[i] = regs[at[i]];
    }
    walk to = { own, ip, 0, 0 };
    _Unwind_Backtrace(one, &to);
    ++own->asked;
    own->wrong += !to.is_right;
  }
}

extern "C" void watch(uintptr_t start, uintptr_t bytes) {
  struct sigaction action = {};
  action.sa_sigaction = trapped;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, 0);
  stubs[n_stubs++] = stub { start, start + bytes };
}
extern "C" long asked(int i) { return stubs[i].asked; }
extern "C" long wrong(int i) { return stubs[i].wrong; }
extern "C" void forget() { n_stubs = 0; }

// f(a, b, c), stepped.
extern "C" long stepped(long (*f)(const void *, const void *, const void *), const void *a, const void *b, const void *c) {
  __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq" ::: "memory", "cc");
  long got = f(a, b, c);
  // What a function has returned on the x87 stack is not looked at.
  __asm__ volatile("emms\n pushfq\n andq $~0x100, (%%rsp)\n popfq" ::: "memory", "cc");
  return got;
}
