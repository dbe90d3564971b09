//! Layout as compilers have it: `sizeof`, the alignment as a member, `offsetof` of every member however deep, and the bits of every
//! bit-field.
//!
//! A reference compiler writes a table of data ([`ask_data`]), which is read and not run: so compilers for other targets are asked as well, and
//! flags may change even the calls of a program. A bit-field's bits are those that change when it is initialized with all ones in an object of zeros.

use cabi::{Kind, Type};

use crate::case::Subject;
use crate::emit::c::variables;
use crate::pattern::hex;

#[cfg(has_calls)]
mod table;
#[cfg(test)]
mod tests;

#[cfg(has_calls)]
pub use table::{Reply, Table, ask_data};

/// One thing to be asked about a type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// The block's name.
    pub block: String,
    /// What is asked, in words of C: `offsetof(struct s, a.b)`.
    pub what: String,
    /// What `cabi` says.
    pub ours: Answer,
}

impl Fact {
    /// Whether this is about a bit-field, and a compiler that says `theirs` has some of its bits, or none, where `cabi` has them, and no others. A layout that is not
    /// `cabi`'s has bits elsewhere: the compiler's initializer has lost these. Where it has lost all, or `cabi` reads the field as too wide, nothing tells of the place.
    pub fn is_lost(&self, theirs: &Answer) -> bool {
        let (Answer::Bits(ours), Answer::Bits(theirs)) = (&self.ours, theirs) else {
            return false;
        };
        let is_bit_field = self.what.starts_with("bits of ");
        let is_within = |(theirs, ours): (&u8, &u8)| theirs & !ours == 0;
        is_bit_field
            && ours != theirs
            && ours.len() == theirs.len()
            && theirs.iter().zip(ours).all(is_within)
    }
}

/// The answer to a [`Fact`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// Bytes.
    Bytes(u64),
    /// The object's bytes with all bits of one bit-field set, or with one member set to 1.
    Bits(Vec<u8>),
    /// Whether a member has negative values.
    Signed(bool),
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Bits(bytes) => f.write_str(&hex(bytes)),
            Self::Signed(true) => f.write_str("signed"),
            Self::Signed(false) => f.write_str("unsigned"),
        }
    }
}

/// A type of a block: the declaration of a variable that has it.
struct Question {
    declaration: String,
    variable: String,
    /// The type in messages.
    spelled: String,
    ty: Type,
    /// Types whose own members are asked about elsewhere: of a member of such a type only the place is.
    known: Vec<Type>,
}

/// A fact with the C expressions that answer it.
struct Probe {
    fact: Fact,
    how: How,
}

enum How {
    /// An integer constant expression.
    Constant(String),
    /// Set this member of the variable: a bit-field to all ones, another one to 1.
    Set {
        variable: String,
        path: String,
        value: i8,
    },
}

/// What is to be asked about `subject`, in order.
pub fn facts(subject: &Subject) -> Vec<Fact> {
    let questions = questions(subject);
    let probes = questions
        .iter()
        .flat_map(|question| ask_about(&subject.block.name, question));
    probes.map(|probe| probe.fact).collect()
}

/// Every named type of the block, and those of its parameters and results that are none of these.
fn questions(subject: &Subject) -> Vec<Question> {
    let mut out: Vec<Question> = Vec::new();
    let mut add = |text: &str, spelled: &str, ty: &Type| {
        let is_known = |one: &Question| one.spelled == spelled && one.ty == *ty;
        if ty.is_object() && !out.iter().any(is_known) {
            let variable = format!("{VARIABLE}{}", out.len());
            out.push(Question {
                declaration: format!("{text} {variable}"),
                variable,
                spelled: spelled.to_owned(),
                ty: ty.clone(),
                known: Vec::new(),
            });
        }
    };
    let header = &subject.header;
    let named = header.records.iter().chain(&header.typedefs);
    for named in named.chain(&header.enums) {
        add(&named.name, &named.name, &named.ty);
    }
    for case in &subject.cases {
        let types = case.prototype.params.iter().map(|(_, ty)| ty);
        for ((variable, text), ty) in variables(case).iter().zip(&case.function.params).zip(types) {
            // A parameter's own name may be that of the next question's type.
            if variable.name.starts_with("cabi_a") && !variable.declaration.starts_with("void *") {
                add(&format!("__typeof__({text})"), text, ty);
            }
        }
        if case.prototype.ret.is_object() && !case.prototype.noreturn {
            let text = &case.function.result;
            add(text, text, &case.prototype.ret);
        }
    }
    out
}

