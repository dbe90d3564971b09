//! For each policy bit an example: a case of the corpus that a compiler passes under its own profile, and fails with that one bit the other
//! way round. So the bit is known to matter to that compiler, and to be set as the compiler has it.

use std::collections::BTreeMap;

use cabi::{FnAbi, Policy};
use cabi_judge::case::{Case, Entry, Subject};
use cabi_judge::corpus::DEFAULT_TARGET;
use cabi_judge::halves::Halves;
use cabi_judge::judge::{Bench, Judge};
use cabi_judge::report::Report;

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
pub fn run(bench: &Bench) -> Result<(Vec<Divergence>, Vec<String>), String> {
    let subjects = subjects()?;
    let entries: Vec<Entry<'_>> = subjects
        .iter()
        .flat_map(|subject| subject.cases.iter().map(move |case| (subject, case)))
        .collect();
    let mut chosen: Vec<Vec<usize>> = Vec::new();
    for (bit, _) in Policy::NAMES {
        chosen.push(candidates(*bit, &entries, bench));
    }
    let mut wanted: Vec<usize> = chosen.iter().flatten().copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut asked = Vec::new();
    for judge in &bench.judges {
        asked.push(Asked::build(judge, &entries, &wanted)?);
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
    asked: &[Asked<'_>],
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
fn candidates(bit: Policy, entries: &[Entry<'_>], bench: &Bench) -> Vec<usize> {
    let mut found = Vec::new();
    for (i, (subject, case)) in entries.iter().enumerate() {
        let asked = bench.judges.iter().filter(|judge| {
            let policy = judge.profile().policy();
            judge.admits(&subject.block).is_ok() && !moved(case, policy, bit).is_empty()
        });
        let n = asked.count();
        if n > 0 {
            let name = &subject.block.name;
            let about = ["diverge-", "found-"]
                .iter()
                .any(|start| name.starts_with(start));
            found.push((bench.judges.len() - n, !about, subject.block.code.len(), i));
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
struct Asked<'a> {
    judge: &'a Judge,
    halves: Vec<Halves>,
    /// Of an entry: from which index in [`Self::halves`] those of its vector level are, and its index there.
    at: BTreeMap<usize, (usize, usize)>,
}

impl<'a> Asked<'a> {
    fn build(judge: &'a Judge, entries: &[Entry<'_>], wanted: &[usize]) -> Result<Self, String> {
        let mut levels: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
        for &i in wanted {
            let (subject, _) = entries[i];
            if judge.admits(&subject.block).is_ok() {
                levels.entry(&subject.block.features).or_default().push(i);
            }
        }
        let (mut halves, mut at) = (Vec::new(), BTreeMap::new());
        for level in levels.into_values() {
            let first = halves.len();
            let some: Vec<Entry<'_>> = level.iter().map(|i| entries[*i]).collect();
            for optimize in LEVELS {
                let built = Halves::build_at(judge, optimize, &some);
                halves.push(built.map_err(|error| error.to_string())?);
            }
            at.extend(level.iter().enumerate().map(|(n, i)| (*i, (first, n))));
        }
        Ok(Self { judge, halves, at })
    }

    /// Where the compiler puts what `bit` decides in entry `i`, if that is shown: passes its own way at each level, fails the other way.
    fn shown(&self, bit: Policy, i: usize, case: &Case) -> Result<Option<String>, String> {
        let own = self.judge.profile().policy();
        let moved = moved(case, own, bit);
        let Some(&(first, n)) = self.at.get(&i).filter(|_| !moved.is_empty()) else {
            return Ok(None);
        };
        let wrong = |error: cabi::Error| error.to_string();
        let sig = case.sig_under(own).map_err(wrong)?;
        let other = case.sig_under(flipped(own, bit)).map_err(wrong)?;
        for halves in self.halves.iter().skip(first).take(LEVELS.len()) {
            if !passes(|| check_places(halves, n, case, &sig))?
                || passes(|| check_places(halves, n, case, &other))?
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
    asked: &[Asked<'_>],
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
