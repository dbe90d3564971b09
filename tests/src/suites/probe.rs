//! The register-dump probe: each reference compiler calls and is called, and every byte must be where `FnAbi` says under the compiler's profile: over the
//! corpus, and over unions of a vector and an array in wide registers (`unions`). For each case that passes, an `FnAbi` with one part moved must fail, as
//! caller and as callee: the probe sees what it claims to see. Then the corpus under `Policy::PSABI`, for a page (`psabi`).

mod psabi;
mod unions;

use std::collections::BTreeMap;

use cabi::{Bank, FnAbi, Loc, Place, PlacedPart, Policy, Reg, Type, x86_64};
use cabi_verify::build::{Reference, count_warnings};
use cabi_verify::case::{Case, Subject};
use cabi_verify::check::calls::{Direction, Verdict};
use cabi_verify::check::registers::Probe;
use cabi_verify::pattern::Painter;
use cabi_verify::run::loaded::LoadedCode;
use cabi_verify::verify::units::{Loaded, Mistake, OtherSide};

use crate::compiled::{File, compile_files, compilers, each_in_child, entries, run_files, takes};
use crate::conformance::LEVELS;
use crate::suite::{Result, Suite};

/// Of each case, by its name, what differs: nothing if it passes.
type Found = BTreeMap<String, Vec<String>>;

/// Cases of one vector level, and what a reference compiler made of them at each level of optimization.
struct Part<'a> {
    file: &'a File<'a>,
    levels: &'a mut [Loaded],
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let sysv = suite.corpus(&["x86-64-sysv"])?;
    let win64 = suite.corpus(&["x86-64-win64"])?;
    let unions = unions::subjects(suite)?;
    let compilers = compilers(suite)?;
    let mut files = Vec::new();
    for compiler in &compilers {
        let reference = &compiler.reference;
        let engine = suite.engine(reference.name());
        for (subjects, levels) in [(&sysv, &LEVELS[..]), (&win64, &LEVELS), (&unions, &["-O2"])] {
            let all = entries(subjects, compiler, |(subject, case), admitted| {
                let has_place = match unions::refused(reference, case) {
                    _ if subject.expects_refusal() => {
                        Err("the convention has no place for it, as the block says".to_owned())
                    }
                    refused => refused.map_or(Ok(()), Err),
                };
                takes(suite, &engine, case, admitted.and(has_place))
            });
            for entries in all {
                let part = files.len();
                files.extend(levels.iter().map(|&optimize| File {
                    part,
                    compiler,
                    optimize,
                    entries: entries.clone(),
                }));
            }
        }
    }
    let mut loaded = compile_files(&files, |file, case, error| {
        let engine = suite.engine(file.compiler.reference.name());
        (suite.report).outcome(&engine, &case.name, Err(error.to_string()));
    })?;
    let mut strays = psabi::Strays::default();
    for levels in loaded.chunk_by_mut(|one, next| one.part == next.part) {
        let file = &files[levels[0].part];
        let is_in = |subjects: &[Subject]| {
            let (first, _) = file.entries[0];
            subjects.as_ptr_range().contains(&std::ptr::from_ref(first))
        };
        let mut part = Part { file, levels };
        let found = part.check(suite)?;
        if is_in(&unions) {
            unions::report(&mut part, &found, suite)?;
            continue;
        }
        part.report(&found, suite)?;
        if is_in(&sysv) {
            strays.measure(&mut part, &found)?;
        }
    }
    match sysv.is_empty() {
        // Without libclang, as the suite has said.
        true => Ok(()),
        false => strays.report(suite),
    }
}

impl Part<'_> {
    fn reference(&self) -> &Reference {
        &self.file.compiler.reference
    }

    /// What differs of each case, in both directions and at every level of optimization, from where it is under `policy` with `mistake`.
    fn differences(&mut self, policy: Policy, mistake: Mistake) -> Result<Found> {
        self.levels.iter_mut().for_each(|one| one.policy = policy);
        let mut found = Found::new();
        let all = run_files(self.levels, OtherSide::RegisterFile, &[], mistake)?;
        for called in all.into_iter().flatten() {
            let differs = called.verdict.passed().err();
            found.entry(called.case.name).or_default().extend(differs);
        }
        Ok(found)
    }

    /// What differs from where the compiler's own profile has values.
    fn check(&mut self, suite: &mut Suite) -> Result<Found> {
        let engine = suite.engine(self.reference().name());
        let codes: Vec<&LoadedCode> = self.levels.iter().filter_map(Loaded::here).collect();
        let warnings: String = codes.iter().map(|code| code.warnings()).collect();
        // What a compiler made is loaded in children, as all that follows does, and here not.
        let is_here = |code: &&LoadedCode| code.callee(0).is_some() || !code.seen().is_null();
        let is_loaded = match codes.iter().any(is_here) {
            true => Err("it is".to_owned()),
            false => Ok(()),
        };
        let what = "compiled code is not loaded in this process";
        suite.report.outcome(&engine, what, is_loaded);
        let found = self.differences(self.file.compiler.policy, Mistake::NONE)?;
        let (n, warnings) = (found.len(), count_warnings(&warnings));
        (suite.report).note(format!("{engine}: {n} cases, {warnings}"));
        Ok(found)
    }

    /// Reports what was `found`, and the controls of what passed.
    fn report(&self, found: &Found, suite: &mut Suite) -> Result<()> {
        let engine = suite.engine(self.reference().name());
        for (case, differs) in found {
            suite.report.outcome(&engine, case, outcome(differs));
        }
        let Some((last, code)) = self.levels.last().and_then(|one| Some((one, one.here()?))) else {
            return Ok(());
        };
        let mut all = Vec::new();
        for (index, case) in last.cases.iter().enumerate() {
            if found.get(&case.name).is_some_and(Vec::is_empty)
                && let Ok(abi) = case.abi_under(last.policy)
            {
                all.extend(controls(index, case, &abi));
            }
        }
        let noticed = each_in_child(all.len(), |i| all[i].run(code))?;
        for (control, found) in all.iter().zip(noticed) {
            let engine = format!("probe control {}", control.what);
            suite.verdict(&engine, &control.case.name, found);
        }
        Ok(())
    }
}

