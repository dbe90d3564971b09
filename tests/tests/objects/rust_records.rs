//! Calls of C functions with records of Rust's `repr(C)` in parts: a padded pair, packed ones, two
//! words as one integer, and a packed result. RISC-V has this result in registers, x86-64 in
//! memory. The parts are rustc's.

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::clif_cabi_plan::ValueType::{F32, F64, I8, I32, I64, I128};
use clif_cabi::clif_cabi_plan::{ClifPart, Extension, PartsSignature, PartsValue, ValueType};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::{Arg, Lowering, Ret, clif_type};
use cranelift_object::ObjectModule;

use super::system::System;
use super::{exported, module};

const TYPES: &str = "
typedef struct { float x; __attribute__((aligned(8))) float y; } floats;
typedef struct { float x; __attribute__((aligned(8))) signed char y; } mixed;
typedef struct __attribute__((packed)) { float x; long y; } packed;
typedef struct __attribute__((packed)) {
    struct { float x; __attribute__((aligned(8))) float y; };
} around;
typedef struct { __attribute__((aligned(16))) long x; long y; } words;
typedef struct __attribute__((packed)) { signed char x; int y; } small;
";

/// Name of a C type, its parts with their offsets, its size and alignment.
type Record = (&'static str, &'static [(u32, ValueType)], (u64, u32));

const RECORDS: [Record; 5] = [
    ("floats", &[(0, F32), (8, F32)], (16, 8)),
    ("mixed", &[(0, F32), (8, I8)], (16, 8)),
    ("packed", &[(0, F32), (4, I64)], (12, 1)),
    ("around", &[(0, F32), (8, F32)], (16, 1)),
    ("words", &[(0, I128)], (16, 16)),
];

/// As many doubles before a record leave two, one and no register of RISC-V's.
const BEFORE: [usize; 3] = [6, 7, 8];

fn record(parts: &[(u32, ValueType)], (size, align): (u64, u32)) -> PartsValue {
    let mut value = PartsValue::new(&[], size, align);
    let part = |(offset, ty): &(u32, ValueType)| {
        ClifPart::new(*offset, u8::try_from(ty.bytes()).unwrap(), *ty)
    };
    value.parts = parts.iter().map(part).collect();
    value
}

fn constant(builder: &mut FunctionBuilder<'_>, ty: ValueType, n: u8) -> Value {
    match ty {
        F32 => builder.ins().f32const(f32::from(n)),
        F64 => builder.ins().f64const(f64::from(n)),
        I128 => {
            let [low, high] = [n, n + 1].map(|n| constant(builder, I64, n));
            builder.ins().iconcat(low, high)
        }
        ty => builder.ins().iconst(clif_type(ty), i64::from(n)),
    }
}

/// Calls `take`, a function of a `long`, of `n` doubles and of the record 1, 2.
fn call(
    module: &mut ObjectModule,
    lower: &Lowering,
    builder: &mut FunctionBuilder<'_>,
    take: (&str, &PartsValue, usize),
) -> Value {
    let parts = (1..).zip(&take.1.parts);
    let parts = parts.map(|(n, part)| constant(builder, part.ty, n));
    let parts: Vec<Value> = parts.collect();
    call_with(module, lower, builder, take, &parts)
}

fn call_with(
    module: &mut ObjectModule,
    lower: &Lowering,
    builder: &mut FunctionBuilder<'_>,
    (take, value, n): (&str, &PartsValue, usize),
    parts: &[Value],
) -> Value {
    let mut params = vec![PartsValue::scalar(I64, Extension::None)];
    params.extend(vec![PartsValue::scalar(F64, Extension::None); n]);
    params.push(value.clone());
    let sig = PartsSignature {
        params,
        result: Some(PartsValue::scalar(I32, Extension::Sign)),
        ..PartsSignature::default()
    };
    let sig = sig.fn_sig(lower.target()).unwrap();
    let take = lower.declare_import(module, take, &sig).unwrap();
    let zero = Arg::value(builder.ins().f64const(0.0));
    let mut args = vec![Arg::value(constant(builder, I64, 0))];
    args.extend(vec![zero; n]);
    args.push(Arg::parts(parts));
    let result = lower.call(module, builder, &take, &args, Ret::Value);
    result.unwrap().value().unwrap()
}

