; double (int, double, long long, float, unsigned char, short)
; 24 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r13
mov r8,rdx
mov r13,rsi
mov eax,[rdi]
movsd xmm0,[rdi+8]
mov rsi,[rdi+10h]
movss xmm1,[rdi+18h]
movzx rcx,byte ptr [rdi+1Ch]
movzx rdi,word ptr [rdi+1Eh]
movzx rdx,cl
movsx rcx,di
mov rdi,rax
mov rax,r8
call rax
mov rsi,r13
movsd [rsi],xmm0
mov r13,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
