//! Self-inconsistencies of gcc 12 and clang 19, and differences of Zig 0.15.2 from C compilers, as
//! predicates over signatures.
//!
//! The names are those of the bugs that `tests/corpus/expected.toml` declares, which has the words
//! and a sample of each; a test compares both lists. A self-inconsistency, or a difference of
//! Zig's, fails a run if its signature meets none of them.

use cabi::{
    ArgAbi, Bank, FnAbi, FnSig, Kind, LeafKind, Loc, Place, PlacedPart, Policy, Scalar, Target,
    Type, leaves, x86_64,
};

mod types;

use crate::case::{Case, Direction};
use types::*;

/// Predicate for signatures that meet a bug.
type Meets = fn(&SignatureTypes) -> bool;

macro_rules! known {
    ($sig:ident: $($name:literal $meets:expr;)*) => {
        &[$(($name, |$sig| $meets)),*]
    };
}

/// Names of known bugs, each after its compiler's name and a hyphen, and whether a signature meets
/// it. If several are met the first counts.
const KNOWN: &[(&str, Meets)] = known! {
    sig:
    "clang-int128-leftover-va-arg" sig.unnamed().any(is_int128);
    "clang-padding-before-integer-va-arg" sig.unnamed().any(begins_with_padding);
    "clang-unnamed-padded-union" sig.unnamed().any(|ty| is_wide_vector(ty, sig.sig.assumed()));
    "clang-short-record-va-arg" sig.unnamed().any(|ty| (9..16).contains(&ty.size()) && (ty.contains(&|ty, _| stands_for_another_member(ty)) || ends_with_16_bit_floats(ty)));
    "clang-odd-pair-va-arg" sig.unnamed().any(is_odd_pair);
    "clang-float16-after-padding" sig.values().any(|ty| shares_with_float(ty) && has_unnamed(ty));
    "clang-lone-float" sig.values().any(|ty| shares_with_float(ty) && has_union(ty));
    "clang-array-of-nothing-after-float" sig.values().any(has_array_of_nothing_after_float);
    "gcc-wide-union-va-arg" sig.unnamed().any(|ty| has_vector(ty, 32) && (has_union(ty) || leaves(ty).any(is_flexible)));
    "gcc-x87-union-va-arg" sig.in_misaligned_slots().any(|ty| has_union(ty) && leaves(ty).any(is_x87));
    // A record all of whose members have the size of an integer is one itself to gcc, and read as
    // one, unless it is packed.
    "gcc-aligned-record-va-arg" sig.in_misaligned_slots().any(|ty| ty.contains(&|ty, _| is_no_integer(ty)));
    "gcc-ms-va-arg-by-reference" sig.unnamed_places().any(|arg| matches!(arg.place, Place::Indirect { .. }));
    "gcc-padding-record-of-variadic" sig.is_variadic() && sig.named().any(is_padding);
    "gcc-int128-vector-in-record" sig.values().any(|ty| ty.as_record().is_some() && leaves(ty).any(is_int128_vector));
    "gcc-vzeroupper-after-result" has_union(sig.sig.result()) && has_vector(sig.sig.result(), 32);
    "gcc-over-aligned-typedef" sig.has_misaligned_store();
    "gcc-complex-float16-after-bits" sig.values().any(|ty| has_16_bit_float_and(ty, |leaf| leaf.bit_field));
    "gcc-float16-after-shorts" sig.values().any(|ty| has_16_bit_float_and(ty, is_integer));
    "gcc-float16-array-off-eightbyte" sig.values().any(|ty| has_array(ty, is_array_of_16_bit_floats_off_eightbyte));
    "zig-array-after-end" sig.records().any(has_array_after_end);
    "zig-array-after-end-in-caller" sig.records().any(has_array_after_end);
    "zig-empty-array-in-union" sig.values().any(has_empty_array_in_union);
    "zig-straddling-member" sig.records().any(has_straddling);
    "zig-wide-member-merged" sig.records().any(has_wide_union);
    "zig-padding-in-register" sig.records().any(has_padding);
    "zig-unnamed-in-memory" sig.calls_unnamed(|ty, place| ty.as_scalar().is_none() && matches!(place, Place::Stack { .. }));
    "zig-parts-one-by-one" sig.has_split();
    "zig-vectors-of-llvm" sig.values().any(has_small_vector);
    "zig-optimized-tail" sig.fast && sig.records().any(has_tail);
    "zig-wide-vector-in-record" sig.records().any(has_wide_vector);
    "zig-over-aligned-result" sig.sig.result().align() > 16;
    "zig-small-vector-on-stack" sig.has_small_vector_on_stack();
    "zig-registers-kept" sig.has_stack_before_register();
    "zig-variadic-result-in-memory" sig.is_variadic() && sig.returns_in_memory();
    "zig-unnamed-float16" sig.calls_unnamed(|ty, _| is_scalar(ty, Scalar::F16));
    "zig-unnamed-float128" sig.calls_unnamed(|ty, _| is_scalar(ty, Scalar::F128));
    "zig-call-clobbers-al" sig.is_variadic() && sig.direction == Some(Direction::Callee);
    "zig-merged-callers" sig.fast && sig.is_variadic() && sig.direction == Some(Direction::Callee);
    // A call does not need again the bytes of its own that a callee overwrites, but a saved
    // register is its caller's.
    "zig-tail-overwrites" match sig.direction {
        Some(Direction::Callee) => has_tail(sig.sig.result()),
        _ => sig.records().any(has_tail),
    };
};

