//! Objects against a page that cannot be touched, on either side: nothing reads or writes a byte outside them.
//!
//! Records of every size from 1 to 80 bytes, of elements of 1 to 8 bytes, integers and floats, are passed as arguments in registers and on the
//! stack, and as results. The argument, the copy the callee makes of it, the result's source and its destination all lie against a guard
//! page; what lies on their other side is compared too. Both sides of the call are Cranelift's, so this needs no C compiler.
//!
//! Negative controls: a load and a store of one byte too many, which must kill their child.

use cabi::{DataModel, Error, FnSig, RecordBuilder, Type};
use cabi_verify::check::calls::{N_BUFFERS, all_settings};
use cabi_verify::emit::cranelift::VARIANTS;
use cabi_verify::run::child::{self, Outcome};
use cabi_verify::run::guard::{GuardedBuffers, Side};
use cabi_verify::verdict::Fault;
use clif_cabi_jit::Settings;

use crate::compiled::{in_children, outcome};
use crate::roundtrip::{self, Variant};
use crate::suite::{Result, Suite};

/// The extremes: what is optimized most, and what moves most through memory.
const SETTINGS: [&str; 2] = ["backtracking speed host", "single_pass none sse2"];

/// A type, and how many integer and float arguments stand before it.
struct Case {
    name: String,
    ty: Type,
    before: usize,
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let cases = cases()?;
    let buffers = GuardedBuffers::new(N_BUFFERS, 4096)?;
    let mut settings = all_settings();
    settings.retain(|(name, _)| SETTINGS.contains(&name.as_str()));
    let call = |(_, settings): &_, index: usize| match one(&cases[index], settings, &buffers) {
        Ok(calls) => Outcome::Passed(calls),
        Err(fault) => Outcome::Failed(fault.to_string()),
    };
    let outcomes = in_children(&settings, |_| cases.len(), call)?;
    let mut n_calls = 0;
    for ((setting, _), outcomes) in settings.iter().zip(outcomes) {
        for (case, found) in cases.iter().zip(outcomes) {
            let found = outcome(found).map_err(|why| format!("{setting}: {why}"));
            n_calls += found.as_ref().copied().unwrap_or(0);
            suite.report.outcome("guard", &case.name, found.map(drop));
        }
    }
    controls(&buffers, suite)?;
    children(suite);
    suite.report.note(format!(
        "{} types and places x {} engine settings, {n_calls} calls",
        cases.len(),
        settings.len()
    ));
    Ok(())
}

fn cases() -> Result<Vec<Case>, Error> {
    const ELEMENTS: [(&str, Type); 7] = [
        ("char", Type::I8),
        ("short", Type::I16),
        ("int", Type::I32),
        ("long", Type::I64),
        ("float", Type::F32),
        ("double", Type::F64),
        ("half", Type::F16),
    ];
    const HEADS: [(&str, Type); 3] = [
        ("double", Type::F64),
        ("long", Type::I64),
        ("float", Type::F32),
    ];
    let mut types = Vec::new();
    let record = |name, ty| RecordBuilder::structure("s").field(name, ty);
    for (name, elem) in ELEMENTS {
        for n in 1..=80 / elem.size() {
            let array = record("a", Type::array(&elem, n)?);
            types.push((format!("{name}[{n}]"), array));
        }
    }
    // A tail after something of another class, at an address that nothing aligns.
    for (name, head) in HEADS {
        for n in 1..=9 {
            let tail = Type::array(&Type::I8, n)?;
            let record = record("h", head.clone()).field("t", tail).packed();
            types.push((format!("packed {name} and char[{n}]"), record));
        }
    }
    let mut cases = Vec::new();
    for (name, record) in types {
        let ty = record.build(&DataModel::LP64)?;
        cases.extend([0, 8].map(|before| Case {
            name: format!("{name}, {before} arguments before"),
            ty: ty.clone(),
            before,
        }));
    }
    Ok(cases)
}

/// Calls from Cranelift to Cranelift with the object after `before` arguments of each kind, in every form, on both sides of the page.
fn one(case: &Case, settings: &Settings, buffers: &GuardedBuffers) -> Result<usize, Fault> {
    let before = (0..case.before).flat_map(|_| [Type::I64, Type::F64]);
    let params = before.chain([case.ty.clone()]);
    let sig = FnSig::new(params, case.ty.clone());
    let variants = [Side::Start, Side::End].map(|side| {
        (0..VARIANTS).map(move |callee| Variant {
            caller: callee + 1,
            callee,
            side,
        })
    });
    let variants: Vec<Variant> = variants.into_iter().flatten().collect();
    roundtrip::run(&sig, settings, buffers, &variants)
}

/// What [`child::run`] promises of children that do not end as they should, and of what is not its own.
fn children(suite: &mut Suite) {
    let exits = child::run(&[3], 1, |_, index| {
        if index == 1 {
            std::process::exit(0);
        }
        Outcome::Passed(1)
    });
    let expected = [
        Outcome::Passed(1),
        Outcome::Crashed("exit code 0".to_owned()),
        Outcome::Passed(1),
    ];
    let ends_early = match exits {
        Ok(found) if found == [expected] => Ok(()),
        other => Err(format!("{other:?}")),
    };

    let foreign = std::process::Command::new("true").spawn();
    let run = child::run(&[1, 1], 2, |_, _| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        Outcome::Passed(1)
    });
    let waited = foreign.and_then(|mut foreign| foreign.wait());
    let is_left = match (run, waited) {
        (Ok(_), Ok(status)) if status.success() => Ok(()),
        other => Err(format!("{other:?}")),
    };

    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv());
    let refused = child::run(&[1], 1, |_, _| Outcome::Passed(1));
    drop(stop);
    let _ = thread.join();
    let again = child::run(&[1], 1, |_, _| Outcome::Passed(1));
    let is_refused = match (refused, again) {
        (Err(why), Ok(_)) if why.to_string().contains("2 threads") => Ok(()),
        other => Err(format!("{other:?}")),
    };

    for (name, found) in [
        ("a case ends its process early", ends_early),
        ("a child of somebody else's is left to him", is_left),
        ("several threads are refused", is_refused),
    ] {
        suite.report.outcome("guard child", name, found);
    }
}

/// One byte too many, read and written, after and before an object: each must end its child.
fn controls(buffers: &GuardedBuffers, suite: &mut Suite) -> Result<()> {
    const CONTROLS: [(&str, Side, isize); 4] = [
        ("read after", Side::End, 3),
        ("read before", Side::Start, -1),
        ("write after", Side::End, 3),
        ("write before", Side::Start, -1),
    ];
    let touch = |&(name, side, at): &(&str, Side, isize), _| {
        let Some(object) = buffers.object(0, 3, side) else {
            return Outcome::Failed("too large for a buffer".to_owned());
        };
        // SAFETY: none: a byte beside an object of three is touched on purpose, in a child that dies of it.
        unsafe {
            let beside = object.offset(at);
            if name.starts_with("read") {
                // A volatile read cannot be left out.
                std::hint::black_box(beside.read_volatile());
            } else {
                beside.write_volatile(1);
            }
        }
        Outcome::Passed(1)
    };
    let outcomes = in_children(&CONTROLS, |_| 1, touch)?;
    for ((name, ..), outcomes) in CONTROLS.iter().zip(&outcomes) {
        let noticed = match outcomes.first() {
            Some(Outcome::Crashed(why)) if why == "SIGSEGV" => Ok(()),
            other => Err(format!("was not noticed: {other:?}")),
        };
        suite.report.outcome("guard control", name, noticed);
    }
    Ok(())
}
