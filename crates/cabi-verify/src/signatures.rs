//! The runner of signatures that are drawn or enumerated: the types of each as `cabi` builds them, layouts compared, calls made in both directions, and
//! what became of each.
//!
//! ```text
//! signatures of one unit ──▶ types by `cabi` ──▶ one file of C, with its layouts as data ──▶ calls (verify::units) ──▶ Compared ──▶ Tally
//! ```
//!
//! [`fuzz`](crate::fuzz) and [`exhaustive`](crate::exhaustive) are lists of signatures for it. The names of signature `i` start with `r<i>_`, and a
//! compiler takes its lines for those of a file `r<i>`.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cabi::{BitFieldStyle, Error, Policy, RecordRules, Target};

use crate::build::{Built, Parts, ReferenceError, Refused, Unit, first_error, needs};
use crate::case::{Case, Entry, Subject};
use crate::check::layout::{Answer, Table};
use crate::emit::c::Values;
use crate::generate::Signature;
use crate::run::loaded::LoadedCode;
use crate::threads::in_threads;
use crate::verdict::{Difference, Verdict};
use crate::verify::units::{self, Calls, Code, Loaded};
use crate::verify::{Compiler, OtherSide, Progress, Step, known_bug, known_initializer_bug};

/// So many signatures share one file of C.
pub(crate) const PER_UNIT: usize = 256;

/// Signatures that share a file, and how they are tried.
pub(crate) struct SignatureUnit<'a> {
    pub(crate) compiler: &'a Compiler,
    pub(crate) signatures: Vec<Signature>,
    /// What the C sides are optimized with; nothing where the reference compiler's command says it.
    pub(crate) optimize: Option<&'static str>,
    /// Turns settings and variants.
    pub(crate) turn: usize,
}

/// What became of a signature in both directions.
pub(crate) struct Compared {
    /// `Passed` with the calls of both directions; `NotLowered` if neither is lowered.
    pub(crate) verdict: Verdict,
    /// Why one direction is not lowered, if the other one is.
    pub(crate) one_direction: Option<String>,
    /// The bug of the compiler that was shown, if it is a known one.
    pub(crate) known: Option<&'static str>,
    /// How the signature was understood, if it was.
    pub(crate) case: Option<Case>,
}

impl From<Verdict> for Compared {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            one_direction: None,
            known: None,
            case: None,
        }
    }
}

impl Compared {
    pub(crate) fn why(&self) -> Option<&str> {
        self.verdict.difference().map(|found| found.why.as_str())
    }
}

/// Compiles and calls the signatures of `units`: of each unit one result for each of its signatures.
///
/// # Errors
/// A compiler that cannot be started, no child processes, an interrupt.
pub(crate) fn run(
    units: &[SignatureUnit<'_>],
    way: OtherSide,
    calls: &Calls<'_>,
    progress: Progress<'_>,
) -> Result<Vec<Vec<Compared>>, String> {
    let told = |done| progress(Step::Compile, done, units.len());
    let compiled = in_threads(units, calls.at_once, SignatureUnit::compile, told);
    let (mut all, mut loaded) = (Vec::new(), Vec::new());
    for compiled in compiled {
        let mut compiled = compiled?;
        // A child tries to load it: not in a thread.
        let code = match compiled.load() {
            Ok(code) => code,
            Err(error @ ReferenceError::Unloadable { .. }) => {
                for (i, _) in std::mem::take(&mut compiled.left) {
                    let differs = Verdict::Differs(error.to_string().into());
                    compiled.decided.insert(i, differs.into());
                }
                None
            }
            Err(error) => return Err(error.to_string()),
        };
        all.push((compiled, code.is_some()));
        loaded.extend(code);
    }
    let called = units::run(&loaded, way, calls, progress);
    let mut called = called.map_err(|error| error.to_string())?.into_iter();
    let of_unit = |(compiled, is_loaded): (Compiled<'_>, bool)| {
        let own = called.by_ref().take(usize::from(is_loaded)).flatten();
        compiled.compared(&own.collect::<Vec<_>>())
    };
    Ok(all.into_iter().map(of_unit).collect())
}

/// A unit whose C sides are compiled.
struct Compiled<'a> {
    unit: &'a SignatureUnit<'a>,
    /// The types and the case of each signature that is still to be tried, with its place among all.
    left: Vec<(usize, Subject)>,
    /// What became of the others.
    decided: BTreeMap<usize, Compared>,
    /// With nothing to run there is none.
    built: Option<Built>,
}

