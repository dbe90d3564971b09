//! `cabi explain`: reads a declaration with libclang and prints, or draws, the explanation.

use std::path::PathBuf;

use cabi::{Explanation, FnSig, KnownConvention, Policy, Target};
use cabi_header::{Declared, DeclaredKind, Header, Options, Prototype};
use clap::Args;

use crate::output::{self, Failure};
use crate::reading::{self, Reading};
use crate::rules;
use crate::svg::Picture;

const EXAMPLES: &str = "\
Examples:
  cabi explain 'struct p { double x; long n; }; struct p f(int, struct p);'
  cabi explain -i stdlib.h div
  cabi explain --policy clang --summary 'struct s { int n; char s[]; }; int f(struct s v);'
  cabi explain --unnamed double --unnamed 'long double' -i stdio.h printf
  cabi explain --json 'long double f(long double _Complex z);'
  cabi explain --svg div.svg -i stdlib.h div
  cabi explain --convention zig-auto 'long double f(char, short, struct { double x; });'
  cabi explain 'long f(long a, double b);' -- --target=x86_64-linux-gnu -mavx";

/// Explains where each argument and the result of a function are passed, and the steps that led there.
///
/// With C text, explains its last declaration. With -i, explains a declaration of the header by its name: a function, or a typedef or
/// variable of a function type or of a pointer to one.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// C text whose last declaration is explained; with -i, the name of a declaration of the header.
    declaration: String,
    /// Header to look the function up in, as after `#include`: `stdlib.h`, or a path.
    #[arg(short, long, value_name = "HEADER")]
    include: Option<String>,
    /// Target triple of the layout and the calling convention; by default the target that clang reads for, which is the host unless `--`
    /// names another.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Another convention than C's on the target, by its name, see `cabi rules`. Without --target the types are those of the target that it is for.
    #[arg(long, value_name = "NAME", value_parser = rules::named)]
    convention: Option<&'static KnownConvention>,
    /// What to do where compilers disagree: as psabi, gcc, clang or zig, with names of policy bits added after commas; by default as the target's own
    /// compiler, gcc on Linux.
    #[arg(long, value_parser = reading::policy)]
    policy: Option<Policy>,
    /// Type of an argument after the `...` of a variadic function, as C spells it: `double`.
    #[arg(long, value_name = "TYPE")]
    unnamed: Vec<String>,
    /// Print only where each value is passed, without the reasons.
    #[arg(long, conflicts_with = "json")]
    summary: bool,
    /// Print the explanation as JSON.
    #[arg(long)]
    json: bool,
    /// Also draw the registers, the stack slots and the bytes of every object; `-` prints the picture instead of the text.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Further arguments for clang.
    #[arg(last = true)]
    clang: Vec<String>,
}

impl Explain {
    pub(crate) fn run(&self) -> Result<String, Failure> {
        let what = self.include.as_deref().unwrap_or(DECLARATION);
        reading::check::in_child(what, || self.explain(what))
    }

    /// The explanation of what is read here.
    fn explain(&self, what: &str) -> Result<String, Failure> {
        let wanted = self.wanted()?;
        let header = self.read(wanted.as_ref(), what)?;
        let target = reading::target(&header, wanted.as_ref())?;
        if !target.name().starts_with("x86_64") {
            self.refuse_arguments(&MACHINES)?;
        }
        let prototype = self.prototype(&header)?;
        let sig = self.signature(prototype, &header, &target)?;
        let names: Vec<Option<&str>> = prototype
            .params
            .iter()
            .map(|(name, _)| name.as_deref())
            .collect();
        if let Some(path) = &self.svg {
            let picture = Picture {
                sig: &sig,
                names: &names,
                title: &reading::declaration(prototype),
                target: &target,
            };
            let drawn = picture.draw().map_err(|e| e.to_string())?;
            if output::is_stdout(path) {
                return Ok(drawn);
            }
            output::write(path, &drawn)?;
        }
        let mut explanation = cabi::explain(&sig, &names, &target).map_err(|e| e.to_string())?;
        spell(&mut explanation, prototype);
        if self.json {
            let json = serde_json::to_string_pretty(&explanation).map_err(|e| e.to_string())?;
            return Ok(json + "\n");
        }
        Ok(if self.summary {
            explanation.summary()
        } else {
            explanation.to_string()
        })
    }

