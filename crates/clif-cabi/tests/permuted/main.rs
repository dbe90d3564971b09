//! Conventions that give registers out in another order than Cranelift, skip some, put a value in
//! two, or are no C compiler's. Calls and entries under them run with images of the registers and
//! the stack on the other side. The places come from `FnAbi` alone, not from the lowering.
//! Functions of a language's own convention are entered by tail calls as well.
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

use cabi::convention::{CalleePops, Convention, FrameKind};
use cabi::{FnAbi, FnSig, Loc, Place, Reg, Type};
use clif_cabi::{Arg, Callee, Ret, value_type};
use clif_cabi_plan::PassMode;
use conventions::{ALL, LAST, LAST_FLOATS, OF_THE_LANGUAGE};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{FuncId, Module};
use image::{check, check_passed, put};
use jit::{Jit, bytes, record};
use probe::{Observed, Rng, dump, dump_popping, equal, observe};

/// Scalars, pairs of each kind of class, tails, values in memory, and blocks that Cranelift copies;
/// records that are split where they are.
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

/// Signatures of `convention`: each type alone, as argument and as result, and `n` random ones of
/// several.
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

/// The most bytes of a type.
const MAX_BYTES: usize = 144;
/// The most parameters, and a result.
const MAX_VALUES: usize = 9;

/// The objects of one signature, arguments and then the result: first those of compiled code, which
/// writes to them, then those that its caller made.
type Objects = [[u8; MAX_BYTES]; 2 * MAX_VALUES];

/// Places in which compiled code has them.
type Memory = *mut Objects;

/// The address of object `i` there.
fn address(memory: Memory, i: usize) -> i64 {
    (memory as i64) + (MAX_BYTES * i) as i64
}

/// Object `i` of those of `sig`.
fn bytes_of<'a>(sig: &FnSig, objects: &'a Objects, i: usize) -> &'a [u8] {
    let param = sig.params().get(i % MAX_VALUES);
    let ty = param.map_or(sig.result(), |param| &param.ty);
    &objects[i][..ty.size() as usize]
}

