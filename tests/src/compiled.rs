//! The compilers of other targets; cases compiled many to a file, and run in child processes.

use std::sync::Arc;

use cabi::{Convention, Target};
use cabi_verify::build::{Built, Parts, ProgramTarget, Reference, ReferenceError, Unit};
use cabi_verify::case::{Case, Entry};
use cabi_verify::check::calls::{self, Direction, Harness, N_BUFFERS};
use cabi_verify::run::guard::GuardedBuffers;
use cabi_verify::run::loaded::LoadedCode;
use cabi_verify::run::{HERE, child};
use cabi_verify::threads::{at_once, in_threads};
use cabi_verify::verdict::{Fault, Verdict};
use cabi_verify::verify::Compiler;
use cabi_verify::verify::units::{self, Batch, Called, Calls, Loaded, Mistake, OtherSide};
use clif_cabi_jit::Settings;

use crate::suite::{Result, Suite};

/// Cases of one vector level with what a reference compiler made of them: a caller and a callee each.
pub(crate) struct Compiled<'a> {
    pub(crate) reference: &'a Reference,
    /// One for each level of optimization that was asked for.
    pub(crate) levels: Vec<LoadedCode>,
    pub(crate) entries: Vec<Entry<'a>>,
}

/// Entries that a reference compiler is to compile at each of some levels of optimization, all in one file a level.
pub(crate) struct ToCompile<'a> {
    pub(crate) reference: &'a Reference,
    pub(crate) optimize: &'static [&'static str],
    pub(crate) entries: Vec<Entry<'a>>,
}

/// Compiles all of them, as many at once as this machine has processors. What is refused at any level is left out, and `refused` is told; nothing
/// comes back of one of which nothing is left.
pub(crate) fn compile_all<'a>(
    all: Vec<ToCompile<'a>>,
    mut refused: impl FnMut(&Reference, &Case, &ReferenceError),
) -> Result<Vec<Compiled<'a>>> {
    let files: Vec<(&ToCompile<'a>, &str)> = all
        .iter()
        .flat_map(|one| one.optimize.iter().map(move |level| (one, *level)))
        .collect();
    let compile = |(one, level): &(&ToCompile<'a>, &str)| {
        Unit::of_entries(one.reference, level, &one.entries).compile()
    };
    let mut first = in_threads(&files, at_once(), compile, |_| {}).into_iter();
    let mut compiled = Vec::new();
    for one in &all {
        let own = first.by_ref().take(one.optimize.len()).collect();
        compiled.extend(one.load(own, &mut refused)?);
    }
    Ok(compiled)
}

impl<'a> ToCompile<'a> {
    /// Loads what was compiled of each level. A level is compiled again without what another one refuses.
    fn load(
        &self,
        compiled: Vec<std::result::Result<Parts<Built>, ReferenceError>>,
        refused: &mut impl FnMut(&Reference, &Case, &ReferenceError),
    ) -> Result<Option<Compiled<'a>>> {
        let (mut entries, mut levels) = (self.entries.clone(), Vec::new());
        let mut compiled: Vec<_> = compiled.into_iter().map(Some).collect();
        while let (Some(level), false) = (self.optimize.get(levels.len()), entries.is_empty()) {
            let unit = Unit::of_entries(self.reference, level, &entries);
            let first = match entries.len() == self.entries.len() {
                true => compiled[levels.len()].take(),
                false => None,
            };
            let loaded = LoadedCode::load(&unit, first.unwrap_or_else(|| unit.compile())?)?;
            levels.extend(loaded.built);
            for one in &loaded.refused {
                for at in &one.cases {
                    refused(self.reference, entries[*at].1, &one.why);
                }
            }
            if loaded.cases.len() < entries.len() {
                entries = loaded.cases.iter().map(|at| entries[*at]).collect();
                // The levels before have the cases under other indices.
                levels.truncate(usize::from(levels.len() == 1));
            }
        }
        Ok((!entries.is_empty()).then_some(Compiled {
            reference: self.reference,
            levels,
            entries,
        }))
    }
}

impl Compiled<'_> {
    /// Makes the calls of one case in one direction, those by an invoker or a closure alone if it is `at_run_time`. Returns how many were right.
    pub(crate) fn call(
        &self,
        (buffers, settings): (&GuardedBuffers, &Settings),
        direction: Direction,
        index: usize,
        mistake: &Mistake,
        at_run_time: bool,
    ) -> std::result::Result<usize, Fault> {
        let (case, profile) = (self.entries[index].1, self.reference.profile());
        let sig = case.sig(profile).map_err(|error| error.to_string())?;
        let (harness, tell) = (self.harness(buffers, settings), |sig| mistake.told(sig));
        if at_run_time {
            return calls::observe_at_run_time(&harness, case, sig, index, direction, tell);
        }
        let mutation = mistake.mutation;
        calls::observe(&harness, case, sig, index, direction, tell, mutation)
    }

    /// The first of the levels, to be called with these settings.
    pub(crate) fn harness<'s>(
        &'s self,
        buffers: &'s GuardedBuffers,
        settings: &'s Settings,
    ) -> Harness<'s> {
        Harness {
            loaded: &self.levels[0],
            settings,
            buffers,
        }
    }
}

