//! `cabi call`: calls a C function from the shell.
//!
//! The header gives the types, the arguments are read as C's initialisers, and clif-cabi lowers the call. A child makes the call: what a
//! function does to its process stays there.

mod bits;
mod child;
mod clang;
mod fill;
mod float;
mod invoke;
mod literal;
mod number;
mod parts;
mod peek;
mod print;
#[cfg(has_calls)]
mod program;
mod quoted;

use std::path::PathBuf;

use cabi::{FnSig, Kind, Policy, Target, Type};
use cabi_header::{Header, Prototype, Written};
use clap::Args;

use self::invoke::Memory;
use self::literal::{Init, Value};
use crate::output::{self, Failure};
use crate::reading::questions::{Answers, Questions};
use crate::reading::{self, Reading, Source};

const ABOUT: &str = "\
Calls a C function and prints its result as C would initialise it.

Arguments are constants, strings and initialisers of C, each one word of the shell:

  numbers, characters  17  0xffUL  1.5L  'a'  '1 + 2i'  I
  strings, NULL        '\"text\\n\"'  'L\"wide\"'  NULL
  structures, arrays   '{3, 4}'  '{.x = 1}'  '{[2] = 5}'
  integer expressions  'O_RDONLY|O_CLOEXEC'  'sizeof(int)'
  after the `...`     '(struct vec2){1, 2}'
  pointers to objects  '&(int){0}', which is printed after the call

Exit status: 0 if the function returned, 2 if it could not be called or ended its process.";

const EXAMPLES: &str = "\
Examples:
  cabi call -i stdlib.h div 17 5
  cabi call -i stdio.h printf '\"%d %.2f %Lg\\n\"' 1 2.5 1.5L
  cabi call -i complex.h cexp '{0, 3.141592653589793}'
  cabi call -i math.h frexp 12.0 '&(int){0}'
  cabi call -l ./libvec.so -i vec.h rotate '{.x = 1}' 0.5
  cabi call --target aarch64-apple-darwin -l vec.c -i vec.h rotate '{.x = 1}' 0.5";

/// Calls a C function and prints its result.
#[derive(Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub(crate) struct Call {
    /// Header that declares the function, as after `#include`: `stdlib.h`, or a path.
    #[arg(short, long, value_name = "HEADER", required = true)]
    include: Vec<String>,
    /// Library that defines the function, by file name or soname; searched before the C library. With --target of another machine or system: a file of C (`.c`); for Linux also an object
    /// file or a static library.
    #[arg(short, long = "library", value_name = "LIB")]
    libraries: Vec<String>,
    /// What to do where compilers disagree: as psabi, gcc, clang or zig, with names of policy bits added after commas; by default as the system's own
    /// compiler, gcc on Linux.
    #[arg(long, value_parser = reading::policy)]
    policy: Option<Policy>,
    /// Target of the function, which is called in a program of its own, under an emulator where this machine cannot run it:
    /// aarch64-unknown-linux-gnu, aarch64-apple-darwin, x86_64-pc-windows-msvc or x86_64-pc-windows-gnu.
    #[cfg(has_calls)]
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    #[command(flatten)]
    reading: Reading,
    /// Name of the function.
    function: String,
    /// Its arguments.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARG"
    )]
    args: Vec<String>,
    /// The file that tells the parent how far the child came.
    #[arg(long, hide = true)]
    progress: Option<PathBuf>,
}

impl Call {
    pub(crate) fn run(&self) -> Result<String, Failure> {
        match &self.progress {
            None => child::run(&self.function, &self.include.join(", ")),
            Some(progress) => {
                crate::ending::end_with_parent();
                self.call(progress)
            }
        }
    }

    /// The call, in the child.
    fn call(&self, progress: &std::path::Path) -> Result<String, Failure> {
        let parse = |arg: &String| Init::parse(arg).map_err(|why| format!("{arg}: {why}"));
        let inits: Vec<_> = self.args.iter().map(parse).collect();
        let written = self.args.iter().zip(&inits);
        let parsed = written.filter_map(|(text, init)| Some((text, init.as_ref().ok()?)));
        let mut questions = Questions::of(parsed);
        let target = self.other_target()?;
        let mut source = Source::new(&self.include, "", &self.reading, &[]);
        source.target = target.as_ref().map(reading::clang_name);
        source.policy = self.policy;
        let header = reading::check::limited(|| source.parse_with(&mut questions))?;
        if target.is_some() {
            reading::target(&header, target.as_ref())?;
        }
        child::note(progress, child::Progress::Read, "")?;
        let prototype = reading::function(&header, &self.function, &source.what())?;
        self.check(prototype, &source)?;
        let answers = questions.answers(&header);
        let mut memory = Memory::new(target.is_none());
        let args = self.args.iter().zip(inits).enumerate();
        let args = args.map(|(i, (text, init))| {
            let filled = init
                .and_then(|init| argument((&init, text), (prototype, i), &answers, &mut memory));
            filled.map_err(|why| blame(prototype, i, &why))
        });
        let (types, values): (Vec<Type>, Vec<_>) = args.collect::<Result<_, _>>()?;
        let unnamed = types.into_iter().skip(prototype.params.len());
        let sig = self.signature(prototype, unnamed.collect())?;
        // The call keeps the libraries open to which the result may point.
        let call;
        let result = match &target {
            #[cfg(has_calls)]
            Some(target) => {
                let files = (&*self.libraries, &*self.reading.flags());
                let is_by_clang = header.model.records == cabi::RecordRules::Clang;
                let target = (target, is_by_clang);
                let result = program::call(target, (prototype, &sig), &values, &mut memory, files);
                Some(result?)
            }
            _ => {
                call = invoke::Call::new(&prototype.symbol, &sig, &values, &self.libraries)?;
                child::note(progress, child::Progress::Calling, "")?;
                call.run()
            }
        };
        // A process that the function has forked off has no result; this process has it.
        if let Some(result) = result {
            let text = results(prototype, &header, &result, &memory);
            child::note(progress, child::Progress::Returned, &text)?;
        }
        Ok(String::new())
    }

