; int (int, int)
; 16 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov r12,rsi
mov r8d,[rdi]
mov esi,[rdi+4]
mov rdi,r8
call rdx
mov rsi,r12
mov [rsi],eax
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
