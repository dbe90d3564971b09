//! Signatures in the C of a machine: random ones, and those at the boundaries of its registers.
//! Types that the machine lacks are replaced in a signature's tree.

use crate::generate::{
    CMember, CRecord, CSignature, CType, Dialect, Form, Node, Random, signature,
};
use crate::states::{AssignedState, Measure};

/// Least number of signatures about the states of a convention.
const STATES: usize = 240;

/// Features of C that a machine lacks.
#[derive(Clone, Copy, Debug)]
pub struct Absent {
    /// Names of types, each with its replacement.
    pub names: &'static [(&'static str, &'static str)],
    /// Names of types that no unnamed argument has, each with its replacement.
    pub unnamed: &'static [(&'static str, &'static str)],
    /// `true` if vectors are left out.
    pub vectors: bool,
    /// `true` if `_BitInt` is left out.
    pub bit_int: bool,
    /// The greatest alignment that attributes set.
    pub align: u32,
    /// The most registers of one kind that are filled before the drawn values.
    pub fill: u32,
}

/// Returns signature number `index` under `seed`. The integers and floats before the drawn values
/// bring them to each boundary of the machine's registers in turn.
pub fn signature_for_machine(seed: u64, index: u64, absent: &Absent) -> CSignature {
    let dialect = Dialect {
        bit_int: !absent.bit_int,
        bf16: true,
        ..Dialect::COMMON
    };
    let mut drawn = signature(seed, index, dialect);
    drawn.types_mut().for_each(|ty| absent.replace(ty));
    let mut random = Random::new(seed ^ 0x5eed, index);
    let mut params = Vec::new();
    for (name, chance) in [("int", 60), ("double", 40), ("float", 20), ("long", 20)] {
        if random.chance(chance) {
            let n = random.below(absent.fill + 2);
            params.extend((0..n).map(|_| CType::Name(name)));
        }
    }
    // Drawn parameters fill the registers of x86-64 first: the last ones are the unusual ones.
    let split = drawn.params.len().saturating_sub(5);
    params.extend(drawn.params.split_off(split));
    if random.chance(20) {
        let mut ty = around_nothing(&mut random);
        absent.replace(&mut ty);
        params.push(ty);
    }
    let promote = |unnamed: Vec<CType>| -> Vec<_> { unnamed.into_iter().map(promoted).collect() };
    let mut unnamed = drawn.unnamed.map(promote);
    if unnamed.is_some() || random.chance(15) {
        // Two words at each parity of the registers left.
        for name in [
            "int",
            "long long",
            "__int128",
            "long double",
            "int",
            "double",
        ] {
            if random.chance(50) {
                let list = unnamed.get_or_insert_default();
                list.push(CType::Name(absent.name(name)));
            }
        }
        params.truncate(usize::try_from(1 + random.below(12)).unwrap_or(1));
    }
    absent.replace_unnamed(&mut unnamed);
    let scalars = ["float", "double", "long long", "char", "unsigned short"];
    let scalar = random
        .chance(25)
        .then(|| CType::Name(random.one_or(&scalars, "int")));
    CSignature {
        ret: scalar.or(drawn.ret),
        params,
        unnamed,
        ms_abi: false,
    }
}

/// Scalars, each of which is a value at every boundary.
const SCALARS: [&str; 11] = [
    "char",
    "int",
    "long long",
    "float",
    "double",
    "long double",
    "__int128",
    "_Float16",
    "__bf16",
    "_Complex float",
    "_Complex double",
];

/// Members of structures, one list each. On all machines some of the structures are in words, some
/// in two kinds of registers, and some in memory. The last has an array of no elements beside a
/// float.
const STRUCTURES: [&[(&str, &[u32])]; 7] = [
    &[("int", &[]), ("float", &[])],
    &[("double", &[]), ("long", &[])],
    &[("void *", &[]), ("void *", &[])],
    &[("char", &[3])],
    &[("short", &[20])],
    &[("__bf16", &[2])],
    &[("float", &[]), ("int", &[0])],
];

/// Returns a structure of two floats with an empty record between them, and a union of two floats
/// and one float padded to their size. Compilers look for floats alone.
fn floats_and_nothing() -> [CType; 2] {
    let float = || Form::plain(CType::Name("float"));
    let padded = CRecord {
        aligned: Some(8),
        ..CRecord::of([float()])
    };
    let members = [padded.into(), CType::structure([float(), float()])];
    let union = CType::union(members.map(Form::plain));
    let beside = CType::structure([float(), Form::plain(CType::structure([])), float()]);
    [beside, union]
}

