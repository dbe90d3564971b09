//! The rows of `tests/tables`: a question about a text, and the answer.
//!
//! ```text
//! # a comment
//! % places riscv64gc-unknown-linux-gnu gcc     what is asked from here on, for which target, with
//!                                              which words of `with`
//! struct { double x; long n; } => fa0 a0 -> void [0 16 2]
//! ```
//!
//! The questions, and their answers. Types and signatures are written as `notation.rs` has it:
//!
//! - `type` of a type: name, size and alignment.
//! - `model` of a type: why it is refused in each place of a signature, or `fits`.
//! - `declared` of a declaration in C: its signature.
//! - `places` of a signature: the places of arguments and result. In brackets follow bytes and
//!   alignment of the argument area, and the number of integer registers; then bytes that the
//!   callee pops.
//! - `parts` of a signature: type, bytes and place of each part of each argument.
//! - `policies` of a signature: `places` without a policy, and with gcc's and clang's if these
//!   differ.
//! - `soon` of a type, or a signature: `soon`, or why it is refused, under each profile, in little
//!   time and text. With `each` in place of a target: by each convention.
//! - `explained` of a signature: which of the words after `has` or `lacks` its explanation has.
//!
//! A refusal is its own answer. `% model a,b` asks each row for several targets. `CABI_BLESS=1`
//! rewrites the answers, and nothing else.

use cabi::{
    DataModel, Error, FnAbi, FnSig, Place, Policy, RecordBuilder, Target, Type, VectorLevel,
    X86_64_SYSV, explain,
};

use crate::{conventions, linear, notation};

/// Each table with the number of its answers; `linear`, which takes longest, has a test of its own.
const TABLES: [(&str, usize); 6] = [
    ("declarations", 168),
    ("explained", 35),
    ("models", 155),
    ("own_conventions", 54),
    ("places", 251),
    ("refused_types", 99),
];

#[test]
fn every_row_is_answered() {
    for (name, n_answers) in TABLES {
        check(name, n_answers);
    }
}

#[test]
fn rows_of_large_types_are_answered() {
    check("linear", 28);
}