    /// The target that `--target` names.
    fn wanted(&self) -> Result<Option<Target>, String> {
        let Some(triple) = &self.target else {
            let known = self.convention.map(|known| Target::named(known.target));
            return known.transpose().map_err(|e| e.to_string());
        };
        let target = Target::named(triple).map_err(|e| format!("--target {e}"))?;
        if let Some(known) = self.convention {
            let own = Target::named(known.target).map_err(|e| e.to_string())?;
            let pointer = |target: &Target| target.data_model().pointer;
            if reading::machine(&own) != reading::machine(&target)
                || pointer(&own) != pointer(&target)
            {
                let (asked, own) = (known.name, own.name());
                return Err(format!(
                    "--convention {asked} --target {triple}: the convention is one of {own}"
                ));
            }
        }
        Ok(Some(target))
    }

    /// Reads the text given, or one that includes the header. After it stands a function for each unnamed type: any type can declare a
    /// parameter, which decays as an argument does.
    fn read(&self, wanted: Option<&Target>, what: &str) -> Result<Header, String> {
        let (name, mut text) = match &self.include {
            Some(header) => {
                reading::check::file(header)?;
                (reading::COMMAND_LINE, reading::include(header))
            }
            None => {
                let text = self.declaration.trim_end().trim_end_matches(';');
                (DECLARATION, text.to_owned() + ";\n")
            }
        };
        // clang would only define other macros.
        self.refuse_arguments(&CONVENTIONS)?;
        let n_lines = text.lines().count();
        for (i, ty) in self.unnamed.iter().enumerate() {
            if ty.contains('\n') {
                return Err(format!("--unnamed {ty}: a type has one line"));
            }
            text += &format!("void {UNNAMED}{i}({ty});\n");
        }
        let mut args = self.reading.flags();
        args.extend(wanted.map(|target| format!("--target={}", reading::clang_name(target))));
        // Last, so that a contradiction is met where the two are compared.
        args.extend(self.clang.iter().cloned());
        let options = Options::new().name(name).args(&args);
        let options = reading::with_records(options, self.policy);
        // What has swallowed this has swallowed more.
        text += &format!("void {END}(void);\n");
        let read = reading::check::limited(|| cabi_header::parse(&text, &options));
        let read = read.map_err(|error| {
            let message = reading::check::message(what, &error);
            let lines = message.lines();
            let lines: Vec<String> = lines.map(|line| self.cited(line, name, n_lines)).collect();
            lines.join("\n")
        })?;
        if read.prototype(END).is_none() {
            return Err(format!("{what}: it ends inside of a function's body"));
        }
        Ok(read)
    }

    /// Refuses arguments for clang that begin as one of `names`.
    fn refuse_arguments(&self, names: &[&str]) -> Result<(), String> {
        let is_one = |arg: &&String| names.iter().any(|name| arg.starts_with(name));
        match self.clang.iter().find(is_one) {
            Some(arg) => Err(format!(
                "{arg}: the convention is what --convention names, or that of the target; clang's arguments do not choose it"
            )),
            None => Ok(()),
        }
    }

    /// A line of a message, with the argument it is about where that is after the `n_lines` of the text.
    fn cited(&self, line: &str, name: &str, n_lines: usize) -> String {
        let mut parts = line
            .strip_prefix(name)
            .and_then(|line| line.strip_prefix(':'))
            .into_iter()
            .flat_map(|line| line.splitn(3, ':'));
        let number = parts.next().and_then(|number| number.parse::<usize>().ok());
        let idx = number.and_then(|number| number.checked_sub(n_lines + 1));
        match (idx.and_then(|idx| self.unnamed.get(idx)), parts.nth(1)) {
            (Some(ty), Some(message)) => format!("--unnamed {ty}:{message}"),
            _ => line.to_owned(),
        }
    }

