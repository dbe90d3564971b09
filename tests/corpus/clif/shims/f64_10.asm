; double (double, double, double, double, double, double, double, double, double, double)
; 25 instructions
push rbp
mov rbp,rsp
sub rsp,20h
mov [rsp+10h],r15
mov r15,rsi
movsd xmm0,[rdi]
movsd xmm1,[rdi+8]
movsd xmm2,[rdi+10h]
movsd xmm3,[rdi+18h]
movsd xmm4,[rdi+20h]
movsd xmm5,[rdi+28h]
movsd xmm6,[rdi+30h]
movsd xmm7,[rdi+38h]
movsd xmm14,[rdi+40h]
movsd xmm15,[rdi+48h]
movsd [rsp],xmm14
movsd [rsp+8],xmm15
call rdx
mov rsi,r15
movsd [rsi],xmm0
mov r15,[rsp+10h]
add rsp,20h
mov rsp,rbp
pop rbp
ret
