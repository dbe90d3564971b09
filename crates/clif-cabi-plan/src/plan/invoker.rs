//! The stub that makes a call with its arguments in memory, if the call needs only moves. It moves
//! scalars, and records in registers or words of the argument area. All else is compiled.

use cabi::{Loc, Place, PlacedPart, Target};
use smallvec::SmallVec;

use super::call::CallPlan;
use crate::machine::{Machine, Stub, StubStep};
use crate::parts::{ClifPart, WORD, narrow, unplaced};

/// The most bytes of an argument that are copied word by word.
const MAX_WORDS: u32 = 16;

impl CallPlan {
    /// Returns the stub `void (target, args, ret)`. It calls `target` with the objects that the
    /// elements of `args` point to, stores the result to `ret`, and touches no byte outside of
    /// them. `None` for calls that need more than moves (docs/stubs.md has the list):
    /// - results on the x87 stack, wide vectors, copies that are passed by their addresses
    /// - parts of three bytes, a static chain
    /// - functions that never return, and functions of Windows and Apple's systems
    /// - functions of a convention that passes integers in other registers than C
    ///
    /// [`Stub::code`] may refuse the stub of a call with a large argument area: except on x86-64, a
    /// stub skips less than a page.
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::{CallPlan, cabi::{FnSig, Target, Type}};
    /// let hypot = FnSig::new([Type::F64, Type::F64], Type::F64);
    /// let invoker = CallPlan::new(&hypot, &Target::X86_64_LINUX)?.invoker(&Target::X86_64_LINUX);
    /// let name = "__clif_cabi_frame_keep_keepret_arg0_loadsd0_arg1_loadsd1_calltarget_\
    ///     retaddress_storesd0_leave";
    /// assert_eq!(invoker.map(|stub| stub.name()).as_deref(), Some(name));
    /// // gcc and clang extend what is narrower than an `int`, and clang's functions count on it.
    /// let putc = FnSig::new([Type::I8], Type::VOID);
    /// let invoker = CallPlan::new(&putc, &Target::X86_64_LINUX)?.invoker(&Target::X86_64_LINUX);
    /// let name = "__clif_cabi_frame_keep_arg0_loadsbyte0_calltarget_leave";
    /// assert_eq!(invoker.map(|stub| stub.name()).as_deref(), Some(name));
    /// # Ok::<(), clif_cabi_plan::PlanError>(())
    /// ```
    #[must_use]
    pub fn invoker(&self, target: &Target) -> Option<Stub> {
        let machine = Machine::under(target, self.abi.convention).ok()?;
        let (before, after) = (&self.before, &self.after);
        // An invoker does no step of a stub before a call but the count of vector registers.
        let counts_only = before
            .iter()
            .copied()
            .eq(StubStep::count_vectors(&self.abi));
        // C calls the stub with the target, the arguments and the result in its own registers.
        let of_c = machine.c.params.int;
        let is_usual = machine.invokes(&self.abi)
            && machine.convention.params.int == of_c
            && counts_only
            && after.is_empty();
        // No step extends from other bits than those of bytes.
        let mut params = self.sig.params().iter();
        let has_bits = params.any(|param| self.extended_bits(&param.ty).is_some());
        if !is_usual || has_bits || self.sig.is_noreturn() {
            return None;
        }
        let result = &self.abi.ret.place;
        if self.args.modes().len() == 0 && before.is_empty() && *result == Place::Ignore {
            return Stub::new(&[StubStep::JumpInt(0)]);
        }
        let mut steps = SmallVec::from_slice(&[StubStep::Frame, StubStep::KeepInvocation]);
        steps.extend((*result != Place::Ignore).then_some(StubStep::KeepRet));
        // Words for the stack are loaded to a register of parameters first, and the address of the
        // result takes one.
        self.stack_words(machine, &mut steps)?;
        if let Place::Indirect { .. } = result {
            steps.push(StubStep::PassRet);
        }
        self.registers(machine, &mut steps)?;
        steps.extend_from_slice(before);
        steps.push(StubStep::CallTarget);
        if let Place::Parts(parts) = result {
            steps.push(StubStep::RetAddress);
            for placed in parts {
                steps.push(StubStep::stores_part(machine, placed)?);
            }
        }
        steps.push(StubStep::Leave);
        Stub::new(&steps)
    }

    /// Adds the steps for the arguments in the argument area.
    fn stack_words(&self, machine: Machine, steps: &mut SmallVec<[StubStep; 32]>) -> Option<()> {
        let area = narrow::<u32, _>(self.abi.area_bytes);
        let area = area.next_multiple_of(machine.convention.stack_align);
        steps.extend((area > 0).then_some(StubStep::Skip(area)));
        for (i, arg) in (0..).zip(&self.abi.args) {
            let words = match &arg.place {
                Place::Stack { offset, .. } => self.words(i, narrow(*offset))?,
                Place::Parts(parts) => {
                    let word = |placed| word(machine, placed);
                    parts.iter().filter_map(word).collect()
                }
                _ => continue,
            };
            steps.extend((!words.is_empty()).then_some(StubStep::ArgAddress(narrow(i))));
            for (word, to) in words {
                let to = machine.convention.word_at(to, word.size);
                steps.extend([StubStep::loads_word(&word)?, StubStep::StackWord(to)]);
            }
        }
        Some(())
    }

    /// Returns the words of argument `i`, which is at `offset` of the argument area, and where each
    /// is there.
    fn words(&self, i: usize, offset: u32) -> Option<Words> {
        let parts = self.args.parts(i);
        // Longer ones are copied by 16 bytes, which the callee may load at once: after stores of
        // words such a load waits.
        let is_long = |part: &ClifPart| part.offset + u32::from(part.size) > MAX_WORDS;
        if parts.is_empty() || parts.iter().any(is_long) {
            return None;
        }
        let words = parts.iter().flat_map(|part| {
            ClifPart::slots(part.size.into(), WORD).map(|word| {
                let at = part.offset + word.offset;
                let word = ClifPart {
                    offset: at,
                    size: word.size,
                    ..*part
                };
                (word, offset.saturating_add(at))
            })
        });
        Some(words.collect())
    }

    /// Adds the steps for the arguments in registers.
    fn registers(&self, machine: Machine, steps: &mut SmallVec<[StubStep; 32]>) -> Option<()> {
        for (i, arg) in (0..).zip(&self.abi.args) {
            match &arg.place {
                Place::Ignore | Place::Stack { .. } => {}
                Place::Parts(parts) => {
                    let in_registers = parts
                        .iter()
                        .filter(|placed| word(machine, placed).is_none());
                    let loads = in_registers.map(|placed| StubStep::loads_part(machine, placed));
                    let loads = loads.collect::<Option<SmallVec<[StubStep; 4]>>>()?;
                    steps.extend((!loads.is_empty()).then_some(StubStep::ArgAddress(i)));
                    steps.extend(loads);
                }
                _ => return None,
            }
        }
        Some(())
    }
}

/// Words of an argument, and where each is in the argument area.
type Words = SmallVec<[(ClifPart, u32); 2]>;

/// Returns `placed` as a word of the argument area, and where it is there; `None` if it is in a
/// register. A part at the end of a slot is in none of C's conventions.
fn word(machine: Machine, placed: &PlacedPart) -> Option<(ClifPart, u32)> {
    match placed.loc {
        Loc::Stack(offset) if !machine.convention.ends_slot => {
            Some((unplaced(&placed.part), narrow(offset)))
        }
        _ => None,
    }
}