/// Calls the dump with the objects in `memory`; the result goes to the last one. With `values`, an
/// object is passed as one SSA value if it can be one.
fn caller(jit: &mut Jit, sig: &FnSig, memory: Memory, values: bool) -> FuncId {
    jit.body(None, |lower, module, builder| {
        builder.func.signature = Signature::new(CallConv::SystemV);
        let block = builder.create_block();
        builder.switch_to_block(block);
        let params = sig.params().iter().enumerate();
        let args: Vec<Arg> = params
            .map(|(i, param)| object(builder, &param.ty, address(memory, i), values))
            .collect();
        let to = constant(builder, address(memory, args.len()));
        let dump = if sig_pops(sig) { dump_popping } else { dump };
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

/// A function of `sig` that stores its arguments to `memory` and returns the last object there.
fn callee(jit: &mut Jit, sig: &FnSig, memory: Memory, values: bool) -> FuncId {
    jit.body(None, |lower, module, builder| {
        let (_, entry) = lower.begin(builder, sig).unwrap();
        for (i, param) in sig.params().iter().enumerate() {
            let to = constant(builder, address(memory, i));
            if values && value_type(&param.ty).is_some() {
                let value = entry.value(builder, i).unwrap();
                builder.ins().store(MemFlagsData::new(), value, to, 0);
            } else {
                entry.store(builder, i, to).unwrap();
            }
        }
        let from = address(memory, sig.params().len());
        let result = object(builder, sig.result(), from, values);
        entry.ret(module, builder, Some(&result)).unwrap();
    })
}

/// A function of `sig` that ends by a call of `callee` with its own arguments, in parts where they
/// have such: by its name, or by its address.
fn by_tail_call(jit: &mut Jit, sig: &FnSig, callee: FuncId, by_address: bool) -> FuncId {
    jit.body(None, |lower, module, builder| {
        let (block, entry) = lower.begin(builder, sig).unwrap();
        let args = (0..sig.params().len()).map(|i| match entry.parts(builder, i) {
            Ok(parts) => Arg::Parts(parts),
            Err(_) => Arg::memory(entry.address(builder, i).unwrap()),
        });
        let args: Vec<Arg> = args.collect();
        let mut to = Callee::from(callee);
        if by_address {
            let callee = module.declare_func_in_func(callee, builder.func);
            to = builder.ins().func_addr(types::I64, callee).into();
        }
        let jump = lower.tail_call(module, builder, &entry, to, sig, &args);
        jump.unwrap();
        // The frame is given up.
        let last = builder.func.layout.last_inst(block).unwrap();
        let opcode = builder.func.dfg.insts[last].opcode();
        assert!(opcode.is_call() && opcode.is_return(), "{opcode}");
    })
}

/// Checks whether a function of `sig` can end by such a call: the copies that it hands on have
/// parameters in CLIF as addresses.
fn can_be_tail(jit: &Jit, sig: &FnSig) -> bool {
    let plan = jit.lower.entry_plan(sig).unwrap();
    let is_read = |(arg, mode): (usize, PassMode)| {
        let is_copy = matches!(mode, PassMode::Indirect { .. });
        is_copy && plan.args.slots(arg).iter().any(|slot| slot.param.is_none())
    };
    sig_pops(sig) && !plan.args.modes().enumerate().any(is_read)
}

/// Checks whether callees of `sig` pop their arguments.
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

/// Calls and enters functions of `sigs`, the entries through tail calls of others if
/// `through_tail_call`. Gives `check` the expected places, and a function that tells whether a call
/// and an entry had the values elsewhere.
fn observe_all(
    mut jit: Jit,
    sigs: &[FnSig],
    through_tail_call: bool,
    mut check: impl FnMut(&FnSig, &FnAbi, &dyn Fn(&FnAbi) -> [Result<(), String>; 2]),
) {
    let mut objects = [[0; MAX_BYTES]; 2 * MAX_VALUES];
    let (memory, mut cases, mut rng) = (&raw mut objects, Vec::new(), Rng::new(2));
    for values in [false, true] {
        for sig in sigs {
            let caller = caller(&mut jit, sig, memory, values);
            let mut callee = callee(&mut jit, sig, memory, values);
            if through_tail_call {
                callee = by_tail_call(&mut jit, sig, callee, values);
            }
            cases.push((sig, [caller, callee]));
        }
    }
    jit.module.finalize_definitions().unwrap();
    for (sig, code) in cases {
        let abi = FnAbi::new(sig, jit.lower.target()).unwrap();
        let mut before = [[[0; MAX_BYTES]; 2 * MAX_VALUES]; 2];
        rng.fill(before.as_flattened_mut().as_flattened_mut());
        let (answer, mut given) = (rng.state(), rng.state());
        for (i, arg) in (MAX_VALUES..).zip(&abi.args) {
            let object = bytes_of(sig, &before[1], i);
            put(&mut given, &arg.place, object, address(memory, i));
        }
        if let Some(reg) = sret(&abi) {
            let to = address(memory, MAX_VALUES + abi.args.len());
            given.put(Loc::Reg(reg), &to.to_le_bytes());
        }
        let popped = match sig_pops(sig) {
            true => abi.area_bytes.next_multiple_of(16),
            false => 0,
        };
        let code = code.map(|id| jit.module.get_finalized_function(id));
        // SAFETY: the first is a function without parameters that calls the dump once, both keep
        // C's callee-saved registers. They use `objects` alone: the addresses that they are given
        // are of those.
        let seen = unsafe { observe(memory, code, before, [answer, given], popped) };
        check(sig, &abi, &|abi| check_sides(memory, sig, abi, &seen));
    }
}

#[test]
fn registers_in_any_order() {
    let mut n_values = 0;
    let mut rng = Rng::new(1);
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

/// Calls and enters functions of `sigs`: the values have to be where `FnAbi` says. Returns how many
/// there were.
fn run(jit: Jit, sigs: &[FnSig], through_tail_call: bool) -> usize {
    let mut n_values = 0;
    observe_all(jit, sigs, through_tail_call, |sig, abi, sides| {
        for (side, checked) in ["call", "entry"].into_iter().zip(sides(abi)) {
            if let Err(why) = checked {
                panic!("{side} of {sig} ({}): {why}", abi.convention.name);
            }
            n_values += abi.args.len() + 1;
        }
    });
    n_values
}

/// A call and an entry are refused when one part of a value is expected elsewhere.
#[test]
fn moved_values_are_noticed() {
    let sigs = signatures(&mut Rng::new(1), &OF_THE_LANGUAGE, 150);
    // For arguments, and for results.
    let mut counts = [[0; 3]; 2];
    observe_all(Jit::new("none", &[]), &sigs, false, |_, abi, sides| {
        let args = abi.args.iter().map(|arg| &arg.place);
        let places: Vec<&Place> = args.chain([&abi.ret.place]).collect();
        // There is nothing to look at if a pointer is none.
        if (places.iter()).any(|place| matches!(place, Place::Indirect { .. })) {
            return;
        }
        for (i, place) in places.into_iter().enumerate() {
            for place in moved(place) {
                let mut moved = abi.clone();
                let arg = moved.args.get_mut(i).map(|arg| &mut arg.place);
                *arg.unwrap_or(&mut moved.ret.place) = place;
                let [call, entry] = sides(&moved).map(|side| usize::from(side.is_err()));
                let counts = &mut counts[usize::from(i == abi.args.len())];
                *counts = [counts[0] + 1, counts[1] + call, counts[2] + entry];
            }
        }
    });
    for [n, noticed @ ..] in counts {
        println!("{noticed:?} noticed of {n}");
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

/// Checks whether the values of a call, and those of an entry, were where `abi` has them:
/// arguments, and the result.
fn check_sides(
    memory: Memory,
    sig: &FnSig,
    abi: &FnAbi,
    seen: &Observed<Objects>,
) -> [Result<(), String>; 2] {
    let (n, place) = (abi.args.len(), &abi.ret.place);
    let sent = |i: usize| bytes_of(sig, &seen.caller, i);
    let received = |i: usize| bytes_of(sig, &seen.callee, i);
    let call = || {
        for (i, arg) in abi.args.iter().enumerate() {
            check_passed(&seen.dumped, &arg.place, sent(i))?;
        }
        let Some(reg) = sret(abi) else {
            return check(&seen.answer, place, sent(n));
        };
        let to = address(memory, n).to_le_bytes();
        equal("sret", &to, &seen.dumped.register(reg))
    };
    let entry = || {
        for (i, arg) in abi.args.iter().enumerate() {
            match arg.place {
                Place::Indirect { .. } => equal("copy", received(MAX_VALUES + i), received(i))?,
                _ => check(&seen.given, &arg.place, received(i))?,
            }
        }
        let Some(reg) = sret(abi) else {
            return check_passed(&seen.returned, place, received(n));
        };
        equal("result", received(n), received(MAX_VALUES + n))?;
        let found = (abi.ret.sret_returned_in).map(|reg| seen.returned.register(reg));
        let given = seen.given.register(reg);
        found.map_or(Ok(()), |found| equal("returned sret", &given, &found))
    };
    [call(), entry()]
}
