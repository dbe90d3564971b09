//! The C text of a case's callee and caller.

use cabi::{Kind, Type};

use super::is_widened;
use crate::case::Case;
use crate::half::{self, Images, argument_types, has_result};

/// The callee and the caller of one case.
pub(super) fn body(case: &Case, prefix: &str) -> String {
    callee(case) + &half::caller_through(case, prefix)
}

/// A definition of the case's function that writes down its arguments and returns what it is told.
fn callee(case: &Case) -> String {
    let types = argument_types(case);
    let offsets = Images::of(&types).offsets;
    let n_named = case.prototype.params.len();
    let (mut list, mut keep) = (Vec::new(), String::new());
    let named = case
        .prototype
        .params
        .iter()
        .zip(&case.function.params)
        .enumerate();
    let mut last = String::new();
    for (i, ((name, ty), text)) in named {
        let own = name.clone().unwrap_or_else(|| format!("cabi_a{i}"));
        list.push(match name {
            Some(_) => text.clone(),
            None => format!("__typeof__({text}) {own}"),
        });
        keep.push_str(&write_down(i, &own, ty, offsets[i]));
        last = own;
    }
    if case.prototype.variadic {
        list.push("...".to_owned());
        keep.push_str(&fetch(
            case,
            offsets.get(n_named..).unwrap_or_default(),
            &last,
        ));
    }
    if list.is_empty() {
        list.push("void".to_owned());
    }
    let result = &case.function.result;
    let end = if case.prototype.noreturn {
        "  cabi_escape();\n".to_owned()
    } else if has_result(case) {
        format!(
            "  {result} cabi_r; __builtin_memcpy((void *)&cabi_r, cabi_given_bytes, sizeof cabi_r); return cabi_r;\n"
        )
    } else {
        String::new()
    };
    format!(
        "{} {result} {}({}) {{\n{keep}  CABI_SPOIL;\n{end}}}\n",
        case.function.attributes,
        case.function.name,
        list.join(", ")
    )
}

/// Fetches the unnamed arguments behind the parameter `last`, and writes them down at `offsets`.
fn fetch(case: &Case, offsets: &[usize], last: &str) -> String {
    // Functions of another convention than the compiler's own have lists of another type.
    let own = if case.prototype.convention.is_some() {
        "ms_"
    } else {
        ""
    };
    let mut text = format!(
        "  __builtin_{own}va_list cabi_list; __builtin_{own}va_start(cabi_list, {last});\n"
    );
    let unnamed = case.unnamed.iter().zip(&case.unnamed_text);
    for ((ty, spelled), at) in unnamed.zip(offsets) {
        let ty = half::fetched(ty, spelled);
        // An array type decays when it is passed, so no unnamed argument is one.
        text.push_str(&format!(
            "  {{ {ty} cabi_v = __builtin_va_arg(cabi_list, {ty}); __builtin_memcpy(cabi_seen_bytes + {at}, (void *)&cabi_v, sizeof cabi_v); }}\n"
        ));
    }
    text + &format!("  __builtin_{own}va_end(cabi_list);\n")
}

fn write_down(i: usize, name: &str, ty: &Type, at: usize) -> String {
    let mut text =
        format!("  __builtin_memcpy(cabi_seen_bytes + {at}, (void *)&{name}, sizeof {name});\n");
    if is_widened(ty) && !matches!(ty.kind(), Kind::Record(_)) {
        text.push_str(&format!("  cabi_wide_values[{i}] = (long long){name};\n"));
    }
    text
}
