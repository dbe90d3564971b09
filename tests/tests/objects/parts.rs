//! Calls and functions of signatures in parts, from CLIF without a C type, against C. Each case was
//! reported of a front end that counts registers itself. Calls of the flattened parts without
//! padding, as Cranelift places them, are the control.

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::clif_cabi_plan::ValueType::{F32, F64, I32, I64, I128};
use clif_cabi::clif_cabi_plan::{ClifPart, Extension, PartsSignature, PartsValue, ValueType};
use clif_cabi::cranelift_codegen::ir::{
    AbiParam, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types,
};
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi::{Arg, Entry, Lowering, Ret, clif_type};
use cranelift_object::ObjectModule;

use super::system::{AARCH64, RISCV64, S390X, System, WINDOWS, X86_64};
use super::{exported, module};

/// A type of C: its name and its elements, and the value that an argument is. A C front end finds
/// the latter by the machine's rules.
pub(super) type Kind = (&'static str, &'static [ValueType], Option<RecordInParts>);

/// Parts with their offsets, size and alignment.
type RecordInParts = (&'static [(u32, ValueType)], u64, u32);

pub(super) const LONG: Kind = ("long long", &[I64], None);
pub(super) const DOUBLE: Kind = ("double", &[F64], None);
const PAIR: Kind = ("pair", &[I64, I64], None);
const FLOATS: Kind = ("floats", &[F32; 4], None);
const DOUBLES: Kind = ("doubles", &[F64, F64], None);
const MIXED: Kind = ("mixed", &[F64, I64], None);

/// Types, and a call of `own` of CLIF.
const TYPES: &str = "
#include <stdarg.h>
typedef struct { long long x0, x1; } pair;
typedef struct { float x0, x1, x2, x3; } floats;
typedef struct { double x0, x1; } doubles;
typedef struct { double x0; long long x1; } mixed;
long long own(long long, mixed, ...);
int relay_definition(void) {
  pair p = { 6, 7 };
  mixed first = { 2, 3 }, last = { 9, 5 };
  return own(1, first, 4.0, 5LL, p, 8.0, last) == 1234567895;
}
";

/// Name, parameters and number of named parameters of a function of C. It returns whether element n
/// of all its arguments is n, counted from 1.
pub(super) type Function = (&'static str, Vec<Kind>, Option<usize>);

/// rustc_codegen_cranelift #1525: a homogeneous aggregate in registers that do not suffice.
/// wasmtime #9509: a pair with one integer register left.
/// rustc_codegen_cranelift #1451: unnamed arguments.
/// A float and an integer, with one integer register left and with none.
fn functions(aggregate: Kind, n_int: usize) -> [Function; 4] {
    let n_doubles = 9 - if aggregate.1.len() == 4 { 3 } else { 2 };
    let aggregate = [vec![DOUBLE; n_doubles], vec![aggregate, DOUBLE]].concat();
    let pair = [vec![LONG; n_int - 1], vec![PAIR, LONG]].concat();
    let unnamed = vec![LONG, DOUBLE, LONG, PAIR, DOUBLE, MIXED];
    let mixed = [vec![LONG; n_int - 1], vec![MIXED, MIXED, DOUBLE, LONG]].concat();
    [
        ("aggregate", aggregate, None),
        ("pair", pair, None),
        ("unnamed", unnamed, Some(1)),
        ("mixed", mixed, None),
    ]
}

/// Defines a function of CLIF.
type Definition<'p> = dyn Fn(&mut ObjectModule, &Lowering) + 'p;

/// A program of functions of C, and of calls of them by CLIF.
pub(super) struct Program<'p> {
    /// Types and further functions of C.
    pub(super) types: &'p str,
    pub(super) functions: &'p [Function],
    /// The end of the name of one more `relay_` of `types`, and the function of CLIF that it calls.
    pub(super) more: Option<(&'p str, &'p Definition<'p>)>,
}

impl Program<'_> {
    /// Links and runs the program. Calls have plans of parts, or flattened parts. Returns the bits
    /// of the functions that do not get their arguments.
    pub(super) fn run(&self, system: &System<'_>, link: &str, is_planned: bool) -> Option<i32> {
        let callees: String = self.functions.iter().map(in_c).collect();
        let names = self.functions.iter().map(|(name, ..)| *name);
        let names = names.chain(self.more.map(|(name, _)| name));
        let (mut relays, mut checks) = (String::new(), String::new());
        for (bit, name) in names.enumerate() {
            relays += &format!("int relay_{name}(void);\n");
            checks += &format!(" | !relay_{name}() << {bit}");
        }
        let main = format!("{relays}int main(void) {{ return 0{checks}; }}\n");
        let files = [
            ("callees.c", [self.types, &callees].concat().into()),
            ("main.c", main.into()),
            ("relays.o", self.object(system.triple, is_planned)),
        ];
        let wine = tempfile::tempdir().unwrap();
        let ended = system.program(&files, link, wine.path())?;
        Some(ended.status.code().unwrap())
    }

    fn object(&self, triple: &str, is_planned: bool) -> Vec<u8> {
        let (mut module, lower) = module(triple);
        for (name, kinds, n_named) in self.functions {
            let params: Vec<_> = kinds.iter().map(|kind| value(&lower, *kind)).collect();
            let sig = PartsSignature {
                params: params.clone(),
                n_named: *n_named,
                result: Some(PartsValue::scalar(I32, Extension::Sign)),
                ..PartsSignature::default()
            };
            let sig = sig.fn_sig(lower.target()).unwrap();
            let own = FnSig::new([], Type::I32);
            let named = |side: &str| format!("{side}_{name}");
            exported(&mut module, &named("relay"), &own, |module, builder, _| {
                let callee = lower.declare_import(module, &named("take"), &sig);
                let (callee, mut n) = (callee.unwrap().id, 0);
                let args = params.iter().zip(kinds).map(|(value, (_, elements, _))| {
                    constants(builder, value, elements, (&mut n, is_planned))
                });
                let args: Vec<Arg> = args.collect();
                match is_planned {
                    true => call(module, &lower, builder, (callee, &sig), &args),
                    false => call_flat(module, builder, callee, &args),
                }
            });
        }
        if let Some((_, define)) = self.more {
            define(&mut module, &lower);
        }
        module.finish().emit().unwrap()
    }
}

/// Runs the program of `functions` with plans of parts, and with flattened parts. The bits of
/// `control` are functions that do not get their flattened arguments. They lack padding, or the
/// last element of an object that is passed by reference. al of x86-64 may be right by chance.
fn run(system: &System<'_>, link: &str, functions: &[Function], control: i32) {
    let program = Program {
        types: TYPES,
        functions,
        more: Some(("definition", &define_own)),
    };
    for (is_planned, wrong) in [(true, 0), (false, control)] {
        let Some(code) = program.run(system, link, is_planned) else {
            return;
        };
        let (triple, is_right) = (system.triple, code == 0);
        assert_eq!(
            (code & wrong, is_right),
            (wrong, is_planned),
            "{triple}: {code}"
        );
    }
}

fn define_own(module: &mut ObjectModule, lower: &Lowering) {
    let own = PartsSignature {
        params: [LONG, MIXED].map(|kind| value(lower, kind)).to_vec(),
        n_named: Some(2),
        result: Some(value(lower, LONG)),
        ..PartsSignature::default()
    };
    let own = own.fn_sig(lower.target()).unwrap();
    exported(module, "own", &own, |_, builder, entry| {
        digits(lower, builder, entry)
    });
}

/// Returns the value of a kind in the parts, or by the reference, that C passes it in or by.
fn value(lower: &Lowering, (_, elements, record): Kind) -> PartsValue {
    if let Some((parts, size, align)) = record {
        let mut value = PartsValue::new(&[], size, align);
        let part = |(offset, ty): &(u32, ValueType)| {
            let bytes = size.min(ty.bytes().into());
            ClifPart::new(*offset, u8::try_from(bytes).unwrap(), *ty)
        };
        value.parts = parts.iter().map(part).collect();
        return value;
    }
    let target = lower.target().name();
    let size = elements.iter().map(|own| u64::from(own.bytes())).sum();
    let align = elements[0].bytes();
    match elements {
        [part] => PartsValue::scalar(*part, Extension::None),
        _ if target.starts_with("s390x") || target.contains("windows") => {
            PartsValue::by_reference(size, align)
        }
        [F64, I64] if target.starts_with("aarch64") => PartsValue::new(&[I64, I64], size, align),
        parts => PartsValue::new(parts, size, align),
    }
}

/// Returns the function of C.
fn in_c((name, kinds, n_named): &Function) -> String {
    let (mut n, mut params, mut reads, mut checks) = (0, vec![], String::new(), vec![]);
    for (i, (ty, elements, record)) in kinds.iter().enumerate() {
        match n_named.is_some_and(|n_named| i >= n_named) {
            true => reads += &format!("{ty} a{i} = va_arg(l, {ty}); "),
            false => params.push(format!("{ty} a{i}")),
        }
        for element in 0..elements.len() {
            n += 1;
            let element = match elements.len() {
                1 if record.is_none() => String::new(),
                _ => format!(".x{element}"),
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

/// Returns the next numbers as `elements` of an argument that is passed as `value`; of an object
/// the last one is 0 unless it `is_whole`.
fn constants(
    builder: &mut FunctionBuilder<'_>,
    value: &PartsValue,
    elements: &[ValueType],
    (n, is_whole): (&mut u8, bool),
) -> Arg {
    let constants = elements.iter().map(|part| {
        *n += 1;
        match part {
            // A half of 8 to 15, below bits that are no part of it.
            F64 if value.size == 2 => {
                let bits = 0x7fff_4800 + 128 * (i64::from(*n) - 8);
                let bits = builder.ins().iconst(types::I64, bits);
                builder.ins().bitcast(types::F64, MemFlagsData::new(), bits)
            }
            F32 => builder.ins().f32const(f32::from(*n)),
            F64 => builder.ins().f64const(f64::from(*n)),
            part => builder.ins().iconst(clif_type(*part), i64::from(*n)),
        }
    });
    let mut values: Vec<Value> = constants.collect();
    if let ([I64, I64], [ClifPart { ty: I128, .. }]) = (elements, &*value.parts) {
        return Arg::value(builder.ins().iconcat(values[0], values[1]));
    }
    if !value.by_reference {
        for (value, part) in values.iter_mut().zip(&value.parts) {
            let ty = clif_type(part.ty);
            if builder.func.dfg.value_type(*value) != ty {
                *value = builder.ins().bitcast(ty, MemFlagsData::new(), *value);
            }
        }
        return Arg::parts(&values);
    }
    let last = values.len() - 1;
    if !is_whole {
        values[last] = builder.ins().iconst(types::I64, 0);
    }
    let object = slot(builder, u32::try_from(value.size).unwrap());
    for (value, at) in values.into_iter().zip((0..).step_by(8)) {
        builder.ins().store(MemFlagsData::new(), value, object, at);
    }
    Arg::memory(object)
}

fn slot(builder: &mut FunctionBuilder<'_>, bytes: u32) -> Value {
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3);
    let slot = builder.create_sized_stack_slot(slot);
    builder.ins().stack_addr(types::I64, slot, 0)
}

fn call(
    module: &mut ObjectModule,
    lower: &Lowering,
    builder: &mut FunctionBuilder<'_>,
    (callee, sig): (FuncId, &FnSig),
    args: &[Arg],
) -> Value {
    let result = lower.call_sig(module, builder, callee, sig, args, Ret::Value);
    result.unwrap().value().unwrap()
}

/// Calls with one parameter of CLIF for each part.
fn call_flat(
    module: &mut ObjectModule,
    builder: &mut FunctionBuilder<'_>,
    callee: FuncId,
    args: &[Arg],
) -> Value {
    let values = args.iter().map(|arg| match arg {
        Arg::Parts(values) => values.to_vec(),
        Arg::Memory { base, .. } => vec![*base],
        arg => panic!("{arg:?}"),
    });
    let args: Vec<Value> = values.flatten().collect();
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
    let fetch = |builder: &mut FunctionBuilder<'_>, list, kind: Kind| {
        let PartsValue {
            parts, size, align, ..
        } = value(lower, kind);
        // All unnamed arguments are integers there.
        let is_int = lower.target().name().starts_with("riscv64");
        let parts = parts.iter().map(|part| if is_int { I64 } else { part.ty });
        let parts: Vec<ValueType> = parts.collect();
        lower.va_arg_parts(builder, list, &parts, (size, align))
    };
    let sig = FnSig::new([], Type::VOID).variadic();
    let list = lower.va_arg_plan(&sig, &Type::PTR).unwrap().list_bytes;
    let list = slot(builder, list.into());
    entry.va_start(builder, list).unwrap();
    let mut number = entry.value(builder, 0).unwrap();
    for (i, kind) in (1..).zip([MIXED, DOUBLE, LONG, PAIR, DOUBLE, MIXED]) {
        let from = match i {
            1 => entry.address(builder, i),
            _ => fetch(builder, list, kind),
        };
        for (ty, at) in kind.1.iter().zip((0..).step_by(8)) {
            let from = *from.as_ref().unwrap();
            let digit = builder
                .ins()
                .load(clif_type(*ty), MemFlagsData::new(), from, at);
            let digit = match ty {
                F64 => builder.ins().fcvt_to_sint(types::I64, digit),
                _ => digit,
            };
            let tens = builder.ins().imul_imm_s(number, 10);
            number = builder.ins().iadd(tens, digit);
        }
    }
    number
}

pub(super) const LINK: &str = "CC callees.c main.c relays.o -o main.exe";

#[test]
fn x86_64_linux() {
    run(&X86_64, LINK, &functions(DOUBLES, 6), 0b1011);
}

#[test]
fn aarch64_linux() {
    run(&AARCH64, LINK, &functions(FLOATS, 8), 0b1011);
}

/// clang writes ELF for Apple's system, and so does Cranelift.
#[test]
fn aarch64_apple() {
    let system = System {
        triple: "aarch64-apple-darwin-elf",
        compiler: "clang-19 --target=arm64-apple-macosx13-elf -ffreestanding -O1 -c",
        ..AARCH64
    };
    let link =
        "CC callees.c -o callees.o; aarch64-linux-gnu-gcc main.c callees.o relays.o -o main.exe";
    run(&system, link, &functions(FLOATS, 8), 0b1111);
}

#[test]
fn riscv64_linux() {
    run(&RISCV64, LINK, &functions(DOUBLES, 8), 0b1101);
}

#[test]
fn s390x_linux() {
    run(&S390X, LINK, &functions(DOUBLES, 5), 0b1111);
}

#[test]
fn x86_64_windows() {
    run(&WINDOWS, LINK, &functions(DOUBLES, 4), 0b1111);
}
