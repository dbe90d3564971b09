//! The C text of a callee and a caller. Each value moves by `memcpy`, which goes for any type a
//! header may have, a qualified or atomic one too:
//!
//! ```text
//! struct s f(long a, struct t b) {
//!     memcpy(seen + 0, &a, sizeof a); memcpy(seen + 64, &b, sizeof b);
//!     struct s r; memcpy(&r, given, sizeof r); return r;
//! }
//! ```
//!
//! Caller and callee use registers that their own callers want back (`CABI_SPOIL`).

use std::fmt::Write as _;

use cabi::{Kind, Scalar, Type};

use super::{Images, fetched, is_widened};
use crate::case::{Case, convention_attribute, parameter_list};

/// Returns a definition of the case's function that records its arguments and returns the result of
/// the case.
pub(crate) fn callee(case: &Case) -> String {
    let offsets = Images::of(&case.argument_types()).offsets;
    let function = &case.prototype;
    let (mut list, mut body) = (Vec::new(), String::new());
    let params = case.prototype.params.iter().map(|(_, ty)| ty);
    let params = params.zip(&function.spelled_params);
    // As the `va_start` of C23 has it where there is no parameter.
    let mut last = "0".to_owned();
    for (i, ((ty, text), at)) in params.zip(&offsets).enumerate() {
        last = format!("cabi_a{i}");
        list.push(format!("__typeof__({text}) {last}"));
        write_down(&mut body, &last, *at);
        if is_widened(ty) && !matches!(ty.kind(), Kind::Record(_)) {
            let _ = writeln!(body, "  cabi_wide_values[{i}] = (long long){last};");
        }
        // Other sizes are by reference.
        if case.prototype.convention.is_some() && !matches!(ty.size(), 0 | 1 | 2 | 4 | 8) {
            let _ = writeln!(body, "  CABI_OVERWRITE({last});");
        }
    }
    if case.prototype.variadic {
        let unnamed = offsets.get(case.prototype.params.len()..);
        fetch(&mut body, case, unnamed.unwrap_or_default(), &last);
    }
    let list = parameter_list(&list, case.prototype.variadic);
    let result = &function.spelled_ret;
    let end = match (case.prototype.noreturn, case.has_result()) {
        (true, _) => "  cabi_escape();\n".to_owned(),
        (_, false) => String::new(),
        _ => format!(
            "  {result} cabi_r; __builtin_memcpy((void *)&cabi_r, cabi_given_bytes, sizeof cabi_r); return cabi_r;\n"
        ),
    };
    let (attributes, name) = (convention_attribute(function.convention), &function.name);
    format!("{attributes}{result} {name}({list}) {{\n{body}  CABI_SPOIL;\n{end}}}\n")
}

/// Writes the variable `value` down at `at`.
fn write_down(body: &mut String, value: &str, at: usize) {
    let _ = writeln!(
        body,
        "  __builtin_memcpy(cabi_seen_bytes + {at}, (void *)&{value}, sizeof {value});"
    );
}

/// Fetches the unnamed arguments after the parameter `last`, and writes them down at `offsets`.
fn fetch(body: &mut String, case: &Case, offsets: &[usize], last: &str) {
    // Functions of another convention than the compiler's own have lists of another type.
    let own = match case.prototype.convention {
        Some(_) => "ms_",
        None => "",
    };
    let _ = writeln!(
        body,
        "  __builtin_{own}va_list cabi_list; __builtin_{own}va_start(cabi_list, {last});"
    );
    let unnamed = case.unnamed.iter().zip(&case.unnamed_text);
    for ((ty, spelled), at) in unnamed.zip(offsets) {
        // An array type decays when it is passed, so no unnamed argument is one.
        let ty = fetched(ty, spelled);
        let _ = writeln!(
            body,
            "  {{ {ty} cabi_v = __builtin_va_arg(cabi_list, {ty});"
        );
        write_down(body, "cabi_v", *at);
        body.push_str("  }\n");
    }
    let _ = writeln!(body, "  __builtin_{own}va_end(cabi_list);");
}

/// Writes
/// `void <prefix><name>_call(void (*f)(void), const unsigned char *images, unsigned char *result)`.
/// The written function calls `f` as the case's function, with the values in `images`, laid out as
/// [`Images::of`] lays out the [`Case::argument_types`]. It stores the result's bytes, if any, in
/// `result`.
pub(crate) fn caller(case: &Case, prefix: &str) -> String {
    let (name, result) = (&case.prototype.name, &case.prototype.spelled_ret);
    let types = case.argument_types();
    let offsets = Images::of(&types).offsets;
    let (mut body, mut args) = (String::new(), Vec::new());
    let texts = case
        .prototype
        .spelled_params
        .iter()
        .chain(&case.unnamed_text);
    for (i, ((ty, text), at)) in types.iter().zip(texts).zip(offsets).enumerate() {
        // Arrays and functions have decayed in `ty` but not in `text`; C converts `void *` to any
        // pointer.
        let ty = match is_pointer(ty) {
            true => "void *".to_owned(),
            false => format!("__typeof__({text})"),
        };
        let name = format!("cabi_a{i}");
        let _ = writeln!(
            body,
            "  {ty} {name}; __builtin_memcpy((void *)&{name}, cabi_image + {at}, sizeof {name});"
        );
        args.push(name);
    }
    body.push_str("  CABI_FILL_STACK;\n");
    if case.prototype.variadic {
        body.push_str("  CABI_GAP;\n");
    }
    let call = format!("((__typeof__({name}) *)cabi_f)({})", args.join(", "));
    let _ = match case.has_result() {
        false => writeln!(body, "  {call};"),
        true => writeln!(
            body,
            "  {result} cabi_r = {call}; __builtin_memcpy(cabi_out, (void *)&cabi_r, sizeof cabi_r);"
        ),
    };
    format!(
        "CABI_SYSV void {prefix}{name}_call(void (*cabi_f)(void), const unsigned char *cabi_image, unsigned char *cabi_out) {{\n  (void)cabi_out;\n  (void)cabi_image;\n{body}  CABI_AFTER_CALL;\n  CABI_SPOIL;\n}}\n"
    )
}

/// Checks whether a value of `ty` is a pointer, whatever C text has decayed to it.
pub(crate) fn is_pointer(ty: &Type) -> bool {
    matches!(ty.kind(), Kind::Scalar(Scalar::Ptr | Scalar::FnPtr))
}
