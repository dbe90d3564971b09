//! From bytes to a signature. Its types are those that `cabi_verify::generate` draws, and types
//! that C text cannot express. Calls of constructors make the latter with any number, which may be
//! at a limit.
//!
//! Types that constructors refuse are left out. Small choices come first, so that a changed byte
//! changes one choice. Bytes that have run out read as zeros, which end every list.

use cabi::{
    ArgFlags, BoolVector, Convention, DataModel, FnSig, Language, Member, Policy, RecordBuilder,
    Target, Type, VectorLevel, X86_64_WIN64,
};
use cabi_verify::generate::{Dialect, Random, signature_from};

use crate::dialect_types::typed;

pub(super) struct DrawnSignature {
    /// The types that were made, one of another.
    pub(super) types: Vec<Type>,
    /// `true` if the layout of some record was given, not computed.
    pub(super) any_given: bool,
    /// `true` if some type is of another data model than the target's, which is not checked: its
    /// places mean nothing then.
    pub(super) mixed: bool,
    /// `true` if the signature has nothing that front ends alone choose: flags, another alignment
    /// of the stack.
    pub(super) plain: bool,
    pub(super) sig: FnSig,
    /// `sig` with one more argument.
    pub(super) longer: FnSig,
    pub(super) target: Target,
}

const MAX_PARAMS: u32 = 14;
const MAX_UNNAMED: u32 = 5;

/// Types that are no values in C, and the registers' own types.
const SIMPLE: [Type; 6] = [
    Type::I64,
    Type::F64,
    Type::I8,
    Type::F32,
    Type::FUNCTION,
    Type::VOID,
];

const MODELS: [DataModel; 7] = [
    DataModel::LP64,
    DataModel::LLP64,
    DataModel::LLP64_GNU,
    DataModel::ILP32,
    DataModel::X32,
    DataModel::AARCH64,
    DataModel::RISCV64,
];

const PROFILES: [Policy; 4] = [Policy::GCC, Policy::CLANG, Policy::ZIG, Policy::NONE];

/// Numbers at some limit: of 64, 32 and 31 bits, of bits counted in them, of a vector register.
const LIMITS: [u64; 11] = [
    0,
    64,
    65,
    u64::MAX,
    u64::MAX / 8,
    u64::MAX / 64,
    1 << 31,
    (1 << 31) - 1,
    1 << 32,
    1 << 60,
    4096,
];

/// Draws types, and a signature of them under `sysv` or Win64.
pub(super) fn signature(bytes: &[u8], sysv: &'static Convention) -> DrawnSignature {
    let mut draw = Draw {
        random: Random::of_bytes(bytes),
        model: DataModel::LP64,
        types: Vec::new(),
        any_given: false,
        mixed: false,
    };
    let target = draw.target(sysv);
    draw.model = *target.data_model();
    if draw.random.chance(5) {
        draw.model = draw.other_model();
    }
    draw.types();
    let result = match draw.random.chance(20) {
        true => Type::VOID,
        false => draw.ty(),
    };
    let mut params = draw.list(MAX_PARAMS, 85);
    let mut unnamed = match draw.random.chance(15) {
        true => Some(draw.list(MAX_UNNAMED, 70)),
        false => None,
    };
    let extra = draw.ty();
    let (add, plain, names_convention) = draw.attributes(sysv);
    // A convention of another machine than the types are of, whose `long double` may be another.
    draw.mixed |= names_convention && target.convention().is_none();
    let make = |params: &[Type], unnamed: &Option<Vec<Type>>| {
        let sig = add(FnSig::new(params.iter().cloned(), result.clone()));
        let Some(unnamed) = unnamed else { return sig };
        // Refused only if the function is not variadic.
        let variadic = sig.variadic();
        let call = variadic.at_call(unnamed.iter().cloned());
        call.unwrap_or(variadic)
    };
    let sig = make(&params, &unnamed);
    unnamed.as_mut().unwrap_or(&mut params).push(extra);
    let longer = make(&params, &unnamed);
    DrawnSignature {
        types: draw.types,
        any_given: draw.any_given,
        mixed: draw.mixed,
        plain,
        sig,
        longer,
        target,
    }
}

struct Draw {
    random: Random,
    /// Data model of most types.
    model: DataModel,
    types: Vec<Type>,
    any_given: bool,
    mixed: bool,
}

/// An attribute of a record, which may take an alignment.
type Change = fn(RecordBuilder, u32) -> RecordBuilder;

