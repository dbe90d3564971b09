//! Deliberate mistakes, each of which a named block of the corpus must notice (`kills:` there).
//!
//! Most are broken conventions: a convention is data, so the code under test is the code that
//! ships. The rest exchange a stub for another, or change a compiled function after it was lowered.
//! None needs a hook in any crate.

use cabi::convention::{Group, GroupKind, Role, Rule};
use cabi::{
    Bank, Convention, Extension, LeafKind, Part, PartType, Policy, Reg, Type, X86_64_SYSV, leaves,
    x86_64,
};
use cabi_verify::verify::units::Mistake;
use clif_cabi::cranelift_codegen::ir;
use clif_cabi::{Stub, StubStep};

mod code;
mod riscv;
mod s390x;
mod win64;

use code::{
    area_is_save_area, change_call, fields_misplaced, halved, insts, list_unaligned, padding_lost,
    pair_in_one_lane, registers_swapped, sret_not_returned, stored_constant_grows, swapped,
    with_steps,
};
use riscv::RISCV;
use s390x::S390X;
use win64::WIN64;

/// One mistake.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// Its name in `kills:`.
    pub name: &'static str,
    change: Change,
    /// The rule it breaks.
    pub breaks: &'static str,
}

/// Change by a mistake.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// A convention.
    Of(&'static Convention, fn(&mut Convention)),
    /// A stub, in the place of the right one.
    Stub(fn(Stub) -> Stub),
    /// A function, before it is compiled.
    Function(fn(&mut ir::Function)),
}

impl Mutant {
    /// Returns the mistake as the runner makes it.
    pub fn mistake(&self) -> Mistake {
        let mut mistake = Mistake::NONE;
        match self.change {
            Change::Of(convention, change) => {
                mistake.convention = Some(changed(convention, self.name, change));
            }
            Change::Stub(stub) => mistake.mutation.stub = Some(stub),
            Change::Function(func) => mistake.mutation.func = Some(func),
        }
        mistake
    }
}

/// Returns `convention` with a change, under a name of its own.
pub(crate) fn changed(
    convention: &Convention,
    name: &'static str,
    change: impl FnOnce(&mut Convention),
) -> &'static Convention {
    let mut changed = *convention;
    change(&mut changed);
    changed.name = name;
    Box::leak(Box::new(changed))
}

macro_rules! mutants {
    ($($name:literal: $change:expr, $breaks:literal;)*) => {
        &[$(Mutant { name: $name, change: $change, breaks: $breaks }),*]
    };
}
use mutants;

/// The classifier of a convention, whose groups are changed.
macro_rules! groups {
    ($base:ident, |$group:ident, $ty:ident, $role:ident| $change:block) => {
        |$ty, cx| {
            let mut $group = ($base.rules.classify)($ty, cx)?;
            let $role = cx.role;
            $change
            Ok($group)
        }
    };
}
pub(crate) use groups;

/// A convention with other groups.
macro_rules! regrouped {
    ($base:ident, $($change:tt)*) => {
        Change::Of(&$base, |own| own.rules.classify = groups!($base, $($change)*))
    };
}
use regrouped;

/// System V whose hooks see the policy with a change.
macro_rules! under {
    (|$policy:ident| $change:expr) => {
        Change::Of(&X86_64_SYSV, |own| {
            own.rules.classify = |ty, cx| {
                let $policy = cx.policy;
                cx.policy = $change;
                (X86_64_SYSV.rules.classify)(ty, cx)
            }
        })
    };
}

/// A stub with other steps in place of those that match.
macro_rules! step {
    ($($from:pat => [$($to:expr),*]),+ $(,)?) => {
        Change::Stub(|stub| {
            with_steps(stub, |step| match step {
                $($from => vec![$($to),*],)+
                other => vec![other],
            })
        })
    };
}
use step;

/// Returns all mistakes.
pub fn all() -> impl Iterator<Item = &'static Mutant> + Clone {
    MUTANTS.iter().chain(WIN64).chain(RISCV).chain(S390X)
}

/// Returns the mistake of this name.
///
/// # Errors
/// There is no such mistake.
pub fn named(name: &str) -> Result<&'static Mutant, String> {
    let found = all().find(|mutant| mutant.name == name);
    found.ok_or_else(|| format!("unknown mutant {name}"))
}

