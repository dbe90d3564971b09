//! `cabi explain`: reads a declaration with libclang and prints, or draws, the explanation.

mod terminal;

use cabi::{Explanation, FnAbi, FnSig, Kind, KnownConvention, Target};
use cabi_header::{DeclaredKind, DeclaredName, Header, Prototype};
use clap::Args;

use self::terminal::Terminal;
use crate::output::{self, Failure};
use crate::reading::questions::{Answers, Questions};
use crate::reading::{self, END, Source, TargetOptions};
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

/// Explains where each argument and the result of a function are passed, and the steps that led
/// there.
///
/// With C text, explains its last declaration. With -i, explains a declaration of the header by its
/// name. The declaration is a function, or a typedef or variable of a function type or a pointer to
/// one.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// C text whose last declaration is explained; with -i, the name of a declaration of the
    /// header.
    declaration: String,
    /// Header to look the function up in, as after `#include`: `stdlib.h`, or a path.
    #[arg(short, long, value_name = "HEADER")]
    include: Option<String>,
    #[command(flatten)]
    asked: TargetOptions,
    /// Convention other than C's on the target, by name (see `cabi rules`). Without --target, the
    /// types are those of the convention's target.
    #[arg(long, value_name = "NAME", value_parser = rules::named)]
    convention: Option<&'static KnownConvention>,
    /// Type of an argument after the `...` of a variadic function, as C spells it: `double`. An
    /// expression stands for its type.
    #[arg(long, value_name = "TYPE")]
    unnamed: Vec<String>,
    /// Print only where each value is passed, without the reasons.
    #[arg(long, conflicts_with = "json")]
    summary: bool,
}

impl Explain {
    pub(crate) fn run(&self) -> Result<String, Failure> {
        let source = self.source();
        reading::check::in_child(&source.label(), || self.explain())
    }

    /// Returns the explanation of the declaration that is read here.
    fn explain(&self) -> Result<String, Failure> {
        let named = self.named_target()?;
        let mut questions = Questions::default();
        let header = self.read(named.as_ref(), &mut questions)?;
        let target = reading::target(&header, named.as_ref())?;
        let prototype = self.prototype(&header)?;
        let sig = self.signature(prototype, &questions.answers(&header), &target)?;
        let names: Vec<Option<&str>> = prototype
            .params
            .iter()
            .map(|(name, _)| name.as_deref())
            .collect();
        let mut explanation = cabi::explain(&sig, &names, &target).map_err(|e| e.to_string())?;
        spell(&mut explanation, prototype);
        if self.asked.svg.is_some() {
            let picture = Picture {
                sig: &sig,
                why: &explanation,
                title: &prototype.declaration(),
                target: &target,
            };
            let svg = picture.draw().map_err(|e| e.to_string())?;
            if let Some(svg) = self.asked.picture(svg)? {
                return Ok(svg);
            }
        }
        let text = |why: &Explanation| match self.summary {
            true => format!("{}policy {}\n", why.summary(), why.profile),
            false => why.to_string(),
        };
        let answer = output::answer(self.asked.json, &explanation, text)?;
        match Terminal::of_stdout().filter(|_| !self.asked.json) {
            Some(terminal) => {
                let abi = FnAbi::new(&sig, &target).map_err(|e| e.to_string())?;
                Ok(terminal.show(&answer, &abi))
            }
            None => Ok(answer),
        }
    }

    /// Returns the target that `--target` names.
    fn named_target(&self) -> Result<Option<Target>, String> {
        let Some(triple) = &self.asked.target else {
            let target = self.convention.map(|known| Target::named(known.target));
            return target.transpose().map_err(|e| e.to_string());
        };
        let target = reading::foreign::target(triple)?;
        if let Some(known) = self.convention {
            let owner = Target::named(known.target).map_err(|e| e.to_string())?;
            let pointer = |target: &Target| target.data_model().pointer;
            if reading::machine(&owner) != reading::machine(&target)
                || pointer(&owner) != pointer(&target)
            {
                let (name, owner) = (known.name, owner.name());
                return Err(format!(
                    "--convention {name} --target {triple}: the convention belongs to {owner}"
                ));
            }
        }
        Ok(Some(target))
    }

