; float (float, float, float, float, float, float, float, float, float)
; 23 instructions
push rbp
mov rbp,rsp
sub rsp,20h
mov [rsp+10h],r14
mov r14,rsi
movss xmm0,[rdi]
movss xmm1,[rdi+4]
movss xmm2,[rdi+8]
movss xmm3,[rdi+0Ch]
movss xmm4,[rdi+10h]
movss xmm5,[rdi+14h]
movss xmm6,[rdi+18h]
movss xmm7,[rdi+1Ch]
movss xmm13,[rdi+20h]
movss [rsp],xmm13
call rdx
mov rsi,r14
movss [rsi],xmm0
mov r14,[rsp+10h]
add rsp,20h
mov rsp,rbp
pop rbp
ret
