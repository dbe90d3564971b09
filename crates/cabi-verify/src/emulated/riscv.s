.macro load_int r, at
 l{word} \r, \at(t0)
.endm
.macro store_int r, at
 s{word} \r, \at(t0)
.endm
.macro load_float r, at
 fl{float} \r, \at(t0)
.endm
.macro store_float r, at
 fs{float} \r, \at(t0)
.endm
.globl _start, cabi_write, cabi_capture, cabi_enter
_start:
 mv a0, sp
 andi sp, sp, -16
 call cabi_main
 .word 0x05d00893 # li a7, 93
 li t0, 93
 ecall
cabi_write:
 .word 0x04000893 # li a7, 64
 li t0, 64
 ecall
 ret
cabi_capture:
 la t0, cabi_dump
{store} s{word} sp, {sp}(t0)
 s{word} ra, {ra}(t0)
 mv a0, sp
 call cabi_record
 la t0, cabi_dump
 l{word} ra, {ra}(t0)
 la t0, cabi_image
{load results} ret
cabi_enter: # of the image, bytes of the stack, its content, the function
 addi sp, sp, -16
 s{word} ra, 0(sp)
 s{word} s0, 8(sp)
 mv s0, sp
 sub sp, sp, a1
 mv t1, sp
1: beqz a1, 2f
 lw t2, 0(a2)
 sw t2, 0(t1)
 addi a2, a2, 4
 addi t1, t1, 4
 addi a1, a1, -4
 j 1b
2: mv t0, a0
 mv t1, a3
{load} jalr t1
 la t0, cabi_dump
{store results} mv sp, s0
 l{word} ra, 0(sp)
 l{word} s0, 8(sp)
 addi sp, sp, 16
 ret
