/* What stands before the C functions that main.rs generates. Their arguments and results come from one board, and all that a function is given is written
   to another; what that is, main.rs compares. The last place of each is the result's. */
#include <stdarg.h>
#include <string.h>

enum { PLACES = 17, RESULT = 16, BYTES = 256 };
struct board {
    unsigned char given[PLACES][BYTES], seen[PLACES][BYTES];
    /* Whether a function returned another address than that of its result, or left something on the x87 stack. */
    long lost_sret, lost_x87;
};
struct board *board;

#define GIVE(place, object) memcpy(&(object), board->given[place], sizeof(object))
#define SEE(place, object) memcpy(board->seen[place], &(object), sizeof(object))

static void check_x87(void) {
    struct { unsigned short control, unused1, status, unused2, tag, unused3[9]; } state;
    __asm__ volatile("fnstenv %0\n\tfldenv %0" : "+m"(state));
    board->lost_x87 |= state.tag != 0xffff;
}

/* The static chain is in r10, where no C of ours can read it. */
__asm__(".globl chain\nchain: mov %r10, %rax\n\tlea (%rax,%rdi), %rax\n\tret");

/* Declared to us with the parameters `signed char`, `unsigned char` and `short`. */
long extended(int a, unsigned b, int c) { return (long)a + b + c; }
