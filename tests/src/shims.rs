//! Shims of the kind that replaces `ffi_call`: `void shim(const void *args, void *ret, void *callee)`, arguments one behind the other in memory.
//!
//! For the signatures performance is measured with, each twice: lowered, and written by hand as CLIF.

use cabi::{DataModel, Error, FnSig, RecordBuilder, Scalar, Type};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, MemFlagsData, types};
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::{Arg, Bridges, LowerError, Lowering, Ret, value_type};

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

/// All of them.
///
/// # Errors
/// [`Error`], which none of these types meets.
pub fn measured() -> Result<Vec<Measured>, Error> {
    let s = |fields: &[Type]| {
        let record = RecordBuilder::structure("s");
        let members = fields.iter().enumerate();
        let record = members.fold(record, |record, (i, ty)| {
            record.field(&format!("f{i}"), ty.clone())
        });
        record.build(&DataModel::LP64)
    };
    let many = |elem: Type, n: u64| s(&[Type::array(&elem, n)?]);
    let (int, long, float, double) = (Type::I32, Type::I64, Type::F32, Type::F64);
    let one = |ty: &Type| FnSig::new([ty.clone()], ty.clone());
    let two = |ty: &Type| FnSig::new([ty.clone(), ty.clone()], ty.clone());
    let mut all = Vec::new();
    let mut add = |name, sig, hand, most| {
        all.push(Measured {
            name,
            sig,
            hand,
            most,
        });
    };
    let moves = |text| Some(Hand::Moves(text));
    add(
        "i32_2",
        two(&int),
        moves("i32@0 i32@4 -> i32@0"),
        (16, BY_HAND),
    );
    add(
        "f64_2",
        two(&double),
        moves("f64@0 f64@8 -> f64@0"),
        (16, BY_HAND),
    );
    add(
        "ptr",
        one(&Type::PTR),
        moves("i64@0 -> i64@0"),
        (15, BY_HAND),
    );
    add(
        "i8_2",
        two(&Type::I8),
        moves("i8+sext@0 i8+sext@1 -> i8@0"),
        (17, BY_HAND),
    );
    let longs = FnSig::new(vec![long.clone(); 8], long.clone());
    let by_hand = "i64@0 i64@8 i64@16 i64@24 i64@32 i64@40 i64@48 i64@56 -> i64@0";
    add("i64_8", longs, moves(by_hand), (28, BY_HAND));
    let doubles = FnSig::new(vec![double.clone(); 10], double.clone());
    let by_hand = "f64@0 f64@8 f64@16 f64@24 f64@32 f64@40 f64@48 f64@56 f64@64 f64@72 -> f64@0";
    add("f64_10", doubles, moves(by_hand), (28, BY_HAND));
    let dd = s(&[double.clone(), double.clone()])?;
    add(
        "s_dd",
        one(&dd),
        moves("f64@0 f64@8 -> f64@0 f64@8"),
        (16, BY_HAND),
    );
    let ll = s(&[long.clone(), long.clone()])?;
    add(
        "s_ll",
        one(&ll),
        moves("i64@0 i64@8 -> i64@0 i64@8"),
        (17, BY_HAND),
    );
    let dl = s(&[double.clone(), long.clone()])?;
    add(
        "s_dl",
        one(&dl),
        moves("f64@0 i64@8 -> f64@0 i64@8"),
        (17, BY_HAND),
    );
    let if_ = s(&[int.clone(), float.clone()])?;
    add("s_if", one(&if_), moves("i64@0 -> i64@0"), (15, BY_HAND));
    let fff = s(&[float.clone(), float.clone(), float.clone()])?;
    add(
        "s_fff",
        one(&fff),
        moves("f64@0 f32@8 -> f64@0 f32@8"),
        (16, BY_HAND),
    );
    let f4 = many(float.clone(), 4)?;
    add(
        "s_f4",
        one(&f4),
        moves("f64@0 f64@8 -> f64@0 f64@8"),
        (16, BY_HAND),
    );
    let i3 = many(int.clone(), 3)?;
    add(
        "s_i3",
        one(&i3),
        moves("i64@0 i32@8 -> i64@0 i32@8"),
        (17, BY_HAND),
    );
    add(
        "s_c3",
        one(&many(Type::I8, 3)?),
        Some(Hand::Body(C3)),
        (20, BY_HAND),
    );
    add(
        "s_c9",
        one(&many(Type::I8, 9)?),
        moves("i64@0 i8@8 -> i64@0 i8@8"),
        (17, BY_HAND),
    );
    let cplx = Type::complex(&double)?;
    add(
        "cplx",
        one(&cplx),
        moves("f64@0 f64@8 -> f64@0 f64@8"),
        (16, BY_HAND),
    );
    let cplxf = Type::complex(&float)?;
    add("cplxf", one(&cplxf), moves("f64@0 -> f64@0"), (15, BY_HAND));
    let by_hand = "i64@0 i64@8 i64@16 i64@24 -> i64@0 i64@8";
    add("i128", two(&Type::I128), moves(by_hand), (20, BY_HAND));
    let in_memory = "words, no memcpy";
    add("s_c17", one(&many(Type::I8, 17)?), None, (21, in_memory));
    add("s_l4", one(&many(long.clone(), 4)?), None, (23, in_memory));
    add(
        "ld_2",
        two(&Type::F80),
        None,
        (32, "words, and a drain of 2"),
    );
    add(
        "s_ld",
        one(&s(&[Type::F80])?),
        None,
        (28, "words, and a drain of 2"),
    );
    add(
        "cplxl",
        one(&Type::complex(&Type::F80)?),
        None,
        (37, "words, and a drain of 3"),
    );
    let params = [
        int.clone(),
        double.clone(),
        dl,
        long,
        float,
        Type::I8,
        Type::I16,
    ];
    let params = params.into_iter().chain([ll.clone(), ll, Type::U32]);
    add(
        "mix10",
        FnSig::new(params, double.clone()),
        None,
        (43, "72 a call, of which 29 are loop and callee"),
    );
    let vsum4 = FnSig::new([int], double.clone())
        .variadic()
        .at_call(vec![double; 4])?;
    add("vsum4", vsum4, None, (24, "and a bridge of 2"));
    Ok(all)
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

/// Emits the body of the shim of `sig` into the function that `builder` builds, whose signature is [`shim_signature`](cabi_judge::jit::shim_signature).
///
/// # Errors
/// [`LowerError`].
pub fn emit(
    bridges: &mut dyn Bridges,
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
    let returned = lower.call_sig(bridges, builder, callee, sig, &args, ret)?;
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
