//! `cabi call`: calls a C function from the shell.
//!
//! The header gives the types, arguments and results are JSON, and clif-cabi lowers the call. A
//! child process makes the call, so that a function affects that process alone.

mod child;
mod fill;
mod float;
mod invoke;
mod print;
mod program;
mod value;

use std::path::{Path, PathBuf};

use cabi::{FnSig, Type};
use cabi_header::Prototype;
use clap::Args;
use serde_json::Value;

use self::fill::Filler;
use self::invoke::{Memory, Object};
use self::print::Printer;
use self::value::Slot;
use crate::output::{self, Failure};
use crate::reading::questions::Questions;
use crate::reading::{self, PolicyOption, ReadOptions, Source};

const ABOUT: &str = "\
Calls a C function and prints its result as JSON.

Arguments are JSON, each one word of the shell:

  numbers              17  1.5  true
  constants            O_RDONLY  'O_RDONLY|O_CLOEXEC'  -INFINITY
  strings, no pointer  '\"text\\n\"'  null
  structures, unions   '{\"x\": 1, \"y\": [2, 3]}'
  arrays, vectors      '[1, 2]', and complex numbers
  pointers to objects  '[0]'  '{\"x\": 1}'  '{\"&char[32]\": null}', printed after the call
  another type         '{\"(struct vec2)\": {\"x\": 1}}', after the `...`

Exit status: 0 if the function returned, 2 if it could not be called or ended its process.";

const EXAMPLES: &str = "\
Examples:
  cabi call -i stdlib.h div 17 5
  cabi call -i stdio.h printf '\"%d %.2f\\n\"' 1 2.5
  cabi call -i complex.h cexp '[0, 3.141592653589793]'
  cabi call -i math.h frexp 12.0 '[0]'
  cabi call -l ./libvec.so -i vec.h rotate '{\"x\": 1}' 0.5
  cabi call --target aarch64-apple-darwin -l vec.c -i vec.h rotate '{\"x\": 1}' 0.5";

/// Calls a C function and prints its result.
#[derive(Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub(crate) struct Call {
    /// Header that declares the function, as after `#include`: `stdlib.h`, or a path.
    #[arg(short, long, value_name = "HEADER", required = true)]
    include: Vec<String>,
    /// Library that defines the function, by file name or soname; searched before the C library.
    /// With --target of another machine or system: a file of C (`.c`); for Linux also an object
    /// file or a static library.
    #[arg(short, long = "library", value_name = "LIB")]
    libraries: Vec<String>,
    /// Compiler whose choices and record layout apply: psabi, gcc, clang, zig, or a version
    /// (clang-22); after commas, policy bits to add (+BIT) or remove (-BIT). By default the
    /// system's own compiler, gcc on Linux.
    #[arg(long)]
    policy: Option<PolicyOption>,
    /// Target of the function. A separate program makes the call, under an emulator if this machine
    /// cannot run it. Known targets: aarch64-unknown-linux-gnu, aarch64-apple-darwin,
    /// riscv64-unknown-linux-gnu, s390x-unknown-linux-gnu, aarch64-pc-windows-msvc,
    /// x86_64-pc-windows-msvc and x86_64-pc-windows-gnu.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    #[command(flatten)]
    reading: ReadOptions,
    /// Name of the function.
    function: String,
    /// Arguments of the function.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARG"
    )]
    args: Vec<String>,
    /// File in which the child notes its progress for the parent.
    #[arg(long, hide = true)]
    progress: Option<PathBuf>,
}

impl Call {
    pub(crate) fn run(&self) -> Result<String, Failure> {
        if let Some(progress) = &self.progress {
            crate::ending::end_with_parent();
            return self.call(progress).map(|()| String::new());
        }
        if self.target.is_some() {
            cabi_verify::process::watch_signals();
        }
        child::run(&self.function, &self.include.join(", "))
    }

