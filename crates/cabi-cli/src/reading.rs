//! Options of all subcommands that read C: the header, the flags for clang, the policy.

pub(crate) mod check;
pub(crate) mod foreign;
mod policy;
pub(crate) mod questions;

use std::path::{Path, PathBuf};

use cabi::{DataModel, LongDouble, Target};
use cabi_header::{Header, Options, Prototype, clang_triple};
use clap::Args;

pub(crate) use self::policy::PolicyOption;
use self::questions::Questions;
use crate::output;

const HEADING: &str = "ReadOptions C";

/// Name, in messages, of the text that the command makes of its arguments.
pub(crate) const COMMAND_LINE: &str = "<command line>";

/// Options by which C is read.
#[derive(Args, Default)]
pub(crate) struct ReadOptions {
    /// Folder to search for headers.
    #[arg(short = 'I', help_heading = HEADING, value_name = "DIR")]
    include_dirs: Vec<String>,
    /// Macro to define before the header is read.
    #[arg(short = 'D', help_heading = HEADING, value_name = "NAME[=VALUE]")]
    defines: Vec<String>,
    /// Standard of C, such as c11 or gnu23.
    #[arg(long = "std", help_heading = HEADING, value_name = "STANDARD")]
    standard: Option<String>,
}

impl ReadOptions {
    /// Returns these options, for one side of a comparison.
    pub(crate) fn new([dir, define, standard]: [Option<&String>; 3]) -> Self {
        Self {
            include_dirs: dir.cloned().into_iter().collect(),
            defines: define.cloned().into_iter().collect(),
            standard: standard.cloned(),
        }
    }

    /// Returns the folders in which headers are searched first.
    pub(crate) fn include_dirs(&self) -> &[String] {
        &self.include_dirs
    }

    /// Returns the first of `headers` that is C++ by its name, or else the standard if that is one
    /// of C++.
    pub(crate) fn cxx(&self, headers: &[String]) -> Option<String> {
        let is_cxx = |name: &&String| Options::new().name(*name).language() == "c++";
        let standard = self.standard.as_ref().filter(|name| name.contains("++"));
        let header = headers.iter().find(is_cxx).cloned();
        header.or_else(|| standard.map(|name| format!("-std={name}")))
    }

    /// Returns the options as arguments for clang, in words that other compilers understand too.
    pub(crate) fn flags(&self) -> Vec<String> {
        let dirs = self.include_dirs.iter().map(|dir| format!("-I{dir}"));
        let defines = self.defines.iter().map(|define| format!("-D{define}"));
        let standard = self.standard.iter().map(|name| format!("-std={name}"));
        dirs.chain(defines).chain(standard).collect()
    }
}

/// Names the standard in `flags`, since compilers choose different ones. The default is libclang's,
/// and C23 has the name that it had before, which all of them know.
pub(crate) fn name_standard(flags: &mut Vec<String>) {
    for flag in flags.iter_mut() {
        if matches!(&**flag, "-std=gnu23" | "-std=c23") {
            flag.replace_range(flag.len() - 1.., "x");
        }
    }
    if !flags.iter().any(|flag| flag.starts_with("-std=")) {
        flags.push("-std=gnu17".into());
    }
}

/// Options that `explain` and `layout` share.
#[derive(Args)]
pub(crate) struct TargetOptions {
    /// Target triple; by default the target that clang reads for, which is the host unless `--`
    /// names another.
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Option<String>,
    /// Compiler whose choices and record layout apply: psabi, gcc, clang, zig, or a version
    /// (clang-22); after commas, policy bits to add (+BIT) or remove (-BIT). By default the
    /// target's own compiler, gcc on Linux.
    #[arg(long)]
    pub(crate) policy: Option<PolicyOption>,
    /// Print the answer as JSON (docs/cabi.schema.json).
    #[arg(long)]
    pub(crate) json: bool,
    /// Also draw the answer, with the bytes of every object; `-` prints the picture instead of the
    /// text.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ReadOptions,
    /// Further arguments for clang.
    #[arg(last = true)]
    pub(crate) clang: Vec<String>,
}