/// Draws one value or two, however deep in structures and arrays of one element. The members around
/// them have no bytes or no names.
fn around_nothing(random: &mut Random) -> CType {
    const VALUES: [&[&str]; 9] = [
        &["float"],
        &["double"],
        &["_Complex float"],
        &["_Complex double"],
        &["_Complex char"],
        &["_Complex unsigned short"],
        &["float", "int"],
        &["char", "double"],
        &["float", "float"],
    ];
    let mut members = Vec::new();
    for value in random.one_or(&VALUES, &["float"]) {
        members.push(match random.chance(20) {
            true => Form::array(CType::Name(value), &[1]),
            false => Form::plain(CType::Name(value)),
        });
    }
    for _ in 0..1 + random.below(2) {
        let n = u32::try_from(members.len()).unwrap_or(0);
        let at = usize::try_from(random.below(n + 1)).unwrap_or(0);
        let nothing = nothing(random, 2);
        members.insert(at, nothing);
    }
    if random.chance(5) {
        members.push(Form::Flexible(CType::Name("long")));
    }
    let mut ty = CType::structure(members);
    while random.chance(25) {
        let inner = match random.chance(30) {
            true => Form::array(ty, &[1]),
            false => Form::plain(ty),
        };
        ty = CType::structure([inner]);
        if let (CType::Record(record), true) = (&mut ty, random.chance(30)) {
            record.members.push(CMember::of(nothing(random, 1)));
        }
    }
    if let (CType::Record(record), true) = (&mut ty, random.chance(10)) {
        record.packed = true;
        record.aligned = random.chance(50).then_some(8);
    }
    ty
}

/// Draws a member without bytes, or without a name, with `levels` of records in it.
fn nothing(random: &mut Random, levels: u32) -> Form {
    let bits = |width| Form::Bits {
        ty: CType::Name("unsigned long"),
        width,
        named: false,
    };
    let record = |members: Vec<Form>, is_union| match is_union {
        true => CType::union(members),
        false => CType::structure(members),
    };
    match random.below(8) {
        0 => Form::array(
            CType::Name(random.one_or(&["int", "float", "void *"], "int")),
            &[0],
        ),
        1 => Form::array(
            CType::Name("char"),
            random.one_or(&[&[0, 2], &[2, 0]], &[0]),
        ),
        2 => bits(0),
        3 => Form::plain(record(vec![bits(1)], random.chance(30))),
        n => {
            let inner = match levels > 0 && random.chance(50) {
                true => vec![nothing(random, levels - 1)],
                false => Vec::new(),
            };
            let ty = record(inner, random.chance(30));
            match n {
                4 => Form::array(ty, &[0]),
                5 => Form::array(ty, &[2]),
                6 if random.chance(5) => {
                    let members = [Form::plain(ty), Form::Flexible(CType::Name("long"))];
                    Form::plain(record(members.into(), false))
                }
                _ => Form::plain(ty),
            }
        }
    }
}

/// Returns each kind of value at each boundary of the machine's registers. None, one, two and more
/// integers or floats come before it, until all registers are filled. The value is a named argument
/// or an unnamed one, and also the result. The signatures are always the same.
pub fn boundaries_for_machine(absent: &Absent) -> Vec<CSignature> {
    let values = values(absent);
    let mut all = Vec::new();
    for n in 0..absent.fill + 2 {
        for value in &values {
            for before in ["int", "double", "float"] {
                all.extend([false, true].map(|variadic| boundary((before, n), value, variadic)));
            }
        }
    }
    all.iter_mut()
        .for_each(|signature| absent.replace_unnamed(&mut signature.unnamed));
    all
}

/// Returns signatures for each state of assignment. They have the arguments that leave the state,
/// then a value, then an integer, a float and a record that show the next state. The kinds of
/// values take turns.
pub fn states_for_machine(absent: &Absent, measure: &Measure) -> Vec<CSignature> {
    let (values, n_states) = (values(absent), measure.states().len());
    let slots = |n| CType::structure([Form::array("long".into(), &[n])]);
    let n_each = STATES.div_ceil(n_states);
    let numbered = measure.states().cycle().take(n_each * n_states).enumerate();
    let signature = |(i, state): (usize, AssignedState)| {
        let (_, before) = measure.arguments_before(state)?;
        let before = before.iter();
        let mut params: Vec<CType> = before
            .map(|&(name, len)| len.map_or(name.into(), slots))
            .collect();
        let value = values[i % values.len()].clone();
        params.extend([value, "long".into(), "double".into(), slots(3)]);
        let ret = [None, Some("long"), Some("double")][i % 3];
        Some(CSignature {
            ret: ret.map(CType::Name),
            params,
            ..CSignature::default()
        })
    };
    numbered.filter_map(signature).collect()
}