impl Draw {
    /// Draws types of C, then of constructors that take these.
    fn types(&mut self) {
        let mut signature = signature_from(&mut self.random, Dialect::EVERYTHING);
        let types = signature.types_mut();
        self.types = types.filter_map(|ty| typed(ty, &self.model)).collect();
        for _ in 0..self.random.below(8) {
            let ty = self.make();
            self.types.extend(ty);
        }
    }

    /// Draws a number, mostly small, sometimes at a limit.
    fn number(&mut self) -> u64 {
        match self.random.below(16) {
            15 => self.random.any(),
            14 => self.random.one_or(&LIMITS, 0),
            _ => u64::from(self.random.below(20)),
        }
    }

    /// Draws as [`Self::number`], of so many bits as `T` has.
    fn number_of<T: TryFrom<u64>>(&mut self, most: T) -> T {
        T::try_from(self.number()).unwrap_or(most)
    }

    /// Draws an alignment, mostly a small power of two.
    fn align(&mut self) -> u32 {
        match self.random.below(16) {
            15 => self.number_of(u32::MAX),
            14 => 1 << self.random.below(32),
            _ => 1 << self.random.below(7),
        }
    }

    fn other_model(&mut self) -> DataModel {
        self.mixed = true;
        self.random.one_or(&MODELS, DataModel::LP64)
    }

    /// Draws a scalar, or a type that was made: the last ones most.
    fn ty(&mut self) -> Type {
        let n = u32::try_from(self.types.len()).unwrap_or(0);
        if n == 0 || self.random.chance(25) {
            let at = self.random.below(6);
            return self.model.adapt(&SIMPLE[at as usize]);
        }
        let last = if self.random.chance(30) { n } else { n.min(3) };
        let back = 1 + self.random.below(last);
        self.types[(n - back) as usize].clone()
    }

    /// Draws up to `max` types, one more in `percent` of 100 cases. Runs of one type are frequent,
    /// so that registers run out.
    fn list(&mut self, max: u32, percent: u32) -> Vec<Type> {
        let mut list = Vec::new();
        while list.len() < max as usize && self.random.chance(percent) {
            let ty = self.ty();
            let times = match self.random.chance(20) {
                true => 1 + self.random.below(7),
                false => 1,
            };
            list.extend((0..times).map(|_| ty.clone()));
        }
        list
    }

    /// Calls a constructor; `None` is a refusal.
    fn make(&mut self) -> Option<Type> {
        let ty = self.ty();
        match self.random.below(16) {
            0 => {
                let lanes = self.number_of(u16::MAX);
                let kinds = [BoolVector::Clang, BoolVector::Zig];
                let kind = self.random.one_or(&kinds, BoolVector::Clang);
                let vector = Type::bool_vector(lanes, kind).ok()?;
                Some(self.model.adapt(&vector))
            }
            1 => Type::complex(&ty).ok(),
            2 => Type::enumeration(&ty).ok(),
            3 => {
                let vector = Type::vector(&ty, self.number_of(u16::MAX)).ok()?;
                Some(self.model.adapt(&vector))
            }
            4 | 5 => Type::array(&ty, self.number()).ok(),
            6 => Type::flexible_array(&ty).ok(),
            7 => ty.with_align(self.align()).ok(),
            8 => ty.atomic().ok(),
            9 => Some(self.model.decay(&ty)),
            10 if self.random.chance(20) => Some(self.other_model().adapt(&ty)),
            11 => self.deep(ty),
            12 => {
                let (bits, signed) = (self.number_of(u16::MAX), self.random.chance(50));
                self.model.bit_int(bits, signed).ok()
            }
            _ => self.record(),
        }
    }

    /// Puts one type inside the other, many times.
    fn deep(&mut self, mut deep: Type) -> Option<Type> {
        let array = self.random.chance(50);
        for _ in 0..1 + self.random.below(300) {
            deep = match array {
                true => Type::array(&deep, 1).ok()?,
                false => {
                    let record = RecordBuilder::structure("deep").field("in", deep);
                    record.build(&self.model).ok()?
                }
            };
        }
        Some(deep)
    }

