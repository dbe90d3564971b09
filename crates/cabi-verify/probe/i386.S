/* i386: a function that calls another with everything as an image has it, and a callee of any type
   (x86_64.S says more).

   image:    0  eax ecx edx ebx esp ebp esi edi, 4 bytes each
            32  the x87 unit as fnsave has it; its registers are at 60, 10 bytes each
           140  flags
           144  the stack: the argument area and above, WINDOW bytes */
    .intel_syntax noprefix
    .text
    .macro general                      /* all but eax, to the image at eax */
    mov [eax + 4], ecx
    mov [eax + 8], edx
    mov [eax + 12], ebx
    mov [eax + 16], esp
    mov [eax + 20], ebp
    mov [eax + 24], esi
    mov [eax + 28], edi
    pushfd
    pop dword ptr [eax + 140]
    fnsave [eax + 32]
    fldcw [eax + 32]
    cld
    .endm

    .globl cabi_fill, cabi_dump, cabi_leave, cabi_system, _start
cabi_fill:                              /* the function */
    mov eax, [esp + 4]
    push ebp
    push ebx
    push esi
    push edi
    mov saved, esp
    fnstcw saved + 4
    mov saved + 8, eax
    mov eax, cabi_align
    sub esp, WINDOW
    lea ecx, [eax + eax]
    neg ecx
    and esp, ecx
    sub esp, eax                        /* aligned to cabi_align, and no more */
    lea esi, cabi_call + 144
    mov edi, esp
    mov ecx, WINDOW
    rep movsb
    mov cabi_call + 16, esp
    mov eax, cabi_call
    mov ecx, cabi_call + 4
    mov edx, cabi_call + 8
    mov ebx, cabi_call + 12
    mov ebp, cabi_call + 20
    mov esi, cabi_call + 24
    mov edi, cabi_call + 28
    call dword ptr saved + 8
    mov cabi_return, eax
    lea eax, cabi_return
    general
cabi_leave:                            /* out of the function that was called last */
    fninit
    cld
    mov esp, saved
    fldcw saved + 4
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret

cabi_dump:
    mov cabi_entry, eax
    lea eax, cabi_entry
    general
    lea esi, [esp + 4]
    lea edi, [eax + 144]
    mov ecx, WINDOW
    rep movsb
    and esp, -64
    call cabi_record
    mov esp, cabi_entry + 16
    mov esi, cabi_entry + 24
    mov edi, cabi_entry + 28
    cmp dword ptr cabi_x87, 1
    jb 1f
    fld tbyte ptr cabi_result + 60
1:  cmp dword ptr cabi_escapes, 0
    jne cabi_leave
    mov eax, cabi_result
    mov edx, cabi_result + 8
    ret

_start:
    mov eax, esp
    and esp, -64
    sub esp, 12
    push eax
    call cabi_start
cabi_system:                            /* number, and four arguments */
    push ebx
    push esi
    mov eax, [esp + 12]
    mov ebx, [esp + 16]
    mov ecx, [esp + 20]
    mov edx, [esp + 24]
    mov esi, [esp + 28]
    int 0x80
    pop esi
    pop ebx
    ret
    .bss
    .balign 16
saved:
    .zero 16
    .section .note.GNU-stack, "", @progbits
