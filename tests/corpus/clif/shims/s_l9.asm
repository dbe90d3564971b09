; struct s (struct s)
; 21 instructions
push rbp
mov rbp,rsp
sub rsp,60h
mov [rsp+50h],r12
mov [rsp+58h],r13
mov r13,rsi
mov r12,rdx
mov rsi,rdi
lea rdi,[rsp]
mov edx,48h
mov r8,0
call r8
mov rdx,r12
mov rdi,r13
call rdx
mov r12,[rsp+50h]
mov r13,[rsp+58h]
add rsp,60h
mov rsp,rbp
pop rbp
ret
