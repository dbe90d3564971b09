//! Who meets what Zig 0.15.2 does otherwise than C compilers do: a predicate over signatures for each such bug of `expected.toml`, which has the
//! names, the words and the back ends.
//!
//! A difference in a signature that meets none is a failure, and so is a bug that no difference meets, unless it shows by chance.

use cabi::{FnAbi, Kind, LeafKind, Place, Policy, Scalar, Type, Vector, leaves};
use cabi_verify::build::zig::Mode;
use cabi_verify::case::Case;
use cabi_verify::check::calls::Direction;
use cabi_verify::report::expected::{Bug, Expected, Shows};

use super::asked::backend_name;

/// The bugs of Zig's that values meet: all but those at which it only stops.
#[derive(Clone, Debug)]
pub struct KnownBugs<'a>(Vec<(&'a Bug, Predicate)>);

/// Whether a signature meets a bug.
type Predicate = fn(&SignatureTypes<'_>) -> bool;

/// A signature as predicates look at it.
struct SignatureTypes<'a> {
    mode: Mode,
    direction: Direction,
    variadic: bool,
    /// Of all arguments.
    types: &'a [Type],
    ret: &'a Type,
    /// As `cabi` has it.
    abi: &'a FnAbi,
}

macro_rules! predicates {
    ($sig:ident: $($name:literal $meets:expr;)*) => {
        &[$(($name, |$sig| $meets)),*]
    };
}

/// In the order in which they are asked: the more special ones first.
const PREDICATES: &[(&str, Predicate)] = predicates! {
    sig:
    "zig-array-after-end" sig.records().any(has_array_after_end);
    "zig-array-after-end-in-caller" sig.records().any(has_array_after_end);
    "zig-empty-array-in-union" sig.values().any(has_empty_array_in_union);
    "zig-straddling-member" sig.records().any(has_straddling);
    "zig-wide-member-merged" sig.records().any(has_wide_union);
    "zig-padding-in-register" sig.records().any(has_padding);
    "zig-unnamed-in-memory" sig.calls_unnamed(|ty, place| ty.as_scalar().is_none() && matches!(place, Place::Stack { .. }));
    "zig-parts-one-by-one" sig.has_split();
    "zig-vectors-of-llvm" sig.values().any(has_small_vector);
    "zig-optimized-tail" sig.mode.fast && sig.records().any(has_tail);
    "zig-wide-vector-in-record" sig.records().any(has_wide_vector);
    "zig-over-aligned-result" sig.ret.align() > 16;
    "zig-small-vector-on-stack" sig.has_small_vector_on_stack();
    "zig-registers-kept" sig.has_stack_before_register();
    "zig-variadic-result-in-memory" sig.variadic && matches!(sig.abi.ret.place, Place::Indirect { .. });
    "zig-unnamed-float16" sig.calls_unnamed(|ty, _| is_scalar(ty, Scalar::F16));
    "zig-unnamed-float128" sig.calls_unnamed(|ty, _| is_scalar(ty, Scalar::F128));
    "zig-call-clobbers-al" sig.variadic && sig.direction == Direction::Callee;
    "zig-merged-callers" sig.mode.fast && sig.variadic && sig.direction == Direction::Callee;
    // What a callee overwrites of its own the call does not need again, but a saved register is its caller's.
    "zig-tail-overwrites" match sig.direction {
        Direction::Call => sig.records().any(has_tail),
        Direction::Callee => has_tail(sig.ret),
    };
};

impl<'a> KnownBugs<'a> {
    /// Those of `expected`.
    pub fn of(expected: &'a Expected) -> Result<Self, String> {
        Self::with(expected, PREDICATES)
    }

    fn with(expected: &'a Expected, predicates: &[(&str, Predicate)]) -> Result<Self, String> {
        let zig = || {
            let bugs = expected.bugs.iter();
            bugs.filter(|bug| bug.compiler.starts_with("zig"))
        };
        for bug in zig().filter(|bug| bug.shows != Shows::Compilation) {
            if !predicates.iter().any(|(name, _)| *name == bug.name) {
                return Err(format!(
                    "{}: no predicate says which types it affects",
                    bug.name
                ));
            }
        }
        let mut out = Vec::new();
        for (name, predicate) in predicates {
            let bug = zig().find(|bug| bug.name == *name);
            let bug = bug.ok_or_else(|| format!("{name}: no such bug of Zig's is listed"))?;
            out.push((bug, *predicate));
        }
        Ok(Self(out))
    }

    /// All of them.
    pub fn bugs(&self) -> impl Iterator<Item = &'a Bug> {
        self.0.iter().map(|(bug, _)| *bug)
    }

    /// The one that a difference in `case` under `policy` comes from, in Zig's code of `mode`.
    pub fn explanation(
        &self,
        case: &Case,
        policy: Policy,
        mode: Mode,
        direction: Direction,
    ) -> Option<&'a Bug> {
        let signature = SignatureTypes {
            mode,
            direction,
            variadic: case.prototype.variadic,
            types: &case.argument_types(),
            ret: &case.prototype.ret,
            abi: &case.abi_under(policy).ok()?,
        };
        let name = backend_name(mode.backend);
        let mut all = self.0.iter();
        let known = all.find(|(bug, meets)| bug.is_of(name) && meets(&signature));
        known.map(|(bug, _)| *bug)
    }
}

