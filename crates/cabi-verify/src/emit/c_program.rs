//! A case as a program of C that needs nothing but the C library: three parts of one file, to be
//! built by two compilers.
//!
//! `CALLEE` writes down the bytes of its arguments, and returns known bytes; `CALLER` calls it with
//! known bytes; `MAIN` prints which differ. Built by one compiler the parts agree. If caller or
//! callee is built by the compiler in question, the program shows the difference that this
//! workspace saw.

use cabi::{Target, Type};
use cabi_header::Emitter;

use crate::case::{Case, Direction, convention_attribute, parameter_list};
use crate::emit::c::{TRUNCATION, initializer};
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
    program(case, &how, "both sides are by one compiler")
}

/// The program; `how` it is built stands in the comment that begins it.
fn program(case: &Case, how: &str, differs: &str) -> Option<String> {
    let types = case.argument_types();
    let mut emitter = Emitter::new(case.target.data_model());
    let mut spelled = |ty: &Type| emitter.spelling(ty).ok();
    let declared = types.iter().map(&mut spelled);
    let declared: Vec<String> = declared.collect::<Option<_>>()?;
    let n_named = case.prototype.params.len();
    let arriving = types.iter().enumerate().map(|(i, ty)| match i < n_named {
        true => spelled(ty),
        false => spelled(&cabi::promote(ty)),
    });
    let arriving: Vec<String> = arriving.collect::<Option<_>>()?;
    let ret = match case.has_result() {
        true => Some(spelled(&case.prototype.ret)?),
        false => None,
    };
    let highest_first = is_big_endian(case.prototype.convention.or(case.target.convention()));
    let value = |number, ty: &Type, arriving: &Type| {
        let places = BitPlaces {
            highest_first,
            shift: 0,
        };
        let mask = match arriving == ty {
            true => mask(ty, places),
            false => vec![0xff; size_of(arriving)],
        };
        (bytes(ty, number, highest_first), mask)
    };
    let values = (1..).zip(&types).enumerate();
    let values = values.map(|(i, (number, ty))| match i < n_named {
        true => value(number, ty, ty),
        false => value(number, ty, &cabi::promote(ty)),
    });
    let program = Program {
        case,
        declared,
        arriving,
        ret,
        values: values.collect(),
        result: value(129, &case.prototype.ret, &case.prototype.ret),
    };
    let comment = format!("{}: {differs}", case.name).replace("*/", "* /");
    // The values of enumerations are chosen to leave no choice of size; here the choice is the
    // point.
    let definitions = emitter
        .definitions()
        .replace("cabi_u32_high = 4294967295", "cabi_u32_high = 1");
    Some(format!(
        "/* {comment}\n   {how} */\n{TRUNCATION}{COMMON}{definitions}{}",
        program.text()
    ))
}

/// Parts may be of different conventions: what they share beside `f` is System V on x86-64, and
/// calls nothing.
const COMMON: &str = include_str!("c/reproduction.c");

struct Program<'a> {
    case: &'a Case,
    /// Types of arguments, as C declares them and as they arrive.
    declared: Vec<String>,
    arriving: Vec<String>,
    ret: Option<String>,
    /// The bytes that are passed for each argument, and the bits that count as it arrives.
    values: Vec<(Vec<u8>, Vec<u8>)>,
    /// The same of the result.
    result: (Vec<u8>, Vec<u8>),
}

