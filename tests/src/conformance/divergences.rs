//! For each policy bit an example: a case of the corpus that a compiler passes under its own profile, and fails with that one bit the other
//! way round. So the bit is known to matter to that compiler, and to be set as the compiler has it.

use std::collections::BTreeMap;

use cabi::{FnAbi, Policy, VectorLevel};
use cabi_judge::case::{Case, Entry, Subject};
use cabi_judge::corpus::DEFAULT_TARGET;
use cabi_judge::halves::Halves;
use cabi_judge::interop::Direction;
use cabi_judge::report::Report;

use super::asked::{Asked, Maker};
use super::{LEVELS, check_places, passes};
use crate::corpus::Corpus;

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
///
/// # Errors
/// A corpus that cannot be read, a compiler that cannot be asked.
pub fn run(compilers: &[Asked<'_>]) -> Result<(Vec<Divergence>, Vec<String>), String> {
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
) -> Result<Option<Example>, String> {
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

fn subjects() -> Result<Vec<Subject>, String> {
    let mut report = Report::new("conformance");
    let mut subjects = Vec::new();
    for folder in ["x86-64-sysv", "x86-64-win64"] {
        subjects.extend(Corpus::read(folder, "conformance", &mut report)?.subjects);
    }
    if let Some(first) = report.failures().first() {
        return Err(first.clone());
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

/// The values that travel elsewhere under `policy` when `bit` is the other way round: where they are under `policy`.
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
    let sig = case.sig_under(policy).ok()?;
    let abi = FnAbi::new(&sig, &case.target).ok()?;
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
    halves: Vec<Halves>,
    /// Of an entry: from which index in [`Self::halves`] those of its vector level are, and its index there.
    at: BTreeMap<usize, (usize, usize)>,
}

impl<'a> Probed<'a> {
    fn build(
        asked: &'a Asked<'a>,
        entries: &[Entry<'_>],
        wanted: &[usize],
    ) -> Result<Self, String> {
        let mut levels: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
        for &i in wanted {
            let (subject, case) = entries[i];
            // Zig is asked about C's calling convention only.
            let own = matches!(asked.maker, Maker::C(_)) || case.prototype.convention.is_none();
            if own && asked.admits(&subject.block).is_ok() {
                levels.entry(&subject.block.features).or_default().push(i);
            }
        }
        let mut out = Self {
            asked,
            halves: Vec::new(),
            at: BTreeMap::new(),
        };
        for level in levels.into_values() {
            let some: Vec<Entry<'_>> = level.iter().map(|i| entries[*i]).collect();
            let first = out.halves.len();
            let there = match asked.maker {
                Maker::C(judge) => {
                    for optimize in LEVELS {
                        let built = Halves::build_at(judge, optimize, &some);
                        out.halves.push(built.map_err(|error| error.to_string())?);
                    }
                    vec![true; some.len()]
                }
                Maker::Zig(..) => out.build_zig(&some)?,
            };
            for (n, i) in level.iter().enumerate() {
                if there[n] {
                    out.at.insert(*i, (first, n));
                }
            }
        }
        Ok(out)
    }

    /// Has Zig make halves of `some`. Says of each whether they are whole.
    fn build_zig(&mut self, some: &[Entry<'_>]) -> Result<Vec<bool>, String> {
        let mut there = vec![true; some.len()];
        let Maker::Zig(zig, _, frame) = self.asked.maker else {
            return Ok(there);
        };
        let named = some.iter().enumerate().map(|(n, (_, case))| {
            let mut case = (*case).clone();
            case.function.name.insert_str(0, &format!("c{n}_"));
            case
        });
        let cases: Vec<Case> = named.collect();
        let all: Vec<&Case> = cases.iter().collect();
        let level = all
            .first()
            .map_or(VectorLevel::Baseline, |case| case.vectors);
        for mode in self.asked.modes() {
            let made = zig.build(frame, mode, level, &all);
            let made = made.map_err(|error| error.to_string())?;
            for (n, there) in there.iter_mut().enumerate() {
                *there &= Direction::ALL.iter().all(|half| made.has(n, *half).is_ok());
            }
            self.halves.push(made.halves);
        }
        Ok(there)
    }

    /// Where the compiler puts what `bit` decides in entry `i`, if that is shown: passes its own way at each level, fails the other way.
    fn shown(&self, bit: Policy, i: usize, case: &Case) -> Result<Option<String>, String> {
        let own = self.asked.policy;
        let moved = moved(case, own, bit);
        let Some(&(first, n)) = self.at.get(&i).filter(|_| !moved.is_empty()) else {
            return Ok(None);
        };
        let wrong = |error: cabi::Error| error.to_string();
        let sig = case.sig_under(own).map_err(wrong)?;
        let other = case.sig_under(flipped(own, bit)).map_err(wrong)?;
        for halves in self
            .halves
            .iter()
            .skip(first)
            .take(self.asked.levels().len())
        {
            if !passes(|| check_places(halves, &Direction::ALL, n, case, &sig))?
                || passes(|| check_places(halves, &Direction::ALL, n, case, &other))?
            {
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
) -> Result<Option<Example>, String> {
    let places = asked.iter().map(|one| one.shown(bit, i, case));
    let places = places.collect::<Result<Vec<_>, _>>()?;
    let words = subject.block.code.split_whitespace().collect::<Vec<_>>();
    let mut code = words.join(" ");
    if let Some(unnamed) = &subject.block.unnamed {
        code.push_str(&format!(" /* ... = {unnamed} */"));
    }
    for feature in &subject.block.features {
        code.push_str(&format!(" /* {feature} */"));
    }
    Ok(places.iter().any(Option::is_some).then(|| Example {
        case: case.name.clone(),
        code,
        places,
    }))
}