    /// Reads the text given, or one that includes the header, with `questions` about unnamed types.
    fn read(&self, named: Option<&Target>, questions: &mut Questions) -> Result<Header, String> {
        let mut source = self.source();
        source.target = named.map(|target| target.name().to_owned());
        source.policy = self.asked.policy;
        for ty in &self.unnamed {
            let added = questions.add(ty);
            added.map_err(|why| format!("--unnamed {why}"))?;
        }
        reading::check::limited(|| source.parse_with(questions))
    }

    fn source(&self) -> Source<'_> {
        let (headers, asked) = (self.include.as_slice(), &self.asked);
        Source::new(headers, &self.declaration, &asked.reading, &asked.clang)
    }

    /// Returns the function of the header that is named, or the last declaration of the text.
    fn prototype<'h>(&self, header: &'h Header) -> Result<&'h Prototype, String> {
        if let Some(include) = &self.include {
            let name = |declared: &&DeclaredName| declared.name == self.declaration;
            let is_type = |d: &&DeclaredName| matches!(d.kind, DeclaredKind::FunctionType(_));
            return match header.declared.iter().filter(is_type).find(name) {
                Some(declared) => function(header, declared),
                None => reading::function(header, &self.declaration, include),
            };
        }
        // An unnamed type may declare its own tag, after the end of the text.
        let declared = header.declared_in_text().rev();
        match declared.skip_while(|one| one.name != END).nth(1) {
            Some(declared) => function(header, declared),
            None => Err("the text declares no function".into()),
        }
    }

    fn signature(
        &self,
        prototype: &Prototype,
        answers: &Answers<'_>,
        target: &Target,
    ) -> Result<FnSig, String> {
        let policy = self.asked.policy.map(|policy| policy.on(target));
        let sig = policy
            .into_iter()
            .fold(prototype.signature(), FnSig::policy);
        let sig = match (self.convention, prototype.convention) {
            (Some(known), Some(declared)) if *known.convention != *declared => {
                let (option, name, declared) = (known.name, &prototype.name, declared.name);
                return Err(format!(
                    "--convention {option}: {name} is declared with {declared}"
                ));
            }
            (Some(known), _) => sig.convention(known.convention),
            (None, _) => sig,
        };
        if self.unnamed.is_empty() {
            return Ok(sig);
        }
        let model = target.data_model();
        let unnamed = self.unnamed.iter().map(|text| {
            let ty = answers.promoted(text);
            let ty = ty.map_err(|why| format!("--unnamed {why}"))?;
            match ty.kind() {
                Kind::Void => Err(format!("--unnamed {text}: not the type of an argument")),
                _ => Ok(model.decay(&ty)),
            }
        });
        let unnamed: Vec<cabi::Type> = unnamed.collect::<Result<_, String>>()?;
        sig.at_call_unpromoted(unnamed).map_err(|e| e.to_string())
    }
}

/// Names the types as the declaration does. An argument that C++ passes by reference is a pointer,
/// which the declaration does not spell.
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

fn function<'h>(header: &'h Header, declared: &'h DeclaredName) -> Result<&'h Prototype, String> {
    let prototype = header.function(declared);
    let next = match &declared.kind {
        DeclaredKind::Other(_) => "; `cabi layout` shows the layout of a type",
        _ => "",
    };
    let (location, name) = (&declared.location, &declared.name);
    prototype.map_err(|reason| {
        let reason = reason.to_string();
        // The name of a record is its type too.
        let reason = reason.strip_prefix(&format!("{name}: ")).unwrap_or(&reason);
        format!("{location}: {name}: {reason}{next}")
    })
}
