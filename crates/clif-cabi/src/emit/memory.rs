//! Loads and stores of parts, never of a byte outside the object. A tail of 3, 5, 6 or 7 bytes is
//! moved 4, 2 and 1 bytes at a time.

use crate::cranelift::codegen::ir::{
    AbiParam, ExtFuncData, ExternalName, LibCall, Opcode, Signature, StackSlotData, StackSlotKind,
    Type, Value, types,
};
use crate::cranelift::codegen::isa::CallConv;
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use crate::cranelift::{MemFlagsData, function_flags};
use clif_cabi_plan::{ClifPart, Extension, Machine};

use super::{Values, convert};
use crate::clif_types::clif_type;

/// An address in CLIF: a base and a constant offset in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Address {
    pub(crate) base: Value,
    pub(crate) offset: i32,
}

impl Address {
    pub(super) fn at(base: Value) -> Self {
        Self { base, offset: 0 }
    }

    /// Returns the address `bytes` further on. Objects of more than 2 GiB have no place in a call.
    pub(crate) fn plus(self, bytes: u32) -> Self {
        let sum = self.offset.checked_add_unsigned(bytes);
        debug_assert!(sum.is_some(), "{} and {bytes} bytes", self.offset);
        let offset = sum.unwrap_or(i32::MAX);
        Self { offset, ..self }
    }

    pub(crate) fn value(self, builder: &mut FunctionBuilder<'_>) -> Value {
        match self.offset {
            0 => self.base,
            offset => builder.ins().iadd_imm_s(self.base, i64::from(offset)),
        }
    }
}

/// Returns flags for user memory, which may be unaligned (packed records) and may fault.
fn flags() -> MemFlagsData {
    MemFlagsData::new()
}

/// Loads a value of type `ty`: `opcode` is `load`, or one of those that extend.
fn load_as(builder: &mut FunctionBuilder<'_>, opcode: Opcode, ty: Type, from: Address) -> Value {
    let flags = function_flags(&mut builder.func.dfg, flags());
    let offset = from.offset.into();
    let (inst, dfg) = builder.ins().Load(opcode, ty, flags, offset, from.base);
    dfg.first_result(inst)
}

/// Stores `value`: `opcode` is `store`, or one of those that store its lower bytes.
pub(super) fn store_as(
    builder: &mut FunctionBuilder<'_>,
    opcode: Opcode,
    value: Value,
    to: Address,
) {
    let ty = builder.func.dfg.value_type(value);
    let flags = function_flags(&mut builder.func.dfg, flags());
    let offset = to.offset.into();
    (builder.ins()).Store(opcode, ty, flags, offset, value, to.base);
}

/// Loads a value of type `ty`.
pub(super) fn read(builder: &mut FunctionBuilder<'_>, ty: Type, from: Address) -> Value {
    load_as(builder, Opcode::Load, ty, from)
}

pub(super) fn write(builder: &mut FunctionBuilder<'_>, value: Value, to: Address) {
    store_as(builder, Opcode::Store, value, to);
}

/// Loads one part of the object at `from`.
pub(super) fn load(builder: &mut FunctionBuilder<'_>, part: &ClifPart, from: Address) -> Value {
    let (ty, from) = (clif_type(part.ty), from.plus(part.offset));
    if u32::from(part.size) == part.ty.bytes() {
        return read(builder, ty, from);
    }
    let mut word: Option<Value> = None;
    for (at, bytes) in runs(part.size) {
        let loaded = load_int(builder, bytes, from.plus(at.into()));
        let shifted = match at {
            0 => loaded,
            at => builder.ins().ishl_imm_u(loaded, i64::from(at) * 8),
        };
        word = Some(or(builder, word, shifted));
    }
    let word = word.unwrap_or_else(|| builder.ins().iconst(types::I64, 0));
    convert::from_word(builder, word, ty)
}

/// Returns `bits`, and those of `with` if there are some.
pub(super) fn or(builder: &mut FunctionBuilder<'_>, with: Option<Value>, bits: Value) -> Value {
    with.map_or(bits, |with| builder.ins().bor(with, bits))
}

