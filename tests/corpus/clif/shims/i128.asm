; __int128 (__int128, __int128)
; 20 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov rax,rdx
mov r12,rsi
mov r9,[rdi]
mov rsi,[rdi+8]
mov rdx,[rdi+10h]
mov rcx,[rdi+18h]
mov rdi,r9
call rax
mov rsi,r12
mov [rsi],rax
mov [rsi+8],rdx
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