impl Program<'_> {
    fn text(&self) -> String {
        let params = self.declared.iter().take(self.n_named()).enumerate();
        let params: Vec<String> = params.map(|(i, ty)| format!("{ty} a{i}")).collect();
        let list = parameter_list(&params, self.case.prototype.variadic);
        let ret = self.ret.as_deref().unwrap_or("void");
        let convention = convention_attribute(self.case.prototype.convention);
        let head = format!("{convention}{ret} f({list})");
        let mut text = format!("{head};\n");
        for (i, (bytes, mask)) in self.values.iter().enumerate() {
            text += &table(&format!("sent{i}"), bytes);
            text += &table(&format!("mask{i}"), mask);
            text += &format!("extern unsigned char seen{i}[{}];\n", room(mask));
        }
        let (bytes, mask) = &self.result;
        text += &format!("extern unsigned char seen_result[{}];\n", room(mask));
        text += &table("want_result", bytes);
        text += &table("mask_result", mask);
        for (part, own) in [
            ("CALLEE", self.callee(&head)),
            ("CALLER", self.caller()),
            ("MAIN", self.main()),
        ] {
            text += &format!("#ifdef {part}\n{own}#endif\n");
        }
        text
    }

    fn n_named(&self) -> usize {
        self.case.prototype.params.len()
    }

    fn callee(&self, head: &str) -> String {
        let mut text = String::new();
        for (i, (_, mask)) in self.values.iter().enumerate() {
            let size = room(mask);
            text += &format!("unsigned char seen{i}[{size}] __attribute__((aligned(4096)));\n");
        }
        text += &format!("{head} {{\n");
        let n_named = self.n_named();
        let has_unnamed = self.declared.len() > n_named;
        if has_unnamed {
            // The value of va_arg goes to a variable in one round, in the other straight to where
            // it is compared: the stack has another layout then.
            text += "  static int calls; int direct = calls++ & 1;\n";
        }
        for i in 0..n_named {
            text += &format!("  copy(seen{i}, &a{i}, sizeof a{i});\n");
        }
        if has_unnamed {
            let last = n_named.saturating_sub(1);
            let own = match self.case.prototype.convention {
                Some(_) => "ms_",
                None => "",
            };
            text += &format!(
                "  __builtin_{own}va_list list; __builtin_{own}va_start(list, a{last});\n"
            );
            for (i, ty) in self.arriving.iter().enumerate().skip(n_named) {
                text += &format!(
                    "  {{ typedef {ty} t; if (direct) *(t *)seen{i} = __builtin_va_arg(list, t); \
                     else {{ t v = __builtin_va_arg(list, t); copy(seen{i}, &v, sizeof v); }} }}\n"
                );
            }
            text += &format!("  __builtin_{own}va_end(list);\n");
        }
        if let Some(ret) = &self.ret {
            let n = self.result.0.len();
            text += &format!(
                "  {ret} r; copy(&r, want_result, sizeof r < {n} ? sizeof r : {n}); return r;\n"
            );
        } else if self.case.prototype.noreturn {
            text += "  /* does not return in the header */\n";
        }
        text + "}\n"
    }

    fn caller(&self) -> String {
        let (result, _) = &self.result;
        let mut text = format!(
            "unsigned long long result_size = {};\nunsigned char seen_result[{}];\nvoid SHARED run(void) {{\n",
            result.len(),
            room(result)
        );
        let mut args = Vec::new();
        for (i, (ty, (bytes, _))) in self.declared.iter().zip(&self.values).enumerate() {
            let n = bytes.len();
            text += &format!(
                "  {ty} a{i}; copy(&a{i}, sent{i}, sizeof a{i} < {n} ? sizeof a{i} : {n});\n"
            );
            args.push(format!("a{i}"));
        }
        if self.case.prototype.variadic {
            // Keeps the caller's own variables away from the end of the argument area, where a
            // wrong va_arg would read them.
            text += "  static volatile unsigned long gap = 256; __builtin_memset(__builtin_alloca(gap), 0x5b, 256);\n";
        }
        text += "  fill();\n  FILL_REGISTERS;\n";
        let call = format!("f({})", args.join(", "));
        text += &match &self.ret {
            Some(ret) => format!(
                "  {ret} r = {call};\n  result_size = sizeof r; copy(seen_result, &r, sizeof r);\n"
            ),
            None => format!("  {call};\n"),
        };
        text + "}\n"
    }

    fn main(&self) -> String {
        let mut text = String::from(MAIN);
        for (i, (declared, arriving)) in self.declared.iter().zip(&self.arriving).enumerate() {
            let (before, want) = match declared == arriving {
                true => (String::new(), format!("sent{i}")),
                // Promoted, as C converts it.
                false => (
                    format!("{declared} v; copy(&v, sent{i}, sizeof v); {arriving} want = v; "),
                    "(void *)&want".to_owned(),
                ),
            };
            text += &format!(
                "  {{ {before}differ |= compare(\"argument {i}\", seen{i}, {want}, mask{i}, sizeof mask{i}); }}\n"
            );
        }
        if self.ret.is_some() {
            let n = self.result.0.len();
            text += &format!(
                "  if (result_size != {n}) {{ printf(\"the result has %llu bytes, expected {n}\\n\", result_size); differ = 1; }}\n  \
                 differ |= compare(\"result\", seen_result, want_result, mask_result, {n});\n"
            );
        }
        let last = format!("  }}\n  if (!differ) printf(\"{NO_DIFFERENCE}\\n\");\n");
        text + &last + "  return differ;\n}\n"
    }
}

/// Bytes of the array that a value is copied to, whatever its size is to a compiler that has
/// another one.
fn room(bytes: &[u8]) -> usize {
    bytes.len() + 64
}

/// Start of the part that compares.
const MAIN: &str = include_str!("c/reproduction_main.c");

fn table(name: &str, bytes: &[u8]) -> String {
    format!(
        "static const unsigned char {name}[] = {};\n",
        initializer(bytes)
    )
}
