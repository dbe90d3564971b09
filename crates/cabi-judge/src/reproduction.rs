//! A case as a program of C that needs nothing but the C library: two halves of one file, to be built by two compilers.
//!
//! The half `CALLEE` writes down the bytes of what it was given, and returns known bytes. The half `CALLER` calls it with known bytes and says
//! which differ. Built by one compiler both halves agree; built one by a compiler with the flags in question, the other by one without,
//! the program prints what this workspace saw.

use std::fmt::Write as _;

use cabi::{DataModel, Type};
use cabi_header::Emitter;

use crate::case::Case;
use crate::graffiti::{Painter, Pattern};
use crate::half::{argument_types, has_result};

/// The program. `None` for types that C has no words for.
///
/// `command` is the compiler in question, `differs` what was found, for the comment that begins it.
#[must_use]
pub fn reproduction(case: &Case, command: &str, differs: &str) -> Option<String> {
    let types = argument_types(case);
    let mut emitter = Emitter::new(&DataModel::LP64);
    let declared: Vec<String> = types
        .iter()
        .map(|ty| emitter.spelling(ty).ok())
        .collect::<Option<_>>()?;
    let promoted: Vec<Type> = types
        .iter()
        .enumerate()
        .map(|(i, ty)| {
            if i < case.prototype.params.len() {
                ty.clone()
            } else {
                cabi::promote(ty)
            }
        })
        .collect();
    let arriving: Vec<String> = promoted
        .iter()
        .map(|ty| emitter.spelling(ty).ok())
        .collect::<Option<_>>()?;
    let ret = match has_result(case) {
        true => Some(emitter.spelling(&case.prototype.ret).ok()?),
        false => None,
    };
    let mut painter = Painter::starting_at(1);
    let patterns: Vec<Pattern> = types.iter().map(|ty| painter.paint(ty)).collect();
    let result = painter.paint(&case.prototype.ret);
    let program = Program {
        case,
        declared,
        arriving,
        ret,
        patterns,
        types,
        result,
    };
    let comment = format!("{}: {differs}", case.name).replace("*/", "* /");
    Some(format!(
        "/* {comment}\n   {command} -DCALLEE -c -o callee.o repro.c && cc -DCALLER -o repro repro.c callee.o && ./repro\n   \
         and the other way round: cc -DCALLEE .., {command} -DCALLER .. */\n#include <stdio.h>\n#include <string.h>\n{}{}",
        emitter.definitions(),
        program.text()
    ))
}

struct Program<'a> {
    case: &'a Case,
    /// Types of arguments, as C declares them and as they arrive.
    declared: Vec<String>,
    arriving: Vec<String>,
    ret: Option<String>,
    patterns: Vec<Pattern>,
    types: Vec<Type>,
    result: Pattern,
}

