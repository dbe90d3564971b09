//! Types that need something of C that a compiler does not have: they are left out by name, and the rest of their header is verified.
//!
//! A header that has a `_BitInt` somewhere is refused as a whole by a compiler without it. So the compiler reads it with a stand-in for what
//! it lacks (`#define _BitInt(n) int`), and nothing that contains such a type is asked or called.

use cabi::{BoolVector, Kind, LongDouble, Scalar, Type, Vector};
use cabi_header::NamedType;

use crate::build::{Capability, Reference};
use crate::case::Subject;

/// What stands for what a compiler lacks.
const STAND_INS: [(Capability, &str); 7] = [
    (Capability::Int128, "#define __int128 long\n"),
    (Capability::BitInt, "#define _BitInt(n) int\n"),
    (Capability::Float16, "#define _Float16 float\n"),
    (Capability::Bf16, "#define __bf16 float\n"),
    (
        Capability::Float128,
        "#define __float128 long double\n#define _Float128 long double\n",
    ),
    (
        Capability::Decimal,
        "#define _Decimal32 float\n#define _Decimal64 double\n#define _Decimal128 long double\n",
    ),
    (Capability::ExtVector, ""),
];

/// Directives to put before a header that `reference` refuses without them; nothing if it lacks nothing.
pub(super) fn stand_ins(reference: &Reference) -> String {
    let lacked = STAND_INS
        .iter()
        .filter(|(what, _)| reference.has(*what).is_err());
    lacked.map(|(_, text)| *text).collect()
}

/// Which types a compiler lacks.
pub(super) struct MissingTypes<'a> {
    reference: &'a Reference,
    vectors: Vectors,
    /// What `long double` is, which every compiler has.
    long_double: LongDouble,
}

/// Vectors that the header declares by an attribute that the compiler ignores.
#[derive(PartialEq)]
enum Vectors {
    None,
    These(Vec<Vector>),
    /// It is not known which.
    All,
}

impl<'a> MissingTypes<'a> {
    /// `warnings` is what `reference` has to say to the header of `subject`.
    pub(super) fn new(reference: &'a Reference, subject: &Subject, warnings: &str) -> Self {
        let vectors = match reference.has(Capability::ExtVector) {
            Ok(()) => Vectors::None,
            Err(_) => ignored(subject, warnings),
        };
        Self {
            reference,
            vectors,
            long_double: subject.target.data_model().long_double,
        }
    }

    /// Why a value of `ty` cannot be had from the compiler.
    pub(super) fn why(&self, ty: &Type) -> Option<String> {
        let of_scalar = |scalar: &Scalar| match (scalar, self.long_double) {
            (Scalar::F128, LongDouble::F128) => None,
            _ => capability(scalar),
        };
        let missing = match ty.kind() {
            Kind::Scalar(scalar) | Kind::Enum(scalar) => of_scalar(scalar),
            Kind::Complex(Scalar::F128) if self.long_double != LongDouble::F128 => {
                Some(Capability::ComplexFloat128)
            }
            Kind::Complex(scalar) => of_scalar(scalar),
            Kind::Vector(vector)
                if vector.bools == Some(BoolVector::Clang) || self.ignores(vector) =>
            {
                Some(Capability::ExtVector)
            }
            Kind::Vector(vector) => of_scalar(&vector.lane),
            Kind::Array(array) => return self.why(&array.elem),
            Kind::Record(record) => {
                return record
                    .fields()
                    .iter()
                    .find_map(|field| self.why(field.ty()));
            }
            _ => None,
        };
        let missing = missing?;
        let why = self.reference.has(missing).err()?;
        Some(format!("no {missing}: {why}"))
    }

    fn ignores(&self, vector: &Vector) -> bool {
        match &self.vectors {
            Vectors::None => false,
            Vectors::These(these) => these.contains(vector),
            Vectors::All => true,
        }
    }
}

fn capability(scalar: &Scalar) -> Option<Capability> {
    Some(match scalar {
        Scalar::Int { bits: 128, .. } => Capability::Int128,
        Scalar::BitInt { .. } => Capability::BitInt,
        Scalar::F16 => Capability::Float16,
        Scalar::BF16 => Capability::Bf16,
        Scalar::F128 => Capability::Float128,
        Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128 => Capability::Decimal,
        _ => return None,
    })
}

/// The vectors of types in lines of which a compiler says that it ignores the attribute `ext_vector_type`.
fn ignored(subject: &Subject, warnings: &str) -> Vectors {
    let mut vectors = Vec::new();
    let is_ignored = |line: &&str| line.contains("'ext_vector_type' attribute");
    for warning in warnings.lines().filter(is_ignored) {
        let mut place = warning.splitn(3, ':');
        let (file, line) = (place.next().unwrap_or_default(), place.next());
        let line = line.and_then(|line| line.parse::<u32>().ok());
        let header = &subject.header;
        let named = header.typedefs.iter().chain(&header.records);
        let is_there = |named: &&NamedType| {
            let location = &named.location;
            Some(location.line) == line && base(&location.file) == base(file)
        };
        let before = vectors.len();
        for named in named.filter(is_there) {
            vectors_in(&named.ty, &mut vectors);
        }
        if vectors.len() == before {
            return Vectors::All;
        }
    }
    match vectors.is_empty() {
        true => Vectors::None,
        false => Vectors::These(vectors),
    }
}

fn base(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

fn vectors_in(ty: &Type, out: &mut Vec<Vector>) {
    match ty.kind() {
        Kind::Vector(vector) => out.push(*vector),
        Kind::Array(array) => vectors_in(&array.elem, out),
        Kind::Record(record) => {
            let types = record.fields().iter().map(|field| field.ty());
            types.for_each(|ty| vectors_in(ty, out));
        }
        _ => {}
    }
}
