//! The function that shows a transition, as a signature.

use super::types::slots;
use crate::generate::{CSignature, CType};
use crate::states::{Measure, Transition};

/// A function that shows a transition.
#[derive(Clone, Debug)]
pub(super) struct WitnessFunction {
    pub(super) transition: Transition,
    /// How many types were tried before.
    pub(super) turn: usize,
    /// The parameters that make the state.
    pub(super) before: Vec<CType>,
    value: CType,
    ret: Option<CType>,
}

impl WitnessFunction {
    /// The function that shows `transition` with the type of `types` whose turn it is; `None` if all had theirs.
    pub(super) fn new(
        measure: &Measure,
        transition: Transition,
        types: &[CType],
        turn: usize,
    ) -> Option<Self> {
        let (number, before) = measure.arguments_before(transition.state)?;
        let mut before: Vec<CType> = (before.iter())
            .map(|&(name, len)| len.map_or(name.into(), slots))
            .collect();
        // The phase changes fastest. The factor combines each phase with other types than the registers alone would.
        let phase = usize::from(transition.state.phase);
        let first = number / usize::from(measure.n_phases) + 3 * phase;
        let value = types.get((first + turn) % types.len().max(1))?.clone();
        let ret = match (number / 3 + phase + turn) % 4 {
            // The address for it takes the register of a `long`.
            0 if measure.result_takes_register => {
                let at = before.iter().position(|ty| *ty == "long".into());
                at.map(|at| {
                    before.remove(at);
                    slots(10)
                })
            }
            0 => Some(slots(10)),
            1 => Some("long".into()),
            2 => Some("double".into()),
            _ => None,
        };
        (turn < types.len()).then_some(Self {
            transition,
            turn,
            before,
            value,
            ret,
        })
    }

    pub(super) fn signature(&self, ms_abi: bool) -> CSignature {
        let after = [self.value.clone(), "long".into(), "double".into(), slots(3)];
        CSignature {
            ret: self.ret.clone(),
            params: [&self.before[..], &after].concat(),
            unnamed: None,
            ms_abi,
        }
    }
}
