//! Signatures with the plans of their calls and entries.

/// A signature, and after it its plans. Words before it are options, a convention, or the side alone that is looked at. Types: `w3` is a record of three longs, `b3` one of
/// bytes, `w4@32` is aligned to 32, `v8` a vector of eight floats. `1.2` is part 2 of argument 1; padding is named by the register that it keeps from being used, or `_`.
pub(crate) const PLANS: &str = "
// A word on the stack is after all integer registers.
i32 f80
  call (i32 i64*7) system_v: 0.0 rsi..r9 1.0 1.1
  entry (i32 i64 sarg(16)) system_v: 0.0 area 1(object) at stack 0..16; 1 in 2 parts
// Two words of a record are one vector where a pair is aligned; the second record of these starts at 24: no vector would be one that a callee reads.
call: i32 w3
  (i32 f64*8 f64x2 f64) system_v: 0.0 xmm0..xmm7 1.0(pair) 1.2(pair)
call: f64 w4
  (f64*8 f64x2*2) system_v: 0.0 xmm1..xmm7 1.0(pair) 1.2(pair)
call: w3 w4
  (f64*8 f64x2 f64*5) system_v: xmm0..xmm7 0.0(pair) 0.2(pair) 1.0(pair) 1.1(pair) 1.2(pair) 1.3(pair)
// No record starts at a multiple of 16; 16 bytes are read word by word.
call: i64*7 w3
  (i64*10) system_v: 0.0 1.0 2.0 3.0 4.0 5.0 6.0 7.0 7.1 7.2
call: i64*6 w2
  (i64*8) system_v: 0.0 1.0 2.0 3.0 4.0 5.0 6.0 6.1
// What is stored in less than words is loaded at once. Its last byte is an integer where others are.
call: b17
  (f64*8 f64x2 f64) system_v: xmm0..xmm7 0.0(at once) 0.2(pair)
call: b17 f80
  (i64*6 f64*8 f64x2 i64*4) system_v: rdi..xmm7 0.0(at once) 0.2(pair) _ 1.0 1.1
// Records of more than 64 bytes are passed 16 bytes at a time, unless one of them starts elsewhere than at a multiple of 16.
call: w10
  (f64*8 f64x2*5) system_v: xmm0..xmm7 0.0(at once) 0.2(at once) 0.4(at once) 0.6(at once) 0.8(at once)
call: w9 w10
  (i64 sarg(72) i64 sarg(80)) system_v: 0(object) 1(object); 0 in 9 parts; 1 in 10 parts
// A large object is copied by Cranelift, but for what is no whole word.
w17 -> w17
  call (i64 sret i64 sarg(136)) system_v: sret 0(object); 0 in 0 parts
  entry (i64 sret i64 sarg(136)) system_v: sret area 0(object) at stack 0..136; 0 in 0 parts
call: b139
  (i64*6 i64 sarg(136) i64) system_v: rdi..r9 0(object) 0(tail); 0 in 0 parts
// A register that Cranelift never gives to a parameter. A word in r10 is a static chain, which a stub moves; anything else there is not.
r11: i64
  refused: CLIF parameter 0: the convention has it in r11, Cranelift in rdi
r10: i32
  refused: CLIF parameter 0: the convention has it in r10, Cranelift in rdi
// A static chain in the next free register of parameters, in a vector register, nowhere. It is not called through a PLT, which may change r10.
chain: void
  call (i64*7) system_v: rdi..r9 0.0
    indirect chain0_jumpafter8
  entry (i64) system_v: 0.0
    stub chainint0_jump9
chain: i64*2
  call (i64*7) system_v: 0.0 1.0 rdx..r9 2.0
    indirect chain0_jumpafter8
  entry (i64*3) system_v: 0.0 1.0 2.0
    stub chainint2_jump9
chain: i64*6
  call (i64*7) system_v: 0.0 1.0 2.0 3.0 4.0 5.0 6.0
    indirect chain0_jumpafter8
  entry (i64*6 f64) system_v: 0.0 1.0 2.0 3.0 4.0 5.0 6.0
    stub chainvector0_jump9
