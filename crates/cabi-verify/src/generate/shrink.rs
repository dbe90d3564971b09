//! Smaller signatures: each takes one part away, the greatest first.

use super::{CMember, CRecord, CSignature, CType, Form, Node};

/// Candidates tried at once: the first are the smallest by far, and most often one of them will do.
const AT_ONCE: usize = 6;

/// Returns the smallest signature reached from `start` in at most `rounds` steps that still has a
/// difference of the kind of `why`, with its message. `differs` gives the difference of each of
/// several signatures, if there is one.
pub(crate) fn smallest<E>(
    start: &CSignature,
    why: &str,
    rounds: usize,
    mut differs: impl FnMut(&[CSignature]) -> Result<Vec<Option<String>>, E>,
) -> Result<(CSignature, String), E> {
    let (mut current, mut words) = (start.clone(), why.to_owned());
    'rounds: for _ in 0..rounds {
        for candidates in current.smaller().chunks(AT_ONCE) {
            for (signature, reason) in candidates.iter().zip(differs(candidates)?) {
                if let Some(reason) = reason.filter(|reason| kind(reason) == kind(&words)) {
                    (current, words) = (signature.clone(), reason);
                    continue 'rounds;
                }
            }
        }
        break;
    }
    Ok((current, words))
}

/// Returns the first word of a difference, which stays the same while the signature is minimized.
fn kind(why: &str) -> &str {
    why.split([' ', ':']).next().unwrap_or(why)
}

fn with<T: Clone>(value: &T, change: impl FnOnce(&mut T)) -> T {
    let mut changed = value.clone();
    change(&mut changed);
    changed
}

impl CSignature {
    /// Returns signatures that are smaller by one step. Following them ends.
    pub fn smaller(&self) -> Vec<Self> {
        let mut candidates = Vec::new();
        if self.ret.is_some() {
            candidates.push(with(self, |one| one.ret = None));
            candidates.push(with(self, |one| {
                (one.params, one.unnamed) = (Vec::new(), None)
            }));
        }
        candidates.push(with(self, |one| one.unnamed = None));
        let params = without_parts(&self.params).into_iter();
        candidates.extend(params.map(|params| with(self, |one| one.params = params)));
        let unnamed = self.unnamed.iter().flat_map(|list| without_parts(list));
        candidates.extend(unnamed.map(|unnamed| with(self, |one| one.unnamed = Some(unnamed))));
        let of_node = |at| (0..).map_while(move |n| self.with_smaller(at, n)?);
        candidates.extend(
            (0..)
                .map_while(|at| self.with_smaller(at, 0).map(|_| of_node(at)))
                .flatten(),
        );
        let mut out = Vec::new();
        for candidate in candidates {
            if candidate != *self && !out.contains(&candidate) {
                out.push(candidate);
            }
        }
        out
    }

    /// Returns the signature with the `n`-th smaller one in the place of its node `at`, if that has
    /// as many; `None` if there is no such node.
    fn with_smaller(&self, at: usize, n: usize) -> Option<Option<Self>> {
        let (mut signature, mut nodes, mut outcome) = (self.clone(), 0.., None);
        let mut change = |node: Node<'_>| {
            if nodes.next() == Some(at) {
                outcome = Some(match node {
                    Node::Type(ty) => put(ty, smaller_types(ty), n),
                    Node::Record(record) => put(record, smaller_records(record), n),
                    Node::Member(member) => put(member, smaller_members(member), n),
                });
            }
        };
        signature.types_mut().for_each(|ty| ty.visit(&mut change));
        outcome.map(|is_smaller| is_smaller.then_some(signature))
    }
}

/// Puts the `n`-th of `candidates` in the place of `node`. Returns whether there is one.
fn put<T>(node: &mut T, candidates: Vec<T>, n: usize) -> bool {
    let candidate = candidates.into_iter().nth(n);
    candidate.map(|candidate| *node = candidate).is_some()
}

/// Returns the list without its halves, then without each item.
fn without_parts<T: Clone>(list: &[T]) -> Vec<Vec<T>> {
    let mut out = Vec::new();
    if list.len() > 3 {
        let (left, right) = list.split_at(list.len() / 2);
        out.extend([left.to_vec(), right.to_vec()]);
    }
    let without = |at| with(&list.to_vec(), |list| drop(list.remove(at)));
    out.extend((0..list.len()).map(without));
    out
}

fn smaller_types(ty: &CType) -> Vec<CType> {
    match ty {
        CType::Record(record) => record.members.iter().filter_map(alone).collect(),
        CType::Aligned(inner, _) | CType::Atomic(inner) => vec![(**inner).clone()],
        CType::Vector { lane, bytes } if *bytes > 8 => {
            let bytes = bytes / 2;
            vec![CType::Vector { lane, bytes }]
        }
        CType::Enum(_) | CType::PackedEnum(_) | CType::Function => vec![CType::Name("int")],
        _ => Vec::new(),
    }
}

/// Returns a member's type without the record around it.
fn alone(member: &CMember) -> Option<CType> {
    match &member.form {
        Form::Plain { ty, .. } => Some(ty.clone()),
        Form::Anonymous(record) => Some(record.clone().into()),
        _ => None,
    }
}

/// Returns records with fewer members or attributes. A part that changes nothing is left out later.
fn smaller_records(record: &CRecord) -> Vec<CRecord> {
    let members = |members| with(record, |one| one.members = members);
    let fewer = without_parts(&record.members).into_iter().map(members);
    let plainer = [
        with(record, |one| one.packed = false),
        with(record, |one| one.aligned = None),
        with(record, |one| one.pack = None),
    ];
    fewer.chain(plainer).collect()
}

fn smaller_members(member: &CMember) -> Vec<CMember> {
    let mut out = vec![
        with(member, |one| one.packed = false),
        with(member, |one| one.aligned = None),
    ];
    let forms = smaller_forms(&member.form).into_iter();
    out.extend(forms.map(|form| with(member, |one| one.form = form)));
    out
}

fn smaller_forms(form: &Form) -> Vec<Form> {
    let plain = |ty: &CType, lengths: &[u32]| Form::array(ty.clone(), lengths);
    match form {
        Form::Plain { ty, lengths } => {
            let Some((first, rest)) = lengths.split_first() else {
                return Vec::new();
            };
            let fewer = [1, first / 2, first.saturating_sub(1)].into_iter();
            let fewer = fewer.filter(|fewer| (1..*first).contains(fewer));
            let shorter = fewer.map(|fewer| plain(ty, &[&[fewer], rest].concat()));
            std::iter::once(plain(ty, rest)).chain(shorter).collect()
        }
        Form::Flexible(_) => Vec::new(),
        Form::Bits { ty, width, named } => {
            let (width, named) = (width / 2, *named);
            let becomes_plain = named && matches!(ty, CType::Name(_));
            let plain = becomes_plain.then(|| plain(ty, &[]));
            let ty = ty.clone();
            let narrower = (width > 0).then_some(Form::Bits { ty, width, named });
            narrower.into_iter().chain(plain).collect()
        }
        Form::Anonymous(record) => vec![Form::plain(record.clone().into())],
    }
}
