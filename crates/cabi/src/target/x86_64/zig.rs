//! Zig's own calling conventions on x86-64, as its own back end has them (`-fno-llvm`, Zig 0.15.2):
//! `auto`, which functions without another one have, and `naked`. Zig documents no ABI: each line
//! here is what its compiler does, and docs/policy.md says how that is measured.
//!
//! `auto` goes by type, not by eightbyte: a float, a vector, and everything else by its size alone.
//! Conventions of C that Zig has other names for are found by [`convention`]. Not here: what its
//! LLVM back end does with `auto`, and `async`.

mod names;

pub use self::names::{convention, conventions, promote};
use super::registers::{
    R8, R9, R11, R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI, ST0, ST1, ST2, ST3, ST4,
    ST5, ST6, XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7,
};
use super::sysv::Class;
use crate::convention::PartType::{F16, F32, F64, F80, I64, V128, V256};
use crate::convention::Rule::{AssignToReg, AssignToStack, IfType};
use crate::convention::{
    Classify, Convention, Extension, Frame, Group, GroupKind, Part, PartTypes, Reg, Rule, Rules,
};
use crate::leaves::{LeafKind, leaves};
use crate::scalar::{BoolVector, Scalar, Vector};
use crate::target::parts::{self, INTS};
use crate::types::error::Error;
use crate::types::{Kind, Type};

const GPRS: &[Reg] = &[RAX, RDX, RBX, RCX, RSI, RDI, R8, R9];
const VECTORS: &[Reg] = &[XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7];
const X87: &[Reg] = &[ST0, ST1, ST2, ST3, ST4, ST5, ST6];
const FLOATS: PartTypes = PartTypes::of(&[F16, F32, F64, V128, V256]);

/// The widest vector that is passed in a register, in bytes, also where the machine has wider ones.
const WIDEST: u32 = 32;

/// Zig's `auto`, in a compilation without error tracing (`-fno-error-tracing`).
///
/// # Example
/// ```
/// use cabi::{DataModel, FnAbi, FnSig, Target, Type, zig};
///
/// // fn f(n: i32, text: []const u8, x: f64) []const u8
/// let slice = DataModel::LP64.slice();
/// let sig = FnSig::new([Type::I32, slice.clone(), Type::F64], slice).convention(&zig::AUTO);
/// let abi = FnAbi::new(&sig, &Target::X86_64_LINUX)?;
/// let places: Vec<String> = abi.args.iter().map(|arg| arg.place.to_string()).collect();
/// assert_eq!(places, ["rax", "rdx rbx", "xmm0"]);
/// assert_eq!(abi.ret.to_string(), "rax rdx");
///
/// let sig = FnSig::new([Type::BF16], Type::VOID).convention(&zig::AUTO);
/// let refused = FnAbi::new(&sig, &Target::X86_64_LINUX);
/// let why = "__bf16: Zig does not have this type (zig-auto on x86_64-unknown-linux-gnu)";
/// assert_eq!(refused.unwrap_err().to_string(), why);
/// # Ok::<(), cabi::Error>(())
/// ```
pub static AUTO: Convention = Convention {
    name: "zig-auto",
    rules: Rules::new(
        classify,
        &[
            IfType(INTS, &AssignToReg(GPRS)),
            IfType(FLOATS, &AssignToReg(VECTORS)),
            IfType(PartTypes::of(&[F80]), &AssignToReg(X87)),
            OWN_SLOT,
        ],
        &[
            IfType(INTS, &AssignToReg(&[RAX, RDX])),
            IfType(FLOATS, &AssignToReg(&[XMM0])),
            IfType(PartTypes::of(&[F80]), &AssignToReg(&[ST0])),
        ],
    ),
    frame: Frame {
        vector_align: Some(WIDEST),
        callee_saved: &[RBP, R11, R12, R13, R14, R15],
        vector_bank: "sse",
        sret_returned_in: Some(RAX),
        ..Frame::new(1, 16)
    },
};

/// Zig's `auto` in a compilation with error tracing, which `-ODebug` and `-OReleaseSafe` have by
/// default. The last integer register holds the address of the error return trace, in functions
/// that return no error too.
pub static AUTO_TRACED: Convention = Convention {
    name: "zig-auto-traced",
    rules: Rules {
        args: &[
            IfType(INTS, &AssignToReg(&[RAX, RDX, RBX, RCX, RSI, RDI, R8])),
            IfType(FLOATS, &AssignToReg(VECTORS)),
            IfType(PartTypes::of(&[F80]), &AssignToReg(X87)),
            OWN_SLOT,
        ],
        ..AUTO.rules
    },
    frame: Frame {
        carried: Some(R9),
        ..AUTO.frame
    },
};

