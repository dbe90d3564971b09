//! Conventions that give registers out in another order than Cranelift, skip some, put a value in two, or are no C compiler's: calls and entries under them, run,
//! with images of the registers and the stack on the other side. Where each value is, is told by `FnAbi` and by nothing of the lowering. Functions of a language's own convention
//! are entered by tail calls as well.
#![cfg(any(
    all(target_arch = "x86_64", unix),
    all(target_arch = "aarch64", target_os = "linux")
))]
#![allow(
    clippy::cast_possible_truncation,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error; objects are small"
)]

#[path = "../common/mod.rs"]
mod common;
mod context;
mod conventions;
mod image;
#[path = "../probe/mod.rs"]
mod probe;
mod tail_calls;

use std::cell::Cell;

use cabi::convention::{CalleePops, Convention, FrameKind};
use cabi::{FnAbi, FnSig, Loc, Place, Reg, Type};
use clif_cabi::{Arg, Ret, value_type};
use common::{Jit, bytes, record};
use conventions::{ALL, MISTAKEN, OF_THE_LANGUAGE};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use cranelift_module::FuncId;
use image::{check, put};
use probe::{Probe, Rng, call_in, dump, dump_popping};

/// Scalars, pairs of each kind of class, tails, values in memory, and blocks that Cranelift copies; records that are split where they are.
fn types(convention: &Convention) -> Vec<Type> {
    let mut types = vec![
        Type::I64,
        Type::F64,
        Type::I32,
        Type::F32,
        Type::I8,
        record("long_double", &[Type::I64, Type::F64]),
        record("double_long", &[Type::F64, Type::I64]),
        record("long_long", &[Type::I64, Type::I64]),
        record("floats", &[Type::F32, Type::F32, Type::F32]),
        Type::I128,
        bytes(5),
        bytes(13),
        bytes(24),
        bytes(75),
    ];
    if convention.frame.kind == FrameKind::Tail {
        let eight = |ty: &Type| vec![ty.clone(); 8];
        let vector = |n| Type::vector(&Type::F32, n).unwrap();
        types.extend([
            record(
                "small",
                &[
                    Type::I8,
                    Type::U8,
                    Type::I16,
                    Type::F32,
                    Type::F16,
                    Type::I16,
                ],
            ),
            record("narrow", &[Type::I8, Type::U8, Type::I16, Type::F32]),
            record("mixed", &[Type::F64, Type::I64, Type::F32, Type::I32]),
            record("results", &[eight(&Type::I64), eight(&Type::F64)].concat()),
            record("vectors", &[vector(4), Type::I64, Type::F64, vector(8)]),
            record("quad", &[Type::F128, Type::I128]),
            Type::F16,
            vector(2),
            vector(4),
            bytes(129),
        ]);
    }
    types
}

fn signatures() -> Vec<FnSig> {
    let mut rng = Rng::new(1);
    let mut sigs = Vec::new();
    for convention in ALL {
        let types = types(convention);
        let pick = |rng: &mut Rng| types[rng.below(types.len())].clone();
        // Each type alone, as argument and as result.
        let alone = types.iter().map(|ty| FnSig::new([ty.clone()], ty.clone()));
        sigs.extend(alone.map(|sig| sig.convention(convention)));
        for _ in 0..150 {
            let params: Vec<Type> = (0..rng.below(9)).map(|_| pick(&mut rng)).collect();
            sigs.push(FnSig::new(params, pick(&mut rng)).convention(convention));
        }
    }
    sigs
}

/// The objects of one signature: arguments, then the result. Compiled code writes to them too.
struct Objects(Vec<Vec<Cell<u8>>>);

impl Objects {
    fn of(sig: &FnSig, mut fill: impl FnMut(usize) -> Vec<u8>) -> Self {
        let params = sig.params().iter().map(|param| &param.ty);
        let all = params.chain([sig.result()]);
        let mut object = |ty: &Type| fill(ty.size() as usize).into_iter().map(Cell::new);
        Self(all.map(|ty| object(ty).collect()).collect())
    }

