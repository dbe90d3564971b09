//! Objects against a page that cannot be touched, on either side: nothing reads or writes a byte outside them.
//!
//! Records of every size from 1 to 80 bytes, of elements of 1 to 8 bytes, integers and floats, are passed as arguments in registers and on the
//! stack, and as results; over-aligned ones and wide vectors too. Those of up to 24 bytes are passed in each position of Win64 as well. The argument, the copy the callee makes of it, the result's source and its destination all lie against a guard
//! page; what lies on their other side is compared too. Both sides of the call are Cranelift's, so this needs no C compiler.
//!
//! Negative controls: a load and a store of one byte too many, which must kill their child.

use std::io::Write as _;

use cabi::{
    Convention, DataModel, Error, FnSig, Policy, RecordBuilder, Type, VectorLevel, X86_64_WIN64,
};
use cabi_verify::build::Capability;
use cabi_verify::check::calls::{N_BUFFERS, all_settings};
use cabi_verify::emit::cranelift::VARIANTS;
use cabi_verify::run::guard::{GuardedBuffers, Side};
use cabi_verify::verdict::{Fault, Verdict};
use clif_cabi_jit::Settings;

use crate::compiled::in_children;
use crate::roundtrip::{self, Variant};
use crate::suite::{Result, Suite};

/// The extremes: what is optimized most, and what moves most through memory.
const SETTINGS: [&str; 2] = ["backtracking speed host", "single_pass none baseline"];

/// What C of this machine has.
#[cfg(target_arch = "x86_64")]
const CONVENTION: &Convention = &cabi::X86_64_SYSV;
#[cfg(target_arch = "aarch64")]
const CONVENTION: &Convention = &cabi::aarch64::AAPCS64;

/// Whether there are Win64's positions and wide vectors too.
const IS_X86_64: bool = cfg!(target_arch = "x86_64");

/// A type, and what arguments stand before it.
struct Case {
    name: String,
    ty: Type,
    before: Vec<Type>,
    convention: &'static Convention,
    policy: Policy,
    level: VectorLevel,
}

impl Case {
    /// After `n` integers and as many floats, as C of this machine passes it.
    fn of_c(name: &str, ty: &Type, n: usize) -> Self {
        let before = (0..n).flat_map(|_| [Type::I64, Type::F64]);
        Self {
            name: format!("{name}, {n} arguments before"),
            ty: ty.clone(),
            before: before.collect(),
            convention: CONVENTION,
            policy: Policy::GCC,
            level: VectorLevel::Baseline,
        }
    }

    /// In position `n`, counted from 0, less one where a pointer to the result takes the first; the fifth is on the stack.
    fn of_win64(name: &str, ty: &Type, n: usize) -> Self {
        let before = [Type::I64, Type::F64].into_iter().cycle().take(n);
        Self {
            name: format!("{name}, position {n} of Win64"),
            before: before.collect(),
            convention: &X86_64_WIN64,
            ..Self::of_c(name, ty, 0)
        }
    }
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let cases = cases()?;
    let buffers = GuardedBuffers::new(N_BUFFERS, 4096)?;
    let mut settings = all_settings();
    settings.retain(|(name, _)| SETTINGS.contains(&name.as_str()));
    let call = |(_, settings): &_, index: usize| match one(&cases[index], settings, &buffers) {
        Ok(calls) => Verdict::Passed(calls),
        Err(fault) => Verdict::Differs(fault.to_string().into()),
    };
    let outcomes = in_children(&settings, |_| cases.len(), call)?;
    let mut n_calls = 0;
    for ((setting, _), outcomes) in settings.iter().zip(outcomes) {
        for (case, found) in cases.iter().zip(outcomes) {
            let found = found.passed().map_err(|why| format!("{setting}: {why}"));
            n_calls += found.as_ref().copied().unwrap_or(0);
            suite.report.outcome("guard", &case.name, found.map(drop));
        }
    }
    controls(&buffers, suite)?;
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
    for align in [16_u32, 32, 64] {
        for n in [1, align - 1, align + 1] {
            let array = Type::array(&Type::I8, n.into())?;
            let record = record("a", array).aligned(align);
            types.push((format!("char[{n}] aligned to {align}"), record));
        }
    }
    let mut cases = Vec::new();
    for (name, record) in types {
        let ty = record.build(&DataModel::LP64)?;
        cases.extend([0, 8].map(|n| Case::of_c(&name, &ty, n)));
        if IS_X86_64 && (ty.size() <= 24 || ty.align() > 8) {
            cases.extend((0..5).map(|n| Case::of_win64(&name, &ty, n)));
        }
    }
    if IS_X86_64 {
        cases.extend((0..9).map(|n| Case {
            policy: Policy::CLANG,
            ..Case::of_win64("__float128", &Type::F128, n)
        }));
        cases.extend(wide_vectors()?);
    }
    Ok(cases)
}

/// Vectors in whole ymm and zmm registers, and on the stack, as far as this machine has them.
fn wide_vectors() -> Result<Vec<Case>, Error> {
    let mut cases = Vec::new();
    for (level, lanes) in [(VectorLevel::Avx, 4), (VectorLevel::Avx512, 8)] {
        if !Capability::of_level(level).is_some_and(Capability::runs_here) {
            let why = "this machine does not have them";
            let _ = writeln!(
                std::io::stderr(),
                "not run: guard: vectors of {lanes} doubles: {why}"
            );
            continue;
        }
        let vector = Type::vector(&Type::F64, lanes)?;
        let name = format!("vector of {lanes} doubles");
        cases.extend([0, 8].map(|n| Case {
            level,
            ..Case::of_c(&name, &vector, n)
        }));
    }
    Ok(cases)
}

/// Calls from Cranelift to Cranelift with the object after `before` arguments of each kind, in every form, on both sides of the page.
fn one(case: &Case, settings: &Settings, buffers: &GuardedBuffers) -> Result<usize, Fault> {
    let params = case.before.iter().chain([&case.ty]).cloned();
    let sig = FnSig::new(params, case.ty.clone()).convention(case.convention);
    let sig = sig.policy(case.policy).features(case.level);
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
            return Verdict::Differs("too large for a buffer".into());
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
        Verdict::Passed(1)
    };
    let outcomes = in_children(&CONTROLS, |_| 1, touch)?;
    for ((name, ..), outcomes) in CONTROLS.iter().zip(&outcomes) {
        let noticed = match outcomes.first() {
            Some(found) if *found == Verdict::died("SIGSEGV") => Ok(()),
            other => Err(format!("was not noticed: {other:?}")),
        };
        suite.report.outcome("guard control", name, noticed);
    }
    Ok(())
}
