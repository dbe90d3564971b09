/* AArch64: a function that calls another with everything as an image has it, and a callee of any
   type (x86_64.S says more).

   image:    0  x0 to x30, sp, 8 bytes each; x16 and x17 are not filled
           256  v0 to v31, 16 bytes each
           768  FPCR
           784  the stack */
    .text
    .macro at reg, symbol
    adrp \reg, \symbol
    add \reg, \reg, :lo12:\symbol
    .endm
    /* x0 to x15, from or to the image at x17 */
    .macro low do
    \do x0, x1, [x17]
    \do x2, x3, [x17, 16]
    \do x4, x5, [x17, 32]
    \do x6, x7, [x17, 48]
    \do x8, x9, [x17, 64]
    \do x10, x11, [x17, 80]
    \do x12, x13, [x17, 96]
    \do x14, x15, [x17, 112]
    .endm
    /* x18 to x29 */
    .macro high do
    \do x18, x19, [x17, 144]
    \do x20, x21, [x17, 160]
    \do x22, x23, [x17, 176]
    \do x24, x25, [x17, 192]
    \do x26, x27, [x17, 208]
    \do x28, x29, [x17, 224]
    .endm
    .macro vectors do
    \do q0, q1, [x17, 256]
    \do q2, q3, [x17, 288]
    \do q4, q5, [x17, 320]
    \do q6, q7, [x17, 352]
    .endm
    .macro high_vectors do
    \do q8, q9, [x17, 384]
    \do q10, q11, [x17, 416]
    \do q12, q13, [x17, 448]
    \do q14, q15, [x17, 480]
    \do q16, q17, [x17, 512]
    \do q18, q19, [x17, 544]
    \do q20, q21, [x17, 576]
    \do q22, q23, [x17, 608]
    \do q24, q25, [x17, 640]
    \do q26, q27, [x17, 672]
    \do q28, q29, [x17, 704]
    \do q30, q31, [x17, 736]
    .endm
    .macro copy                         /* WINDOW bytes from x11 to x10 */
    mov x12, WINDOW
1:  ldr x13, [x11], 8
    str x13, [x10], 8
    subs x12, x12, 8
    b.ne 1b
    .endm

    .globl cabi_fill, cabi_dump, cabi_leave, cabi_system, _start
cabi_fill:                              /* the function */
    stp x29, x30, [sp, -176]!
    stp x18, x19, [sp, 16]
    stp x20, x21, [sp, 32]
    stp x22, x23, [sp, 48]
    stp x24, x25, [sp, 64]
    stp x26, x27, [sp, 80]
    str x28, [sp, 96]
    stp d8, d9, [sp, 112]
    stp d10, d11, [sp, 128]
    stp d12, d13, [sp, 144]
    stp d14, d15, [sp, 160]
    at x9, saved
    mov x10, sp
    mrs x11, fpcr
    stp x10, x11, [x9]
    mov x16, x0
    at x9, cabi_align
    ldr x9, [x9]
    sub x10, x10, WINDOW
    neg x11, x9, lsl 1
    and x10, x10, x11
    sub x10, x10, x9                    /* aligned to cabi_align, and no more */
    mov sp, x10
    at x17, cabi_call
    str x10, [x17, 248]
    add x11, x17, 784
    copy
    vectors ldp
    high_vectors ldp
    high ldp
    low ldp
    blr x16
    at x17, cabi_return
    low stp
    high stp
    vectors stp
    high_vectors stp
    mov x16, sp
    str x16, [x17, 248]
    mrs x16, fpcr
    str x16, [x17, 768]
cabi_leave:                            /* out of the function that was called last */
    at x9, saved
    ldp x10, x11, [x9]
    mov sp, x10
    msr fpcr, x11
    ldp x18, x19, [sp, 16]
    ldp x20, x21, [sp, 32]
    ldp x22, x23, [sp, 48]
    ldp x24, x25, [sp, 64]
    ldp x26, x27, [sp, 80]
    ldr x28, [sp, 96]
    ldp d8, d9, [sp, 112]
    ldp d10, d11, [sp, 128]
    ldp d12, d13, [sp, 144]
    ldp d14, d15, [sp, 160]
    ldp x29, x30, [sp], 176
    ret

cabi_dump:
    at x17, cabi_entry
    low stp
    high stp
    str x30, [x17, 240]
    mov x10, sp
    str x10, [x17, 248]
    vectors stp
    high_vectors stp
    mrs x11, fpcr
    str x11, [x17, 768]
    mov x11, x10
    add x10, x17, 784
    copy
    bl cabi_record
    at x17, cabi_entry
    ldp x30, x10, [x17, 240]
    mov sp, x10                         /* without the arguments that it pops */
    high_vectors ldp
    at x9, cabi_escapes
    ldr w9, [x9]
    cbnz w9, cabi_leave
    at x17, cabi_result
    vectors ldp
    low ldp
    ret

_start:
    mov x0, sp
    bl cabi_start
cabi_system:                            /* number, and four arguments */
    mov x8, x0
    mov x0, x1
    mov x1, x2
    mov x2, x3
    mov x3, x4
    mov x4, 0
    svc 0
    ret
    .bss
    .balign 16
saved:
    .zero 16
    .section .note.GNU-stack, "", @progbits
