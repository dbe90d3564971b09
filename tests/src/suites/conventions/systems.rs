//! The policy of each system of x86-64, against clang's code for that system, which runs under the
//! probe: the rows of `tests/corpus/systems.txt`.

use cabi::{FnAbi, FnSig, Policy, Profile, RecordRules, Target, VectorLevel};
use cabi_header::{Options, parse};
use cabi_verify::build::Reference;
use cabi_verify::probe::{self, Probe};
use cabi_verify::processor;
use cabi_verify::question::Question;
use cabi_verify::threads::{at_once, in_threads};

use super::machines::FLAGS;
use crate::suite::Suite;

const VALUES: &str = include_str!("../../../corpus/systems.c");

/// Flags for code without a library of C.
const FREESTANDING: &str = "-ffreestanding -fno-stack-protector -fno-sanitize=all";

/// Vector levels, by clang's flags.
const LEVELS: [(&str, VectorLevel); 2] = [
    ("-mno-avx", VectorLevel::Baseline),
    ("-mavx", VectorLevel::Avx),
];

pub(super) fn run(suite: &mut Suite) {
    let engine = "conventions systems";
    if !suite.wants(engine) {
        return;
    }
    let tools = tools().map_err(|why| suite.report.absent(engine, &why));
    let Ok(tools) = tools else { return };
    let rows = include_str!("../../../corpus/systems.txt").lines();
    let rows: Vec<&str> = rows.filter(|row| !row.starts_with('#')).collect();
    let outcomes = in_threads(&rows, at_once(), |row| compare(row, &tools), |_| ());
    for (row, outcome) in rows.iter().zip(outcomes) {
        suite.report.outcome(engine, row, outcome);
    }
    let note = format!("{engine}: {} systems", rows.len());
    suite.report.note(note);
}

/// Returns the probe and the compiler, on a machine with the registers of both vector levels.
fn tools() -> Result<(Probe, Reference), String> {
    parse("", &Options::new()).map_err(|why| why.to_string())?;
    if !processor::has("avx") {
        return Err("no AVX".to_owned());
    }
    Ok((Probe::of_here()?, Reference::of_command("clang-19")?))
}

/// Compares the row of a system with clang's code.
fn compare(row: &str, (probe, reference): &(Probe, Reference)) -> Result<(), String> {
    let triple = row.split(' ').next().unwrap_or_default();
    let target = Target::named(triple).map_err(|why| why.to_string())?;
    let clang = Profile::CLANG.on(&target);
    let default = match Policy::of(&target) {
        Policy::GCC => "gcc",
        own if own == clang => "clang",
        _ => "neither",
    };
    let convention = target.convention().ok_or("no convention")?;
    let questions = questions(&target, triple)?;
    // clang writes no ELF files for Darwin.
    let elf = match target.name().contains("apple") {
        true => "",
        false => "-elf",
    };
    let options = format!("--target={triple}{elf} {FREESTANDING}");
    let policies = [Some(clang), None, Some(Policy::GCC), Some(Policy::CLANG)];
    let (mut n_compared, mut elsewhere) = ([0; 4], policies.map(|_| Vec::new()));
    for (option, level) in LEVELS {
        let flags: Vec<&str> = options.split(' ').chain(FLAGS).chain([option]).collect();
        let compiler = reference.with_flags(&flags).for_programs();
        let facts = compiler.build(VALUES, &[]);
        let facts = facts.and_then(|built| probe.answers(&questions, convention, &[built]));
        let facts = facts.map_err(|why| why.to_string())?;
        for (question, facts) in questions.iter().zip(&facts) {
            for (i, policy) in policies.into_iter().enumerate() {
                let sig = question.sig.clone().features(level);
                let sig = policy.into_iter().fold(sig, FnSig::policy);
                // Vectors of `__int128` have no place on some systems, nor wide ones on Darwin.
                let Ok(abi) = FnAbi::new(&sig, &target) else {
                    continue;
                };
                n_compared[i] += 1;
                let [caller, callee] = probe::verdicts("clang", facts, question.types(), &abi);
                let wrong = caller.and(callee).passed().err();
                elsewhere[i].extend(wrong.map(|why| format!("{option}: {why}")));
            }
        }
    }
    let columns = [&n_compared[..1], &elsewhere.each_ref().map(Vec::len)].concat();
    let columns: Vec<String> = columns.iter().map(usize::to_string).collect();
    let found = format!("{triple} {default} {}", columns.join(" "));
    match found == row {
        true => Ok(()),
        false => Err(format!("found {found}\n{}", elsewhere[0].join("\n"))),
    }
}

/// Returns the values that C has for `target`, as clang and `cabi` lay them out alike.
fn questions(target: &Target, triple: &str) -> Result<Vec<Question>, String> {
    let records = target.data_model().records;
    // Without AVX clang aligns vectors on Darwin to 16 bytes at most, and `cabi` has no place for a
    // wider one.
    let options = Options::new()
        .args([&format!("--target={triple}"), "-mavx"])
        .records(records);
    let header = parse(VALUES, &options).map_err(|why| why.to_string())?;
    if records == RecordRules::Clang && header.ty("struct w").is_none() {
        return Err(format!("{:?}", header.reason("struct w")));
    }
    let mut questions = Vec::new();
    for n in 0.. {
        let name = format!("f{n}");
        if let Some(why) = header.reason(&name) {
            return Err(why.to_string());
        }
        let Some(f) = header.prototype(&name) else {
            break;
        };
        questions.push(Question::of_text(n, String::new(), f.signature()));
    }
    Ok(questions)
}
