//! A convention in miniature that is not shipped, i386 System V (psABI 2.2): it has words of the
//! rules that no shipped convention has. `tests/tables/own_conventions.txt` has its places.

use cabi::convention::{
    CalleePops, Classify, Extension, Frame, Group, GroupKind, Part, PartType, PartTypes, Rule,
    Rules, VaListType,
};
use cabi::{ArgFlags, Bank, Convention, Error, Reg, Register, Scalar, Type};

const fn register(bank: Bank, bits: u16, name: &'static str, index: u8) -> Register {
    Register {
        name,
        bank,
        index,
        bits,
    }
}
const EAX: Reg = Reg(&const { register(Bank::Int, 32, "eax", 0) });
const ECX: Reg = Reg(&const { register(Bank::Int, 32, "ecx", 1) });
const EDX: Reg = Reg(&const { register(Bank::Int, 32, "edx", 2) });
const ST0: Reg = Reg(&const { register(Bank::X87, 80, "st0", 0) });

/// Scalars in words of 4 bytes, and floats for the x87 stack; records in memory.
fn classify(ty: &Type, _: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let float = match ty.as_scalar() {
        Some(Scalar::F32) => Part::float(PartType::F32),
        Some(Scalar::F64) => Part::float(PartType::F64),
        None => return Ok(Group::new(GroupKind::Memory, ty.size(), ty.align())),
        _ => {
            let group = Group::new(GroupKind::Registers, ty.size(), ty.align());
            let word = match ty.size() {
                1 => PartType::I8,
                _ => PartType::I32,
            };
            let words = (0..u8::try_from(ty.size()).unwrap()).step_by(4);
            let words = words.map(|at| Part::int(word, Extension::None).at(at));
            return Ok(words.fold(group, Group::with));
        }
    };
    let bank = Bank::X87;
    Ok(Group::new(GroupKind::Registers, ty.size(), 4).with(Part { bank, ..float }))
}

const WORDS: PartTypes = PartTypes::of(&[PartType::I32]);
/// gcc's `regparm`.
const IN_REGISTERS: Rule = Rule::IfFlag(
    ArgFlags::IN_REG,
    &Rule::IfType(WORDS, &Rule::AssignToReg(&[EAX, EDX, ECX])),
);
const ON_STACK: Rule = Rule::PassByVal { size: 4, align: 4 };
/// `RetCC_X86Common`, as far as it is of use here.
const COMMON_RESULTS: &[Rule] = &[Rule::IfType(WORDS, &Rule::AssignToReg(&[EAX, EDX]))];
const FLOAT_RESULTS: Rule = Rule::IfType(
    PartTypes::of(&[PartType::F32, PartType::F64]),
    &Rule::AssignToReg(&[ST0]),
);

const ARGS: &[Rule] = &[Rule::IfNotVariadic(&IN_REGISTERS), ON_STACK];
const RESULTS: &[Rule] = &[FLOAT_RESULTS, Rule::DelegateTo(COMMON_RESULTS)];
pub(crate) static I386: Convention = Convention {
    name: "i386",
    rules: Rules::new(classify, ARGS, RESULTS),
    frame: Frame {
        least_align: 4,
        callee_pops: CalleePops::SretPointer,
        sret_returned_in: Some(EAX),
        va_list: VaListType::Pointer,
        ..Frame::new(4, 16)
    },
};
