//! Smaller signatures: each takes one part away, the greatest first.

use super::{CMember, CRecord, CType, Form, Signature};

/// Candidates tried at once: the first are the smallest by far, and most often one of them will do.
const AT_ONCE: usize = 6;

/// The smallest signature reached from `start` in at most `rounds` steps that still has a difference of the kind of `why`, with what is said
/// of it. `differs` says of each of some signatures what is different, if something is.
///
/// # Errors
/// Those of `differs`.
pub fn smallest<E>(
    start: &Signature,
    why: &str,
    rounds: usize,
    mut differs: impl FnMut(&[Signature]) -> Result<Vec<Option<String>>, E>,
) -> Result<(Signature, String), E> {
    let (mut found, mut words) = (start.clone(), why.to_owned());
    'rounds: for _ in 0..rounds {
        for some in found.smaller().chunks(AT_ONCE) {
            for (signature, other) in some.iter().zip(differs(some)?) {
                if let Some(other) = other.filter(|other| kind(other) == kind(&words)) {
                    (found, words) = (signature.clone(), other);
                    continue 'rounds;
                }
            }
        }
        break;
    }
    Ok((found, words))
}

/// The first word of a difference, which stays the same while the signature is made smaller.
fn kind(why: &str) -> &str {
    why.split([' ', ':']).next().unwrap_or(why)
}

impl Signature {
    /// Signatures that are smaller by one step. Following them ends.
    #[must_use]
    pub fn smaller(&self) -> Vec<Self> {
        let mut out = Vec::new();
        let mut push = |signature: Self| {
            if signature != *self && !out.contains(&signature) {
                out.push(signature);
            }
        };
        if self.ret.is_some() {
            push(Self {
                ret: None,
                ..self.clone()
            });
            push(Self {
                params: Vec::new(),
                unnamed: None,
                ..self.clone()
            });
        }
        if self.unnamed.is_some() {
            push(Self {
                unnamed: None,
                ..self.clone()
            });
        }
        for params in without_parts(&self.params) {
            push(Self {
                params,
                ..self.clone()
            });
        }
        for unnamed in self.unnamed.iter().flat_map(|list| without_parts(list)) {
            push(Self {
                unnamed: Some(unnamed),
                ..self.clone()
            });
        }
        for ret in self.ret.iter().flat_map(smaller) {
            push(Self {
                ret: Some(ret),
                ..self.clone()
            });
        }
        for params in with_smaller(&self.params) {
            push(Self {
                params,
                ..self.clone()
            });
        }
        for unnamed in self.unnamed.iter().flat_map(|list| with_smaller(list)) {
            push(Self {
                unnamed: Some(unnamed),
                ..self.clone()
            });
        }
        out
    }
}

/// The list without its halves, then without each item.
fn without_parts<T: Clone>(list: &[T]) -> Vec<Vec<T>> {
    let mut out = Vec::new();
    if list.len() > 3 {
        let (left, right) = list.split_at(list.len() / 2);
        out.extend([left.to_vec(), right.to_vec()]);
    }
    for at in 0..list.len() {
        let mut rest = list.to_vec();
        rest.remove(at);
        out.push(rest);
    }
    out
}

/// The list with one type smaller.
fn with_smaller(list: &[CType]) -> Vec<Vec<CType>> {
    let mut out = Vec::new();
    for (at, ty) in list.iter().enumerate() {
        for ty in smaller(ty) {
            let mut other = list.to_vec();
            if let Some(place) = other.get_mut(at) {
                *place = ty;
                out.push(other);
            }
        }
    }
    out
}

