; struct dd (struct l4, int, struct c17, long double, double)
; 35 instructions
push rbp
mov rbp,rsp
sub rsp,60h
mov [rsp+50h],rbx
mov eax,[rdi+20h]
movsd xmm0,[rdi+50h]
mov r8,[rdi+40h]
movzx r9,word ptr [rdi+48h]
movsd xmm7,[rdi+8]
movsd xmm6,[rdi]
movsd xmm5,[rdi+18h]
movsd xmm4,[rdi+10h]
movupd xmm1,[rdi+24h]
movzx rcx,byte ptr [rdi+34h]
pshufd xmm2,xmm4,44h
movlhps xmm2,xmm5
pshufd xmm3,xmm6,44h
movlhps xmm3,xmm7
movdqu [rsp],xmm3
movdqu [rsp+10h],xmm2
movdqu [rsp+20h],xmm1
mov [rsp+30h],rcx
mov [rsp+38h],r9
mov [rsp+40h],r8
mov [rsp+48h],r9
mov rbx,rsi
mov rdi,rax
call rdx
movsd [rbx],xmm0
movsd [rbx+8],xmm1
mov rbx,[rsp+50h]
add rsp,60h
mov rsp,rbp
pop rbp
ret
