//! Stubs on a machine: which steps it has, the registers that they number, and their code.

use cabi::{FnAbi, Loc, Place, PlacedPart, Reg};

use super::Machine;
use super::convention::Sret;
use super::processor::Processor;
use super::registers::{RegClass, Registers};
use super::stub::{MoveWidth, RegisterMove, Stub, StubCode, StubStep};
use crate::error::PlanError;
use crate::parts::{ClifPart, narrow};

/// Most bytes of all steps but a few.
const STEP_BYTES: usize = 8;

impl Stub {
    /// Returns the machine code, `pic` for objects and without for the JIT.
    ///
    /// # Errors
    /// [`PlanError::Step`] for a step that `machine` has no use for. [`PlanError::Stub`] if the
    /// argument area is too large for an instruction, or (except on x86-64) too large to be skipped
    /// within a page.
    pub fn code(&self, machine: Machine, pic: bool) -> Result<StubCode, PlanError> {
        let (mut code, steps) = (StubCode::default(), &machine.processor().steps);
        code.bytes.reserve(STEP_BYTES * self.steps().len());
        code.row(steps.entry, &[]);
        for step in self.steps() {
            (steps.encode)(*step, pic, &mut code)?;
        }
        Ok(code)
    }
}

impl StubStep {
    /// Returns the error that `machine` lacks the step.
    pub(super) fn refused(self, machine: &'static str) -> PlanError {
        let step = self.word();
        PlanError::Step { step, machine }
    }

    /// Moves the static chain to `reg`, if that is one of the machine's registers of parameters.
    pub(crate) fn chain_to(machine: Machine, reg: Reg) -> Option<Self> {
        Some(
            match (
                machine.processor().numbered(reg)?,
                machine.convention.closures,
            ) {
                ((RegClass::Int, n), None) => Self::ChainToInt(n),
                ((RegClass::Vector, n), None) => Self::ChainToVector(n),
                ((RegClass::Int, n), Some(_)) => Self::AddressToInt(n),
                ((RegClass::Vector, n), Some(_)) => Self::AddressToVector(n),
            },
        )
    }

    /// Jumps to the address in `reg`, an integer register, if parameters are passed in it.
    pub(crate) fn jump_in(machine: Machine, reg: Reg) -> Option<Self> {
        let (_, n) = machine.processor().numbered(reg)?;
        Some(Self::JumpInt(n))
    }

    /// Sets the count of vector registers that a variadic call uses, where callees read one.
    pub(crate) fn count_vectors(abi: &FnAbi) -> Option<Self> {
        let is_asked = abi.variadic_count.is_some();
        is_asked.then_some(Self::SetVectorCount(abi.used.vector))
    }

    /// Copies values that are passed in a vector and an integer register, and are parameters in the
    /// first alone, to the second.
    pub(crate) fn copies(machine: Machine, abi: &FnAbi) -> Option<Self> {
        let parts = abi.args.iter().filter_map(|arg| match &arg.place {
            Place::Parts(parts) => Some(parts),
            _ => None,
        });
        let positions = parts.flatten();
        let positions = positions.filter_map(|own| machine.convention.both_position(own.loc));
        let bits = positions.fold(0, |bits, position| bits | 1 << position);
        (bits != 0).then_some(Self::VectorsToInts(bits))
    }

    /// Stores registers to the object at the address.
    pub(crate) fn stores(moves: &[RegisterMove]) -> impl Iterator<Item = Self> {
        let is_wide = moves.iter().any(|own| own.width > MoveWidth::V128);
        let stores = moves.iter().copied().map(Self::Store);
        stores.chain(is_wide.then_some(Self::ZeroUpper))
    }

    /// Loads `placed`, part of an argument, from the object at the address, if one move can.
    pub(crate) fn loads_part(machine: Machine, placed: &PlacedPart) -> Option<Self> {
        part_move(machine.processor().steps.numbered, placed).map(Self::Load)
    }

    /// Stores `placed`, part of a result, to the object at the address, if one move can.
    pub(crate) fn stores_part(machine: Machine, placed: &PlacedPart) -> Option<Self> {
        part_move(&machine.convention.results, placed).map(Self::Store)
    }

    /// Loads `word` from the object at the address to the first integer register of parameters, if
    /// one move can.
    pub(crate) fn loads_word(word: &ClifPart) -> Option<Self> {
        Some(Self::Load(RegisterMove {
            width: MoveWidth::of(RegClass::Int, word.size, word.extension)?,
            register: 0,
            offset: word.offset,
        }))
    }

    pub(crate) fn push_chain(machine: Machine) -> Self {
        match machine.convention.closures {
            None => Self::PushChain,
            Some(_) => Self::PushAddress,
        }
    }
}

/// Returns the move of `placed` from or to its object, if it is in one of these registers.
fn part_move(registers: &Registers, placed: &PlacedPart) -> Option<RegisterMove> {
    let (Loc::Reg(reg), part) = (placed.loc, &placed.part) else {
        return None;
    };
    let (class, register) = registers.position(reg)?;
    Some(RegisterMove {
        width: MoveWidth::of(class, part.size, part.extension)?,
        register: narrow(register),
        offset: part.offset.into(),
    })
}

impl Machine {
    /// Refuses steps that no stub of this machine has.
    pub(crate) fn check_steps(&self, steps: &[StubStep]) -> Result<(), &'static str> {
        const NONE: &str = "functions of this convention have no stubs, which a static chain, wide vectors and arguments aligned to more than 16 bytes need";
        if !steps.is_empty() && !self.convention.has_stubs {
            return Err(NONE);
        }
        let steps = steps.iter().filter(|_| !self.processor().steps.has_all);
        let code = &mut StubCode::default();
        for step in steps {
            match (self.processor().steps.encode)(*step, true, code) {
                Err(PlanError::Step { .. }) => return Err(NONE),
                Err(PlanError::Stub(why)) => return Err(why),
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks whether an invoker for functions with these places can be a stub, as far as the
    /// convention decides.
    pub(crate) fn invokes(&self, abi: &FnAbi) -> bool {
        let is_usual = self.convention.has_stubs
            && !self.convention.positional
            && self.convention.closures.is_none()
            && self.check_steps(&[StubStep::KeepInvocation]).is_ok();
        let address = match self.convention.sret {
            Sret::FirstInt => self.convention.params.int.first().copied(),
            Sret::Own(reg) => Some(reg),
            Sret::Refused => None,
        };
        let has_address = match abi.ret.place {
            Place::Indirect { pointer, .. } => address.map(Loc::Reg) == Some(pointer),
            Place::Parts(_) | Place::Ignore => true,
            _ => false,
        };
        let is_aligned = abi.area_align <= self.convention.stack_align;
        // No stub of an invoker sets the context register: compiled ones are refused by name.
        let has_context = abi.convention.frame.context.is_some();
        is_usual && has_address && is_aligned && !has_context && abi.callee_pops == 0
    }
}

impl Processor {
    /// Returns the class and number of the parameter register `reg`, as steps number them.
    fn numbered(&self, reg: Reg) -> Option<(RegClass, u8)> {
        let (class, n) = self.steps.numbered.position(reg)?;
        Some((class, u8::try_from(n).ok()?))
    }
}
