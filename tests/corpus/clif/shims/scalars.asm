; double (int, double, long long, float, unsigned char, short)
; 21 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov rax,rdx
mov r12,rsi
mov r10d,[rdi]
movsd xmm0,[rdi+8]
mov rsi,[rdi+10h]
movss xmm1,[rdi+18h]
movzx rdx,byte ptr [rdi+1Ch]
movsx rcx,word ptr [rdi+1Eh]
mov rdi,r10
call rax
mov rsi,r12
movsd [rsi],xmm0
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
