; _Complex long double (_Complex long double)
; 37 instructions
push rbp
mov rbp,rsp
sub rsp,50h
mov [rsp+40h],r13
mov r8,rdx
mov r13,rsi
mov rax,[rdi]
movzx rcx,word ptr [rdi+8]
mov rdx,[rdi+10h]
movzx rsi,word ptr [rdi+18h]
mov [rsp],rax
mov [rsp+8],rcx
mov [rsp+10h],rdx
mov [rsp+18h],rsi
mov rax,r8
mov r9,rdi
mov rcx,r9
mov rdx,r9
mov rsi,r9
mov r8,r9
call rax
lea rdi,[rsp+20h]
call 0000000000000055h
mov rax,[rsp+20h]
movzx rcx,word ptr [rsp+28h]
mov rdx,[rsp+30h]
movzx rsi,word ptr [rsp+38h]
mov rdi,r13
mov [rdi],rax
mov [rdi+8],cx
mov [rdi+10h],rdx
mov [rdi+18h],si
mov r13,[rsp+40h]
add rsp,50h
mov rsp,rbp
pop rbp
ret
