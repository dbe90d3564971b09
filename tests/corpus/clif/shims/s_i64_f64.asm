; struct s (struct s)
; 17 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov r12,rsi
mov r8,[rdi]
movsd xmm0,[rdi+8]
mov rdi,r8
call rdx
mov rsi,r12
mov [rsi],rax
movsd [rsi+8],xmm0
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
