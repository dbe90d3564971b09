; double (int, double, struct dl, long long, float, signed char, short, struct ll, struct ll, unsigned int)
; 37 instructions
push rbp
mov rbp,rsp
sub rsp,40h
mov [rsp+20h],rbx
mov [rsp+28h],r12
mov [rsp+30h],r13
mov r12,rsi
mov r13,rdx
mov eax,[rdi]
movsd xmm0,[rdi+8]
movsd xmm1,[rdi+10h]
mov rsi,[rdi+18h]
mov rdx,[rdi+20h]
movss xmm2,[rdi+28h]
movsx rcx,byte ptr [rdi+2Ch]
movsx r8,word ptr [rdi+2Eh]
mov r9d,[rdi+50h]
mov r10,[rdi+30h]
mov r11,[rdi+38h]
mov rbx,[rdi+40h]
mov rdi,[rdi+48h]
mov [rsp],r10
mov [rsp+8],r11
mov [rsp+10h],rbx
mov [rsp+18h],rdi
mov rdi,rax
mov rax,r13
call rax
mov rsi,r12
movsd [rsi],xmm0
mov rbx,[rsp+20h]
mov r12,[rsp+28h]
mov r13,[rsp+30h]
add rsp,40h
mov rsp,rbp
pop rbp
ret
