; float (float, float)
; 15 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov r12,rsi
movss xmm0,[rdi]
movss xmm1,[rdi+4]
call rdx
mov rsi,r12
movss [rsi],xmm0
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
