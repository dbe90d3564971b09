//! Bugs of Zig 0.15.2 in which its caller and callee agree with each other, or that no callee in
//! Zig shows, as predicates over signatures. A difference from C in a signature that meets one is
//! taken for that bug. `tests/corpus/expected.toml` has the words and a sample of each, by the same
//! name.

use cabi::{ArgAbi, FnAbi, FnSig, Kind, LeafKind, Place, Policy, Scalar, Type, Vector, leaves};
use cabi_verify::build::zig::Mode;
use cabi_verify::case::{Case, Direction};
use cabi_verify::report::expected::Expected;
use cabi_verify::verdict::Difference;

use crate::suites::bugs::backend_name;

/// Predicate for calls that meet a bug.
type BugPredicate = fn(&Call) -> bool;

/// Names of bugs, and whether a call meets it. If several are met the first counts.
const BUGS: &[(&str, BugPredicate)] = &[
    ("zig-array-after-end", |call| {
        call.records().any(has_array_after_end)
    }),
    ("zig-array-after-end-in-caller", |call| {
        call.records().any(has_array_after_end)
    }),
    ("zig-straddling-member", |call| {
        call.records().any(has_straddling)
    }),
    ("zig-wide-member-merged", |call| {
        call.records().any(has_wide_union)
    }),
    ("zig-padding-in-register", |call| {
        call.records().any(has_padding)
    }),
    ("zig-unnamed-in-memory", |call| {
        call.passes_unnamed(|ty, place| {
            ty.as_scalar().is_none() && matches!(place, Place::Stack { .. })
        })
    }),
    ("zig-parts-one-by-one", Call::has_split),
    ("zig-vectors-of-llvm", |call| {
        call.values().any(has_vector_of_llvm)
    }),
    ("zig-wide-vector-in-record", |call| {
        call.records().any(has_wide_vector)
    }),
    ("zig-small-vector-on-stack", Call::has_small_vector_on_stack),
    ("zig-registers-kept", Call::has_stack_before_register),
    ("zig-variadic-result-in-memory", |call| {
        call.sig.is_variadic() && call.returns_in_memory()
    }),
    ("zig-unnamed-float16", |call| {
        call.passes_unnamed(|ty, _| is_scalar(ty, Scalar::F16))
    }),
    ("zig-unnamed-float128", |call| {
        call.passes_unnamed(|ty, _| is_scalar(ty, Scalar::F128))
    }),
    ("zig-call-clobbers-al", |call| {
        call.is_state_of_caller && call.sig.is_variadic()
    }),
    ("zig-merged-callers", |call| {
        call.is_state_of_caller && call.sig.is_variadic()
    }),
    ("zig-tail-overwrites", |call| {
        call.is_state_of_caller && !call.sig.result().size().is_multiple_of(8)
    }),
];

/// Returns the names of the bugs.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUGS.iter().map(|(name, _)| *name)
}

/// Returns the name of the bug of `expected` that Zig's code of this mode meets in a call of
/// `case`, if it is known. The call differs by `difference`.
pub(super) fn met(
    expected: &Expected,
    case: &Case,
    mode: Mode,
    direction: Direction,
    difference: &Difference,
) -> Option<&'static str> {
    let sig = case.sig_under(Policy::ZIG).ok()?;
    let is_caller = direction == Direction::Callee;
    let call = Call {
        abi: FnAbi::new(&sig, &case.target).ok()?,
        is_state_of_caller: is_caller && difference.value.is_none(),
        is_caller,
        sig,
    };
    let is_its = |name: &str| {
        let bug = expected.bug(name);
        bug.is_some_and(|bug| bug.is_of(backend_name(mode.backend)))
    };
    let mut bugs = BUGS.iter().filter(|(name, _)| is_its(name));
    bugs.find(|(_, meets)| meets(&call)).map(|(name, _)| *name)
}

/// A call, as predicates need it.
struct Call {
    sig: FnSig,
    abi: FnAbi,
    /// `true` if Zig's side is the caller.
    is_caller: bool,
    /// `true` if Zig's side is the caller, and the state of the machine differs at its call, but no
    /// value.
    is_state_of_caller: bool,
}

impl Call {
    fn types(&self) -> impl Iterator<Item = &Type> {
        self.sig.params().iter().map(|param| &param.ty)
    }

    fn places(&self) -> impl Iterator<Item = &ArgAbi> {
        self.abi.args.iter()
    }

    fn returns_in_memory(&self) -> bool {
        matches!(self.abi.ret.place, Place::Indirect { .. })
    }

    fn values(&self) -> impl Iterator<Item = &Type> {
        self.types().chain([self.sig.result()])
    }

    /// Records that may be in registers.
    fn records(&self) -> impl Iterator<Item = &Type> {
        self.values()
            .filter(|ty| ty.as_record().is_some() && ty.size() <= 64)
    }

