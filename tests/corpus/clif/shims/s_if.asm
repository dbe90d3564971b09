; struct s (struct s)
; 14 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov r12,rsi
mov rdi,[rdi]
call rdx
mov rsi,r12
mov [rsi],rax
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
