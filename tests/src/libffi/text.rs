//! The C of the signatures.

use std::fmt::Write as _;

use cabi::{DataModel, Kind, Type};
use cabi_header::Emitter;

use super::{BUFFER, Result};
use crate::measured::Measured;
use crate::shims::first_like_result;

/// What all signatures share: the loops. Each makes a call, zeroes the counts of callgrind, if that runs the program, and after `n` more calls has it
/// write a file with its `name`. `ffi_call` exchanges its stack, after which callgrind no longer knows what called what: so no counts by function.
const SHARED: &str = include_str!("repeat.c");

/// The whole text.
pub(super) fn source(all: &[Measured]) -> Result<String> {
    let mut emitter = Emitter::new(&DataModel::LP64);
    let mut functions = String::new();
    for (i, measured) in all.iter().enumerate() {
        one(&mut functions, &mut emitter, i, measured)?;
    }
    let buffers = format!("_Alignas(64) unsigned char cabi_given[{BUFFER}];");
    Ok(format!(
        "{SHARED}{buffers}\n{}{functions}",
        emitter.definitions()
    ))
}

/// The functions of signature `i`: `used_N` returns what takes all its arguments to
/// know, as far as C can say that in a line; `same_N` returns its first argument of the result's type; `caller_N` is a shim; `repeat_N` makes that call in
/// a loop.
fn one(text: &mut String, emitter: &mut Emitter, i: usize, measured: &Measured) -> Result<()> {
    let sig = &measured.sig;
    let mut types = Vec::new();
    for param in sig.params() {
        types.push(emitter.spelling(&param.ty)?);
    }
    let result = emitter.spelling(sig.result())?;
    let n_named = measured.n_named().unwrap_or(types.len());
    let named = types.iter().take(n_named).enumerate();
    let mut params: Vec<String> = named.map(|(j, ty)| format!("{ty} a{j}")).collect();
    let mut taken = String::new();
    if measured.n_named().is_some() {
        params.push("...".to_owned());
        write!(taken, "va_list list; va_start(list, a{}); ", n_named - 1)?;
    } else if params.is_empty() {
        params.push("void".to_owned());
    }
    for (j, ty) in types.iter().enumerate().skip(n_named) {
        write!(taken, "{ty} a{j} = va_arg(list, {ty}); ")?;
    }
    let params = params.join(", ");
    let has_result = sig.result().size() > 0;
    let given = match has_result {
        true => format!("{result} r; memcpy(&r, cabi_given, sizeof r); return r;"),
        false => String::new(),
    };
    let first = first_like_result(sig).map(|j| format!("return a{j};"));
    let same = first.unwrap_or_else(|| given.clone());
    let used = match sum(measured) {
        Some(sum) => format!("return ({result})({sum});"),
        None => same.clone(),
    };
    writeln!(text, "{result} used_{i}({params}) {{ {taken}{used} }}")?;
    writeln!(text, "{result} same_{i}({params}) {{ {taken}{same} }}")?;

    let values = types.iter().zip(measured.offsets());
    let values: Vec<String> = values
        .map(|(ty, offset)| format!("*(const {ty} *)(args + {offset})"))
        .collect();
    let call = format!("(({result} (*)({params}))target)({})", values.join(", "));
    let call = match has_result {
        true => format!("*({result} *)ret = {call};"),
        false => format!("{call};"),
    };
    let at = "const unsigned char *args, void *ret, void *target";
    writeln!(text, "void caller_{i}({at}) {{ {call} }}")?;
    writeln!(
        text,
        "void repeat_{i}(const char *name, long n, {at}) LOOP({call})"
    )?;
    Ok(())
}

/// The sum of all numbers in all arguments, if the result is a number: what takes all of them to know.
fn sum(measured: &Measured) -> Option<String> {
    let is_number = |ty: &Type| match ty.kind() {
        Kind::Scalar(scalar) => !matches!(scalar, cabi::Scalar::Ptr),
        Kind::Complex(_) => true,
        _ => false,
    };
    let mut terms = Vec::new();
    for (j, param) in measured.sig.params().iter().enumerate() {
        match param.ty.as_record() {
            Some(record) => terms.extend(
                (record.fields().iter())
                    .filter(|field| is_number(field.ty()))
                    .filter_map(|field| Some(format!("a{j}.{}", field.name()?))),
            ),
            None if is_number(&param.ty) => terms.push(format!("a{j}")),
            None => {}
        }
    }
    let is_one = is_number(measured.sig.result()) && !terms.is_empty();
    is_one.then(|| terms.join(" + "))
}
