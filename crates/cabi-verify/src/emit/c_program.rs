//! A case as a program of C that needs nothing but the C library: three parts of one file, to be
//! built by two compilers.
//!
//! `CALLEE` and `CALLER` have the [sides](crate::emit::c) that are observed, with types of their
//! own. `MAIN` prints which bytes differ. Built by one compiler the parts agree. If caller or
//! callee is built by the compiler in question, the program shows the difference that this
//! workspace saw.

use cabi::{Target, Type};
use cabi_header::Emitter;

use crate::case::{Case, Direction};
use crate::emit::c::{Images, SHARED, TRUNCATION, callee, caller, fetched, initializer, list};
use crate::pattern::{BitPlaces, bytes, is_big_endian, mask, size_of};

/// Output of the program if it has compared all bytes, and none differs.
const NO_DIFFERENCE: &str = "no difference";

/// Returns the program. `None` for types that C cannot express.
///
/// `command` is the compiler in question, `differs` the difference that was found, for the comment
/// that begins it.
pub(crate) fn reproduction(
    case: &Case,
    direction: Direction,
    command: &str,
    differs: &str,
) -> Option<String> {
    let (theirs, ours) = match direction {
        Direction::Call => ("CALLEE", "CALLER"),
        Direction::Callee => ("CALLER", "CALLEE"),
    };
    if case.target != Target::X86_64_LINUX {
        let how = format!(
            "{command} -D{theirs} -c -o theirs.o repro.c\n   -D{ours} and -DMAIN by a compiler for {}",
            case.target.name()
        );
        return program(case, &how, differs);
    }
    let how = format!(
        "{command} -D{theirs} -c -o theirs.o repro.c && cc -D{ours} -c -o ours.o repro.c && \\\n   \
         cc -DMAIN -o repro repro.c theirs.o ours.o && ./repro"
    );
    program(case, &how, differs)
}

/// Returns the program of which `command` builds all parts.
pub(crate) fn reproduction_alone(case: &Case, command: &str) -> Option<String> {
    let part = |part: &str| format!("{command} -D{part} -c -o {part}.o repro.c && \\\n   ");
    let how = format!(
        "{}{}{command} -DMAIN -o repro repro.c CALLEE.o CALLER.o && ./repro",
        part("CALLEE"),
        part("CALLER")
    );
    program(case, &how, "both sides are compiled by one compiler")
}

/// Returns the program. The comment that begins it says `how` it is built.
fn program(case: &Case, how: &str, differs: &str) -> Option<String> {
    let mut emitter = Emitter::new(case.target.data_model());
    let copy = respelled(case, &mut emitter)?;
    let parts = [
        ("CALLEE", callee(&copy)),
        ("CALLER", caller(&copy, "")),
        ("MAIN", main(&copy)),
    ];
    let parts = parts.map(|(part, text)| format!("#ifdef {part}\n{text}#endif\n"));
    let comment = format!("{}: {differs}", case.name).replace("*/", "* /");
    // The values of enumerations are chosen to leave no choice of size; here the choice is the
    // point.
    let definitions = emitter
        .definitions()
        .replace("cabi_u32_high = 4294967295", "cabi_u32_high = 1");
    Some(format!(
        "/* {comment}\n   {how} */\n{TRUNCATION}{SHARED}{COMMON}{definitions}{}{}",
        copy.declaration(),
        parts.concat()
    ))
}

/// Returns `case` as a function `f` that returns, whose types have the names that `emitter` gives
/// them.
fn respelled(case: &Case, emitter: &mut Emitter) -> Option<Case> {
    let mut copy = case.clone();
    let mut spelled = |ty: &Type| emitter.spelling(ty).ok();
    let unnamed = copy.unnamed.iter().map(&mut spelled);
    copy.unnamed_text = unnamed.collect::<Option<_>>()?;
    let params = copy.prototype.params.iter().map(|(_, ty)| spelled(ty));
    copy.prototype.spelled_params = params.collect::<Option<_>>()?;
    if !copy.has_result() {
        (copy.prototype.ret, copy.prototype.noreturn) = (Type::VOID, false);
    }
    copy.prototype.spelled_ret = match copy.has_result() {
        true => spelled(&copy.prototype.ret)?,
        false => "void".to_owned(),
    };
    copy.prototype.name = "f".to_owned();
    Some(copy)
}

/// Declarations that the parts share, besides `f`.
const COMMON: &str = include_str!("c/reproduction.c");

/// Start of the part that compares.
const MAIN: &str = include_str!("c/reproduction_main.c");

/// Bytes after those of a value, for a compiler to which its type is larger.
const ROOM: usize = 4096;

/// Returns the values that are passed, the buffers, and a comparison of the bits that count.
fn main(case: &Case) -> String {
    let (types, n_named) = (case.argument_types(), case.prototype.params.len());
    let highest_first = is_big_endian(case.prototype.convention.or(case.target.convention()));
    let places = BitPlaces {
        highest_first,
        shift: 0,
    };
    let compared = |subject: &str, got: &str, expected: &str, mask: &[u8]| {
        let (n, mask) = (mask.len(), initializer(mask));
        format!(
            "static const unsigned char mask[] = {mask}; differ |= compare(\"{subject}\", {got}, {expected}, mask, {n});"
        )
    };
    let images = Images::of(&types);
    let (mut sent, mut checks) = (Vec::new(), String::new());
    let texts = case.prototype.spelled_params.iter();
    let texts = texts.chain(&case.unnamed_text);
    for (i, ((ty, text), at)) in types.iter().zip(texts).zip(&images.offsets).enumerate() {
        let number = u8::try_from(i % 128).unwrap_or(0) + 1;
        let image = bytes(ty, number, highest_first);
        sent.push(format!("[{at}] = {}", list(&image)));
        let (subject, got) = (format!("argument {i}"), format!("cabi_seen_bytes + {at}"));
        let promoted = cabi::promote(ty);
        let check = match i < n_named || promoted == *ty {
            true => compared(&subject, &got, &format!("sent + {at}"), &mask(ty, places)),
            // As C converts it.
            false => {
                let mask = vec![0xff; size_of(&promoted)];
                let check = compared(&subject, &got, "(void *)&want", &mask);
                let spelling = fetched(ty, text);
                format!("{text} v; copy(&v, sent + {at}, sizeof v); {spelling} want = v; {check}")
            }
        };
        checks += &format!("  {{ {check} }}\n");
    }
    let mut result = Vec::new();
    if case.has_result() {
        result = bytes(&case.prototype.ret, 129, highest_first);
        let mask = mask(&case.prototype.ret, places);
        let check = compared("result", "got", "cabi_given_bytes", &mask);
        checks += &format!("  {{ {check} }}\n");
    }
    format!(
        "unsigned char cabi_seen_bytes[{}] __attribute__((aligned(64)));\n\
         static unsigned char got[{}] __attribute__((aligned(64)));\n\
         unsigned char cabi_given_bytes[{}] __attribute__((aligned(64))) = {};\n\
         static const unsigned char sent[{}] = {{ {} }};\n\
         {MAIN}{checks}  }}\n  if (!differ) printf(\"{NO_DIFFERENCE}\\n\");\n  return differ;\n}}\n",
        images.size + ROOM,
        result.len() + ROOM,
        result.len() + ROOM,
        initializer(&result),
        images.size + ROOM,
        sent.join(", ")
    )
}