    /// Makes the call, in the child.
    fn call(&self, progress: &Path) -> Result<(), Failure> {
        let foreign = self
            .target
            .as_deref()
            .map_or(Ok(None), program::other_target)?;
        let mut source = Source::new(&self.include, "", &self.reading, &[]);
        source.target = foreign.as_ref().map(|target| target.name().to_owned());
        source.policy = self.policy;
        let mut questions = Questions::default();
        for text in &self.args {
            let value = serde_json::from_str(text).unwrap_or(Value::from(&**text));
            fill::ask(&value, &mut questions)?;
        }
        let header = reading::check::limited(|| source.parse_with(&mut questions))?;
        let target = reading::target(&header, foreign.as_ref())?;
        child::note(progress, child::READ, "")?;
        let prototype = reading::function(&header, &self.function, &source.label())?;
        self.check(prototype, &source)?;
        let is_big = target.convention().is_some_and(|own| own.frame.big_endian);
        let mut filler = Filler {
            header: &header,
            answers: questions.answers(&header),
            memory: Memory::new(foreign.is_none()),
            is_big,
            name: String::new(),
            path: String::new(),
        };
        let args = self.args.iter().enumerate();
        let args = args.map(|(i, text)| {
            let filled = filler.argument(text, prototype, i);
            let parameter = prototype.params.get(i).map(|_| prototype.parameter(i));
            let parameter = parameter.as_deref().unwrap_or("...");
            let path = format!("argument {} ({parameter}){}", i + 1, filler.path);
            filled.map_err(|why| format!("{}: {path}: {why}", prototype.name))
        });
        let (types, values): (Vec<Type>, Vec<_>) = args.collect::<Result<_, _>>()?;
        let mut memory = filler.memory;
        let policy = self.policy.iter().map(|policy| policy.on(&target));
        let mut sig = policy.fold(prototype.signature(), FnSig::policy);
        if sig.takes_more() {
            let unnamed = types.into_iter().skip(prototype.params.len());
            sig = sig.at_call_unpromoted(unnamed).map_err(|e| e.to_string())?;
        }
        let address = if foreign.is_none() {
            let ready = || child::note(progress, child::CALLING, "");
            let call = (&*prototype.symbol, &sig, &*values);
            let address = invoke::call(call, (&self.libraries, &mut memory), ready);
            address.map_err(|e| e.to_string())?
        } else {
            let files = (&*self.libraries, &*self.reading.flags());
            let target = (&target, header.model.records);
            let result = program::call(target, (prototype, &sig), &values, &mut memory, files)?;
            Some(memory.keep(&result, 1)?)
        };
        let Some(address) = address else {
            return Ok(());
        };
        let printer = Printer {
            header: &header,
            bytes: &memory.bytes,
            is_big,
            depth: if foreign.is_none() { 2 } else { 0 },
        };
        let answer = results(prototype, address, &memory, printer);
        Ok(child::note(progress, child::RETURNED, &answer)?)
    }

    /// Refuses a wrong number of arguments, and shows clang's warnings about the call as C would
    /// write it, since nothing else checks a format. If an argument is no expression of C, there
    /// are no warnings.
    fn check(&self, prototype: &Prototype, source: &Source<'_>) -> Result<(), String> {
        let (function, args) = (&self.function, self.args.join(", "));
        let (n_params, n_args) = (prototype.params.len(), self.args.len());
        let takes_more = prototype.variadic || prototype.unprototyped;
        if n_args < n_params || n_args > n_params && !takes_more {
            let n_args = output::count(n_args as u64, "argument");
            return Err(format!(
                "{function} takes {}, not {n_args}",
                prototype.parameters()
            ));
        }
        if !prototype.variadic {
            return Ok(());
        }
        let includes = &source.text;
        let text = format!("{includes}typedef __typeof__({function}({args})) cabi_call;\n");
        let options = source.options();
        let warnings = reading::check::limited(|| cabi_header::warnings(&text, &options));
        // Other warnings may be about pointers, for which this command accepts more than C does.
        let is_shown = |warning: &&String| warning.contains("[-Wformat");
        for warning in warnings.unwrap_or_default().iter().filter(is_shown) {
            output::warn(&format!("{function}: {warning}"));
        }
        Ok(())
    }
}

/// Writes the result, if there is one, and the objects whose addresses were passed.
fn results(prototype: &Prototype, address: usize, memory: &Memory, printer: Printer<'_>) -> String {
    let result = (prototype.ret != Type::VOID).then(|| Object {
        name: String::new(),
        ty: prototype.ret.clone(),
        written: Some(prototype.written_ret.clone()),
        address,
    });
    let lines = result.iter().chain(&memory.objects).map(|object| {
        let at = (object.address - memory.start) as u64 * 8;
        let slot = Slot::object(&object.ty, object.written.as_ref());
        format!("{}{}\n", object.name, printer.value(Slot { at, ..slot }))
    });
    lines.collect()
}
