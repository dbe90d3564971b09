; struct s (struct s)
; 28 instructions
push rbp
mov rbp,rsp
sub rsp,30h
mov [rsp+20h],r12
mov rax,rdx
mov r12,rsi
mov r8,[rdi]
mov r9,[rdi+8]
mov [rsp],r8
mov [rsp+8],r9
mov r9,rdi
mov rcx,r9
mov rdx,r9
mov rsi,r9
mov r8,r9
call rax
lea rdi,[rsp+10h]
call 000000000000003Eh
mov rax,[rsp+10h]
movzx rcx,word ptr [rsp+18h]
mov rsi,r12
mov [rsi],rax
mov [rsi+8],cx
mov r12,[rsp+20h]
add rsp,30h
mov rsp,rbp
pop rbp
ret
