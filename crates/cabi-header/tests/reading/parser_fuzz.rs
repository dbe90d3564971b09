//! Nothing a header contains makes this crate panic: random sequences of C's words, and real
//! declarations cut and shuffled.

use crate::support::needs_libclang;
use crate::tables::lines_of_c;
use cabi_header::{Options, parse};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Reads `text` as C and as C++. The reading has to return, and its result has to make sense.
fn survives(text: &str) {
    for name in ["a.h", "a.hpp"] {
        let Ok(header) = parse(text, &Options::new().name(name)) else {
            continue;
        };
        for named in header.records.iter().chain(&header.typedefs) {
            assert!(!named.name.is_empty() || named.ty.size() == 0, "{text}");
        }
        for record in &header.records {
            let n_fields = record.ty.as_record().map(|record| record.fields().len());
            assert_eq!(Some(record.members.len()), n_fields, "{text}");
        }
        for prototype in &header.prototypes {
            let n = prototype.params.len();
            assert_eq!(prototype.written_params.len(), n, "{text}");
            assert_eq!(prototype.signature().params().len(), n, "{text}");
        }
        for skipped in header.skipped.iter().chain(&header.other_macros) {
            assert!(!skipped.reason.to_string().is_empty());
        }
    }
}

/// Reads 300 of `texts`, the same each time. From one in some ten thousand, clang 19's own parser
/// does not return.
fn all_survive(texts: &impl Strategy<Value = String>) {
    let config = Config {
        cases: 300,
        failure_persistence: None,
        ..Config::default()
    };
    let fixed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let run = TestRunner::new_with_rng(config, fixed).run(texts, |text| {
        survives(&text);
        Ok(())
    });
    run.unwrap();
}

/// Returns the words of `line`: names and numbers, and each other character alone.
fn words(line: &str) -> impl Iterator<Item = String> {
    let is_other = |c: char| !c.is_alphanumeric() && c != '_';
    let parts = line.split_inclusive(is_other).flat_map(move |part| {
        let end = part.find(is_other).unwrap_or(part.len());
        let (word, other) = part.split_at(end);
        [word, other.trim()]
    });
    parts.filter(|word| !word.is_empty()).map(str::to_owned)
}

#[test]
fn random_words() {
    needs_libclang!();
    let all = lines_of_c();
    let all = all.iter().flat_map(|line| {
        // Text between blanks is one word too: an attribute with its parentheses. A directive
        // begins a line.
        let between_blanks = line.split(' ').map(str::to_owned);
        let pieces = words(line).chain(between_blanks).chain(["\n".to_owned()]);
        pieces.map(|word| word.replace('#', "\n#"))
    });
    let all: Vec<String> = all.collect();
    let texts =
        prop::collection::vec(prop::sample::select(all), 0..40).prop_map(|words| words.join(" "));
    all_survive(&texts);
}

#[test]
fn cut_and_shuffled_declarations() {
    needs_libclang!();
    let part = (
        prop::sample::select(lines_of_c()),
        any::<prop::sample::Index>(),
        prop::bool::weighted(0.3),
    );
    let texts = prop::collection::vec(part, 1..10).prop_map(|parts| {
        let cut = |(text, at, cut): (String, prop::sample::Index, bool)| {
            let chars = text.chars().count();
            let n = if cut { at.index(chars + 1) } else { chars };
            text.chars().take(n).collect::<String>()
        };
        parts.into_iter().map(cut).collect::<Vec<_>>().join("\n")
    });
    all_survive(&texts);
}

#[test]
fn deep_nesting_is_refused() {
    needs_libclang!();
    let text = |depth: usize| {
        format!(
            "{}int x;{}",
            "struct { ".repeat(depth),
            "} m;".repeat(depth)
        )
    };
    let header = parse(&format!("struct s {{ {} }};", text(60)), &Options::new()).unwrap();
    assert_eq!(header.ty("struct s").unwrap().size(), 4);
    let header = parse(&format!("struct s {{ {} }};", text(200)), &Options::new()).unwrap();
    let reason = header.reason("struct s").unwrap().to_string();
    assert!(reason.contains("nest"), "{reason}");
    survives(&format!(
        "int f(int {}x{});",
        "(*".repeat(2000),
        ")(void)".repeat(2000)
    ));
}
