//! Records of other systems as compilers lay them out there: the grid's, and random ones. They write tables of the facts in ELF files, which are read and not run.

use std::collections::HashMap;

use cabi::{BitFieldStyle, DataModel, RecordRules, Target, Type};
use cabi_verify::build::Reference;
use cabi_verify::case::Subject;
use cabi_verify::check::layout::{Answer, Fact, Reply, ask_data, facts};
use cabi_verify::generate::{Absent, signature_for_machine};
use cabi_verify::report::Report;

use super::grid;
use crate::suite::{Result, number};

/// A compiler's C of another system.
struct System {
    name: &'static str,
    /// The compiler, and what makes its C the system's.
    compiler: &'static str,
    flag: &'static str,
    model: DataModel,
    /// A model that is like it, for a control.
    other: DataModel,
    /// Whether it has `_BitInt`s of all sizes.
    has_bit_int: bool,
}

/// gcc's C for Windows has here one compiler without Windows's `long`.
fn systems() -> Result<[System; 4]> {
    let model = |name| -> Result<DataModel> { Ok(*Target::named(name)?.data_model()) };
    let mut ms = DataModel::LP64;
    ms.bit_fields = BitFieldStyle::Ms;
    let system = |name, compiler, flag, model: DataModel, other| System {
        name,
        compiler,
        flag,
        model,
        other,
        has_bit_int: compiler == "clang" && !is_aarch64(&model),
    };
    Ok([
        system(
            "aarch64-apple-darwin",
            "clang",
            "--target=arm64-apple-macosx13-elf",
            model("aarch64-apple-darwin")?,
            DataModel::AARCH64,
        ),
        system(
            "x86_64-pc-windows-msvc",
            "clang",
            "--target=x86_64-pc-windows-msvc-elf",
            model("x86_64-pc-windows-msvc")?,
            DataModel::LLP64_GNU,
        ),
        system(
            "x86_64-pc-windows-gnu",
            "clang",
            "--target=x86_64-pc-windows-gnu-elf",
            model("x86_64-pc-windows-gnu")?.with_records(RecordRules::Clang),
            DataModel::LP64,
        ),
        system(
            "-mms-bitfields",
            "gcc",
            "-mms-bitfields",
            ms,
            DataModel::LP64,
        ),
    ])
}

/// Types that not all of them have.
const ABSENT: Absent = Absent {
    names: &[
        ("__float128", "double"),
        ("_Complex __float128", "_Complex double"),
    ],
    vectors: false,
    bit_int: false,
    align: 32,
    fill: 0,
};

/// Of so many facts at most one may be about a record that a compiler refuses.
const ANSWERED: usize = 20;

/// Records, as C declares them and as a model lays them out.
#[derive(Default)]
struct Records {
    text: String,
    named: Vec<(String, Type)>,
    n_refused: usize,
}

impl Records {
    /// The grid's.
    fn of_grid(model: &DataModel) -> Self {
        let mut records = Self {
            text: grid::preamble(),
            ..Self::default()
        };
        for record in grid::all() {
            match record.build(model) {
                Ok(ty) => {
                    records.text += &record.text();
                    records.named.push((record.spelled(), ty));
                }
                Err(_) => records.n_refused += 1,
            }
        }
        records
    }

    /// Those of random signatures.
    fn random(model: &DataModel, has_bit_int: bool) -> Result<Self> {
        let mut records = Self::default();
        let (seed, count) = (
            number("CABI_LAYOUT_SEED", 1)?,
            number("CABI_LAYOUT_COUNT", 400)?,
        );
        // There clang aligns vectors to 16 bytes at most, which `FnAbi` refuses.
        let absent = Absent {
            bit_int: !has_bit_int,
            vectors: is_aarch64(model),
            ..ABSENT
        };
        for index in 0..count {
            let signature = signature_for_machine(seed, index, &absent);
            let declared = signature.declared(&format!("p{index}_"), model);
            records.n_refused += usize::from(declared.typed.is_err());
            records.text += &declared.types;
            // A typedef's own alignment shows in no record of Microsoft's style.
            let named = declared.named.into_iter();
            records
                .named
                .extend(named.filter(|(name, _)| name.contains(' ')));
        }
        Ok(records)
    }