impl TargetOptions {
    /// Writes the picture that --svg asks for to its file. Returns it if it is printed instead of
    /// the text.
    pub(crate) fn picture(&self, drawn: String) -> Result<Option<String>, String> {
        match self.svg.as_deref() {
            Some(path) if output::is_stdout(path) && self.json => {
                Err("`--svg -` and --json both print: name a file for the picture".to_owned())
            }
            Some(path) if output::is_stdout(path) => Ok(Some(drawn)),
            Some(path) => output::save(path, &drawn).map(|()| None),
            None => Ok(None),
        }
    }
}

/// Source of declarations: C text of the command line, or headers by their names. The source
/// includes target and compiler.
pub(crate) struct Source<'a> {
    /// The headers that `text` includes; none for text of the command line.
    pub(crate) headers: &'a [String],
    pub(crate) text: String,
    pub(crate) reading: &'a ReadOptions,
    /// Triple that an option names.
    pub(crate) target: Option<String>,
    pub(crate) policy: Option<PolicyOption>,
    /// Further arguments for clang.
    pub(crate) clang: &'a [String],
}

impl<'a> Source<'a> {
    /// Returns the `headers`, or the `text` if there are none, as the target's own compiler reads
    /// them.
    pub(crate) fn new(
        headers: &'a [String],
        text: &str,
        reading: &'a ReadOptions,
        clang: &'a [String],
    ) -> Self {
        Self {
            headers,
            text: match headers {
                [] => text.trim_end().trim_end_matches(';').to_owned() + ";\n",
                headers => headers.iter().map(|header| include(header)).collect(),
            },
            reading,
            target: None,
            policy: None,
            clang,
        }
    }

    /// Returns the header or text that the argument `what` is. Text has a semicolon or a brace, and
    /// is no file.
    pub(crate) fn of(what: &'a String, reading: &'a ReadOptions, clang: &'a [String]) -> Self {
        let is_text = what.contains([';', '{']) && !Path::new(what).is_file();
        let headers = if is_text {
            &[]
        } else {
            std::slice::from_ref(what)
        };
        Self::new(headers, what, reading, clang)
    }

    /// Returns the name of the whole source in messages.
    pub(crate) fn label(&self) -> String {
        match self.headers {
            [] => DECLARATION.to_owned(),
            all => all.join(", "),
        }
    }

    /// Returns the name of the source's own text in messages and locations.
    pub(crate) fn name(&self) -> &'static str {
        match self.headers {
            [] => DECLARATION,
            _ => COMMAND_LINE,
        }
    }

    /// Returns the options by which the source is read. Records follow the rules of the policy, or
    /// without one those of the target's own compiler.
    pub(crate) fn options(&self) -> Options {
        let mut args = self.reading.flags();
        if self.reading.cxx(self.headers).is_some() {
            args.push("-xc++".to_owned());
        }
        args.extend(
            self.target
                .iter()
                .map(|triple| format!("--target={}", clang_triple(triple))),
        );
        // Last, so that a contradiction is found where the two are compared.
        args.extend(self.clang.iter().cloned());
        let options = Options::new().name(self.name()).args(&args);
        let target = self.target.as_deref().map(Target::named);
        match (self.policy, target) {
            (Some(policy), _) => policy.records().into_iter().fold(options, Options::records),
            (None, Some(Ok(target))) => options.records(target.data_model().records),
            (None, _) => options.records_of_target(),
        }
    }

    /// Returns the arguments for a compiler of the target to read the source as clang does.
    pub(crate) fn compiler_flags(&self) -> Vec<String> {
        let (_, others) = split_target(self.clang);
        let mut flags = self.reading.flags();
        flags.extend(others.into_iter().map(str::to_owned));
        name_standard(&mut flags);
        flags
    }

    /// Returns the triple of the target that an option names, if one does.
    fn triple(&self) -> Option<&str> {
        self.target.as_deref().or(split_target(self.clang).0)
    }

    /// Reads the source, in a child of this command. Refuses a text that ends inside of a
    /// function's body.
    pub(crate) fn parse(&self) -> Result<Header, String> {
        self.parse_with(&mut Questions::default())
    }

    /// Reads the source as [`parse`](Self::parse) does, with `questions` about it.
    pub(crate) fn parse_with(&self, questions: &mut Questions) -> Result<Header, String> {
        self.headers
            .iter()
            .try_for_each(|header| check::file(header))?;
        let text = format!("{}void {END}(void);\n", self.text);
        let read = questions.ask((self.name(), &text), &self.options());
        let header = read.map_err(|e| {
            let message = check::message(&self.label(), &e);
            self.triple()
                .and_then(|triple| foreign::missing_header(triple, &e, true))
                .unwrap_or(message)
        })?;
        let ends = header.prototype(END).is_some() || header.reason(END).is_some();
        let why = || format!("{}: the text ends inside a function's body", self.label());
        ends.then_some(header).ok_or_else(why)
    }
}

