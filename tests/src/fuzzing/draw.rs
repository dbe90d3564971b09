//! From bytes to types and a signature: calls of every constructor with any number, types named by how long ago they were made.
//!
//! What constructors refuse is left out. Small choices come first, so that a changed byte changes one thing and bytes that have run out, which read
//! as zeros, end every list.

use arbitrary::{Result, Unstructured};
use cabi::{
    ArgFlags, BoolVector, Convention, DataModel, FnSig, Language, Member, Policy, RecordBuilder,
    Target, Type, VectorLevel, X86_64_WIN64,
};

/// What was drawn.
pub(super) struct Drawn {
    /// The types that were made, one of another.
    pub(super) types: Vec<Type>,
    /// Whether the layout of some record was given, not computed.
    pub(super) any_given: bool,
    /// Whether some type is of another data model than the target's, which nobody checks: its places mean nothing then.
    pub(super) mixed: bool,
    pub(super) sig: FnSig,
    /// `sig` with one more argument.
    pub(super) longer: FnSig,
    pub(super) target: Target,
}

const MAX_TYPES: usize = 12;
const MAX_MEMBERS: usize = 8;
const MAX_PARAMS: usize = 14;
const MAX_UNNAMED: usize = 5;

const SCALARS: [Type; 26] = [
    Type::I64,
    Type::F64,
    Type::I32,
    Type::F32,
    Type::I8,
    Type::U8,
    Type::I16,
    Type::U16,
    Type::U32,
    Type::U64,
    Type::BOOL,
    Type::I128,
    Type::U128,
    Type::F16,
    Type::BF16,
    Type::F80,
    Type::F128,
    Type::DEC32,
    Type::DEC64,
    Type::DEC128,
    Type::PTR,
    Type::FN_PTR,
    Type::I64,
    Type::F64,
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

/// Types, and a signature of them under `sysv` or Win64.
pub(super) fn signature(u: &mut Unstructured<'_>, sysv: &'static Convention) -> Result<Drawn> {
    let mut draw = Draw {
        u,
        model: DataModel::LP64,
        types: Vec::new(),
        any_given: false,
        mixed: false,
    };
    let target = draw.target(sysv)?;
    draw.model = *target.data_model();
    if draw.percent(5)? {
        draw.model = draw.other_model()?;
    }
    while draw.types.len() < MAX_TYPES && draw.percent(88)? {
        if let Some(ty) = draw.make()? {
            draw.types.push(ty);
        }
    }
    let result = if draw.percent(20)? {
        Type::VOID
    } else {
        draw.ty()?
    };
    let params = draw.list(MAX_PARAMS, 85)?;
    let unnamed = if draw.percent(15)? {
        Some(draw.list(MAX_UNNAMED, 70)?)
    } else {
        None
    };
    let more = draw.ty()?;
    let attributes = draw.attributes(sysv)?;
    // A convention of another machine than the types are of, whose `long double` may be another.
    draw.mixed |= attributes.convention.is_some() && target.convention().is_none();
    let make = |params: &[Type], unnamed: Option<&[Type]>| {
        let sig = attributes.on(FnSig::new(params.iter().cloned(), result.clone()));
        match unnamed {
            // Refused only if the function is not variadic.
            Some(unnamed) => {
                let variadic = sig.variadic();
                let call = variadic.at_call(unnamed.iter().cloned());
                call.unwrap_or(variadic)
            }
            None => sig,
        }
    };
    let and_more = |list: &[Type]| [list, &[more]].concat();
    let (sig, longer) = match &unnamed {
        Some(unnamed) => (
            make(&params, Some(unnamed)),
            make(&params, Some(&and_more(unnamed))),
        ),
        None => (make(&params, None), make(&and_more(&params), None)),
    };
    Ok(Drawn {
        types: draw.types,
        any_given: draw.any_given,
        mixed: draw.mixed,
        sig,
        longer,
        target,
    })
}

/// What a signature has besides its types.
struct Attributes {
    policy: Policy,
    vectors: VectorLevel,
    convention: Option<&'static Convention>,
    stack_align: Option<u32>,
    noreturn: bool,
    flags: Vec<(usize, ArgFlags)>,
}

impl Attributes {
    fn on(&self, sig: FnSig) -> FnSig {
        let mut sig = sig.policy(self.policy).features(self.vectors);
        if let Some(convention) = self.convention {
            sig = sig.convention(convention);
        }
        if let Some(align) = self.stack_align {
            sig = sig.incoming_stack_align(align);
        }
        if self.noreturn {
            sig = sig.noreturn();
        }
        for (param, flags) in &self.flags {
            sig = sig.flags(*param, *flags);
        }
        sig
    }
}

struct Draw<'a, 'b> {
    u: &'a mut Unstructured<'b>,
    /// Of most types.
    model: DataModel,
    types: Vec<Type>,
    any_given: bool,
    mixed: bool,
}

impl Draw<'_, '_> {
    /// True in `n` of 100 cases; not where bytes have run out.
    fn percent(&mut self, n: u8) -> Result<bool> {
        Ok(self.u.int_in_range(0..=99_u8)? >= 100 - n)
    }

    /// Mostly small, sometimes at a limit.
    fn number(&mut self) -> Result<u64> {
        match self.u.int_in_range(0..=15_u8)? {
            15 => self.u.arbitrary(),
            14 => self.u.choose(&LIMITS).copied(),
            _ => self.u.int_in_range(0..=19),
        }
    }

    /// Mostly a small power of two.
    fn align(&mut self) -> Result<u32> {
        match self.u.int_in_range(0..=15_u8)? {
            15 => self.u.arbitrary(),
            14 => Ok(1 << self.u.int_in_range(0..=31_u32)?),
            _ => Ok(1 << self.u.int_in_range(0..=6_u32)?),
        }
    }

    fn other_model(&mut self) -> Result<DataModel> {
        self.mixed = true;
        self.u.choose(&MODELS).copied()
    }

    /// A scalar, or a type that was made: the last ones most.
    fn ty(&mut self) -> Result<Type> {
        let n = self.types.len();
        if n == 0 || self.percent(40)? {
            return self.scalar();
        }
        let last = if self.percent(30)? { n } else { n.min(3) };
        let back = self.u.int_in_range(1..=last)?;
        Ok(self.types[n - back].clone())
    }

    /// As the model has it.
    fn scalar(&mut self) -> Result<Type> {
        let scalar = self.u.choose(&SCALARS)?.clone();
        Ok(self.model.adapt(&scalar))
    }

    /// Up to `most` types, one more in `more` of 100 cases. Runs of one type are frequent, so that registers run out.
    fn list(&mut self, most: usize, more: u8) -> Result<Vec<Type>> {
        let mut list = Vec::new();
        while list.len() < most && self.percent(more)? {
            let ty = self.ty()?;
            let times = if self.percent(20)? {
                self.u.int_in_range(1..=7_usize)?
            } else {
                1
            };
            list.extend((0..times).map(|_| ty.clone()));
        }
        Ok(list)
    }

    /// Calls a constructor; `None` is a refusal.
    fn make(&mut self) -> Result<Option<Type>> {
        Ok(match self.u.int_in_range(0..=19_u8)? {
            0 => {
                let bits = self.number()?;
                let bits = u16::try_from(bits % 70_000).unwrap_or(u16::MAX);
                self.model.bit_int(bits, self.u.arbitrary()?).ok()
            }
            1 => Type::complex(&self.scalar()?).ok(),
            2 => Type::enumeration(&self.scalar()?).ok(),
            3 | 4 => {
                let lane = self.scalar()?;
                let lanes = if self.percent(10)? {
                    self.u.arbitrary()?
                } else {
                    1 << self.u.int_in_range(0..=6_u16)?
                };
                Type::vector(&lane, lanes).ok()
            }
            5 => {
                let lanes = self.number()?;
                let lanes = u16::try_from(lanes.wrapping_mul(9) % 600).unwrap_or(u16::MAX);
                let zig = self.u.arbitrary()?;
                let flavour = if zig {
                    BoolVector::Zig
                } else {
                    BoolVector::Clang
                };
                Type::bool_vector(lanes, flavour).ok()
            }
            6 | 7 => Type::array(&self.ty()?, self.number()?).ok(),
            8 => Type::flexible_array(&self.ty()?).ok(),
            9 => self.ty()?.with_align(self.align()?).ok(),
            10 => self.ty()?.atomic().ok(),
            11 => {
                let ty = self.ty()?;
                Some(self.model.decay(&ty))
            }
            12 if self.percent(20)? => {
                let model = self.other_model()?;
                Some(model.adapt(&self.ty()?))
            }
            13 => self.deep()?,
            _ => self.record()?,
        })
    }

    /// One inside the other, many times.
    fn deep(&mut self) -> Result<Option<Type>> {
        let mut deep = self.ty()?;
        let array: bool = self.u.arbitrary()?;
        for _ in 0..self.u.int_in_range(1..=300_u16)? {
            let outer = if array {
                Type::array(&deep, 1)
            } else {
                let record = RecordBuilder::structure("deep").field("in", deep);
                record.build(&self.model)
            };
            match outer {
                Ok(outer) => deep = outer,
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(deep))
    }

    fn record(&mut self) -> Result<Option<Type>> {
        let union = self.percent(20)?;
        let mut record = if union {
            RecordBuilder::union("u")
        } else {
            RecordBuilder::structure("s")
        };
        for _ in 0..self.u.int_in_range(0..=MAX_MEMBERS)? {
            record = record.member(self.member()?);
        }
        if self.percent(10)? {
            record = record.packed();
        }
        if self.percent(5)? {
            record = record.transparent();
        }
        if self.percent(10)? {
            record = record.language(Language::Cxx);
        }
        if self.percent(10)? {
            record = record.pack(self.align()?);
        }
        if self.percent(10)? {
            record = record.aligned(self.align()?);
        }
        if self.percent(8)? {
            let given = record.build_at(self.number()?, self.align()?).ok();
            self.any_given |= given.is_some();
            return Ok(given);
        }
        let model = if self.percent(2)? {
            self.other_model()?
        } else {
            self.model
        };
        Ok(record.build(&model).ok())
    }

    fn member(&mut self) -> Result<Member> {
        let ty = self.ty()?;
        let named = !self.percent(15)?;
        let mut member = if self.percent(25)? {
            let width = self.u.int_in_range(0..=139_u16)?;
            if named {
                Member::bit_field("b", ty, width)
            } else {
                Member::unnamed_bit_field(ty, width)
            }
        } else if named {
            Member::named("m", ty)
        } else {
            Member::anonymous(ty)
        };
        if self.percent(8)? {
            member = member.packed();
        }
        if self.percent(8)? {
            member = member.aligned(self.align()?);
        }
        if self.percent(8)? {
            member = member.at_bit(self.number()?.wrapping_mul(8));
        }
        Ok(member)
    }

    fn attributes(&mut self, sysv: &'static Convention) -> Result<Attributes> {
        const FLAGS: [ArgFlags; 5] = [
            ArgFlags::IN_REG,
            ArgFlags::NEST,
            ArgFlags::BYVAL,
            ArgFlags::SRET,
            ArgFlags::SPLIT,
        ];
        const LEVELS: [VectorLevel; 3] =
            [VectorLevel::Baseline, VectorLevel::Avx, VectorLevel::Avx512];
        let mut policy = *self.u.choose(&PROFILES)?;
        if self.percent(25)? {
            let set: u32 = self.u.arbitrary()?;
            for (i, (bit, _)) in (0..).zip(Policy::NAMES) {
                policy = if set >> (i % 32) & 1 == 1 {
                    policy | *bit
                } else {
                    policy.without(*bit)
                };
            }
        }
        let mut flags = Vec::new();
        while flags.len() < 3 && self.percent(10)? {
            let param = self.u.int_in_range(0..=MAX_PARAMS)?;
            flags.push((param, *self.u.choose(&FLAGS)?));
        }
        Ok(Attributes {
            policy,
            flags,
            vectors: *self.u.choose(&LEVELS)?,
            convention: match self.u.int_in_range(0..=7_u8)? {
                6 => Some(&X86_64_WIN64),
                7 => Some(sysv),
                _ => None,
            },
            stack_align: if self.percent(5)? {
                Some(self.align()?)
            } else {
                None
            },
            noreturn: self.percent(5)?,
        })
    }

    fn target(&mut self, sysv: &'static Convention) -> Result<Target> {
        const TRIPLES: [&str; 6] = [
            "x86_64-pc-windows-msvc",
            "x86_64-linux-android",
            "x86_64-unknown-linux-gnux32",
            "i686-unknown-linux-gnu",
            "aarch64-unknown-linux-gnu",
            "riscv64gc-unknown-linux-gnu",
        ];
        Ok(match self.u.int_in_range(0..=15_u8)? {
            0..10 => Target::X86_64_LINUX.with_convention(sysv),
            10..12 => Target::X86_64_WINDOWS_GNU,
            12 => Target::X86_64_LINUX.with_convention(&X86_64_WIN64),
            _ => {
                let triple = self.u.choose(&TRIPLES)?.parse();
                let target = triple.ok().and_then(|triple| Target::new(&triple).ok());
                target.unwrap_or(Target::X86_64_LINUX)
            }
        })
    }
}
