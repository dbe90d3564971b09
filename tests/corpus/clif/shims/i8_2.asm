; signed char (signed char, signed char)
; 17 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r12
mov r12,rsi
movzx r8,byte ptr [rdi]
movzx r9,byte ptr [rdi+1]
movsx rdi,r8b
movsx rsi,r9b
call rdx
mov rsi,r12
mov [rsi],al
mov r12,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
