/* x86-64: `cabi_fill_*` calls a function with every register and the stack as an image has them,
   and writes down how it returns; `cabi_dump_*` is a callee of any type, which writes everything
   down and returns what an image has. One of each for vector registers of 16, 32 and 64 bytes.

   image:    0  rax rcx rdx rbx rsp rbp rsi rdi r8 to r15, 8 bytes each
           128  vector registers 0 to 15, 64 bytes each
          1152  the x87 unit as fnsave has it; its registers are at 1180, 10 bytes each
          1264  MXCSR
          1272  flags
          1280  the stack: the argument area and above, WINDOW bytes */
    .intel_syntax noprefix
    .text

    .macro sides width, move
    .globl cabi_fill_\width, cabi_dump_\width
cabi_fill_\width:                       /* of System V: the function */
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    mov [rip + saved], rsp
    stmxcsr [rip + saved + 8]
    fnstcw [rip + saved + 12]
    mov [rip + saved + 16], rdi
    mov rax, [rip + cabi_align]
    sub rsp, WINDOW
    lea rcx, [rax + rax]
    neg rcx
    and rsp, rcx
    sub rsp, rax                        /* aligned to cabi_align, and no more */
    lea rbx, [rip + cabi_call]
    lea rsi, [rbx + 1280]
    mov rdi, rsp
    mov ecx, WINDOW
    cld
    rep movsb
    .irp i, 6, 5, 4, 3, 2, 1, 0
    cmp dword ptr [rip + cabi_x87_filled], \i
    jbe 1f
    fld tbyte ptr [rbx + 1180 + 10 * \i]
1:
    .endr
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \move \width\i, [rbx + 128 + 64 * \i]
    .endr
    mov rax, [rbx]
    mov rcx, [rbx + 8]
    mov rdx, [rbx + 16]
    mov rbp, [rbx + 40]
    mov rsi, [rbx + 48]
    mov rdi, [rbx + 56]
    mov r8, [rbx + 64]
    mov r9, [rbx + 72]
    mov r10, [rbx + 80]
    mov r11, [rbx + 88]
    mov r12, [rbx + 96]
    mov r13, [rbx + 104]
    mov r14, [rbx + 112]
    mov r15, [rbx + 120]
    mov rbx, [rbx + 24]
    mov [rip + cabi_call + 32], rsp
    call qword ptr [rip + saved + 16]
    mov [rip + cabi_return], rax
    lea rax, [rip + cabi_return]
    general
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \move [rax + 128 + 64 * \i], \width\i
    .endr
    jmp restore

cabi_dump_\width:
    mov [rip + cabi_entry], rax
    lea rax, [rip + cabi_entry]
    general
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \move [rax + 128 + 64 * \i], \width\i
    .endr
    pushfq
    pop qword ptr [rax + 1272]
    cld
    stmxcsr [rax + 1264]
    fnsave [rax + 1152]
    fldcw [rax + 1152]
    lea rsi, [rsp + 8]
    lea rdi, [rax + 1280]
    mov ecx, WINDOW
    rep movsb
    and rsp, -64
    call cabi_record                    /* copies what is pointed to, writes a result in memory */
    lea rax, [rip + cabi_entry]
    mov rsp, [rax + 32]
    mov rdi, [rax + 56]
    mov rsi, [rax + 48]
    .irp i, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \move \width\i, [rax + 128 + 64 * \i]
    .endr
    lea rcx, [rip + cabi_result]
    .irp i, 0, 1, 2, 3, 4, 5
    \move \width\i, [rcx + 128 + 64 * \i]
    .endr
    cmp dword ptr [rip + cabi_x87], 2
    jb 1f
    fld tbyte ptr [rcx + 1190]
1:  cmp dword ptr [rip + cabi_x87], 1
    jb 2f
    fld tbyte ptr [rcx + 1180]
2:  cmp dword ptr [rip + cabi_escapes], 0
    jne cabi_leave
    mov r11, [rax + 88]                 /* Zig's callees keep it */
    mov rax, [rcx]
    mov rdx, [rcx + 16]
    mov r8, [rcx + 64]
    mov r9, [rcx + 72]
    mov r10, [rcx + 80]
    mov rcx, [rcx + 8]
    ret
    .endm

    .macro general                      /* all but rax, to the image at rax */
    mov [rax + 8], rcx
    mov [rax + 16], rdx
    mov [rax + 24], rbx
    mov [rax + 32], rsp
    mov [rax + 40], rbp
    mov [rax + 48], rsi
    mov [rax + 56], rdi
    mov [rax + 64], r8
    mov [rax + 72], r9
    mov [rax + 80], r10
    mov [rax + 88], r11
    mov [rax + 96], r12
    mov [rax + 104], r13
    mov [rax + 112], r14
    mov [rax + 120], r15
    .endm

    sides xmm, movups
    sides ymm, vmovups
    sides zmm, vmovups

restore:                                /* the image is at rax */
    pushfq
    pop qword ptr [rax + 1272]
    stmxcsr [rax + 1264]
    fnsave [rax + 1152]
    jmp leave

    .globl cabi_dump, cabi_leave, cabi_spoil
cabi_spoil:                 /* changes what callees of System V may change, and says where it was */
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    mov eax, 0x5b5b5b09
    movq xmm\i, rax
    .endr
    mov edi, 0x5b5b5b00
    mov esi, 0x5b5b5b01
    mov edx, 0x5b5b5b02
    mov ecx, 0x5b5b5b03
    mov r8d, 0x5b5b5b04
    mov r9d, 0x5b5b5b05
    mov eax, 0x5b5b5b06
    mov r10d, 0x5b5b5b07
    mov r11d, 0x5b5b5b08
    ret
cabi_dump:                              /* the one for the vector registers that there are */
    jmp qword ptr [rip + cabi_chosen]
cabi_leave:                            /* out of the function that was called last */
    fninit
leave:
    cld
    mov rsp, [rip + saved]
    ldmxcsr [rip + saved + 8]
    fldcw [rip + saved + 12]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret

    .globl _start, cabi_system
_start:
    mov rdi, rsp
    and rsp, -64
    call cabi_start
    hlt
cabi_system:                            /* number, and four arguments */
    mov rax, rdi
    mov rdi, rsi
    mov rsi, rdx
    mov rdx, rcx
    mov r10, r8
    syscall
    ret
    .section .note.GNU-stack, "", @progbits
    .bss
    .balign 16
saved:
    .zero 24
