; void (void *, long long)
; 9 instructions
push rbp
mov rbp,rsp
mov r8,[rdi]
mov rsi,[rdi+8]
mov rdi,r8
call rdx
mov rsp,rbp
pop rbp
ret