/// Loads a part as the passing side has it: one instruction loads and extends a narrow integer.
#[inline]
pub(super) fn load_passed(
    builder: &mut FunctionBuilder<'_>,
    part: &ClifPart,
    from: Address,
) -> Value {
    let is_signed = part.extension == Extension::Sign;
    let opcode = match (part.size, is_signed) {
        _ if part.passed_as == part.ty => return load(builder, part, from),
        (1, true) => Opcode::Sload8,
        (1, false) => Opcode::Uload8,
        (2, true) => Opcode::Sload16,
        (2, false) => Opcode::Uload16,
        (_, true) => Opcode::Sload32,
        (_, false) => Opcode::Uload32,
    };
    let from = from.plus(part.offset);
    load_as(builder, opcode, clif_type(part.passed_as), from)
}

/// Loads the 16 bytes at `from` as the vector `f64x2` of two words, and returns both words as
/// floats too. Each word is loaded by itself, the first one last. `first` is the instruction that
/// makes a vector of one word. It is `scalar_to_vector` if the pair is stored next: the load
/// becomes part of the instruction. It is `splat` for a call, which may be far from the load.
pub(super) fn load_pair(
    builder: &mut FunctionBuilder<'_>,
    from: Address,
    first: Opcode,
) -> (Value, [Value; 2]) {
    let [high, low] = [from.plus(8), from].map(|from| read(builder, types::F64, from));
    let (inst, dfg) = builder.ins().Unary(first, types::F64X2, low);
    let first = dfg.first_result(inst);
    let pair = builder.ins().insertlane(first, high, 1);
    (pair, [high, low])
}

/// Loads `bytes` bytes (1, 2, 4 or 8), zero-extended.
pub(super) fn load_int(builder: &mut FunctionBuilder<'_>, bytes: u8, from: Address) -> Value {
    let opcode = match bytes {
        1 => Opcode::Uload8,
        2 => Opcode::Uload16,
        4 => Opcode::Uload32,
        _ => Opcode::Load,
    };
    load_as(builder, opcode, types::I64, from)
}

/// Stores one part to the object at `to`: its `size` bytes and no more.
pub(super) fn store(builder: &mut FunctionBuilder<'_>, part: &ClifPart, value: Value, to: Address) {
    let to = to.plus(part.offset);
    if u32::from(part.size) == part.ty.bytes() {
        return write(builder, value, to);
    }
    let word = convert::to_word(builder, value);
    for (at, bytes) in runs(part.size) {
        let part = match at {
            0 => word,
            at => builder.ins().ushr_imm_u(word, i64::from(at) * 8),
        };
        let opcode = match bytes {
            1 => Opcode::Istore8,
            2 => Opcode::Istore16,
            4 => Opcode::Istore32,
            _ => Opcode::Store,
        };
        store_as(builder, opcode, part, to.plus(at.into()));
    }
}

/// Loads `parts` of the object at `from`.
pub(super) fn load_all(
    builder: &mut FunctionBuilder<'_>,
    parts: &[ClifPart],
    from: Address,
) -> Values {
    parts.iter().map(|part| load(builder, part, from)).collect()
}

/// Stores `parts` to the object at `to`.
pub(crate) fn store_all(
    builder: &mut FunctionBuilder<'_>,
    parts: &[ClifPart],
    values: &[Value],
    to: Address,
) {
    for (part, value) in parts.iter().zip(values) {
        store(builder, part, *value, to);
    }
}

/// Cuts `size` bytes, at most 8, into runs of 8, 4, 2 and 1: offset and length of each.
pub(super) fn runs(size: u8) -> impl Iterator<Item = (u8, u8)> {
    let mut at = 0;
    [8, 4, 2, 1].into_iter().filter_map(move |bytes| {
        let start = at;
        (size - start >= bytes).then(|| {
            at += bytes;
            (start, bytes)
        })
    })
}

/// Makes an object on the stack of the function being built, and returns its address. Cranelift
/// aligns slots to 8 or 16 bytes at most, so more is allocated and masked.
pub(crate) fn slot(
    config: MemoryConfig,
    builder: &mut FunctionBuilder<'_>,
    size: u64,
    align: u32,
) -> Address {
    if align <= config.slot_align {
        return sized_slot(builder, size, align);
    }
    let base = sized_slot(
        builder,
        size.saturating_add(align.into()),
        config.slot_align,
    )
    .base;
    let last = builder.ins().iadd_imm_s(base, i64::from(align) - 1);
    Address::at(builder.ins().band_imm_s(last, -i64::from(align)))
}

