//! The function that shows a transition, as a signature.

use super::Exhaustive;
use super::types::slots;
use crate::generate::{CType, Signature};
use crate::states::{Measure, SYSV, State, Transition, WIN64};

/// A function that shows a transition.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) transition: Transition,
    /// How many types were tried before.
    pub(super) turn: usize,
    /// The value's type.
    value: CType,
    /// Whether it is one of Win64 on Linux.
    ms_abi: bool,
    measure: &'static Measure,
}

impl Function {
    /// The function that shows `transition` with the type of `types` whose turn it is; `None` if all had theirs.
    pub(super) fn new(
        plan: &Exhaustive,
        transition: Transition,
        types: &[CType],
        turn: usize,
    ) -> Option<Self> {
        if turn >= types.len() {
            return None;
        }
        // The phase changes fastest. The factor combines each phase with other types than the registers alone would.
        let (state, measure) = (transition.state, plan.measure);
        let row = measure.state_number(state) / usize::from(measure.n_phases);
        let first = row + 3 * usize::from(state.phase);
        Some(Self {
            transition,
            turn,
            value: types.get((first + turn) % types.len())?.clone(),
            ms_abi: plan.compiler().ms_abi,
            measure,
        })
    }

    /// The result's type, and how many integer registers the address for it takes.
    fn result(&self) -> (Option<CType>, u8) {
        let state = self.transition.state;
        let taken = u8::from(self.measure.result_takes_register);
        match (self.measure.state_number(state) / 3 + usize::from(state.phase) + self.turn) % 4 {
            0 if state.gp + taken <= self.measure.registers.0 => (Some(slots(10)), taken),
            1 => (Some("long".into()), 0),
            2 => (Some("double".into()), 0),
            _ => (None, 0),
        }
    }

    /// The index of the value among the parameters.
    pub(super) fn value_index(&self) -> usize {
        self.before().len()
    }

    /// The parameters that make the state.
    fn before(&self) -> Vec<CType> {
        let State { gp, sse, phase } = self.transition.state;
        let (ints, vectors) = self.measure.registers;
        let taken = usize::from(ints - gp.min(ints)) - usize::from(self.result().1);
        if *self.measure == WIN64 {
            // By turns, as a position is of either kind; then slots, of which the first four are the shadow space.
            let turns = (0..taken).map(|i| if i % 2 == 0 { "long" } else { "double" });
            let slots = match gp {
                0 => usize::from((phase + 4) % 8),
                _ => 0,
            };
            return turns
                .chain(std::iter::repeat_n("long", slots))
                .map(CType::Name)
                .collect();
        }
        let mut params = vec!["long".into(); taken];
        params.extend(vec!["double".into(); usize::from(vectors - sse)]);
        let bytes = u64::from(phase) * self.measure.slot;
        if *self.measure != SYSV {
            // What finds no register.
            let fill = match gp {
                0 => [(8, "long"), (4, "int"), (2, "short"), (1, "char")],
                _ => [(8, "double"), (4, "float"), (2, "_Float16"), (1, "char")],
            };
            let fill = fill.into_iter().filter(|(size, _)| bytes & size != 0);
            params.extend(fill.map(|(_, name)| CType::Name(name)));
        } else if phase > 0 {
            // As many slots modulo eight as the phase says; fewer might be passed in registers.
            params.push(slots(8 + u32::from(phase)));
        }
        params
    }

    pub(super) fn signature(&self) -> Signature {
        let mut params = self.before();
        params.extend([self.value.clone(), "long".into(), "double".into(), slots(3)]);
        Signature {
            ret: self.result().0,
            params,
            unnamed: None,
            ms_abi: self.ms_abi,
        }
    }
}

/// A function that takes a value of type `ty`.
pub(super) fn of_value(ty: &CType, ms_abi: bool) -> Signature {
    Signature {
        ret: None,
        params: vec![ty.clone()],
        unnamed: None,
        ms_abi,
    }
}
