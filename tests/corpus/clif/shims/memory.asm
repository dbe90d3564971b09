; struct s (struct s, int, struct s, long double, double)
; 54 instructions
push rbp
mov rbp,rsp
sub rsp,60h
mov [rsp+50h],rbx
mov rbx,rsi
mov r8,rdx
mov eax,[rdi+20h]
movsd xmm7,[rdi+50h]
mov rcx,[rdi+40h]
movzx rdx,word ptr [rdi+48h]
movsd xmm0,[rdi+8]
movsd xmm3,[rdi]
movsd xmm1,[rdi+18h]
movsd xmm4,[rdi+10h]
movsd xmm2,[rdi+2Ch]
movsd xmm5,[rdi+24h]
movzx rsi,byte ptr [rdi+34h]
pshufd xmm3,xmm3,44h
movlhps xmm3,xmm0
pshufd xmm0,xmm4,44h
movlhps xmm0,xmm1
pshufd xmm1,xmm5,44h
movlhps xmm1,xmm2
movq xmm2,rsi
movdqu [rsp],xmm3
movdqu [rsp+10h],xmm0
movdqu [rsp+20h],xmm1
movsd [rsp+30h],xmm2
mov [rsp+38h],rdi
mov [rsp+40h],rcx
mov [rsp+48h],rdx
mov r9,rdi
mov rdi,rax
mov rax,r8
mov rcx,r9
mov rdx,r9
mov rsi,r9
mov r8,r9
movdqa xmm0,xmm7
movdqa xmm1,xmm7
movdqa xmm2,xmm7
movdqa xmm3,xmm7
movdqa xmm4,xmm7
movdqa xmm5,xmm7
movdqa xmm6,xmm7
call rax
mov rsi,rbx
movsd [rsi],xmm0
movsd [rsi+8],xmm1
mov rbx,[rsp+50h]
add rsp,60h
mov rsp,rbp
pop rbp
ret
