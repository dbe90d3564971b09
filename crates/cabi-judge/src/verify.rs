//! Headers against compilers: every size and offset asked, every case called in both directions, everything counted that was left out.
//!
//! What `cabi verify` does and prints is this; tests run the same with a [`Mistake`]. [`batch`] is its engine, for cases from elsewhere.
//!
//! ```text
//! headers x compilers ──▶ parts ──▶ sizes and offsets ──▶ C halves, in batches ──▶ calls in child processes ──▶ verdicts
//! ```

use cabi::{Policy, VectorLevel};
use cabi_header::Options;
use clif_cabi_jit::Settings;

use crate::automaton::Coverage;
use crate::child;
use crate::from_header::{self, FromHeader, Left};
use crate::halves::Halves;
use crate::interop::{Difference, Direction, all_settings};
use crate::judge::{Judge, JudgeError, first_error};
use crate::layout::{self, Fact, Reply};

pub mod batch;
mod error;
mod left_out;

use batch::{BATCH, Batch, Calls, Loaded};
pub use batch::{Called, Mistake, Verdict, Way};
pub use error::VerifyError;
pub(crate) use left_out::refusal;
pub use left_out::{
    AGAINST_ITSELF, JUDGE_LACKS, NOT_LOWERED, OTHER_MEMBERS, REFUSED, may_be_skipped,
};
use left_out::{lacks, undeclared};

/// What is to be verified against what, and how.
#[derive(Debug)]
pub struct Plan {
    /// The headers.
    pub headers: Vec<Read>,
    /// The compilers; each judges each header.
    pub compilers: Vec<Compiler>,
    /// Flags that the headers were read with, for the compilers too.
    pub flags: Vec<String>,
    /// Compilers and child processes at once.
    pub at_once: usize,
    /// Engine settings with their names; the cases take turns.
    pub settings: Vec<(String, Settings)>,
}

/// A header as it was read.
#[derive(Debug)]
pub struct Read {
    /// As it was named.
    pub name: String,
    /// The text that was read: the directive that includes it.
    pub text: String,
    /// Its cases.
    pub found: FromHeader,
}

/// A compiler and how it is judged.
#[derive(Debug)]
pub struct Compiler {
    /// The compiler.
    pub judge: Judge,
    /// Its choices where compilers disagree.
    pub policy: Policy,
    /// The widest vectors that travel in registers under its flags.
    pub level: VectorLevel,
}

/// Everything that was found.
#[derive(Debug)]
pub struct Run<'a> {
    /// What was to be done.
    pub plan: &'a Plan,
    /// One per compiler and header.
    pub parts: Vec<Part>,
}

/// One header under one compiler.
#[derive(Clone, Debug)]
pub struct Part {
    /// The compiler's index in the plan.
    pub compiler: usize,
    /// The header's index in the plan.
    pub header: usize,
    /// How many sizes and offsets were asked.
    pub n_facts: usize,
    /// Those that differ.
    pub layouts: Vec<Layout>,
    /// Cases, each in one direction.
    pub called: Vec<Called>,
    /// What was not run, behind what was not read.
    pub skipped: Vec<Left>,
    /// Whether the compiler refuses the header as a whole.
    pub refused: bool,
}

/// A size or offset that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// What it is of, in words of C.
    pub what: String,
    /// As the compiler has it.
    pub theirs: String,
    /// As `cabi` has it.
    pub ours: String,
}

/// What a run is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// C halves are compiled; batches are counted.
    Compile,
    /// Calls are made; cases are counted, each direction for itself.
    Call,
}

/// Told what a run is doing, how much of it is done and how much there is. Compilers work in threads, which tell it too.
pub type Progress<'a> = &'a (dyn Fn(Step, usize, usize) + Sync);

impl Plan {
    /// All headers against all compilers, under every engine setting in turn, one process per processor. The flags are those that the
    /// headers were read with.
    #[must_use]
    pub fn new(headers: Vec<Read>, compilers: Vec<Compiler>, flags: Vec<String>) -> Self {
        let processors = std::thread::available_parallelism();
        Self {
            headers,
            compilers,
            flags,
            at_once: processors.map_or(1, usize::from),
            settings: all_settings(),
        }
    }

