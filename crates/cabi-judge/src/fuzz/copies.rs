//! C halves that only copy, each value once: what a compiler makes of a call costs most of a hunt's time.
//!
//! [`halves`](crate::halves) moves every value through a variable of its type with `memcpy`, which goes for any type a header may have, a
//! qualified or atomic one too. Drawn parameters are neither, so here an lvalue of the type is made of the buffer itself:
//!
//! ```text
//! struct s f(long a, struct t b) { *(long *)(seen + 0) = a; *(struct t *)(seen + 64) = b; return *(struct s *)given; }
//! void f_call(..)                { *(struct s *)got = f(*(long *)(image + 0), *(struct t *)(image + 64)); }
//! ```
//!
//! Both use registers that their own callers want back (`CABI_SPOIL`). The buffers are aligned as the largest alignment a type has an instruction for, and read with `-fno-strict-aliasing`.

use std::fmt::Write as _;

use crate::case::Case;
use crate::half::{Images, argument_types, fetched, has_result};
use crate::halves::is_widened;

/// The callee and the caller of a drawn case.
pub(super) fn body(case: &Case) -> String {
    let types = argument_types(case);
    let offsets = Images::of(&types).offsets;
    let (named, unnamed) = offsets.split_at(case.prototype.params.len().min(offsets.len()));
    callee(case, named, unnamed) + &caller(case, &offsets)
}

/// An lvalue of type `text` at `at` bytes in `buffer`.
fn object(text: &str, buffer: &str, at: usize) -> String {
    format!("*({text} *)({buffer} + {at})")
}

fn callee(case: &Case, named: &[usize], unnamed: &[usize]) -> String {
    let function = &case.function;
    let (mut list, mut keep) = (Vec::new(), String::new());
    for (i, (text, at)) in function.params.iter().zip(named).enumerate() {
        list.push(format!("{text} a{i}"));
        let _ = write!(keep, "{} = a{i}; ", object(text, "cabi_seen_bytes", *at));
        if case
            .prototype
            .params
            .get(i)
            .is_some_and(|(_, ty)| is_widened(ty))
        {
            let _ = write!(keep, "cabi_wide_values[{i}] = (long long)a{i}; ");
        }
    }
    if case.prototype.variadic {
        let last = function.params.len().saturating_sub(1);
        let _ = write!(
            keep,
            "__builtin_va_list l; __builtin_va_start(l, a{last}); "
        );
        let texts = case.unnamed.iter().zip(&case.unnamed_text);
        for ((ty, text), at) in texts.zip(unnamed) {
            let text = fetched(ty, text);
            let to = object(&text, "cabi_seen_bytes", *at);
            let _ = write!(keep, "{to} = __builtin_va_arg(l, {text}); ");
        }
        keep.push_str("__builtin_va_end(l); ");
        list.push("...".to_owned());
    }
    if list.is_empty() {
        list.push("void".to_owned());
    }
    let result = &function.result;
    keep.push_str("CABI_SPOIL; ");
    if has_result(case) {
        let _ = write!(keep, "return {}; ", object(result, "cabi_given_bytes", 0));
    }
    format!(
        "{result} {}({}) {{ {keep}}}\n",
        function.name,
        list.join(", ")
    )
}

fn caller(case: &Case, offsets: &[usize]) -> String {
    let function = &case.function;
    let texts = function.params.iter().chain(&case.unnamed_text);
    let given: Vec<String> = texts
        .zip(offsets)
        .map(|(text, at)| object(text, "cabi_image", *at))
        .collect();
    let name = &function.name;
    let call = format!("((__typeof__({name}) *)cabi_f)({})", given.join(", "));
    let call = if has_result(case) {
        format!("{} = {call}", object(&function.result, "cabi_out", 0))
    } else {
        call
    };
    format!(
        "CABI_SYSV void {name}_call(void (*cabi_f)(void), unsigned char *cabi_image, unsigned char *cabi_out) {{ {call}; CABI_SPOIL; }}\n"
    )
}
