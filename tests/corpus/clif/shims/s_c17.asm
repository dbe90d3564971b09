; struct s (struct s)
; 20 instructions
push rbp
mov rbp,rsp
sub rsp,20h
movupd xmm7,[rdi]
movzx rdi,byte ptr [rdi+10h]
movq xmm0,rdi
movdqu [rsp],xmm7
movsd [rsp+10h],xmm0
mov rdi,rsi
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
