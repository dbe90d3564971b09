//! i386 System V (psABI 2.2), a convention that is not shipped. It has rules that no shipped
//! convention has. The block `i386` of `tests/corpus/conventions.txt` compares it with gcc and
//! clang, and rows of `tests/tables/own_conventions.txt` have its places.

use cabi::convention::{
    CalleePops, Classify, Extension, Frame, Group, GroupKind, Part, PartType, PartTypes, Role,
    Rule, Rules, VaListType,
};
use cabi::{
    ArgFlags, Bank, Convention, Error, Kind, Leaf, LeafKind, Policy, Reg, Register, Scalar, Type,
    leaves,
};

const fn register(bank: Bank, bits: u16, name: &'static str, index: u8) -> Register {
    Register {
        name,
        bank,
        index,
        bits,
    }
}
const EAX: Reg = Reg(&const { register(Bank::Int, 32, "eax", 0) });
const EBX: Reg = Reg(&const { register(Bank::Int, 32, "ebx", 3) });
const EBP: Reg = Reg(&const { register(Bank::Int, 32, "ebp", 5) });
const ESI: Reg = Reg(&const { register(Bank::Int, 32, "esi", 6) });
const EDI: Reg = Reg(&const { register(Bank::Int, 32, "edi", 7) });
const ECX: Reg = Reg(&const { register(Bank::Int, 32, "ecx", 1) });
const EDX: Reg = Reg(&const { register(Bank::Int, 32, "edx", 2) });
const ST0: Reg = Reg(&const { register(Bank::X87, 80, "st0", 0) });

/// Returns the group of `ty`. Scalars are words of 4 bytes, floats are for the x87 stack, and
/// records are in memory. Complex results of up to two words are in registers.
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let is_result = cx.role == Role::Result;
    let group = Group::new(GroupKind::Registers, ty.size(), 4);
    // To clang unnamed bit-fields are nothing; gcc passes their bytes.
    let is_clang = cx.policy.has(Policy::ATOMIC_MEMBERS_IN_MEMORY);
    // gcc aligns arguments with vectors, but not as it aligns the vectors.
    let is_vector = |leaf: Leaf| matches!(leaf.kind, LeafKind::Vector(_));
    if ty.align() > 4 || leaves(ty).any(is_vector) {
        return refuse(ty);
    }
    let is_nothing = |leaf: Leaf| leaf.unnamed || leaf.kind == LeafKind::Empty;
    if !is_result && (ty.size() == 0 || is_clang && leaves(ty).all(is_nothing)) {
        return Ok(Group::new(GroupKind::Ignore, 0, 1));
    }
    let float = match ty.kind() {
        Kind::Scalar(Scalar::F32) => Part::float(PartType::F32),
        Kind::Scalar(Scalar::F64) => Part::float(PartType::F64),
        Kind::Scalar(Scalar::F80) => Part::float(PartType::F80),
        Kind::Scalar(Scalar::Bool | Scalar::Int { .. }) | Kind::Enum(_) => {
            return Ok(in_words(group));
        }
        Kind::Complex(_) if is_result && ty.size() <= 8 => return Ok(in_words(group)),
        Kind::Complex(_) | Kind::Array(_) | Kind::Record(_) => {
            return Ok(Group::new(GroupKind::Memory, ty.size(), 4));
        }
        _ => return refuse(ty),
    };
    let bank = Bank::X87;
    Ok(group.with(Part { bank, ..float }))
}

fn refuse(ty: &Type) -> Result<Group, Error> {
    Err(Error::NoKnownRule {
        ty: ty.to_string(),
        why: "this miniature has no place for it",
        target: "i386".to_owned(),
    })
}

fn in_words(group: Group) -> Group {
    let of = |size| match size {
        1 => PartType::I8,
        2 => PartType::I16,
        _ => PartType::I32,
    };
    let size = u8::try_from(group.size).unwrap_or(u8::MAX);
    let words = (0..size).step_by(4);
    let words = words.map(|at| Part::int(of(size - at), Extension::None).at(at));
    words.fold(group, Group::with)
}

const WORDS: PartTypes = PartTypes::of(&[PartType::I8, PartType::I16, PartType::I32]);
/// gcc's `regparm`.
const IN_REGISTERS: Rule = Rule::IfFlag(
    ArgFlags::IN_REG,
    &Rule::IfType(WORDS, &Rule::AssignToReg(&[EAX, EDX, ECX])),
);
const ON_STACK: Rule = Rule::PassByVal { size: 4, align: 4 };
const WORD_RESULTS: Rule = Rule::IfType(WORDS, &Rule::AssignToReg(&[EAX, EDX]));
/// `RetCC_X86Common`, as far as it is used here.
const COMMON_RESULTS: &[Rule] = &[Rule::IfType(
    PartTypes::of(&[PartType::F32, PartType::F64, PartType::F80]),
    &Rule::AssignToReg(&[ST0]),
)];

const ARGS: &[Rule] = &[Rule::IfNotVariadic(&IN_REGISTERS), ON_STACK];
const RESULTS: &[Rule] = &[WORD_RESULTS, Rule::DelegateTo(COMMON_RESULTS)];
pub(crate) static I386: Convention = Convention {
    name: "i386",
    rules: Rules::new(classify, ARGS, RESULTS),
    frame: Frame {
        least_align: 4,
        callee_pops: CalleePops::SretPointer,
        callee_saved: &[EBX, EBP, ESI, EDI],
        sret_returned_in: Some(EAX),
        va_list: VaListType::Pointer,
        ..Frame::new(4, 16)
    },
};
