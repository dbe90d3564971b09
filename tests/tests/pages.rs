//! Holds pages to the code: the tables of `docs/policy.md` and `docs/lang.md`, whose examples libclang reads; and which modules, suites and steps of stubs the
//! tables of other pages name.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use cabi::{
    Convention, Error, FnAbi, FnSig, Policy, Target, Type, VectorLevel, X86_64_LANG, X86_64_SYSV,
    X86_64_WIN64,
};
use cabi_header::{Header, HeaderError, Options, parse};
use cabi_verify::report::missing;
use std::collections::BTreeSet;

const LINUX: Target = Target::X86_64_LINUX;

/// What the pages call vectors.
const VECTORS: &str = "
    typedef float v8f __attribute__((vector_size(32))), v1f __attribute__((vector_size(4)));
    typedef double v1d __attribute__((vector_size(8)));
    typedef int v2i __attribute__((vector_size(8)));
    typedef long v1l __attribute__((vector_size(8)));
    typedef _Float16 v2h __attribute__((vector_size(4)));
    typedef __int128 v1x __attribute__((vector_size(16))), v2x __attribute__((vector_size(32)));
";

fn page(name: &str) -> String {
    let path = format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What libclang reads in `c`, where it is installed.
fn read(c: &str) -> Option<Header> {
    let options = Options::new().arg("--target=x86_64-linux-gnu");
    match parse(&format!("{VECTORS}{c}"), &options) {
        Ok(header) => Some(header),
        Err(error @ HeaderError::NoLibclang { .. }) => {
            missing(&error.to_string());
            None
        }
        Err(error) => panic!("{c}: {error}"),
    }
}

/// The bits' rows of `docs/policy.md`, the only ones whose first cell is a name in capitals: the name, and the cells after it.
fn bits(page: &str) -> Vec<(&str, Vec<&str>)> {
    let rows = page.lines().filter_map(|line| {
        let (name, rest) = line
            .strip_prefix("| `")?
            .strip_suffix(" |")?
            .split_once("` | ")?;
        let capitals = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let row = (name, rest.split(" | ").collect());
        name.bytes().all(capitals).then_some(row)
    });
    rows.collect()
}

/// The signature of an example, `` `C text` ``, with `AVX`, `Win64` or another bit after it; and that bit.
fn signature(example: &str) -> Option<(FnSig, Policy)> {
    let (c, kind) = example.trim_start_matches('`').split_once('`').unwrap();
    let sig = read(c)?.prototype("f").unwrap().signature();
    if let Some(beside) = kind.trim().strip_prefix("beside ") {
        return Some((sig, Policy::from_name(beside.trim_matches('`')).unwrap()));
    }
    let sig = match kind.trim() {
        "" => sig,
        "AVX" => sig.features(VectorLevel::Avx),
        "Win64" => sig.convention(&X86_64_WIN64),
        other => panic!("{example}: {other}"),
    };
    Some((sig, Policy::NONE))
}

/// Where the last argument of `sig` is passed under `policy`, or its result if it has none.
fn place(sig: &FnSig, policy: Policy) -> String {
    match FnAbi::new(&sig.clone().policy(policy), &LINUX) {
        Ok(FnAbi { args, ret, .. }) => {
            let last = args.last().map(|arg| arg.place.to_string());
            last.unwrap_or_else(|| ret.to_string())
        }
        Err(Error::NoKnownRule { .. }) => "refused".to_owned(),
        Err(error) => panic!("{sig}: {error}"),
    }
}

/// What is wrong with the table: a bit without a row, a row of no bit, profiles that are not the code's, examples that are passed elsewhere, with the bit or
/// without it.
fn objections(page: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let rows = bits(page);
    for (_, bit) in Policy::NAMES {
        if !rows.iter().any(|(name, _)| name == bit) {
            found.push(format!("{bit} has no row"));
        }
    }
    for (name, cells) in rows {
        let known = Policy::NAMES.iter().find(|(_, bit)| *bit == name);
        let ([_, example, set, not_set, profiles @ ..], Some((bit, _))) = (&cells[..], known)
        else {
            found.push(format!("{name} is no bit, or has too few cells"));
            continue;
        };
        let in_code = [Policy::GCC, Policy::CLANG, Policy::ZIG];
        let in_code = in_code.map(|policy| if policy.has(*bit) { "yes" } else { "no" });
        if profiles != in_code {
            found.push(format!(
                "{name}: gcc, clang, zig are {in_code:?}, not {profiles:?}"
            ));
        }
        let (sig, beside) = signature(example)?;
        for (policy, cell) in [(*bit | beside, set), (beside, not_set)] {
            let place = place(&sig, policy);
            if place != **cell {
                found.push(format!("{name}: {place} under {policy:?}, not {cell}"));
            }
        }
    }
    Some(found)
}

#[test]
fn every_policy_bit_has_its_row() {
    let page = page("policy.md");
    let Some(found) = objections(&page) else {
        return;
    };
    assert!(found.is_empty(), "docs/policy.md:\n{}", found.join("\n"));
    // Controls: a profile, a place, an example, a row.
    let without: Vec<&str> = page
        .lines()
        .filter(|line| !line.starts_with("| `HALF_"))
        .collect();
    for wrong in [
        page.replacen("| no | yes | yes |", "| yes | yes | yes |", 1),
        page.replacen("stack 0..8 align 8", "rsi", 1),
        page.replacen(
            "struct s { long n; char rest[]; }",
            "struct s { long n; }",
            1,
        ),
        without.join("\n"),
    ] {
        assert!(!objections(&wrong).unwrap().is_empty());
    }
}

/// `docs/lang.md` with the places of its table's types as they are today: argument and result in C's convention and in that of a language.
fn with_places(page: &str) -> Option<String> {
    static CONVENTIONS: [Convention; 2] = [X86_64_SYSV, X86_64_LANG];
    let row = |line: &str| {
        let (name, _) = line.strip_prefix("| ")?.split_once(" | ")?;
        let header = read(&format!("typedef {} t;", name.split('`').nth(1)?))?;
        let ty: &Type = header.ty("t").unwrap();
        let [c, own] = CONVENTIONS.each_ref().map(|convention| {
            let sig = FnSig::new([ty.clone()], ty.clone()).convention(convention);
            FnAbi::new(&sig, &LINUX).unwrap()
        });
        let args = [&c, &own].map(|abi| abi.args[0].place.to_string());
        Some(format!(
            "| {name} | {} | {} | {} |",
            args.join(" | "),
            c.ret,
            own.ret
        ))
    };
    let (before, rest) = page.split_once("|---|---|---|---|---|\n")?;
    let (table, after) = rest.split_once("\n\n")?;
    let table = table
        .lines()
        .map(row)
        .collect::<Option<Vec<String>>>()?
        .join("\n");
    Some(format!("{before}|---|---|---|---|---|\n{table}\n\n{after}"))
}

#[test]
fn a_languages_convention_has_its_places() {
    let page = page("lang.md");
    let Some(text) = with_places(&page) else {
        return;
    };
    if std::env::var("CABI_BLESS").is_ok_and(|value| value == "1") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/lang.md");
        std::fs::write(path, text).unwrap();
        return;
    }
    let changed = page.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        page == text,
        "docs/lang.md (CABI_BLESS=1 rewrites it): {changed:?}"
    );
    let wrong = page.replacen("| rdi | rdi |", "| rdi | rsi |", 1);
    assert_ne!(wrong, page);
    assert_eq!(with_places(&wrong).as_deref(), Some(&*page));
}

fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What stands in backticks in `text`.
fn names(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The first cells of the rows of `page` that begin with a name.
fn first_cells(page: &str) -> Vec<&str> {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split(" | ").next().unwrap()).collect()
}

/// The modules in `folder`: the names of its Rust files and folders.
fn modules(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = names
        .map(|name| name.trim_end_matches(".rs").to_owned())
        .filter(|name| name != "lib")
        .collect();
    names.into_iter().collect()
}

/// Modules of the crates with a table in docs/architecture.md that their section does not name, and names of its first column that are no module.
fn strange_modules(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for section in page.split("\n## `").skip(1) {
        let (package, section) = section.split_once('`').unwrap();
        if !section.contains("\n| module | what |\n") {
            continue;
        }
        let own = modules(&root().join("crates").join(package).join("src"));
        let cells = first_cells(section);
        let listed = cells.iter().flat_map(|cell| names(cell));
        let unknown = listed.filter(|name| !own.iter().any(|module| module == name));
        found.extend(unknown.map(|name| format!("{package} has no module {name}")));
        let named = names(section);
        let missing = own
            .iter()
            .filter(|module| !named.contains(&module.as_str()));
        found.extend(missing.map(|module| format!("{package}: {module} is not named")));
    }
    found
}

#[test]
fn tables_of_modules_are_complete() {
    let page = page("architecture.md");
    assert_eq!(strange_modules(&page), [""; 0]);
    let without = page.replacen("| `solve` |", "| `resolve` |", 1);
    assert_eq!(strange_modules(&without).len(), 2);
}