    /// Asks all layouts, compiles all C halves and makes all calls.
    ///
    /// # Errors
    /// [`VerifyError`]
    ///
    /// # Example
    /// ```no_run
    /// use cabi_header::Options;
    /// use cabi_judge::judge::Judge;
    /// use cabi_judge::verify::{Compiler, Plan, Read};
    ///
    /// let flags = vec!["-std=gnu17".to_owned()];
    /// let header = Read::header("stdlib.h", &Options::new().args(&flags), true, |_| true)?;
    /// let compiler = Compiler::new(Judge::of_command("gcc -O2")?, None)?;
    /// let plan = Plan::new(vec![header], vec![compiler], flags);
    /// let run = plan.run(&|_, _, _| {})?;
    /// assert!(run.is_clean());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run(&self, progress: Progress<'_>) -> Result<Run<'_>, VerifyError> {
        self.prepare(progress)?.run(Mistake::default(), progress)
    }

    /// Does all but the calls.
    ///
    /// # Errors
    /// [`VerifyError`]
    pub fn prepare(&self, progress: Progress<'_>) -> Result<Prepared<'_>, VerifyError> {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let mut parts = Vec::new();
        for (compiler, Compiler { judge, .. }) in self.compilers.iter().enumerate() {
            for (header, read) in self.headers.iter().enumerate() {
                check_interrupt()?;
                let mut part = Part::new(compiler, header);
                part.ask(judge, &flags, read)?;
                parts.push(part);
            }
        }
        let (mut batches, mut part_of) = (Vec::new(), Vec::new());
        for (number, part) in parts.iter().enumerate().filter(|(_, part)| !part.refused) {
            let subject = &self.headers[part.header].found.subject;
            for cases in subject.cases.chunks(BATCH) {
                part_of.push(number);
                batches.push(Batch {
                    compiler: &self.compilers[part.compiler],
                    flags: &flags,
                    preamble: &subject.block.code,
                    cases: cases.iter().collect(),
                    same_layout: part.layouts.is_empty(),
                });
            }
        }
        let (loaded, refused) = batch::compile(&batches, self.at_once, progress)?;
        for refused in refused {
            let part = &mut parts[part_of[refused.batch]];
            let judge = &self.compilers[part.compiler].judge;
            let (why, absent) = (refusal(&refused.why), part.undeclared());
            part.skipped.extend(refused.cases.iter().map(|case| Left {
                name: case.name.clone(),
                key: if lacks(judge, case, &absent) {
                    JUDGE_LACKS
                } else {
                    REFUSED
                },
                why: why.clone(),
            }));
        }
        // Where sizes differ that is the result.
        if loaded.is_empty() && parts.iter().all(|part| part.layouts.is_empty()) {
            let why = parts.iter().flat_map(|part| &part.skipped).next();
            return Err(VerifyError::NothingCompiled {
                why: why.map_or("there is no case".to_owned(), |left| left.why.clone()),
            });
        }
        let loaded = loaded.into_iter();
        let (part_of, loaded) = loaded.map(|one| (part_of[one.batch], one)).unzip();
        Ok(Prepared {
            plan: self,
            parts,
            part_of,
            loaded,
        })
    }
}

/// A plan of which only the calls are left; they can be made many times, right or with mistakes.
#[derive(Debug)]
pub struct Prepared<'a> {
    plan: &'a Plan,
    /// Without their calls.
    parts: Vec<Part>,
    /// The part of each of `loaded`.
    part_of: Vec<usize>,
    loaded: Vec<Loaded>,
}

impl<'a> Prepared<'a> {
    /// Makes all calls.
    ///
    /// # Errors
    /// [`VerifyError::System`], [`VerifyError::Interrupted`].
    pub fn run(&self, mistake: Mistake, progress: Progress<'_>) -> Result<Run<'a>, VerifyError> {
        let calls = Calls {
            settings: &self.plan.settings,
            mistake,
            together: false,
            at_once: self.plan.at_once,
        };
        let all = batch::call(&self.loaded, &calls, progress)?;
        let mut parts = self.parts.clone();
        for (&number, called) in self.part_of.iter().zip(all) {
            let part = &mut parts[number];
            for called in called {
                part.take_called(called);
            }
        }
        let plan = self.plan;
        Ok(Run { plan, parts })
    }
}

impl Read {
    /// Reads a header named as behind `#include`, or by its path from here. With `types` each record type gets its positions; `only`
    /// chooses functions and types by name.
    ///
    /// # Errors
    /// [`VerifyError::Header`], [`VerifyError::Interrupted`].
    pub fn header(
        name: &str,
        options: &Options,
        types: bool,
        only: impl Fn(&str) -> bool,
    ) -> Result<Self, VerifyError> {
        check_interrupt()?;
        let include = match std::fs::canonicalize(name) {
            Ok(path) if path.is_file() => format!("#include \"{}\"\n", path.display()),
            _ => format!("#include <{name}>\n"),
        };
        Self::text(name, &include, options, types, only)
    }

