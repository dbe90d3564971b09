//! Nothing panics: types made by random calls of every constructor with any number, signatures of them with any flag, asked everything.

use cabi::{
    ArgFlags, BoolVector, DataModel, FnAbi, FnSig, Language, Member, Policy, RecordBuilder, Target,
    Type, VectorLevel, X86_64_SYSV, X86_64_WIN64, leaves,
};
use clif_cabi::cranelift_codegen::isa;
use clif_cabi::cranelift_codegen::settings::{self, Flags};
use clif_cabi::{Lowering, value_type};
use proptest::collection::vec;
use proptest::prelude::*;

use super::config;

/// One call of a constructor; types are named by their number, modulo how many there are.
#[derive(Clone, Debug)]
enum Make {
    BitInt(u16, bool),
    Complex(usize),
    Enumeration(usize),
    Vector(usize, u16),
    Bools(u16, bool),
    Array(usize, u64),
    Flexible(usize),
    Aligned(usize, u32),
    Atomic(usize),
    Decayed(usize),
    Adapted(usize, usize),
    /// One inside the other, so many times.
    Deep(usize, u16, bool),
    Record(Vec<Part>, Whole),
}

/// A member.
#[derive(Clone, Debug)]
struct Part {
    ty: usize,
    width: Option<u16>,
    named: bool,
    packed: bool,
    align: Option<u32>,
    at_bit: Option<u64>,
}

/// A record's own attributes.
#[derive(Clone, Debug)]
struct Whole {
    union: bool,
    packed: bool,
    transparent: bool,
    cpp: bool,
    pack: Option<u32>,
    align: Option<u32>,
    model: usize,
    given: Option<(u64, u32)>,
}

const MODELS: [DataModel; 7] = [
    DataModel::LP64,
    DataModel::LLP64,
    DataModel::LLP64_GNU,
    DataModel::ILP32,
    DataModel::X32,
    DataModel::AARCH64,
    DataModel::RISCV64,
];

/// Mostly small, sometimes at a limit.
fn number() -> BoxedStrategy<u64> {
    let odd = prop::sample::select(vec![
        0,
        1,
        u64::MAX,
        u64::MAX / 8,
        u64::MAX / 64,
        1 << 31,
        1 << 32,
        (1 << 31) - 1,
        1 << 60,
        65,
        64,
    ]);
    prop_oneof![6 => 0_u64..20, 1 => odd, 1 => any::<u64>()].boxed()
}

fn align() -> BoxedStrategy<u32> {
    prop_oneof![8 => (0_u32..32).prop_map(|n| 1 << n), 1 => any::<u32>()].boxed()
}

fn part() -> BoxedStrategy<Part> {
    (
        any::<usize>(),
        prop::option::weighted(0.3, 0_u16..140),
        any::<bool>(),
        any::<bool>(),
        prop::option::weighted(0.2, align()),
        prop::option::weighted(0.3, number()),
    )
        .prop_map(|(ty, width, named, packed, align, at_bit)| Part {
            ty,
            width,
            named,
            packed,
            align,
            at_bit,
        })
        .boxed()
}

