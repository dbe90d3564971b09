//! What gcc 12 and clang 19 get wrong against themselves, as predicates over signatures.
//!
//! The names are those of the bugs that `tests/corpus/expected.toml` declares, which has the words and a sample of each; a test holds both lists
//! together. A self-inconsistency that is shown in a signature that meets none of them is not known, and fails a run.

use cabi::convention::{Parts, Role};
use cabi::{
    ArgAbi, Array, Bank, FnAbi, FnSig, Kind, Leaf, LeafKind, Loc, Place, PlacedPart, Policy,
    Scalar, Target, Type, VectorLevel, leaves, x86_64,
};

use crate::case::Case;

/// Whether a signature meets a bug.
type Meets = fn(&SignatureTypes) -> bool;

macro_rules! known {
    ($sig:ident: $($name:literal $meets:expr;)*) => {
        &[$(($name, |$sig| $meets)),*]
    };
}

/// Names of known bugs, each after its compiler's name and a hyphen, and whether a signature meets it. Where several are met the first counts.
const KNOWN: &[(&str, Meets)] = known! {
    sig:
    "clang-int128-leftover-va-arg" sig.unnamed().iter().any(is_int128);
    "clang-padding-before-integer-va-arg" sig.unnamed().iter().any(begins_with_padding);
    "clang-unnamed-padded-union" sig.unnamed().iter().any(|ty| is_wide_vector(ty, sig.level));
    "clang-short-record-va-arg" sig.unnamed().iter().any(|ty| (9..16).contains(&ty.size()) && (ty.contains(&|ty, _| stands_for_another_member(ty)) || ends_with_16_bit_floats(ty)));
    "clang-odd-pair-va-arg" sig.unnamed().iter().any(is_odd_pair);
    "clang-float16-after-padding" sig.values().any(|ty| shares_with_float(ty) && has_unnamed(ty));
    "clang-lone-float" sig.values().any(|ty| shares_with_float(ty) && has_union(ty));
    "clang-array-of-nothing-after-float" sig.values().any(has_array_of_nothing_after_float);
    "gcc-wide-union-va-arg" sig.unnamed().iter().any(|ty| has_vector(ty, 32) && (has_union(ty) || leaves(ty).any(is_flexible)));
    "gcc-x87-union-va-arg" sig.in_misaligned_slots().any(|ty| has_union(ty) && leaves(ty).any(is_x87));
    // A record all of whose members have the size of an integer is one itself to gcc, and read as one, unless it is packed.
    "gcc-aligned-record-va-arg" sig.in_misaligned_slots().any(|ty| ty.contains(&|ty, _| is_no_integer(ty)));
    "gcc-ms-va-arg-by-reference" sig.ms_abi && sig.unnamed_places().any(|arg| matches!(arg.place, Place::Indirect { .. }));
    "gcc-padding-record-of-variadic" sig.variadic && sig.named().iter().any(is_padding);
    "gcc-int128-vector-in-record" sig.values().any(|ty| ty.as_record().is_some() && leaves(ty).any(is_int128_vector));
    "gcc-vzeroupper-after-result" has_union(&sig.ret) && has_vector(&sig.ret, 32);
    "gcc-over-aligned-typedef" sig.has_misaligned_store();
    "gcc-complex-float16-after-bits" sig.values().any(|ty| has_16_bit_float_and(ty, |leaf| leaf.bit_field));
    "gcc-float16-after-shorts" sig.values().any(|ty| has_16_bit_float_and(ty, is_integer));
    "gcc-float16-array-off-eightbyte" sig.values().any(|ty| has_array(ty, is_array_of_16_bit_floats_off_eightbyte));
};

/// Those that gcc has for Windows too; the others are known on x86-64 Linux alone.
const OF_WINDOWS: [&str; 1] = ["gcc-padding-record-of-variadic"];

/// clang's initializers lose bit-fields, on every target. Calls are right, so no call is excused by it.
const INITIALIZER: &str = "clang-bit-field-after-bit-int";

