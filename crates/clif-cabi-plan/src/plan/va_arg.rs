//! Where `va_arg` finds the next unnamed argument (psABI 3.5.7, The `va_arg` Macro; x64 calling convention (Microsoft), Varargs), for any type.

use cabi::convention::{Group, GroupKind, Role};

use cabi::{Bank, FnAbi, FnSig, Target, Type};
use smallvec::SmallVec;

use super::begin::check_va_list;
use super::variadic::{VaListField, end};
use crate::error::{NotLowered, PlanError};
use crate::machine::{Class, Counting, Machine, SaveArea};
use crate::parts::{ClifPart, WORD, is_wide, unplaced};

/// How the next unnamed argument of one type is fetched.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct VaArgPlan {
    /// The type that the argument has: what was asked for, an array or function as the pointer it decays to, and never atomic.
    pub ty: Type,
    /// Where it is.
    pub place: VaPlace,
    /// In the argument area it, or its address, starts at a multiple of so many bytes: 8, or more where the type asks for it.
    pub overflow_align: u32,
    /// Bytes from there to the next argument.
    pub overflow_bytes: u64,
    /// Whether the object is complete, and as aligned as its type, wherever it is found: otherwise it is assembled in a temporary object.
    pub in_place: bool,
}

/// Where an unnamed argument is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum VaPlace {
    /// Nothing of it is passed.
    Nothing,
    /// In the argument area.
    Overflow,
    /// In registers if enough are left, otherwise in the argument area.
    Registers {
        /// What it takes of each class of registers.
        takes: SmallVec<[VaRegisters; 2]>,
        /// Its parts.
        parts: SmallVec<[VaPart; 4]>,
    },
    /// Where the `va_list` points, which is an address (Win64).
    Pointed {
        /// Whether its address is there.
        by_reference: bool,
    },
}

impl VaPlace {
    /// Bytes of the `va_list`.
    #[must_use]
    pub fn list_bytes(&self) -> u32 {
        match self {
            Self::Pointed { .. } => WORD.bytes(),
            _ => VaListField::BYTES,
        }
    }
}

/// What a value takes of one class of registers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct VaRegisters {
    /// The offset that counts the class: [`VaListField::GpOffset`] or [`VaListField::FpOffset`].
    pub offset: VaListField,
    /// The greatest offset at which enough registers are left.
    pub last: u32,
    /// Bytes of the register save area that it takes.
    pub bytes: u32,
    /// What the offset becomes where the value is not in registers. `None`: it stays.
    pub otherwise: Option<u32>,
}

/// A part of a value in registers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct VaPart {
    /// Which bytes of the object it holds, and as what.
    pub part: ClifPart,
    /// The offset that counts its register.
    pub offset: VaListField,
    /// Bytes from there.
    pub at: u32,
}

impl VaArgPlan {
    /// How a variadic function like `sig` fetches its next argument, whose type is `ty` as it is passed: promoted.
    ///
    /// # Errors
    /// [`PlanError`] for what cannot be fetched; see its variants.
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::cabi::{FnSig, Target, Type};
    /// use clif_cabi_plan::{VaArgPlan, VaPlace};
    ///
    /// let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    /// let plan = VaArgPlan::new(&printf, &Type::F80, &Target::X86_64_LINUX)?;
    /// assert_eq!((plan.place, plan.overflow_align), (VaPlace::Overflow, 16));
    /// # Ok::<(), clif_cabi_plan::PlanError>(())
    /// ```
    pub fn new(sig: &FnSig, ty: &Type, target: &Target) -> Result<Self, PlanError> {
        // For the convention, which is the signature's or the target's.
        let abi = FnAbi::new(&sig.clone().variadic().at_call_unpromoted([])?, target)?;
        let machine = (Machine::of(target)?.under)(abi.convention);
        check_va_list(machine, abi.convention, target)?;
        let ty = target.data_model().decay(ty).non_atomic();
        let group = FnAbi::classify(sig, &ty, Role::Unnamed, target)?;
        let refuse = |why| PlanError::unsupported(ty.to_string(), why, target);
        let counting = machine.counting;
        let word = WORD.bytes();
        let Some(save_area) = &machine.va_list.save_area else {
            let by_reference = group.kind == GroupKind::Memory;
            // A copy is as aligned as Win64 aligns copies.
            let align = if by_reference { 2 * word } else { word };
            return Ok(Self {
                in_place: ty.align() <= align,
                place: VaPlace::Pointed { by_reference },
                overflow_align: word,
                overflow_bytes: word.into(),
                ty,
            });
        };
        let place = place(counting, save_area, &group).map_err(refuse)?;
        let overflow_align = group.align.max(word);
        let in_place = ty.align() <= overflow_align
            && match &place {
                VaPlace::Nothing => false,
                VaPlace::Registers { parts, .. } => is_complete(save_area, &ty, parts),
                VaPlace::Overflow | VaPlace::Pointed { .. } => true,
            };
        Ok(Self {
            overflow_bytes: group.size.next_multiple_of(word.into()),
            place,
            overflow_align,
            in_place,
            ty,
        })
    }
}