    fn bytes(&self, i: usize) -> Vec<u8> {
        self.0[i].iter().map(Cell::get).collect()
    }

    fn address(&self, i: usize) -> i64 {
        (self.0[i].as_ptr() as u64).cast_signed()
    }

    fn result(&self) -> usize {
        self.0.len() - 1
    }
}

/// Calls the dump with `objects`; the result goes to the last one. What can be one SSA value is one, if `values`.
fn caller(jit: &mut Jit, sig: &FnSig, objects: &Objects, values: bool) -> FuncId {
    jit.body(None, |lower, module, builder| {
        builder.func.signature = Signature::new(CallConv::SystemV);
        let block = builder.create_block();
        builder.switch_to_block(block);
        let params = sig.params().iter().enumerate();
        let args: Vec<Arg> = params
            .map(|(i, param)| object(builder, &param.ty, objects.address(i), values))
            .collect();
        let to = constant(builder, objects.address(objects.result()));
        let pops = sig_pops(sig);
        let dump = if pops { dump_popping } else { dump };
        let callee = constant(builder, (dump as *const () as u64).cast_signed());
        let form = match value_type(sig.result()) {
            Some(_) if values => Ret::Value,
            _ => Ret::memory(to),
        };
        let result = lower.call_sig(module, builder, callee, sig, &args, form);
        if let Some(value) = result.unwrap().value() {
            builder.ins().store(MemFlagsData::new(), value, to, 0);
        }
        builder.ins().return_(&[]);
    })
}

/// A function of `sig` that stores its arguments to `objects` and returns the last one.
fn callee(jit: &mut Jit, sig: &FnSig, objects: &Objects, values: bool) -> FuncId {
    jit.body(None, |lower, module, builder| {
        let (_, entry) = lower.begin(builder, sig).unwrap();
        for (i, param) in sig.params().iter().enumerate() {
            let to = constant(builder, objects.address(i));
            if values && value_type(&param.ty).is_some() {
                let value = entry.value(builder, i).unwrap();
                builder.ins().store(MemFlagsData::new(), value, to, 0);
            } else {
                entry.store(builder, i, to).unwrap();
            }
        }
        let from = objects.address(objects.result());
        let result = object(builder, sig.result(), from, values);
        entry.ret(module, builder, Some(&result)).unwrap();
    })
}

/// A function of `sig` that ends by a call of `callee` with its own arguments, in parts where they have such.
fn by_tail_call(jit: &mut Jit, sig: &FnSig, callee: FuncId) -> FuncId {
    jit.body(None, |lower, module, builder| {
        let (_, entry) = lower.begin(builder, sig).unwrap();
        let args = (0..sig.params().len()).map(|i| match entry.parts(builder, i) {
            Ok(parts) => Arg::Parts(parts),
            Err(_) => Arg::memory(entry.address(builder, i).unwrap()),
        });
        let args: Vec<Arg> = args.collect();
        let jump = lower.tail_call(module, builder, &entry, callee, sig, &args);
        jump.unwrap();
    })
}

/// Whether a function of `sig` can end by such a call: it hands copies on whose addresses it has in registers.
fn can_be_tail(sig: &FnSig) -> bool {
    let abi = FnAbi::new(sig, &common::target()).unwrap();
    let on_stack = |place: &Place| match place {
        Place::Indirect { pointer, .. } => matches!(pointer, Loc::Stack(_)),
        _ => false,
    };
    sig_pops(sig) && !abi.args.iter().any(|arg| on_stack(&arg.place))
}

/// Whether callees of `sig` pop their arguments.
fn sig_pops(sig: &FnSig) -> bool {
    convention_of(sig).frame.callee_pops == CalleePops::Everything
}

fn convention_of(sig: &FnSig) -> &'static Convention {
    FnAbi::convention_of(sig, &common::target()).unwrap()
}

