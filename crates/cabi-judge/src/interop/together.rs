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

/// Cases of one library with their Cranelift sides for one direction, compiled.
pub struct Together {
    engine: Engine,
    cases: Vec<Result<(Plan, Side), Fault>>,
}

/// Cranelift's side of a case.
#[derive(Clone, Copy, Debug)]
enum Side {
    Call(Shim),
    /// Variant and function.
    Callee(usize, FuncId),
}

impl Together {
    /// Compiles one direction of `cases`, whose C sides `ground` has under the same numbers. `turn` turns the variants.
    ///
    /// # Errors
    /// [`Fault`] if there is no engine, or what was compiled cannot be made ready: then [`observe`](super::observe) tells which case is to blame.
    pub fn build<'c>(
        ground: &Ground<'_>,
        cases: impl IntoIterator<Item = (&'c Case, Result<FnSig, cabi::Error>)>,
        direction: Direction,
        turn: usize,
    ) -> Result<Self, Fault> {
        let mut engine = Engine::new(ground.settings)?;
        let lower = Lowering::new(engine.isa())?;
        let mut one = |(index, (case, sig)): (usize, (&Case, Result<FnSig, cabi::Error>))| {
            let sig = sig.map_err(clif_cabi::LowerError::from)?;
            let plan = Plan::new(case, sig, |sig| sig, index)?;
            let variant = (index + turn) % VARIANTS;
            match side(ground, &plan, &mut engine, &lower, direction, variant) {
                Ok(side) => Ok((plan, side)),
                Err(fault) => Err(needed(fault, &plan, direction)),
            }
        };
        let cases = cases.into_iter().enumerate().map(&mut one).collect();
        engine.finalize()?;
        Ok(Self { engine, cases })
    }

    /// Makes the call of case `index`.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn play(&self, ground: &Ground<'_>, index: usize) -> Result<(), Fault> {
        let (plan, side) = match self.cases.get(index) {
            Some(Ok(built)) => built,
            Some(Err(fault)) => return Err(fault.clone()),
            None => return Err(Difference::from("no such case").into()),
        };
        let round = &rounds(plan)[index % 2];
        match side {
            Side::Call(shim) => Ok(shim.play(ground, plan, &self.engine, round)?),
            Side::Callee(variant, id) => {
                let what = |found: Difference| found.inside(&format!("forms {variant}"));
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
            Side::Call(Shim::build(plan, engine, lower, import, variant, right)?)
        }
        Direction::Callee => Side::Callee(
            variant,
            function(ground, plan, engine, lower, variant, right)?,
        ),
    })
}