impl SignatureUnit<'_> {
    fn compile(&self) -> Result<Compiled<'_>, String> {
        let mut compiled = Compiled {
            unit: self,
            left: Vec::new(),
            decided: BTreeMap::new(),
            built: None,
        };
        for (i, signature) in self.signatures.iter().enumerate() {
            let panicked = |_| Err(Verdict::Differs("panic: while it was classified".into()));
            let built = catch_unwind(AssertUnwindSafe(|| subject(i, signature, self.compiler)));
            match built.unwrap_or_else(panicked) {
                Ok(subject) => compiled.left.push((i, subject)),
                Err(verdict) => drop(compiled.decided.insert(i, verdict.into())),
            }
        }
        let Parts {
            built,
            cases,
            refused,
        } = {
            let layouts = |chosen: &[usize]| compiled.table(chosen).text();
            let unit = compiled.file(&layouts);
            unit.compile().map_err(|error| error.to_string())?
        };
        let mut decided = Vec::new();
        for Refused { cases, why } in &refused {
            for (i, one) in compiled.chosen(cases) {
                decided.push((i, self::refused(self.compiler, one, why)));
            }
        }
        if let Some(built) = &built {
            decided.extend(compiled.layouts_differ(&compiled.table(&cases), built)?);
        }
        compiled.decided.extend(decided);
        let is_open = |(i, _): &(usize, Subject)| !compiled.decided.contains_key(i);
        compiled.left.retain(is_open);
        Ok(Compiled { built, ..compiled })
    }
}

impl Compiled<'_> {
    /// Those with these places among the ones left.
    fn chosen<'c>(&'c self, places: &'c [usize]) -> impl Iterator<Item = (usize, &'c Subject)> {
        let chosen = places.iter().filter_map(|at| self.left.get(*at));
        chosen.map(|(i, one)| (*i, one))
    }

    /// What is asked about the layouts of those with these places.
    fn table(&self, places: &[usize]) -> Table {
        let chosen = self.chosen(places).map(|(_, one)| one);
        Table::of(&chosen.collect::<Vec<_>>())
    }

    /// Caller and callee of every signature that is left, and `layouts`, a text about the types of those that are in the file.
    fn file<'a>(&'a self, layouts: &'a (dyn Fn(&[usize]) -> String + Sync)) -> Unit<'a> {
        let entry = |(_, one): &'a (usize, Subject)| Some((one, one.cases.first()?));
        let entries: Vec<Entry<'a>> = self.left.iter().filter_map(entry).collect();
        let mut unit = Unit::of_entries(&self.unit.compiler.reference, "-w", &entries);
        // What is not asked about need not be made. See `emit/c/sides.rs` for aliasing.
        let flags = [
            "-fno-asynchronous-unwind-tables",
            "-Wno-psabi",
            "-fno-strict-aliasing",
        ];
        unit.flags
            .extend(flags.into_iter().chain(self.unit.optimize));
        unit.values = Values::ThroughLvalues;
        unit.more = Some(layouts);
        unit
    }

    fn load(&self) -> Result<Option<Loaded>, ReferenceError> {
        let Some(built) = &self.built else {
            return Ok(None);
        };
        let cases: Vec<&Case> = self.left.iter().flat_map(|(_, one)| &one.cases).collect();
        let compiler = self.unit.compiler;
        let code = match &compiler.programs {
            Some(target) => Code::InPrograms(built.clone(), target.clone()),
            None => Code::Here(LoadedCode::of_built(built, &cases)?),
        };
        let cases = cases.into_iter().cloned().collect();
        let flags: Vec<&str> = self.unit.optimize.into_iter().collect();
        let turn = self.unit.turn;
        Ok(Some(Loaded::of_code(compiler, &flags, turn, cases, code)))
    }

    /// The signatures whose layouts differ: values of other sizes cannot be sent.
    fn layouts_differ(
        &self,
        table: &Table,
        built: &Built,
    ) -> Result<Vec<(usize, Compared)>, String> {
        let compiler = self.unit.compiler;
        let answers = table.answers(built).map_err(|error| error.to_string())?;
        let mut wrong: BTreeMap<usize, (bool, String)> = BTreeMap::new();
        // A member is aligned to more there than its type, where a typedef lowers that: offsets of members tell.
        let is_ms = compiler.target().data_model().bit_fields == BitFieldStyle::Ms;
        let is_asked = |what: &str| !(is_ms && what.starts_with("alignment of "));
        for (fact, theirs) in table.facts().iter().zip::<Vec<Answer>>(answers) {
            if let Some(i) = fact.block.strip_prefix('r').and_then(|i| i.parse().ok())
                && theirs != fact.ours
                && is_asked(&fact.what)
            {
                let what = fact.what.replace(&format!("r{i}_"), "");
                let why = format!("layout: {what} is {theirs}, ours {}", fact.ours);
                let found = (fact.is_lost(&theirs), why);
                let first = wrong.entry(i).or_insert_with(|| found.clone());
                // A difference that is the layout's is told before one that the compiler's initializer makes.
                if first.0 && !found.0 {
                    *first = found;
                }
            }
        }
        let verdict = |(i, one): &(usize, Subject)| {
            let (is_lost, why) = wrong.remove(i)?;
            let verdict = if is_lost {
                let why = format!("the compiler's initializer loses bits: {why}");
                theirs(compiler, one, why, known_initializer_bug)
            } else {
                Verdict::Differs(why.into()).into()
            };
            Some((*i, verdict))
        };
        Ok(self.left.iter().filter_map(verdict).collect())
    }

    /// One result for each signature, of what was called of the unit: one direction stands after the other.
    fn compared(mut self, called: &[units::Called]) -> Vec<Compared> {
        let (calls, callees) = called.split_at(called.len() / 2);
        let mut both = calls.iter().zip(callees);
        for (i, mut subject) in self.left {
            let compared = match both.next() {
                Some((call, callee)) => Compared {
                    case: subject.cases.pop(),
                    ..of_both([call, callee])
                },
                None => Verdict::Differs("nothing became of it".into()).into(),
            };
            self.decided.insert(i, compared);
        }
        self.decided.into_values().collect()
    }
}