/// The object at `address`, as one SSA value if it can be one and is to be.
fn object(builder: &mut FunctionBuilder<'_>, ty: &Type, address: i64, value: bool) -> Arg {
    let address = constant(builder, address);
    match value_type(ty).filter(|_| value) {
        Some(ty) => Arg::value(builder.ins().load(ty, MemFlagsData::new(), address, 0)),
        None => Arg::memory(address),
    }
}

fn constant(builder: &mut FunctionBuilder<'_>, value: i64) -> Value {
    builder.ins().iconst(types::I64, value)
}

/// One signature with the objects of its caller and of its callee.
struct Case {
    sig: FnSig,
    given: Objects,
    received: Objects,
    caller: FuncId,
    callee: FuncId,
}

#[test]
fn registers_in_any_order() {
    let mut n_values = 0;
    for (opt_level, tail) in [
        ("none", false),
        ("speed", false),
        ("none", true),
        ("speed", true),
    ] {
        let settings: &[&str] = match tail {
            true => &["preserve_frame_pointers"],
            false => &[],
        };
        let (mut jit, mut rng) = (Jit::new(opt_level, settings), Rng::new(2));
        let mut cases = Vec::new();
        for values in [false, true] {
            for sig in signatures() {
                if tail && !can_be_tail(&sig) {
                    continue;
                }
                let mut case = Case::new(&mut jit, &mut rng, sig, values);
                if tail {
                    case.callee = by_tail_call(&mut jit, &case.sig, case.callee);
                }
                cases.push(case);
            }
        }
        jit.module.finalize_definitions().unwrap();
        for case in &cases {
            let abi = FnAbi::new(&case.sig, jit.lower.target()).unwrap();
            n_values += call(&jit, case, &abi, &mut rng).unwrap();
            n_values += enter(&jit, case, &abi, &mut rng).unwrap();
        }
    }
    println!("{n_values} values");
    assert!(n_values > 20_000);
}

/// Code of another convention is not taken for the right one: with each mistake, a call and an entry are noticed.
#[test]
fn mistakes_are_noticed() {
    let is_right = |sig: &FnSig| convention_of(sig) == &OF_THE_LANGUAGE;
    let right: Vec<FnSig> = signatures().into_iter().filter(is_right).collect();
    // Where a pointer is none, there is nothing to look at.
    let has_pointer = |abi: &FnAbi| {
        let places = abi.args.iter().map(|arg| &arg.place);
        let mut places = places.chain([&abi.ret.place]);
        places.any(|place| matches!(place, Place::Indirect { .. }))
    };
    for (mistake, convention) in &MISTAKEN {
        let (mut jit, mut rng, mut cases) = (Jit::new("none", &[]), Rng::new(3), Vec::new());
        for right in &right {
            let sig = right.clone().convention(convention);
            let target = jit.lower.target();
            let abi = FnAbi::new(right, target).unwrap();
            // Some are refused, which is noticed too.
            let Ok(own) = FnAbi::new(&sig, target) else {
                continue;
            };
            let is_lowered =
                jit.lower.call_plan(&sig).is_ok() && jit.lower.entry_plan(&sig).is_ok();
            if is_lowered && !has_pointer(&abi) && !has_pointer(&own) {
                cases.push((abi, own, Case::new(&mut jit, &mut rng, sig, false)));
            }
        }
        jit.module.finalize_definitions().unwrap();
        let mut noticed = [0, 0];
        for (abi, own, case) in &cases {
            // A callee that pops another area is not run.
            let pops = [abi, own].map(|abi| abi.area_bytes.next_multiple_of(16));
            let is_run = pops[0] == pops[1];
            noticed[0] += usize::from(!is_run || call(&jit, case, abi, &mut rng).is_err());
            noticed[1] += usize::from(!is_run || enter(&jit, case, abi, &mut rng).is_err());
        }
        println!("{mistake}: {noticed:?} of {}", cases.len());
        assert!(noticed.iter().all(|n| *n > 5), "{mistake}: {noticed:?}");
    }
}

