; _Complex long double (_Complex long double)
; 30 instructions
push rbp
mov rbp,rsp
sub rsp,50h
mov [rsp+40h],rbx
mov rax,[rdi]
movzx rcx,word ptr [rdi+8]
mov r8,[rdi+10h]
movzx r9,word ptr [rdi+18h]
mov [rsp],rax
mov [rsp+8],rcx
mov [rsp+10h],r8
mov [rsp+18h],r9
mov rbx,rsi
mov rdi,rax
call rdx
lea rdi,[rsp+20h]
call 0000000000000043h
mov rax,[rsp+20h]
movzx rcx,word ptr [rsp+28h]
mov rdx,[rsp+30h]
movzx rsi,word ptr [rsp+38h]
mov [rbx],rax
mov [rbx+8],cx
mov [rbx+10h],rdx
mov [rbx+18h],si
mov rbx,[rsp+40h]
add rsp,50h
mov rsp,rbp
pop rbp
ret
