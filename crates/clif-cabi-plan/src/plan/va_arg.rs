//! Place of the next unnamed argument for `va_arg` (psABI 3.5.7, The `va_arg` Macro; x64 calling
//! convention (Microsoft), Varargs), for any type.

use cabi::convention::{Group, GroupKind, Role};

use cabi::{Bank, Convention, FnAbi, FnSig, Target, Type};
use smallvec::SmallVec;

use super::signature_plan::check_va_list;
use super::variadic::{count, end};
use crate::error::PlanError;
use crate::from_parts::PartsValue;
use crate::machine::{Home, Machine, PerClass, RegClass, SaveArea, VaCounter};
use crate::parts::{ClifPart, WORD, is_wide, narrow, unplaced};
use crate::signature::ValueType;

/// The way the next unnamed argument of one type is fetched.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct VaArgPlan {
    /// Bytes of the object.
    pub size: u64,
    /// Its alignment, in bytes.
    pub align: u32,
    /// Its place.
    pub place: VaPlace,
    /// Alignment of the object, or of its address, in the argument area: 8 bytes, or more if the
    /// type requires it.
    pub overflow_align: u32,
    /// Bytes from the object, or its address, in the argument area to the next argument.
    pub overflow_bytes: u64,
    /// Bytes from the start of the slot to the value, where that is at the end of its slot.
    pub overflow_before: u32,
    /// `true` if the object is complete, and as aligned as its type, in every place. Otherwise it
    /// is assembled in a temporary object.
    pub in_place: bool,
    /// `true` if the place has the address of the object, which is elsewhere.
    pub by_reference: bool,
    /// Bytes of the `va_list`.
    pub list_bytes: u8,
    /// Bytes from the start of the `va_list` to the address of the next argument in the argument
    /// area.
    pub list_overflow: u8,
}

/// The place of an unnamed argument.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum VaPlace {
    /// Nothing of it is passed.
    Nothing,
    /// In the argument area.
    Overflow,
    /// In registers if enough are left, otherwise in the argument area.
    Registers {
        /// Registers of each class that it takes.
        takes: SmallVec<[VaRegisters; 2]>,
        /// Its parts.
        parts: SmallVec<[VaPart; 4]>,
    },
}

/// Registers of one class that a value takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct VaRegisters {
    /// Counter of the class.
    pub counter: VaCounter,
    /// The count is first rounded up to a multiple of this. 1: it is not rounded.
    pub rounded_to: u32,
    /// The greatest count at which enough registers are left.
    pub last: i32,
    /// Increase of the count for the registers that the value takes.
    pub n: u32,
    /// The new count if the value is not in registers. `None`: the count stays.
    pub otherwise: Option<i32>,
}

/// A part of a value in registers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct VaPart {
    /// The bytes of the object that it holds, and their form.
    pub part: ClifPart,
    /// Counter of the part's register.
    pub counter: VaCounter,
    /// Bytes from the address that the counter gives to the part.
    pub at: u32,
}

