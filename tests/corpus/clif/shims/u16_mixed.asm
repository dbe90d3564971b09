; unsigned short (unsigned short, signed char, unsigned char)
; 18 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov rax,rdx
mov r12,rsi
movzx r8,word ptr [rdi]
movsx rsi,byte ptr [rdi+2]
movzx rdx,byte ptr [rdi+3]
mov rdi,r8
call rax
mov rsi,r12
mov [rsi],ax
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
