//! What Zig 0.15.2 passes otherwise than C compilers do: each with the signatures that meet it, for either back end. `docs/policy.md` lists them.
//!
//! A difference in a signature that meets none is a failure, and so is an entry that no difference meets.

use cabi::{FnAbi, Kind, LeafKind, Place, RecordKind, RetAbi, Scalar, Type, Vector, leaves};
use cabi_judge::case::Case;
use cabi_judge::half::argument_types;
use cabi_judge::zig::{Backend, Mode};

/// Something that Zig does otherwise.
pub(crate) struct Known {
    /// Its name in reports and in `docs/policy.md`.
    pub(crate) name: &'static str,
    /// Whether it shows by chance only, so that a run without it proves nothing.
    pub(crate) by_chance: bool,
    /// Whether a signature meets it under a back end.
    meets: fn(&Sight<'_>) -> bool,
}

/// A signature as predicates look at it.
struct Sight<'a> {
    mode: Mode,
    variadic: bool,
    /// Of all arguments.
    types: &'a [Type],
    ret: &'a Type,
    /// As `cabi` has it.
    abi: &'a FnAbi,
}

/// In the order in which they are asked.
pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: "an array behind the end takes a register",
        by_chance: false,
        meets: |sight| sight.llvm() && sight.records().any(has_array_behind_end),
    },
    Known {
        name: "unions of empty arrays lose bytes",
        by_chance: false,
        meets: |sight| sight.llvm() && sight.values().any(has_empty_array_in_union),
    },
    Known {
        name: "straddling members are cut",
        by_chance: false,
        meets: |sight| sight.records().any(has_straddling),
    },
    Known {
        name: "wide members are merged with what is around their records",
        by_chance: false,
        meets: |sight| sight.records().any(has_wide_union),
    },
    Known {
        name: "padding takes a register",
        by_chance: false,
        meets: |sight| sight.llvm() && sight.records().any(has_padding),
    },
    Known {
        name: "parts are placed one by one",
        by_chance: false,
        meets: |sight| sight.llvm() && sight.has_split(),
    },
    Known {
        name: "vectors are LLVM's",
        by_chance: false,
        meets: |sight| sight.llvm() && sight.values().any(has_small_vector),
    },
    Known {
        name: "optimized tails are lost",
        by_chance: false,
        meets: |sight| sight.mode.fast && sight.records().any(has_tail),
    },
    Known {
        name: "wide vectors in records stay in registers",
        by_chance: false,
        meets: |sight| sight.llvm() && sight.records().any(has_wide_vector),
    },
    Known {
        name: "over-aligned results crash",
        by_chance: true,
        meets: |sight| sight.llvm() && sight.ret.align() > 16,
    },
    Known {
        name: "small vectors on the stack have slots of 16 bytes",
        by_chance: false,
        meets: |sight| sight.llvm() && sight.has_small_vector_on_stack(),
    },
    Known {
        name: "tails overwrite their neighbours",
        by_chance: false,
        meets: |sight| !sight.llvm() && sight.records().any(has_tail),
    },
    Known {
        name: "registers are not given back",
        by_chance: false,
        meets: |sight| !sight.llvm() && sight.has_stack_before_register(),
    },
    Known {
        name: "variadic results in memory",
        by_chance: false,
        meets: |sight| {
            !sight.llvm() && sight.variadic && matches!(sight.abi.ret, RetAbi::Indirect { .. })
        },
    },
];

/// Which of [`KNOWN`] a difference in `case` comes from.
pub(crate) fn explanation(case: &Case, abi: &FnAbi, mode: Mode) -> Option<&'static str> {
    let types = argument_types(case);
    let sight = Sight {
        mode,
        variadic: case.prototype.variadic,
        types: &types,
        ret: &case.prototype.ret,
        abi,
    };
    let known = KNOWN.iter().find(|known| (known.meets)(&sight));
    known.map(|known| known.name)
}

impl Sight<'_> {
    fn llvm(&self) -> bool {
        self.mode.backend == Backend::Llvm
    }

    fn values(&self) -> impl Iterator<Item = &Type> {
        self.types.iter().chain([self.ret])
    }

    /// Records that may be in registers.
    fn records(&self) -> impl Iterator<Item = &Type> {
        self.values()
            .filter(|ty| ty.as_record().is_some() && ty.size() <= 64)
    }

    /// Whether a record of several parts finds fewer registers than parts; LLVM sees the parts as arguments of their own. Zig counts the parts of all
    /// arguments, of whichever bank, and passes a record of integers in memory behind six.
    fn has_split(&self) -> bool {
        let mut before = usize::from(matches!(self.abi.ret, RetAbi::Indirect { .. }));
        for (ty, arg) in self.types.iter().zip(&self.abi.args) {
            let parts = match &arg.place {
                Place::Parts(parts) => parts.len(),
                _ => usize::try_from(ty.size().div_ceil(8)).unwrap_or(usize::MAX),
            };
            let short = matches!(arg.place, Place::Stack { .. }) && ty.size() <= 16;
            if ty.as_record().is_some() && (short || before + parts > 6) && parts > 1 {
                return true;
            }
            before += if ty.as_record().is_some() && ty.size() <= 16 {
                parts
            } else {
                1
            };
        }
        false
    }

    fn has_small_vector_on_stack(&self) -> bool {
        let mut args = self.types.iter().zip(&self.abi.args);
        args.any(|(ty, arg)| {
            let vector = matches!(ty.kind(), Kind::Vector(_)) && ty.size() <= 8;
            // Two floats that share an eightbyte are such a vector to Zig.
            let floats = leaves(ty).filter(|leaf| leaf.kind == LeafKind::Scalar(Scalar::F32));
            let small = vector || (ty.size() <= 16 && floats.count() > 1);
            small && matches!(arg.place, Place::Stack { .. })
        })
    }

    /// Whether an argument in a register follows one of more than a register on the stack.
    fn has_stack_before_register(&self) -> bool {
        let mut args = self.types.iter().zip(&self.abi.args);
        args.any(|(ty, arg)| matches!(arg.place, Place::Stack { .. }) && ty.size() > 8)
    }
}

