//! C halves: the C text in which a judge's compiler calls a function with given bytes.
//!
//! Many cases share one file. What a block declares is renamed by macros that start with a prefix of its own, so the block's text
//! stays as it is and no names meet. Values cross as memory images: `memcpy` into a variable of the parameter's own type, then the call;
//! no member is named, so every type goes the same way.
//!
//! ```text
//! #define pair c7_pair
//! #define f c7_f
//! struct pair { long a, b; };
//! struct pair f(struct pair p, int);
//! void c7_f_call(.., const unsigned char *cabi_image, ..) { struct pair p; memcpy(&p, cabi_image, sizeof p); ... cabi_f(p, cabi_a1); }
//! #undef f
//! #undef pair
//! ```

use std::fmt::Write as _;

use cabi::{Kind, Scalar, Type};

use crate::case::{Case, Subject};

#[cfg(test)]
mod tests;

/// Bytes from one argument's image to the next are a multiple of this.
pub const IMAGE_ALIGN: usize = 64;

/// The variable that holds one argument in C.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variable {
    /// Its declaration, without `;`.
    pub declaration: String,
    /// Its name.
    pub name: String,
}

/// Where each argument's image starts, and how many bytes they are in all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Images {
    /// Bytes from the start.
    pub offsets: Vec<usize>,
    /// All bytes.
    pub size: usize,
}

impl Images {
    /// The images of values of these types, one behind the other.
    #[must_use]
    pub fn of(types: &[Type]) -> Self {
        let mut size = 0_usize;
        let mut offsets = Vec::new();
        for ty in types {
            offsets.push(size);
            let bytes = usize::try_from(ty.size()).unwrap_or(usize::MAX / 4);
            size = size.saturating_add(bytes.max(1).next_multiple_of(IMAGE_ALIGN));
        }
        Self { offsets, size }
    }
}

/// The types of all arguments of a call, before promotion.
#[must_use]
pub fn argument_types(case: &Case) -> Vec<Type> {
    let named = case.prototype.params.iter().map(|(_, ty)| ty.clone());
    named.chain(case.unnamed.iter().cloned()).collect()
}

/// The variables of all arguments of a call.
#[must_use]
pub fn variables(case: &Case) -> Vec<Variable> {
    let named = case.prototype.params.iter().zip(&case.function.params);
    let named = named.map(|((name, ty), text)| (name.as_deref(), ty, text));
    let unnamed = case
        .unnamed
        .iter()
        .zip(&case.unnamed_text)
        .map(|(ty, text)| (None, ty, text));
    named
        .chain(unnamed)
        .enumerate()
        .map(|(i, (name, ty, text))| variable(i, name, ty, text))
        .collect()
}

fn variable(i: usize, name: Option<&str>, ty: &Type, text: &str) -> Variable {
    let own = format!("cabi_a{i}");
    // Arrays and functions have decayed in `ty` but not in `text`; C converts `void *` to any pointer.
    if matches!(ty.kind(), Kind::Scalar(Scalar::Ptr | Scalar::FnPtr)) {
        return Variable {
            declaration: format!("void *{own}"),
            name: own,
        };
    }
    match name {
        Some(name) => Variable {
            declaration: text.to_owned(),
            name: name.to_owned(),
        },
        None => Variable {
            declaration: format!("__typeof__({text}) {own}"),
            name: own,
        },
    }
}

/// The block's text under names that start with `prefix`, with `body` behind it.
#[must_use]
pub fn scoped(subject: &Subject, prefix: &str, body: &str) -> String {
    let mut text = String::new();
    for name in &subject.text.declared {
        let _ = writeln!(text, "#define {name} {prefix}{name}");
    }
    text.push_str(&subject.block.code);
    text.push_str(body);
    for name in &subject.text.declared {
        let _ = writeln!(text, "#undef {name}");
    }
    text
}

/// A function `void <prefix><name>_call(void (*f)(void), const unsigned char *images, unsigned char *result)` that calls `f` as if it were
/// the case's function, with the values whose images it is given (laid out as [`Images::of`] [`argument_types`] says), and stores the result's
/// bytes, if there is one, in `result`. It uses registers that its own caller wants back: the macros for
/// that are the file's (`halves.rs`).
#[must_use]
pub fn caller_through(case: &Case, prefix: &str) -> String {
    let name = &case.function.name;
    let call = call(case, &format!("((__typeof__({name}) *)cabi_f)"));
    let call = if has_result(case) {
        format!(
            "  {} cabi_r = {call}; __builtin_memcpy(cabi_out, (void *)&cabi_r, sizeof cabi_r);\n",
            case.function.result
        )
    } else {
        format!("  {call};\n")
    };
    format!(
        "CABI_SYSV void {prefix}{name}_call(void (*cabi_f)(void), const unsigned char *cabi_image, unsigned char *cabi_out) {{\n  (void)cabi_out;\n{}{call}  CABI_SPOIL;\n}}\n",
        fill(case)
    )
}

/// Declares each argument's variable and fills it from its image.
fn fill(case: &Case) -> String {
    let images = Images::of(&argument_types(case));
    let mut text = String::from("  (void)cabi_image;\n");
    for (variable, offset) in variables(case).iter().zip(&images.offsets) {
        let Variable { declaration, name } = variable;
        let _ = writeln!(
            text,
            "  {declaration}; __builtin_memcpy((void *)&{name}, cabi_image + {offset}, sizeof {name});"
        );
    }
    text
}

fn call(case: &Case, function: &str) -> String {
    let names: Vec<String> = variables(case)
        .into_iter()
        .map(|variable| variable.name)
        .collect();
    format!("{function}({})", names.join(", "))
}

/// How C spells the type with which an unnamed argument of `ty`, spelled `text`, is fetched by `va_arg`.
#[must_use]
pub fn fetched(ty: &Type, text: &str) -> String {
    let promoted = cabi::promote(ty);
    match promoted.as_scalar() {
        _ if promoted == *ty => format!("__typeof__({text})"),
        Some(Scalar::F64) => "double".to_owned(),
        _ => "int".to_owned(),
    }
}

/// Whether a call gives a value.
#[must_use]
pub fn has_result(case: &Case) -> bool {
    !case.prototype.noreturn && *case.prototype.ret.kind() != Kind::Void
}
