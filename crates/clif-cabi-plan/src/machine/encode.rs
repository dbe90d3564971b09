//! Stubs on a machine: which steps it has, the registers that they number, and their code.

use cabi::{FnAbi, Place, Reg};

use super::counting::RegClass;
use super::description::Machine;
use super::stub::{Callee, Step, Stub, StubCode, VectorMove};
use crate::error::PlanError;

impl Stub {
    /// The machine code, `pic` for objects and without for the JIT.
    ///
    /// # Errors
    /// [`PlanError::Step`] for a step that `machine` has no use for, [`PlanError::Stub`] when the argument area is too large to be jumped over.
    pub fn code(&self, machine: &Machine, pic: bool) -> Result<StubCode, PlanError> {
        let (mut code, steps) = (StubCode::default(), machine.steps);
        code.row(steps.entry.register, steps.entry.offset, &[]);
        for step in self.steps() {
            (steps.encode)(*step, pic, &mut code)?;
        }
        Ok(code)
    }
}

impl Step {
    /// That `machine` has no use for the step.
    pub(super) fn refused(self, machine: &'static str) -> PlanError {
        let step = self.word();
        PlanError::Step { step, machine }
    }

    /// Moves the static chain to `reg`, if that is one of the machine's registers of parameters.
    pub(crate) fn chain_to(machine: &Machine, reg: Reg) -> Option<Self> {
        Some(match (machine.numbered(reg)?, machine.closures) {
            ((RegClass::Int, n), None) => Self::ChainToInt(n),
            ((RegClass::Vector, n), None) => Self::ChainToVector(n),
            ((RegClass::Int, n), Some(_)) => Self::AddressToInt(n),
            ((RegClass::Vector, n), Some(_)) => Self::AddressToVector(n),
        })
    }

    /// Tells the callee of a variadic call how many vector registers it uses, where callees ask.
    pub(crate) fn count_vectors(abi: &FnAbi) -> Option<Self> {
        let is_asked = abi.variadic_count.is_some();
        is_asked.then_some(Self::SetVectorCount(abi.used.vector))
    }

    /// Copies what is passed in a vector and in an integer register, and is a parameter in the first alone, to the second.
    pub(crate) fn copies(machine: &Machine, abi: &FnAbi) -> Option<Self> {
        let parts = abi.args.iter().filter_map(|arg| match &arg.place {
            Place::Parts(parts) => Some(parts),
            _ => None,
        });
        let positions = parts.flatten();
        let positions = positions.filter_map(|own| machine.counting.both_position(own.loc));
        let all = positions.fold(0, |all, position| all | 1 << position);
        (all != 0).then_some(Self::VectorsToInts(all))
    }

    /// Stores vector registers to the object at the address.
    pub(crate) fn stores(moves: &[VectorMove]) -> impl Iterator<Item = Self> {
        let is_wide = moves.iter().any(VectorMove::is_wide);
        let stores = moves.iter().copied().map(Self::Store);
        stores.chain(is_wide.then_some(Self::ZeroUpper))
    }

    /// Pushes the static chain.
    pub(crate) fn push_chain(machine: &Machine) -> Self {
        match machine.closures {
            None => Self::PushChain,
            Some(_) => Self::PushAddress,
        }
    }
}

impl Callee {
    /// To the address in `reg`, if that is an integer register of the machine's parameters.
    pub(crate) fn in_register(machine: &Machine, reg: Reg) -> Option<Self> {
        match machine.numbered(reg)? {
            (RegClass::Int, n) => Some(Self::In(n)),
            (RegClass::Vector, _) => None,
        }
    }
}

impl Machine {
    /// Refuses steps that no stub of this machine has.
    pub(crate) fn check_steps(&self, steps: &[Step]) -> Result<(), &'static str> {
        let code = &mut StubCode::default();
        let is_refused = |error| matches!(error, Err(PlanError::Step { .. }));
        let mut encoded = (steps.iter()).map(|step| (self.steps.encode)(*step, true, code));
        let mut has_all = || self.steps.has_all || !encoded.any(is_refused);
        match steps.is_empty() || self.has_stubs && has_all() {
            true => Ok(()),
            false => Err(
                "what only a stub can pass (a static chain, wide vectors, arguments aligned to more than 16 bytes) is not lowered for functions of its kind",
            ),
        }
    }

    /// Which register of parameters `reg` is, as steps number them.
    fn numbered(&self, reg: Reg) -> Option<(RegClass, u8)> {
        let (class, n) = self.steps.numbered.position(reg)?;
        Some((class, u8::try_from(n).ok()?))
    }
}
