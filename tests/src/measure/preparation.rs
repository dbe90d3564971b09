//! Steps before a call: an `FnAbi`, a plan, the emission of the call, its compilation; and their
//! counterparts elsewhere.

use std::cell::Cell;
use std::hint::black_box;

use cabi::{FnAbi, FnSig, Target};
use clif_cabi::Lowering;
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::ir::Function;
use clif_cabi::cranelift_codegen::isa::TargetIsa;
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::Module;
use clif_cabi_jit::Engine;

use super::program::{Program, settings};
use super::{Costs, Repeat, allocations, label};
use crate::hand::{Hand, begin};
use crate::measured_signatures::{MeasuredSignature, measured};
use crate::shims;
use crate::suite::Result;

/// The signatures that goals are stated for.
pub const PREPARED: [&str; 7] = ["i32_2", "s_dd", "s_c9", "s_l4", "ld_2", "mix10", "vsum4"];

/// A step of preparation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// `FnAbi::new`.
    FnAbi,
    /// `Lowering::call_plan` of a signature that it has not seen.
    FirstPlan,
    /// `Lowering::call_plan` of a signature whose plan it keeps.
    CachedPlan,
    /// `Lowering::call_planned` with loads of its arguments and a store of its result.
    Site,
    /// The instructions of the site emitted one by one, with a signature that is imported once.
    SiteByHand,
    /// Cranelift compiles a shim at `speed`.
    Compile,
}

impl Step {
    /// The steps that the goals name.
    pub const IN_GOALS: [Self; 5] = [
        Self::FnAbi,
        Self::FirstPlan,
        Self::Site,
        Self::SiteByHand,
        Self::Compile,
    ];

    /// The steps that are held to a number.
    pub const OURS: [Self; 4] = [Self::FnAbi, Self::FirstPlan, Self::CachedPlan, Self::Site];

    /// Returns the most that one loop may make.
    pub fn most(self) -> u32 {
        match self {
            Self::FnAbi | Self::CachedPlan => 1000,
            Self::FirstPlan | Self::Site | Self::SiteByHand => 200,
            Self::Compile => 20,
        }
    }
}

/// Returns the signatures of [`PREPARED`].
fn prepared() -> Result<Vec<MeasuredSignature>> {
    let mut signatures = measured()?;
    signatures.retain(|measured| PREPARED.contains(&measured.name));
    Ok(signatures)
}

