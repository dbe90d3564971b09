// enter, thunk and escape of boundary.rs on AArch64. The numbers are offsets in an Image, and in the frame of `enter`.

// Puts the address of the state into x16.
.macro cabi_state
adrp x16, {state}
add x16, x16, :lo12:{state}
.endm

// Stores or loads the registers that `enter` has to keep for its caller.
.macro cabi_frame move
.irp i, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
\move x\i, [sp, 8 * \i - 152]
.endr
.irp i, 8, 9, 10, 11, 12, 13, 14, 15
\move d\i, [sp, 8 * \i + 32]
.endr
.endm

// Writes an Image down, changing nothing but x16 and x17.
.macro cabi_write_down image
cabi_state
add x17, x16, \image
.irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
str x\i, [x17, 8 * \i]
.endr
mov x9, sp
str x9, [x17, 248]
.irp i, 8, 9, 10, 11, 12, 13, 14, 15
str d\i, [x17, 8 * \i + 192]
.endr
mrs x9, fpcr
str x9, [x17, 320]
ldr x9, [x17, 72]
.endm

// Adds 1 to a field.
.macro cabi_count field
ldr x17, [x16, \field]
add x17, x17, 1
str x17, [x16, \field]
.endm

// Fills each of the registers whose bit is set in x17: `bit` is that of register 0.
.macro cabi_fill bank, bit, from, step, numbers:vararg
.irp i, \numbers
tbz x17, \bit + \i, 9f
ldr \bank\i, [x16, \from + \step * \i]
9:
.endr
.endm

.text
.globl {enter}, {escape}, {thunk}
// enter(function, a, b, c) calls function(a, b, c).
{enter}:
sub sp, sp, 160
cabi_frame str
cabi_state
mrs x17, fpcr
str x17, [x16, {own}]
mov x17, sp
str x17, [x16, {sp}]
ldr x9, [x16, {phase}]
sub x17, x17, x9
mov sp, x17
mov x9, x0
mov x0, x1
mov x1, x2
mov x2, x3
// Values that occur nowhere else.
.irp i, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28
mov x\i, 0x5bb0 + \i
.endr
.irp i, 8, 9, 10, 11, 12, 13, 14, 15
mov x17, 0x5bb0 + \i
fmov d\i, x17
.endr
cabi_write_down {entry}
blr x9
cabi_write_down {exit}
mov x17, 1
str x17, [x16, {entered}]

// Goes back to where `enter` was called, with what that expects.
{escape}:
cabi_state
ldr x17, [x16, {own}]
msr fpcr, x17
ldr x17, [x16, {sp}]
mov sp, x17
cabi_frame ldr
add sp, sp, 160
ret

// Calls the target with all registers and the stack as they are, but x16 and x17, which any call may change.
{thunk}:
cabi_write_down {call}
cabi_count {calls}
str x30, [x16, {return_address}]
// Argument registers that hold no argument.
ldr x17, [x16, {unpassed}]
cabi_fill x, 0, {unpassed_filling}, 0, 0, 1, 2, 3, 4, 5, 6, 7
cabi_fill q, 32, {unpassed_filling}, 0, 0, 1, 2, 3, 4, 5, 6, 7
// The arguments stay where they are.
ldr x17, [x16, {target}]
blr x17
cabi_write_down {after}
cabi_count {returns}
// Registers that the target should have left.
add x17, x16, {call}
.irp i, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
ldr x\i, [x17, 8 * \i]
.endr
ldr x30, [x17, 248]
mov sp, x30
ldr x30, [x17, 320]
msr fpcr, x30
.irp i, 8, 9, 10, 11, 12, 13, 14, 15
ldr d\i, [x17, 8 * \i + 192]
.endr
// Registers that it may change.
ldr x17, [x16, {fill}]
cabi_fill x, 0, {filling}, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
cabi_fill q, 32, {filling}+8*{vector}, 0, 0, 1, 2, 3, 4, 5, 6, 7
cabi_fill q, 32, {filling}+8*{vector}, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
// The low half of these is the caller's.
ldr x30, [x16, {filling} + 8 * {vector} + 8]
.irp i, 8, 9, 10, 11, 12, 13, 14, 15
mov v\i\().d[1], x30
.endr
ldr x30, [x16, {return_address}]
ret