chain: i64*6 f64*8
  call (i64*6 f64*8 i64) system_v: 0.0 1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0 10.0 11.0 12.0 13.0 14.0
    indirect chain0_jumpafter8
  entry (i64*6 f64*8 i64) system_v: 0.0 1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0 10.0 11.0 12.0 13.0 14.0
    stub frame_skip8_pushchain_call9_leave
// C's argument area stays where it is: the function is told its address.
entry, chain: i64*6 f64*8 w3
  (i64*6 f64*8 i64*2) system_v: 0.0 1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0 10.0 11.0 12.0 13.0 area 15.0 14(object) at stack 0..24; 14 in 3 parts
    stub frame_pushchain_pusharea0_call9_leave
// All registers are saved for `va_arg`, but for the chain's own, and unnamed arguments may be in the area.
entry, chain: i32 ... f64
  (i32 i64*5 i8x16*8 i64*2) system_v: 0.0 +8..+160 area 1.0
    stub frame_pushchain_pusharea0_call9_leave
    va_start [8, 48]
// Not in the vector register of a wide argument, which the stub stores after it has moved the chain.
entry, chain, avx: i64*6 v8
  (i64*6 f64*2 i64) system_v: 0.0 1.0 2.0 3.0 4.0 5.0 _ 7.0 saved; 6 stored at 0
    stub chainvector1_frame_align64_skip64_addressofskipped_storeymm0_zeroupper_skip8_pushaddress_call9_leave
nest: b40
  refused: argument 0, struct s: a static chain elsewhere than in its register is not lowered
// Callers that align the stack less enter through a stub. A call aligns the stack to more than that anyway.
stack 8: i64
  call (i64) system_v: 0.0
  entry (i64) system_v: 0.0
    stub frame_align16_call9_leave
entry, stack 8, chain: w3
  (i64*7) system_v: 1.0 _*5 area 0(object) at stack 0..24; 0 in 3 parts
    stub chainint0_frame_align16_skip8_pusharea0_call9_leave
// An area that is aligned to more is copied by a stub; C enters the function itself, as callers have aligned it.
call: w4@32
  (f64*8 f64x2*2) system_v: xmm0..xmm7 0.0(pair) 0.2(pair)
    direct frame_align32_copy32_call9_leave
    indirect frame_align32_copy32_callafter32_leave
call: w8@64 f80 -> f80
  (i64*6 f64*8 f64x2*4 i64*2) system_v: rdi..xmm7 0.0(pair) 0.2(pair) 0.4(pair) 0.6(pair) 1.0 1.1
    direct frame_align64_skip48_copy80_call9_leave
    indirect frame_align64_skip48_copy80_callafter80_leave
    result pop1_ret
    result push1_ret
stack 32: void
  call () system_v:
    direct frame_align32_call9_leave
    indirect frame_align32_callafter0_leave
  entry () system_v:
call, chain: i64 w4@32 ... f64
  (i64 f64 i64*5 f64*7 f64x2*2 i64) system_v: 0.0 3.0 rsi..xmm7 1.0(pair) 1.2(pair) 2.0
    indirect chain32_al1_frame_align32_copy32_callafter40_leave
// A stub says how many vector registers a variadic call uses, and pops an x87 result.
i64 ... f64 -> f80
  call (i64 f64) system_v: 0.0 1.0
    direct al1_jump9
    indirect al1_jumpint1
    result pop1_ret
    result push1_ret
  entry (i64*6 i8x16*8 i64 sarg(0)) system_v: 0.0 +8..+160 area
    result pop1_ret
    result push1_ret
    va_start [8, 48]
// Wide arguments are loaded before the jump; xmm0 is kept free by padding. An entry has what the stub has stored.
avx: v8 f64 v8 f80 -> f64
  call (f64*2 i64*10) -> f64 system_v: xmm0 1.0 rdi..r9 3.0 3.1 0(object) 2(object); 0 stored at 0; 2 stored at 0
    direct address16_loadymm0_address24_loadymm2_jump9
    indirect address16_loadymm0_address24_loadymm2_jumpafter32
  entry (f64*2 i64*8) -> f64 system_v: _ 1.0 _*6 area saved 3(object) at stack 0..16; 0 stored at 0; 2 stored at 64; 3 in 2 parts
    stub frame_align64_skip128_addressofskipped_storeymm0_storeymm2at64_zeroupper_pushaddress_pusharea0_call9_leave
