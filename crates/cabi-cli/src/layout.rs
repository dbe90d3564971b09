//! `cabi layout`: sizes, offsets, holes and bit-fields of types, as `pahole` shows them.

mod table;

use std::process::ExitCode;

use cabi::{Kind, RecordRules, Target};
use cabi_header::{Header, NamedType, SkippedDeclaration};
use cabi_verify::layout::{Fact, Reply};
use cabi_verify::verify::{may_be_skipped, not_compared};
use clap::Args;
use serde::Serialize;

use self::table::Layout;
use crate::output::{self, Failure};
use crate::reading::{self, Source, TargetOptions};

const EXAMPLES: &str = "\
Examples:
  cabi layout 'struct node { char tag; double at; unsigned kind : 3, level : 7; };'
  cabi layout sys/stat.h 'struct stat'
  cabi layout --target x86_64-pc-windows-msvc 'struct s { long n; long double x; };'
  cabi layout --policy clang --cc clang-19 include/library.h
  cabi layout --svg node.svg 'struct node { char tag; double at; };'

Every number is compared with libclang's. gcc's rules differ from clang's for a few records; --cc compares with the compiler itself.

Exit status: 0 no difference, 1 a compiler of --cc differs or refuses a type, 2 the task could not be done, or a type of the text is left out.";

/// Shows sizes, alignments, offsets, holes and bit-fields of structures, unions and other types.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LayoutCommand {
    /// Header, as after `#include`, or C text, which has a semicolon or a brace.
    #[arg(value_name = "HEADER|TEXT")]
    source: String,
    /// Type, as C spells it; `struct` may be left out. By default every structure and union with a
    /// name.
    #[arg(value_name = "TYPE")]
    ty: Option<String>,
    #[command(flatten)]
    asked: TargetOptions,
    /// Compiler whose layouts are compared too, with its flags; may be given several times. It is
    /// also given -I, -D, --std and the arguments after `--`, except the target.
    #[arg(long, value_name = "CMD")]
    cc: Vec<String>,
}

/// Layouts of the types of a header or text.
#[derive(Serialize)]
struct Answer {
    /// The target, as clang spells it.
    target: String,
    /// Compiler whose rules lay out records.
    rules: &'static str,
    types: Vec<Layout>,
    /// Types that have no layout here, with the reason.
    left_out: Vec<LeftOut>,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct LeftOut {
    name: String,
    reason: String,
}

/// Answers of a compiler.
#[derive(Default, Serialize)]
struct Check {
    compiler: String,
    /// Number of sizes, alignments, offsets, bits, bytes and signs that the compiler has stated.
    asked: usize,
    differences: Vec<FactDifference>,
    /// Numbers that could not be compared, each with the reason.
    refused: Vec<String>,
    /// `true` if `cabi verify` fails for one of these reasons.
    #[serde(skip)]
    fails: bool,
}

#[derive(Serialize)]
struct FactDifference {
    what: String,
    theirs: String,
    ours: String,
}

impl LayoutCommand {
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        // libclang, in the child, does not react to signals that are watched.
        if !self.cc.is_empty() && !reading::check::is_child() {
            cabi_verify::process::watch_signals();
        }
        // clang has sizes of its own for a system that it does not know.
        if let Some(triple) = &self.asked.target
            && !reading::foreign::near(triple).is_empty()
        {
            reading::foreign::target(triple)?;
        }
        let source = self.source();
        let text = reading::check::in_child(&source.label(), || self.show(&source))?;
        output::print(&text).map(|()| ExitCode::SUCCESS)
    }

