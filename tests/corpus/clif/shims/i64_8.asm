; long long (long long, long long, long long, long long, long long, long long, long long, long long)
; 26 instructions
push rbp
mov rbp,rsp
sub rsp,20h
mov [rsp+10h],r13
mov r11,rdx
mov r13,rsi
mov rax,[rdi]
mov rsi,[rdi+8]
mov rdx,[rdi+10h]
mov rcx,[rdi+18h]
mov r8,[rdi+20h]
mov r9,[rdi+28h]
mov r10,[rdi+30h]
mov rdi,[rdi+38h]
mov [rsp],r10
mov [rsp+8],rdi
mov rdi,rax
mov rax,r11
call rax
mov rsi,r13
mov [rsi],rax
mov r13,[rsp+10h]
add rsp,20h
mov rsp,rbp
pop rbp
ret
