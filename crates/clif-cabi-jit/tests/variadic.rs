//! Variadic functions that are compiled here and called by C, with every kind of unnamed argument after every number of named ones; their
//! `va_list` read by C, and C's `va_list` read here.
#![allow(clippy::unwrap_used)] // an unexpected error ends the test
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod common;

use std::ffi::{c_int, c_void};
use std::fmt::Write as _;

use clif_cabi_jit::clif_cabi::cabi::{
    DataModel, FnAbi, FnSig, Member, Policy, RecordBuilder, Target, Type,
};
use clif_cabi_jit::clif_cabi::{Arg, Entry, Ret, SysVAggregateLowering};
use clif_cabi_jit::cranelift_codegen::ir::condcodes::IntCC;
use clif_cabi_jit::cranelift_codegen::ir::{
    Block, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types,
};
use clif_cabi_jit::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi_jit::cranelift_module::{FuncId, Module};
use clif_cabi_jit::{Code, Engine, Library};
use common::{all_settings, build_library, build_library_by};

/// Builds the function `id` of `sig`.
fn build(
    engine: &mut Engine,
    lower: &SysVAggregateLowering,
    id: FuncId,
    sig: &FnSig,
    body: impl FnOnce(&mut Engine, &mut FunctionBuilder<'_>, Block, &Entry),
) {
    let mut ctx = engine.make_context();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let (block, entry) = lower.begin(&mut builder, sig).unwrap();
    body(engine, &mut builder, block, &entry);
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    engine.define(id, &mut ctx).unwrap();
}

/// Room for a `va_list`.
fn va_list(builder: &mut FunctionBuilder<'_>) -> Value {
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 24, 3);
    let slot = builder.create_sized_stack_slot(slot);
    builder.ins().stack_addr(types::I64, slot, 0)
}

/// A function of `library`, called with the address of `code`.
fn call_with(library: &Library, name: &str, code: *const c_void) -> c_int {
    let call = library.symbol(name).unwrap();
    // SAFETY: that is the signature of every function that is called so.
    let call =
        unsafe { std::mem::transmute::<*const u8, extern "C" fn(*const c_void) -> c_int>(call) };
    call(code)
}

/// `long sum(int n, ...)`, with a loop around its `va_arg`.
#[test]
fn a_loop_sums_its_arguments() {
    let library = build_library(
        "variadic_sum",
        r"
        int call_sum(long (*sum)(int, ...))
        {
            return sum(0) == 0 && sum(3, 1L, 20L, 300L) == 321
                && sum(9, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 1L << 40) == 36 + (1L << 40);
        }
        ",
    );
    // SAFETY: it has no routines of its own to run.
    let library = unsafe { Library::open(library) }.unwrap();
    for settings in all_settings() {
        let mut engine = Engine::new(&settings).unwrap();
        let lower = SysVAggregateLowering::new(engine.isa()).unwrap();
        let sig = FnSig::new([Type::I32], Type::I64).variadic();
        let sum = lower.declare_export(&mut engine, "sum", &sig).unwrap();
        build(
            &mut engine,
            &lower,
            sum.id,
            &sig,
            |engine, builder, _, entry| {
                let list = va_list(builder);
                entry.va_start(builder, list).unwrap();
                let n = entry.value(builder, 0).unwrap();
                let zero = builder.ins().iconst(types::I64, 0);
                let [head, body, done] = [(); 3].map(|()| builder.create_block());
                let left = builder.append_block_param(head, types::I32);
                let total = builder.append_block_param(head, types::I64);
                builder.ins().jump(head, &[n.into(), zero.into()]);
                builder.switch_to_block(head);
                let more = builder.ins().icmp_imm_s(IntCC::NotEqual, left, 0);
                builder.ins().brif(more, body, &[], done, &[]);
                builder.switch_to_block(body);
                let address = lower.va_arg(builder, list, &sig, &Type::I64).unwrap();
                let next = builder
                    .ins()
                    .load(types::I64, MemFlagsData::new(), address, 0);
                let next = builder.ins().iadd(total, next);
                let left = builder.ins().iadd_imm_s(left, -1);
                builder.ins().jump(head, &[left.into(), next.into()]);
                builder.switch_to_block(done);
                entry
                    .ret(engine, builder, Some(&Arg::value(total)))
                    .unwrap();
            },
        );
        engine.finalize().unwrap();
        let code = engine.code(sum.id).unwrap();
        // SAFETY: a function of that type.
        let code = unsafe { code.as_ptr() };
        assert_eq!(call_with(&library, "call_sum", code), 1, "{settings:?}");
    }
}