/// Makes room on the stack for code that relies on no alignment. The room is aligned to 16 bytes
/// where Cranelift has such slots.
pub(super) fn scratch(builder: &mut FunctionBuilder<'_>, size: u64) -> Address {
    sized_slot(builder, size, 16)
}

fn sized_slot(builder: &mut FunctionBuilder<'_>, size: u64, align: u32) -> Address {
    let bytes = u32::try_from(size);
    debug_assert!(bytes.is_ok(), "no frame has room for {size} bytes");
    let bytes = bytes.unwrap_or(u32::MAX);
    let align_shift = u8::try_from(align.clamp(1, 16).ilog2()).unwrap_or(4);
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes.max(1), align_shift);
    let slot = builder.create_sized_stack_slot(slot);
    Address::at(builder.ins().stack_addr(types::I64, slot, 0))
}

/// Properties of the target that copies of objects depend on.
#[derive(Clone, Copy)]
pub(crate) struct MemoryConfig {
    /// The convention of `memcpy`.
    call_conv: CallConv,
    /// Type by which 16 bytes are moved.
    pair: Type,
    /// Greatest alignment of stack slots.
    pub(super) slot_align: u32,
    /// `true` where `memcpy` has to be imported as a near function, as every other import
    /// ([`Machine::calls_imports_near`]).
    has_near_imports: bool,
}

impl MemoryConfig {
    pub(crate) fn new(call_conv: CallConv, machine: Machine, has_near_imports: bool) -> Self {
        let pair = match machine.has_vectors() {
            true => types::F64X2,
            false => types::I128,
        };
        Self {
            call_conv,
            pair,
            slot_align: machine.slot_align(),
            has_near_imports,
        }
    }

    pub(super) fn has_vectors(&self) -> bool {
        self.pair.is_vector()
    }
}

/// The most bytes that are copied without a call of `memcpy`: as many as gcc and clang copy so.
const COPIED_INLINE: u64 = 128;

/// Most bytes of a value that is given by its fields.
pub(super) const MAX_FIELDS_BYTES: u64 = 64;

/// Copies `size` bytes between objects that do not overlap. An object of at most
/// [`MAX_FIELDS_BYTES`] may just have been written field by field. It is read 8 bytes at a time and
/// written 16. No load then waits for two stores, even if the copy is read in vectors. A larger
/// object was mostly copied.
pub(crate) fn copy(
    config: MemoryConfig,
    builder: &mut FunctionBuilder<'_>,
    size: u64,
    from: Address,
    to: Address,
) {
    if size > COPIED_INLINE {
        let (to, from) = (to.value(builder), from.value(builder));
        let bytes = i64::try_from(size);
        debug_assert!(bytes.is_ok(), "no object has {size} bytes");
        let size = bytes.unwrap_or(i64::MAX);
        let size = builder.ins().iconst(types::I64, size);
        let pointer = AbiParam::new(types::I64);
        let signature = builder.import_signature(Signature {
            params: vec![pointer; 3],
            returns: vec![pointer],
            call_conv: config.call_conv,
        });
        let memcpy = builder.import_function(ExtFuncData {
            name: ExternalName::LibCall(LibCall::Memcpy),
            signature,
            colocated: config.has_near_imports,
            patchable: false,
        });
        builder.ins().call(memcpy, &[to, from, size]);
        return;
    }
    let mut at = 0_u32;
    let mut remaining = size;
    while remaining >= 16 {
        let is_in_lanes = config.has_vectors() && size <= MAX_FIELDS_BYTES;
        let pair = match is_in_lanes {
            true => load_pair(builder, from.plus(at), Opcode::ScalarToVector).0,
            false => read(builder, config.pair, from.plus(at)),
        };
        write(builder, pair, to.plus(at));
        at += 16;
        remaining -= 16;
    }
    for ty in [types::I64, types::I32, types::I16, types::I8] {
        while remaining >= u64::from(ty.bytes()) {
            let value = read(builder, ty, from.plus(at));
            write(builder, value, to.plus(at));
            at += ty.bytes();
            remaining -= u64::from(ty.bytes());
        }
    }
}