/// Name, in messages, of a text given as an argument.
pub(crate) const DECLARATION: &str = "<declaration>";

/// Start of the names of declarations that are added to a text.
pub(crate) const OWN: &str = "cabi_unnamed_";

/// Declaration that is added after each text. If it is missing, the text was not read to its end.
pub(crate) const END: &str = "cabi_unnamed_end";

/// Splits arguments of clang into the target that they name last, and the others.
pub(crate) fn split_target(args: &[String]) -> (Option<&str>, Vec<&str>) {
    let (mut triple, mut others) = (None, Vec::new());
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg.strip_prefix("--target=") {
            Some(named) => triple = Some(named),
            None if arg == "-target" => triple = args.next(),
            None => others.push(arg),
        }
    }
    (triple, others)
}

/// Returns the directive that includes `header`, a file here or one that clang finds.
pub(crate) fn include(header: &str) -> String {
    if Path::new(header).is_file() {
        format!("#include \"{header}\"\n")
    } else {
        format!("#include <{header}>\n")
    }
}

/// Returns the function `name`, or with the symbol `name`, in the `header` that was read from
/// `source`.
///
/// # Errors
/// The reason if it was left out, if it is not declared there, or if several have the name.
pub(crate) fn function<'h>(
    header: &'h Header,
    name: &str,
    source: &str,
) -> Result<&'h Prototype, String> {
    if let Some(one) = header.prototype(name) {
        return Ok(one);
    }
    let mut overloads = header.overloads(name).peekable();
    // A function is not chosen because it happens to be the only supported one.
    if overloads.peek().is_some() {
        let overloads = overloads.map(|one| {
            let (place, text) = (&one.location, one.declaration());
            format!("\n{place}: {text}, with the symbol {}", one.symbol)
        });
        let left_out = header.skipped.iter();
        let left_out = left_out.filter(|one| one.name == name && !one.is_record);
        let left_out = left_out.map(|one| format!("\n{}: left out: {}", one.location, one.reason));
        let list: String = overloads.chain(left_out).collect();
        return Err(format!(
            "{source} declares several functions {name}; choose one by its symbol:{list}"
        ));
    }
    let mut with_symbol = header.prototypes.iter().filter(|one| one.symbol == name);
    let mut left_out = header.skipped.iter().chain(&header.other_macros);
    match (with_symbol.next(), left_out.find(|one| one.name == name)) {
        (Some(one), _) => Ok(one),
        (None, Some(one)) => Err(format!("{}: {name}: {}", one.location, one.reason)),
        (None, None) => {
            let names = header.prototypes.iter().map(|one| one.name.as_str());
            let names = names.filter(|known| *known != END);
            let hint = did_you_mean(name, names.map(|known| (known, known))).unwrap_or_default();
            Err(format!("{source} declares no function {name}{hint}"))
        }
    }
}