/// The types of unnamed arguments: how C spells each, and which bytes of an object count.
struct Kind {
    c: &'static str,
    ty: Type,
    /// First byte and number of bytes of each run that is no padding.
    bytes: &'static [(usize, usize)],
}

const TYPEDEFS: &str = r"
#include <stdarg.h>
#include <string.h>
typedef unsigned char u8;
typedef __int128 i128;
typedef long double x87;
typedef float _Complex cf;
typedef double _Complex cd;
typedef long double _Complex cx;
typedef float v4f __attribute__((vector_size(16)));
typedef struct { int a; } s_i;
typedef struct { double a; } s_d;
typedef struct { char c[3]; } s_c3;
typedef struct { double a; long b; } s_dl;
typedef struct { long a; double b; } s_ld;
typedef struct { long a, b; } s_ll;
typedef struct { double a, b; } s_dd;
typedef struct { float a, b, c; } s_fff;
typedef struct { long a, b, c; } s_lll;
typedef struct { char c[17]; } s_c17;
typedef struct { long a[9]; } s_l9;
typedef struct { x87 a; } s_x;
typedef struct { _Float16 a; } s_h;
typedef struct { _Float16 a, b, c, d, e; } s_h5;
typedef struct { float a; int b; _Float16 c; } s_fih;
typedef struct { v4f a; } s_v;
typedef struct { long a __attribute__((aligned(16))); } s_al16;
typedef struct { long a[4] __attribute__((aligned(16))); } s_mem16;
typedef struct { } s_0;
";

fn kinds() -> Vec<Kind> {
    let record = |fields: &[Type]| {
        let mut builder = RecordBuilder::structure("s");
        for (i, ty) in fields.iter().enumerate() {
            builder = builder.field(&format!("f{i}"), ty.clone());
        }
        builder.build(&DataModel::LP64).unwrap()
    };
    let aligned = |ty: &Type| {
        let field = Member::named("a", ty.clone()).aligned(16);
        let builder = RecordBuilder::structure("s").member(field);
        builder.build(&DataModel::LP64).unwrap()
    };
    let array = |ty: &Type, n| Type::array(ty, n).unwrap();
    let complex = |ty: &Type| Type::complex(ty).unwrap();
    let vector = || Type::vector(&Type::F32, 4).unwrap();
    let kind = |c, ty, bytes| Kind { c, ty, bytes };
    vec![
        kind("int", Type::I32, &[(0, 4)]),
        kind("long", Type::I64, &[(0, 8)]),
        kind("double", Type::F64, &[(0, 8)]),
        kind("x87", Type::F80, &[(0, 10)]),
        kind("i128", Type::I128, &[(0, 16)]),
        kind("cf", complex(&Type::F32), &[(0, 8)]),
        kind("cd", complex(&Type::F64), &[(0, 16)]),
        kind("cx", complex(&Type::F80), &[(0, 10), (16, 10)]),
        kind("v4f", vector(), &[(0, 16)]),
        kind("s_i", record(&[Type::I32]), &[(0, 4)]),
        kind("s_d", record(&[Type::F64]), &[(0, 8)]),
        kind("s_c3", record(&[array(&Type::I8, 3)]), &[(0, 3)]),
        kind("s_dl", record(&[Type::F64, Type::I64]), &[(0, 16)]),
        kind("s_ld", record(&[Type::I64, Type::F64]), &[(0, 16)]),
        kind("s_ll", record(&[Type::I64, Type::I64]), &[(0, 16)]),
        kind("s_dd", record(&[Type::F64, Type::F64]), &[(0, 16)]),
        kind(
            "s_fff",
            record(&[Type::F32, Type::F32, Type::F32]),
            &[(0, 12)],
        ),
        kind(
            "s_lll",
            record(&[Type::I64, Type::I64, Type::I64]),
            &[(0, 24)],
        ),
        kind("s_c17", record(&[array(&Type::I8, 17)]), &[(0, 17)]),
        kind("s_l9", record(&[array(&Type::I64, 9)]), &[(0, 72)]),
        kind("s_x", record(&[Type::F80]), &[(0, 10)]),
        kind("s_h", record(&[Type::F16]), &[(0, 2)]),
        kind("s_h5", record(&[array(&Type::F16, 5)]), &[(0, 10)]),
        kind(
            "s_fih",
            record(&[Type::F32, Type::I32, Type::F16]),
            &[(0, 10)],
        ),
        kind("s_v", record(&[vector()]), &[(0, 16)]),
        kind("s_al16", aligned(&Type::I64), &[(0, 8)]),
        kind("s_mem16", aligned(&array(&Type::I64, 4)), &[(0, 32)]),
        kind("s_0", record(&[]), &[]),
    ]
}