impl VaArgPlan {
    /// Plans how a variadic function like `sig` fetches its next argument, whose type is `ty` as it
    /// is passed: promoted.
    ///
    /// # Errors
    /// [`PlanError`] for an argument that cannot be fetched; see its variants.
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
        let convention = FnAbi::convention_of(sig, target)?;
        let machine = Machine::under(target, convention)?;
        let refuse = |why| PlanError::convention(convention, why, target);
        check_va_list(machine, convention).map_err(refuse)?;
        let group = FnAbi::classify(sig, ty, Role::Unnamed, target)?;
        Self::of_group((machine, convention), ty, group, target)
    }

    /// Plans how a value of type `ty` is fetched that is passed as `group`.
    fn of_group(
        (machine, convention): (Machine, &Convention),
        ty: &Type,
        group: Group,
        target: &Target,
    ) -> Result<Self, PlanError> {
        let ty = target.data_model().decay(ty).non_atomic();
        let refuse = |why| PlanError::va_arg(ty.to_string(), why, target);
        let (size, align) = (ty.size(), ty.align());
        let Some(save_area) = &machine.convention.va_list.save_area else {
            return Ok(Self::by_pointer(machine, &group, (size, align)));
        };
        let verdict = convention.rules.va_arg.map_or(Ok(()), |asks| asks(&group));
        verdict.map_err(refuse)?;
        if save_area.by_reference && group.kind == GroupKind::Memory {
            let word = (WORD.bytes().into(), WORD.bytes());
            let pointer = [(ClifPart::WHOLE_WORD, RegClass::Int)];
            let place = in_registers(machine, save_area, pointer, word.1, |_| false);
            return Ok(Self {
                size,
                align,
                // A copy of the caller's is as aligned as its stack.
                in_place: align <= machine.convention.stack_align,
                by_reference: true,
                ..Self::at(machine, save_area, place, [word, word])
            });
        }
        let place = place(machine, save_area, &group).map_err(refuse)?;
        let layouts = [(size, align), (group.size, group.align)];
        Ok(Self::at(machine, save_area, place, layouts))
    }

    /// Plans `va_arg` for a front end with types of its own. The argument is an object of `size`
    /// bytes, aligned to `align`, that callers pass in `parts`, as
    /// [`PartsValue::new`](crate::PartsValue::new) takes them. Without parts it is passed in
    /// memory: by its address, except for x86-64 System V, which copies it to the argument area.
    ///
    /// # Errors
    /// [`PlanError::Unsupported`] for parts that are not those of such an object.
    /// [`PlanError::Parts`] if the convention passes it in others.
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::cabi::{FnSig, RecordBuilder, Target, Type};
    /// use clif_cabi_plan::{VaArgPlan, ValueType};
    ///
    /// // struct { double x; long n; }
    /// let target = Target::X86_64_LINUX;
    /// let plan = VaArgPlan::of_parts(&[ValueType::F64, ValueType::I64], 16, 8, &target)?;
    /// let pair = RecordBuilder::structure("pair").field("x", Type::F64).field("n", Type::I64);
    /// let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    /// assert_eq!(plan, VaArgPlan::new(&printf, &pair.build(target.data_model())?, &target)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_parts(
        parts: &[ValueType],
        size: u64,
        align: u32,
        target: &Target,
    ) -> Result<Self, PlanError> {
        let machine = Machine::of(target)?;
        let sig = FnSig::new([], Type::VOID).variadic();
        let save_area = machine.convention.va_list.save_area.as_ref();
        let is_address = save_area.is_none_or(|area| area.by_reference);
        let value = PartsValue::new(parts, size, align);
        let (ty, group) = value.va_arg_group(&sig, target, is_address)?;
        let convention = machine.convention.va_list.convention;
        Self::of_group((machine, convention), &ty, group, target)
    }

    /// Plans `va_arg` of an object of `size` bytes, aligned to `align`, by a `va_list` that is an
    /// address.
    fn by_pointer(machine: Machine, group: &Group, (size, align): (u64, u32)) -> Self {
        let word = WORD.bytes();
        let by_reference = group.kind == GroupKind::Memory;
        // In the shadow space each is a word.
        let home = machine.convention.va_list.home;
        let is_word = by_reference || home == Some(Home::ShadowSpace);
        let (overflow_align, overflow_bytes) = match is_word {
            true => (word, word.into()),
            false => (group.align.max(word), size.next_multiple_of(word.into())),
        };
        let found_at = match by_reference {
            true => machine.convention.stack_align,
            false => overflow_align,
        };
        Self {
            size,
            align,
            in_place: align <= found_at,
            place: match group.kind {
                GroupKind::Ignore if !is_word => VaPlace::Nothing,
                _ => VaPlace::Overflow,
            },
            overflow_align,
            overflow_bytes,
            overflow_before: 0,
            by_reference,
            list_bytes: ClifPart::WHOLE_WORD.size,
            list_overflow: 0,
        }
    }

    /// Plans `va_arg` of an object at `place`; `object` and `in_area` are its size and alignment,
    /// in itself and in the argument area.
    fn at(
        machine: Machine,
        save_area: &SaveArea,
        place: VaPlace,
        [object, in_area]: [(u64, u32); 2],
    ) -> Self {
        let (size, align) = object;
        // A type without bytes there has no alignment either.
        let overflow_align = match in_area.0 {
            0 => WORD.bytes(),
            _ => in_area.1.max(WORD.bytes()),
        };
        let in_place = align <= overflow_align
            && match &place {
                VaPlace::Nothing => false,
                VaPlace::Overflow => true,
                VaPlace::Registers { parts, .. } => is_complete(save_area, object, parts),
            };
        Self {
            size,
            align,
            place,
            overflow_align,
            overflow_bytes: in_area.0.next_multiple_of(WORD.bytes().into()),
            overflow_before: before(machine, in_area.0, WORD.bytes()),
            in_place,
            by_reference: false,
            list_bytes: save_area.list_bytes,
            list_overflow: save_area.overflow,
        }
    }
}

