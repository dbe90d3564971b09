//! Layout in compilers: `sizeof`, the alignment as a member, `offsetof` of every member however
//! deep, and the bits of every bit-field.
//!
//! A reference compiler writes a table of data ([`ask_data`]), which is read and not run. Compilers
//! for other targets can thus be compared too, and flags may change even the calls of a program.
//! The bits of a bit-field are those that change when it is initialized with all ones in an object
//! of zeros.

use std::collections::HashSet;

use cabi::{BitFieldStyle, DataModel, Kind, RecordBuilder, Scalar, Type};

use crate::case::Subject;
use crate::emit::c::is_pointer;
use crate::pattern::{hex, is_big_endian};

mod table;
#[cfg(test)]
mod tests;

pub use table::{Answers, Reply, ask_data, ask_together};

/// Property of a type's layout, with the answer of `cabi`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// The question in words of C: `offsetof(struct s, a.b)`.
    pub what: String,
    /// The answer of `cabi`.
    pub ours: Answer,
}

impl Fact {
    /// Checks whether this is about a bit-field, and the compiler's answer `theirs` has only some
    /// of the bits of `cabi`'s, or none. The compiler's initializer has then lost the others; a
    /// different layout would have bits elsewhere. If it has lost all, or `cabi` reads the field as
    /// too wide, nothing shows the place.
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
    /// `true` if a member has negative values.
    Signed(bool),
}

impl Answer {
    /// Returns the answer as a word of a file of facts. Bytes are a number, and a sign is `s` or
    /// `u`. Bits that are set are runs, each with its first bit and its number of bits, `3+5,16+2`.
    pub fn word(&self) -> String {
        let bytes = match self {
            Self::Bytes(bytes) => return bytes.to_string(),
            Self::Signed(true) => return "s".to_owned(),
            Self::Signed(false) => return "u".to_owned(),
            Self::Bits(bytes) => bytes,
        };
        let mut runs: Vec<(usize, usize)> = Vec::new();
        let is_set = |at: &usize| bytes[at / 8] >> (at % 8) & 1 != 0;
        for at in (0..8 * bytes.len()).filter(is_set) {
            match runs.last_mut() {
                Some((first, n)) if *first + *n == at => *n += 1,
                _ => runs.push((at, 1)),
            }
        }
        let runs: Vec<String> = runs
            .iter()
            .map(|(first, n)| format!("{first}+{n}"))
            .collect();
        match runs.is_empty() {
            true => "-".to_owned(),
            false => runs.join(","),
        }
    }
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

/// Most bytes of an object that an [`Answer::Bits`] has. Larger ones are not compared, as the
/// compiler would write each into its object file.
const MAX_OBJECT: u64 = 1 << 24;

/// A type of a block: the declaration of a variable that has it.
struct Question {
    declaration: String,
    variable: String,
    /// The type in messages.
    spelled: String,
    ty: Type,
    /// Bytes from the start of a record to a member of this type after a `char`, if the compilers
    /// of the target agree about that.
    after_char: Option<u64>,
    /// `true` if the first byte of a number, and the first bit of a byte, is the highest.
    highest_first: bool,
}

/// Subject of a probe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    /// The size and the alignment of a type.
    Itself,
    /// The places of its members.
    Places,
    /// The bytes of an object in which a member of several bytes is 1, and the sign of a member.
    /// The bytes show the byte order of the member. Compilers choose a sign for `char` and for
    /// plain bit-fields.
    Values,
}

/// A fact with the C text that answers it: an integer constant expression or, for [`Answer::Bits`],
/// the initializer of a member.
struct Probe {
    about: About,
    fact: Fact,
    text: String,
}

/// Returns the questions that [`ask_data`] asks about `subject`, in order.
pub fn facts(subject: &Subject) -> Vec<Fact> {
    let questions = questions(subject, "");
    let probes = questions
        .iter()
        .flat_map(|question| question.probes(About::Values));
    probes.map(|probe| probe.fact).collect()
}