/// Entries that a compiler is to compile for the runner, all in one file.
pub(crate) struct File<'a> {
    /// What the runner calls it.
    pub(crate) part: usize,
    pub(crate) compiler: &'a Compiler,
    pub(crate) optimize: &'static str,
    pub(crate) entries: Vec<Entry<'a>>,
}

/// Compiles each of `files`, as many at once as this machine has processors. `refused` is told of what is refused. What comes back is what is left of
/// them, of the same parts.
pub(crate) fn compile_files<'a>(
    files: &[File<'a>],
    mut refused: impl FnMut(&File<'a>, &Case, &ReferenceError),
) -> Result<Vec<Loaded>> {
    let batch = |file: &File<'a>| {
        let compiler = file.compiler;
        let mut unit = Unit::of_entries(&compiler.reference, file.optimize, &file.entries);
        if compiler.programs.is_some() {
            // gcc's va_arg of an HVA loses bytes by it.
            unit.flags.push("-fno-strict-aliasing");
        }
        Batch {
            part: file.part,
            compiler,
            flags: &[],
            unit,
            same_layout: true,
        }
    };
    let batches: Vec<Batch<'_>> = files.iter().map(batch).collect();
    let (loaded, left) = units::compile(&batches, at_once(), &|_, _, _| {})?;
    for left in left {
        let mut own = files.iter().filter(|file| file.part == left.part);
        if let Some(file) = own.next() {
            let cases = left.cases.into_iter();
            cases.for_each(|case| refused(file, case, &left.why));
        }
    }
    Ok(loaded)
}

/// What became of the cases of each file in both directions, all of them under `settings` in turn. Cranelift is told `convention` instead of each case's
/// own.
pub(crate) fn run_files(
    loaded: &[Loaded],
    way: OtherSide,
    settings: &[(String, Settings)],
    convention: Option<&'static Convention>,
) -> Result<Vec<Vec<Called>>> {
    let calls = Calls {
        settings,
        mistake: Mistake {
            convention,
            ..Mistake::default()
        },
        shared_engine: false,
        at_once: at_once(),
        to_show: None,
    };
    Ok(units::run(loaded, way, &calls, &|_, _, _| {})?)
}

/// The compilers of each target whose code runs in programs of its own, as far as they are here: on x86-64 Linux.
pub(crate) fn compilers_of_programs(suite: &mut Suite) -> Result<Vec<Compiler>> {
    let mut compilers = Vec::new();
    if HERE != Target::X86_64_LINUX {
        return Ok(compilers);
    }
    for found in programs() {
        match found {
            Ok(compiler) => compilers.push(compiler),
            Err((name, why)) => {
                suite.every_reference = false;
                suite.report.absent(&name, &why);
            }
        }
    }
    Ok(compilers)
}

/// The compilers of each target whose code runs in programs of its own, or what is missing and why.
pub(crate) fn programs() -> Vec<std::result::Result<Compiler, (String, String)>> {
    let mut all = Vec::new();
    for triple in ProgramTarget::names() {
        let (target, commands) = match ProgramTarget::named(triple) {
            Ok((target, commands)) => (Arc::new(target), commands),
            Err(why) => {
                all.push(Err((triple.to_owned(), why)));
                continue;
            }
        };
        all.extend(commands.iter().map(|command| {
            let reference = Reference::of_command(command);
            let reference = reference.map_err(|why| ((*command).to_owned(), why))?;
            Ok(Compiler::of_programs(reference, target.clone(), None))
        }));
    }
    all
}

/// Memory for the objects of calls.
pub(crate) fn buffers() -> Result<GuardedBuffers> {
    Ok(GuardedBuffers::new(N_BUFFERS, 1 << 16)?)
}

/// Cases that one child runs at most: a long job keeps all processors busy too.
const CHUNK: usize = 128;

/// Runs `case(job, index)` in child processes, for as many cases as each job has.
pub(crate) fn in_children<J>(
    jobs: &[J],
    n_cases: impl Fn(&J) -> usize,
    case: impl Fn(&J, usize) -> Verdict,
) -> Result<Vec<Vec<Verdict>>> {
    let (mut chunks, mut sizes) = (Vec::new(), Vec::new());
    for (at, job) in jobs.iter().enumerate() {
        let n = n_cases(job);
        chunks.extend((0..n).step_by(CHUNK).map(|first| (at, first)));
        sizes.extend((0..n).step_by(CHUNK).map(|first| CHUNK.min(n - first)));
    }
    let one = |chunk: usize, i: usize| {
        let (at, first) = chunks[chunk];
        case(&jobs[at], first + i)
    };
    let mut verdicts: Vec<Vec<Verdict>> = jobs.iter().map(|_| Vec::new()).collect();
    for ((at, _), found) in chunks.iter().zip(child::run(&sizes, at_once(), one)?) {
        verdicts[*at].extend(found);
    }
    Ok(verdicts)
}

/// Runs `case(index)` for `n` cases in child processes.
pub(crate) fn each_in_child(n: usize, case: impl Fn(usize) -> Verdict) -> Result<Vec<Verdict>> {
    Ok(in_children(&[()], |()| n, |(), index| case(index))?.concat())
}