/// Numbers that look random, the same for the same seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }
}

/// Who starts the `va_list`, and who reads it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mode {
    /// A function compiled here starts and reads it.
    Own,
    /// It starts it, and C reads every other argument.
    Alternating,
    /// C starts it, and a function compiled here reads it.
    Received,
}

/// One call: the result in memory or not, named arguments, unnamed ones; kinds by index.
struct Call {
    mode: Mode,
    sret: bool,
    named: Vec<usize>,
    unnamed: Vec<usize>,
}

impl Call {
    /// `int` is kind 0, `double` kind 2.
    fn random(random: &mut Random, n_kinds: usize) -> Self {
        let modes = [Mode::Own, Mode::Alternating, Mode::Received];
        let mode = modes[random.below(3)];
        let sret = mode != Mode::Received && random.below(4) == 0;
        let mut named = vec![0; random.below(9)];
        named.extend(vec![2; random.below(9)]);
        if random.below(4) == 0 {
            named.push(random.below(n_kinds));
        }
        for i in (1..named.len()).rev() {
            named.swap(i, random.below(i + 1));
        }
        let unnamed = (0..random.below(31)).map(|_| random.below(n_kinds));
        let unnamed = unnamed.collect();
        Self {
            mode,
            sret,
            named,
            unnamed,
        }
    }

    fn kinds(&self) -> impl Iterator<Item = usize> + '_ {
        self.named.iter().chain(&self.unnamed).copied()
    }

    /// `R f(unsigned char *seen, named.., ...)`
    fn sig(&self, kinds: &[Kind], policy: Policy) -> FnSig {
        let named = self.named.iter().map(|kind| kinds[*kind].ty.clone());
        let result = kinds.iter().find(|kind| kind.c == "s_l9").unwrap();
        let result = if self.sret {
            result.ty.clone()
        } else {
            Type::VOID
        };
        FnSig::new([Type::PTR].into_iter().chain(named), result)
            .variadic()
            .policy(policy)
    }
}

/// Bytes from one object to the next, in what is given and in what is seen.
const STEP: usize = 96;