/// Calls `visit` with each member of `ty` however deep, and its offset in bytes, until it says true.
fn any_member(ty: &Type, at: u64, visit: &mut dyn FnMut(&Type, u64) -> bool) -> bool {
    match ty.kind() {
        Kind::Record(record) => record.fields().iter().any(|field| {
            let at = at + field.offset();
            visit(field.ty(), at) || any_member(field.ty(), at, visit)
        }),
        Kind::Array(array) => any_member(&array.elem, at, visit),
        _ => false,
    }
}

/// An array of no elements in an eightbyte of its own, behind the last that has bytes.
fn has_array_behind_end(ty: &Type) -> bool {
    let end = ty.size();
    any_member(ty, 0, &mut |member, at| {
        matches!(member.kind(), Kind::Array(_))
            && member.size() == 0
            && at >= end
            && at.is_multiple_of(8)
    })
}

/// A union with an array of no elements: LLVM's type for it may be that array and padding.
fn has_empty_array_in_union(ty: &Type) -> bool {
    let is_empty = |ty: &Type| matches!(ty.kind(), Kind::Array(_)) && ty.size() == 0;
    let is_one = |ty: &Type| {
        let record = ty
            .as_record()
            .filter(|record| record.kind() == RecordKind::Union);
        record.is_some_and(|record| record.fields().iter().any(|field| is_empty(field.ty())))
    };
    let in_elements = |member: &Type| match member.kind() {
        Kind::Array(array) => is_one(&array.elem),
        _ => false,
    };
    is_one(ty)
        || any_member(ty, 0, &mut |member, _| {
            is_one(member) || in_elements(member)
        })
}

/// An array or scalar in more eightbytes than its size has: Zig gives a class to so many, from where it starts.
fn has_straddling(ty: &Type) -> bool {
    any_member(ty, 0, &mut |member, at| {
        let size = member.size();
        member.as_record().is_none() && (at + size).div_ceil(8) > at / 8 + size.div_ceil(8)
    })
}

/// A union, or an array of no elements, in which a value of two eightbytes meets others.
fn has_wide_union(ty: &Type) -> bool {
    let is_union = |ty: &Type| {
        let record = ty
            .as_record()
            .filter(|record| record.kind() == RecordKind::Union);
        record.is_some_and(|record| record.fields().len() > 1)
            && leaves(ty).any(|leaf| leaf.width_bits > 64)
    };
    let is_empty = |member: &Type, _| matches!(member.kind(), Kind::Array(_)) && member.size() == 0;
    let meets_empty =
        leaves(ty).any(|leaf| leaf.width_bits > 64) && any_member(ty, 0, &mut { is_empty });
    meets_empty || is_union(ty) || any_member(ty, 0, &mut |member, _| is_union(member))
}

fn has_padding(ty: &Type) -> bool {
    let eightbytes = usize::try_from(ty.size().div_ceil(8)).unwrap_or(usize::MAX);
    (0..eightbytes).any(|i| !leaves(ty).any(|leaf| leaf.eightbytes().contains(&i)))
}

/// Bytes behind the last whole eightbyte.
fn has_tail(ty: &Type) -> bool {
    !ty.size().is_multiple_of(8)
}

fn has_wide_vector(ty: &Type) -> bool {
    let is_vector = |kind| matches!(kind, LeafKind::Vector(_));
    leaves(ty).any(|leaf| is_vector(leaf.kind) && leaf.width_bits > 128)
}

/// A vector that LLVM places otherwise than C's front ends: of less than 8 bytes, of one lane, or of bools; or a record with one of the
/// first two, which Zig's classifier does not tell from others.
fn has_small_vector(ty: &Type) -> bool {
    let bare = |vector: &Vector| vector.bools.is_some() && ty.as_record().is_none();
    leaves(ty).any(|leaf| match leaf.kind {
        LeafKind::Vector(vector) => {
            bare(&vector) || (vector.bools.is_none() && (leaf.width_bits < 64 || vector.lanes == 1))
        }
        _ => false,
    })
}