/// Suites and rows of the table of suites in docs/testing.md that have no counterpart. A row is a suite of `tests/src/suites` or an entry point of `tests/tests`.
fn strange_suites(page: &str) -> Vec<String> {
    let (_, section) = page.split_once("\n## Suites\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let cells = first_cells(section);
    let rows: Vec<&str> = cells.iter().flat_map(|cell| names(cell)).collect();
    let suites = modules(&root().join("tests/src/suites"));
    let entries = modules(&root().join("tests/tests"));
    let missing = suites
        .iter()
        .filter(|suite| !rows.contains(&suite.as_str()));
    let unknown = (rows.iter()).filter(|row| !entries.iter().any(|entry| entry == *row));
    missing
        .cloned()
        .chain(unknown.map(|row| (*row).to_owned()))
        .collect()
}

#[test]
fn every_suite_has_its_row() {
    let page = page("testing.md");
    assert_eq!(strange_suites(&page), [""; 0]);
    let without = page.replacen("| `probe` |", "| `prove` |", 1);
    assert_eq!(strange_suites(&without), ["probe", "prove"]);
}

/// The steps of stubs with their words, from the table that makes both.
fn steps() -> BTreeSet<(String, String)> {
    let path = root().join("crates/clif-cabi-plan/src/machine/stub/step.rs");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, table) = text.split_once("\nsteps! {\n").unwrap();
    let lines = table.split("\n}\n").next().unwrap().lines();
    let step = |line: &str| {
        let (name, rest) = line.trim().split_once(" \"")?;
        let name = name.split('(').next()?;
        let (word, _) = rest.split_once('"')?;
        (!name.starts_with('/')).then(|| (name.to_owned(), word.to_owned()))
    };
    lines.filter_map(step).collect()
}

/// The rows of docs/stubs.md as steps: the word is what the second cell begins with, as far as `known` has it.
fn rows(page: &str, known: &BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let step = |row: &str| {
        let mut cells = row.split(" | ").map(|cell| names(cell)[0].to_owned());
        let name = cells.next().unwrap();
        let (name, spelled) = (name.split('(').next().unwrap(), cells.next().unwrap());
        let is_own = |(own, word): &&(String, String)| own == name && spelled.starts_with(word);
        let word = known.iter().find(is_own).map(|(_, word)| word.clone());
        (name.to_owned(), word.unwrap_or(spelled))
    };
    rows.map(step).collect()
}

#[test]
fn every_step_of_a_stub_has_its_row() {
    let page = page("stubs.md");
    let all = steps();
    assert!(all.len() > 20);
    assert_eq!(rows(&page, &all), all);
    for wrong in [("| `Frame` |", "| `Fame` |"), ("| `aln` |", "| `an` |")] {
        assert_ne!(rows(&page.replacen(wrong.0, wrong.1, 1), &all), all);
    }
}

