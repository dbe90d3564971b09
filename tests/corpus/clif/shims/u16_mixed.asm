; unsigned short (unsigned short, signed char, unsigned char)
; 21 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov rcx,rdx
mov r12,rsi
movzx r10,word ptr [rdi]
movzx r11,byte ptr [rdi+2]
movzx rax,byte ptr [rdi+3]
movzx rdi,r10w
movsx rsi,r11b
movzx rdx,al
mov rax,rcx
call rax
mov rsi,r12
mov [rsi],ax
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
