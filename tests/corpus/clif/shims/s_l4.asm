; struct s (struct s)
; 21 instructions
push rbp
mov rbp,rsp
sub rsp,20h
movsd xmm7,[rdi+8]
movsd xmm4,[rdi]
movsd xmm3,[rdi+18h]
movsd xmm2,[rdi+10h]
pshufd xmm0,xmm2,44h
movlhps xmm0,xmm3
pshufd xmm1,xmm4,44h
movlhps xmm1,xmm7
movdqu [rsp],xmm1
movdqu [rsp+10h],xmm0
mov rdi,rsi
movdqa xmm5,xmm7
movdqa xmm6,xmm7
call rdx
add rsp,20h
mov rsp,rbp
pop rbp
ret
