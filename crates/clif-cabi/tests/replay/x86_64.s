# enter and the dumps of the probe on x86-64.

# Fills every register that a state has from the state at r11.
.macro cabi_probe_load
.irp i, 0, 1, 2, 3, 4, 5, 6, 7
movups xmm\i, [r11 + 128 + 16 * \i]
.endr
mov rax, [r11]
mov rcx, [r11 + 8]
mov rdx, [r11 + 16]
mov rsi, [r11 + 48]
mov rdi, [r11 + 56]
.irp i, 8, 9, 10
mov r\i, [r11 + 8 * \i]
.endr
.endm

# Fills the state at r11 from them.
.macro cabi_probe_store
.irp i, 0, 1, 2, 3, 4, 5, 6, 7
movups [r11 + 128 + 16 * \i], xmm\i
.endr
mov [r11], rax
mov [r11 + 8], rcx
mov [r11 + 16], rdx
mov [r11 + 48], rsi
mov [r11 + 56], rdi
.irp i, 8, 9, 10
mov [r11 + 8 * \i], r\i
.endr
.endm

# Records registers and stack, all registers preserved. It pushes 24 bytes: the stack at entry is at
# [rsp + 24], the bytes above the return address at [rsp + 32].
.macro cabi_probe_record
push r11
push rax
push rcx
lea r11, [rip + {recorded}]
cabi_probe_store
lea rax, [rsp + 24]
mov [r11 + 32], rax
xor ecx, ecx
2: mov rax, [rsp + 32 + rcx]
mov [r11 + 256 + rcx], rax
add ecx, 8
cmp ecx, {stack_bytes}
jb 2b
pop rcx
pop rax
pop r11
.endm

.text
.globl {enter}, {dump}, {dump_only}, {dump_popping}
# rdi: the code, rsi: the state to give it, rdx: the state to record.
{enter}:
push rbp
mov rbp, rsp
push rbx
push r12
push r13
push r14
mov rbx, rdi
mov r12, rsi
mov r13, rdx
# The return address and five pushes: 16-aligned here, and at the call.
sub rsp, {stack_bytes}
xor ecx, ecx
2: mov rax, [r12 + 256 + rcx]
mov [rsp + rcx], rax
add ecx, 8
cmp ecx, {stack_bytes}
jb 2b
lea rax, [rsp - 8]
mov [r13 + 32], rax
mov r11, r12
cabi_probe_load
call rbx
mov r11, r13
cabi_probe_store
mov [r13 + 40], rsp
lea rsp, [rbp - 32]
pop r14
pop r13
pop r12
pop rbx
pop rbp
ret

# Answers in rax, rdx, xmm0 and xmm1, and changes nothing else but r11; touches no shadow space.
{dump}:
cabi_probe_record
lea r11, [rip + {answer}]
mov rax, [r11]
mov rdx, [r11 + 16]
movups xmm0, [r11 + 128]
movups xmm1, [r11 + 144]
ret

{dump_only}:
cabi_probe_record
ret

# Answers in every register that a result of `tail` can be in.
{dump_popping}:
cabi_probe_record
lea r11, [rip + {answer}]
cabi_probe_load
pop r11
add rsp, [rip + {popped}]
push r11
ret