/// The types and the case of a signature, whose names start with `r<index>_`. An error is the verdict on what `cabi` refuses.
pub fn subject(
    index: usize,
    signature: &Signature,
    compiler: &Compiler,
) -> Result<Subject, Verdict> {
    let name = format!("r{index}");
    let target = compiler.target();
    let mut model = *target.data_model();
    if target != Target::X86_64_LINUX
        && compiler.policy == Policy::CLANG
        && model.records == RecordRules::Gcc
    {
        model = model.with_records(RecordRules::Clang);
    }
    let declared = signature.declared(&format!("{name}_"), &model);
    let placed = declared.case.clone().and_then(|case| {
        let mut case = case.at_level(compiler.level);
        (case.name, case.target) = (name.clone(), target);
        case.abi_under(compiler.policy)?;
        Ok(case)
    });
    let case = placed.map_err(|error| by_cabi(&error, compiler))?;
    let code = declared.types.clone() + &declared.prototype();
    let (named, cases) = (declared.named, vec![case]);
    Ok(Subject::of_cases(&name, code, named, &[], cases))
}

/// What `cabi` is known to refuse of what is drawn has errors of its own. Any other refusal hides something.
/// On other targets than x86-64 Linux it refuses by name what nobody has compared, which is counted.
fn by_cabi(why: &Error, compiler: &Compiler) -> Verdict {
    let is_known = matches!(why, Error::NoKnownRule { .. } | Error::InvalidAtomic { .. });
    if is_known || compiler.target() != Target::X86_64_LINUX {
        return Verdict::NotRun(format!("cabi: {why}"));
    }
    Verdict::Differs(format!("refused without need: {why}").into())
}

/// What compilers are known to refuse of what is drawn, by their words. Any other refusal hides something, unless a type is one that this
/// compiler has not got.
const REFUSALS: [&str; 3] = [
    "flexible array member in a struct with no named members",
    // clang, for AArch64.
    "signed _BitInt of bit sizes greater than 128 not supported",
    "unsigned _BitInt of bit sizes greater than 128 not supported",
];

fn refused(compiler: &Compiler, subject: &Subject, error: &ReferenceError) -> Compared {
    let why = error
        .messages()
        .map_or_else(|| error.to_string(), first_error);
    if let ReferenceError::Crashed { .. } = error {
        let why = format!("the compiler crashes: {why}");
        return theirs(compiler, subject, why, known_bug);
    }
    let lacks = |capability| compiler.reference.has(capability).is_err();
    if REFUSALS.contains(&why.as_str()) || needs(&subject.block).into_iter().any(lacks) {
        return Verdict::NotRun(format!("the compiler: {why}")).into();
    }
    Verdict::Differs(format!("refused by the compiler: {why}").into()).into()
}

/// Something that the compiler's own words, or its tables, show; `known` is asked for its name.
fn theirs(
    compiler: &Compiler,
    subject: &Subject,
    why: String,
    known: fn(&str, &Case) -> Option<&'static str>,
) -> Compared {
    let name = compiler.reference.name();
    Compared {
        known: subject.cases.iter().find_map(|case| known(name, case)),
        ..Verdict::SelfInconsistent(why.into()).into()
    }
}

/// The verdict of both directions.
fn of_both(both: [&units::Called; 2]) -> Compared {
    let (mut calls, mut not_lowered, mut inconsistent) = (0, None, None);
    for called in both {
        let inside = |found: &Difference| found.clone().inside(called.direction.name());
        match &called.verdict {
            Verdict::Passed(n) => calls += n,
            Verdict::NotLowered(why) | Verdict::NotRun(why) => not_lowered = Some(why.clone()),
            Verdict::SelfInconsistent(found) => {
                let mut found = inside(found);
                if let Some(shown) = &called.shown {
                    let says = format!("; a program of the compiler alone: {}", shown.says);
                    found.why.push_str(&says);
                }
                let known = called.shown.as_ref().and_then(|shown| shown.known);
                inconsistent = Some((found, known));
            }
            Verdict::Differs(found) => return Verdict::Differs(inside(found)).into(),
        }
    }
    match (inconsistent, not_lowered) {
        (Some((found, known)), _) => Compared {
            known,
            ..Verdict::SelfInconsistent(found).into()
        },
        (None, Some(why)) if calls == 0 => Verdict::NotLowered(why).into(),
        (None, one_direction) => Compared {
            one_direction,
            ..Verdict::Passed(calls).into()
        },
    }
}
