; double (int, ..., double, double, double, double)
; 20 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov r12,rsi
mov r9d,[rdi]
movsd xmm0,[rdi+8]
movsd xmm1,[rdi+10h]
movsd xmm2,[rdi+18h]
movsd xmm3,[rdi+20h]
mov rsi,rdx
mov rdi,r9
call 0000000000000031h
mov rsi,r12
movsd [rsi],xmm0
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
