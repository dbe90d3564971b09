//! Shims of the kind that replaces `ffi_call`: `void shim(const void *args, void *ret, void *callee)`, arguments one after the other in memory.
//!
//! For the signatures performance is measured with, each twice: lowered, and written by hand as CLIF.

use cabi::{DataModel, Error, FnSig, RecordBuilder, Scalar, Type};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, MemFlagsData, types};
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::{Arg, LowerError, Lowering, Ret, Stubs, value_type};

/// A signature that is measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Its name.
    pub name: &'static str,
    /// Of a variadic function, the call's.
    pub sig: FnSig,
    /// The same call by hand: loads, then stores, each `type@offset`; or the whole body.
    pub hand: Option<Hand>,
    /// The most instructions the shim may have, and why so many.
    pub most: (usize, &'static str),
}

/// A call as a person would write it.
#[derive(Clone, Copy, Debug)]
pub enum Hand {
    /// `f64@0 i32@8 -> f64@0`: parameters loaded from `v0`, results stored to `v1`.
    Moves(&'static str),
    /// What stands between the braces of the function.
    Body(&'static str),
}

const BY_HAND: &str = "as by hand";
const IN_MEMORY: &str = "pairs of words, no memcpy";

macro_rules! measured {
    ($($name:literal: $sig:expr, $hand:expr, $most:literal $why:expr;)*) => {
        vec![$(Measured { name: $name, sig: $sig, hand: $hand, most: ($most, $why) }),*]
    };
}

/// All of them.
///
/// # Errors
/// [`Error`], which none of these types meets.
pub fn measured() -> Result<Vec<Measured>, Error> {
    use Type as T;
    let s = |fields: &[T]| {
        let record = RecordBuilder::structure("s");
        let members = fields.iter().enumerate();
        let record = members.fold(record, |record, (i, ty)| {
            record.field(&format!("f{i}"), ty.clone())
        });
        record.build(&DataModel::LP64)
    };
    let many = |elem: T, n: u64| s(&[T::array(&elem, n)?]);
    let one = |ty: &T| FnSig::new([ty.clone()], ty.clone());
    let two = |ty: &T| FnSig::new([ty.clone(), ty.clone()], ty.clone());
    let moves = |text| Some(Hand::Moves(text));
    let (ll, dl) = (s(&[T::I64, T::I64])?, s(&[T::F64, T::I64])?);
    let mix10 = [T::I32, T::F64, dl.clone(), T::I64, T::F32, T::I8, T::I16];
    let mix10 = mix10.into_iter().chain([ll.clone(), ll.clone(), T::U32]);
    let mix10 = FnSig::new(mix10, T::F64);
    let vsum4 = FnSig::new([T::I32], T::F64).variadic();
    let vsum4 = vsum4.at_call(vec![T::F64; 4])?;
    Ok(measured! {
        "i32_2": two(&T::I32), moves("i32@0 i32@4 -> i32@0"), 16 BY_HAND;
        "f64_2": two(&T::F64), moves("f64@0 f64@8 -> f64@0"), 16 BY_HAND;
        "ptr": one(&T::PTR), moves("i64@0 -> i64@0"), 15 BY_HAND;
        "i8_2": two(&T::I8), moves("i8+sext@0 i8+sext@1 -> i8@0"), 17 BY_HAND;
        "i64_8": FnSig::new(vec![T::I64; 8], T::I64), moves("i64@0 i64@8 i64@16 i64@24 i64@32 i64@40 i64@48 i64@56 -> i64@0"), 28 BY_HAND;
        "f64_10": FnSig::new(vec![T::F64; 10], T::F64), moves("f64@0 f64@8 f64@16 f64@24 f64@32 f64@40 f64@48 f64@56 f64@64 f64@72 -> f64@0"), 28 BY_HAND;
        "s_dd": one(&s(&[T::F64, T::F64])?), moves("f64@0 f64@8 -> f64@0 f64@8"), 16 BY_HAND;
        "s_ll": one(&ll), moves("i64@0 i64@8 -> i64@0 i64@8"), 17 BY_HAND;
        "s_dl": one(&dl), moves("f64@0 i64@8 -> f64@0 i64@8"), 17 BY_HAND;
        "s_if": one(&s(&[T::I32, T::F32])?), moves("i64@0 -> i64@0"), 15 BY_HAND;
        "s_fff": one(&s(&[T::F32, T::F32, T::F32])?), moves("f64@0 f32@8 -> f64@0 f32@8"), 16 BY_HAND;
        "s_f4": one(&many(T::F32, 4)?), moves("f64@0 f64@8 -> f64@0 f64@8"), 16 BY_HAND;
        "s_i3": one(&many(T::I32, 3)?), moves("i64@0 i32@8 -> i64@0 i32@8"), 17 BY_HAND;
        "s_c3": one(&many(T::I8, 3)?), Some(Hand::Body(C3)), 20 BY_HAND;
        "s_c9": one(&many(T::I8, 9)?), moves("i64@0 i8@8 -> i64@0 i8@8"), 17 BY_HAND;
        "cplx": one(&T::complex(&T::F64)?), moves("f64@0 f64@8 -> f64@0 f64@8"), 16 BY_HAND;
        "cplxf": one(&T::complex(&T::F32)?), moves("f64@0 -> f64@0"), 15 BY_HAND;
        "i128": two(&T::I128), moves("i64@0 i64@8 i64@16 i64@24 -> i64@0 i64@8"), 20 BY_HAND;
        "s_c17": one(&many(T::I8, 17)?), None, 24 IN_MEMORY;
        "s_l4": one(&many(T::I64, 4)?), None, 26 IN_MEMORY;
        "ld_2": two(&T::F80), None, 32 "words, and a pop of 2";
        "s_ld": one(&s(&[T::F80])?), None, 28 "words, and a pop of 2";
        "cplxl": one(&T::complex(&T::F80)?), None, 37 "words, and a pop of 3";
        "mix10": mix10, None, 43 "72 a call, of which 29 are loop and callee";
        "vsum4": vsum4, None, 20 "and a stub of 2";
    })
}

/// The signature that the command line names, and how often it asks for it: `mix10 10000`.
///
/// # Errors
/// What is wrong with the command line.
pub fn asked_for() -> Result<(Measured, u64), String> {
    let mut words = std::env::args().skip(1);
    let (Some(name), Some(n)) = (words.next(), words.next()) else {
        return Err("it takes SIGNATURE TIMES".to_owned());
    };
    let n = n.parse().map_err(|error| format!("{n}: {error}"))?;
    let mut all = measured().map_err(|error| error.to_string())?.into_iter();
    let chosen = all.find(|measured| measured.name == name);
    Ok((
        chosen.ok_or_else(|| format!("there is no signature {name}"))?,
        n,
    ))
}

/// Two bytes and one: three are never read as four.
const C3: &str = "
    sig0 = (i64) -> i64 system_v
block0(v0: i64, v1: i64, v2: i64):
    v3 = uload16.i64 v0
    v4 = uload8.i64 v0+2
    v5 = iconst.i64 16
    v6 = ishl v4, v5
    v7 = bor v3, v6
    v8 = call_indirect sig0, v2(v7)
    istore16 v8, v1
    v9 = ushr v8, v5
    istore8 v9, v1+2
    return
";

impl Hand {
    /// The function's text.
    #[must_use]
    pub fn clif(self) -> String {
        let body = match self {
            Self::Body(body) => body.to_owned(),
            Self::Moves(text) => moves(text),
        };
        format!("function %by_hand(i64, i64, i64) system_v {{{body}}}\n")
    }
}

fn moves(text: &str) -> String {
    let (loads, stores) = text.split_once("->").unwrap_or((text, ""));
    let part = |word: &str| {
        let (ty, offset) = word.split_once('@').unwrap_or((word, "0"));
        let (ty, extension) = ty.split_once('+').unwrap_or((ty, ""));
        (ty.to_owned(), extension.to_owned(), offset.to_owned())
    };
    let loads: Vec<_> = loads.split_whitespace().map(part).collect();
    let stores: Vec<_> = stores.split_whitespace().map(part).collect();
    let join = |parts: Vec<String>| parts.join(", ");
    let params = join(
        loads
            .iter()
            .map(|(ty, ext, _)| format!("{ty} {ext}"))
            .collect(),
    );
    let returns = join(stores.iter().map(|(ty, ..)| ty.clone()).collect());
    let mut body = format!("\n    sig0 = ({params}) -> {returns} system_v\n");
    body.push_str("block0(v0: i64, v1: i64, v2: i64):\n");
    for (i, (ty, _, offset)) in loads.iter().enumerate() {
        body.push_str(&format!("    v{} = load.{ty} v0+{offset}\n", i + 3));
    }
    let values = |from: usize, n: usize| join((from..from + n).map(|i| format!("v{i}")).collect());
    let first = loads.len() + 3;
    let (results, args) = (values(first, stores.len()), values(3, loads.len()));
    body.push_str(&format!("    {results} = call_indirect sig0, v2({args})\n"));
    for (i, (_, _, offset)) in stores.iter().enumerate() {
        body.push_str(&format!("    store v{}, v1+{offset}\n", first + i));
    }
    body + "    return\n"
}

/// Where each argument is, in bytes, each aligned as its type; and the size of all.
#[must_use]
pub fn offsets(sig: &FnSig) -> (Vec<usize>, usize) {
    let mut next = 0_usize;
    let mut offsets = Vec::new();
    for param in sig.params() {
        let at =
            usize::try_from(param.ty.align()).map_or(next, |align| next.next_multiple_of(align));
        offsets.push(at);
        next = at + usize::try_from(param.ty.size()).unwrap_or(0);
    }
    (offsets, next)
}

/// Emits the body of the shim of `sig` into the function that `builder` builds, whose signature is [`shim_signature`](cabi_verify::emit::cranelift::shim_signature).
///
/// # Errors
/// [`LowerError`].
pub fn emit(
    stubs: &mut dyn Stubs,
    lower: &Lowering,
    builder: &mut FunctionBuilder<'_>,
    sig: &FnSig,
) -> Result<(), LowerError> {
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    let [from, to, callee] = *builder.block_params(block) else {
        return Ok(());
    };
    let mut args = Vec::new();
    for (param, offset) in sig.params().iter().zip(offsets(sig).0) {
        let offset = i32::try_from(offset).unwrap_or(0);
        args.push(match scalar(&param.ty) {
            Some(ty) => Arg::value(builder.ins().load(ty, MemFlagsData::new(), from, offset)),
            None => Arg::memory_at(from, offset),
        });
    }
    let ret = match scalar(sig.result()) {
        Some(_) => Ret::Value,
        None => Ret::memory(to),
    };
    let returned = lower.call_sig(stubs, builder, callee, sig, &args, ret)?;
    if let Some(value) = returned.value() {
        builder.ins().store(MemFlagsData::new(), value, to, 0);
    }
    builder.ins().return_(&[]);
    builder.seal_all_blocks();
    Ok(())
}

/// The CLIF type of what a front end holds as one value. `__int128` is as well in memory.
fn scalar(ty: &Type) -> Option<clif_cabi::cranelift_codegen::ir::Type> {
    match ty.as_scalar() {
        Some(Scalar::F80) | None => None,
        Some(_) => value_type(ty).filter(|ty| *ty != types::I128),
    }
}