    fn source(&self) -> Source<'_> {
        Source {
            target: self.asked.target.clone(),
            policy: self.asked.policy,
            ..Source::of(&self.source, &self.asked.reading, &self.asked.clang)
        }
    }

    /// Returns the text to print. If a compiler differs, this process ends with 1 after that.
    fn show(&self, source: &Source<'_>) -> Result<String, Failure> {
        let header = reading::check::limited(|| source.parse())?;
        let types = self.types(&header, source)?;
        let is_own = |one: &&SkippedDeclaration| match (&self.ty, source.headers) {
            (Some(_), _) => types.iter().any(|ty| ty.name == one.name),
            (None, []) => one.is_record && one.location.file == source.name(),
            (None, _) => one.is_record,
        };
        let left_out = header.skipped.iter().filter(is_own);
        let mut answer = Answer {
            target: header.target.clone(),
            rules: rules(header.model.records),
            left_out: left_out
                .map(|one| LeftOut {
                    name: one.name.clone(),
                    reason: one.reason.to_string(),
                })
                .collect(),
            types: types.iter().map(|ty| Layout::of(ty, &header)).collect(),
            checks: Vec::new(),
        };
        if let Some(svg) = self.draw(&types, &header.target)? {
            return Ok(svg);
        }
        let names: Vec<&str> = types.iter().map(|ty| ty.name.as_str()).collect();
        answer.checks = self.checks(source, &header, &names)?;
        let text = output::answer(self.asked.json, &answer, Answer::text)?;
        let agrees = |check: &Check| check.differences.is_empty() && !check.fails;
        if !answer.checks.iter().all(agrees) {
            return Err(output::ending(&text, 1));
        }
        // All types of a text are wanted.
        match source.headers.is_empty() && !answer.left_out.is_empty() {
            true => Err(output::ending(&text, 2)),
            false => Ok(text),
        }
    }

    /// Draws the picture that --svg asks for. Returns it if it is printed instead of the text.
    fn draw(&self, types: &[NamedType], target: &str) -> Result<Option<String>, Failure> {
        if self.asked.svg.is_none() {
            return Ok(None);
        }
        let [named] = types else {
            let why = "--svg draws one type: name it after the header or text";
            return Err(Failure::Message(why.to_owned()));
        };
        let (size, align) = (output::count(named.ty.size(), "byte"), named.ty.align());
        let remark = format!("{size}, aligned to {align}, on {target}");
        let svg = crate::svg::layout(&named.name, &remark, &named.ty);
        let svg = svg.map_err(|pixels| {
            let name = &named.name;
            format!("--svg: the picture of {name} would be {pixels} pixels high, more than a screen shows: draw the type of one of its members, or see the table")
        })?;
        Ok(self.asked.picture(svg)?)
    }

    /// Returns the types that are shown.
    fn types(&self, header: &Header, source: &Source<'_>) -> Result<Vec<NamedType>, String> {
        let what = source.label();
        if let Some(name) = &self.ty {
            let names = ["", "struct ", "union ", "enum "].map(|word| format!("{word}{name}"));
            let types = [&header.typedefs, &header.records, &header.enums];
            let types = || types.into_iter().flatten();
            let named = names
                .iter()
                .find_map(|name| types().find(|one| one.name == *name));
            let reason = || names.iter().find_map(|name| header.reason(name));
            return match named {
                Some(named) if matches!(named.ty.kind(), Kind::Void | Kind::Function) => {
                    Err(format!("{name}: void and functions have no size"))
                }
                Some(named) => Ok(vec![named.clone()]),
                None => Err(match reason() {
                    Some(reason) => format!("{name}: {reason}"),
                    None => format!("{what} defines no type {name}{}", hint(name, types())),
                }),
            };
        }
        let is_shown = |one: &&NamedType| {
            one.ty.as_record().is_some()
                && (!source.headers.is_empty() || one.location.file == source.name())
        };
        let records = header.records.iter().filter(is_shown);
        let mut chosen: Vec<NamedType> = records.cloned().collect();
        for one in header.typedefs.iter().filter(is_shown) {
            if !chosen.iter().any(|other| other.ty == one.ty) {
                chosen.push(one.clone());
            }
        }
        if !chosen.is_empty() {
            return Ok(chosen);
        }
        let skipped = header.skipped.iter().find(|one| one.is_record);
        Err(match skipped {
            Some(one) => format!("{}: {}: {}", one.location, one.name, one.reason),
            None => format!(
                "{what} defines no named structure or union; for another type, give the type's name after the header or text"
            ),
        })
    }

    /// Asks the compilers about the types `names`.
    fn checks(
        &self,
        source: &Source<'_>,
        header: &Header,
        names: &[&str],
    ) -> Result<Vec<Check>, String> {
        use cabi_verify::layout::ask_data;

        if self.cc.is_empty() {
            return Ok(Vec::new());
        }
        cabi_verify::run::calls_here().map_err(|why| format!("--cc: {why}"))?;
        cabi_verify::process::watch_signals();
        let named = self.asked.target.as_deref().map(Target::named).transpose();
        let target = reading::target(header, named.map_err(|e| e.to_string())?.as_ref())?;
        let compilers = crate::compilers::for_layouts(&self.cc, &target)?;
        let read = cabi_verify::header::read(
            &source.text,
            &source.options(),
            (&target, None),
            |name, _| names.contains(&name),
        );
        let subject = read.map_err(|e| e.to_string())?.subject;
        let own = source.compiler_flags();
        // The file that includes the header is in another folder.
        let mut flags = vec!["-iquote", "."];
        flags.extend(own.iter().map(String::as_str));
        let mut checks = Vec::new();
        for reference in compilers {
            let mut check = Check {
                compiler: reference.to_string(),
                ..Check::default()
            };
            let replies = ask_data(&reference, &flags, &subject.block.code, &subject);
            let replies = replies.map_err(|e| e.to_string())?.into_iter();
            replies.for_each(|(fact, reply)| check.take(fact, reply));
            // A type without a question is no agreement.
            if check.asked == 0 {
                let why = check
                    .refused
                    .first()
                    .map_or("the types have no numbers", String::as_str);
                return Err(format!("{reference}: nothing could be compared: {why}"));
            }
            checks.push(check);
        }
        Ok(checks)
    }
}

