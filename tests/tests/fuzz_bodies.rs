//! Bodies of the fuzz targets, without libFuzzer: over their seeds, over seeds with random edits,
//! and over random bytes. A few thousand inputs, always the same ones; long runs are libFuzzer's
//! (`tests/fuzz`).
#![allow(clippy::unwrap_used, clippy::panic)] // an unexpected error ends the test

use std::path::Path;

use cabi::{DataModel, FnAbi, FnSig, Place, RecordBuilder, Returns, Target, Type};
use cabi_tests::{corpus, fuzzing, invariants};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngSeed, TestRunner};

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })
}

/// One change of a text: up to eight of its lines or characters, from one on, give way to another
/// text.
type Edit = (bool, Index, Index, String);

/// The texts of a target's seeds, and the words of its dictionary.
struct Seeds {
    texts: Vec<String>,
    words: Vec<String>,
}

impl Seeds {
    fn of(target: &str, folders: &[&str], extension: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = |folder: &&str| corpus::files(&root.join(folder), extension).unwrap();
        let mut paths: Vec<_> = folders.iter().flat_map(files).collect();
        paths.sort();
        let texts = paths
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap());
        let texts = texts.collect();
        let dictionary = root.join(format!("fuzz/dictionaries/{target}.dict"));
        let dictionary = std::fs::read_to_string(dictionary).unwrap();
        let words = dictionary.lines().filter_map(|line| {
            let word = line.strip_prefix('"')?.strip_suffix('"')?;
            Some(word.replace("\\\"", "\"").replace("\\x0a", "\n"))
        });
        Self {
            texts,
            words: words.collect(),
        }
    }

    /// Draws the replacement: nothing, lines of seeds, a word of the dictionary, any characters.
    fn edits(&self) -> impl Strategy<Value = Vec<Edit>> {
        let lines = self
            .texts
            .iter()
            .flat_map(|text| text.split_inclusive('\n'));
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        let put = prop_oneof![
            Just(String::new()),
            vec(select(lines), 1..9).prop_map(|lines| lines.concat()),
            select(self.words.clone()),
            "\\PC{1,3}",
        ];
        vec((any::<bool>(), any::<Index>(), any::<Index>(), put), 0..6)
    }

    fn edited(&self, seed: Index, edits: &[Edit]) -> String {
        let mut text = seed.get(&self.texts).clone();
        for (by_line, at, n, put) in edits {
            let is_end = |c| c == '\n' || !by_line;
            let units: Vec<&str> = text.split_inclusive(is_end).collect();
            let (before, rest) = units.split_at(at.index(units.len() + 1));
            let after = &rest[n.index(rest.len().min(8) + 1)..];
            text = before.concat() + put + &after.concat();
        }
        text
    }

    /// Runs `body` over all seeds as they are, then over `cases` edited ones.
    fn run(&self, body: fn(&str) -> Result<(), String>, cases: u32) {
        assert!(self.texts.len() > 5 && self.words.len() > 20);
        for text in &self.texts {
            assert_eq!(body(text), Ok(()), "{text}");
        }
        let edited = (any::<Index>(), self.edits());
        let outcome = runner(cases).run(&edited, |(seed, edits)| {
            let text = self.edited(seed, &edits);
            body(&text).map_err(|why| TestCaseError::fail(format!("{why}\n{text}")))
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn text_as_toy() {
    let folders = ["../examples/toy/programs", "../examples/toy/tests/interop"];
    Seeds::of("toy", &folders, "toy").run(fuzzing::toy, 600);
}

#[test]
fn text_as_declaration() {
    // A token is a line: lines are what edits are about.
    let texts = DECLARATIONS.map(|text| text.replace(' ', "\n"));
    let words = "( ) [ ] { } , ; : * ... 0 3 0x 4294967296ull struct union typedef int unsigned long _Complex void char const double _Bool \
                 __int128 size_t enum _BitInt(3) /* // §";
    let words = words.split_whitespace().map(|word| format!("{word} "));
    let (texts, words) = (texts.to_vec(), words.collect());
    Seeds { texts, words }.run(fuzzing::declaration, 20_000);
}

const DECLARATIONS: [&str; 6] = [
    "double hypot(double, double)",
    "typedef struct { int quot, rem; } div_t; div_t div(int, int);",
    "void qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *));",
    "struct s { unsigned long long int a : 40, : 0; union { float f; char *c[2][3]; }; } f(struct s *at, int a[static 3], ...)",
    "_Noreturn void (*(*f(int (*)(void)))[4])(long double _Complex, struct t { struct t *next; int tail[]; } *)",
    "extern int /* a comment */ printf(const char *restrict format, ...);",
];

#[test]
fn bytes_as_signatures() {
    let outcome = runner(6000).run(&vec(any::<u8>(), 0..500), |bytes| {
        fuzzing::signatures(&bytes).map_err(TestCaseError::fail)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// The body for signatures notices conventions that give registers out wrongly, and for that
/// reason.
#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn broken_conventions_are_noticed() {
    use cabi::X86_64_SYSV;
    use cabi::convention::{Convention, Frame, Rules};
    use cabi_tests::mutants::named;

    static NO_RULES: Convention = Convention {
        rules: Rules {
            args: &[],
            ..X86_64_SYSV.rules
        },
        ..X86_64_SYSV
    };
    static SHADOWED: Convention = Convention {
        frame: Frame {
            shadow_space: 64,
            ..X86_64_SYSV.frame
        },
        ..X86_64_SYSV
    };
    let mutant = |name| named(name).unwrap().mistake().convention.unwrap();
    let controls = [
        (
            mutant("rdx-before-rax"),
            ["the convention has it in ", "refused without need: "],
        ),
        (
            mutant("over-read-tail"),
            [": 8 bytes of ", " ends outside "],
        ),
        (&NO_RULES, ["refused without need: "; 2]),
        (&SHADOWED, ["refused without need: its shadow space"; 2]),
    ];
    for (broken, reasons) in controls {
        let name = broken.name;
        let outcome = runner(6000).run(&vec(any::<u8>(), 0..500), |bytes| {
            fuzzing::signatures_under(&bytes, broken).map_err(TestCaseError::fail)
        });
        let why = outcome.unwrap_err().to_string();
        assert!(
            reasons.iter().any(|reason| why.contains(reason)),
            "{name}: {why}"
        );
    }
}

/// Each invariant can fail: places that were right, with one moved.
#[test]
fn moved_places_are_noticed() {
    let record = |tag, fields: &[Type]| {
        let fields = fields.iter().cloned().zip(["x", "n", "m"]);
        let builder = RecordBuilder::structure(tag);
        let builder = fields.fold(builder, |record, (ty, name)| record.field(name, ty));
        builder.build(&DataModel::LP64).unwrap()
    };
    let pair = record("pair", &[Type::F64, Type::I64]);
    let big = record("big", &[Type::I64, Type::I64, Type::I64]);
    let sig = FnSig::new([pair.clone(), pair.clone(), big.clone(), big], pair);
    let right = FnAbi::new(&sig, &Target::X86_64_LINUX).unwrap();
    let check =
        |abi: &FnAbi| invariants::arguments(&sig, abi).and_then(|()| invariants::result(&sig, abi));
    assert_eq!(check(&right), Ok(()));
    let pop = |place: &mut Place| match place {
        Place::Parts(parts) => drop(parts.pop()),
        other => panic!("{other:?}"),
    };
    let lost = "byte 8 of struct pair is not passed";
    type Change<'a> = (&'static str, &'a dyn Fn(&mut FnAbi));
    let wrong: [Change<'_>; 6] = [
        ("struct pair: xmm0 is used twice", &|abi| {
            abi.args[1] = abi.args[0].clone()
        }),
        ("slot 0 is used twice", &|abi| {
            abi.args[3] = abi.args[2].clone()
        }),
        ("48 bytes in an area of 40", &|abi| abi.area_bytes = 40),
        (lost, &|abi| pop(&mut abi.args[0].place)),
        (lost, &|abi| pop(&mut abi.ret.place)),
        ("struct pair is not returned", &|abi| {
            (abi.ret.place, abi.ret.returns) = (Place::Ignore, Returns::Void);
        }),
    ];
    for (words, change) in wrong {
        let mut abi = right.clone();
        change(&mut abi);
        let why = check(&abi).unwrap_err();
        assert!(why.contains(words), "{why}");
    }
}
