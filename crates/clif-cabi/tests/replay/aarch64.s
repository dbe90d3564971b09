// enter and the dumps of the probe for AArch64, with the relocations of ELF.

// `load` or `store` of x0 to x8 and v0 to v7 in the state at x9, by these instructions for a pair
// and for one.
.macro cabi_probe_registers pair, one
\pair q0, q1, [x9, #128]
\pair q2, q3, [x9, #160]
\pair q4, q5, [x9, #192]
\pair q6, q7, [x9, #224]
\pair x0, x1, [x9]
\pair x2, x3, [x9, #16]
\pair x4, x5, [x9, #32]
\pair x6, x7, [x9, #48]
\one x8, [x9, #64]
.endm

// Records registers and stack, after which the answer is in all registers of results.
.macro cabi_probe_record
adrp x9, {recorded}
add x9, x9, :lo12:{recorded}
cabi_probe_registers stp, str
mov x10, sp
str x10, [x9, #120]
mov x10, #0
2: ldr x11, [sp, x10]
add x12, x9, x10
str x11, [x12, #256]
add x10, x10, #8
cmp x10, #{stack_bytes}
b.lo 2b
adrp x9, {answer}
add x9, x9, :lo12:{answer}
cabi_probe_registers ldp, ldr
.endm

.text
.globl {enter}, {dump}, {dump_popping}
// x0: the code, x1: the state to give it, x2: the state to record.
{enter}:
stp x29, x30, [sp, #-48]!
mov x29, sp
stp x19, x20, [sp, #16]
str x22, [sp, #32]
mov x19, x0
mov x20, x1
mov x22, x2
sub sp, sp, #{stack_bytes}
mov x9, #0
2: add x10, x20, x9
ldr x10, [x10, #256]
str x10, [sp, x9]
add x9, x9, #8
cmp x9, #{stack_bytes}
b.lo 2b
mov x9, sp
str x9, [x22, #120]
mov x9, x20
cabi_probe_registers ldp, ldr
blr x19
mov x9, x22
cabi_probe_registers stp, str
mov x10, sp
str x10, [x9, #112]
mov sp, x29
ldp x19, x20, [sp, #16]
ldr x22, [sp, #32]
ldp x29, x30, [sp], #48
ret

// Answers in x0 to x8 and v0 to v7, and changes nothing else but x9 to x12.
{dump}:
cabi_probe_record
ret

{dump_popping}:
cabi_probe_record
adrp x9, {popped}
ldr x9, [x9, #:lo12:{popped}]
add sp, sp, x9
ret