/// Lines of Rust on docs/architecture.md that are in none of the files that the page quotes.
fn strange_lines(page: &str) -> Vec<&str> {
    let quoted = [
        "cabi/src/target/x86_64/sysv/psabi.rs",
        "cabi/src/convention/assign.rs",
        "clif-cabi-plan/src/machine/stub/step.rs",
        "clif-cabi-plan/src/machine/x86_64/stub.rs",
    ];
    let read = |path| std::fs::read_to_string(root().join("crates").join(path)).unwrap();
    let rules = quoted.map(read).concat();
    let blocks = page.split("```rust\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    lines
        .filter(|line| line.trim() != "// ..")
        .filter(|line| !rules.contains(line.trim()))
        .collect()
}

#[test]
fn quoted_rules_are_those_of_the_code() {
    let page = page("architecture.md");
    assert_eq!(strange_lines(&page), [""; 0]);
    assert_eq!(
        strange_lines(&page.replacen("== X87Up", "!= X87Up", 1)).len(),
        1
    );
}

/// Files that docs/contributing.md names for a new type and that do not mention its example, `__bf16`.
fn files_without_the_type(page: &str) -> Vec<&str> {
    let (_, section) = page.split_once("\n## A type\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let files = names(section).into_iter().filter(|name| name.contains('/'));
    let mentions = |path: &&str| {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        text.to_lowercase().contains("bf16")
    };
    files.filter(|path| !mentions(path)).collect()
}

#[test]
fn the_files_of_a_new_type_have_its_example() {
    let page = page("contributing.md");
    assert_eq!(files_without_the_type(&page), [""; 0]);
    let elsewhere = page.replacen(
        "crates/cabi/src/scalar.rs`: the",
        "crates/cabi/src/leaf.rs`: the",
        1,
    );
    assert_eq!(
        files_without_the_type(&elsewhere),
        ["crates/cabi/src/leaf.rs"]
    );
}

/// All words of the workspace's sources.
fn words() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for folder in ["crates", "examples", "tests"] {
        for extension in ["rs", "toml", "c", "abi"] {
            for path in cabi_tests::corpus::files(&root().join(folder), extension).unwrap() {
                let is_made = path.iter().any(|part| part == "target");
                let text = if is_made {
                    None
                } else {
                    std::fs::read_to_string(path).ok()
                };
                let text = text.unwrap_or_default();
                let split = text.split(|c: char| !c.is_alphanumeric() && c != '_');
                words.extend(split.map(str::to_owned));
            }
        }
    }
    words
}

/// Types, variants, constants and paths in backticks on `page` whose last word is none of `words`.
fn strange_names(page: &str, words: &BTreeSet<String>) -> Vec<String> {
    let is_name = |name: &&str| {
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let is_type = name.starts_with(|c: char| c.is_ascii_uppercase()) && name.len() > 3;
        (is_type || name.contains("::")) && name.chars().all(is_path)
    };
    let names = names(page).into_iter().filter(is_name);
    let last = |name: &str| name.rsplit("::").next().unwrap().to_owned();
    names
        .map(last)
        .filter(|name| !words.contains(name))
        .collect()
}

#[test]
fn names_on_pages_are_in_the_code() {
    let words = words();
    // Pages about other machines name LLVM's conventions too.
    let pages = "../README architecture contributing testing stubs glossary front-end add-a-convention following-cranelift x86-64-sysv lang zig cabi policy";
    for name in pages.split(' ') {
        let page = page(&format!("{name}.md"));
        assert_eq!(strange_names(&page, &words), [""; 0], "{name}");
    }
    // In two strings, because this file is among the sources.
    let gone = format!("`Lowering::no{}`", "_such_method");
    assert_eq!(strange_names(&gone, &words).len(), 1);
}