impl Program<'_> {
    fn text(&self) -> String {
        let mut text = String::new();
        let n_named = self.case.prototype.params.len();
        let mut list: Vec<String> = (0..n_named)
            .map(|i| format!("{} a{i}", self.declared[i]))
            .collect();
        if self.case.prototype.variadic {
            list.push("...".to_owned());
        } else if list.is_empty() {
            list.push("void".to_owned());
        }
        let ret = self.ret.as_deref().unwrap_or("void");
        let head = format!("{ret} f({})", list.join(", "));
        let _ = writeln!(text, "{head};");
        for (i, pattern) in self.patterns.iter().enumerate() {
            let arriving = self.arriving(i);
            text.push_str(&table(&format!("sent{i}"), &pattern.bytes));
            text.push_str(&table(&format!("want{i}"), &arriving.bytes));
            text.push_str(&table(&format!("mask{i}"), &arriving.mask));
            let _ = writeln!(
                text,
                "extern unsigned char seen{i}[{}];",
                arriving.bytes.len() + 64
            );
        }
        text.push_str(&table("want_result", &self.result.bytes));
        text.push_str(&table("mask_result", &self.result.mask));
        let _ = writeln!(text, "#ifdef CALLEE\n{}#endif", self.callee(&head, n_named));
        let _ = writeln!(text, "#ifdef CALLER\n{}#endif", self.caller());
        text
    }

    /// What arrives of argument `i`.
    fn arriving(&self, i: usize) -> Pattern {
        if i < self.case.prototype.params.len() {
            self.patterns[i].clone()
        } else {
            self.patterns[i].promoted(&self.types[i]).1
        }
    }

    fn callee(&self, head: &str, n_named: usize) -> String {
        let mut text = String::new();
        for i in 0..self.patterns.len() {
            let size = self.arriving(i).bytes.len() + 64;
            let _ = writeln!(text, "unsigned char seen{i}[{size}];");
        }
        let _ = writeln!(text, "{head} {{");
        for i in 0..n_named {
            let _ = writeln!(text, "  memcpy(seen{i}, (void *)&a{i}, sizeof a{i});");
        }
        if self.patterns.len() > n_named {
            let last = n_named.saturating_sub(1);
            let _ = writeln!(
                text,
                "  __builtin_va_list list; __builtin_va_start(list, a{last});"
            );
            for (i, ty) in self.arriving.iter().enumerate().skip(n_named) {
                let _ = writeln!(
                    text,
                    "  {{ {ty} v = __builtin_va_arg(list, {ty}); memcpy(seen{i}, (void *)&v, sizeof v); }}"
                );
            }
            text.push_str("  __builtin_va_end(list);\n");
        }
        if let Some(ret) = &self.ret {
            let _ = writeln!(
                text,
                "  {ret} r; memcpy((void *)&r, want_result, sizeof r < {n} ? sizeof r : {n}); return r;",
                n = self.result.bytes.len()
            );
        } else if self.case.prototype.noreturn {
            text.push_str("  /* never returns in the header */\n");
        }
        text + "}\n"
    }

    fn caller(&self) -> String {
        let mut text = String::from(
            "static int compare(const char *what, const unsigned char *got, const unsigned char *want, const unsigned char *mask, unsigned long n) {\n  \
             int differ = 0;\n  for (unsigned long i = 0; i < n; i++)\n    if ((got[i] ^ want[i]) & mask[i]) { printf(\"%s, byte %lu: got %02x, expected %02x\\n\", what, i, got[i], want[i]); differ = 1; }\n  \
             return differ;\n}\nint main(void) {\n  int differ = 0;\n",
        );
        for (i, ty) in self.declared.iter().enumerate() {
            let n = self.patterns[i].bytes.len();
            let _ = writeln!(
                text,
                "  {ty} a{i}; memcpy((void *)&a{i}, sent{i}, sizeof a{i} < {n} ? sizeof a{i} : {n});"
            );
        }
        let args: Vec<String> = (0..self.declared.len()).map(|i| format!("a{i}")).collect();
        let call = format!("f({})", args.join(", "));
        let _ = match &self.ret {
            Some(ret) => writeln!(text, "  {ret} r = {call};"),
            None => writeln!(text, "  {call};"),
        };
        for i in 0..self.patterns.len() {
            let n = self.arriving(i).bytes.len();
            let _ = writeln!(
                text,
                "  differ |= compare(\"argument {i}\", seen{i}, want{i}, mask{i}, {n});"
            );
        }
        if self.ret.is_some() {
            let n = self.result.bytes.len();
            let _ = writeln!(
                text,
                "  if (sizeof r != {n}) {{ printf(\"the result has %lu bytes, expected {n}\\n\", (unsigned long)sizeof r); differ = 1; }}\n  \
                 else differ |= compare(\"result\", (unsigned char *)&r, want_result, mask_result, {n});"
            );
        }
        text + "  return differ;\n}\n"
    }
}

/// A constant array, never empty.
fn table(name: &str, bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
    let digits = if digits.is_empty() {
        "0".to_owned()
    } else {
        digits.join(", ")
    };
    format!("static const unsigned char {name}[] = {{ {digits} }};\n")
}
