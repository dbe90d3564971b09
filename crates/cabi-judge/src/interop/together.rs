//! Many cases in one engine, each in one variant and one round: what long hunts run, where [`observe`](super::observe) would compile every
//! case four times in an engine of its own.
//!
//! Which variant, which way of calling and which side of the guard page depend on the case's number, so that many cases meet all.

use cabi::FnSig;
use clif_cabi::Lowering;
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi_jit::Engine;

use super::{
    Difference, Direction, Fault, Ground, Plan, Shim, callee, function, import, needed, rounds,
};
use crate::case::Case;
use crate::jit::{Twist, VARIANTS};

/// Cases of one library with their Cranelift sides, compiled.
pub struct Together {
    engine: Engine,
    cases: Vec<[Result<Side, Fault>; 2]>,
}

/// Cranelift's side of a case in one direction.
#[derive(Clone, Debug)]
enum Side {
    Call(Plan, Shim),
    Callee(Plan, usize, FuncId),
}

impl Together {
    /// Compiles both directions of `cases`, whose C sides `ground` has under the same numbers. `turn` turns the variants.
    ///
    /// # Errors
    /// [`Fault`] if there is no engine, or what was compiled cannot be made ready: then [`observe`](super::observe) tells which case is to blame.
    pub fn build<'c>(
        ground: &Ground<'_>,
        cases: impl IntoIterator<Item = (&'c Case, FnSig)>,
        turn: usize,
    ) -> Result<Self, Fault> {
        let mut engine = Engine::new(ground.settings)?;
        let lower = Lowering::new(engine.isa())?;
        let cases = cases.into_iter().enumerate();
        let cases = cases
            .map(|(index, (case, sig))| {
                Direction::ALL.map(|direction| {
                    let plan = Plan::new(case, sig.clone(), |sig| sig, index)?;
                    let variant = (index + turn) % VARIANTS;
                    side(ground, &plan, &mut engine, &lower, direction, variant)
                        .map_err(|fault| needed(fault, &plan, direction))
                })
            })
            .collect();
        engine.finalize()?;
        Ok(Self { engine, cases })
    }

    /// Makes the call of case `index` in one direction.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn play(
        &self,
        ground: &Ground<'_>,
        index: usize,
        direction: Direction,
    ) -> Result<(), Fault> {
        let at = Direction::ALL.iter().position(|one| *one == direction);
        let side = at.and_then(|at| self.cases.get(index)?.get(at));
        match side {
            None => Err(Difference::from("no such case").into()),
            Some(Err(fault)) => Err(fault.clone()),
            Some(Ok(Side::Call(plan, shim))) => {
                let round = &rounds(plan)[index % 2];
                Ok(shim.play(ground, plan, &self.engine, round)?)
            }
            Some(Ok(Side::Callee(plan, variant, id))) => {
                let round = &rounds(plan)[index % 2];
                let what = |found: Difference| found.inside(&format!("variant {variant}"));
                Ok(callee(ground, plan, &self.engine, *id, round).map_err(what)?)
            }
        }
    }
}

fn side(
    ground: &Ground<'_>,
    plan: &Plan,
    engine: &mut Engine,
    lower: &Lowering,
    direction: Direction,
    variant: usize,
) -> Result<Side, Fault> {
    let right = Twist::default();
    Ok(match direction {
        Direction::Call => {
            let import = import(ground, plan, engine, lower)?;
            let shim = Shim::build(plan, engine, lower, import, variant, right)?;
            Side::Call(plan.clone(), shim)
        }
        Direction::Callee => {
            let id = function(ground, plan, engine, lower, variant, right)?;
            Side::Callee(plan.clone(), variant, id)
        }
    })
}
