//! Many cases in one engine, each in one way and one round, for long fuzz runs: [`observe`](super::observe) would compile every case four times in an
//! engine of its own.
//!
//! The variant, the way of calling and the side of the guard page depend on the case's index, so that many cases together cover them all.

use cabi::FnSig;
use clif_cabi::Lowering;
use clif_cabi::cranelift_module::Module;
use clif_cabi_jit::Engine;

use super::cranelift_side::{Code, Import};
use super::run_time::{self, Maker};
use super::{CallCase, Difference, Direction, Fault, Harness, WAYS, needed, round};
use crate::case::Case;
use crate::emit::cranelift::{Mutation, VARIANTS};

/// Which of the [`WAYS`] a case is called in.
enum Way {
    Compiled(Code),
    AtRunTime(run_time::Code),
}

/// Cases of one library with their Cranelift sides for one direction, compiled.
pub struct SharedEngine {
    engine: Engine,
    cases: Vec<Result<(CallCase, Way), Fault>>,
}

impl SharedEngine {
    /// Compiles one direction of `cases`, whose C sides `harness` has under the same numbers. `turn` turns the variants.
    ///
    /// # Errors
    /// [`Fault`] if there is no engine, or what was compiled cannot be made ready: then [`observe`](super::observe) tells which case is to blame.
    pub fn build<'c>(
        harness: &Harness<'_>,
        cases: impl IntoIterator<Item = (&'c Case, Result<FnSig, cabi::Error>)>,
        direction: Direction,
        turn: usize,
    ) -> Result<Self, Fault> {
        let mut engine = Engine::new(harness.settings)?;
        let lower = Lowering::new(engine.isa())?;
        let mut maker = None;
        let mut one = |(index, (case, sig)): (usize, (&Case, Result<FnSig, cabi::Error>))| {
            let sig = sig.map_err(clif_cabi::LowerError::from)?;
            let plan = CallCase::new(case, sig, |sig| sig, index)?;
            let way = (index + turn) % WAYS;
            let mut code = || {
                if way == VARIANTS {
                    let maker = match &mut maker {
                        Some(maker) => maker,
                        none => none.insert(Maker::new(harness, direction)?),
                    };
                    if let Some(code) = maker.code(harness, &plan)? {
                        return Ok(Way::AtRunTime(code));
                    }
                }
                let (variant, right) = (way % VARIANTS, Mutation::default());
                let import = Import::declare(harness, &plan, &mut engine, &lower, direction)?;
                Code::build(harness, &plan, &mut engine, &lower, import, variant, right)
                    .map(Way::Compiled)
            };
            let code = code().map_err(|fault| needed(fault, &plan, direction))?;
            Ok((plan, code))
        };
        let cases = cases.into_iter().enumerate().map(&mut one).collect();
        engine.finalize()?;
        Ok(Self { engine, cases })
    }

    /// Makes the call of case `index`.
    pub fn execute(&self, harness: &Harness<'_>, index: usize) -> Result<(), Fault> {
        let (plan, code) = match self.cases.get(index) {
            Some(Ok(built)) => built,
            Some(Err(fault)) => return Err(fault.clone()),
            None => return Err(Difference::from("no such case").into()),
        };
        let round = &round(plan, index % 2);
        match code {
            Way::Compiled(code) => code.execute(harness, plan, &self.engine, round)?,
            Way::AtRunTime(code) => code.execute(harness, plan, round)?,
        }
        Ok(())
    }
}
