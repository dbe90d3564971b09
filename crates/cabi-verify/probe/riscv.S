/* RISC-V, of 32 and 64 bits, with or without registers of floats: a function that calls another
   with everything as an image has it, and a callee of any type (x86_64.S says more).

   image:    0  x0 to x31, a word each; the zero register, gp, tp, t0 and t1 are not filled
      32 words  f0 to f31, 8 bytes each
   and after it the stack */
#if __riscv_xlen == 64
#define L ld
#define S sd
#define W 8
#else
#define L lw
#define S sw
#define W 4
#endif
#define STACK (32 * W + 32 * 8)
    .text
    .macro saved_registers do, base
    \do ra, 0(\base)
    \do sp, W(\base)
    \do s0, 2 * W(\base)
    \do s1, 3 * W(\base)
#ifndef __riscv_32e
    \do s2, 4 * W(\base)
    \do s3, 5 * W(\base)
    \do s4, 6 * W(\base)
    \do s5, 7 * W(\base)
    \do s6, 8 * W(\base)
    \do s7, 9 * W(\base)
    \do s8, 10 * W(\base)
    \do s9, 11 * W(\base)
    \do s10, 12 * W(\base)
    \do s11, 13 * W(\base)
#endif
    .endm
    /* all but ra, sp, gp, tp, t0 and t1, from or to the image at t0 */
    .macro general do
    .irp i, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \do x\i, \i * W(t0)
    .endr
#ifndef __riscv_32e
    .irp i, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \do x\i, \i * W(t0)
    .endr
#endif
    .endm
    .macro floats do, base
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \do f\i, 32 * W + 8 * \i(\base)
    .endr
    .endm
#if __riscv_flen == 64
#define LOAD_FLOATS floats fld, t0
#define STORE_FLOATS floats fsd, t0
#elif __riscv_flen == 32
#define LOAD_FLOATS floats flw, t0
#define STORE_FLOATS floats fsw, t0
#else
#define LOAD_FLOATS
#define STORE_FLOATS
#endif
    .macro copy                         /* WINDOW bytes from a1 to a2 */
    li a3, WINDOW
1:  lw a4, 0(a1)
    sw a4, 0(a2)
    addi a1, a1, 4
    addi a2, a2, 4
    addi a3, a3, -4
    bnez a3, 1b
    .endm

    .globl cabi_fill, cabi_dump, cabi_leave, cabi_system, _start
cabi_fill:                              /* the function */
    mv t1, a0
    la t0, saved
    saved_registers S, t0
#ifdef __riscv_flen
    la t0, saved_floats
    addi t0, t0, -32 * W
    STORE_FLOATS
#endif
    la t0, cabi_align
    L a1, 0(t0)
    li a2, -WINDOW
    add a2, sp, a2
    slli a3, a1, 1
    neg a3, a3
    and a2, a2, a3
    sub a2, a2, a1                      /* aligned to cabi_align, and no more */
    mv sp, a2
    la t0, cabi_call
    S sp, 2 * W(t0)
    addi a1, t0, STACK
    copy
    LOAD_FLOATS
    general L
    jalr t1
    la t0, cabi_return
    general S
    S sp, 2 * W(t0)
    STORE_FLOATS
cabi_leave:                            /* out of the function that was called last */
#ifdef __riscv_flen
    la t0, saved_floats
    addi t0, t0, -32 * W
    LOAD_FLOATS
#endif
    la t0, saved
    saved_registers L, t0
    ret

cabi_dump:
    la t0, cabi_entry
    general S
    S ra, W(t0)
    S sp, 2 * W(t0)
    STORE_FLOATS
    mv a1, sp
    addi a2, t0, STACK
    copy
    andi sp, sp, -16
    call cabi_record
    la t0, cabi_escapes
    lw t0, 0(t0)
    bnez t0, cabi_leave
    la t0, cabi_entry
    L ra, W(t0)
    L sp, 2 * W(t0)
    LOAD_FLOATS
    la t0, cabi_result
    L a0, 10 * W(t0)
    L a1, 11 * W(t0)
#if __riscv_flen == 64
    fld fa0, 32 * W + 8 * 10(t0)
    fld fa1, 32 * W + 8 * 11(t0)
#elif __riscv_flen == 32
    flw fa0, 32 * W + 8 * 10(t0)
    flw fa1, 32 * W + 8 * 11(t0)
#endif
    ret

_start:
    mv a0, sp
    andi sp, sp, -16
    call cabi_start
cabi_system:                            /* number, and four arguments */
    mv t0, a0               /* where six registers have arguments the system looks at t0 */
    .word 0x00028893                    /* mv a7, t0: assemblers know no a7 there */
    mv a0, a1
    mv a1, a2
    mv a2, a3
    mv a3, a4
    li a4, 0
    ecall
    ret
    .bss
    .balign 16
saved:
    .zero 14 * W
    .balign 16
saved_floats:
    .zero 256
    .section .note.GNU-stack, "", @progbits
