; double (double, double)
; 15 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov r12,rsi
movsd xmm0,[rdi]
movsd xmm1,[rdi+8]
call rdx
mov rsi,r12
movsd [rsi],xmm0
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
