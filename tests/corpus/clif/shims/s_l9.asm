; struct s (struct s)
; 22 instructions
push rbp
mov rbp,rsp
sub rsp,50h
movupd xmm7,[rdi]
movupd xmm3,[rdi+10h]
movupd xmm2,[rdi+20h]
movupd xmm1,[rdi+30h]
movsd xmm0,[rdi+40h]
movdqu [rsp],xmm7
movdqu [rsp+10h],xmm3
movdqu [rsp+20h],xmm2
movdqu [rsp+30h],xmm1
movsd [rsp+40h],xmm0
mov rdi,rsi
movdqa xmm4,xmm7
movdqa xmm5,xmm7
movdqa xmm6,xmm7
call rdx
add rsp,50h
mov rsp,rbp
pop rbp
ret