/// Returns the object file of the calls, and the C program that has the functions.
fn program(triple: &str, in_parts: &[usize], small: PartsValue) -> (Vec<u8>, String) {
    let (mut module, lower) = module(triple);
    let (mut c, mut main) = (TYPES.to_owned(), String::new());
    let sig = FnSig::new([], Type::I32);
    for (i, n) in in_parts.iter().flat_map(|i| BEFORE.map(|n| (i, n))) {
        let (name, parts, layout) = RECORDS[*i];
        let value = record(parts, layout);
        let take = format!("take_{name}{n}");
        exported(
            &mut module,
            &format!("call_{name}{n}"),
            &sig,
            |module, builder, _| call(module, &lower, builder, (&take, &value, n)),
        );
        let doubles = "double, ".repeat(n);
        c += &format!("int {take}(long, {doubles}{name} a) {{ return a.x == 1 && a.y == 2; }}\n");
        c += &format!("int call_{name}{n}(void);\n");
        main += &format!("if (!call_{name}{n}()) return 1;\n");
    }
    let give = PartsSignature {
        result: Some(small),
        ..PartsSignature::default()
    };
    let give = give.fn_sig(lower.target()).unwrap();
    exported(&mut module, "call_give", &sig, |module, builder, _| {
        let callee = lower.declare_import(module, "give", &give).unwrap();
        let to = lower.slot(builder, give.result()).unwrap();
        lower
            .call(module, builder, &callee, &[], Ret::memory(to))
            .unwrap();
        let flags = MemFlagsData::new();
        builder.ins().load(clif_type(I32), flags, to, 1)
    });
    c += "small give(void) { return (small){ 1, 2 }; }\nint call_give(void);\n";
    c += &format!("int main(void) {{\n{main}return call_give() != 2;\n}}\n");
    (module.finish().emit().unwrap(), c)
}

fn run(system: &System<'_>, in_parts: &[usize], small: PartsValue) {
    let (object, c) = program(system.triple, in_parts, small);
    ended(system, object, &c);
}

/// Links the object file with the C program, and runs it.
fn ended(system: &System<'_>, object: Vec<u8>, c: &str) {
    let (folder, wine) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("calls.o"), object).unwrap();
    std::fs::write(folder.path().join("main.c"), c).unwrap();
    let linked = system.commands(folder.path(), "CC main.c calls.o -o main.exe");
    let Some(linked) = linked else { return };
    linked.unwrap();
    if let Some(ended) = system.run(folder.path(), wine.path()) {
        assert_eq!(ended.status.code(), Some(0), "{}", system.triple);
    }
}

#[test]
fn riscv64_linux() {
    let system = System {
        triple: "riscv64gc-unknown-linux-gnu",
        compiler: "riscv64-linux-gnu-gcc -O1",
        runner: "qemu-riscv64 -L /usr/riscv64-linux-gnu",
    };
    run(&system, &[0, 1, 2, 3, 4], PartsValue::new(&[I64], 5, 1));
}

#[test]
fn aarch64_linux() {
    let system = System {
        triple: "aarch64-unknown-linux-gnu",
        compiler: "aarch64-linux-gnu-gcc -O1",
        runner: "qemu-aarch64 -L /usr/aarch64-linux-gnu",
    };
    run(&system, &[4], PartsValue::new(&[I64], 5, 1));
}

/// A float of two bytes in a record, which rustc passes as a `double`. As many doubles before it
/// leave one register in the first call, and none in the second.
#[test]
fn half_in_a_double() {
    let system = System {
        triple: "x86_64-unknown-linux-gnu",
        compiler: "cc -O1",
        runner: "",
    };
    let (mut module, lower) = module(system.triple);
    let value = PartsValue::new(&[F64], 2, 2);
    let sig = FnSig::new([], Type::I32);
    let mut c = "typedef struct { _Float16 x; } half;\n".to_owned();
    for n in [7, 8] {
        let take = format!("take{n}");
        exported(
            &mut module,
            &format!("call{n}"),
            &sig,
            |module, builder, _| {
                let bits = builder.ins().iconst(clif_type(I64), 0x7fff_3c00);
                let bits = builder
                    .ins()
                    .bitcast(clif_type(F64), MemFlagsData::new(), bits);
                call_with(module, &lower, builder, (&take, &value, n), &[bits])
            },
        );
        let doubles = "double, ".repeat(n);
        c += &format!(
            "int {take}(long, {doubles}half a) {{ return a.x == 1; }}\nint call{n}(void);\n"
        );
    }
    c += "int main(void) { return !call7() | !call8() << 1; }\n";
    ended(&system, module.finish().emit().unwrap(), &c);
}

#[test]
fn x86_64_linux() {
    let system = System {
        triple: "x86_64-unknown-linux-gnu",
        compiler: "cc -O1",
        runner: "",
    };
    run(&system, &[], PartsValue::by_reference(5, 1));
}