/// The C function that makes call `i`, and the one that it makes it of where C starts the `va_list`.
fn c_text(text: &mut String, i: usize, call: &Call, kinds: &[Kind]) {
    let result = if call.sret { "s_l9" } else { "void" };
    let named: Vec<&str> = call.named.iter().map(|kind| kinds[*kind].c).collect();
    let mut params = String::from("u8 *");
    named.iter().for_each(|c| write!(params, ", {c}").unwrap());
    if call.mode == Mode::Received {
        let mut own = String::from("u8 *seen");
        for (j, c) in named.iter().enumerate() {
            write!(own, ", {c} a{j}").unwrap();
        }
        let last = if named.is_empty() {
            "seen".into()
        } else {
            format!("a{}", named.len() - 1)
        };
        writeln!(text, "static void (*reader{i})(u8 *, va_list);").unwrap();
        writeln!(text, "static __attribute__((noinline)) void start{i}({own}, ...)\n{{ va_list ap; va_start(ap, {last});").unwrap();
        for j in 0..named.len() {
            writeln!(text, "memcpy(seen + {}, &a{j}, sizeof a{j});", j * STEP).unwrap();
        }
        writeln!(text, "reader{i}(seen, ap); va_end(ap); }}").unwrap();
    }
    writeln!(text, "void call{i}(void *f, u8 *given, u8 *seen)\n{{").unwrap();
    let mut args = String::from("seen");
    for (j, kind) in call.kinds().enumerate() {
        let c = kinds[kind].c;
        writeln!(
            text,
            "{c} v{j}; memcpy(&v{j}, given + {}, sizeof v{j});",
            j * STEP
        )
        .unwrap();
        write!(args, ", v{j}").unwrap();
    }
    match call.mode {
        Mode::Received => writeln!(text, "reader{i} = f; start{i}({args}); }}").unwrap(),
        _ if call.sret => {
            let end = call.kinds().count() * STEP;
            writeln!(text, "s_l9 r = (({result} (*)({params}, ...))f)({args}); memcpy(seen + {end}, &r, sizeof r); }}").unwrap();
        }
        _ => writeln!(text, "(({result} (*)({params}, ...))f)({args}); }}").unwrap(),
    }
}

/// What is made wrong on purpose.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Wrong {
    Nothing,
    /// `fp_offset` starts one vector register later.
    FpOffset,
    /// `gp_offset` starts one integer register later.
    GpOffset,
    /// The argument area is not aligned for what is aligned to 16 bytes and in memory.
    Alignment,
    /// The argument area starts a word later.
    Overflow,
}

/// What C calls: writes down all arguments.
struct Emit<'a> {
    lower: &'a SysVAggregateLowering,
    kinds: &'a [Kind],
    wrong: Wrong,
    policy: Policy,
    /// C's readers, by kind. `None` for what the compiler's own `va_arg` does not read as its callers pass it.
    readers: Vec<Option<FuncId>>,
}

impl Emit<'_> {
    fn function(&self, engine: &mut Engine, call: &Call, i: usize) -> FuncId {
        let sig = call.sig(self.kinds, self.policy);
        let own = match call.mode {
            Mode::Received => FnSig::new([Type::PTR, Type::PTR], Type::VOID),
            _ => sig.clone(),
        };
        let id = self
            .lower
            .declare_export(engine, &format!("own{i}"), &own)
            .unwrap()
            .id;
        build(engine, self.lower, id, &own, |engine, builder, _, entry| {
            let seen = entry.value(builder, 0).unwrap();
            let list = if call.mode == Mode::Received {
                entry.value(builder, 1).unwrap()
            } else {
                for j in 0..call.named.len() {
                    let to = at(builder, seen, j);
                    entry.store(builder, j + 1, to).unwrap();
                }
                let first = va_list(builder);
                entry.va_start(builder, first).unwrap();
                let list = va_list(builder);
                self.lower.va_copy(builder, list, first).unwrap();
                list
            };
            self.spoil(builder, list);
            for (j, kind) in call.unnamed.iter().enumerate() {
                let to = at(builder, seen, call.named.len() + j);
                let by_c = call.mode != Mode::Own && j % 2 == 1;
                match self.readers[*kind].filter(|_| by_c) {
                    Some(reader) => {
                        let sig = FnSig::new([Type::PTR, Type::PTR], Type::VOID);
                        let args = [list, to].map(Arg::value);
                        (self.lower)
                            .call_sig(engine, builder, reader, &sig, &args, Ret::Ignore)
                            .unwrap();
                    }
                    None => self.read(builder, list, &sig, *kind, to),
                }
            }
            let result = call.sret.then(|| Arg::memory(seen));
            entry.ret(engine, builder, result.as_ref()).unwrap();
        });
        id
    }

    fn read(
        &self,
        builder: &mut FunctionBuilder<'_>,
        list: Value,
        sig: &FnSig,
        kind: usize,
        to: Value,
    ) {
        let kind = &self.kinds[kind];
        let unaligned = || {
            let array = Type::array(&Type::I64, 4).unwrap();
            let builder = RecordBuilder::structure("s").field("a", array);
            builder.build(&DataModel::LP64).unwrap()
        };
        let ty = match kind.c {
            "s_mem16" if self.wrong == Wrong::Alignment => unaligned(),
            _ => kind.ty.clone(),
        };
        let from = self.lower.va_arg(builder, list, sig, &ty).unwrap();
        for byte in 0..i32::try_from(ty.size()).unwrap() {
            let flags = MemFlagsData::new();
            let value = builder.ins().load(types::I8, flags, from, byte);
            builder.ins().store(flags, value, to, byte);
        }
    }

    fn spoil(&self, builder: &mut FunctionBuilder<'_>, list: Value) {
        let (ty, offset, by) = match self.wrong {
            Wrong::GpOffset => (types::I32, 0, 8),
            Wrong::FpOffset => (types::I32, 4, 16),
            Wrong::Overflow => (types::I64, 8, 8),
            Wrong::Nothing | Wrong::Alignment => return,
        };
        let flags = MemFlagsData::new();
        let value = builder.ins().load(ty, flags, list, offset);
        let value = builder.ins().iadd_imm_s(value, by);
        builder.ins().store(flags, value, list, offset);
    }
}