/// Where a value of `group` is.
fn place(counting: &Counting, save_area: &SaveArea, group: &Group) -> Result<VaPlace, NotLowered> {
    if group.may_split || group.otherwise.is_some() {
        let why = "an argument of which some parts may be in memory is not fetched by va_arg";
        return Err(NotLowered::VaArg(why));
    }
    if group.word != 0 && group.exhausts.is_empty() {
        let why = "clang counts other registers for it than it uses: no va_arg finds what follows";
        return Err(NotLowered::VaArg(why));
    }
    match group.kind {
        GroupKind::Ignore => return Ok(VaPlace::Nothing),
        GroupKind::Memory => return Ok(VaPlace::Overflow),
        GroupKind::Registers => {}
        _ => {
            let why = "an argument that is passed lane by lane is not fetched by va_arg";
            return Err(NotLowered::VaArg(why));
        }
    }
    if group.parts.iter().any(|part| part.bank == Bank::X87) {
        return Ok(VaPlace::Overflow);
    }
    if group.parts.iter().any(is_wide) {
        let why = "the register save area has 16 bytes of a vector register: no va_arg finds more";
        return Err(NotLowered::VaArg(why));
    }
    let (mut ints, mut vectors) = (0, 0);
    let mut parts = SmallVec::new();
    for part in &group.parts {
        let (offset, at, slot) = match part.bank {
            Bank::Vector => {
                let slot = save_area.vector_slot;
                (VaListField::FpOffset, &mut vectors, slot)
            }
            _ => (VaListField::GpOffset, &mut ints, save_area.int_slot),
        };
        parts.push(VaPart {
            part: unplaced(part),
            offset,
            at: *at,
        });
        *at += slot;
    }
    let exhausts = |bank| group.exhausts.iter().any(|reg| reg.bank() == bank);
    let takes = |class, bank, offset, bytes: u32| {
        let end = end(counting, save_area, class);
        let otherwise = exhausts(bank).then_some(end);
        (bytes > 0 || otherwise.is_some()).then_some(VaRegisters {
            offset,
            // A value of more bytes than there are registers has no parts in them.
            last: end.saturating_sub(bytes),
            bytes,
            otherwise,
        })
    };
    let int = takes(Class::Int, Bank::Int, VaListField::GpOffset, ints);
    let vector = takes(Class::Vector, Bank::Vector, VaListField::FpOffset, vectors);
    Ok(VaPlace::Registers {
        takes: int.into_iter().chain(vector).collect(),
        parts,
    })
}

/// Whether a value in registers of one class is, in their slots, the whole object in its own order and as aligned as its type.
fn is_complete(save_area: &SaveArea, ty: &Type, parts: &[VaPart]) -> bool {
    let slot = |part: &VaPart| match part.offset {
        VaListField::FpOffset => save_area.vector_slot,
        _ => save_area.int_slot,
    };
    let in_order = parts.iter().all(|part| part.at == part.part.offset);
    let bytes: u64 = parts.iter().map(|part| u64::from(slot(part))).sum();
    let one_class = parts.windows(2).all(|two| two[0].offset == two[1].offset);
    let aligned = parts.iter().all(|part| ty.align() <= slot(part));
    in_order && one_class && aligned && ty.size() <= bytes
}
