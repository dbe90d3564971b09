; signed char (signed char, signed char)
; 16 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov r12,rsi
movsx r8,byte ptr [rdi]
movsx rsi,byte ptr [rdi+1]
mov rdi,r8
call rdx
mov rsi,r12
mov [rsi],al
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
