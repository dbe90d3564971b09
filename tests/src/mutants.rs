//! Deliberate mistakes, each of which a named block of the corpus must notice (`kills:` there).
//!
//! Most are broken conventions: a convention is data, so the code under test is the code that ships. The rest exchange a bridge for another,
//! or change a compiled function after it was lowered. None needs a hook in any crate.

use cabi::rules::{Classify, Group, GroupKind, Role, Rule};
use cabi::{
    Class, Convention, Error, Extension, LeafKind, Part, PartType, Reg, Type, X86_64_SYSV, leaves,
};
use clif_cabi::Bridge;
use clif_cabi::cranelift_codegen::ir::{self, ArgumentPurpose};

use cabi_judge::jit::Twist;

/// One mistake.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What `kills:` calls it.
    pub name: &'static str,
    /// The rule it breaks.
    pub breaks: &'static str,
    /// Told to Cranelift instead of System V.
    pub convention: Option<&'static Convention>,
    /// Made otherwise in the code.
    pub twist: Twist,
}

/// All mistakes.
pub const MUTANTS: &[Mutant] = &[
    table(
        "swap-eightbytes",
        "psABI 3.2.3, Passing: eightbytes are assigned in order",
        &SWAP,
    ),
    table(
        "rdx-before-rax",
        "psABI 3.2.3, Returning: the next of rax, rdx is used",
        &RDX_FIRST,
    ),
    table(
        "no-rollback",
        "psABI 3.2.3, Passing: assignments are reverted",
        &NO_ROLLBACK,
    ),
    table(
        "split-group",
        "psABI 3.2.3, Passing: all eightbytes in registers or none",
        &SPLIT,
    ),
    table(
        "merge-to-sse",
        "psABI 3.2.3, rule 4(d): Integer wins over Sse",
        &MERGE_TO_SSE,
    ),
    table(
        "no-cleanup",
        "psABI 3.2.3, rule 5(c): more than two eightbytes are memory",
        &NO_CLEANUP,
    ),
    table(
        "ignore-unaligned",
        "psABI 3.2.3, rule 1: unaligned fields are memory",
        &UNALIGNED,
    ),
    table(
        "array-is-integer",
        "psABI 3.2.3, rule 3: array elements are classed one by one",
        &ARRAYS,
    ),
    table(
        "over-read-tail",
        "no byte outside the object is read",
        &OVER_READ,
    ),
    table(
        "no-extension",
        "clang relies on extended narrow arguments",
        &NO_EXTENSION,
    ),
    table(
        "no-area-alignment",
        "psABI 3.2.3, Passing: memory arguments are aligned to 16 where the type is",
        &UNALIGNED_AREA,
    ),
    twisted(
        "garbage-al",
        "psABI 3.2.3: al is an upper bound of the vector registers used",
        Twist {
            bridge: Some(garbage_al),
            func: None,
        },
    ),
    twisted(
        "al-zero",
        "psABI 3.2.3: a callee saves no vector register if al is 0",
        Twist {
            bridge: Some(al_zero),
            func: None,
        },
    ),
    twisted(
        "al-one-less",
        "al counts each vector register",
        Twist {
            bridge: Some(al_one_less),
            func: None,
        },
    ),
    twisted(
        "no-echo",
        "psABI 3.2.3, Returning: rax holds the address of a result in memory",
        Twist {
            bridge: None,
            func: Some(no_echo),
        },
    ),
    twisted(
        "x87-undrained",
        "psABI 3.2.1: the x87 stack is empty between calls",
        Twist {
            bridge: Some(undrained),
            func: None,
        },
    ),
    twisted(
        "no-x87-load",
        "psABI 3.2.3, Returning: class X87 is in st0",
        Twist {
            bridge: Some(unloaded),
            func: None,
        },
    ),
];

const fn table(
    name: &'static str,
    breaks: &'static str,
    convention: &'static Convention,
) -> Mutant {
    let twist = Twist {
        bridge: None,
        func: None,
    };
    Mutant {
        name,
        breaks,
        convention: Some(convention),
        twist,
    }
}

const fn twisted(name: &'static str, breaks: &'static str, twist: Twist) -> Mutant {
    Mutant {
        name,
        breaks,
        convention: None,
        twist,
    }
}

const fn classified(
    name: &'static str,
    classify: fn(&Type, &mut Classify<'_, '_>) -> Result<Group, Error>,
) -> Convention {
    Convention {
        name,
        classify,
        ..X86_64_SYSV
    }
}

static SWAP: Convention = classified("eightbytes swapped", |ty, cx| {
    let mut group = right(ty, cx)?;
    if let [a, b] = group.parts.as_mut_slice()
        && a.ty != PartType::F80
    {
        std::mem::swap(&mut a.offset, &mut b.offset);
        std::mem::swap(&mut a.size, &mut b.size);
    }
    Ok(group)
});

static RDX_FIRST: Convention = Convention {
    name: "rdx before rax",
    results: &[
        Rule::AssignToReg(&[Reg::Rdx, Reg::Rax]),
        Rule::DelegateTo(X86_64_SYSV.results),
    ],
    ..X86_64_SYSV
};

/// All registers of arguments, integers first.
const ALL: &[Reg] = &[
    Reg::Rdi,
    Reg::Rsi,
    Reg::Rdx,
    Reg::Rcx,
    Reg::R8,
    Reg::R9,
    Reg::Xmm0,
    Reg::Xmm1,
    Reg::Xmm2,
    Reg::Xmm3,
    Reg::Xmm4,
    Reg::Xmm5,
    Reg::Xmm6,
    Reg::Xmm7,
];

