; long double (long double, long double)
; 32 instructions
push rbp
mov rbp,rsp
sub rsp,40h
mov [rsp+30h],r12
mov r12,rsi
mov r10,[rdi]
movzx r11,word ptr [rdi+8]
mov rax,[rdi+10h]
movzx rcx,word ptr [rdi+18h]
mov [rsp],r10
mov [rsp+8],r11
mov [rsp+10h],rax
mov [rsp+18h],rcx
mov rax,rdx
mov r9,rdi
mov rcx,r9
mov rdx,r9
mov rsi,r9
mov r8,r9
call rax
lea rdi,[rsp+20h]
call 0000000000000052h
mov rax,[rsp+20h]
movzx rcx,word ptr [rsp+28h]
mov rsi,r12
mov [rsi],rax
mov [rsi+8],cx
mov r12,[rsp+30h]
add rsp,40h
mov rsp,rbp
pop rbp
ret
