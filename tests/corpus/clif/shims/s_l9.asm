; struct s (struct s)
; 26 instructions
push rbp
mov rbp,rsp
sub rsp,50h
movupd xmm0,[rdi]
movupd xmm1,[rdi+10h]
movupd xmm2,[rdi+20h]
movupd xmm7,[rdi+30h]
movsd xmm3,[rdi+40h]
movdqu [rsp],xmm0
movdqu [rsp+10h],xmm1
movdqu [rsp+20h],xmm2
movdqu [rsp+30h],xmm7
movsd [rsp+40h],xmm3
mov rdi,rsi
movdqa xmm0,xmm7
movdqa xmm1,xmm7
movdqa xmm2,xmm7
movdqa xmm3,xmm7
movdqa xmm4,xmm7
movdqa xmm5,xmm7
movdqa xmm6,xmm7
call rdx
add rsp,50h
mov rsp,rbp
pop rbp
ret