/// Bugs that gcc has for Windows too; the others are known on x86-64 Linux alone.
const OF_WINDOWS: [&str; 1] = ["gcc-padding-record-of-variadic"];

/// clang's initializers lose bit-fields, on every target. Calls are right, so it excuses no call.
const INITIALIZER: &str = "clang-bit-field-after-bit-int";

/// Returns the names of all known bugs, for the test that compares them with the list of samples.
pub fn known_bugs() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(name, _)| *name).chain([INITIALIZER])
}

/// Returns the bug of `compiler` in the initializers of a type of `case`, if one is known.
pub fn known_initializer_bug(compiler: &str, case: &Case) -> Option<&'static str> {
    let meets = |ty: &Type| {
        ty.contains(&|ty, _| has_bit_field(ty)) && ty.contains(&|ty, _| is_short_of_sixteen(ty))
    };
    let mut types = case.argument_types();
    types.push(case.prototype.ret.clone());
    (compiler == "clang" && types.iter().any(meets)).then_some(INITIALIZER)
}

/// Returns the bug of `compiler` (`gcc`, `clang`) that the signature of `case` meets, if one is
/// known.
pub fn known_bug(compiler: &str, case: &Case) -> Option<&'static str> {
    let is_linux = case.target == Target::X86_64_LINUX;
    let is_windows = case.target.name() == "x86_64-pc-windows-gnu";
    if !is_linux && !is_windows {
        return None;
    }
    let policy = match compiler {
        "clang" => Policy::CLANG,
        _ => Policy::GCC,
    };
    let call = SignatureTypes::of(case.sig_under(policy).ok()?, &case.target);
    let is_here = |name: &&str| is_linux || OF_WINDOWS.contains(name);
    met(compiler, call).find(is_here)
}

/// Returns the bug of `compiler` that a signature of x86-64 Linux meets at the baseline of vectors,
/// if one is known.
pub fn known_bug_of(compiler: &str, sig: &FnSig) -> Option<&'static str> {
    let call = SignatureTypes::of(sig.clone(), &Target::X86_64_LINUX);
    met(compiler, call).next()
}

/// Returns the bugs of Zig that its code, `fast` or not, meets in this direction of a call of
/// `case`. The list of samples tells which of its back ends has each.
pub fn bugs_of_zig(case: &Case, fast: bool, direction: Direction) -> Vec<&'static str> {
    let Ok(sig) = case.sig_under(Policy::ZIG) else {
        return Vec::new();
    };
    let signature = SignatureTypes {
        fast,
        direction: Some(direction),
        ..SignatureTypes::of(sig, &case.target)
    };
    match signature.abi {
        Some(_) => met("zig", signature).collect(),
        None => Vec::new(),
    }
}

