# enter, thunk and escape of boundary.rs on x86-64. The numbers are offsets in an Image.
.set n_rax, 0
.set n_rcx, 1
.set n_rdx, 2
.set n_rbx, 3
.set n_rsp, 4
.set n_rbp, 5
.set n_rsi, 6
.set n_rdi, 7
.irp i, 8, 9, 10, 11, 12, 13, 14, 15
.set n_r\i, \i
.endr

# Writes an Image down, changing nothing but memory below rsp; then clears the direction flag.
.macro cabi_write_down image
.irp reg, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
mov [rip + {state} + \image + 8 * n_\reg], \reg
.endr
pushfq
pop qword ptr [rip + {state} + \image + 128]
cld
stmxcsr dword ptr [rip + {state} + \image + 136]
fnstcw word ptr [rip + {state} + \image + 144]
.irp i, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
movups [rip + {state} + \image + 16 * \i + 64], xmm\i
.endr
.endm

# Fills each of the registers whose number's bit is set at `mask`, from `from` and so many bytes times its number.
.macro cabi_fill mask, from, step, registers:vararg
.irp reg, \registers
test dword ptr [rip + {state} + \mask], 1 << n_\reg
je 9f
mov \reg, [rip + {state} + \from + \step * n_\reg]
9:
.endr
.endm

.macro cabi_fill_vectors mask, from, numbers:vararg
.irp i, \numbers
test dword ptr [rip + {state} + \mask], 1 << (16 + \i)
je 9f
movups xmm\i, [rip + {state} + \from]
9:
.endr
.endm

.text
.globl {enter}, {escape}, {thunk}
# enter(function, a, b, c) calls function(a, b, c).
{enter}:
push rbp
push rbx
push r12
push r13
push r14
push r15
sub rsp, 8
mov [rip + {state} + {sp}], rsp
sub rsp, [rip + {state} + {phase}]
stmxcsr dword ptr [rip + {state} + {own}]
fnstcw word ptr [rip + {state} + {own} + 4]
mov rax, rdi
mov rdi, rsi
mov rsi, rdx
mov rdx, rcx
# Values that occur nowhere else.
movabs rbx, 0x5bb15bb15bb15bb1
movabs rbp, 0x5bb25bb25bb25bb2
movabs r12, 0x5bb35bb35bb35bb3
movabs r13, 0x5bb45bb45bb45bb4
movabs r14, 0x5bb55bb55bb55bb5
movabs r15, 0x5bb65bb65bb65bb6
cabi_write_down {entry}
call rax
cabi_write_down {exit}
mov qword ptr [rip + {state} + {entered}], 1
jmp {escape}

# Goes back to where `enter` was called, with what that expects.
{escape}:
cld
mov rsp, [rip + {state} + {sp}]
# Masks exceptions after it has written them down.
fnstenv [rip + {state} + {own} + 8]
fninit
fldcw word ptr [rip + {state} + {own} + 4]
ldmxcsr dword ptr [rip + {state} + {own}]
add rsp, 8
pop r15
pop r14
pop r13
pop r12
pop rbx
pop rbp
ret

# Calls the target with all registers and the stack as they are.
{thunk}:
cabi_write_down {call}
inc qword ptr [rip + {state} + {calls}]
# Argument registers that hold no argument.
cabi_fill {unpassed}, {unpassed_filling}, 0, rcx, rdx, rsi, rdi, r8, r9
cabi_fill_vectors {unpassed}, {unpassed_filling}, 0, 1, 2, 3, 4, 5, 6, 7
# The arguments stay where they are.
pop qword ptr [rip + {state} + {return_address}]
call qword ptr [rip + {state} + {target}]
push qword ptr [rip + {state} + {return_address}]
cabi_write_down {after}
inc qword ptr [rip + {state} + {returns}]
# Registers that the target should have left.
mov rsp, [rip + {state} + {call} + 8 * n_rsp]
add rsp, 8
push qword ptr [rip + {state} + {return_address}]
.irp reg, rbx, rbp, r9, r11, r12, r13, r14, r15
mov \reg, [rip + {state} + {call} + 8 * n_\reg]
.endr
ldmxcsr dword ptr [rip + {state} + {call} + 136]
fldcw word ptr [rip + {state} + {call} + 144]
# Registers that it may change, and the shadow space.
cmp qword ptr [rip + {state} + {own} + 40], 0
je 9f
.irp at, 8, 16, 24, 32
mov qword ptr [rsp + \at], 0x5b5b5b5b
.endr
9:
cabi_fill {fill}, {filling}, 8, rax, rcx, rdx, rbx, rsi, rdi, r8, r9, r10, r11
cabi_fill_vectors {fill}, {filling} + 8 * {vector}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
ret
