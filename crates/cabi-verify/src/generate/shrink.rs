//! Smaller signatures: each takes one part away, the greatest first.

use super::{CMember, CRecord, CType, Form, Signature};

/// Candidates tried at once: the first are the smallest by far, and most often one of them will do.
const AT_ONCE: usize = 6;

/// The smallest signature reached from `start` in at most `rounds` steps that still has a difference of the kind of `why`, with the message about it.
/// `differs` gives for each of several signatures its difference, if there is one.
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

/// The first word of a difference, which stays the same while the signature is minimized.
fn kind(why: &str) -> &str {
    why.split([' ', ':']).next().unwrap_or(why)
}

fn with<T: Clone>(value: &T, change: impl FnOnce(&mut T)) -> T {
    let mut changed = value.clone();
    change(&mut changed);
    changed
}

impl Signature {
    /// Signatures that are smaller by one step. Following them ends.
    pub fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        if self.ret.is_some() {
            all.push(with(self, |one| one.ret = None));
            all.push(with(self, |one| {
                (one.params, one.unnamed) = (Vec::new(), None)
            }));
        }
        all.push(with(self, |one| one.unnamed = None));
        let unnamed = || self.unnamed.iter();
        let params = |params| with(self, |one| one.params = params);
        let unnamed_are = |unnamed| with(self, |one| one.unnamed = Some(unnamed));
        all.extend(without_parts(&self.params).into_iter().map(params));
        all.extend(
            unnamed()
                .flat_map(|list| without_parts(list))
                .map(unnamed_are),
        );
        let ret = |ret| with(self, |one| one.ret = Some(ret));
        all.extend(self.ret.iter().flat_map(smaller).map(ret));
        all.extend(with_smaller(&self.params).into_iter().map(params));
        all.extend(
            unnamed()
                .flat_map(|list| with_smaller(list))
                .map(unnamed_are),
        );
        let mut out = Vec::new();
        for one in all {
            if one != *self && !out.contains(&one) {
                out.push(one);
            }
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
    let rest = |at| with(&list.to_vec(), |rest| drop(rest.remove(at)));
    out.extend((0..list.len()).map(rest));
    out
}

/// The list with one type smaller.
fn with_smaller(list: &[CType]) -> Vec<Vec<CType>> {
    let one = |(at, ty)| {
        let put = move |ty| [&list[..at], &[ty], &list[at + 1..]].concat();
        smaller(ty).into_iter().map(put)
    };
    list.iter().enumerate().flat_map(one).collect()
}

/// Types smaller by one step.
fn smaller(ty: &CType) -> Vec<CType> {
    let around = |inner: &CType, make: &dyn Fn(Box<CType>) -> CType| {
        let mut out = vec![inner.clone()];
        out.extend(
            smaller(inner)
                .into_iter()
                .map(|inner| make(Box::new(inner))),
        );
        out
    };
    match ty {
        CType::Record(record) => {
            let mut out: Vec<CType> = record.members.iter().filter_map(alone).collect();
            out.extend(smaller_record(record).into_iter().map(record_type));
            out
        }
        CType::Aligned(inner, align) => around(inner, &|inner| CType::Aligned(inner, *align)),
        CType::Atomic(inner) => around(inner, &CType::Atomic),
        CType::Vector { lane, bytes } if *bytes > 8 => {
            let bytes = bytes / 2;
            vec![CType::Vector { lane, bytes }]
        }
        CType::Enum(_) | CType::Function => vec![CType::Name("int")],
        _ => Vec::new(),
    }
}

fn record_type(record: CRecord) -> CType {
    CType::Record(Box::new(record))
}

/// A member's type without the record around it.
fn alone(member: &CMember) -> Option<CType> {
    match &member.form {
        Form::Plain { ty, .. } => Some(ty.clone()),
        Form::Anonymous(record) => Some(record_type(record.clone())),
        _ => None,
    }
}

fn smaller_record(record: &CRecord) -> Vec<CRecord> {
    let members = |members| with(record, |one| one.members = members);
    let mut out: Vec<CRecord> = without_parts(&record.members)
        .into_iter()
        .map(members)
        .collect();
    if record.packed {
        out.push(with(record, |one| one.packed = false));
    }
    if record.aligned.is_some() {
        out.push(with(record, |one| one.aligned = None));
    }
    if record.pack.is_some() {
        out.push(with(record, |one| one.pack = None));
    }
    for (at, member) in record.members.iter().enumerate() {
        let put = |member| with(record, |one| one.members[at] = member);
        out.extend(smaller_member(member).into_iter().map(put));
    }
    out
}

fn smaller_member(member: &CMember) -> Vec<CMember> {
    let mut out = Vec::new();
    if member.packed {
        out.push(with(member, |one| one.packed = false));
    }
    if member.aligned.is_some() {
        out.push(with(member, |one| one.aligned = None));
    }
    let form = |form| with(member, |one| one.form = form);
    out.extend(smaller_form(&member.form).into_iter().map(form));
    out
}

fn smaller_form(form: &Form) -> Vec<Form> {
    let plain = |ty, lengths| Form::Plain { ty, lengths };
    match form {
        Form::Plain { ty, lengths } => {
            let mut out = Vec::new();
            if let [first, rest @ ..] = lengths.as_slice() {
                out.push(plain(ty.clone(), rest.to_vec()));
                let fewer = [1, first / 2, first.saturating_sub(1)].into_iter();
                let fewer = fewer.filter(|fewer| (1..*first).contains(fewer));
                out.extend(fewer.map(|fewer| plain(ty.clone(), [&[fewer], rest].concat())));
            }
            out.extend(smaller(ty).into_iter().map(|ty| plain(ty, lengths.clone())));
            out
        }
        Form::Flexible(ty) => smaller(ty).into_iter().map(Form::Flexible).collect(),
        Form::Bits { ty, width, named } => {
            let (ty, width, named) = (ty.clone(), width / 2, *named);
            let becomes_plain = named && matches!(ty, CType::Name(_));
            let plain = becomes_plain.then(|| plain(ty.clone(), Vec::new()));
            let narrower = (width > 0).then_some(Form::Bits { ty, width, named });
            narrower.into_iter().chain(plain).collect()
        }
        Form::Anonymous(record) => {
            let mut out = vec![plain(record_type(record.clone()), Vec::new())];
            out.extend(smaller_record(record).into_iter().map(Form::Anonymous));
            out
        }
    }
}