/// Returns a value of each kind that the machine has.
fn values(absent: &Absent) -> Vec<CType> {
    let vector = CType::Vector {
        lane: "float",
        bytes: 16,
    };
    let plain = |(name, lengths): &(&'static str, &[u32])| Form::array(CType::Name(name), lengths);
    let structures = STRUCTURES.map(|members| CType::structure(members.iter().map(plain)));
    // Bytes in which there is no value.
    let unnamed_bits = CType::structure([Form::Bits {
        ty: CType::Name("int"),
        width: 8,
        named: false,
    }]);
    let mut values: Vec<CType> = (SCALARS.map(CType::Name).into_iter())
        .chain(structures)
        .chain([vector, unnamed_bits])
        .chain(floats_and_nothing())
        .collect();
    values.iter_mut().for_each(|ty| absent.replace(ty));
    values
}

/// Returns the signature of a function that takes `n` values of the type `before`, then `value`, an
/// `int` and a `double`, and returns `value`. The last two may find registers that `value` has
/// left.
fn boundary((before, n): (&'static str, u32), value: &CType, is_variadic: bool) -> CSignature {
    let mut args: Vec<CType> = (0..n).map(|_| CType::Name(before)).collect();
    args.push(value.clone());
    args.extend(["int", "double"].map(CType::Name));
    let (params, unnamed) = match is_variadic {
        true => {
            let unnamed = args.into_iter().map(promoted).collect();
            (vec![CType::Name("int")], Some(unnamed))
        }
        false => (args, None),
    };
    CSignature {
        ret: Some(value.clone()),
        params,
        unnamed,
        ms_abi: false,
    }
}

/// Returns the type that an unnamed argument of the type is passed as.
fn promoted(ty: CType) -> CType {
    match ty {
        CType::Name("float") => CType::Name("double"),
        CType::Name(
            "_Bool" | "char" | "signed char" | "unsigned char" | "short" | "unsigned short",
        ) => CType::Name("int"),
        CType::Aligned(inner, _) | CType::Atomic(inner) if matches!(*inner, CType::Name(_)) => {
            promoted(*inner)
        }
        other => other,
    }
}

impl Absent {
    fn name(&self, name: &'static str) -> &'static str {
        let stand_in = self.names.iter().find(|(absent, _)| *absent == name);
        stand_in.map_or(name, |(_, other)| other)
    }

    /// Replaces types that no unnamed argument has.
    fn replace_unnamed(&self, unnamed: &mut Option<Vec<CType>>) {
        let names = self.unnamed;
        let absent = Self { names, ..*self };
        let types = unnamed.iter_mut().flatten();
        types.for_each(|ty| absent.replace(ty));
    }

    /// Replaces a type that the machine lacks.
    pub(crate) fn replace(&self, ty: &mut CType) {
        let limit = |align: &mut Option<u32>| *align = align.map(|align| align.min(self.align));
        ty.visit(&mut |node| match node {
            Node::Type(ty) => self.change(ty),
            Node::Record(record) => limit(&mut record.aligned),
            Node::Member(member) => {
                limit(&mut member.aligned);
                // `long` may have 32 bits, and a replacement half as many as the type that it
                // replaces.
                if let Form::Bits { width, .. } = &mut member.form {
                    *width = (*width).min(32);
                }
            }
        });
    }

    fn change(&self, ty: &mut CType) {
        match ty {
            CType::Name(name) => *name = self.name(name),
            CType::Vector { .. } | CType::ExtVector { .. } if self.vectors => {
                *ty = CType::Name("double");
            }
            CType::Vector { lane, bytes } => {
                (*lane, *bytes) = (self.name(lane), (*bytes).min(self.align.max(16)));
            }
            CType::ExtVector { lane, .. } if self.name(lane) != *lane => {
                *ty = CType::Name(self.name(lane));
            }
            // Wider ones than `unsigned` have another type where `long` is narrow.
            CType::Enum(value) => *value = "1",
            // An atomic object of 16 bytes is aligned to 16 bytes.
            CType::Atomic(inner)
                if self.align < 16
                    && !matches!(**inner, CType::Name("int" | "float" | "short" | "char")) =>
            {
                *ty = (**inner).clone();
                self.change(ty);
            }
            CType::Aligned(_, align) => *align = (*align).min(self.align),
            _ => {}
        }
    }
}