fn check(name: &str, n_answers: usize) {
    let path = format!("{}/tests/tables/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(&path).unwrap();
    let answered = answered(&table);
    if std::env::var("CABI_BLESS").is_ok_and(|value| value == "1") {
        return std::fs::write(&path, answered).unwrap();
    }
    let mut pairs = table.lines().zip(answered.lines());
    let changed = pairs.find(|(old, new)| old != new);
    assert!(
        table == answered,
        "{name}.txt (CABI_BLESS=1 rewrites it): {changed:#?}"
    );
    let (mut n, mut n_targets) = (0, 0);
    for line in table.lines() {
        match line.strip_prefix("% ") {
            Some(words) => n_targets = question(words).1.split(',').count(),
            None if is_row(line) => n += n_targets,
            None => {}
        }
    }
    assert_eq!(n, n_answers, "{name}.txt");
}

fn is_row(line: &str) -> bool {
    !line.is_empty() && !line.starts_with("# ") && !line.starts_with("% ")
}

/// Returns `table` with today's answers.
fn answered(table: &str) -> String {
    let mut question = "";
    let answer = |line| {
        if !is_row(line) {
            question = line.strip_prefix("% ").unwrap_or(question);
            return format!("{line}\n");
        }
        let (text, expected) = line.rsplit_once(" =>").unwrap_or((line, ""));
        let found = answers(question, text, expected.trim_start());
        format!("{text} => {found}\n")
    };
    table.lines().map(answer).collect()
}

/// Splits `places a,b words`.
fn question(asked: &str) -> (&str, &str, &str) {
    let (what, of) = asked.split_once(' ').unwrap();
    let (triples, words) = of.split_once(' ').unwrap_or((of, ""));
    (what, triples, words)
}

/// Returns the answer for each target; one if all are the same.
fn answers(asked: &str, text: &str, expected: &str) -> String {
    let (what, triples, words) = question(asked);
    let of = |triple| answer((what, triple, words), text, expected);
    let all = triples.split(',').map(of);
    let all = all.map(|found| found.unwrap_or_else(|error| error.to_string()));
    let mut all: Vec<String> = all.collect();
    all.dedup();
    all.join(" or ")
}

fn answer(
    (kind, triple, words): (&str, &str, &str),
    text: &str,
    expected: &str,
) -> Result<String, Error> {
    if (kind, triple) == ("soon", "each") {
        return linear::soon_everywhere(text);
    }
    let target = Target::named(triple)?;
    let model = target.data_model();
    let sig = || Ok(with(notation::signature(text, model)?, words, model));
    match kind {
        "type" => {
            let ty = notation::ty(text, model)?;
            Ok(format!("{ty}, {} {}", ty.size(), ty.align()))
        }
        "model" => Ok(of_model(&notation::ty(text, model)?, &target)),
        "declared" => FnSig::parse(&text.replace("\\n", "\n"), model).map(|sig| sig.to_string()),
        "places" => places(&sig()?, &target),
        "parts" => parts(&sig()?, &target),
        "soon" => linear::soon(text, &target, None),
        "policies" => {
            let sig = sig()?;
            let [gcc, clang] = [Policy::GCC, Policy::CLANG].map(|own| sig.clone().policy(own));
            let of = |sig| places(&sig, &target).unwrap_or_else(|error| error.to_string());
            let (own, gcc, clang) = (of(sig), of(gcc), of(clang));
            Ok(match [&gcc, &clang] == [&own; 2] {
                true => own,
                false => format!("{own}; gcc: {gcc}; clang: {clang}"),
            })
        }
        "explained" => {
            let why = explain(&sig()?, &[], &target)?;
            let text = format!("{}{why}", why.summary());
            let words = expected
                .split("; ")
                .map(|words| words.split_once(' ').unwrap().1);
            let found = words.map(|words| match text.contains(words) {
                true => format!("has {words}"),
                false => format!("lacks {words}"),
            });
            Ok(found.collect::<Vec<_>>().join("; "))
        }
        _ => panic!("{kind}"),
    }
}

/// Returns the reasons for which signatures with `ty` are refused: as argument, after the `...`, as
/// a member and as result.
fn of_model(ty: &Type, target: &Target) -> String {
    let model = target.data_model();
    let inside = RecordBuilder::structure("around").field("m", ty.clone());
    let inside = inside.build(model).unwrap();
    let variadic = FnSig::new([Type::I32], Type::VOID).variadic();
    let sigs = [
        FnSig::new([ty.clone()], Type::VOID),
        FnSig::new([Type::I32], ty.clone()),
        FnSig::new([], ty.clone()).noreturn(),
        variadic.at_call([model.promote(ty)]).unwrap(),
        FnSig::new([inside.clone()], Type::VOID),
        FnSig::new([], inside),
    ];
    let sigs = sigs.map(|sig| sig.convention(&X86_64_SYSV).policy(Policy::GCC));
    let errors = sigs.map(|sig| abi(&sig, target).err());
    let refused = model.check(ty).is_err();
    assert!(
        errors.iter().all(|error| error.is_some() == refused),
        "{ty}: {errors:?}"
    );
    let is_model = |error: &Error| matches!(error, Error::DataModel { .. });
    assert!(errors.iter().flatten().all(is_model), "{ty}: {errors:?}");
    errors[0]
        .as_ref()
        .map_or("fits".into(), ToString::to_string)
}

/// Returns `sig` with the properties `words`: a policy, a vector level, `chain`, `noreturn`,
/// `stack=8`, or the name of a convention.
fn with(sig: FnSig, words: &str, model: &DataModel) -> FnSig {
    words.split_whitespace().fold(sig, |sig, word| match word {
        "uncounted-clang" => sig.policy(Policy::CLANG.without(Policy::RECORDS_GO_BY_COUNT)),
        "avx" => sig.features(VectorLevel::Avx),
        "avx512" => sig.features(VectorLevel::Avx512),
        "noreturn" => sig.noreturn(),
        "chain" => sig.static_chain(model),
        _ => match (Policy::named(word), word.split_once('=')) {
            (Some(policy), _) => sig.policy(policy),
            (_, Some(("stack", align))) => sig.incoming_stack_align(align.parse().unwrap()),
            _ => sig.convention(conventions::named(word)),
        },
    })
}

/// Returns the places, or the reason why there are none. The explanation must have the same reason.
fn abi(sig: &FnSig, target: &Target) -> Result<FnAbi, Error> {
    let (abi, why) = (FnAbi::new(sig, target), explain(sig, &[], target));
    assert_eq!(abi.as_ref().err(), why.as_ref().err(), "{sig}");
    abi
}

fn places(sig: &FnSig, target: &Target) -> Result<String, Error> {
    let abi = abi(sig, target)?;
    let args: Vec<String> = abi.args.iter().map(|arg| arg.place.to_string()).collect();
    let (bytes, align, ints) = (abi.area_bytes, abi.area_align, abi.used.int);
    let mut text = format!(
        "{} -> {} [{bytes} {align} {ints}]",
        args.join(", "),
        abi.ret
    );
    if abi.callee_pops > 0 {
        text += &format!(" popped {}", abi.callee_pops);
    }
    Ok(text.trim_start().to_owned())
}

fn parts(sig: &FnSig, target: &Target) -> Result<String, Error> {
    let abi = abi(sig, target)?;
    let args = abi.args.iter().map(|arg| match &arg.place {
        Place::Parts(parts) => {
            let parts = parts
                .iter()
                .map(|placed| format!("{:?} {} {}", placed.part.ty, placed.part.size, placed.loc));
            parts.collect::<Vec<_>>().join(" + ")
        }
        place => place.to_string(),
    });
    Ok(args.collect::<Vec<_>>().join(", "))
}

/// Tests negative controls: another answer, a row without one, another signature, and words that an
/// explanation does not have.
#[test]
fn mistakes_are_noticed() {
    let row =
        |kind: &str, row: &str| answered(&format!("% {kind} x86_64-unknown-linux-gnu\n{row}\n"));
    for (kind, right, wrong) in [
        (
            "places",
            "int, double => rdi, xmm0 -> void [0 16 1]",
            "int, double => rdi, xmm1 -> void [0 16 1]",
        ),
        (
            "places",
            "int => rdi -> void [0 16 1]",
            "long _Complex => rdi -> void [0 16 1]",
        ),
        ("type", "short => short, 2 2", "short"),
        (
            "declared",
            "int f(void) => int (void)",
            "int f(int) => int (void)",
        ),
        ("explained", "int => has rdi; lacks x87", "int => has x87"),
    ] {
        assert!(
            row(kind, right).ends_with(&format!("{right}\n")),
            "{}",
            row(kind, right)
        );
        assert!(
            !row(kind, wrong).ends_with(&format!("{wrong}\n")),
            "{wrong}"
        );
    }
}
