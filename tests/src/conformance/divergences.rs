//! For each policy bit an example: a case of the corpus that a compiler passes under its own profile, and fails with that one bit the other
//! way round. So the bit is known to matter to that compiler, and to be set as the compiler has it.

use std::collections::BTreeMap;

use cabi::Policy;
use cabi_verify::case::{Case, Entry, Subject};
use cabi_verify::check::calls::Direction;
use cabi_verify::corpus::DEFAULT_TARGET;
use cabi_verify::report::Report;

use super::asked::{Asked, Made, Maker};
use super::bugs::one_line;
use super::{check_places, passes};
use crate::corpus::Corpus;
use crate::suite::Result;

/// Examples that are tried for a bit before it counts as one without.
const EXAMPLES: usize = 8;

/// One policy bit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Divergence {
    /// The bit's name.
    pub bit: &'static str,
    /// The example, with its block's name, if there is one.
    pub example: Option<Example>,
}

/// An example of a bit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Example {
    /// The case.
    pub case: String,
    /// Its C text, in one line, with its vector level.
    pub code: String,
    /// For each compiler where it puts what the bit decides; `None` if it cannot be asked.
    pub places: Vec<Option<String>>,
}

/// Looks for an example of each bit. Returns them and what is wrong.
pub fn run(compilers: &[Asked<'_>]) -> Result<(Vec<Divergence>, Vec<String>)> {
    let subjects = subjects()?;
    let entries: Vec<Entry<'_>> = subjects
        .iter()
        .flat_map(|subject| subject.cases.iter().map(move |case| (subject, case)))
        .collect();
    let mut chosen: Vec<Vec<usize>> = Vec::new();
    for (bit, _) in Policy::NAMES {
        chosen.push(candidates(*bit, &entries, compilers));
    }
    let mut wanted: Vec<usize> = chosen.iter().flatten().copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut asked = Vec::new();
    for compiler in compilers {
        asked.push(Probed::build(compiler, &entries, &wanted)?);
    }
    let (mut out, mut wrong) = (Vec::new(), Vec::new());
    for ((bit, name), chosen) in Policy::NAMES.iter().zip(chosen) {
        let example = best(*bit, &chosen, &entries, &asked)?;
        if example.is_none() && !chosen.is_empty() {
            wrong.push(format!("{name}: no example shows it"));
        }
        out.push(Divergence { bit: name, example });
    }
    Ok((out, wrong))
}

/// The first of the candidates that every compiler shows, else the one that most do.
fn best(
    bit: Policy,
    candidates: &[usize],
    entries: &[Entry<'_>],
    asked: &[Probed<'_>],
) -> Result<Option<Example>> {
    let silent = |example: &Example| example.places.iter().filter(|p| p.is_none()).count();
    let mut best: Option<Example> = None;
    for &i in candidates {
        let Some(example) = example(bit, i, entries[i], asked)? else {
            continue;
        };
        if best
            .as_ref()
            .is_none_or(|best| silent(&example) < silent(best))
        {
            best = Some(example);
        }
        if best.as_ref().is_some_and(|best| silent(best) == 0) {
            break;
        }
    }
    Ok(best)
}

fn subjects() -> Result<Vec<Subject>> {
    let mut report = Report::new("conformance");
    let mut subjects = Vec::new();
    for folder in ["x86-64-sysv", "x86-64-win64"] {
        subjects.extend(Corpus::read(folder, "conformance", &mut report)?.subjects);
    }
    if let Some(first) = report.failures().first() {
        return Err(first.clone().into());
    }
    subjects.retain(|subject| subject.block.target == DEFAULT_TARGET && !subject.expects_refusal());
    Ok(subjects)
}

/// The cases in which `bit` moves a value of some compiler: those that more compilers can be asked first, then those that are about
/// disagreements, then the shortest.
fn candidates(bit: Policy, entries: &[Entry<'_>], compilers: &[Asked<'_>]) -> Vec<usize> {
    let mut found = Vec::new();
    for (i, (subject, case)) in entries.iter().enumerate() {
        let asked = compilers.iter().filter(|one| {
            one.admits(&subject.block).is_ok() && !moved(case, one.policy, bit).is_empty()
        });
        let n = asked.count();
        if n > 0 {
            let name = &subject.block.name;
            let about = ["diverge-", "found-"]
                .iter()
                .any(|start| name.starts_with(start));
            found.push((compilers.len() - n, !about, subject.block.code.len(), i));
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(.., i)| i).take(EXAMPLES).collect()
}

fn flipped(policy: Policy, bit: Policy) -> Policy {
    if policy.has(bit) {
        policy.without(bit)
    } else {
        policy | bit
    }
}

/// The values that are passed elsewhere under `policy` when `bit` is the other way round: where they are under `policy`.
fn moved(case: &Case, policy: Policy, bit: Policy) -> Vec<String> {
    let (Some(own), Some(other)) = (places(case, policy), places(case, flipped(policy, bit)))
    else {
        return Vec::new();
    };
    let moved = own
        .into_iter()
        .zip(other)
        .filter(|(own, other)| own != other);
    moved.map(|(own, _)| own).collect()
}

/// Every value and where it is.
fn places(case: &Case, policy: Policy) -> Option<Vec<String>> {
    let abi = case.abi_under(policy).ok()?;
    let mut out = vec![format!("result: {}", abi.ret)];
    for (i, arg) in abi.args.iter().enumerate() {
        let param = case.prototype.params.get(i);
        let name = param.and_then(|(name, _)| name.clone());
        let name = name.unwrap_or_else(|| format!("argument {i}"));
        out.push(format!("{name}: {}", arg.place));
    }
    Some(out)
}

/// One compiler with the wanted cases built.
struct Probed<'a> {
    asked: &'a Asked<'a>,
    /// What it made of the cases of one vector level, at each of its levels of optimization.
    made: Vec<Vec<Made<'a>>>,
    /// Of an entry: the index in [`Self::made`], and the index of its case there.
    at: BTreeMap<usize, (usize, usize)>,
}

impl<'a> Probed<'a> {
    fn build(asked: &'a Asked<'a>, entries: &[Entry<'a>], wanted: &[usize]) -> Result<Self> {
        let mut levels: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
        for &i in wanted {
            let (subject, case) = entries[i];
            // Zig is asked about C's calling convention only.
            let own = matches!(asked.maker, Maker::C(_)) || case.prototype.convention.is_none();
            if own && asked.admits(&subject.block).is_ok() {
                levels.entry(&subject.block.features).or_default().push(i);
            }
        }
        let (mut all, mut at) = (Vec::new(), BTreeMap::new());
        for wanted in levels.into_values() {
            let some: Vec<Entry<'a>> = wanted.iter().map(|i| entries[*i]).collect();
            let built = asked.levels().into_iter();
            let built: Result<Vec<Made<'a>>> =
                built.map(|level| asked.build(level, &some)).collect();
            let built = built?;
            for (n, i) in wanted.into_iter().enumerate() {
                if built.iter().all(|made| made.directions(n).len() == 2) {
                    at.insert(i, (all.len(), n));
                }
            }
            all.push(built);
        }
        Ok(Self {
            asked,
            made: all,
            at,
        })
    }

    /// Where the compiler puts what `bit` decides in entry `i`, if that is shown: passes its own way at each level, fails the other way.
    fn shown(&self, bit: Policy, i: usize, case: &Case) -> Result<Option<String>> {
        let own = self.asked.policy;
        let moved = moved(case, own, bit);
        let Some(&(level, n)) = self.at.get(&i).filter(|_| !moved.is_empty()) else {
            return Ok(None);
        };
        let sig = case.sig_under(own)?;
        let other = case.sig_under(flipped(own, bit))?;
        for made in &self.made[level] {
            let check = |sig| passes(|| check_places(&made.code, &Direction::ALL, n, case, sig));
            if !check(&sig)? || check(&other)? {
                return Ok(None);
            }
        }
        Ok(Some(moved.join("; ")))
    }
}

/// Entry `i` as an example of `bit`, if some compiler shows it.
fn example(
    bit: Policy,
    i: usize,
    (subject, case): Entry<'_>,
    asked: &[Probed<'_>],
) -> Result<Option<Example>> {
    let places = asked.iter().map(|one| one.shown(bit, i, case));
    let places = places.collect::<Result<Vec<_>, _>>()?;
    Ok(places.iter().any(Option::is_some).then(|| Example {
        case: case.name.clone(),
        code: one_line(subject),
        places,
    }))
}