    /// The same of a text of declarations and directives.
    ///
    /// # Errors
    /// [`VerifyError::Header`]
    pub fn text(
        name: &str,
        text: &str,
        options: &Options,
        types: bool,
        only: impl Fn(&str) -> bool,
    ) -> Result<Self, VerifyError> {
        let name = name.to_owned();
        match from_header::read(text, options, types, only) {
            Ok(found) => Ok(Self {
                name,
                text: text.to_owned(),
                found,
            }),
            Err(source) => Err(VerifyError::Header { name, source }),
        }
    }
}

impl Compiler {
    /// `judge` under `policy`, or else under its own.
    ///
    /// # Errors
    /// [`VerifyError::Judge`] if it cannot be asked about its flags, [`VerifyError::Machine`] if what it makes cannot run.
    pub fn new(judge: Judge, policy: Option<Policy>) -> Result<Self, VerifyError> {
        let level = judge.vector_level()?;
        let (has, vectors) = match level {
            VectorLevel::Avx512 => (std::arch::is_x86_feature_detected!("avx512f"), "AVX-512"),
            VectorLevel::Avx => (std::arch::is_x86_feature_detected!("avx"), "AVX"),
            VectorLevel::Baseline => (true, ""),
        };
        if !has {
            let command = judge.command();
            return Err(VerifyError::Machine { command, vectors });
        }
        // Where nothing runs, every failure would be one that the compiler has with itself.
        Halves::try_out(&judge)?;
        Ok(Self {
            policy: policy.unwrap_or(judge.profile().policy()),
            level,
            judge,
        })
    }
}

impl Run<'_> {
    /// Everything of `part` that was not run, whether it was not read or not compiled.
    pub fn skipped<'r>(&'r self, part: &'r Part) -> impl Iterator<Item = &'r Left> {
        let read = &self.plan.headers[part.header].found.skipped;
        read.iter().chain(&part.skipped)
    }

    /// No difference, and nothing left out for a reason that is not on the list.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.parts.iter().all(|part| {
            part.layouts.is_empty()
                && part.differences().next().is_none()
                && self.skipped(part).all(|left| may_be_skipped(left.key))
        })
    }

    /// The transitions of the automaton of assignment that passed.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let mut seen = Coverage::default();
        for part in &self.parts {
            let policy = self.plan.compilers[part.compiler].policy;
            for called in &part.called {
                // Most cases pass in both directions: one of them says it.
                if called.direction == Direction::Call && called.difference().is_none() {
                    seen.note(&called.case, policy);
                }
            }
        }
        seen
    }
}

impl Called {
    /// What is wrong, if something is.
    #[must_use]
    pub fn difference(&self) -> Option<&Difference> {
        match &self.verdict {
            Verdict::Differs(difference) => Some(difference),
            _ => None,
        }
    }
}

impl Part {
    fn new(compiler: usize, header: usize) -> Self {
        Self {
            compiler,
            header,
            n_facts: 0,
            layouts: Vec::new(),
            called: Vec::new(),
            skipped: Vec::new(),
            refused: false,
        }
    }

    /// The cases in which something is wrong.
    pub fn differences(&self) -> impl Iterator<Item = (&Called, &Difference)> {
        let differs = |called| Called::difference(called).map(|difference| (called, difference));
        self.called.iter().filter_map(differs)
    }

    /// Takes what the judge says to the header, and to the layouts of its types.
    fn ask(&mut self, judge: &Judge, flags: &[&str], read: &Read) -> Result<(), VerifyError> {
        // Otherwise it would be refused once for each type and each case.
        match judge.check(&read.text, flags) {
            Ok(_) => {}
            Err(JudgeError::Refused { messages, .. }) => {
                self.refused = true;
                self.skipped.push(Left {
                    name: read.name.clone(),
                    key: REFUSED,
                    why: first_error(&messages),
                });
                return Ok(());
            }
            Err(other) => return Err(other.into()),
        }
        let subject = &read.found.subject;
        for (fact, reply) in layout::ask_data(judge, flags, &subject.block.code, subject)? {
            self.take_fact(fact, reply);
        }
        Ok(())
    }

    fn take_fact(&mut self, fact: Fact, reply: Reply) {
        self.n_facts += 1;
        let (key, why) = match reply {
            Reply::Is(answer) => {
                if answer != fact.ours {
                    self.layouts.push(Layout {
                        what: fact.what,
                        theirs: answer.to_string(),
                        ours: fact.ours.to_string(),
                    });
                }
                return;
            }
            Reply::NoMember(why) => (OTHER_MEMBERS, why),
            Reply::Refuses(why) if undeclared(&why).is_some() => (JUDGE_LACKS, why),
            Reply::Refuses(why) => (REFUSED, why),
        };
        let name = fact.what;
        self.skipped.push(Left { name, key, why });
    }

    /// The types that the header does not declare for this compiler.
    fn undeclared(&self) -> Vec<String> {
        let refused = self.skipped.iter().filter(|left| left.key == JUDGE_LACKS);
        let names = refused.filter_map(|left| undeclared(&left.why));
        names.map(str::to_owned).collect()
    }

    fn take_called(&mut self, called: Called) {
        let (key, why) = match &called.verdict {
            Verdict::NotLowered(why) => (NOT_LOWERED, why),
            Verdict::AgainstItself(difference) => (AGAINST_ITSELF, &difference.why),
            Verdict::Passed(_) | Verdict::Differs(_) => return self.called.push(called),
        };
        self.skipped.push(Left {
            name: format!("{} ({})", called.case.name, called.direction.name()),
            key,
            why: why.clone(),
        });
    }
}

pub(crate) fn check_interrupt() -> Result<(), VerifyError> {
    if child::was_interrupted() {
        return Err(VerifyError::Interrupted);
    }
    Ok(())
}