    /// Refuses a wrong number of arguments, and shows what clang warns of in the call as C would write it: nothing else looks at a format. What is no expression
    /// of C is not shown to it.
    fn check(&self, prototype: &Prototype, source: &Source<'_>) -> Result<(), String> {
        check_count(prototype, self.args.len())?;
        if !prototype.variadic {
            return Ok(());
        }
        let (function, args) = (&self.function, self.args.join(", "));
        let includes = &source.text;
        let text = format!("{includes}typedef __typeof__({function}({args})) cabi_call;\n");
        let options = source.options();
        let found = reading::check::limited(|| cabi_header::warnings(&text, &options));
        // Of pointers this command takes more than C does.
        let found = found.unwrap_or_default().into_iter();
        for warning in found.filter(|one| one.contains("[-Wformat")) {
            output::warn(&format!("{function}: {warning}"));
        }
        Ok(())
    }

    /// The target that `--target` names, if its functions cannot be called in this process.
    fn other_target(&self) -> Result<Option<Target>, String> {
        #[cfg(has_calls)]
        if let Some(triple) = &self.target {
            return program::other_target(triple);
        }
        Ok(None)
    }

    fn signature(&self, prototype: &Prototype, unnamed: Vec<Type>) -> Result<FnSig, String> {
        let sig = { self.policy.into_iter() }.fold(prototype.signature(), FnSig::policy);
        if !sig.is_variadic() {
            return Ok(sig);
        }
        sig.at_call_unpromoted(unnamed).map_err(|e| e.to_string())
    }
}

/// Type and bytes of argument `i` of a call of `prototype`, which is written as `text`.
fn argument(
    (init, text): (&Init, &str),
    (prototype, i): (&Prototype, usize),
    answers: &Answers<'_>,
    memory: &mut Memory,
) -> Result<(Type, Vec<u8>), String> {
    let written = prototype.written_params.get(i);
    check_text(init, written, answers)?;
    let ty = match prototype.params.get(i) {
        Some((_, ty)) => ty.clone(),
        None => answers.own_type(init, text)?,
    };
    let bytes = fill::fill(init, &ty, answers, memory)?;
    let pointee = match written {
        Some(Written::Pointer(to)) => Some(&**to),
        _ => None,
    };
    memory.name(&pointee_name(prototype, i), pointee);
    Ok((ty, bytes))
}

/// Refuses a string whose elements are not as wide as those that the parameter points to.
fn check_text(init: &Init, written: Option<&Written>, answers: &Answers<'_>) -> Result<(), String> {
    let (Init::Value(Value::Text(text)), Some(Written::Pointer(to))) = (init, written) else {
        return Ok(());
    };
    let wanted = match &**to {
        Written::Char => 8,
        Written::Type(ty) => ty.size() * 8,
        _ => return Ok(()),
    };
    match answers.text_bits(text)? {
        found if found == wanted => Ok(()),
        found => Err(format!(
            "it points to elements of {wanted} bits, and the string has elements of {found} bits; wide strings are L\"..\", u\"..\", U\"..\""
        )),
    }
}

fn check_count(prototype: &Prototype, given: usize) -> Result<(), String> {
    let wanted = prototype.params.len();
    let takes_more = prototype.variadic || prototype.unprototyped;
    if given == wanted || (given > wanted && takes_more) {
        return Ok(());
    }
    let at_least = if takes_more { "at least " } else { "" };
    let all = output::count(wanted as u64, "argument");
    let is = if given == 1 { "is" } else { "are" };
    Err(format!(
        "{} takes {at_least}{all}, {}, and {given} {is} given",
        prototype.name,
        prototype.parameters()
    ))
}

/// The message that argument `i` is wrong.
fn blame(prototype: &Prototype, i: usize, why: &str) -> String {
    let what = match prototype.parameter(i).as_str() {
        "" => String::new(),
        parameter => format!(" ({parameter})"),
    };
    format!("{}: argument {}{what}: {why}", prototype.name, i + 1)
}

/// What an object is called afterwards that argument `i` points to.
fn pointee_name(prototype: &Prototype, i: usize) -> String {
    match prototype.params.get(i) {
        Some((Some(name), _)) => format!("*{name}"),
        _ => format!("*argument {}", i + 1),
    }
}

/// The result, if there is one, and the objects whose addresses were passed.
fn results(prototype: &Prototype, header: &Header, result: &[u8], memory: &Memory) -> String {
    let mut text = String::new();
    if !matches!(prototype.ret.kind(), Kind::Void) {
        let written = Some(&prototype.written_ret);
        text += &print::print(
            &prototype.ret,
            written,
            header,
            result,
            memory.elsewhere.is_none(),
        );
        text.push('\n');
    }
    for (name, ty, written, bytes) in memory.objects() {
        let value = print::print(ty, written, header, &bytes, memory.elsewhere.is_none());
        text += &format!("{name} = {value}\n");
    }
    text
}