/// Returns the questions about every named type of the block, and about other types of its
/// parameters and results. The names of their variables have `prefix` in them.
fn questions(subject: &Subject, prefix: &str) -> Vec<Question> {
    let mut out: Vec<Question> = Vec::new();
    let highest_first = is_big_endian(subject.target.convention());
    let mut known: HashSet<(String, Type)> = HashSet::new();
    let mut add = |text: &str, spelled: &str, ty: &Type| {
        if ty.is_object() && known.insert((spelled.to_owned(), ty.clone())) {
            let variable = format!("cabi_x{prefix}{}", out.len());
            out.push(Question {
                declaration: format!("{text} {variable}"),
                variable,
                spelled: spelled.to_owned(),
                ty: ty.clone(),
                after_char: after_char(ty, &subject.header.model),
                highest_first,
            });
        }
    };
    let header = &subject.header;
    let types = header.records.iter().chain(&header.typedefs);
    for named in types.chain(&header.enums) {
        add(&named.name, &named.name, &named.ty);
    }
    for case in &subject.cases {
        let types = case.prototype.params.iter().map(|(_, ty)| ty);
        for (text, ty) in case.prototype.spelled_params.iter().zip(types) {
            if !is_pointer(ty) {
                add(&format!("__typeof__({text})"), text, ty);
            }
        }
        if case.prototype.ret.is_object() && !case.prototype.noreturn {
            let text = &case.prototype.spelled_ret;
            add(text, text, &case.prototype.ret);
        }
    }
    out
}

/// Returns the offset of a member of type `ty` after a `char`. `None` if a typedef sets an
/// alignment on Windows, whose compilers disagree about such members.
fn after_char(ty: &Type, model: &DataModel) -> Option<u64> {
    if model.bit_fields == BitFieldStyle::Ms && ty.asks_align() {
        return None;
    }
    let record = RecordBuilder::structure("")
        .field("c", Type::I8)
        .field("t", ty.clone());
    let record = record.build(model).ok();
    let placed = record.as_ref().and_then(Type::as_record);
    let offset = placed.and_then(|record| record.fields().last()?.offset().into());
    offset.or(Some(ty.align().into()))
}

impl Question {
    /// Returns the probes of the type, up to those of `about`, which come last.
    fn probes(&self, about: About) -> Vec<Probe> {
        let mut probes = self.all_probes();
        probes.retain(|probe| probe.about <= about);
        probes.sort_by_key(|probe| probe.about);
        probes
    }

    fn all_probes(&self) -> Vec<Probe> {
        let (spelled, ty) = (&self.spelled, &self.ty);
        let typed = format!("__typeof__({})", self.variable);
        let mut out = Vec::new();
        let mut ask = |about: About, what: String, ours: Answer, text: String| {
            let fact = Fact { what, ours };
            out.push(Probe { about, fact, text });
        };
        let size = format!("sizeof({typed})");
        ask(
            About::Itself,
            format!("sizeof({spelled})"),
            Answer::Bytes(ty.size()),
            size,
        );
        if let Some(at) = self.after_char {
            ask(
                About::Itself,
                format!("alignment of {spelled}"),
                Answer::Bytes(at),
                // gcc's `_Alignof` is capped by the vector level, and `__alignof__` is not that of
                // members on i386. The place of a member is the fact that counts.
                format!("__builtin_offsetof(struct {{ char cabi_c; {typed} cabi_t; }}, cabi_t)"),
            );
        }
        for member in self.members() {
            let (path, at) = (&member.path, member.offset_bits);
            match member.width {
                None => ask(
                    About::Places,
                    format!("offsetof({spelled}, {path})"),
                    Answer::Bytes(at / 8),
                    format!("__builtin_offsetof({typed}, {path})"),
                ),
                Some(width) => ask(
                    About::Places,
                    format!("bits of {spelled}, {path}"),
                    Answer::Bits(ones(ty.size(), at, width, self.highest_first)),
                    format!(".{path} = -1"),
                ),
            }
            if let Some(bytes) = member.bytes_of_one(ty.size(), self.highest_first) {
                ask(
                    About::Values,
                    format!("the bytes of {spelled} with {path} = 1"),
                    Answer::Bits(bytes),
                    format!(".{path} = 1"),
                );
            }
            if let Some(signed) = member.is_signed() {
                ask(
                    About::Values,
                    format!("the sign of {spelled}, {path}"),
                    Answer::Signed(signed),
                    // After a comma a bit-field has a type that can be named, of as many bits to
                    // gcc.
                    format!("(__typeof__((0, (({typed} *)0)->{path})))-1 < 0"),
                );
            }
        }
        out
    }

    /// Returns the named members of the type, with the members of members and of first and last
    /// elements. If there are many, the members of a type that has been walked are left out.
    fn members(&self) -> Vec<Member> {
        let root = Member {
            path: String::new(),
            offset_bits: 0,
            width: None,
            ty: self.ty.clone(),
        };
        let by_size = (1 << 20) / usize::try_from(self.ty.size()).unwrap_or(usize::MAX).max(1);
        let mut walk = Walk {
            walked: Vec::new(),
            many: by_size.min(512),
            found: Vec::new(),
        };
        root.walk(&mut walk);
        walk.found
    }
}

