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

mod context;
mod conventions;
#[cfg(target_arch = "x86_64")]
mod flags;
mod image;
mod jit;
#[path = "../probe/mod.rs"]
mod probe;
mod tail_calls;

use std::cell::Cell;

use cabi::convention::{CalleePops, Convention, FrameKind};
use cabi::{FnAbi, FnSig, Loc, Place, Reg, Type};
use clif_cabi::{Arg, Ret, value_type};
use clif_cabi_plan::{PassMode, PlannedArg};
use conventions::{ALL, LAST, LAST_FLOATS, OF_THE_LANGUAGE};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use cranelift_module::FuncId;
use image::{check, put};
use jit::{Jit, bytes, record};
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

/// Signatures of `convention`: each type alone, as argument and as result, and `n` random ones of several.
fn signatures(rng: &mut Rng, convention: &'static Convention, n: usize) -> Vec<FnSig> {
    let types = types(convention);
    let alone = types.iter().map(|ty| FnSig::new([ty.clone()], ty.clone()));
    let mut sigs: Vec<FnSig> = alone.collect();
    for _ in 0..n {
        let n_params = rng.below(9);
        let mut pick = || types[rng.below(types.len())].clone();
        let params: Vec<Type> = (0..n_params).map(|_| pick()).collect();
        sigs.push(FnSig::new(params, pick()));
    }
    let sigs = sigs.into_iter();
    sigs.map(|sig| sig.convention(convention)).collect()
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

/// Whether a function of `sig` can end by such a call: it hands copies on whose addresses are its parameters in CLIF.
fn can_be_tail(jit: &Jit, sig: &FnSig) -> bool {
    let plan = jit.lower.entry_plan(sig).unwrap();
    let is_read = |arg: PlannedArg<'_>| {
        let is_copy = matches!(arg.mode, PassMode::Indirect { .. });
        is_copy && arg.locs.iter().any(|loc| loc.param.is_none())
    };
    sig_pops(sig) && !plan.args.iter().any(is_read)
}

/// Whether callees of `sig` pop their arguments.
fn sig_pops(sig: &FnSig) -> bool {
    convention_of(sig).frame.callee_pops == CalleePops::Everything
}

fn convention_of(sig: &FnSig) -> &'static Convention {
    FnAbi::convention_of(sig, &jit::target()).unwrap()
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
    let (mut rng, mut n_values) = (Rng::new(1), 0);
    let each = ALL.map(|convention| signatures(&mut rng, convention, 150));
    let sigs = each.concat();
    for opt_level in ["none", "speed"] {
        n_values += run(Jit::new(opt_level, &[]), &sigs, false);
        let jit = Jit::new(opt_level, &["preserve_frame_pointers"]);
        let tail = sigs.iter().filter(|sig| can_be_tail(&jit, sig));
        let tail: Vec<FnSig> = tail.cloned().collect();
        n_values += run(jit, &tail, true);
    }
    println!("{n_values} values");
    assert!(n_values > 20_000);
}

/// Calls and enters functions of `sigs`, these `through_tail_call`s of others. Returns how many values were where `FnAbi` says.
fn run(mut jit: Jit, sigs: &[FnSig], through_tail_call: bool) -> usize {
    let (mut rng, mut cases) = (Rng::new(2), Vec::new());
    for values in [false, true] {
        for sig in sigs {
            let mut case = Case::new(&mut jit, &mut rng, sig.clone(), values);
            if through_tail_call {
                case.callee = by_tail_call(&mut jit, sig, case.callee);
            }
            cases.push(case);
        }
    }
    jit.module.finalize_definitions().unwrap();
    let mut n_values = 0;
    for case in &cases {
        let abi = FnAbi::new(&case.sig, jit.lower.target()).unwrap();
        n_values += call(&jit, case, &abi, &mut rng).unwrap();
        n_values += enter(&jit, case, &abi, &mut rng).unwrap();
    }
    n_values
}

/// With one part of a value expected elsewhere, a call and an entry are not taken for right.
#[test]
fn moved_values_are_noticed() {
    let (mut jit, mut rng, mut cases) = (Jit::new("none", &[]), Rng::new(3), Vec::new());
    for sig in signatures(&mut Rng::new(1), &OF_THE_LANGUAGE, 150) {
        let abi = FnAbi::new(&sig, jit.lower.target()).unwrap();
        // Where a pointer is none, there is nothing to look at.
        let is_pointer = |place: &Place| matches!(place, Place::Indirect { .. });
        let has_pointer = abi.args.iter().any(|arg| is_pointer(&arg.place));
        if !has_pointer && !is_pointer(&abi.ret.place) {
            cases.push((abi, Case::new(&mut jit, &mut rng, sig, false)));
        }
    }
    jit.module.finalize_definitions().unwrap();
    for is_result in [false, true] {
        let (mut n, mut noticed) = (0, [0, 0]);
        for (abi, case) in &cases {
            let n_args = abi.args.len();
            let values = match is_result {
                true => n_args..n_args + 1,
                false => 0..n_args,
            };
            for i in values {
                let place = abi.args.get(i).map_or(&abi.ret.place, |arg| &arg.place);
                for place in moved(place) {
                    let mut moved = abi.clone();
                    let arg = moved.args.get_mut(i).map(|arg| &mut arg.place);
                    *arg.unwrap_or(&mut moved.ret.place) = place;
                    n += 1;
                    noticed[0] += usize::from(call(&jit, case, &moved, &mut rng).is_err());
                    noticed[1] += usize::from(enter(&jit, case, &moved, &mut rng).is_err());
                }
            }
        }
        println!("result: {is_result}, {noticed:?} noticed of {n}");
        // A random byte is the right one in one case of 256.
        assert!(n > 50 && noticed.iter().all(|one| 50 * one >= 49 * n));
    }
}

/// `place` with each of its parts, one at a time, or the whole value elsewhere.
fn moved(place: &Place) -> Vec<Place> {
    let mut all = vec![place.clone(); place.locs().count().max(1)];
    for (i, place) in all.iter_mut().enumerate() {
        let loc = match place {
            Place::Parts(parts) => &mut parts[i].loc,
            Place::Stack { offset, .. } => {
                *offset += 8;
                continue;
            }
            other => panic!("{other}"),
        };
        *loc = match *loc {
            Loc::Reg(reg) => {
                let mut others = [LAST, LAST_FLOATS].concat().into_iter();
                let other = others.find(|other| other.bank() == reg.bank() && *other != reg);
                Loc::Reg(other.unwrap())
            }
            Loc::Stack(offset) => Loc::Stack(offset + 8),
            other => panic!("{other}"),
        };
    }
    all
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
