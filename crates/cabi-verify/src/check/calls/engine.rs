//! Cranelift's sides of a case in an engine, in every way.

use std::collections::HashMap;

use cabi::FnSig;
use clif_cabi::Lowering;
use clif_cabi::cranelift_codegen::settings::RegallocAlgorithm;
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi_jit::Engine;

use super::callee_objects;
use super::run_time::{CraneliftSide, Maker};
use super::{CallCase, Difference, Direction, Fault, Harness, Round, SIDES};
use super::{call, from_c, round};
use crate::emit::cranelift::{self, CallVia, Mutation, Sent, VARIANTS, keeps_result};
use crate::run::boundary;
use crate::verdict::needed;

/// The ways in which a case is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ways {
    All,
    /// By code compiled for the signature.
    Compiled,
    /// By code made at run time for any signature; where there is none, in one compiled way.
    AtRunTime,
}

/// State that cases of one process share under one engine setting, as the functions of a front end
/// do. Plans, invokers and closures are found again by their keys: a key that lacks a property of
/// its value gives a case the code of another one.
#[derive(Default)]
pub(crate) struct Caches {
    lower: Option<Lowering>,
    maker: Option<Maker>,
    /// Signatures by the keys of [`Key`].
    by_key: HashMap<String, FnSig>,
}

/// Key under which signatures share plans and code: a mistake made on purpose, since signatures
/// that differ are equal then.
pub type Key = fn(&FnSig) -> String;

impl Caches {
    /// Returns the first of the signatures with the key of `sig`.
    pub(super) fn first(&mut self, key: Key, sig: FnSig) -> FnSig {
        self.by_key.entry(key(&sig)).or_insert(sig).clone()
    }
}

/// A case with its Cranelift sides for one direction, compiled.
pub(super) struct Sides {
    engine: Engine,
    plan: CallCase,
    codes: Vec<CraneliftSide>,
}

impl Sides {
    pub(super) fn of(
        harness: &Harness<'_>,
        caches: &mut Caches,
        plan: CallCase,
        direction: Direction,
        ways: Ways,
        mutation: Mutation,
    ) -> Result<Self, Fault> {
        let mut engine = Engine::new(harness.settings)?;
        let Caches { lower, maker, .. } = caches;
        let lower = match lower {
            Some(lower) => lower,
            none => none.insert(Lowering::new(engine.isa())?),
        };
        let codes = || {
            let (mut codes, mut import) = (Vec::new(), None);
            if ways != Ways::Compiled {
                let maker = match maker {
                    Some(maker) => maker,
                    none => none.insert(Maker::new(harness, direction)?),
                };
                codes = maker.code(harness, &plan)?;
            }
            let n = match ways {
                // A closure that must not return is a function where there is no other side.
                Ways::AtRunTime => usize::from(codes.is_empty()),
                _ => VARIANTS,
            };
            for variant in 0..n {
                let with = (harness, &plan, direction, mutation);
                let made = compiled(with, (&mut engine, lower), &mut import, variant)?;
                codes.push(made);
            }
            Ok(codes)
        };
        let codes = codes().map_err(|fault| needed(fault, &plan.abi, direction))?;
        engine.finalize()?;
        Ok(Self {
            engine,
            plan,
            codes,
        })
    }

    /// Makes all calls in all rounds. Returns how many.
    pub(super) fn rounds(&self, harness: &Harness<'_>) -> Result<usize, Fault> {
        for number in 0..SIDES.len() {
            let round = round(&self.plan, number);
            for code in &self.codes {
                code.execute(harness, &self.plan, &self.engine, &round)?;
            }
        }
        Ok(SIDES.len() * self.codes.len())
    }
}

/// Builds variant `variant`: which function calls C is a matter of the variant too.
fn compiled(
    (harness, plan, direction, mutation): (&Harness<'_>, &CallCase, Direction, Mutation),
    (engine, lower): (&mut Engine, &Lowering),
    import: &mut Option<FuncId>,
    variant: usize,
) -> Result<CraneliftSide, Fault> {
    if direction == Direction::Callee {
        // Lowering does not depend on how registers are allocated: each form is at both sides under every other setting.
        let allocation = engine.isa().flags().regalloc_algorithm();
        let is_turned = allocation == RegallocAlgorithm::SinglePass;
        let side = SIDES[(variant + plan.index + usize::from(is_turned)) % 2];
        let (places, offsets) = callee_objects::addresses(harness, plan, side)?;
        let (told, places) = (&plan.told, (places, &offsets[..]));
        let id = cranelift::function(engine, None, lower, told, places, variant, mutation)?;
        return Ok(CraneliftSide::Function(variant, side, id));
    }
    let callee = match *import {
        Some(callee) => callee,
        None => {
            // C calls the thunk, which calls the callee: an engine may have those of several cases.
            let name = format!("callee_{}", plan.index);
            engine.bind(&name, boundary::thunk_address())?;
            *import.insert(lower.declare_import(engine, &name, &plan.told)?.id)
        }
    };
    let told = (&plan.told, Sent::ByPointers);
    let via = match (variant + plan.index) % 4 {
        0 => CallVia::Function(callee),
        1 => CallVia::Pointer,
        2 => CallVia::Ref(callee),
        _ => CallVia::OwnPointer,
    };
    let id = cranelift::shim(engine, None, lower, told, via, variant, mutation)?;
    Ok(CraneliftSide::Shim(variant, via, id))
}

impl CraneliftSide {
    /// Makes the call of one round.
    fn execute(
        &self,
        harness: &Harness<'_>,
        plan: &CallCase,
        engine: &Engine,
        round: &Round,
    ) -> Result<(), Difference> {
        let code = |id| engine.code(id).map_err(|error| error.to_string());
        let side = round.side.words();
        let (found, how) = match self {
            Self::Shim(variant, via, id) => {
                let code = code(*id)?;
                // SAFETY: the shim was compiled as such, reads one object per pointer and writes one to `ret`; the engine is alive.
                let run =
                    |args, target| unsafe { boundary::call(code.as_ptr().cast(), args, target) };
                let keeps_result = plan.has_result && keeps_result(*variant);
                let how = match via {
                    CallVia::Function(_) => "called directly",
                    CallVia::Ref(_) => "called by reference",
                    CallVia::Pointer => "called through a pointer",
                    CallVia::OwnPointer => "called by the caller's own instruction",
                };
                let how = format!("{how}, forms {variant}, {side}");
                (call(harness, plan, keeps_result, round, run), how)
            }
            Self::Function(variant, side, id) => {
                // SAFETY: the address is only called by C code, as the type it was compiled as; the engine is alive.
                let address = unsafe { code(*id)?.as_ptr() }.cast();
                let how = format!("forms {variant}, {}", side.words());
                (from_c(harness, plan, address, round, Some(*side)), how)
            }
            Self::Invoker(invoker) => {
                // SAFETY: an invoker takes the callee first; otherwise as a shim.
                let run = |[args, ret, callee]: [_; 3], target| unsafe {
                    boundary::call(invoker.code().as_ptr().cast(), [callee, args, ret], target)
                };
                let how = format!("by an invoker, {side}");
                (call(harness, plan, plan.has_result, round, run), how)
            }
            Self::Closure(closure) => {
                let address = closure.code().cast();
                (
                    from_c(harness, plan, address, round, None),
                    "a closure".to_owned(),
                )
            }
        };
        found.map_err(|found| found.inside(&how))
    }
}
