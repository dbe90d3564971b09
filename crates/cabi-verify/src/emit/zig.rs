//! Cases in Zig: a callee that writes down its arguments, a caller that calls through a pointer,
//! and a table of layouts. They have the names and keep the contract of the C sides
//! (`emit/c/sides.rs`), whose buffers they use.

use std::fmt::Write as _;

use cabi::{Kind, RecordKind, Scalar, Type, X86_64_WIN64, zig};

use crate::case::Case;
use crate::emit::c::{Images, is_widened};
pub(crate) use types::NotExpressible;
use types::{Speller, VectorRules, not_expressible, own_type};

mod types;

/// One of its code generators.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Backend {
    /// Its own, `-fno-llvm`.
    Own,
    /// LLVM's, `-fllvm`.
    Llvm,
}

/// First lines of every file: the buffers of the C sides' frame, and how values move.
pub(crate) const PREAMBLE: &str = include_str!("zig/preamble.zig");

/// A case as Zig text.
#[derive(Debug)]
pub(crate) struct CaseText {
    /// Prefix of the names of its types.
    pub(crate) prefix: String,
    /// Declarations of its types.
    pub(crate) types: String,
    pub(crate) callee: Result<String, NotExpressible>,
    pub(crate) caller: String,
    /// Questions about the layout of its types.
    pub(crate) layout: Vec<Question>,
}

/// A number that Zig computes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Question {
    /// In Zig.
    pub(crate) expression: String,
    /// The type it is about.
    pub(crate) kind: Kind,
    /// The property of the type.
    pub(crate) what: String,
    /// The number of `cabi`, in bytes.
    pub(crate) ours: u64,
}

/// Returns the text of `case`, whose function's name is one of its own in the file.
pub(crate) fn case_text(case: &Case, backend: Backend) -> Result<CaseText, NotExpressible> {
    let prototype = &case.prototype;
    if !prototype.target_features.is_empty() {
        return not_expressible("a function with a vector level of its own");
    }
    let convention = convention(case)?;
    let prefix = format!("{}_", case.prototype.name);
    let level = case.vectors;
    let place = VectorRules {
        backend,
        level,
        auto: convention == AUTO,
    };
    let mut speller = Speller::new(&prefix, place);
    let types = case.argument_types();
    let mut words = Words {
        convention,
        params: Vec::new(),
        result: match (prototype.noreturn, prototype.ret.kind()) {
            (false, _) => speller.value(&prototype.ret)?,
            (true, Kind::Void) => "noreturn".to_owned(),
            (true, _) => {
                return not_expressible(
                    "a noreturn function with a result type: noreturn is the result type",
                );
            }
        },
    };
    for (i, ty) in types.iter().enumerate() {
        let word = speller.value(ty)?;
        // An optional slice is passed as a slice: every second one is optional.
        words.params.push(match ty.kind() {
            Kind::Slice if i % 2 == 1 => format!("?{word}"),
            _ => word,
        });
    }
    if backend == Backend::Own && convention == C {
        dies_of(types.iter().chain([&prototype.ret]))?;
    }
    let mut layout = Vec::new();
    for (ty, name) in &speller.declared {
        ask(ty, name, &mut layout);
    }
    for (ty, word) in types.iter().zip(&words.params) {
        if !matches!(ty.kind(), Kind::Record(_) | Kind::Enum(_)) {
            ask_size(ty, word, ty.align(), &mut layout);
        }
    }
    Ok(CaseText {
        callee: callee(case, &words),
        caller: caller(case, &words),
        types: speller.text,
        layout,
        prefix,
    })
}

/// Refuses what Zig's own back end cannot pass by C's convention.
fn dies_of<'t>(types: impl Iterator<Item = &'t Type> + Clone) -> Result<(), NotExpressible> {
    if types.clone().any(|ty| ty.is_object() && ty.size() == 0) {
        // Or the back end goes on, and compiles another function of the file wrongly.
        return not_expressible(
            "a record without bytes: Zig's own back end reads memory outside the record",
        );
    }
    let mut types = types;
    if types.any(|ty| ty.is_union() && (9..=16).contains(&ty.size())) {
        return not_expressible("a union of two eightbytes: Zig's own back end crashes");
    }
    Ok(())
}

/// The target's own convention of C.
const C: &str = "callconv(.c)";

/// Zig's own convention, in a compilation with error tracing or without.
const AUTO: &str = "callconv(.auto)";

/// Returns Zig's spelling of a function's calling convention.
fn convention(case: &Case) -> Result<&'static str, NotExpressible> {
    match case.prototype.convention {
        None => Ok(C),
        Some(own) if [&zig::AUTO, &zig::AUTO_TRACED].contains(&own) => Ok(AUTO),
        Some(own) if *own == X86_64_WIN64 => Ok("callconv(.{ .x86_64_win = .{} })"),
        Some(_) => not_expressible("a function of a convention without a name in Zig"),
    }
}

/// The types of a case as Zig spells them.
struct Words {
    convention: &'static str,
    /// Types of all arguments, unnamed ones too.
    params: Vec<String>,
    result: String,
}

/// Adds questions about a record or enumeration, as it is without what a typedef adds.
fn ask(ty: &Type, name: &str, layout: &mut Vec<Question>) {
    let Kind::Record(record) = ty.kind() else {
        return;
    };
    ask_size(ty, name, record.align(), layout);
    // A union's members have no @offsetOf: they are all at 0.
    let fields = record.fields().iter().enumerate();
    let has_offsets = record.kind() == RecordKind::Struct && own_type(record).is_none();
    for (i, field) in fields.filter(|_| has_offsets) {
        layout.push(Question {
            expression: format!("@offsetOf({name}, \"m{i}\")"),
            kind: ty.kind().clone(),
            what: format!("{name}: offset of member {i}"),
            ours: field.offset(),
        });
    }
}

