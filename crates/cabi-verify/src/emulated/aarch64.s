.macro load_int r, at
 ldr \r, [x9, #\at]
.endm
.macro store_int r, at
 str \r, [x9, #\at]
.endm
.macro load_float r, at
 add x11, x9, #\at
 ld1 {\r\().16b}, [x11]
.endm
.macro store_float r, at
 add x11, x9, #\at
 st1 {\r\().16b}, [x11]
.endm
.globl _start, cabi_write, cabi_capture, cabi_enter
_start:
 mov x0, sp
 bl cabi_main
 mov x8, #93
 svc #0
cabi_write:
 mov x8, #64
 svc #0
 ret
cabi_capture:
 adrp x9, cabi_dump
 add x9, x9, :lo12:cabi_dump
{store} mov x10, sp
 str x10, [x9, #{sp}]
 str x30, [x9, #{ra}]
 mov x0, sp
 bl cabi_record
 adrp x9, cabi_dump
 add x9, x9, :lo12:cabi_dump
 ldr x30, [x9, #{ra}]
 adrp x9, cabi_image
 add x9, x9, :lo12:cabi_image
{load results} ret
cabi_enter:
 stp x29, x30, [sp, #-16]!
 mov x29, sp
 sub sp, sp, x1
 mov x10, sp
1: cbz x1, 2f
 ldr x11, [x2], #8
 str x11, [x10], #8
 sub x1, x1, #8
 b 1b
2: mov x9, x0
 mov x10, x3
{load} blr x10
 adrp x9, cabi_dump
 add x9, x9, :lo12:cabi_dump
{store results} mov sp, x29
 ldp x29, x30, [sp], #16
 ret