/// Most bytes of a name for which a near one is looked for: the time grows with the square.
const MAX_NEAR: usize = 64;

/// Returns a question with the known name that is the fewest edits from `name`, if these are few.
/// Each known name is given as it is compared, and as it is shown.
pub(crate) fn did_you_mean<'n>(
    name: &str,
    known: impl Iterator<Item = (&'n str, &'n str)>,
) -> Option<String> {
    let limit = name.len().div_ceil(4);
    let is_near = |own: &str| name.len() <= MAX_NEAR && own.len().abs_diff(name.len()) <= 4 * limit;
    let near = known.filter(|(known, _)| is_near(known));
    let near = near.map(|(known, title)| (strsim::osa_distance(name, known), title));
    let (n, best) = near.min_by_key(|(n, _)| *n)?;
    (n <= limit).then(|| format!("; did you mean {best}?"))
}

/// Returns the machine in clang's name for `target`.
pub(crate) fn machine(target: &Target) -> String {
    let name = clang_triple(target.name());
    name.split('-').next().unwrap_or(&name).into()
}

/// Returns the target whose types were read.
///
/// # Errors
/// The target is not `named`, by its triple or by an option that changes widths.
pub(crate) fn target(header: &Header, named: Option<&Target>) -> Result<Target, String> {
    // clang adds a version to some names, `msvc19.33.0`, which triples do not have.
    let unversioned = header
        .target
        .trim_end_matches(|c: char| c == '.' || c.is_ascii_digit());
    let name = match unversioned {
        name if name.ends_with("-msvc") => name,
        _ => &header.target,
    };
    let read = match named.filter(|named| clang_triple(named.name()) == name) {
        Some(named) => Ok(named.clone()),
        None => Target::named(name),
    };
    let read = read.map_err(|e| format!("clang reads the types of {}: {e}", header.target))?;
    let target = named.unwrap_or(&read);
    let mut model = header.model;
    // These are part of the types that have them, and change no place of another type.
    model.char_signed = target.data_model().char_signed;
    model.wchar = target.data_model().wchar;
    model.long_double = target.data_model().long_double;
    model.bit_fields = target.data_model().bit_fields;
    model.records = target.data_model().records;
    // Without a scalar of 16 bytes clang cannot state the alignment of one.
    if model.pointer == 4 && model.long_double == LongDouble::F64 {
        model.max_align_16 = target.data_model().max_align_16;
    }
    let expected = target.data_model();
    if read.convention() != target.convention() {
        let (name, read) = (target.name(), &header.target);
        return Err(format!(
            "the arguments for clang select the target {read}, but the places are those of {name}"
        ));
    }
    match widths(&model, expected) {
        None if model == *expected => Ok(target.clone()),
        difference => {
            let difference = difference.unwrap_or_else(|| "another rule of alignment".to_owned());
            Err(format!(
                "the arguments for clang change the data model of {}: {difference}",
                target.name()
            ))
        }
    }
}

/// Returns the first of the numbers in which `read` differs from `expected`, in words.
fn widths(read: &DataModel, expected: &DataModel) -> Option<String> {
    let numbers = |model: &DataModel| {
        [
            ("pointers have", model.pointer),
            ("`long` has", model.long),
            ("8-byte scalars are aligned to at most", model.max_align_8),
            ("16-byte scalars are aligned to at most", model.max_align_16),
            ("an empty record has", model.empty_record),
        ]
    };
    let mut both = numbers(read).into_iter().zip(numbers(expected));
    let ((what, read), (_, expected)) = both.find(|((_, read), (_, expected))| read != expected)?;
    Some(format!(
        "{what} {}, not {expected}",
        output::count(read.into(), "byte")
    ))
}
