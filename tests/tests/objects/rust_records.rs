//! Calls of C functions with records of Rust's `repr(C)` in parts: a padded pair, packed ones, two
//! words as one integer, a half, and a packed result. RISC-V has this result in registers, x86-64
//! in memory. The parts are rustc's.

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::clif_cabi_plan::ValueType::{F32, F64, I8, I32, I64, I128};
use clif_cabi::clif_cabi_plan::{PartsSignature, PartsValue};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, MemFlagsData};
use clif_cabi::{Lowering, Ret, clif_type};
use cranelift_object::ObjectModule;

use super::exported;
use super::parts::{DOUBLE, Function, Kind, LINK, LONG, Program};
use super::system::{AARCH64, RISCV64, System, X86_64};

const TYPES: &str = "
typedef struct { float x0; __attribute__((aligned(8))) float x1; } floats;
typedef struct { float x0; __attribute__((aligned(8))) signed char x1; } mixed;
typedef struct __attribute__((packed)) { float x0; long x1; } packed;
typedef struct __attribute__((packed)) {
    struct { float x0; __attribute__((aligned(8))) float x1; };
} around;
typedef struct { __attribute__((aligned(16))) long x0; long x1; } words;
typedef struct __attribute__((packed)) { signed char x; int y; } small;
small give(void) { return (small){ 1, 2 }; }
int call_give(void);
int relay_give(void) { return call_give() == 2; }
";

const WORDS: Kind = ("words", &[I64, I64], Some((&[(0, I128)], 16, 16)));

const RECORDS: [Kind; 5] = [
    ("floats", &[F32, F32], Some((&[(0, F32), (8, F32)], 16, 8))),
    ("mixed", &[F32, I8], Some((&[(0, F32), (8, I8)], 16, 8))),
    ("packed", &[F32, I64], Some((&[(0, F32), (4, I64)], 12, 1))),
    ("around", &[F32, F32], Some((&[(0, F32), (8, F32)], 16, 1))),
    WORDS,
];

/// Returns the function of a `long long`, of `n` doubles and of the record.
fn function(record: Kind, n: usize) -> Function {
    let params = [vec![LONG], vec![DOUBLE; n], vec![record]].concat();
    (record.0, params, None)
}

/// Runs calls of `records`, and a call of a function that returns `small`.
fn run(system: &System<'_>, records: &[Kind], small: &PartsValue) {
    // As many doubles before a record leave two, one and no register of RISC-V's.
    for n in [6, 7, 8] {
        let functions: Vec<Function> = records.iter().map(|one| function(*one, n)).collect();
        let program = Program {
            types: TYPES,
            functions: &functions,
            more: Some(("give", &|module, lower| call_give(module, lower, small))),
        };
        let code = program.run(system, LINK, true);
        assert_eq!(code.unwrap_or(0), 0, "{}, {n}", system.triple);
    }
}

fn call_give(module: &mut ObjectModule, lower: &Lowering, small: &PartsValue) {
    let give = PartsSignature {
        result: Some(small.clone()),
        ..PartsSignature::default()
    };
    let give = give.fn_sig(lower.target()).unwrap();
    let sig = FnSig::new([], Type::I32);
    exported(module, "call_give", &sig, |module, builder, _| {
        let callee = lower.declare_import(module, "give", &give).unwrap();
        let to = lower.slot(builder, give.result()).unwrap();
        lower
            .call(module, builder, &callee, &[], Ret::memory(to))
            .unwrap();
        let flags = MemFlagsData::new();
        builder.ins().load(clif_type(I32), flags, to, 1)
    });
}

#[test]
fn riscv64_linux() {
    run(&RISCV64, &RECORDS, &PartsValue::new(&[I64], 5, 1));
}

#[test]
fn aarch64_linux() {
    run(&AARCH64, &[WORDS], &PartsValue::new(&[I64], 5, 1));
}

/// A float of two bytes in a record, which rustc passes as a `double`. As many doubles before it
/// leave one register in the first call, and none in the second.
#[test]
fn half_in_a_double() {
    for n in [7, 8] {
        let half = (
            "half",
            [F64].as_slice(),
            Some(([(0, F64)].as_slice(), 2, 2)),
        );
        let program = Program {
            types: "typedef struct { _Float16 x0; } half;\n",
            functions: &[function(half, n)],
            more: None,
        };
        assert_eq!(program.run(&X86_64, LINK, true).unwrap_or(0), 0, "{n}");
    }
}

#[test]
fn x86_64_linux() {
    run(&X86_64, &[], &PartsValue::by_reference(5, 1));
}
