//! Calls and functions of signatures in parts, from CLIF without a C type, against C. Each case was
//! reported of a front end that counts registers itself. Calls of the flattened parts without
//! padding, as Cranelift places them, are the control.

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::clif_cabi_plan::ValueType::{F32, F64, I32, I64};
use clif_cabi::clif_cabi_plan::{Extension, PartsSignature, PartsValue, VaArgPlan, ValueType};
use clif_cabi::cranelift_codegen::ir::{
    AbiParam, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types,
};
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi::{Arg, Entry, Lowering, Ret, clif_type};
use cranelift_object::ObjectModule;

use super::system::System;
use super::{exported, module};

/// A type of C: its name, its elements, which are its parts, and their number. A scalar has one.
type Kind = (&'static str, ValueType, usize);

const LONG: Kind = ("long long", I64, 1);
const DOUBLE: Kind = ("double", F64, 1);
const PAIR: Kind = ("pair", I64, 2);
const FLOATS: Kind = ("floats", F32, 4);
const DOUBLES: Kind = ("doubles", F64, 2);

const TYPES: &str = "
#include <stdarg.h>
typedef struct { long long x[2]; } pair;
typedef struct { float x[4]; } floats;
typedef struct { double x[2]; } doubles;
";

/// Calls `own` of CLIF.
const CALLER: &str = "
long long own(long long, ...);
int take_definition(void) {
  pair p = { { 4, 5 } };
  return own(1, 2.0, 3LL, p, 6.0) == 123456;
}
";

const MAIN: &str = "
int relay_aggregate(void), relay_pair(void), relay_unnamed(void), take_definition(void);
int main(void) {
  return !relay_aggregate() | !relay_pair() << 1 | !relay_unnamed() << 2 | !take_definition() << 3;
}
";

/// Names, parameters and number of named parameters of functions of C, which return whether
/// element n of all their arguments is n, counted from 1.
struct Cases<'s> {
    system: System<'s>,
    link: &'s str,
    functions: [(&'static str, Vec<Kind>, Option<usize>); 3],
    /// The functions that do not get their arguments without padding, as bits. al of x86-64 may be
    /// right by chance.
    control: i32,
}

impl<'s> Cases<'s> {
    /// rustc_codegen_cranelift #1525: a homogeneous aggregate in registers that do not suffice.
    /// wasmtime #9509: a pair with one integer register left.
    /// rustc_codegen_cranelift #1451: unnamed arguments.
    fn new(
        system: System<'s>,
        link: &'s str,
        (aggregate, n_int): (Kind, usize),
        control: i32,
    ) -> Self {
        let n_doubles = 9 - if aggregate.2 == 4 { 3 } else { 2 };
        let aggregate = [vec![DOUBLE; n_doubles], vec![aggregate, DOUBLE]].concat();
        let pair = [vec![LONG; n_int - 1], vec![PAIR, LONG]].concat();
        let unnamed = vec![LONG, DOUBLE, LONG, PAIR, DOUBLE];
        let functions = [
            ("aggregate", aggregate, None),
            ("pair", pair, None),
            ("unnamed", unnamed, Some(1)),
        ];
        Self {
            system,
            link,
            functions,
            control,
        }
    }

    /// Runs the program with plans of parts, and with flattened parts.
    fn run(&self) {
        for (is_planned, wrong) in [(true, 0), (false, self.control)] {
            let folder = tempfile::tempdir().unwrap();
            let write = |name: &str, bytes: &[u8]| {
                std::fs::write(folder.path().join(name), bytes).unwrap();
            };
            let functions = self.functions.iter().map(in_c);
            let callees: String = functions.collect();
            write("callees.c", [TYPES, &callees, CALLER].concat().as_bytes());
            write("main.c", MAIN.as_bytes());
            write("relays.o", &self.object(is_planned));
            let Some(made) = self.system.commands(folder.path(), self.link) else {
                return;
            };
            made.unwrap();
            let Some(ended) = self.system.run(folder.path(), folder.path()) else {
                return;
            };
            let code = ended.status.code().unwrap();
            let (triple, is_right) = (self.system.triple, code == 0);
            assert_eq!(
                (code & wrong, is_right),
                (wrong, is_planned),
                "{triple}: {code}"
            );
        }
    }

    fn object(&self, is_planned: bool) -> Vec<u8> {
        let (mut module, lower) = module(self.system.triple);
        for (name, kinds, n_named) in &self.functions {
            let sig = PartsSignature {
                params: kinds.iter().map(value).collect(),
                n_named: *n_named,
                result: Some(PartsValue::scalar(I32, Extension::Sign)),
                ..PartsSignature::default()
            };
            let sig = sig.fn_sig(lower.target()).unwrap();
            let own = FnSig::new([], Type::I32);
            exported(
                &mut module,
                &format!("relay_{name}"),
                &own,
                |module, builder, _| {
                    let callee = lower.declare_import(module, &format!("take_{name}"), &sig);
                    let args = constants(builder, kinds);
                    match is_planned {
                        true => call(module, &lower, builder, (callee.unwrap().id, &sig), &args),
                        false => call_flat(module, builder, callee.unwrap().id, &args),
                    }
                },
            );
        }
        let own = PartsSignature {
            params: vec![value(&LONG)],
            n_named: Some(1),
            result: Some(value(&LONG)),
            ..PartsSignature::default()
        };
        let own = own.fn_sig(lower.target()).unwrap();
        exported(&mut module, "own", &own, |_, builder, entry| {
            digits(&lower, builder, entry)
        });
        module.finish().emit().unwrap()
    }
}

/// Returns the value of the parts of a kind.
fn value(&(_, part, n): &Kind) -> PartsValue {
    match n {
        1 => PartsValue::scalar(part, Extension::None),
        n => PartsValue::new(
            &vec![part; n],
            n as u64 * u64::from(part.bytes()),
            part.bytes(),
        ),
    }
}

/// Returns the function of C.
fn in_c((name, kinds, n_named): &(&str, Vec<Kind>, Option<usize>)) -> String {
    let (mut n, mut params, mut reads, mut checks) = (0, vec![], String::new(), vec![]);
    for (i, (ty, _, n_parts)) in kinds.iter().enumerate() {
        match n_named.is_some_and(|n_named| i >= n_named) {
            true => reads += &format!("{ty} a{i} = va_arg(l, {ty}); "),
            false => params.push(format!("{ty} a{i}")),
        }
        for part in 0..*n_parts {
            n += 1;
            let element = if *n_parts == 1 {
                String::new()
            } else {
                format!(".x[{part}]")
            };
            checks.push(format!("a{i}{element} == {n}"));
        }
    }
    if n_named.is_some() {
        params.push("...".into());
        reads = format!("va_list l; va_start(l, a0); {reads}");
    }
    let (params, checks) = (params.join(", "), checks.join(" && "));
    format!("int take_{name}({params}) {{ {reads}return {checks}; }}\n")
}

/// Returns the parts of each argument.
fn constants(builder: &mut FunctionBuilder<'_>, kinds: &[Kind]) -> Vec<Vec<Value>> {
    let mut n = 0_u8;
    let mut constant = |part| {
        n += 1;
        match part {
            F32 => builder.ins().f32const(f32::from(n)),
            F64 => builder.ins().f64const(f64::from(n)),
            part => builder.ins().iconst(clif_type(part), i64::from(n)),
        }
    };
    let parts = kinds
        .iter()
        .map(|(_, part, n)| (0..*n).map(|_| constant(*part)).collect());
    parts.collect()
}

fn call(
    module: &mut ObjectModule,
    lower: &Lowering,
    builder: &mut FunctionBuilder<'_>,
    (callee, sig): (FuncId, &FnSig),
    args: &[Vec<Value>],
) -> Value {
    let args: Vec<Arg> = args.iter().map(|parts| Arg::parts(parts)).collect();
    let result = lower.call_sig(module, builder, callee, sig, &args, Ret::Value);
    result.unwrap().value().unwrap()
}

/// Calls with one parameter of CLIF for each part.
fn call_flat(
    module: &mut ObjectModule,
    builder: &mut FunctionBuilder<'_>,
    callee: FuncId,
    args: &[Vec<Value>],
) -> Value {
    let args = args.concat();
    let mut flat = module.make_signature();
    let types = args.iter().map(|arg| builder.func.dfg.value_type(*arg));
    flat.params.extend(types.map(AbiParam::new));
    flat.returns.push(AbiParam::new(types::I32));
    let flat = builder.import_signature(flat);
    let callee = module.declare_func_in_func(callee, builder.func);
    let address = builder.ins().func_addr(types::I64, callee);
    let called = builder.ins().call_indirect(flat, address, &args);
    builder.inst_results(called)[0]
}

/// rustc_codegen_cranelift #1677: the definition of a variadic function. Returns the arguments as
/// the digits of a number.
fn digits(lower: &Lowering, builder: &mut FunctionBuilder<'_>, entry: &Entry) -> Value {
    let plan = |(_, part, n): Kind| {
        // All unnamed arguments are integers there.
        let part = if lower.target().name().starts_with("riscv64") {
            I64
        } else {
            part
        };
        let (size, parts) = (8 * n as u64, vec![part; n]);
        VaArgPlan::of_parts(&parts, size, 8, lower.target()).unwrap()
    };
    let bytes = u32::from(plan(LONG).list_bytes);
    let list = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3);
    let list = builder.create_sized_stack_slot(list);
    let list = builder.ins().stack_addr(types::I64, list, 0);
    entry.va_start(builder, list).unwrap();
    let mut number = entry.value(builder, 0).unwrap();
    for kind in [DOUBLE, LONG, PAIR, DOUBLE] {
        let from = lower.va_arg_planned(builder, list, &plan(kind)).unwrap();
        for i in 0..kind.2 {
            let (flags, offset) = (MemFlagsData::new(), 8 * i32::try_from(i).unwrap());
            let digit = builder.ins().load(clif_type(kind.1), flags, from, offset);
            let digit = match kind.1 {
                F64 => builder.ins().fcvt_to_sint(types::I64, digit),
                _ => digit,
            };
            let tens = builder.ins().imul_imm_s(number, 10);
            number = builder.ins().iadd(tens, digit);
        }
    }
    number
}

const LINK: &str = "CC callees.c main.c relays.o -o main.exe";

#[test]
fn x86_64_linux() {
    let system = System {
        triple: "x86_64-unknown-linux-gnu",
        compiler: "cc -O1",
        runner: "",
    };
    Cases::new(system, LINK, (DOUBLES, 6), 0b011).run();
}

#[test]
fn aarch64_linux() {
    let system = System {
        triple: "aarch64-unknown-linux-gnu",
        compiler: "aarch64-linux-gnu-gcc -O1",
        runner: "qemu-aarch64 -L /usr/aarch64-linux-gnu",
    };
    Cases::new(system, LINK, (FLOATS, 8), 0b011).run();
}

/// clang writes ELF for Apple's system, and so does Cranelift.
#[test]
fn aarch64_apple() {
    let system = System {
        triple: "aarch64-apple-darwin-elf",
        compiler: "clang-19 --target=arm64-apple-macosx13-elf -ffreestanding -O1 -c",
        runner: "qemu-aarch64 -L /usr/aarch64-linux-gnu",
    };
    let link =
        "CC callees.c -o callees.o; aarch64-linux-gnu-gcc main.c callees.o relays.o -o main.exe";
    Cases::new(system, link, (FLOATS, 8), 0b111).run();
}

#[test]
fn riscv64_linux() {
    let system = System {
        triple: "riscv64gc-unknown-linux-gnu",
        compiler: "riscv64-linux-gnu-gcc -O1",
        runner: "qemu-riscv64 -L /usr/riscv64-linux-gnu",
    };
    Cases::new(system, LINK, (DOUBLES, 8), 0b101).run();
}