/// The first of what differs.
fn outcome(differs: &[String]) -> Result<(), String> {
    differs.first().cloned().map_or(Ok(()), Err)
}

/// Wrong places for a case that the probe has seen in the right ones. It must see it: code that copies a value leaves its bytes in places of its own, so of
/// several wrong places one may hold the right bytes by chance, but not all.
struct Control<'a> {
    index: usize,
    case: &'a Case,
    what: &'static str,
    direction: Direction,
    wrong: Vec<FnAbi>,
}

impl Control<'_> {
    fn run(&self, loaded: &LoadedCode) -> Verdict {
        let probe = Probe::new(loaded, self.case.vectors);
        let (direction, index) = (self.direction, self.index);
        let fails = |wrong| (probe.check_in(direction, index, self.case, wrong)).is_err();
        match self.wrong.iter().any(fails) {
            true => Verdict::Passed(1),
            false => Verdict::Differs("a part in the wrong place was not noticed".into()),
        }
    }
}

/// An argument, and the result, in other places.
fn controls<'a>(index: usize, case: &'a Case, abi: &FnAbi) -> Vec<Control<'a>> {
    use Direction::{Call, Callee};
    let mut all = Vec::new();
    let mut add = |what, direction, wrong: Vec<FnAbi>| {
        if !wrong.is_empty() {
            all.push(Control {
                index,
                case,
                what,
                direction,
                wrong,
            });
        }
    };
    let types = case.argument_types();
    if let Some(at) = types.iter().position(is_recognized) {
        let wrong = five_times(abi, |wrong, n| moved(&mut wrong.args[at].place, n));
        add("parameter", Call, wrong.clone());
        add("argument", Callee, wrong);
    }
    let is_copy = |at: &usize| matches!(abi.args[*at].place, Place::Indirect { .. });
    let mut copies = (0..types.len()).filter(is_copy);
    if let Some(at) = copies.find(|at| is_recognized(&types[*at])) {
        let wrong = five_times(abi, |wrong, n| match &mut wrong.args[at].place {
            Place::Indirect { pointer, .. } => {
                match pointer {
                    Loc::Stack(offset) => *offset += 8 * u64::from(n),
                    Loc::Reg(reg) => *reg = other_register(*reg, n.into()),
                    _ => return false,
                }
                true
            }
            _ => false,
        });
        add("copy", Callee, wrong);
    }
    if abi.variadic_count.is_some() {
        let mut wrong = abi.clone();
        wrong.used.vector += 1;
        add("al", Callee, vec![wrong]);
    }
    if case.has_result() && is_recognized(&case.prototype.ret) {
        let wrong = five_times(abi, |wrong, n| {
            match &mut wrong.ret.place {
                Place::Parts(parts) => move_parts(parts, n),
                Place::Indirect { .. } => wrong.ret.sret_returned_in = Some(x86_64::RDX),
                _ => {}
            }
            true
        });
        add("result", Call, wrong);
    }
    all
}

/// `abi` with each of five changes, if there are such.
fn five_times(abi: &FnAbi, change: impl Fn(&mut FnAbi, u8) -> bool) -> Vec<FnAbi> {
    let changed = |n| {
        let mut wrong = abi.clone();
        change(&mut wrong, n).then_some(wrong)
    };
    (1..6).filter_map(changed).collect()
}

/// Whether values have so many bits that they are not found in five wrong places by chance.
fn is_recognized(ty: &Type) -> bool {
    let mask = Painter::default().paint(ty).mask;
    mask.iter().map(|mask| mask.count_ones()).sum::<u32>() >= 16
}

/// Moves the parts of an argument `n` places on; false if it has none.
fn moved(place: &mut Place, n: u8) -> bool {
    match place {
        Place::Parts(parts) => move_parts(parts, n),
        Place::Stack { offset, .. } => *offset += 8 * u64::from(n),
        _ => return false,
    }
    true
}

fn move_parts(parts: &mut [PlacedPart], n: u8) {
    for part in parts {
        part.loc = match part.loc {
            Loc::Reg(reg) | Loc::Both(&[reg, _]) => Loc::Reg(other_register(reg, usize::from(n))),
            Loc::Stack(offset) => Loc::Stack(offset + 8 * u64::from(n)),
            other => other,
        };
    }
}

fn other_register(reg: Reg, n: usize) -> Reg {
    use cabi::x86_64::*;
    const INT: [Reg; 6] = [RDI, RSI, RDX, RCX, R8, R9];
    const VECTOR: [Reg; 8] = [XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7];
    let next = |order: &[Reg]| {
        let at = order.iter().position(|known| *known == reg).unwrap_or(0);
        order[(at + n) % order.len()]
    };
    match (reg, reg.bank()) {
        (RAX, _) if n == 1 => RDX,
        (ST0, _) => ST1,
        (ST1, _) => ST0,
        (_, Bank::Int) => next(&INT),
        _ => next(&VECTOR),
    }
}
