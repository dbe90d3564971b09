; int (void *, double, ..., int, double, long long, struct dl, void *)
; 23 instructions
push rbp
mov rbp,rsp
sub rsp,10h
mov [rsp],r13
mov r9,rdx
mov r13,rsi
mov rax,[rdi]
movsd xmm0,[rdi+8]
mov esi,[rdi+10h]
movsd xmm1,[rdi+18h]
mov rdx,[rdi+20h]
movsd xmm2,[rdi+28h]
mov rcx,[rdi+30h]
mov r8,[rdi+38h]
mov rdi,rax
call 000000000000003Bh
mov rsi,r13
mov [rsi],eax
mov r13,[rsp]
add rsp,10h
mov rsp,rbp
pop rbp
ret
