# The two sides of assembly.rs, for each width of vector registers. rsi and rdi are the callee's to save in Win64.
.macro cabi_probe_sides callee, caller, move, bank
.globl \callee, \caller
\callee:
mov [rip + {dump}], rax
mov [rip + {dump} + 8], rcx
mov [rip + {dump} + 16], rdx
mov [rip + {dump} + 24], rbx
mov [rip + {dump} + 32], rsp
mov [rip + {dump} + 48], rsi
mov [rip + {dump} + 56], rdi
mov [rip + {dump} + 64], r8
mov [rip + {dump} + 72], r9
mov [rip + {dump} + 80], r10
.irp i, 0, 1, 2, 3, 4, 5, 6, 7
\move [rip + {dump} + {vectors} + 64 * \i], \bank\i
.endr
# Empties the unit and forgets its control word, which is the first that it writes.
fnsave [rip + {dump} + {x87}]
fldcw word ptr [rip + {dump} + {x87}]
lea rsi, [rsp + 8]
lea rdi, [rip + {dump} + {stack}]
mov rcx, [rip + {dump} + {stack_bytes}]
rep movsb
# The result.
mov rax, [rip + {dump} + {given}]
mov rdx, [rip + {dump} + {given} + 16]
.irp i, 0, 1, 2, 3
\move \bank\i, [rip + {dump} + {given} + {vectors} + 64 * \i]
.endr
cmp qword ptr [rip + {dump} + {n_x87}], 2
jb 3f
fld tbyte ptr [rip + {dump} + {given} + {st0} + 10]
3: cmp qword ptr [rip + {dump} + {n_x87}], 1
jb 4f
fld tbyte ptr [rip + {dump} + {given} + {st0}]
4: mov rcx, [rip + {dump} + {address_at}]
test rcx, rcx
js 5f
lea rdi, [rip + {dump}]
mov rdi, [rdi + rcx]
mov rax, rdi
mov rsi, [rip + {dump} + {memory}]
mov rcx, [rip + {dump} + {memory_bytes}]
rep movsb
5: mov rdi, [rip + {dump} + 56]
mov rsi, [rip + {dump} + 48]
cmp qword ptr [rip + {dump} + {escape}], 0
jne 2f
ret
2: jmp [rip + {dump} + {escape}]

\caller:
push rbp
mov rbp, rsp
push rbx
push rcx
fnstcw word ptr [rbp - 16]
mov r11, rdi
lea rbx, [rip + {dump} + {given}]
mov rdx, [rip + {dump} + {n_x87}]
mov rcx, [rip + {dump} + {stack_bytes}]
mov rax, [rip + {dump} + {align}]
sub rsp, rcx
# To `align` and no more.
sub rsp, rax
mov rsi, rax
add rsi, rsi
neg rsi
and rsp, rsi
add rsp, rax
lea rsi, [rbx + {stack}]
mov rdi, rsp
rep movsb
# The last x87 register first.
lea rdx, [rdx + 4 * rdx]
lea rcx, [rbx + {st0}]
lea rdx, [rcx + 2 * rdx]
2: cmp rdx, rcx
je 3f
sub rdx, 10
fld tbyte ptr [rdx]
jmp 2b
3:
.irp i, 0, 1, 2, 3, 4, 5, 6, 7
\move \bank\i, [rbx + {vectors} + 64 * \i]
.endr
mov rax, [rbx]
mov rcx, [rbx + 8]
mov rdx, [rbx + 16]
mov rsi, [rbx + 48]
mov rdi, [rbx + 56]
mov r8, [rbx + 64]
mov r9, [rbx + 72]
mov r10, [rbx + 80]
mov rbx, [rbx + 24]
call r11
mov [rip + {dump}], rax
mov [rip + {dump} + 16], rdx
fnsave [rip + {dump} + {x87}]
fldcw word ptr [rbp - 16]
.irp i, 0, 1, 2, 3, 4, 5, 6, 7
\move [rip + {dump} + {vectors} + 64 * \i], \bank\i
.endr
lea rsp, [rbp - 8]
pop rbx
pop rbp
ret
.endm

.text
cabi_probe_sides {dump_xmm}, {load_xmm}, movups, xmm
cabi_probe_sides {dump_ymm}, {load_ymm}, vmovups, ymm
cabi_probe_sides {dump_zmm}, {load_zmm}, vmovups, zmm
