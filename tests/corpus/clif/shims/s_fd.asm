; struct s (struct s)
; 16 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov r12,rsi
movss xmm0,[rdi]
movsd xmm1,[rdi+8]
call rdx
mov rsi,r12
movss [rsi],xmm0
movsd [rsi+8],xmm1
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
