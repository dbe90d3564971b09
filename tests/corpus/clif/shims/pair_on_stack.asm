; struct ll (long long, long long, long long, long long, long long, struct ll, long long)
; 27 instructions
push rbp
mov rbp,rsp
sub rsp,20h
mov [rsp+10h],r14
mov r11,rdx
mov r14,rsi
mov rax,[rdi]
mov rsi,[rdi+8]
mov rdx,[rdi+10h]
mov rcx,[rdi+18h]
mov r8,[rdi+20h]
mov r9,[rdi+38h]
mov r10,[rdi+28h]
mov rdi,[rdi+30h]
mov [rsp],r10
mov [rsp+8],rdi
mov rdi,rax
mov rax,r11
call rax
mov rsi,r14
mov [rsi],rax
mov [rsi+8],rdx
mov r14,[rsp+10h]
add rsp,20h
mov rsp,rbp
pop rbp
ret
