; struct s (struct s)
; 22 instructions
push rbp
mov rbp,rsp
sub rsp,30h
mov [rsp+20h],r13
mov rcx,[rdi]
mov r9,[rdi+8]
mov [rsp],rcx
mov [rsp+8],r9
mov r13,rsi
mov r8,r9
call rdx
lea rdi,[rsp+10h]
call 000000000000002Fh
mov rax,[rsp+10h]
movzx rcx,word ptr [rsp+18h]
mov [r13],rax
mov [r13+8],cx
mov r13,[rsp+20h]
add rsp,30h
mov rsp,rbp
pop rbp
ret
