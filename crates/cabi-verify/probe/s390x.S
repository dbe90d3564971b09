/* s390x: a function that calls another with everything as an image has it, and a callee of any type
   (x86_64.S says more).

   image:    0  r0 to r15, 8 bytes each; r1 and r14 are not filled
           128  f0 to f15, 8 bytes each
           256  the floating-point control register
           264  the stack, of which the first 160 bytes belong to a callee */
    .text
    .macro floats do, base
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \do %f\i, 128 + 8 * \i(\base)
    .endr
    .endm
    .macro copy                         /* WINDOW bytes from r5 to r4 */
    lghi %r0, WINDOW / 256
1:  mvc 0(256, %r4), 0(%r5)
    la %r4, 256(%r4)
    la %r5, 256(%r5)
    brctg %r0, 1b
    .endm

    .globl cabi_fill, cabi_dump, cabi_leave, cabi_system, _start
cabi_fill:                              /* the function */
    stmg %r6, %r15, 48(%r15)
    larl %r1, saved
    stg %r15, 0(%r1)
    stfpc 8(%r1)
    .irp i, 8, 9, 10, 11, 12, 13, 14, 15
    std %f\i, 8 * \i - 48(%r1)
    .endr
    lgr %r1, %r2
    larl %r3, cabi_align
    lg %r3, 0(%r3)
    lgr %r4, %r15
    aghi %r4, -WINDOW
    sllg %r5, %r3, 1
    lcgr %r5, %r5
    ngr %r4, %r5
    sgr %r4, %r3                        /* aligned to cabi_align, and no more */
    lgr %r15, %r4
    larl %r14, cabi_call
    stg %r15, 120(%r14)
    la %r5, 264(%r14)
    copy
    floats ld, %r14
    lg %r0, 0(%r14)
    lmg %r2, %r13, 16(%r14)
    basr %r14, %r1
    larl %r1, cabi_return
    stmg %r2, %r15, 16(%r1)
    floats std, %r1
    stfpc 256(%r1)
cabi_leave:                            /* out of the function that was called last */
    larl %r1, saved
    lg %r15, 0(%r1)
    lfpc 8(%r1)
    .irp i, 8, 9, 10, 11, 12, 13, 14, 15
    ld %f\i, 8 * \i - 48(%r1)
    .endr
    lmg %r6, %r15, 48(%r15)
    br %r14

cabi_dump:
    larl %r1, cabi_entry
    stg %r0, 0(%r1)
    stmg %r2, %r15, 16(%r1)
    floats std, %r1
    stfpc 256(%r1)
    la %r4, 264(%r1)
    lgr %r5, %r15
    copy
    aghi %r15, -160
    brasl %r14, cabi_record
    aghi %r15, 160
    larl %r1, cabi_entry
    lg %r14, 112(%r1)
    larl %r1, cabi_escapes
    l %r1, 0(%r1)
    ltr %r1, %r1
    jne cabi_leave
    larl %r1, cabi_result
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7
    ld %f\i, 128 + 8 * \i(%r1)
    .endr
    lmg %r2, %r5, 16(%r1)
    br %r14

_start:
    lgr %r2, %r15
    aghi %r15, -160
    brasl %r14, cabi_start
cabi_system:                            /* number, and four arguments */
    lgr %r1, %r2
    lgr %r2, %r3
    lgr %r3, %r4
    lgr %r4, %r5
    lgr %r5, %r6
    svc 0
    br %r14
    .bss
    .balign 8
saved:
    .zero 80
    .section .note.GNU-stack, "", @progbits
