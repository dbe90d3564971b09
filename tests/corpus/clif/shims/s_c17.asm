; struct s (struct s)
; 20 instructions
push rbp
mov rbp,rsp
sub rsp,20h
mov rax,rdx
mov r10,[rdi]
mov r8,[rdi+8]
movzx r9,byte ptr [rdi+10h]
mov [rsp],r10
mov [rsp+8],r8
mov [rsp+10h],r9
mov r9,rsi
mov rcx,r9
mov rdx,r9
mov rdi,r9
mov r8,r9
call rax
add rsp,20h
mov rsp,rbp
pop rbp
ret