impl Case {
    fn new(jit: &mut Jit, rng: &mut Rng, sig: FnSig, values: bool) -> Self {
        let given = Objects::of(&sig, |n| rng.bytes(n));
        let received = Objects::of(&sig, |n| rng.bytes(n));
        let caller = caller(jit, &sig, &given, values);
        let callee = callee(jit, &sig, &received, values);
        Self {
            sig,
            given,
            received,
            caller,
            callee,
        }
    }
}

/// The register in which the pointer to the result is passed, if there is one.
fn sret(abi: &FnAbi) -> Option<Reg> {
    match abi.ret.place {
        Place::Indirect {
            pointer: Loc::Reg(reg),
            ..
        } => Some(reg),
        _ => None,
    }
}

/// We call the dump: it must find the arguments, and its answer must be the result.
fn call(jit: &Jit, case: &Case, abi: &FnAbi, rng: &mut Rng) -> Result<usize, String> {
    let mut answer = rng.state();
    let result = rng.bytes(case.sig.result().size() as usize);
    if sret(abi).is_none() {
        put(&mut answer, &abi.ret.place, &result, 0);
    }
    let popped = match sig_pops(&case.sig) {
        true => abi.area_bytes.next_multiple_of(16),
        false => 0,
    };
    let code = jit.module.get_finalized_function(case.caller);
    // SAFETY: `code` is a function without parameters that calls the dump once and keeps C's callee-saved registers. The objects whose
    // addresses are in it live on in `case`.
    let (_, dumped) = unsafe { Probe::lock().call_out(code, &answer, popped) };
    let told = |why: String| format!("call of {} ({}): {why}", case.sig, abi.convention.name);
    for (i, arg) in abi.args.iter().enumerate() {
        check(&dumped, &arg.place, &case.given.bytes(i)).map_err(told)?;
    }
    let to = case.given.result();
    match sret(abi) {
        Some(reg) => {
            let address = case.given.address(to).to_le_bytes();
            assert_eq!(dumped.register(reg), address, "{}", case.sig);
        }
        None if case.given.bytes(to) != result => return Err(told(format!("result {result:x?}"))),
        None => {}
    }
    Ok(abi.args.len() + 1)
}

/// We are called with registers and a stack: the function must find the arguments there, and leave its result.
fn enter(jit: &Jit, case: &Case, abi: &FnAbi, rng: &mut Rng) -> Result<usize, String> {
    let mut state = rng.state();
    let passed = Objects::of(&case.sig, |n| rng.bytes(n));
    for (i, arg) in abi.args.iter().enumerate() {
        put(&mut state, &arg.place, &passed.bytes(i), passed.address(i));
    }
    let last = passed.result();
    if let Some(reg) = sret(abi) {
        state.set(reg, &passed.address(last).to_le_bytes());
    }
    let code = jit.module.get_finalized_function(case.callee);
    // SAFETY: `code` keeps C's callee-saved registers; it uses its arguments' registers and stack, the objects in `case` and, through
    // pointers to them, those of `passed`, which all are live.
    let returned = unsafe { call_in(code, &state) };
    let told = |why: String| format!("entry of {} ({}): {why}", case.sig, abi.convention.name);
    for i in 0..last {
        let (found, expected) = (case.received.bytes(i), passed.bytes(i));
        if found != expected {
            return Err(told(format!("argument {i}: {found:x?}, not {expected:x?}")));
        }
    }
    let result = &case.received.bytes(last);
    match sret(abi) {
        Some(_) if passed.bytes(last) != *result => {
            return Err(told(format!("result, not {result:x?}")));
        }
        Some(_) => {
            let address = passed.address(last).to_le_bytes();
            let returned = (abi.ret.sret_returned_in).map(|reg| returned.register(reg));
            assert!(returned.is_none_or(|found| found == address));
        }
        None => check(&returned, &abi.ret.place, result).map_err(told)?,
    }
    Ok(abi.args.len() + 1)
}