/// The mistakes in System V's rules. A new one is a row here, the function that it names, and its
/// name in the `kills:` of a block.
pub const MUTANTS: &[Mutant] = mutants! {
    "swap-eightbytes": regrouped!(X86_64_SYSV, |group, _ty, _role| {
        if let [a, b] = group.parts.as_mut_slice()
            && a.ty != PartType::F80
        {
            std::mem::swap(&mut a.offset, &mut b.offset);
            std::mem::swap(&mut a.size, &mut b.size);
        }
    }), "psABI 3.2.3, Passing: eightbytes are assigned in order";
    "rdx-before-rax": Change::Of(&X86_64_SYSV, |own| {
        own.rules.results = const { &[
            Rule::AssignToReg(&[x86_64::RDX, x86_64::RAX]),
            Rule::DelegateTo(X86_64_SYSV.rules.results),
        ] };
    }), "psABI 3.2.3, Returning: the next of rax, rdx is used";
    "no-rollback": regrouped!(X86_64_SYSV, |group, _ty, role| {
        if group.parts.len() > 1 && role != Role::Result {
            // Registers of each class that it has parts of stay taken.
            let has = |bank| group.parts.iter().any(|part| part.bank == bank);
            let (ints, vectors) = ALL.split_at(6);
            group.exhausts = match (has(Bank::Int), has(Bank::Vector)) {
                (true, false) => ints,
                (false, true) => vectors,
                _ => ALL,
            };
        }
    }), "psABI 3.2.3, Passing: assignments are reverted";
    "split-group": regrouped!(X86_64_SYSV, |group, _ty, _role| {
        group.may_split = true;
    }), "psABI 3.2.3, Passing: all eightbytes in registers or none";
    "merge-to-sse": regrouped!(X86_64_SYSV, |group, ty, _role| {
        if ty.as_record().is_some() {
            for part in &mut group.parts {
                let mixed = part.bank == Bank::Int && has_float(ty, part.offset);
                if mixed {
                    (part.bank, part.ty) = (Bank::Vector, PartType::F64);
                }
            }
        }
    }), "psABI 3.2.3, rule 4(d): Integer wins over Sse";
    "no-cleanup": regrouped!(X86_64_SYSV, |group, ty, role| {
        let cleaned = (17..=32).contains(&ty.size()) && ty.as_record().is_some();
        if group.kind == GroupKind::Memory && cleaned && role != Role::Result {
            group = in_registers(ty, &group);
        }
    }), "psABI 3.2.3, rule 5(c): more than two eightbytes are memory";
    "ignore-unaligned": regrouped!(X86_64_SYSV, |group, ty, _role| {
        if group.kind == GroupKind::Memory && ty.size() <= 16 && ty.as_record().is_some() {
            group = in_registers(ty, &group);
        }
    }), "psABI 3.2.3, rule 1: unaligned fields are memory";
    "array-is-integer": regrouped!(X86_64_SYSV, |group, ty, _role| {
        let arrays = ty.as_record().is_some_and(|record| {
            let mut fields = record.fields().iter();
            fields.any(|field| matches!(field.ty().kind(), cabi::Kind::Array(_)))
        });
        if arrays {
            for part in &mut group.parts {
                (part.bank, part.ty) = (Bank::Int, PartType::I64);
            }
        }
    }), "psABI 3.2.3, rule 3: array elements are classed one by one";
    "over-read-tail": regrouped!(X86_64_SYSV, |group, ty, _role| {
        if ty.as_record().is_some() {
            for part in &mut group.parts {
                match part.bank {
                    Bank::Int => (part.ty, part.size) = (PartType::I64, 8),
                    Bank::Vector if part.ty.bytes() <= 8 => (part.ty, part.size) = (PartType::F64, 8),
                    _ => {}
                }
            }
            group.size = group.size.next_multiple_of(8);
        }
    }), "no byte outside the object is read";
    "value-hook-off": under!(|policy| policy
        .without(Policy::DOUBLE_VECTOR_RESULT_IN_SSE)
        .without(Policy::HALF_PAIRS_IN_SSE)
        .without(Policy::ONE_FLOAT_VECTORS_IN_MEMORY)
    ), "quirks::value: vectors as a whole are each compiler's";
    "leaf-hook-off": under!(|policy| policy
        .without(Policy::UNNAMED_BIT_FIELDS_COUNT)
        .without(Policy::ZERO_LENGTH_ARRAYS_COUNT)
        .without(Policy::ARRAYS_GO_BY_FIRST_ELEMENT)
        .without(Policy::ATOMIC_MEMBERS_IN_MEMORY)
        .without(Policy::MEMBERS_MUST_BE_ALIGNED)
    ), "quirks::leaf: which leaves count is each compiler's";
    "merged-hook-off": under!(|policy| policy.without(Policy::UNIONS_GO_BY_FIRST_EIGHTBYTES)), "quirks::merged: clang looks at two eightbytes of a union only";
    "merged-hook-of-darwin": under!(|policy| policy | Policy::LONE_X87UP_KEPT), "quirks::merged: on Linux no compiler keeps X87Up without X87";
    "group-hook-off": under!(|policy| policy
        .without(Policy::ODD_PAIRS_START_IN_GPR)
        .without(Policy::INT128_USES_UP_INTEGER_REGISTERS)
    ), "quirks::group: LLVM's pairs, and registers that __int128 leaves unused";
    "no-extension": regrouped!(X86_64_SYSV, |group, _ty, _role| {
        for part in &mut group.parts {
            part.extension = Extension::None;
        }
    }), "clang relies on extended narrow arguments";
    "no-area-alignment": regrouped!(X86_64_SYSV, |group, _ty, _role| {
        group.align = group.align.min(8);
    }), "psABI 3.2.3, Passing: memory arguments are aligned to 16 where the type is";
    "garbage-al": step!(StubStep::SetVectorCount(n) => [StubStep::SetVectorCount(n ^ 0xa5)]), "psABI 3.2.3: al is an upper bound of the vector registers used";
    "al-zero": step!(StubStep::SetVectorCount(_) => [StubStep::SetVectorCount(0)]), "psABI 3.2.3: a callee saves no vector register if al is 0";
    "al-one-less": step!(StubStep::SetVectorCount(n) => [StubStep::SetVectorCount(n.saturating_sub(1))]), "al counts each vector register";
    "sret-not-returned": Change::Function(sret_not_returned), "psABI 3.2.3, Returning: rax holds the address of a result in memory";
    "x87-not-popped": step!(StubStep::Pop(n) => [StubStep::Push(n)]), "psABI 3.2.1: the x87 stack is empty between calls";
    "al-unset": step!(StubStep::SetVectorCount(_) => []), "a stub of a variadic call sets al before it jumps";
    "address-in-other-register": step!(StubStep::JumpInt(n) => [StubStep::JumpInt((n + 2) % 6)]), "the address of a variadic function is in the first integer register without an argument";
    "x87-half-popped": step!(StubStep::Pop(2) => [StubStep::Pop(1)]), "psABI 3.2.3, Returning: class COMPLEX_X87 is in st0 and st1";
    "padding-lost": Change::Function(padding_lost), "padding arguments take registers and stack words that no argument has";
    "fields-misplaced": Change::Function(fields_misplaced), "a field is shifted to the byte where the layout has it";
    "registers-swapped": Change::Function(registers_swapped), "each part is in the place of its register in Cranelift's order";
    "list-gp-late": Change::Function(|func| stored_constant_grows(func, (ir::types::I32, 0), 8)), "psABI 3.5.7: gp_offset is that of the first register no named argument takes";
    "list-fp-late": Change::Function(|func| stored_constant_grows(func, (ir::types::I32, 4), 16)), "psABI 3.5.7: fp_offset is that of the first register no named argument takes";
    "list-area-elsewhere": Change::Function(area_is_save_area), "psABI 3.5.7: overflow_arg_area is where the unnamed arguments on the stack are";
    "list-unaligned": Change::Function(list_unaligned), "psABI 3.5.7: overflow_arg_area is aligned for a type that needs 16 bytes";
    "realigned-wrongly": step!(StubStep::Align(n) => [StubStep::Align(n), StubStep::Skip(16)]), "psABI 3.2.3, Passing: the argument area is as aligned as its arguments";
    "not-realigned": step!(StubStep::Align(_) => []), "psABI 3.2.3, Passing: the argument area is as aligned as its arguments, wherever the stack is";
    "area-copied-short": step!(StubStep::Copy(area @ 16..) => [StubStep::Copy(area - 8), StubStep::Skip(8)]), "a stub that aligns the argument area copies all of it";
    "wide-registers-swapped": step!(
        StubStep::Load(own) => [StubStep::Load(swapped(own))],
        StubStep::Store(own) => [StubStep::Store(swapped(own))],
        StubStep::LoadResult(own) => [StubStep::LoadResult(swapped(own))],
    ), "psABI 3.2.3, Passing: the next vector register is used";
    "wide-load-halved": step!(StubStep::Load(own) => [StubStep::Load(halved(own))]), "a stub loads all bytes of a wide argument";
    "wide-store-halved": step!(StubStep::Store(own) => [StubStep::Store(halved(own))]), "a stub stores all bytes of a wide result or argument";
    "wide-result-halved": step!(StubStep::LoadResult(own) => [StubStep::LoadResult(halved(own))]), "all bytes of a wide result are loaded before the return";
    "upper-zeroed-early": step!(StubStep::Store(own) => [StubStep::ZeroUpper, StubStep::Store(own)]), "vzeroupper follows the last wide store";
    "pair-in-one-lane": Change::Function(pair_in_one_lane), "a vector of two words has the first one first";
    "x87-not-pushed": step!(StubStep::Push(n) => [StubStep::Pop(n)]), "psABI 3.2.3, Returning: class X87 is in st0";
};

/// All registers of arguments, integers first.
const ALL: &[Reg] = {
    use cabi::x86_64::*;
    &[
        RDI, RSI, RDX, RCX, R8, R9, XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7,
    ]
};

/// Checks whether a float lies in the eightbyte at `offset`.
fn has_float(ty: &Type, offset: u8) -> bool {
    leaves(ty).any(|leaf| {
        let float = matches!(leaf.kind, LeafKind::Scalar(scalar) if scalar.is_float());
        float && leaf.eightbytes().contains(&usize::from(offset / 8))
    })
}

/// Returns one integer part per eightbyte.
fn in_registers(ty: &Type, memory: &Group) -> Group {
    let mut group = Group::new(GroupKind::Registers, memory.size, memory.align);
    let mut offset = 0;
    while u64::from(offset) < ty.size() {
        let rest = u8::try_from(ty.size() - u64::from(offset));
        let size = rest.unwrap_or(8).min(8);
        let mut part = Part::int(PartType::I64, Extension::None);
        (part.offset, part.size) = (offset, size);
        group.parts.push(part);
        offset += 8;
    }
    group
}