/// The names of all known bugs, for the test that compares them with the list of samples.
pub fn known_bugs() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(name, _)| *name).chain([INITIALIZER])
}

/// The bug of `compiler` in the initializers of a type of `case`, if one is known.
pub fn known_initializer_bug(compiler: &str, case: &Case) -> Option<&'static str> {
    let meets = |ty: &Type| {
        ty.contains(&|ty, _| has_bit_field(ty)) && ty.contains(&|ty, _| is_short_of_sixteen(ty))
    };
    let mut types = case.argument_types();
    types.push(case.prototype.ret.clone());
    (compiler == "clang" && types.iter().any(meets)).then_some(INITIALIZER)
}

/// The bug of `compiler` (`gcc`, `clang`) that the signature of `case` meets, if one is known.
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
    let signature = SignatureTypes {
        types: case.argument_types(),
        n_named: case.prototype.params.len(),
        variadic: case.prototype.variadic,
        ms_abi: case.prototype.convention.is_some(),
        ret: case.prototype.ret.clone(),
        level: case.vectors,
        abi: case.abi_under(policy).ok(),
    };
    let is_theirs = |name: &str| {
        let rest = name.strip_prefix(compiler);
        rest.is_some_and(|rest| rest.starts_with('-')) && (is_linux || OF_WINDOWS.contains(&name))
    };
    let mut known = KNOWN.iter().filter(|(name, _)| is_theirs(name));
    known
        .find(|(_, meets)| meets(&signature))
        .map(|(name, _)| *name)
}

/// A signature as predicates look at it.
struct SignatureTypes {
    types: Vec<Type>,
    n_named: usize,
    variadic: bool,
    /// Whether its convention is another one than the compiler's own.
    ms_abi: bool,
    ret: Type,
    level: VectorLevel,
    /// Where its values are, if it has places for them.
    abi: Option<FnAbi>,
}

impl SignatureTypes {
    fn named(&self) -> &[Type] {
        self.types.get(..self.n_named).unwrap_or_default()
    }

    fn unnamed(&self) -> &[Type] {
        self.types.get(self.n_named..).unwrap_or_default()
    }

    /// Where the unnamed arguments are.
    fn unnamed_places(&self) -> impl Iterator<Item = &ArgAbi> {
        let args = self.abi.iter().flat_map(|abi| &abi.args);
        args.skip(self.n_named)
    }

    /// The unnamed arguments aligned to 16 that are in two integer registers whose slots in the register save area are not.
    fn in_misaligned_slots(&self) -> impl Iterator<Item = &Type> {
        let is_in_them = |placed: &ArgAbi| match &placed.place {
            Place::Parts(parts) => matches!(
                parts[..],
                [PlacedPart { loc: Loc::Reg(x86_64::RSI | x86_64::RCX), .. }, PlacedPart { loc: Loc::Reg(second), .. }]
                    if second.bank() == Bank::Int
            ),
            _ => false,
        };
        let unnamed = self.unnamed().iter().zip(self.unnamed_places());
        let misaligned = unnamed.filter(move |(ty, placed)| ty.align() >= 16 && is_in_them(placed));
        misaligned
            .map(|(ty, _)| ty)
            .filter(|ty| ty.as_record().is_some())
    }

