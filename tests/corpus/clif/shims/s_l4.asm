; struct s (struct s)
; 26 instructions
push rbp
mov rbp,rsp
sub rsp,20h
movsd xmm0,[rdi+8]
movsd xmm1,[rdi]
movsd xmm7,[rdi+18h]
movsd xmm2,[rdi+10h]
pshufd xmm1,xmm1,44h
movlhps xmm1,xmm0
pshufd xmm0,xmm2,44h
movlhps xmm0,xmm7
movdqu [rsp],xmm1
movdqu [rsp+10h],xmm0
mov rdi,rsi
movdqa xmm0,xmm7
movdqa xmm1,xmm7
movdqa xmm2,xmm7
movdqa xmm3,xmm7
movdqa xmm4,xmm7
movdqa xmm5,xmm7
movdqa xmm6,xmm7
call rdx
add rsp,20h
mov rsp,rbp
pop rbp
ret