impl Check {
    fn take(&mut self, fact: Fact, reply: Reply) {
        if let Some((key, why)) = not_compared(&reply) {
            self.fails |= !may_be_skipped(key);
            self.refused.push(format!("{}: {why}", fact.what));
            return;
        }
        self.asked += 1;
        if let Reply::Is(theirs) = reply
            && theirs != fact.ours
        {
            self.differences.push(FactDifference {
                what: fact.what,
                theirs: theirs.to_string(),
                ours: fact.ours.to_string(),
            });
        }
    }
}

impl Answer {
    fn text(&self) -> String {
        let mut text = format!("{}, records by the rules of {}\n", self.target, self.rules);
        for ty in &self.types {
            text += &format!("\n{ty}");
        }
        for LeftOut { name, reason } in &self.left_out {
            text += &format!("\nleft out: {name}: {reason}\n");
        }
        for check in &self.checks {
            let (n, wrong) = (check.asked, check.differences.len());
            text += &format!(
                "\n{}: {} of {n} sizes, alignments, offsets, bytes and signs are the same\n",
                check.compiler,
                n - wrong
            );
            for FactDifference { what, theirs, ours } in &check.differences {
                text += &format!("  {what}: {theirs} in the compiler, {ours} here\n");
            }
            for why in &check.refused {
                text += &format!("  not compared: {why}\n");
            }
        }
        text
    }
}

/// Returns advice about the type `name`, which is not among those `known`.
fn hint<'t>(name: &str, known: impl Iterator<Item = &'t NamedType>) -> String {
    let bare = |name| cabi_header::tag(name).unwrap_or(name);
    let known = known.map(|one| (bare(&one.name), one.name.as_str()));
    let keywords = ["_Bool", "char", "short", "int", "long", "float", "double"];
    match name.split(' ').any(|word| keywords.contains(&word)) {
        true => format!("; for a type of C itself: cabi layout 'typedef {name} type;' type"),
        false => reading::did_you_mean(bare(name), known).unwrap_or_default(),
    }
}

fn rules(rules: RecordRules) -> &'static str {
    match rules {
        RecordRules::Gcc => "gcc",
        RecordRules::Clang => "clang",
        _ => "Microsoft's compiler",
    }
}
