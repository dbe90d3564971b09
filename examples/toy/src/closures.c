// Closures of built programs: the C compiler that links a program with closures compiles this text too, because the program calls `__toy_closure`.
// In the JIT `jit.rs` is in its place, and says what a closure is. A block has stubs, then the two words that each of them reads, then a list.
#if defined __x86_64__ // mov r10, [rip + BLOCK - 7]; jmp [rip + BLOCK - 5]
#define STUB { 0xf9158b4c, 0xff0000ff, 0x00fffb25, 0xcccccc00 }
#elif defined __aarch64__ && !defined __APPLE__ && !defined _WIN32 // ldr x18, BLOCK; ldr x16, BLOCK + 4; br x16
#define STUB { 0x58080012, 0x58080030, 0xd61f0200, 0xd4200000 }
#elif defined __riscv && __riscv_xlen == 64 // auipc t1, BLOCK; ld t2, (t1); ld t1, 8(t1); jr t1
#define STUB { 0x00010317, 0x00033383, 0x00833303, 0x00030067 }
#elif defined __s390x__ // lgrl %r0, BLOCK; lgrl %r1, BLOCK + 2; br %r1
#define STUB { 0xc4080000, 0x8000c418, 0x00008001, 0x07f10700 }
#else
#error "toy: built programs have no closures on this machine"
#endif
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <sys/mman.h>
#endif

enum { BLOCK = 1 << 16, SLOT = 16 };

typedef struct { void *chain, *code; } words;

static words *of(char *stub) { return (words *)(stub + BLOCK); }
static char **next(char *stub) { return (char **)(stub + 2 * BLOCK); }

// Closures of no thread, and of this one, the newest first.
static char *spare;
static _Thread_local char *made;

// A list of new stubs. No page is ever written and executable at once.
static char *block(void) {
  static const uint32_t stub[4] = STUB;
#ifdef _WIN32
  char *at = VirtualAlloc(NULL, 3 * BLOCK, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  DWORD old;
#else
  char *at = mmap(NULL, 3 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) at = NULL;
#endif
  for (int slot = 0; at && slot < BLOCK; slot += SLOT) {
    memcpy(at + slot, stub, SLOT);
    *next(at + slot) = slot + SLOT < BLOCK ? at + slot + SLOT : NULL;
  }
#ifdef _WIN32
  int is_wrong = !at || !VirtualProtect(at, BLOCK, PAGE_EXECUTE_READ, &old);
#else
  int is_wrong = !at || mprotect(at, BLOCK, PROT_READ | PROT_EXEC);
#endif
  if (is_wrong) {
    fputs("toy: no memory for a closure\n", stderr);
    abort();
  }
  __builtin___clear_cache(at, at + BLOCK);
  return at;
}

void *__toy_closure(void *code, void *chain) {
  static atomic_flag busy = ATOMIC_FLAG_INIT;
  char here, *found = NULL;
  while (atomic_flag_test_and_set(&busy)) {}
  for (char **link = &made; *link;) {
    char *stub = *link;
    if (of(stub)->chain == chain && of(stub)->code == code) found = stub;
    // Frames below this one are of function calls that have returned.
    if ((char *)of(stub)->chain > &here) {
      link = next(stub);
    } else {
      *link = *next(stub);
      *next(stub) = spare;
      spare = stub;
    }
  }
  if (!found) {
    found = spare ? spare : block();
    spare = *next(found);
    *next(found) = made;
    made = found;
    *of(found) = (words){ chain, code };
  }
  atomic_flag_clear(&busy);
  return found;
}