fn ask_size(ty: &Type, name: &str, align: u32, layout: &mut Vec<Question>) {
    for (builtin, ours) in [("@sizeOf", ty.size()), ("@alignOf", u64::from(align))] {
        let expression = format!("{builtin}({name})");
        layout.push(Question {
            what: format!("{name}: {builtin}"),
            expression,
            kind: ty.kind().clone(),
            ours,
        });
    }
}

/// Writes down argument `i`: its bytes from byte `at` of the recorded ones, and the value of one
/// that is extended.
fn record_argument(
    body: &mut String,
    (i, ty, is_named): (usize, &Type, bool),
    at: usize,
    convention: &str,
) {
    let size = match is_named {
        true => ty.size(),
        false => cabi::promote(ty).size(),
    };
    if convention == AUTO && ty.align() > 8 && size > 0 {
        // Its address is aligned if the stack was.
        let align = ty.align();
        let _ = writeln!(body, "    if (@intFromPtr(&a{i}) % {align} != 0) @trap();");
    }
    let _ = writeln!(body, "    put(cabi_seen() + {at}, &a{i}, {size});");
    if is_named && is_widened(ty) {
        let _ = writeln!(body, "    widen({i}, a{i});");
    }
}

/// Returns a function that records its arguments and returns the result of the case.
fn callee(case: &Case, words: &Words) -> Result<String, NotExpressible> {
    let types = case.argument_types();
    let offsets = Images::of(&types).offsets;
    let n_named = case.prototype.params.len();
    let (mut list, mut body) = (Vec::new(), String::new());
    for (i, (ty, at)) in types.iter().zip(&offsets).enumerate() {
        let Some(word) = words.params.get(i) else {
            continue;
        };
        let own = format!("a{i}");
        if i < n_named {
            list.push(format!("{own}: {word}"));
        } else {
            let _ = writeln!(body, "    const {own} = @cVaArg(&list, {});", unnamed(ty)?);
        }
        record_argument(&mut body, (i, ty, i < n_named), *at, words.convention);
    }
    let mut head = "";
    if case.prototype.variadic {
        list.push("...".to_owned());
        head = "    var list = @cVaStart();\n    defer @cVaEnd(&list);\n    _ = &list;\n";
    }
    let name = &case.prototype.name;
    // Zig exports no function of its own convention, but its address.
    let (export, address) = match words.convention {
        AUTO => (
            "",
            format!(
                "export fn {name}_address() callconv(.c) *const anyopaque {{\n    return @ptrCast(&{name});\n}}\n"
            ),
        ),
        _ => ("export ", String::new()),
    };
    Ok(format!(
        "{export}fn {name}({}) {} {} {{\n{head}{body}{}}}\n{address}",
        list.join(", "),
        words.convention,
        words.result,
        end(case, words),
    ))
}

/// Returns the end of a callee.
fn end(case: &Case, words: &Words) -> String {
    if case.prototype.noreturn {
        return "    cabi_escape();\n".to_owned();
    }
    let (result, size) = (&words.result, case.prototype.ret.size());
    match case.has_result() {
        true => format!("    return take({result}, cabi_given(), {size});\n"),
        false => String::new(),
    }
}

/// Returns the type an unnamed argument is taken as. LLVM's `va_arg` disagrees with C's callers
/// except for simple scalars, and Zig's own back end has none.
fn unnamed(ty: &Type) -> Result<&'static str, NotExpressible> {
    match cabi::promote(ty).as_scalar() {
        Some(Scalar::Int { bits: 32, .. }) => Ok("c_int"),
        Some(Scalar::Int { bits: 64, .. }) => Ok("c_long"),
        Some(Scalar::F64) => Ok("f64"),
        Some(Scalar::Ptr | Scalar::FnPtr) => Ok("?*anyopaque"),
        _ => not_expressible("@cVaArg of a type other than int, long, double and pointers"),
    }
}

/// Returns a function that calls another through a pointer, with values from images.
fn caller(case: &Case, words: &Words) -> String {
    let types = case.argument_types();
    let offsets = Images::of(&types).offsets;
    let n_named = case.prototype.params.len();
    let params = words.params.iter().take(n_named).map(String::as_str);
    let dots = case.prototype.variadic.then_some("...");
    let list: Vec<&str> = params.chain(dots).collect();
    let (mut body, mut args) = (String::new(), Vec::new());
    for (i, ((ty, word), at)) in types.iter().zip(&words.params).zip(&offsets).enumerate() {
        let size = ty.size();
        let _ = writeln!(body, "    const a{i} = take({word}, image + {at}, {size});");
        args.push(format!("a{i}"));
    }
    let function = format!(
        "*const fn ({}) {} {}",
        list.join(", "),
        words.convention,
        words.result
    );
    // C's functions take no address of a function of Zig's own convention.
    let (of, call) = match words.convention {
        AUTO => ("*const anyopaque", format!("@as({function}, @ptrCast(f))")),
        _ => (function.as_str(), "f".to_owned()),
    };
    let call = format!("{call}({})", args.join(", "));
    let size = case.prototype.ret.size();
    let end = match case.has_result() {
        true => format!("    const result = {call};\n    put(out, &result, {size});\n"),
        false => format!("    {call};\n"),
    };
    format!(
        "export fn {}_call(f: {of}, image: [*]const u8, out: [*]u8) callconv(.c) void {{\n    _ = .{{ image, out }};\n{body}{end}}}\n",
        case.prototype.name,
    )
}
