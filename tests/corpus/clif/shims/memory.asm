; struct s (struct s, int, struct s, long double, double)
; 49 instructions
push rbp
mov rbp,rsp
sub rsp,70h
mov [rsp+50h],rbx
mov [rsp+58h],r12
mov [rsp+60h],r13
mov [rsp+68h],r14
mov r13,rsi
mov r14,rdx
mov eax,[rdi+20h]
movsd xmm0,[rdi+50h]
mov rsi,[rdi]
mov r8,[rdi+8]
mov r9,[rdi+10h]
mov r10,[rdi+18h]
mov r11,[rdi+24h]
mov rbx,[rdi+2Ch]
movzx r12,byte ptr [rdi+34h]
mov rcx,[rdi+40h]
movzx rdx,word ptr [rdi+48h]
mov [rsp],rsi
mov [rsp+8],r8
mov [rsp+10h],r9
mov [rsp+18h],r10
mov [rsp+20h],r11
mov [rsp+28h],rbx
mov [rsp+30h],r12
mov [rsp+38h],rdi
mov [rsp+40h],rcx
mov [rsp+48h],rdx
mov r9,rdi
mov rdi,rax
mov rax,r14
mov rcx,r9
mov rdx,r9
mov rsi,r9
mov r8,r9
call rax
mov rsi,r13
movsd [rsi],xmm0
movsd [rsi+8],xmm1
mov rbx,[rsp+50h]
mov r12,[rsp+58h]
mov r13,[rsp+60h]
mov r14,[rsp+68h]
add rsp,70h
mov rsp,rbp
pop rbp
ret