/// What the variables are called whose types are asked about.
const VARIABLE: &str = "cabi_x";

fn ask_about(block: &str, question: &Question) -> Vec<Probe> {
    let Question {
        variable,
        spelled,
        ty,
        ..
    } = question;
    let typed = format!("__typeof__({variable})");
    let constant = |what: String, expression: String, bytes: u64| Probe {
        fact: Fact {
            block: block.to_owned(),
            what,
            ours: Answer::Bytes(bytes),
        },
        how: How::Constant(expression),
    };
    let mut out = vec![
        constant(
            format!("sizeof({spelled})"),
            format!("sizeof({typed})"),
            ty.size(),
        ),
        constant(
            format!("alignment of {spelled}"),
            // gcc's `_Alignof` is capped by the vector level, `__alignof__` is not that of members on i386: where a member goes is what counts.
            format!("__builtin_offsetof(struct {{ char cabi_c; {typed} cabi_t; }}, cabi_t)"),
            u64::from(ty.align()),
        ),
    ];
    let mut members = Vec::new();
    walk(ty, "", 0, &question.known, &mut members);
    for Member {
        path,
        offset_bits,
        width,
        ..
    } in members
    {
        match width {
            None => out.push(constant(
                format!("offsetof({spelled}, {path})"),
                format!("__builtin_offsetof({typed}, {path})"),
                offset_bits / 8,
            )),
            Some(width) => out.push(Probe {
                fact: Fact {
                    block: block.to_owned(),
                    what: format!("bits of {spelled}, {path}"),
                    ours: Answer::Bits(ones(ty.size(), offset_bits, width)),
                },
                how: How::Set {
                    variable: variable.clone(),
                    path,
                    value: -1,
                },
            }),
        }
    }
    out
}

/// A member at some depth.
struct Member {
    path: String,
    offset_bits: u64,
    /// Of a bit-field, its width.
    width: Option<u16>,
    ty: Type,
}

/// The named members of `ty`, which stands at `path`, members of members and of first and last elements included, unless they are of `known` types.
fn walk(ty: &Type, path: &str, offset_bits: u64, known: &[Type], out: &mut Vec<Member>) {
    match ty.kind() {
        // Members of an atomic record cannot be named.
        Kind::Record(record) if !ty.is_atomic() => {
            for field in record.fields() {
                let at = offset_bits + field.offset_bits();
                let Some(name) = field.name() else {
                    if field.bit_field().is_none() {
                        walk(field.ty(), path, at, known, out);
                    }
                    continue;
                };
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{name}");
                let width = field.bit_field().map(|bits| bits.width);
                out.push(Member {
                    path: path.clone(),
                    offset_bits: at,
                    width,
                    ty: field.ty().clone(),
                });
                if width.is_none() && !known.contains(field.ty()) {
                    walk(field.ty(), &path, at, known, out);
                }
            }
        }
        Kind::Array(array) if !path.is_empty() => {
            let len = array.len.unwrap_or(0);
            let mut elements = vec![0, len.saturating_sub(1)];
            elements.dedup();
            for i in elements.into_iter().filter(|i| *i < len) {
                let at = offset_bits + i * array.elem.size() * 8;
                let path = format!("{path}[{i}]");
                out.push(Member {
                    path: path.clone(),
                    offset_bits: at,
                    width: None,
                    ty: array.elem.clone(),
                });
                if !known.contains(&array.elem) {
                    walk(&array.elem, &path, at, known, out);
                }
            }
        }
        _ => {}
    }
}

/// `size` bytes in which only the `width` bits from `offset_bits` are set.
fn ones(size: u64, offset_bits: u64, width: u16) -> Vec<u8> {
    let mut bytes = vec![0_u8; usize::try_from(size).unwrap_or(0)];
    for bit in offset_bits..offset_bits + u64::from(width) {
        if let Some(byte) = usize::try_from(bit / 8)
            .ok()
            .and_then(|at| bytes.get_mut(at))
        {
            *byte |= 1 << (bit % 8);
        }
    }
    bytes
}