    /// The function of the header that is named, or the last declaration of the text.
    fn prototype<'h>(&self, header: &'h Header) -> Result<&'h Prototype, String> {
        if let Some(include) = &self.include {
            let name = |declared: &&Declared| declared.name == self.declaration;
            let is_type = |d: &&Declared| matches!(d.kind, DeclaredKind::FunctionType(_));
            return match header.declared.iter().filter(is_type).find(name) {
                Some(declared) => function(header, declared),
                None => reading::function(header, &self.declaration, include),
            };
        }
        let is_asked = |declared: &Declared| !declared.name.starts_with(UNNAMED);
        match header.last_declared(is_asked) {
            Some(declared) => function(header, declared),
            None => Err("the text declares no function".into()),
        }
    }

    fn signature(
        &self,
        prototype: &Prototype,
        header: &Header,
        target: &Target,
    ) -> Result<FnSig, String> {
        let policy = self.policy.map(|policy| policy.on(target));
        let sig = { policy.into_iter() }.fold(prototype.signature(), FnSig::policy);
        let sig = match (self.convention, prototype.convention) {
            (Some(known), Some(own)) if *known.convention != *own => {
                let (asked, name, own) = (known.name, &prototype.name, own.name);
                return Err(format!(
                    "--convention {asked}: {name} is declared with another one, {own}"
                ));
            }
            (Some(known), _) => sig.convention(known.convention),
            (None, _) => sig,
        };
        if self.unnamed.is_empty() {
            return Ok(sig);
        }
        let unnamed = self.unnamed.iter().enumerate().map(|(i, text)| {
            let name = format!("{UNNAMED}{i}");
            let wrong = |why: &str| format!("--unnamed {text}: {why}");
            let asked = header.prototype(&name).ok_or_else(|| {
                let reason = header.reason(&name).map(ToString::to_string);
                wrong(reason.as_deref().unwrap_or("not a type"))
            })?;
            match (&asked.params[..], &asked.written_params[..]) {
                ([(_, ty)], [written]) if !asked.variadic => Ok(written.promoted(ty)),
                _ => Err(wrong("not the type of one argument")),
            }
        });
        let unnamed: Vec<cabi::Type> = unnamed.collect::<Result<_, _>>()?;
        sig.at_call_unpromoted(unnamed).map_err(|e| e.to_string())
    }
}

/// Names the types as the declaration does. What C++ passes by reference is a pointer, which the declaration does not spell.
fn spell(explanation: &mut Explanation, prototype: &Prototype) {
    let by_reference = &prototype.by_reference;
    let params = prototype.spelled_params.iter().enumerate();
    for ((i, spelled), arg) in params.zip(&mut explanation.args) {
        arg.ty.clone_from(spelled);
        if by_reference.contains(&i) {
            arg.ty.push_str(" &");
        }
    }
    explanation.ret.ty.clone_from(&prototype.spelled_ret);
}

fn function<'h>(header: &'h Header, declared: &'h Declared) -> Result<&'h Prototype, String> {
    let prototype = header.function(declared);
    prototype.map_err(|reason| format!("{}: {}: {reason}", declared.location, declared.name))
}

/// What a text given as an argument is called in messages.
const DECLARATION: &str = "<declaration>";

/// What the names of declarations begin with that are added to a text.
const UNNAMED: &str = "cabi_unnamed_";

/// The last of them.
const END: &str = "cabi_unnamed_end";

/// Arguments of clang that choose another convention for functions that name none.
const CONVENTIONS: [&str; 7] = [
    "-mabi",
    "-target-abi",
    "-mfloat-abi",
    "-mhard-float",
    "-msoft-float",
    "-mregparm",
    "-mrtd",
];

/// Arguments of clang that add registers to a machine, or take some away: outside of x86-64 the convention depends on them.
const MACHINES: [&str; 4] = ["-march", "-mcpu", "-mgeneral-regs-only", "-target-feature"];
