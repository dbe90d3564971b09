; long double (long double, long double)
; 26 instructions
push rbp
mov rbp,rsp
sub rsp,40h
mov [rsp+30h],rbx
mov r10,[rdi]
movzx rcx,word ptr [rdi+8]
mov r8,[rdi+10h]
movzx r9,word ptr [rdi+18h]
mov [rsp],r10
mov [rsp+8],rcx
mov [rsp+10h],r8
mov [rsp+18h],r9
mov rbx,rsi
mov rdi,r10
call rdx
lea rdi,[rsp+20h]
call 0000000000000043h
mov rax,[rsp+20h]
movzx rcx,word ptr [rsp+28h]
mov [rbx],rax
mov [rbx+8],cx
mov rbx,[rsp+30h]
add rsp,40h
mov rsp,rbp
pop rbp
ret