static NO_ROLLBACK: Convention = classified("no rollback", |ty, cx| {
    let mut group = right(ty, cx)?;
    if group.parts.len() > 1 && cx.role != Role::Result {
        // What it had taken stays taken: of each class it has parts of.
        let has = |class| group.parts.iter().any(|part| part.class == class);
        let (ints, vectors) = ALL.split_at(6);
        group.uses_up = match (has(Class::Integer), has(Class::Sse)) {
            (true, false) => ints,
            (false, true) => vectors,
            _ => ALL,
        };
    }
    Ok(group)
});

static SPLIT: Convention = classified("groups split", |ty, cx| {
    let mut group = right(ty, cx)?;
    group.may_split = true;
    Ok(group)
});

static MERGE_TO_SSE: Convention = classified("Sse wins", |ty, cx| {
    let mut group = right(ty, cx)?;
    if ty.as_record().is_some() {
        for part in &mut group.parts {
            let mixed = part.class == Class::Integer && has_float(ty, part.offset);
            if mixed {
                (part.class, part.ty) = (Class::Sse, PartType::F64);
            }
        }
    }
    Ok(group)
});

/// Whether a float lies in the eightbyte at `offset`.
fn has_float(ty: &Type, offset: u8) -> bool {
    leaves(ty).any(|leaf| {
        let float = matches!(leaf.kind, LeafKind::Scalar(scalar) if scalar.is_float());
        float && leaf.eightbytes().contains(&usize::from(offset / 8))
    })
}

static NO_CLEANUP: Convention = classified("no cleanup", |ty, cx| {
    let group = right(ty, cx)?;
    let cleaned = (17..=32).contains(&ty.size()) && ty.as_record().is_some();
    if group.kind != GroupKind::Memory || !cleaned || cx.role == Role::Result {
        return Ok(group);
    }
    Ok(in_registers(ty, &group))
});

static UNALIGNED: Convention = classified("unaligned fields ignored", |ty, cx| {
    let group = right(ty, cx)?;
    if group.kind != GroupKind::Memory || ty.size() > 16 || ty.as_record().is_none() {
        return Ok(group);
    }
    Ok(in_registers(ty, &group))
});

/// One integer part per eightbyte.
fn in_registers(ty: &Type, memory: &Group) -> Group {
    let mut group = Group::new(GroupKind::Registers, memory.size, memory.align);
    let mut offset = 0;
    while u64::from(offset) < ty.size() {
        let size = u8::try_from(ty.size() - u64::from(offset))
            .unwrap_or(8)
            .min(8);
        let mut part = Part::int(PartType::I64, Extension::None);
        (part.offset, part.size) = (offset, size);
        group.parts.push(part);
        offset += 8;
    }
    group
}

static ARRAYS: Convention = classified("arrays are integers", |ty, cx| {
    let mut group = right(ty, cx)?;
    let arrays = ty.as_record().is_some_and(|record| {
        let mut fields = record.fields().iter();
        fields.any(|field| matches!(field.ty().kind(), cabi::Kind::Array(_)))
    });
    if arrays {
        for part in &mut group.parts {
            (part.class, part.ty) = (Class::Integer, PartType::I64);
        }
    }
    Ok(group)
});

static OVER_READ: Convention = classified("tails over-read", |ty, cx| {
    let mut group = right(ty, cx)?;
    if ty.as_record().is_some() {
        for part in &mut group.parts {
            match part.class {
                Class::Integer => (part.ty, part.size) = (PartType::I64, 8),
                Class::Sse if part.ty.bytes() <= 8 => (part.ty, part.size) = (PartType::F64, 8),
                _ => {}
            }
        }
        group.size = group.size.next_multiple_of(8);
    }
    Ok(group)
});

static NO_EXTENSION: Convention = classified("no extension", |ty, cx| {
    let mut group = right(ty, cx)?;
    for part in &mut group.parts {
        part.extension = Extension::None;
    }
    Ok(group)
});

static UNALIGNED_AREA: Convention = classified("area unaligned", |ty, cx| {
    let mut group = right(ty, cx)?;
    group.align = group.align.min(8);
    Ok(group)
});

fn right(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    (X86_64_SYSV.classify)(ty, cx)
}

/// `bridge` with another count of vector registers.
fn with_count(bridge: Bridge, count: fn(u8) -> u8) -> Bridge {
    match bridge {
        Bridge::VariadicDirect { n_sse, callee } => Bridge::VariadicDirect {
            n_sse: count(n_sse),
            callee,
        },
        Bridge::VariadicIndirect { n_sse, area } => Bridge::VariadicIndirect {
            n_sse: count(n_sse),
            area,
        },
        other => other,
    }
}

fn garbage_al(bridge: Bridge) -> Bridge {
    with_count(bridge, |n| n ^ 0xa5)
}

fn al_zero(bridge: Bridge) -> Bridge {
    with_count(bridge, |_| 0)
}

fn al_one_less(bridge: Bridge) -> Bridge {
    with_count(bridge, |n| n.saturating_sub(1))
}

fn undrained(bridge: Bridge) -> Bridge {
    match bridge {
        Bridge::PopX87 => Bridge::PushX87,
        Bridge::PopComplexX87 => Bridge::PushComplexX87,
        other => other,
    }
}

fn unloaded(bridge: Bridge) -> Bridge {
    match bridge {
        Bridge::PushX87 => Bridge::PopX87,
        Bridge::PushComplexX87 => Bridge::PopComplexX87,
        other => other,
    }
}

/// The address of the result becomes an argument like any other, which nobody hands back.
fn no_echo(func: &mut ir::Function) {
    for param in &mut func.signature.params {
        if param.purpose == ArgumentPurpose::StructReturn {
            param.purpose = ArgumentPurpose::Normal;
        }
    }
}