    fn record(&mut self) -> Option<Type> {
        let mut record = match self.random.chance(20) {
            true => RecordBuilder::union("u"),
            false => RecordBuilder::structure("s"),
        };
        for _ in 0..self.random.below(6) {
            record = record.member(self.member());
        }
        let changes: [(u32, Change); 5] = [
            (10, |record, _| record.packed()),
            (15, |record, _| record.transparent()),
            (10, |record, _| record.language(Language::Cxx)),
            (10, RecordBuilder::pack),
            (10, RecordBuilder::aligned),
        ];
        for (percent, change) in changes {
            if self.random.chance(percent) {
                record = change(record, self.align());
            }
        }
        if self.random.chance(15) {
            let ty = record.build_at(self.number(), self.align()).ok();
            self.any_given |= ty.is_some();
            return ty;
        }
        let model = match self.random.chance(2) {
            true => self.other_model(),
            false => self.model,
        };
        record.build(&model).ok()
    }

    fn member(&mut self) -> Member {
        let ty = self.ty();
        let width = self.number_of(u16::MAX);
        let mut member = match self.random.below(8) {
            7 => Member::anonymous(ty),
            6 => Member::unnamed_bit_field(ty, width),
            4 | 5 => Member::bit_field("b", ty, width),
            _ => Member::named("m", ty),
        };
        if self.random.chance(8) {
            member = member.packed();
        }
        if self.random.chance(8) {
            member = member.aligned(self.align());
        }
        if self.random.chance(8) {
            member = member.at_bit(self.number().wrapping_mul(8));
        }
        member
    }

    /// Returns the attributes of a signature besides its types, whether they are plain C's, and
    /// whether a convention is among them.
    fn attributes(
        &mut self,
        sysv: &'static Convention,
    ) -> (impl Fn(FnSig) -> FnSig + use<>, bool, bool) {
        const FLAGS: [ArgFlags; 5] = [
            ArgFlags::IN_REG,
            ArgFlags::NEST,
            ArgFlags::BYVAL,
            ArgFlags::SRET,
            ArgFlags::SPLIT,
        ];
        const LEVELS: [VectorLevel; 3] =
            [VectorLevel::Baseline, VectorLevel::Avx, VectorLevel::Avx512];
        let mut policy = self.random.one_or(&PROFILES, Policy::GCC);
        if self.random.chance(25) {
            let set = self.random.any();
            for (i, (bit, _)) in (0..).zip(Policy::NAMES) {
                policy = match set >> (i % 64) & 1 {
                    1 => policy | *bit,
                    _ => policy.without(*bit),
                };
            }
        }
        let mut flags = Vec::new();
        while flags.len() < 3 && self.random.chance(10) {
            let param = self.random.below(MAX_PARAMS + 1) as usize;
            flags.push((param, self.random.one_or(&FLAGS, ArgFlags::IN_REG)));
        }
        let vectors = self.random.one_or(&LEVELS, VectorLevel::Baseline);
        let convention = match self.random.below(8) {
            6 => Some(&X86_64_WIN64),
            7 => Some(sysv),
            _ => None,
        };
        let stack_align = self.random.chance(5).then(|| self.align());
        let noreturn = self.random.chance(5);
        let plain = flags.is_empty() && stack_align.is_none();
        let add = move |sig: FnSig| {
            let sig = sig.policy(policy).features(vectors);
            let sig = convention.into_iter().fold(sig, FnSig::convention);
            let sig = (stack_align.into_iter()).fold(sig, FnSig::incoming_stack_align);
            let sig = if noreturn { sig.noreturn() } else { sig };
            let flags = flags.iter();
            flags.fold(sig, |sig, (param, flags)| sig.flags(*param, *flags))
        };
        (add, plain, convention.is_some())
    }

    fn target(&mut self, sysv: &'static Convention) -> Target {
        const TRIPLES: [&str; 6] = [
            "x86_64-pc-windows-msvc",
            "x86_64-linux-android",
            "x86_64-unknown-linux-gnux32",
            "i686-unknown-linux-gnu",
            "aarch64-unknown-linux-gnu",
            "riscv64gc-unknown-linux-gnu",
        ];
        match self.random.below(16) {
            0..10 => Target::X86_64_LINUX.with_convention(sysv),
            10..12 => Target::X86_64_WINDOWS_GNU,
            12 => Target::X86_64_LINUX.with_convention(&X86_64_WIN64),
            _ => {
                let triple = self.random.one_or(&TRIPLES, TRIPLES[0]).parse();
                let target = triple.ok().and_then(|triple| Target::new(&triple).ok());
                target.unwrap_or(Target::X86_64_LINUX)
            }
        }
    }
}