/// A search for the members of a type. Members double at each level if each type has two of the
/// next one, so each type is walked once where there are many. The limit is lower for a large
/// object, as a member's answer may be all its bytes.
struct Walk {
    walked: Vec<Type>,
    many: usize,
    found: Vec<Member>,
}

impl Walk {
    fn leaves_out(&self, ty: &Type) -> bool {
        self.found.len() >= self.many && self.walked.contains(ty)
    }
}

/// A member at some depth, or the object itself, which has no path.
#[derive(Clone)]
struct Member {
    path: String,
    offset_bits: u64,
    /// Width of a bit-field.
    width: Option<u16>,
    ty: Type,
}

impl Member {
    /// Adds the members of this one.
    fn walk(&self, walk: &mut Walk) {
        let mut add = |path: String, offset_bits: u64, width: Option<u16>, ty: &Type| {
            let member = Self {
                path,
                offset_bits: self.offset_bits + offset_bits,
                width,
                ty: ty.clone(),
            };
            // Members of a record without a name are those of the record around it.
            let is_named = member.path != self.path;
            if is_named {
                walk.found.push(member.clone());
            }
            if width.is_none() && !(is_named && walk.leaves_out(ty)) {
                member.walk(walk);
            }
        };
        match self.ty.kind() {
            // Members of an atomic record cannot be named.
            Kind::Record(record) if !self.ty.is_atomic() => {
                for field in record.fields() {
                    let width = field.bit_field().map(|bits| bits.width);
                    let path = match field.name() {
                        Some(name) if self.path.is_empty() => name.to_owned(),
                        Some(name) => format!("{}.{name}", self.path),
                        None if width.is_some() => continue,
                        None => self.path.clone(),
                    };
                    add(path, field.offset_bits(), width, field.ty());
                }
            }
            Kind::Array(array) if !self.path.is_empty() => {
                let len = array.len.unwrap_or(0);
                let mut elements = vec![0, len.saturating_sub(1)];
                elements.dedup();
                for i in elements.into_iter().filter(|i| *i < len) {
                    let path = format!("{}[{i}]", self.path);
                    add(path, i * array.elem.size() * 8, None, &array.elem);
                }
            }
            _ => return,
        }
        if !walk.walked.contains(&self.ty) {
            walk.walked.push(self.ty.clone());
        }
    }

    /// Returns the bytes of an object of `size` bytes in which this member is 1 and the others are
    /// zero. `None` for types whose byte order does not show.
    fn bytes_of_one(&self, size: u64, highest_first: bool) -> Option<Vec<u8>> {
        let mut image: Vec<u8> = match self.ty.kind() {
            _ if self.width.is_some() => return None,
            Kind::Scalar(Scalar::F32) => 1_f32.to_le_bytes().to_vec(),
            Kind::Scalar(Scalar::F64) => 1_f64.to_le_bytes().to_vec(),
            Kind::Scalar(Scalar::Int { bits, .. }) | Kind::Enum(Scalar::Int { bits, .. })
                if *bits > 8 =>
            {
                let bytes = 0..bits / 8;
                bytes.map(|at| u8::from(at == 0)).collect()
            }
            _ => return None,
        };
        if highest_first {
            image.reverse();
        }
        let at = usize::try_from(self.offset_bits / 8).ok()?;
        let mut bytes = zeros(size);
        if !bytes.is_empty() {
            bytes.get_mut(at..at + image.len())?.copy_from_slice(&image);
        }
        Some(bytes)
    }

    fn is_signed(&self) -> Option<bool> {
        match self.ty.kind() {
            Kind::Scalar(scalar) | Kind::Enum(scalar) => {
                let is_integer = matches!(scalar, Scalar::Int { .. } | Scalar::BitInt { .. });
                is_integer.then(|| scalar.is_signed())
            }
            _ => None,
        }
    }
}

/// Returns `size` bytes of zeros, and none for an object that is too large.
fn zeros(size: u64) -> Vec<u8> {
    let size = Some(size).filter(|size| *size <= MAX_OBJECT);
    vec![0; size.and_then(|size| size.try_into().ok()).unwrap_or(0)]
}

/// Returns `size` bytes in which only the `width` bits from `offset_bits` are set. If
/// `highest_first`, the first bit of a byte is its highest.
fn ones(size: u64, offset_bits: u64, width: u16, highest_first: bool) -> Vec<u8> {
    let mut bytes = zeros(size);
    for bit in offset_bits..offset_bits + u64::from(width) {
        if let Some(byte) = usize::try_from(bit / 8)
            .ok()
            .and_then(|at| bytes.get_mut(at))
        {
            *byte |= if highest_first {
                0x80 >> (bit % 8)
            } else {
                1 << (bit % 8)
            };
        }
    }
    bytes
}
