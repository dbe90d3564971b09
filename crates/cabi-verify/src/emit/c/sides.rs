//! The C text of a callee and a caller.
//!
//! Through variables each value moves by `memcpy`, which goes for any type a header may have, a
//! qualified or atomic one too:
//!
//! ```text
//! struct s f(long a, struct t b) {
//!     memcpy(seen + 0, &a, sizeof a); memcpy(seen + 64, &b, sizeof b);
//!     struct s r; memcpy(&r, given, sizeof r); return r;
//! }
//! ```
//!
//! Drawn parameters are neither, and compiling calls takes most of a fuzz run's time. So there an
//! lvalue of the type is made of the buffer itself, for which the file is compiled with
//! `-fno-strict-aliasing`:
//!
//! ```text
//! struct s f(long a, struct t b) {
//!     *(long *)(seen + 0) = a; *(struct t *)(seen + 64) = b; return *(struct s *)(given + 0);
//! }
//! void f_call(..) {
//!     *(struct s *)(got + 0) = f(*(long *)(image + 0), *(struct t *)(image + 64));
//! }
//! ```
//!
//! There a caller uses the frame's own buffers, its arguments: an address that the compiler knows
//! is one instruction less a value.
//!
//! Caller and callee use registers that their own callers want back (`CABI_SPOIL`).

use std::fmt::Write as _;

use cabi::{Kind, Scalar, Type};

use super::{Images, ValueAccess, fetched, is_widened};
use crate::case::{Case, convention_attribute, parameter_list};

/// An lvalue of type `text` at `at` bytes in `buffer`.
fn object(text: &str, buffer: &str, at: usize) -> String {
    format!("*({text} *)({buffer} + {at})")
}

/// A definition of the case's function that records its arguments and returns the result of the
/// case.
pub(super) fn callee(case: &Case, values: ValueAccess) -> String {
    let offsets = Images::of(&case.argument_types()).offsets;
    let function = &case.prototype;
    let (mut list, mut body) = (Vec::new(), String::new());
    let named = case.prototype.params.iter().map(|(_, ty)| ty);
    let named = named.zip(&function.spelled_params);
    // As the `va_start` of C23 has it where there is no parameter.
    let mut last = "0".to_owned();
    for (i, ((ty, text), at)) in named.zip(&offsets).enumerate() {
        last = format!("cabi_a{i}");
        list.push(match values {
            ValueAccess::ThroughVariables => format!("__typeof__({text}) {last}"),
            ValueAccess::ThroughLvalues => format!("{text} {last}"),
        });
        write_down(&mut body, &last, text, *at, values);
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
        fetch(&mut body, case, unnamed.unwrap_or_default(), &last, values);
    }
    let list = parameter_list(&list, case.prototype.variadic);
    let result = &function.spelled_ret;
    let end = match (case.prototype.noreturn, case.has_result(), values) {
        (true, ..) => "  cabi_escape();\n".to_owned(),
        (_, false, _) => String::new(),
        (.., ValueAccess::ThroughVariables) => format!(
            "  {result} cabi_r; __builtin_memcpy((void *)&cabi_r, cabi_given_bytes, sizeof cabi_r); return cabi_r;\n"
        ),
        (.., ValueAccess::ThroughLvalues) => {
            format!("  return {};\n", object(result, "cabi_given_bytes", 0))
        }
    };
    let (attributes, name) = (convention_attribute(function.convention), &function.name);
    format!("{attributes}{result} {name}({list}) {{\n{body}  CABI_SPOIL;\n{end}}}\n")
}

/// Writes `value`, of a type spelled `text`, down at `at`: a variable, or, as an lvalue, any.
fn write_down(body: &mut String, value: &str, text: &str, at: usize, values: ValueAccess) {
    let _ = match values {
        ValueAccess::ThroughVariables => writeln!(
            body,
            "  __builtin_memcpy(cabi_seen_bytes + {at}, (void *)&{value}, sizeof {value});"
        ),
        ValueAccess::ThroughLvalues => {
            writeln!(body, "  {} = {value};", object(text, "cabi_seen_bytes", at))
        }
    };
}

/// Fetches the unnamed arguments after the parameter `last`, and writes them down at `offsets`.
fn fetch(body: &mut String, case: &Case, offsets: &[usize], last: &str, values: ValueAccess) {
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
        let value = format!("__builtin_va_arg(cabi_list, {ty})");
        match values {
            ValueAccess::ThroughVariables => {
                let _ = writeln!(body, "  {{ {ty} cabi_v = {value};");
                write_down(body, "cabi_v", &ty, *at, values);
                body.push_str("  }\n");
            }
            ValueAccess::ThroughLvalues => write_down(body, &value, &ty, *at, values),
        }
    }
    let _ = writeln!(body, "  __builtin_{own}va_end(cabi_list);");
}

/// Writes
/// `void <prefix><name>_call(void (*f)(void), const unsigned char *images, unsigned char *result)`.
/// It calls `f` as if it were the case's function, with the values whose images it is given, laid
/// out as [`Images::of`] says of [`Case::argument_types`], and stores the result's bytes, if there
/// is one, in `result`.
pub(super) fn caller(case: &Case, prefix: &str, values: ValueAccess) -> String {
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
        if values == ValueAccess::ThroughLvalues {
            args.push(object(text, "cabi_image_bytes", at));
            continue;
        }
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
    // Elsewhere the caller is entered with a filled stack: one call less to compile.
    if values == ValueAccess::ThroughVariables {
        body.push_str("  CABI_FILL_STACK;\n");
    }
    if case.prototype.variadic {
        body.push_str("  CABI_GAP;\n");
    }
    let call = format!("((__typeof__({name}) *)cabi_f)({})", args.join(", "));
    let _ = match (case.has_result(), values) {
        (false, _) => writeln!(body, "  {call};"),
        (true, ValueAccess::ThroughVariables) => writeln!(
            body,
            "  {result} cabi_r = {call}; __builtin_memcpy(cabi_out, (void *)&cabi_r, sizeof cabi_r);"
        ),
        (true, ValueAccess::ThroughLvalues) => {
            writeln!(body, "  {} = {call};", object(result, "cabi_got_bytes", 0))
        }
    };
    let (rest, used, after) = match values {
        ValueAccess::ThroughVariables => (
            ", const unsigned char *cabi_image, unsigned char *cabi_out",
            "  (void)cabi_out;\n  (void)cabi_image;\n",
            "  CABI_AFTER_CALL;\n",
        ),
        ValueAccess::ThroughLvalues => ("", "", ""),
    };
    format!(
        "CABI_SYSV void {prefix}{name}_call(void (*cabi_f)(void){rest}) {{\n{used}{body}{after}  CABI_SPOIL;\n}}\n"
    )
}

/// Checks whether a value of `ty` is a pointer, whatever C text has decayed to it.
pub(crate) fn is_pointer(ty: &Type) -> bool {
    matches!(ty.kind(), Kind::Scalar(Scalar::Ptr | Scalar::FnPtr))
}
