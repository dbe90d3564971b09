//! Facts about the corpus and about types in every position, a file for each compiler and target,
//! `tests/facts/corpus/<compiler>-<target>.txt`: the suite `probe` measures them where the compiler
//! is, and the suite `facts` judges them where it is not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cabi::convention::Features;
use cabi::{Convention, Error, FnAbi, Profile, Target};
use cabi_verify::case::{Case, Subject};
use cabi_verify::compare::compare;
use cabi_verify::facts::Facts;
use cabi_verify::verify::known_bug;

use super::PRINTED;
use super::mutations::{self, Mutation};
use super::stored::{Stored, folder, hash};
use crate::corpus::OTHERS;
use crate::positions;
use crate::suite::{Result, Suite};

/// Folder of the files.
pub(super) const FOLDER: &str = "corpus";

/// Returns the file of a compiler (`gcc`, `clang`) and a target.
pub(in crate::suites) fn path(compiler: &str, target: &Target) -> PathBuf {
    let file = format!("{compiler}-{}.txt", target.name());
    folder().join(FOLDER).join(file)
}

/// Returns the hash of the C text of a case of `subject`.
pub(in crate::suites) fn hash_of(subject: &Subject) -> String {
    let unnamed = subject.block.unnamed.as_deref().unwrap_or_default();
    hash(&(subject.block.code.clone() + unnamed))
}

/// Judges all files, if there is libclang, which reads the corpus.
pub(super) fn judge(suite: &mut Suite) -> Result<()> {
    let folders = [&["x86-64-sysv"], &OTHERS[..]].concat();
    let mut subjects = suite.corpus(&folders)?;
    if subjects.is_empty() {
        return Ok(());
    }
    subjects.extend(positions::subjects("facts", suite)?);
    let files = std::fs::read_dir(folder().join(FOLDER))?;
    let files = files.map(|file| Ok(file?.file_name().to_string_lossy().into_owned()));
    let files: Vec<String> = files.collect::<Result<_>>()?;
    suite.each(&files, |file, suite| {
        let wrong = || format!("no compiler and target: {file}");
        let name = file.strip_suffix(".txt").ok_or_else(wrong)?;
        let (compiler, triple) = name.split_once('-').ok_or_else(wrong)?;
        let profile = Profile::named(compiler).ok_or_else(wrong)?;
        let target = Target::named(triple)?;
        let of_target = |one: &&Subject| one.target == target;
        let judged = Judged {
            engine: format!("facts corpus {compiler} {}", target.name()),
            compiler,
            profile,
            cases: (subjects.iter().filter(of_target))
                .flat_map(|one| one.cases.iter().map(move |case| (&*case.name, (one, case))))
                .collect(),
        };
        judged.run(Stored::read(&path(compiler, &target))?, suite)
    })
}

/// A compiler, and the cases of its target by their names.
struct Judged<'a> {
    engine: String,
    compiler: &'a str,
    profile: Profile,
    cases: BTreeMap<&'a str, (&'a Subject, &'a Case)>,
}

/// A case that agrees, its facts and its places.
type Agreed<'a> = (&'a Case, &'a Facts, FnAbi);

impl Judged<'_> {
    fn run(&self, stored: Stored, suite: &mut Suite) -> Result<()> {
        let (mut agreed, mut different, mut n_known) = (Vec::new(), Vec::new(), 0);
        for (name, (kept, facts)) in &stored.cases {
            let Some((subject, case)) = self.cases.get(&**name) else {
                different.push(format!("{name}: the corpus has no such case"));
                continue;
            };
            let policy = self.profile.on(&case.target);
            match facts {
                _ if hash_of(subject) != *kept => different.push(format!(
                    "{name}: its text is not the file's: CABI_BLESS=1 cargo test -p cabi-tests --test suites -- probe"
                )),
                Ok(facts) => {
                    let abi = case.abi_under(policy)?;
                    match self.difference(case, facts, &abi) {
                        None => agreed.push((*case, facts, abi)),
                        Some(_) if known_bug(self.compiler, case).is_some() => n_known += 1,
                        Some(why) => different.push(format!("{name}: {why}")),
                    }
                }
                Err(ending) => different.push(format!("{name}: {ending}")),
            }
        }
        suite.report.note(format!(
            "{}: {} cases agree, {n_known} show a known bug",
            self.engine,
            agreed.len()
        ));
        let outcome = match different.len() {
            0 => Ok(()),
            n => Err(format!(
                "{n} differ:\n{}",
                different[..n.min(PRINTED)].join("\n")
            )),
        };
        suite.report.outcome(&self.engine, "places", outcome);
        suite.n_passed = Some(agreed.len());
        self.control(&agreed, suite);
        Ok(())
    }

    /// Returns the first difference between a compiler's code and `abi`.
    fn difference(&self, case: &Case, facts: &Facts, abi: &FnAbi) -> Option<String> {
        let all = compare(self.compiler, facts, &case.argument_types(), abi);
        let first = all.into_iter().flatten().next();
        first.map(|difference| difference.why)
    }

    /// Counts the mutations of each convention that some case shows.
    fn control(&self, agreed: &[Agreed<'_>], suite: &mut Suite) {
        let conventions = agreed
            .iter()
            .map(|(.., abi)| (abi.convention.name, abi.convention));
        let conventions: BTreeMap<&str, &'static Convention> = conventions.collect();
        for (name, convention) in conventions {
            let is_own = |one: &&Agreed<'_>| one.2.convention.name == name;
            let own: Vec<&Agreed<'_>> = agreed.iter().filter(is_own).collect();
            let all = mutations::of(convention, Features::default());
            let shown = all.iter().filter(|mutation| {
                let mut own = own.iter();
                own.any(|one| self.is_shown(mutation, one))
            });
            let n_shown = shown.count();
            let counted = format!("{n_shown} of {} mutations of {name}", all.len());
            suite.report.note(format!("{}: {counted}", self.engine));
            let control = format!("{} control", self.engine);
            let is_enough = 2 * n_shown > all.len();
            (suite.report).check(&control, name, is_enough, format!("{counted} are seen"));
        }
    }

    /// Checks whether a mutation has a value elsewhere than the code does.
    fn is_shown(&self, mutation: Mutation, (case, facts, own): &Agreed<'_>) -> bool {
        // The lists for variadic functions are not those of a mutation.
        if case.prototype.variadic && own.convention.rules.choose.is_some() {
            return false;
        }
        let broken = || -> std::result::Result<FnAbi, Error> {
            let sig = case.sig_under(self.profile.on(&case.target))?;
            FnAbi::new(&sig.convention(mutation), &case.target)
        };
        let is_other = |abi: &FnAbi| abi.args != own.args || abi.ret != own.ret;
        let broken = broken().ok().filter(is_other);
        broken.is_some_and(|abi| self.difference(case, facts, &abi).is_some())
    }
}