fn at(builder: &mut FunctionBuilder<'_>, base: Value, i: usize) -> Value {
    builder
        .ins()
        .iadd_imm_s(base, i64::try_from(i * STEP).unwrap())
}

/// How many of `n` random calls are made, and how many of them pass.
fn run(cc: &str, seed: u64, n: usize, wrong: Wrong) -> (usize, usize) {
    let kinds = kinds();
    let is_clang = cc.starts_with("clang");
    let policy = if is_clang { Policy::CLANG } else { Policy::GCC };
    let mut random = Random(seed);
    let mut calls = Vec::new();
    for _ in 0..n {
        let call = Call::random(&mut random, kinds.len());
        let unnamed = call.unnamed.iter().map(|kind| kinds[*kind].ty.clone());
        let sig = call.sig(&kinds, policy).at_call(unnamed).unwrap();
        // clang takes some records apart where no rule says so.
        if FnAbi::new(&sig, &Target::X86_64_LINUX).is_ok() {
            calls.push(call);
        }
    }
    let mut text = TYPEDEFS.to_owned();
    for (i, kind) in kinds.iter().enumerate() {
        let c = kind.c;
        writeln!(text, "void read{i}(va_list ap, u8 *to) {{ {c} v = va_arg(ap, {c}); memcpy(to, &v, sizeof v); }}").unwrap();
    }
    for (i, call) in calls.iter().enumerate() {
        c_text(&mut text, i, call, &kinds);
    }
    let path = build_library_by(cc, &format!("variadic_{cc}_{seed}_{wrong:?}"), &text);
    // SAFETY: it has no routines of its own to run.
    let library = unsafe { Library::open(path) }.unwrap();
    let settings = all_settings();
    let settings = &settings[usize::try_from(seed).unwrap() % settings.len()];
    let mut engine = Engine::new(settings).unwrap();
    engine.add_library(&library);
    let lower = SysVAggregateLowering::new(engine.isa()).unwrap();
    let reader = FnSig::new([Type::PTR, Type::PTR], Type::VOID);
    let readers = kinds.iter().enumerate().map(|(i, kind)| {
        let name = format!("read{i}");
        let id = lower
            .declare_import(&mut engine, &name, &reader)
            .unwrap()
            .id;
        // clang passes an `__int128` otherwise than its own `va_arg` reads it.
        (!is_clang || kind.c != "i128").then_some(id)
    });
    let readers = readers.collect();
    let emit = Emit {
        lower: &lower,
        kinds: &kinds,
        wrong,
        policy,
        readers,
    };
    let ids: Vec<FuncId> = (calls.iter().enumerate())
        .map(|(i, call)| emit.function(&mut engine, call, i))
        .collect();
    engine.finalize().unwrap();
    let mut n_right = 0;
    for (i, (call, id)) in calls.iter().zip(ids).enumerate() {
        let code = engine.code(id).unwrap();
        let made = library.symbol(&format!("call{i}")).unwrap();
        let right = is_right(&mut random, call, &kinds, made, &code);
        n_right += usize::from(right);
        if !right && wrong == Wrong::Nothing {
            let names: Vec<&str> = call.unnamed.iter().map(|kind| kinds[*kind].c).collect();
            eprintln!(
                "{cc}, seed {seed}, call {i}: {:?}, {} ... {names:?}",
                call.mode,
                call.sig(&kinds, policy)
            );
        }
    }
    (calls.len(), n_right)
}