// Wide results are stored by the stub that made the call, to the address after the area, which it returns. clang splits one into four registers.
avx512: f80 -> v16
  call (i64*9) -> i64 system_v: rdi..r9 0.0 0.1 result
    direct frame_copy16_call9_addressinframe16_storezmm0_zeroupper_returnaddress_leave
    indirect frame_copy16_callafter24_addressinframe16_storezmm0_zeroupper_returnaddress_leave
    result resultzmm0_ret
  entry (i64 sarg(16)) system_v: area 0(object) at stack 0..16; 0 in 2 parts
    result resultzmm0_ret
call, clang: -> v16
  (i64*7) -> i64 system_v: rdi..r9 result
    direct frame_call9_addressinframe0_storexmm0_storexmm1at16_storexmm2at32_storexmm3at48_returnaddress_leave
    indirect frame_callafter8_addressinframe0_storexmm0_storexmm1at16_storexmm2at32_storexmm3at48_returnaddress_leave
    result resultxmm0_resultxmm1at16_resultxmm2at32_resultxmm3at48_ret
// Of a user's convention.
fifth, avx: v8 -> v8
  call (i64*8) -> i64 system_v: rdi..r9 0(object) result; 0 stored at 0
    direct address0_loadymm5_frame_call9_addressinframe8_storeymm7_zeroupper_returnaddress_leave
    indirect address0_loadymm5_frame_callafter16_addressinframe8_storeymm7_zeroupper_returnaddress_leave
    result resultymm7_ret
  entry (i64*7) system_v: _*6 saved; 0 stored at 0
    stub frame_align64_skip64_addressofskipped_storeymm5_zeroupper_skip8_pushaddress_call9_leave
    result resultymm7_ret
ninth, avx: v8
  refused: argument 0, float vector[8]: a wide vector has other parts beside it, or is in no register of parameters
ninth, avx: f64 -> v8
  refused: result, float vector[8]: a vector result that CLIF cannot say has other parts beside it, or is in no register of parameters
// The chain is in the next position that is free in both classes; its stub counts registers as System V does.
win64, chain: void
  call (i64*5) windows_fastcall: rcx..r9 0.0
    indirect chain32_jumpafter40
  entry (i64) windows_fastcall: 0.0
    stub chainint3_jump9
entry, win64, chain: f64 i64
  (f64 i64*2) windows_fastcall: 0.0 1.0 2.0
    stub chainint4_jump9
entry, win64, chain: i64*4
  (i64*5) windows_fastcall: 0.0 1.0 2.0 3.0 4.0
    stub frame_skip8_pushchain_skip32_call9_leave
// 16 bytes in a vector register: a parameter of a call that counts as System V does; a function would preserve too few registers, so a stub stores them.
win64, clang: i64 f128 i64
  call (i64*3 f64 f128 i64*7) system_v: rdi..rsi 2.0 xmm0 1.0 0.0 r8..r9 _*4
  entry (i64*5) windows_fastcall: 0.0 2.0 _*2 saved; 1 stored at 0
    stub frame_align64_skip64_addressofskipped_storexmm1_skip8_pushaddress_skip32_call9_leave
call, win64, clang: -> f128
  () -> i8x16 windows_fastcall:
// A value in the last register and on the stack, beside the address of the area that a variadic function has.
win64, clang: f64*3 int128x1 ...
  call (f64*3 i64*2) windows_fastcall: 0.0 1.0 2.0 3.0 3.1
    direct both7_jump9
    indirect both7_jumpafter40
  entry (f64*3 i64 i64 sarg(8)) windows_fastcall: 0.0 1.0 2.0 3.0 area 3.1 at stack 32
    va_start 8
// No argument area of C's is aligned to more than 16 bytes on AArch64, where no stub aligns one: such a record is passed by reference.
linux: i64*9 b1@32
  (i64*10) system_v: 0.0 1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0
linux: f64*9 w4@64
  (f64*8 i64 f64) system_v: 0.0 1.0 2.0 3.0 4.0 5.0 6.0 7.0 9.0 8.0
entry, apple: i64*9 b1@32
  (i64*8) apple_aarch64: 0.0 1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 at stack 0 9.0 at stack 8