impl SignatureTypes<'_> {
    fn values(&self) -> impl Iterator<Item = &Type> {
        self.types.iter().chain([self.ret])
    }

    /// Records that may be in registers.
    fn records(&self) -> impl Iterator<Item = &Type> {
        self.values()
            .filter(|ty| ty.as_record().is_some() && ty.size() <= 64)
    }

    /// Whether a record of several parts finds fewer registers than parts; LLVM sees the parts as arguments of their own. Zig counts the parts of all
    /// arguments, of whichever bank, and passes a record of integers in memory after six.
    fn has_split(&self) -> bool {
        let mut before = usize::from(matches!(self.abi.ret.place, Place::Indirect { .. }));
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

    /// Whether Zig calls a function with an unnamed argument of which `is_one` is true.
    fn calls_unnamed(&self, is_one: fn(&Type, &Place) -> bool) -> bool {
        let mut args = self.types.iter().zip(&self.abi.args);
        self.direction == Direction::Callee
            && args.any(|(ty, arg)| !arg.named && is_one(ty, &arg.place))
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

fn is_empty_array(ty: &Type) -> bool {
    matches!(ty.kind(), Kind::Array(_)) && ty.size() == 0
}

/// An array of no elements in an eightbyte of its own, after the last that has bytes.
fn has_array_after_end(ty: &Type) -> bool {
    let end = 8 * ty.size();
    ty.contains(&|member, at| is_empty_array(member) && at >= end && at.is_multiple_of(64))
}

/// A union with an array of no elements: LLVM's type for it may be that array and padding.
fn has_empty_array_in_union(ty: &Type) -> bool {
    ty.contains(&|ty, _| {
        let record = ty.as_record().filter(|_| ty.is_union());
        record.is_some_and(|record| {
            record
                .fields()
                .iter()
                .any(|field| is_empty_array(field.ty()))
        })
    })
}

/// An array or scalar in more eightbytes than its size has: Zig gives a class to so many, from where it starts.
fn has_straddling(ty: &Type) -> bool {
    ty.contains(&|member, at| {
        let (at, size) = (at / 8, member.size());
        member.as_record().is_none() && (at + size).div_ceil(8) > at / 8 + size.div_ceil(8)
    })
}

/// A union, or an array of no elements, in which a value of two eightbytes meets others.
fn has_wide_union(ty: &Type) -> bool {
    let is_wide = |ty: &Type| leaves(ty).any(|leaf| leaf.width_bits > 64);
    let meets_empty = is_wide(ty) && ty.contains(&|member, _| is_empty_array(member));
    meets_empty
        || ty.contains(&|ty, _| {
            let record = ty.as_record().filter(|_| ty.is_union());
            record.is_some_and(|record| record.fields().len() > 1) && is_wide(ty)
        })
}

fn is_scalar(ty: &Type, scalar: Scalar) -> bool {
    ty.as_scalar() == Some(scalar)
}

fn has_padding(ty: &Type) -> bool {
    let eightbytes = usize::try_from(ty.size().div_ceil(8)).unwrap_or(usize::MAX);
    (0..eightbytes).any(|i| !leaves(ty).any(|leaf| leaf.eightbytes().contains(&i)))
}

/// Bytes after the last whole eightbyte.
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
    let alone = |vector: &Vector| vector.bools.is_some() && ty.as_record().is_none();
    leaves(ty).any(|leaf| match leaf.kind {
        LeafKind::Vector(vector) => {
            alone(&vector)
                || (vector.bools.is_none() && (leaf.width_bits < 64 || vector.lanes == 1))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUG: &str =
        "[[bug]]\nname = 'b'\ncompiler = 'zig own'\nwhat = 'half is lost'\ncase = 'c'\n";

    fn refused(text: &str, predicates: &[(&str, Predicate)]) -> Option<String> {
        let expected = Expected::parse(text).unwrap();
        KnownBugs::with(&expected, predicates).err()
    }

    #[test]
    fn a_bug_without_a_predicate_and_a_predicate_without_a_bug_are_refused() {
        let met = format!("{BUG}shows = 'calls'\n");
        let predicate: (&str, Predicate) = ("b", |_| true);
        assert_eq!(refused(&met, &[predicate]), None);
        let why = refused(&met, &[]);
        assert_eq!(
            why.as_deref(),
            Some("b: no predicate says which types it affects")
        );
        let why = refused("", &[predicate]);
        assert_eq!(why.as_deref(), Some("b: no such bug of Zig's is listed"));
        // What stops the compiler makes no call that could differ.
        let stops = format!("{BUG}shows = 'compilation'\n");
        assert_eq!(refused(&stops, &[]), None);
    }
}