/// Has `measure` make the loop of each of these signatures and steps. The loop is named by both,
/// and makes no more than [`Step::most`].
pub fn each_step(
    program: &Program,
    steps: &[Step],
    measure: &mut dyn FnMut(&MeasuredSignature, Step, Repeat<'_>) -> Result<()>,
) -> Result<()> {
    for measured in prepared()? {
        for &step in steps {
            if step == Step::SiteByHand && moves(&measured).is_none() {
                continue;
            }
            let mut repeat = |n: u32| repeat(program, &measured, step, n);
            measure(&measured, step, &mut repeat)?;
        }
    }
    Ok(())
}

/// Counted allocations.
pub const ALLOCATIONS: [&str; 3] = ["AbiAllocations", "PlanAllocations", "SiteAllocations"];

/// Returns the allocations of an `FnAbi` of each signature, of a first plan, and of a site.
pub fn n_allocations() -> Result<Costs> {
    let mut engine = Engine::new(&settings())?;
    let mut counts = Costs::default();
    for measured in prepared()? {
        let MeasuredSignature { name, sig, .. } = &measured;
        let lower = Lowering::new(engine.isa())?;
        // The table in which plans are kept.
        lower.call_plan(&FnSig::new([], cabi::Type::VOID))?;
        let abi = allocations::during(|| FnAbi::new(sig, &Target::X86_64_LINUX))?;
        let plan = allocations::during(|| lower.call_plan(sig))?;
        // The tables of a function grow from time to time.
        let mut site = usize::MAX;
        sites(&mut engine, &lower, &measured, None, &mut |emit| {
            for _ in 0..16 {
                site = site.min(allocations::during(&mut *emit)?);
            }
            Ok(())
        })?;
        for (what, n) in ALLOCATIONS.into_iter().zip([abi, plan, site]) {
            counts.set(what, name, f64::from(u32::try_from(n)?));
        }
    }
    Ok(counts)
}

/// Returns the call by hand with the instructions of the lowered one.
fn moves(measured: &MeasuredSignature) -> Option<&crate::hand::Moves> {
    match measured.same_code.as_ref().or(measured.hand.as_ref()) {
        Some(Hand::Moves(moves)) => Some(moves),
        _ => None,
    }
}

fn repeat(program: &Program, measured: &MeasuredSignature, step: Step, n: u32) -> Result<()> {
    let label = label(step, measured.name, n);
    let sig = &measured.sig;
    let mut engine = Engine::new(&settings())?;
    let lower = Lowering::new(engine.isa())?;
    let mut repeat = |body: &mut dyn FnMut()| program.repeat(&label, n.into(), body);
    match step {
        Step::FnAbi => {
            let target = Target::X86_64_LINUX;
            // By reference: by value it is copied for `black_box` alone.
            repeat(&mut || _ = black_box(&FnAbi::new(black_box(sig), black_box(&target))))
        }
        Step::FirstPlan => {
            // The loop makes one call more.
            let fresh = (0..=n).map(|_| Lowering::new(engine.isa()));
            let fresh = fresh.collect::<std::result::Result<Vec<_>, _>>()?;
            let mut fresh = fresh.iter();
            repeat(&mut || _ = black_box(fresh.next().map(|lower| lower.call_plan(sig))))
        }
        Step::CachedPlan => repeat(&mut || _ = black_box(lower.call_plan(black_box(sig)))),
        Step::Site => sites(&mut engine, &lower, measured, None, &mut repeat),
        Step::SiteByHand => sites(&mut engine, &lower, measured, moves(measured), &mut repeat),
        Step::Compile => {
            let config = engine.isa().frontend_config();
            let func = shims::shim(&mut engine, &lower, config, sig)?;
            compile(engine.isa(), &func, n, &mut repeat)
        }
    }
}

/// Emits call after call into one function.
fn sites(
    engine: &mut Engine,
    lower: &Lowering,
    measured: &MeasuredSignature,
    by_hand: Option<&crate::hand::Moves>,
    repeat: &mut dyn FnMut(&mut dyn FnMut()) -> Result<()>,
) -> Result<()> {
    let mut site = shims::Site::new(lower, &measured.sig)?;
    let mut func = Function::new();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut fn_ctx);
    let at = begin(&mut builder);
    match by_hand {
        Some(moves) => {
            let imported = builder.import_signature(moves.signature());
            repeat(&mut || moves.emit(&mut builder, imported, at))
        }
        None => {
            let mut emitted = Ok(());
            repeat(&mut || emitted = site.emit(engine, lower, &mut builder, at))?;
            Ok(emitted?)
        }
    }
}

/// Compiles the same function again and again.
fn compile(
    isa: &dyn TargetIsa,
    func: &Function,
    n: u32,
    repeat: &mut dyn FnMut(&mut dyn FnMut()) -> Result<()>,
) -> Result<()> {
    // The loop makes one call more.
    let mut contexts: Vec<_> = (0..=n)
        .map(|_| Context::for_function(func.clone()))
        .collect();
    let (mut contexts, failed) = (contexts.iter_mut(), Cell::new(false));
    repeat(&mut || {
        let compiled = contexts
            .next()
            .map(|ctx| ctx.compile(isa, &mut Default::default()));
        failed.set(!matches!(black_box(compiled), Some(Ok(_))));
    })?;
    match failed.get() {
        true => Err("a shim does not compile".into()),
        false => Ok(()),
    }
}