entry, apple: f64*9 w4@64
  (f64*8 i64) apple_aarch64: 0.0 1.0 2.0 3.0 4.0 5.0 6.0 7.0 9.0 8.0 at stack 0
aligned, linux: i64
  call refused: the convention aligned: what only a stub can pass (a static chain, wide vectors, arguments aligned to more than 16 bytes) is not lowered for functions of its kind (aarch64-unknown-linux-gnu)
  entry () system_v: 0(object) at stack 0..8; 0 in 1 parts
// Functions of a language's own convention: callees pop at most what `ret imm16` says, and a static chain needs a stub.
lang: i64*8197
  call refused: Cranelift does not take this signature: parameter 8196: the argument area exceeds 65520 bytes
  entry refused: Cranelift does not take this signature: parameter 6: the argument area exceeds 65520 bytes
lang, chain: i64
  refused: void *: the convention has no register for a static chain
aarch64-lang, linux, chain: i64
  refused: void *: the convention has no register for a static chain (aarch64-unknown-linux-gnu)
// Its values on the stack are parameters of the function: an area that is read by its address would be elsewhere after a tail call.
by value, linux: b200
  refused: argument 0, struct s: a value of more than 128 bytes in the argument area is not lowered for functions of its kind (aarch64-unknown-linux-gnu)
context in x5, linux: i64
  refused: the convention context in x5: its context is in another register than CLIF's pinned one (aarch64-unknown-linux-gnu)
// A function of preserve_all returns nothing; a call of one is any C call.
preserve-all: i64 -> i64
  call (i64) -> i64 system_v: 0.0
  entry refused: Cranelift does not take this signature: result 0: no register is left for a `i64` under `preserve_all`
preserve-all: i64
  call (i64) system_v: 0.0
  entry (i64) preserve_all: 0.0
preserve-all, avx: i64
  call (i64) system_v: 0.0
  entry refused: the convention preserve_all: Cranelift's functions preserve the lower 16 bytes of a vector register
// Frames of a user's own.
shadow: void
  refused: the convention shadow: shadow space of other than 32 bytes, or in a frame that is not Win64's, is not lowered
saves less: void
  refused: the convention saves less: callees preserve other registers than Cranelift's functions do
saves more: void
  refused: the convention saves more: callees preserve other registers than Cranelift's functions do
zig-auto: i64
  refused: the convention zig-auto: callees preserve other registers than Cranelift's functions do
carries: void
  refused: the convention carries: Cranelift passes no address beside the arguments, and aligns the stack to 16 bytes
crossed: f64
  refused: argument 0, double: a part in registers of two positions is not lowered
unshadowed: i64 f64
  refused: CLIF parameter 1: the convention has it in xmm0, Cranelift in xmm1
count: void
  refused: the convention count: vector registers are counted in another register than C counts them in
spills: void
  refused: the convention spills: Cranelift leaves no room after the argument area for arguments in registers
low: void
  call () system_v:
  entry () system_v:
    stub frame_align16_call9_leave
// Places of a user's own.
sret in r11: -> b40
  call (i64 sret) system_v: sret
  entry refused: the returned pointer to the result: the convention has it in r11, Cranelift in rax
wide slots: i64*2
  call refused: the convention wide slots: wide gaps in the argument area are not lowered
  entry (i64 sarg(2097152)) system_v: area 0(object) at stack 0..8 1(object) at stack 1048576..1048584; 0 in 1 parts; 1 in 1 parts
call, wide last slot: i64
  (i64*14) system_v: rdi..r9 0.0 _*7
call, own slots: i64
  (i64*7) system_v: rdi..r9 0.0
both registers: i64
  (i64*2) system_v: 0.0 0.1
both registers: -> b40
  refused: result, struct s: this kind of result is not lowered
wider: i8
  refused: argument 0, signed char: a widened part is not lowered
vectors: f32
  refused: argument 0, float: a part of another size than its type
lanes: bool100
  refused: argument 0, @Vector(100, bool): lanes in slots of other than 8 bytes are not lowered
more: i64
  refused: argument 0, long long: more registers than lanes
// Refused by `cabi` already.
far: i64
  refused: long long: a place outside the argument area
long: i64
  refused: long long: a place outside the argument area
endless: i64
  refused: long long: a place outside the argument area
";
