; struct s (struct s)
; 20 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov r12,rsi
movzx rsi,word ptr [rdi]
movzx r8,byte ptr [rdi+2]
shl r8,10h
mov rdi,rsi
or rdi,r8
call rdx
mov rsi,r12
mov [rsi],ax
shr rax,10h
mov [rsi+2],al
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
