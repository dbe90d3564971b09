//! The C of the signatures.

use std::fmt::Write as _;

use cabi::DataModel;
use cabi_header::Emitter;
use cabi_verify::emit::c::Images;

use super::{BUFFER, By, Compared, Loop, Result};

/// What all signatures share. Each loop zeroes the counts of callgrind, if that runs the program, and afterwards has it write a file with the name
/// of the loop. `ffi_call` exchanges its stack, after which callgrind no longer knows what called what: so no counts by function.
const SHARED: &str = "
#include <stdarg.h>
#include <string.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name)
#endif
#define LOOP(name, n, ...) CALLGRIND_ZERO_STATS; for (long i = 0; i < n; i++) { __VA_ARGS__ } CALLGRIND_DUMP_STATS_AT(name);
typedef void invoker(void *target, void *const *args, void *ret);
typedef void ffi_call(void *cif, void *target, void *ret, void **args);
#define INVOKER(name) void name(invoker *call, void *target, void *const *args, void *ret, long n) { \\
  LOOP(#name, n, call(target, args, ret);) \\
}
#define FFI_CALL(name) void name(ffi_call *call, void *cif, void *target, void *const *args, unsigned long n_restored, void *ret, long n) { \\
  void *own[16]; \\
  for (int i = 0; i < 16; i++) own[i] = args[i]; \\
  LOOP(#name, n, for (unsigned long j = 0; j < n_restored; j++) own[j] = args[j]; call(cif, target, ret, own);) \\
}
";

/// The whole text.
pub(super) fn source(all: &[Compared]) -> Result<String> {
    let mut emitter = Emitter::new(&DataModel::LP64);
    let mut functions = String::new();
    for (i, compared) in all.iter().enumerate() {
        one(&mut functions, &mut emitter, i, compared)?;
    }
    let buffers = format!("_Alignas(64) unsigned char cabi_seen[{BUFFER}], cabi_given[{BUFFER}];");
    Ok(format!(
        "{SHARED}{buffers}\n{}{functions}",
        emitter.definitions()
    ))
}

fn one(text: &mut String, emitter: &mut Emitter, i: usize, compared: &Compared) -> Result<()> {
    let sig = &compared.sig;
    let mut types = Vec::new();
    let mut tys = Vec::new();
    for param in sig.params() {
        types.push(emitter.spelling(&param.ty)?);
        tys.push(param.ty.clone());
    }
    let offsets = Images::of(&tys).offsets;
    let result = emitter.spelling(sig.result())?;
    let n_named = compared.n_named.unwrap_or(types.len());
    let named: Vec<_> = types.iter().take(n_named).enumerate().collect();
    let mut params: Vec<String> = named.iter().map(|(j, ty)| format!("{ty} a{j}")).collect();
    let is_variadic = compared.n_named.is_some();
    if is_variadic {
        params.push("...".to_owned());
    } else if params.is_empty() {
        params.push("void".to_owned());
    }
    let params = params.join(", ");
    let has_result = sig.result().size() > 0;

    writeln!(text, "{result} callee_{i}({params}) {{")?;
    if is_variadic {
        writeln!(text, "  va_list list; va_start(list, a{});", n_named - 1)?;
    }
    for (j, (ty, offset)) in types.iter().zip(&offsets).enumerate() {
        if j >= n_named {
            write!(text, "  {ty} a{j} = va_arg(list, {ty});")?;
        }
        writeln!(text, "  memcpy(cabi_seen + {offset}, &a{j}, sizeof a{j});")?;
    }
    let returned = match has_result {
        true => format!("{result} r; memcpy(&r, cabi_given, sizeof r); return r;"),
        false => String::new(),
    };
    writeln!(
        text,
        "  {returned}\n}}\n{result} light_{i}({params}) {{ {returned} }}"
    )?;

    let values: Vec<String> = (types.iter().zip(&offsets))
        .map(|(ty, offset)| format!("*(const {ty} *)(args + {offset})"))
        .collect();
    let call = format!("(({result} (*)({params}))f)({})", values.join(", "));
    let call = match has_result {
        true => format!("{result} r = {call}; memcpy(ret, &r, sizeof r);"),
        false => format!("{call};"),
    };
    writeln!(
        text,
        "void caller_{i}(void *f, const unsigned char *args, void *ret) {{ {call} }}"
    )?;
    let [ours, theirs] = By::ALL.map(|by| Loop::Calls.name(by, i));
    writeln!(text, "INVOKER({ours}) FFI_CALL({theirs})")?;
    for name in By::ALL.map(|by| Loop::CallBacks.name(by, i)) {
        writeln!(
            text,
            "void {name}(void *f, const unsigned char *args, void *ret, long n) {{ LOOP(\"{name}\", n, {call}) }}"
        )?;
    }
    Ok(())
}