    /// Whether a record on the stack, whose typedef has more alignment than it has itself, is not aligned to a vector that the typedef has room and
    /// alignment for: an instruction stores it that wants its address aligned.
    fn has_misaligned_store(&self) -> bool {
        let Some(abi) = &self.abi else { return false };
        self.types.iter().zip(&abi.args).any(|(ty, placed)| {
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
        self.types.iter().chain([&self.ret])
    }
}

fn is_x87(leaf: Leaf) -> bool {
    leaf.kind == LeafKind::Scalar(Scalar::F80)
}

fn is_flexible(leaf: Leaf) -> bool {
    leaf.kind == LeafKind::FlexibleArray
}

fn is_integer(leaf: &Leaf) -> bool {
    matches!(leaf.kind, LeafKind::Scalar(Scalar::Int { .. }))
}

fn is_no_integer(ty: &Type) -> bool {
    let is_packed = ty.as_record().is_some_and(|own| own.attributes().packed);
    !matches!(ty.size(), 1 | 2 | 4 | 8 | 16) || is_packed
}

fn has_union(ty: &Type) -> bool {
    ty.contains(&|ty, _| ty.is_union())
}

/// A union that clang may store as a member other than the one that fills it: one of unnamed bits, or an aligned one that a packed union cuts.
fn stands_for_another_member(ty: &Type) -> bool {
    let is_packed = |own: &cabi::Record| own.attributes().packed;
    ty.is_union() && (has_unnamed(ty) || ty.as_record().is_some_and(is_packed))
}

fn has_vector(ty: &Type, size: u64) -> bool {
    ty.contains(&|ty, _| matches!(ty.kind(), Kind::Vector(_)) && ty.size() >= size)
}

/// The parts that clang's callers pass `ty` in as an unnamed argument at `level`, without these bits of its policy.
fn unnamed_parts(ty: &Type, level: VectorLevel, without: Policy) -> Option<Parts> {
    let sig = FnSig::new([Type::I32], Type::VOID).variadic();
    let sig = sig.policy(Policy::CLANG.without(without)).features(level);
    let group = FnAbi::classify(&sig, ty, Role::Unnamed, &Target::X86_64_LINUX);
    group.ok().map(|group| group.parts)
}

/// A record that clang's callers pass as one vector of more than 16 bytes, though it is unnamed: a union whose first 16 bytes are a vector's, or a
/// structure around one.
fn is_wide_vector(ty: &Type, level: VectorLevel) -> bool {
    let parts = unnamed_parts(ty, level, Policy::WIDE_VECTORS_OF_VARIADICS_IN_MEMORY);
    ty.as_record().is_some()
        && parts.is_some_and(|parts| parts.iter().any(|part| part.ty.bytes() > 16))
}

/// Several 16-bit floats in the second eightbyte, and nothing else: clang reads four, however many there are.
fn ends_with_16_bit_floats(ty: &Type) -> bool {
    let second: Vec<Leaf> = leaves(ty)
        .filter(|leaf| counts(leaf) && leaf.offset_bits >= 64)
        .collect();
    second.len() > 1 && second.iter().all(is_16_bit_float)
}

/// A record whose first eightbyte clang passes in another bank because of the second.
fn is_odd_pair(ty: &Type) -> bool {
    let parts = |without| unnamed_parts(ty, VectorLevel::Baseline, without);
    parts(Policy::NONE) != parts(Policy::ODD_PAIRS_START_IN_GPR)
}

/// A record with a bit-field, even in an array of no elements: there are no leaves of it.
fn has_bit_field(ty: &Type) -> bool {
    let mut records = ty.as_record().into_iter();
    records.any(|record| {
        record
            .fields()
            .iter()
            .any(|field| field.bit_field().is_some())
    })
}

/// A `_BitInt` of more than 16 bytes that ends before a multiple of 16, to which LLVM rounds it.
fn is_short_of_sixteen(ty: &Type) -> bool {
    let is_bit_int = matches!(ty.as_scalar(), Some(Scalar::BitInt { .. }));
    is_bit_int && ty.size() > 16 && !ty.size().is_multiple_of(16)
}

fn is_int128(ty: &Type) -> bool {
    matches!(ty.as_scalar(), Some(Scalar::Int { bits: 128, .. }))
}

/// A vector of one `__int128`.
fn is_int128_vector(leaf: Leaf) -> bool {
    let is_int128 = |lane| matches!(lane, Scalar::Int { bits: 128, .. });
    matches!(leaf.kind, LeafKind::Vector(vector) if vector.lanes == 1 && is_int128(vector.lane))
}

fn has_unnamed(ty: &Type) -> bool {
    leaves(ty).any(|leaf| leaf.unnamed)
}

fn counts(leaf: &Leaf) -> bool {
    !leaf.unnamed && leaf.width_bits > 0
}

/// A record with bytes, none of which is a member's.
fn is_padding(ty: &Type) -> bool {
    ty.as_record().is_some() && ty.size() > 0 && !leaves(ty).any(|leaf| counts(&leaf))
}

/// A record whose first eightbyte is padding, before one that is not.
fn begins_with_padding(ty: &Type) -> bool {
    let mut all = leaves(ty).filter(counts).peekable();
    ty.as_record().is_some() && all.peek().is_some() && all.all(|leaf| leaf.eightbytes().start > 0)
}

fn is_16_bit_float(leaf: &Leaf) -> bool {
    matches!(leaf.kind, LeafKind::Scalar(Scalar::F16 | Scalar::BF16))
}

/// A record with 16-bit floats, and with a leaf for which `is` holds.
fn has_16_bit_float_and(ty: &Type, is: fn(&Leaf) -> bool) -> bool {
    ty.as_record().is_some()
        && leaves(ty).any(|leaf| is_16_bit_float(&leaf))
        && leaves(ty).any(|leaf| is(&leaf))
}

/// Whether `is` holds for an array that `ty` is made of, and for the offset of its first element.
fn has_array(ty: &Type, is: impl Fn(&Array, u64) -> bool) -> bool {
    ty.contains(&|ty, at| matches!(ty.kind(), Kind::Array(array) if is(array, at)))
}

/// Several complex numbers or records of 16-bit floats, which do not start with an eightbyte.
fn is_array_of_16_bit_floats_off_eightbyte(array: &Array, offset_bits: u64) -> bool {
    let is_off = array.len > Some(1) && !offset_bits.is_multiple_of(64);
    let elem = &array.elem;
    is_off && elem.as_scalar().is_none() && leaves(elem).any(|leaf| is_16_bit_float(&leaf))
}

/// A record in whose eightbyte, after the float of 32 or 16 bits that begins it, there is nothing but an array of elements without bytes where
/// clang looks for the next float: it divides by their size.
fn has_array_of_nothing_after_float(ty: &Type) -> bool {
    let all: Vec<Leaf> = leaves(ty).filter(counts).collect();
    let is_looked_at = |offset_bits: u64| {
        let is_beside = |leaf: &&Leaf| leaf.offset_bits / 64 == offset_bits / 64;
        let own: Vec<&Leaf> = all.iter().filter(is_beside).collect();
        let begins = |leaf: &Leaf| {
            let after = offset_bits.checked_sub(leaf.offset_bits);
            let is_searched =
                after == Some(leaf.width_bits) || is_16_bit_float(leaf) && after == Some(32);
            leaf.offset_bits.is_multiple_of(64) && is_searched
        };
        let has_other = |leaf: &Leaf| !is_short_float(leaf) || leaf.offset_bits == offset_bits;
        own.iter().any(|leaf| begins(leaf)) && !own.iter().any(|leaf| has_other(leaf))
    };
    let is_last = |array: &Array, offset_bits: u64| {
        array.elem.size() == 0 && offset_bits < 8 * ty.size() && is_looked_at(offset_bits)
    };
    ty.as_record().is_some() && ty.size() <= 16 && has_array(ty, is_last)
}

fn is_short_float(leaf: &Leaf) -> bool {
    is_16_bit_float(leaf) || leaf.kind == LeafKind::Scalar(Scalar::F32)
}

/// A record of which an eightbyte holds a float of 32 or 16 bits, and something else.
fn shares_with_float(ty: &Type) -> bool {
    let all: Vec<Leaf> = leaves(ty).filter(counts).collect();
    let shares = |leaf: &Leaf| {
        let mut others = all.iter().filter(|other| *other != leaf);
        others.any(|other| other.eightbytes().start == leaf.eightbytes().start)
    };
    ty.as_record().is_some() && all.iter().any(|leaf| is_short_float(leaf) && shares(leaf))
}