    /// Checks whether a record of several parts finds fewer registers than parts; LLVM sees the
    /// parts as arguments of their own. Zig counts the parts of all arguments, of whichever bank,
    /// and passes a record of integers in memory after six.
    fn has_split(&self) -> bool {
        let mut n_before = usize::from(self.returns_in_memory());
        for (ty, arg) in self.types().zip(self.places()) {
            let parts = match &arg.place {
                Place::Parts(parts) => parts.len(),
                _ => usize::try_from(ty.size().div_ceil(8)).unwrap_or(usize::MAX),
            };
            let short = matches!(arg.place, Place::Stack { .. }) && ty.size() <= 16;
            if ty.as_record().is_some() && (short || n_before + parts > 6) && parts > 1 {
                return true;
            }
            n_before += if ty.as_record().is_some() && ty.size() <= 16 {
                parts
            } else {
                1
            };
        }
        false
    }

    /// Checks whether Zig calls a function with an unnamed argument of which `is_one` is true.
    fn passes_unnamed(&self, is_one: fn(&Type, &Place) -> bool) -> bool {
        let mut args = self.types().zip(self.places());
        self.is_caller && args.any(|(ty, arg)| !arg.named && is_one(ty, &arg.place))
    }

    fn has_small_vector_on_stack(&self) -> bool {
        let mut args = self.types().zip(self.places());
        args.any(|(ty, arg)| {
            let vector = matches!(ty.kind(), Kind::Vector(_)) && ty.size() <= 8;
            // Two floats that share an eightbyte are such a vector to Zig.
            let floats = leaves(ty).filter(|leaf| leaf.kind == LeafKind::Scalar(Scalar::F32));
            let small = vector || (ty.size() <= 16 && floats.count() > 1);
            small && matches!(arg.place, Place::Stack { .. })
        })
    }

    /// Checks whether an argument in a register follows one of more than a register on the stack.
    fn has_stack_before_register(&self) -> bool {
        let mut args = self.types().zip(self.places());
        args.any(|(ty, arg)| matches!(arg.place, Place::Stack { .. }) && ty.size() > 8)
    }
}

fn is_empty_array(ty: &Type) -> bool {
    matches!(ty.kind(), Kind::Array(_)) && ty.size() == 0
}

/// Checks whether `ty` has an array of no elements in an eightbyte of its own, after the last that
/// has bytes.
fn has_array_after_end(ty: &Type) -> bool {
    let end = 8 * ty.size();
    ty.contains(&|member, at| is_empty_array(member) && at >= end && at.is_multiple_of(64))
}

/// Checks whether `ty` has an array or scalar in more eightbytes than its size has. Zig gives a
/// class to so many, from where it starts.
fn has_straddling(ty: &Type) -> bool {
    ty.contains(&|member, at| {
        let (at, size) = (at / 8, member.size());
        member.as_record().is_none() && (at + size).div_ceil(8) > at / 8 + size.div_ceil(8)
    })
}

/// Checks whether `ty` has a union, or an array of no elements, in which a value of two eightbytes
/// meets others.
fn has_wide_union(ty: &Type) -> bool {
    let is_wide = |ty: &Type| leaves(ty).any(|leaf| leaf.width_bits > 64);
    let meets_empty = is_wide(ty) && ty.contains(&|member, _| is_empty_array(member));
    let is_wide_union = |ty: &Type, _| {
        ty.is_union() && ty.as_record().is_some_and(|own| own.fields().len() > 1) && is_wide(ty)
    };
    meets_empty || ty.contains(&is_wide_union)
}

fn is_scalar(ty: &Type, scalar: Scalar) -> bool {
    ty.as_scalar() == Some(scalar)
}

fn has_padding(ty: &Type) -> bool {
    let eightbytes = usize::try_from(ty.size().div_ceil(8)).unwrap_or(usize::MAX);
    (0..eightbytes).any(|i| !leaves(ty).any(|leaf| leaf.eightbytes().contains(&i)))
}

fn has_wide_vector(ty: &Type) -> bool {
    let is_vector = |kind| matches!(kind, LeafKind::Vector(_));
    leaves(ty).any(|leaf| is_vector(leaf.kind) && leaf.width_bits > 128)
}

/// Checks whether `ty` has a vector that LLVM places differently from C's front ends. Such a vector
/// has less than 8 bytes, one lane, several `__int128`, or bools. In a record it has less than 8
/// bytes or one lane: Zig's classifier does not tell it from others.
fn has_vector_of_llvm(ty: &Type) -> bool {
    let is_alone = ty.as_record().is_none();
    leaves(ty).any(|leaf| match leaf.kind {
        LeafKind::Vector(Vector { bools: Some(_), .. }) => is_alone,
        LeafKind::Vector(Vector { lanes, .. }) => {
            let is_wide = leaf.width_bits >= 128 * u64::from(lanes);
            leaf.width_bits < 64 || lanes == 1 || is_alone && is_wide
        }
        _ => false,
    })
}
