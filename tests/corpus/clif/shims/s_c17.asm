; struct s (struct s)
; 24 instructions
push rbp
mov rbp,rsp
sub rsp,20h
movsd xmm7,[rdi+8]
movsd xmm0,[rdi]
movzx r9,byte ptr [rdi+10h]
pshufd xmm0,xmm0,44h
movlhps xmm0,xmm7
movq xmm1,r9
movdqu [rsp],xmm0
movsd [rsp+10h],xmm1
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
