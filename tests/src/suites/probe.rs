//! The register-dump probe: each reference compiler calls and is called, and every byte must be where `FnAbi` says under the compiler's profile: over the
//! corpus, and over unions of a vector and an array in wide registers (`unions`). For each case that passes, an `FnAbi` with one part moved must fail, as
//! caller and as callee: the probe sees what it claims to see. Then the corpus under `Policy::PSABI`, for a page (`psabi`).

mod psabi;
mod unions;

use cabi::{Bank, FnAbi, FnSig, Loc, Place, PlacedPart, Reg, Type, x86_64};
use cabi_verify::build::{Reference, count_warnings};
use cabi_verify::case::{Case, Subject};
use cabi_verify::check::calls::{Difference, Direction, Verdict, admitted};
use cabi_verify::check::registers::Probe;
use cabi_verify::pattern::Painter;
use cabi_verify::run::loaded::LoadedCode;

use crate::compiled::{Compiled, ToCompile, compile_all, each_in_child};
use crate::conformance::LEVELS;
use crate::suite::{Result, Suite};

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let sysv = suite.corpus(&["x86-64-sysv"])?;
    let win64 = suite.corpus(&["x86-64-win64"])?;
    let unions = unions::subjects()?;
    let references = suite.references();
    let mut files = Vec::new();
    for reference in &references {
        for (subjects, optimize) in [(&sysv, &LEVELS[..]), (&win64, &LEVELS), (&unions, &["-O2"])] {
            files.extend(to_compile(subjects, reference, optimize, suite));
        }
    }
    let compiled = compile_all(files, |reference, case, error| {
        let engine = suite.engine(reference.name());
        (suite.report).outcome(&engine, &case.name, Err(error.to_string()));
    })?;
    let mut strays = psabi::Strays::default();
    for one in &compiled {
        let is_in = |subjects: &[Subject]| {
            let (first, _) = one.entries[0];
            subjects.as_ptr_range().contains(&std::ptr::from_ref(first))
        };
        let found = check(one, suite)?;
        if is_in(&unions) {
            unions::report(one, &found, suite)?;
            continue;
        }
        report(one, &found, suite)?;
        if is_in(&sysv) {
            strays.measure(one, &found)?;
        }
    }
    match sysv.is_empty() {
        // Without libclang, as the suite has said.
        true => Ok(()),
        false => strays.report(suite),
    }
}

/// What of `subjects` is asked of `reference`, one file for each vector level.
fn to_compile<'a>(
    subjects: &'a [Subject],
    reference: &'a Reference,
    optimize: &'static [&'static str],
    suite: &mut Suite,
) -> Vec<ToCompile<'a>> {
    let engine = suite.engine(reference.name());
    let report = &mut suite.report;
    let mut levels = admitted(subjects, reference, |case, why| {
        report.not_run(&engine, case, why);
    });
    for entries in &mut levels {
        entries.retain(|(subject, case)| {
            let refused = match unions::refused(reference, case) {
                _ if subject.expects_refusal() => {
                    Some("the convention has no place for it, as the block says".to_owned())
                }
                refused => refused,
            };
            if let Some(why) = &refused {
                suite.report.not_run(&engine, &case.name, why);
            }
            refused.is_none() && suite.wants(&case.name)
        });
    }
    let file = |entries| ToCompile {
        reference,
        optimize,
        entries,
    };
    levels.into_iter().map(file).collect()
}

/// Of each case what differs from where `sig` has its values, in both directions and at every level of optimization: in children, as a callee that a compiler
/// makes wrong may die.
fn differences(
    compiled: &Compiled<'_>,
    sig: impl Fn(&Case) -> Result<FnSig, cabi::Error>,
) -> Result<Vec<Result<(), String>>> {
    let one = |index: usize| {
        let case = compiled.entries[index].1;
        let abi = sig(case).and_then(|sig| FnAbi::new(&sig, &case.target));
        let abi = abi.map_err(|error| Difference::from(error.to_string()));
        let checked = abi.and_then(|abi| {
            let levels = compiled.levels.iter();
            let mut probes = levels.map(|loaded| Probe::new(loaded, case.vectors));
            probes.try_for_each(|probe| probe.check(index, case, &abi))
        });
        checked.into()
    };
    let verdicts = each_in_child(compiled.entries.len(), one)?.into_iter();
    Ok(verdicts.map(|verdict| verdict.passed().map(drop)).collect())
}

/// What [`differences`] there are from where the compiler's own profile has values.
fn check(compiled: &Compiled<'_>, suite: &mut Suite) -> Result<Vec<Result<(), String>>> {
    let engine = suite.engine(compiled.reference.name());
    let levels = &compiled.levels;
    let warnings: Vec<&str> = levels.iter().map(LoadedCode::warnings).collect();
    let warnings = count_warnings(&warnings.concat());
    let note = format!("{engine}: {} cases, {warnings}", compiled.entries.len());
    suite.report.note(note);
    // What a compiler made is loaded in children, as all that follows does, and here not.
    let is_here = levels
        .iter()
        .any(|code| code.callee(0).is_some() || !code.seen().is_null());
    let is_loaded = match is_here {
        true => Err("it is".to_owned()),
        false => Ok(()),
    };
    let what = "compiled code is not loaded in this process";
    suite.report.outcome(&engine, what, is_loaded);
    let policy = compiled.reference.profile().policy();
    differences(compiled, |case| case.sig_under(policy))
}

/// Reports what was `found`, and the controls of what passed.
fn report(compiled: &Compiled<'_>, found: &[Result<(), String>], suite: &mut Suite) -> Result<()> {
    let engine = suite.engine(compiled.reference.name());
    let policy = compiled.reference.profile().policy();
    let mut all = Vec::new();
    for (index, (found, (_, case))) in found.iter().zip(&compiled.entries).enumerate() {
        if let (Ok(()), Ok(abi)) = (found, case.abi_under(policy)) {
            all.extend(controls(index, case, &abi));
        }
        suite.report.outcome(&engine, &case.name, found.clone());
    }
    let noticed = each_in_child(all.len(), |i| all[i].run(&compiled.levels))?;
    for (control, found) in all.iter().zip(noticed) {
        let engine = format!("probe control {}", control.what);
        suite.verdict(&engine, &control.case.name, found);
    }
    Ok(())
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
    fn run(&self, levels: &[LoadedCode]) -> Verdict {
        let Some(loaded) = levels.last() else {
            return Verdict::Differs("there is no code".into());
        };
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
        if !by_reference(abi) {
            add("parameter", Call, wrong.clone());
        }
        add("argument", Callee, wrong);
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

/// Whether a value is passed in a way for which no image is made: then only the result of a callee is looked at.
fn by_reference(abi: &FnAbi) -> bool {
    let both = |parts: &[PlacedPart]| parts.iter().any(|p| matches!(p.loc, Loc::Both(..)));
    abi.args.iter().any(|arg| match &arg.place {
        Place::Parts(parts) => both(parts),
        Place::Ignore | Place::Stack { .. } => false,
        _ => true,
    })
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
