.macro load_int r, at
 lg %\r, \at(%r1)
.endm
.macro store_int r, at
 stg %\r, \at(%r1)
.endm
.macro load_float r, at
 ld %\r, \at(%r1)
.endm
.macro store_float r, at
 std %\r, \at(%r1)
.endm
.globl _start, cabi_write, cabi_capture, cabi_enter
_start:
 lgr %r2, %r15
 aghi %r15, -160
 brasl %r14, cabi_main
 lghi %r1, 1
 svc 0
cabi_write:
 lghi %r1, 4
 svc 0
 br %r14
cabi_capture:
 larl %r1, cabi_dump
{store} stg %r15, {sp}(%r1)
 stg %r14, {ra}(%r1)
 lgr %r2, %r15
 aghi %r15, -160
 brasl %r14, cabi_record
 aghi %r15, 160
 larl %r1, cabi_dump
 lg %r14, {ra}(%r1)
 larl %r1, cabi_image
{load results} br %r14
cabi_enter:
 stmg %r6, %r15, 48(%r15)
 lgr %r11, %r15
 sgr %r15, %r3
 lgr %r7, %r15
 lgr %r8, %r5
1: ltgr %r3, %r3
 jz 2f
 mvc 0(8, %r7), 0(%r4)
 la %r7, 8(%r7)
 la %r4, 8(%r4)
 aghi %r3, -8
 j 1b
2: lgr %r1, %r2
{load} basr %r14, %r8
 larl %r1, cabi_dump
{store results} lgr %r15, %r11
 lmg %r6, %r15, 48(%r15)
 br %r14