/// The bugs of `compiler` that a signature meets.
fn met(compiler: &str, signature: SignatureTypes) -> impl Iterator<Item = &'static str> {
    let is_theirs = move |name: &str| {
        let rest = name.strip_prefix(compiler);
        rest.is_some_and(|rest| rest.starts_with('-'))
    };
    let all = KNOWN.iter().filter(move |(name, _)| is_theirs(name));
    all.filter(move |(_, meets)| meets(&signature))
        .map(|(name, _)| *name)
}

/// Signature of a call, as predicates need it.
struct SignatureTypes {
    sig: FnSig,
    /// Places of its values, if it has some.
    abi: Option<FnAbi>,
    /// For Zig's code: `true` if it is optimized. `direction`: who calls whom.
    fast: bool,
    direction: Option<Direction>,
}

impl SignatureTypes {
    fn of(sig: FnSig, target: &Target) -> Self {
        Self {
            abi: FnAbi::new(&sig, target).ok(),
            sig,
            fast: false,
            direction: None,
        }
    }

    fn is_variadic(&self) -> bool {
        self.sig.is_variadic()
    }

    fn types(&self) -> impl Iterator<Item = &Type> {
        self.sig.params().iter().map(|param| &param.ty)
    }

    fn places(&self) -> impl Iterator<Item = &ArgAbi> {
        self.abi.iter().flat_map(|abi| &abi.args)
    }

    fn returns_in_memory(&self) -> bool {
        let mut all = self.abi.iter();
        all.any(|abi| matches!(abi.ret.place, Place::Indirect { .. }))
    }

    fn named(&self) -> impl Iterator<Item = &Type> {
        self.types().take(self.sig.n_named())
    }

    fn unnamed(&self) -> impl Iterator<Item = &Type> {
        self.types().skip(self.sig.n_named())
    }

    /// Places of the unnamed arguments.
    fn unnamed_places(&self) -> impl Iterator<Item = &ArgAbi> {
        self.places().skip(self.sig.n_named())
    }

    /// The unnamed arguments aligned to 16 that are in two integer registers whose slots in the
    /// register save area are not.
    fn in_misaligned_slots(&self) -> impl Iterator<Item = &Type> {
        let is_in_them = |placed: &ArgAbi| match &placed.place {
            Place::Parts(parts) => matches!(
                parts[..],
                [PlacedPart { loc: Loc::Reg(x86_64::RSI | x86_64::RCX), .. }, PlacedPart { loc: Loc::Reg(second), .. }]
                    if second.bank() == Bank::Int
            ),
            _ => false,
        };
        let unnamed = self.unnamed().zip(self.unnamed_places());
        let misaligned = unnamed.filter(move |(ty, placed)| ty.align() >= 16 && is_in_them(placed));
        misaligned
            .map(|(ty, _)| ty)
            .filter(|ty| ty.as_record().is_some())
    }

    /// Checks whether a record on the stack, whose typedef has more alignment than it has itself,
    /// is not aligned to a vector that the typedef has room and alignment for. An instruction that
    /// needs an aligned address stores it.
    fn has_misaligned_store(&self) -> bool {
        let Some(abi) = &self.abi else { return false };
        self.types().zip(&abi.args).any(|(ty, placed)| {
            let Place::Stack { offset, .. } = placed.place else {
                return false;
            };
            let is_over_aligned = ty.as_record().is_some() && ty.align() > ty.canonical_align();
            is_over_aligned
                && [16_u32, 32, 64].iter().any(|&vector| {
                    let is_stored = ty.size() >= vector.into() && ty.align() >= vector;
                    is_stored && (!offset.is_multiple_of(vector.into()) || abi.area_align < vector)
                })
        })
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
        let mut before = usize::from(self.returns_in_memory());
        for (ty, arg) in self.types().zip(self.places()) {
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

    /// Checks whether Zig calls a function with an unnamed argument of which `is_one` is true.
    fn calls_unnamed(&self, is_one: fn(&Type, &Place) -> bool) -> bool {
        let mut args = self.types().zip(self.places());
        self.direction == Some(Direction::Callee)
            && args.any(|(ty, arg)| !arg.named && is_one(ty, &arg.place))
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