/// Returns the place of a value of `group`.
fn place(machine: Machine, save_area: &SaveArea, group: &Group) -> Result<VaPlace, &'static str> {
    if group.may_split || group.otherwise.is_some() {
        let why = "va_arg cannot fetch an argument that may be partly in memory";
        return Err(why);
    }
    match group.kind {
        GroupKind::Ignore => return Ok(VaPlace::Nothing),
        GroupKind::Memory => return Ok(VaPlace::Overflow),
        GroupKind::Registers => {}
        _ => {
            let why = "va_arg cannot fetch an argument that is passed lane by lane";
            return Err(why);
        }
    }
    if group.parts.iter().any(|part| part.bank == Bank::X87) {
        return Ok(VaPlace::Overflow);
    }
    if group.parts.iter().any(is_wide) {
        let why = "the register save area has 16 bytes of a vector register: va_arg cannot fetch a wider vector";
        return Err(why);
    }
    let exhausts = |bank| group.exhausts.iter().any(|reg| reg.bank() == bank);
    let parts = group.parts.iter().map(|part| match part.bank {
        Bank::Vector => (unplaced(part), RegClass::Vector),
        _ => (unplaced(part), RegClass::Int),
    });
    let align = group.align;
    Ok(in_registers(machine, save_area, parts, align, exhausts))
}

/// Returns the place of a value of `value_parts`, each in a register of its class, that is aligned
/// to `align`. `exhausts`: if it finds too few registers, no later value of the bank finds one.
fn in_registers(
    machine: Machine,
    save_area: &SaveArea,
    value_parts: impl IntoIterator<Item = (ClifPart, RegClass)>,
    align: u32,
    exhausts: impl Fn(Bank) -> bool,
) -> VaPlace {
    let mut bytes = PerClass::<u32>::default();
    let mut parts = SmallVec::new();
    for (part, class) in value_parts {
        let saved = save_area.saved.of(class);
        let at = bytes.of_mut(class);
        let before = match class {
            RegClass::Int => before(machine, part.size.into(), saved.slot),
            RegClass::Vector => 0,
        };
        parts.push(VaPart {
            part,
            counter: saved.counter,
            at: saved.zero_at + *at + before,
        });
        *at += saved.slot;
    }
    let takes = |class, bank| {
        let bytes = *bytes.of(class);
        let (saved, end) = (save_area.saved.of(class), end(machine, save_area, class));
        let is_last = exhausts(bank) || save_area.exhausts && bytes > 0;
        let otherwise = is_last.then_some(count(saved, end));
        let in_pairs = save_area.in_pairs && class == RegClass::Int && align >= 2 * saved.slot;
        (bytes > 0 || otherwise.is_some()).then_some(VaRegisters {
            counter: saved.counter,
            rounded_to: if in_pairs {
                2 * saved.slot / u32::from(saved.counter.unit)
            } else {
                1
            },
            // A value of more bytes than there are registers has no parts in them.
            last: count(saved, end.saturating_sub(bytes)),
            n: bytes / u32::from(saved.counter.unit),
            otherwise,
        })
    };
    let int = takes(RegClass::Int, Bank::Int);
    let vector = takes(RegClass::Vector, Bank::Vector);
    VaPlace::Registers {
        takes: int.into_iter().chain(vector).collect(),
        parts,
    }
}

/// Returns how many bytes of a slot are before a value of `size` bytes.
fn before(machine: Machine, size: u64, slot: u32) -> u32 {
    match machine.convention.ends_slot {
        true => slot.saturating_sub(narrow(size.min(slot.into()))),
        false => 0,
    }
}

/// Checks whether the slots of a value in registers are the whole object. They must be of one
/// class, in the object's order and as aligned as its type.
fn is_complete(save_area: &SaveArea, (size, align): (u64, u32), parts: &[VaPart]) -> bool {
    let slot = |part: &VaPart| match part.counter == save_area.saved.vector.counter {
        true => save_area.saved.vector.slot,
        false => save_area.saved.int.slot,
    };
    let start = parts.first().map_or(0, |first| first.at);
    let in_order = parts.iter().all(|part| part.at == start + part.part.offset);
    let bytes: u64 = parts.iter().map(|part| u64::from(slot(part))).sum();
    let one_class = parts.windows(2).all(|two| two[0].counter == two[1].counter);
    let aligned = parts.iter().all(|part| align <= slot(part));
    in_order && one_class && aligned && size <= bytes
}