/// Zig's `naked`: a function without prologue and epilogue, which Zig's code does not call. It
/// takes no arguments and returns nothing.
pub static NAKED: Convention = Convention {
    name: "zig-naked",
    rules: Rules::new(refuse, &[], &[]),
    frame: Frame::new(8, 8),
};

/// A slot of the type's own size and alignment: the next value may start at the next byte.
const OWN_SLOT: Rule = AssignToStack { size: 0, align: 0 };

/// Returns the group of `ty` in `auto`.
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    if cx.variadic {
        let why = "a variadic function cannot have Zig's `auto`: use a convention of C";
        return Err(Error::InvalidSignature { why });
    }
    if let Some(why) = refusal(ty, cx) {
        return cx.refuse(ty, why);
    }
    if ty.size() == 0 {
        return Ok(Group::ignore());
    }
    let mut group = Group::new(GroupKind::Registers, ty.size(), ty.canonical_align());
    let part = match ty.kind() {
        // Two words that stay together: in registers both or none.
        Kind::Slice => {
            cx.tracer.classes([Class::Integer; 2]);
            let word = Part::int(I64, Extension::None);
            return Ok(group.with(word).with(word.at(8)));
        }
        Kind::Scalar(scalar) if scalar.is_float() => parts::scalar_float(*scalar),
        Kind::Vector(vector) if vector.bools.is_none() => vector_part(ty.size()),
        _ => general(ty.size()),
    };
    match part {
        Some(part) => {
            cx.tracer.whole(Class::of(part.bank));
            Ok(group.with(part))
        }
        None => {
            cx.tracer.whole(Class::Memory);
            group.kind = GroupKind::Memory;
            Ok(group)
        }
    }
}

/// Returns the part of a value of up to 8 bytes of any other type, in an integer register. Such
/// types are records, enumerations and vectors of bools too.
fn general(size: u64) -> Option<Part> {
    let size = u8::try_from(size).ok().filter(|size| *size <= 8)?;
    Some(parts::int(size, Extension::None))
}

fn vector_part(size: u64) -> Option<Part> {
    (size <= WIDEST.into()).then(|| Part {
        size: parts::byte(size),
        ..Part::float(parts::float_of(size.max(16)))
    })
}

/// Returns why `ty` is no type of Zig's, or not laid out as Zig's own back end does.
fn refusal(ty: &Type, cx: &Classify<'_, '_>) -> Option<&'static str> {
    if cx.model.pointer != 8 {
        return Some("Zig's `auto` is supported only with pointers of 8 bytes");
    }
    match ty.kind() {
        Kind::Complex(_) => return Some("Zig has no complex numbers: use a record of two floats"),
        Kind::Vector(Vector {
            lane: Scalar::F80, ..
        }) => return Some("a vector of `long double` is not supported"),
        _ => {}
    }
    // A value with more leaves that have bytes is in memory, whatever they are.
    let mut walk = leaves(ty).take(1 << 12);
    walk.find_map(|leaf| match leaf.kind {
        LeafKind::Scalar(Scalar::BitInt { .. }) => Some(
            "Zig extends and aligns integers of other widths differently from C's `_BitInt`: use a record of the integer's size and alignment",
        ),
        LeafKind::Scalar(
            Scalar::BF16 | Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128,
        ) => Some("Zig does not have this type"),
        LeafKind::Vector(vector) => other_vector(vector, leaf.width_bits.div_ceil(8), cx),
        _ => None,
    })
}

/// Returns why Zig's own back end lays `vector` out differently. It aligns vectors to 16 bytes at
/// least, and to a register's size at most.
fn other_vector(vector: Vector, bytes: u64, cx: &Classify<'_, '_>) -> Option<&'static str> {
    let bytes = bytes.next_power_of_two();
    match vector.bools {
        Some(BoolVector::Zig) if bytes <= 16 => None,
        Some(BoolVector::Clang) => Some("this vector of bools is clang's: use `BoolVector::Zig`"),
        None if bytes < 16 => Some("Zig's own back end gives every vector at least 16 bytes"),
        _ if bytes > cx.vectors.bytes() => {
            Some("Zig's own back end aligns vectors wider than a register differently from C")
        }
        _ => None,
    }
}

fn refuse(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    cx.refuse(
        ty,
        "a `naked` function of Zig cannot have arguments or a result",
    )
}
