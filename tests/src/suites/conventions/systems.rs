//! The policy of each system of x86-64, against clang's machine code for that system: the rows of `tests/corpus/systems.txt`.

use std::process::Command;

use cabi::{FnAbi, FnSig, Policy, Profile, RecordRules, Target, VectorLevel};
use cabi_header::{Options, parse};
use cabi_verify::places::{Isa, Question, functions};
use cabi_verify::threads::{at_once, in_threads};

use super::machines::FLAGS;
use super::observer::output_of;
use crate::suite::Suite;

const VALUES: &str = include_str!("../../../corpus/systems.c");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/systems.c");

/// Vector levels, as clang is told of them.
const LEVELS: [(&str, VectorLevel); 2] = [
    ("-mno-avx", VectorLevel::Baseline),
    ("-mavx", VectorLevel::Avx),
];

pub(super) fn run(suite: &mut Suite) {
    let engine = "conventions systems";
    if !suite.wants(engine) {
        return;
    }
    let header = parse("", &Options::new()).map_err(|why| why.to_string());
    if let Err(why) = header.and_then(|_| output_of(Command::new("clang-19").arg("--version"))) {
        suite.every_reference = false;
        return suite.report.absent(engine, &why);
    }
    let rows = include_str!("../../../corpus/systems.txt").lines();
    let rows: Vec<&str> = rows.filter(|row| !row.starts_with('#')).collect();
    let outcomes = in_threads(&rows, at_once(), |row| compare(row), |_| ());
    for (row, outcome) in rows.iter().zip(outcomes) {
        suite.report.outcome(engine, row, outcome);
    }
    let note = format!("{engine}: {} systems", rows.len());
    suite.report.note(note);
}

/// Compares the row of a system with clang's code.
fn compare(row: &str) -> Result<(), String> {
    let triple = row.split(' ').next().unwrap_or_default();
    let target = Target::named(triple).map_err(|why| why.to_string())?;
    let clang = Profile::CLANG.on(&target);
    let default = match Policy::of(&target) {
        Policy::GCC => "gcc",
        own if own == clang => "clang",
        _ => "neither",
    };
    let questions = questions(&target, triple)?;
    let policies = [Some(clang), None, Some(Policy::GCC), Some(Policy::CLANG)];
    let (mut n_compared, mut elsewhere) = ([0; 4], policies.map(|_| Vec::new()));
    for (option, level) in LEVELS {
        let code = functions(&machine_code(triple, option)?, &Isa::X86_64);
        for question in &questions {
            for (i, policy) in policies.into_iter().enumerate() {
                let sig = question.sig.clone().features(level);
                let sig = policy.into_iter().fold(sig, FnSig::policy);
                // Vectors of `__int128` have no place on some systems, nor wide ones on Darwin.
                let Ok(abi) = FnAbi::new(&sig, &target) else {
                    continue;
                };
                n_compared[i] += 1;
                let shown = question.check(&abi, &code).n_values();
                elsewhere[i].extend(shown.err().map(|why| format!("{option}: {why}")));
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

/// The values that C has for `target`, as clang and `cabi` lay them out alike.
fn questions(target: &Target, triple: &str) -> Result<Vec<Question>, String> {
    let records = target.data_model().records;
    // Without AVX clang aligns vectors on Darwin to 16 bytes at most, and `cabi` has no place for a wider one.
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

/// Returns clang's machine code for the values, before registers are allocated.
fn machine_code(triple: &str, option: &str) -> Result<String, String> {
    let target = format!("--target={triple}");
    let own = "-ffreestanding -fno-stack-protector -fno-sanitize=all -mllvm -stop-after=finalize-isel -mllvm -simplify-mir -S -o -";
    let mut clang = Command::new("clang-19");
    clang.args([&target, option, PATH]).args(own.split(' '));
    output_of(clang.args(FLAGS))
}