    fn subject(&self) -> Subject {
        let named = self.named.clone();
        Subject::of_cases("elsewhere", String::new(), named, &[], Vec::new())
    }

    /// What a compiler says of them.
    fn ask(&self, reference: &Reference, flag: &str) -> Result<Vec<(Fact, Reply)>> {
        // No linker here is the system's.
        let flags = [flag, "-c", "-fno-pic", "-w"];
        Ok(ask_data(reference, &flags, &self.text, &self.subject())?)
    }
}

/// Whether the model is that of 64-bit Arm, the only one here with wide `_BitInt`s so aligned.
fn is_aarch64(model: &DataModel) -> bool {
    model.big_bit_int_align == 16
}

/// The first facts that are not the compiler's, how many there are, and how many are.
fn compare(replies: &[(Fact, Reply)]) -> (Vec<String>, usize, usize) {
    let (mut different, mut n_different, mut n_alike) = (Vec::new(), 0, 0);
    for (fact, reply) in replies {
        match reply {
            Reply::Is(theirs) if *theirs == fact.ours => n_alike += 1,
            Reply::Is(theirs) => {
                n_different += 1;
                different.push(format!("{} is {theirs}, ours {}", fact.what, fact.ours));
            }
            _ => {}
        }
    }
    different.truncate(5);
    (different, n_different, n_alike)
}

/// The first that the compiler refuses.
fn refused(replies: &[(Fact, Reply)]) -> Option<&Reply> {
    let mut all = replies.iter().map(|(_, reply)| reply);
    all.find(|reply| matches!(reply, Reply::Refuses(_)))
}

pub(super) fn check(references: &[Reference], report: &mut Report) -> Result<()> {
    for system in systems()? {
        let System { name, compiler, .. } = system;
        let Some(reference) = references.iter().find(|own| own.name() == compiler) else {
            continue;
        };
        let (model, other) = (&system.model, &system.other);
        let random = |model| Records::random(model, system.has_bit_int);
        for (what, records, others) in [
            ("grid", Records::of_grid(model), Records::of_grid(other)),
            ("random", random(model)?, random(other)?),
        ] {
            let engine = format!("layout {what} {compiler} {name}");
            let (n, n_refused) = (records.named.len(), records.n_refused);
            let replies = records.ask(reference, system.flag)?;
            let (different, n_different, n_alike) = compare(&replies);
            let n_otherwise = otherwise(&replies, &others);
            report.note(format!(
                "{engine}: {n} records, {n_refused} refused by cabi, {n_alike} of {} facts alike, {n_otherwise} otherwise by another model",
                replies.len()
            ));
            let outcome = match n_different {
                0 if n_alike * ANSWERED >= replies.len() * (ANSWERED - 1) => Ok(()),
                0 => Err(format!("too many are refused: {:?}", refused(&replies))),
                n => Err(format!("{n} differ:\n{}", different.join("\n"))),
            };
            report.outcome(&engine, "all", outcome);
            let noticed = match n_otherwise {
                ..10 => Err("another model's layouts were not noticed".to_owned()),
                _ => Ok(()),
            };
            report.outcome("layout control", &engine, noticed);
        }
    }
    Ok(())
}

/// How many facts of `others` are not what the compiler says.
fn otherwise(replies: &[(Fact, Reply)], others: &Records) -> usize {
    let facts = facts(&[&others.subject()]);
    let facts: HashMap<&str, &Answer> = (facts.iter())
        .map(|fact| (fact.what.as_str(), &fact.ours))
        .collect();
    let differs = |(fact, reply): &&(Fact, Reply)| match reply {
        Reply::Is(theirs) => facts
            .get(fact.what.as_str())
            .is_some_and(|ours| *ours != theirs),
        _ => false,
    };
    replies.iter().filter(differs).count()
}