fn whole() -> BoxedStrategy<Whole> {
    let flags = (
        any::<bool>(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
        any::<bool>(),
    );
    (
        flags,
        prop::option::weighted(0.2, align()),
        prop::option::weighted(0.2, align()),
        any::<usize>(),
        prop::option::weighted(0.2, (number(), align())),
    )
        .prop_map(
            |((union, packed, transparent, cpp), pack, align, model, given)| Whole {
                union,
                packed,
                transparent,
                cpp,
                pack,
                align,
                model,
                given,
            },
        )
        .boxed()
}

fn make() -> BoxedStrategy<Make> {
    let ty = any::<usize>;
    prop_oneof![
        1 => (any::<u16>(), any::<bool>()).prop_map(|(bits, signed)| Make::BitInt(bits, signed)),
        1 => ty().prop_map(Make::Complex),
        1 => ty().prop_map(Make::Enumeration),
        2 => (ty(), prop_oneof![0_u16..70, any::<u16>()]).prop_map(|(ty, n)| Make::Vector(ty, n)),
        1 => (prop_oneof![0_u16..600, any::<u16>()], any::<bool>()).prop_map(|(n, zig)| Make::Bools(n, zig)),
        3 => (ty(), number()).prop_map(|(ty, n)| Make::Array(ty, n)),
        1 => ty().prop_map(Make::Flexible),
        1 => (ty(), align()).prop_map(|(ty, align)| Make::Aligned(ty, align)),
        1 => ty().prop_map(Make::Atomic),
        1 => ty().prop_map(Make::Decayed),
        1 => (ty(), ty()).prop_map(|(ty, model)| Make::Adapted(ty, model)),
        1 => (ty(), 0_u16..300, any::<bool>()).prop_map(|(ty, n, array)| Make::Deep(ty, n, array)),
        6 => (vec(part(), 0..6), whole()).prop_map(|(parts, whole)| Make::Record(parts, whole)),
    ]
    .boxed()
}

/// Makes a type of those there are; `None` is a refusal.
fn made(make: &Make, types: &[Type]) -> Option<Type> {
    let ty = |i: &usize| types[i % types.len()].clone();
    match make {
        Make::BitInt(bits, signed) => DataModel::LP64.bit_int(*bits, *signed).ok(),
        Make::Complex(i) => Type::complex(&ty(i)).ok(),
        Make::Enumeration(i) => Type::enumeration(&ty(i)).ok(),
        Make::Vector(i, lanes) => Type::vector(&ty(i), *lanes).ok(),
        Make::Bools(lanes, zig) => {
            let flavour = if *zig {
                BoolVector::Zig
            } else {
                BoolVector::Clang
            };
            Type::bool_vector(*lanes, flavour).ok()
        }
        Make::Array(i, len) => Type::array(&ty(i), *len).ok(),
        Make::Flexible(i) => Type::flexible_array(&ty(i)).ok(),
        Make::Aligned(i, align) => ty(i).with_align(*align).ok(),
        Make::Atomic(i) => ty(i).atomic().ok(),
        Make::Decayed(i) => Some(DataModel::LP64.decay(&ty(i))),
        Make::Adapted(i, model) => Some(MODELS[model % MODELS.len()].adapt(&ty(i))),
        Make::Deep(i, n, array) => {
            let mut deep = ty(i);
            for _ in 0..*n {
                deep = if *array {
                    Type::array(&deep, 1).ok()?
                } else {
                    let record = RecordBuilder::structure("deep").field("in", deep);
                    record.build(&DataModel::LP64).ok()?
                };
            }
            Some(deep)
        }
        Make::Record(parts, whole) => record(parts, whole, types),
    }
}

fn record(parts: &[Part], whole: &Whole, types: &[Type]) -> Option<Type> {
    let mut record = if whole.union {
        RecordBuilder::union("u")
    } else {
        RecordBuilder::structure("s")
    };
    for part in parts {
        let ty = types[part.ty % types.len()].clone();
        let mut member = match (part.width, part.named) {
            (Some(width), true) => Member::bit_field("b", ty, width),
            (Some(width), false) => Member::unnamed_bit_field(ty, width),
            (None, true) => Member::named("m", ty),
            (None, false) => Member::anonymous(ty),
        };
        if part.packed {
            member = member.packed();
        }
        if let Some(align) = part.align {
            member = member.aligned(align);
        }
        if let Some(bit) = part.at_bit {
            member = member.at_bit(bit);
        }
        record = record.member(member);
    }
    if whole.packed {
        record = record.packed();
    }
    if whole.transparent {
        record = record.transparent();
    }
    if whole.cpp {
        record = record.language(Language::Cxx);
    }
    if let Some(pack) = whole.pack {
        record = record.pack(pack);
    }
    if let Some(align) = whole.align {
        record = record.aligned(align);
    }
    match whole.given {
        Some((size, align)) => record.build_at(size, align).ok(),
        None => record.build(&MODELS[whole.model % MODELS.len()]).ok(),
    }
}

/// Everything there is to ask of one type.
fn ask(ty: &Type) {
    let _ = (
        ty.to_string(),
        ty.canonical_align(),
        ty.is_aggregate(),
        value_type(ty),
    );
    for leaf in leaves(ty).take(2000) {
        let _ = (leaf.eightbytes(), leaf.bytes());
    }
}

const BASE: [Type; 14] = [
    Type::VOID,
    Type::FUNCTION,
    Type::BOOL,
    Type::I8,
    Type::U16,
    Type::I32,
    Type::I64,
    Type::I128,
    Type::F16,
    Type::F32,
    Type::F64,
    Type::F80,
    Type::F128,
    Type::PTR,
];

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn nothing_panics(
        makes in vec(make(), 0..12),
        params in vec((any::<usize>(), any::<u8>()), 0..12),
        unnamed in vec(any::<usize>(), 0..6),
        result in any::<usize>(),
        (bits, win64, variadic, noreturn, level, stack_align) in
            (any::<u64>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.1), 0_usize..3, prop::option::weighted(0.2, align())),
    ) {
        let mut types = BASE.to_vec();
        for make in &makes {
            if let Some(ty) = made(make, &types) {
                ask(&ty);
                // Twice: types made last are taken most.
                types.extend([ty.clone(), ty]);
            }
        }
        let ty = |i: &usize| types[types.len() - 1 - i % types.len()].clone();
        let named = Policy::NAMES.iter().enumerate();
        let policy = named.filter(|(i, _)| bits >> (i % 64) & 1 == 1).fold(Policy::NONE, |all, (_, (bit, _))| all | *bit);
        let mut sig = FnSig::new(params.iter().map(|(i, _)| ty(i)), ty(&result))
            .policy(policy)
            .features([VectorLevel::Baseline, VectorLevel::Avx, VectorLevel::Avx512][level]);
        for (i, (_, flags)) in params.iter().enumerate() {
            const FLAGS: [ArgFlags; 6] =
                [ArgFlags::NONE, ArgFlags::IN_REG, ArgFlags::NEST, ArgFlags::BYVAL, ArgFlags::SRET, ArgFlags::SPLIT];
            if *flags < 40 {
                sig = sig.flags(i, FLAGS[usize::from(*flags) % FLAGS.len()]);
            }
        }
        sig = sig.convention(if win64 { &X86_64_WIN64 } else { &X86_64_SYSV });
        if let Some(align) = stack_align {
            sig = sig.incoming_stack_align(align);
        }
        if noreturn {
            sig = sig.noreturn();
        }
        if variadic {
            sig = sig.variadic().at_call(unnamed.iter().map(ty)).unwrap();
        }
        for target in [Target::X86_64_LINUX, Target::X86_64_WINDOWS_GNU] {
            if let Ok(abi) = FnAbi::new(&sig, &target) {
                let _ = format!("{abi:?} {}", abi.ret);
            }
            if let Ok(explanation) = cabi::explain(&sig, &[Some("first")], &target) {
                let _ = (explanation.to_string(), explanation.summary());
            }
        }
        if let Ok(isa) = isa::lookup_by_name("x86_64-unknown-linux-gnu") {
            let isa = isa.finish(Flags::new(settings::builder())).unwrap();
            let lower = Lowering::new(&*isa).unwrap();
            for error in [lower.call_plan(&sig).err(), lower.entry_plan(&sig).err()].into_iter().flatten() {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