/// Types smaller by one step.
fn smaller(ty: &CType) -> Vec<CType> {
    match ty {
        CType::Record(record) => {
            let mut out: Vec<CType> = record.members.iter().filter_map(alone).collect();
            out.extend(
                smaller_record(record)
                    .into_iter()
                    .map(|record| CType::Record(Box::new(record))),
            );
            out
        }
        CType::Aligned(inner, align) => {
            let mut out = vec![(**inner).clone()];
            out.extend(
                smaller(inner)
                    .into_iter()
                    .map(|inner| CType::Aligned(Box::new(inner), *align)),
            );
            out
        }
        CType::Atomic(inner) => {
            let mut out = vec![(**inner).clone()];
            out.extend(
                smaller(inner)
                    .into_iter()
                    .map(|inner| CType::Atomic(Box::new(inner))),
            );
            out
        }
        CType::Vector { lane, bytes } if *bytes > 8 => {
            vec![CType::Vector {
                lane,
                bytes: bytes / 2,
            }]
        }
        CType::Enum(_) | CType::Function => vec![CType::Name("int")],
        _ => Vec::new(),
    }
}

/// A member's type without the record around it.
fn alone(member: &CMember) -> Option<CType> {
    match &member.form {
        Form::Plain { ty, .. } => Some(ty.clone()),
        Form::Anonymous(record) => Some(CType::Record(Box::new(record.clone()))),
        _ => None,
    }
}

fn smaller_record(record: &CRecord) -> Vec<CRecord> {
    let mut out = Vec::new();
    for members in without_parts(&record.members) {
        out.push(CRecord {
            members,
            ..record.clone()
        });
    }
    if record.packed {
        out.push(CRecord {
            packed: false,
            ..record.clone()
        });
    }
    if record.aligned.is_some() {
        out.push(CRecord {
            aligned: None,
            ..record.clone()
        });
    }
    if record.pack.is_some() {
        out.push(CRecord {
            pack: None,
            ..record.clone()
        });
    }
    for (at, member) in record.members.iter().enumerate() {
        for member in smaller_member(member) {
            let mut other = record.clone();
            if let Some(place) = other.members.get_mut(at) {
                *place = member;
                out.push(other);
            }
        }
    }
    out
}

fn smaller_member(member: &CMember) -> Vec<CMember> {
    let mut out = Vec::new();
    if member.packed {
        out.push(CMember {
            packed: false,
            ..member.clone()
        });
    }
    if member.aligned.is_some() {
        out.push(CMember {
            aligned: None,
            ..member.clone()
        });
    }
    out.extend(smaller_form(&member.form).into_iter().map(|form| CMember {
        form,
        ..member.clone()
    }));
    out
}

fn smaller_form(form: &Form) -> Vec<Form> {
    let mut out = Vec::new();
    match form {
        Form::Plain { ty, lengths } => {
            if let [first, rest @ ..] = lengths.as_slice() {
                out.push(Form::Plain {
                    ty: ty.clone(),
                    lengths: rest.to_vec(),
                });
                for fewer in [1, first / 2, first.saturating_sub(1)] {
                    if fewer > 0 && fewer < *first {
                        let lengths = [&[fewer], rest].concat();
                        out.push(Form::Plain {
                            ty: ty.clone(),
                            lengths,
                        });
                    }
                }
            }
            for ty in smaller(ty) {
                out.push(Form::Plain {
                    ty,
                    lengths: lengths.clone(),
                });
            }
        }
        Form::Flexible(ty) => out.extend(smaller(ty).into_iter().map(Form::Flexible)),
        Form::Bits { ty, width, named } => {
            if *width > 1 {
                out.push(Form::Bits {
                    ty: ty.clone(),
                    width: width / 2,
                    named: *named,
                });
            }
            if *named && matches!(ty, CType::Name(_)) {
                out.push(Form::Plain {
                    ty: ty.clone(),
                    lengths: Vec::new(),
                });
            }
        }
        Form::Anonymous(record) => {
            out.push(Form::Plain {
                ty: CType::Record(Box::new(record.clone())),
                lengths: Vec::new(),
            });
            out.extend(smaller_record(record).into_iter().map(Form::Anonymous));
        }
    }
    out
}