/// Makes the call with random bytes, and looks at what was seen of them.
fn is_right(
    random: &mut Random,
    call: &Call,
    kinds: &[Kind],
    made: *const u8,
    code: &Code,
) -> bool {
    const UNTOUCHED: u8 = 0xee;
    let n = call.kinds().count();
    let mut given = vec![0_u8; (n + 1) * STEP];
    let mut counts = vec![false; given.len()];
    for (i, kind) in call.kinds().enumerate() {
        for (start, len) in kinds[kind].bytes {
            for byte in i * STEP + start..i * STEP + start + len {
                given[byte] = u8::try_from(random.below(256)).unwrap();
                counts[byte] = true;
            }
            if kinds[kind].c.ends_with('x') || kinds[kind].c == "x87" {
                // A number of x87: neither a NaN nor without its first bit.
                given[i * STEP + start + 7] |= 0x80;
                given[i * STEP + start + 9] &= 0x3f;
                given[i * STEP + start + 8] |= 1;
            }
        }
    }
    let mut seen = vec![UNTOUCHED; given.len()];
    // SAFETY: that is the signature of every `call_N`.
    let made = unsafe {
        std::mem::transmute::<*const u8, extern "C" fn(*const c_void, *mut u8, *mut u8)>(made)
    };
    // SAFETY: a function of the type that this call is of; it lives as long as `code`.
    made(
        unsafe { code.as_ptr() },
        given.as_mut_ptr(),
        seen.as_mut_ptr(),
    );
    let objects = call.kinds().enumerate().all(|(i, kind)| {
        let size = usize::try_from(kinds[kind].ty.size()).unwrap();
        (i * STEP..(i + 1) * STEP).all(|byte| {
            let inside = byte - i * STEP < size;
            // Of padding nothing is said.
            if counts[byte] {
                seen[byte] == given[byte]
            } else {
                inside || seen[byte] == UNTOUCHED
            }
        })
    });
    let result = &seen[n * STEP..];
    // The function returns the first bytes that it wrote.
    let returned = !call.sret || result[..72] == seen[..72];
    objects && returned
}

const SEEDS: std::ops::Range<u64> = 1..7;
const CALLS: usize = 200;

#[test]
fn every_kind_of_argument_is_found() {
    for cc in common::reference_compilers() {
        let mut total = 0;
        for seed in SEEDS {
            let (made, right) = run(cc, seed, CALLS, Wrong::Nothing);
            assert_eq!(made, right, "{cc}, seed {seed}");
            total += made;
        }
        println!("{cc}: {total} calls, seeds {SEEDS:?}");
        assert!(total > 1000, "{cc}: {total}");
    }
}

/// The test can fail.
#[test]
fn a_wrong_list_is_noticed() {
    for wrong in [
        Wrong::GpOffset,
        Wrong::FpOffset,
        Wrong::Alignment,
        Wrong::Overflow,
    ] {
        let (made, right) = run("gcc", 100, 60, wrong);
        println!("{wrong:?}: {right} of {made}");
        assert!(right < made, "{wrong:?}");
    }
}
