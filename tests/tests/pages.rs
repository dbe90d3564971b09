//! Holds pages to the code: the table of `docs/policy.md`, whose examples libclang reads; the modules that `docs/architecture.md` names; files, types and paths
//! that pages name.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use cabi::{Error, FnAbi, FnSig, Policy, Target, VectorLevel, X86_64_WIN64};
use cabi_header::{Header, HeaderError, Options, parse};
use cabi_tests::corpus::files;
use cabi_verify::report::missing;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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

/// The bits' rows of `docs/policy.md`, the only ones whose first cell is a name in capitals.
fn rows(page: &str) -> impl Iterator<Item = &str> {
    let is_bit = |line: &&str| {
        let name = line
            .strip_prefix("| `")
            .and_then(|row| row.split_once("` | "));
        let capitals = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        name.is_some_and(|(name, _)| name.bytes().all(capitals))
    };
    page.lines().filter(is_bit)
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

/// `row` as the code has it: where its example is passed with the bit and without it, and which profiles have the bit.
fn right(row: &str) -> Option<String> {
    let [name, what, example, ..] = row.split(" | ").collect::<Vec<_>>()[..] else {
        panic!("{row}: too few cells");
    };
    let bit = Policy::from_name(names(name)[0]).unwrap_or_else(|| panic!("{name} is no bit"));
    let (sig, beside) = signature(example)?;
    let [set, not_set] = [bit | beside, beside].map(|policy| place(&sig, policy));
    let profiles = [Policy::GCC, Policy::CLANG, Policy::ZIG];
    let profiles = profiles.map(|policy| if policy.has(bit) { "yes" } else { "no" });
    let profiles = profiles.join(" | ");
    Some(format!(
        "{name} | {what} | {example} | {set} | {not_set} | {profiles} |"
    ))
}

/// What is wrong with the table: a bit without a row, a row that is not as the code has it.
fn objections(page: &str) -> Option<Vec<String>> {
    let has_row = |bit: &str| rows(page).any(|row| row.starts_with(&format!("| `{bit}` ")));
    let without = Policy::NAMES.iter().filter(|(_, bit)| !has_row(bit));
    let mut found: Vec<String> = without
        .map(|(_, bit)| format!("{bit} has no row"))
        .collect();
    for row in rows(page) {
        let right = right(row)?;
        if right != row {
            found.push(format!("{row}\n  should be\n{right}"));
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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What stands in backticks in `text`.
fn names(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Modules of the crates with a table in docs/architecture.md that their section does not name, and names of its first column that are no module.
fn strange_modules(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for section in page.split("\n## `").skip(1) {
        let (package, section) = section.split_once('`').unwrap();
        if !section.contains("\n| module | what |\n") {
            continue;
        }
        let entries = std::fs::read_dir(root().join(format!("crates/{package}/src"))).unwrap();
        let own = entries.map(|entry| entry.unwrap().path().with_extension(""));
        let own: BTreeSet<String> = own
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .filter(|name| name != "lib")
            .collect();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let listed = rows.flat_map(|row| names(row.split(" | ").next().unwrap()));
        let unknown = listed.filter(|name| !own.contains(*name));
        found.extend(unknown.map(|name| format!("{package} has no module {name}")));
        let named = names(section);
        let missing = own.iter().filter(|own| !named.contains(&own.as_str()));
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

/// All words of the workspace's sources.
fn words() -> BTreeSet<String> {
    let sources = ["crates", "examples", "tests"].map(|folder| root().join(folder));
    let all = ["rs", "toml", "c", "abi"].map(|extension| {
        let files = sources
            .iter()
            .map(|folder| files(folder, extension).unwrap());
        files.collect::<Vec<_>>().concat()
    });
    let mut words = BTreeSet::new();
    for path in all.concat() {
        // Folders that cargo writes have this file.
        let is_built = |folder: &Path| folder.join("CACHEDIR.TAG").exists();
        if !path.ancestors().any(is_built) {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let split = text.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.extend(split.map(str::to_owned));
        }
    }
    words
}

/// Pages about other machines name LLVM's conventions too.
const PAGES_OF_OUR_NAMES: &str = "README architecture contributing testing stubs glossary front-end adopting add-a-convention \
                                  following-cranelift x86-64-sysv lang zig cabi policy";

/// Types, variants, constants and paths in backticks on `page` whose last word is none of `words`.
fn strange_names<'p>(page: &'p str, words: &BTreeSet<String>) -> Vec<&'p str> {
    let is_name = |name: &&str| {
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let is_type = name.starts_with(|c: char| c.is_ascii_uppercase()) && name.len() > 3;
        (is_type || name.contains("::")) && name.chars().all(is_path)
    };
    let is_known = |name: &&str| words.contains(name.rsplit("::").next().unwrap());
    let names = names(page).into_iter().filter(is_name);
    names.filter(|name| !is_known(name)).collect()
}

/// The paths that `page` names: targets of links within the repository, and files in backticks.
fn paths(page: &str) -> Vec<&str> {
    let links = page.split("](").skip(1);
    let links = links.filter_map(|rest| rest.split([')', '#']).next());
    let links = links.filter(|link| !link.is_empty() && !link.contains("://"));
    let is_file = |text: &&str| {
        let is_path = |c: char| c.is_alphanumeric() || "/._-".contains(c);
        let extensions = [".rs", ".md", ".abi", ".toml", ".toy"];
        let is_known = extensions.iter().any(|end| text.ends_with(end));
        let is_ours = !text.starts_with("cranelift-codegen/");
        is_ours && text.contains('/') && is_known && text.chars().all(is_path)
    };
    links.chain(page.split('`').filter(is_file)).collect()
}

#[test]
fn what_pages_name_is_there() {
    let words = words();
    let mut pages: Vec<PathBuf> = files(&root().join("docs"), "md").unwrap();
    pages.extend(["README.md", "examples/toy/README.md"].map(|page| root().join(page)));
    let own = [
        "",
        "crates",
        "tests",
        "tests/src",
        "examples",
        "examples/toy",
        "examples/toy/src",
        "crates/clif-cabi-plan/src/machine/x86_64",
    ];
    let mut bases = own.map(|folder| root().join(folder)).to_vec();
    for package in std::fs::read_dir(root().join("crates")).unwrap() {
        let package = package.unwrap().path();
        // `cabi/src/layout.rs`, `layout/gcc.rs` after a heading that names the crate.
        bases.extend([package.join("src"), package.join("tests"), package]);
    }
    let is_missing = |folder: &Path, path: &str| {
        let mut bases = bases.iter().map(PathBuf::as_path).chain([folder]);
        !bases.any(|base| base.join(path).exists())
    };
    let (mut checked, mut n_of_ours) = (0, 0);
    for path in pages {
        let page = std::fs::read_to_string(&path).unwrap();
        let (folder, title) = (path.parent().unwrap(), path.file_stem().unwrap());
        let mut unknown = paths(&page);
        checked += unknown.len();
        unknown.retain(|path| is_missing(folder, path));
        let mut of_ours = PAGES_OF_OUR_NAMES.split_whitespace();
        if of_ours.any(|own| own == title) && !path.ends_with("toy/README.md") {
            unknown.extend(strange_names(&page, &words));
            n_of_ours += 1;
        }
        assert_eq!(unknown, [""; 0], "{}", path.display());
    }
    assert!(checked > 50, "only {checked} paths were looked at");
    let n_named = PAGES_OF_OUR_NAMES.split_whitespace().count();
    assert_eq!(n_of_ours, n_named, "a page was renamed");
    let moved = "see [x](no-such-page.md#top) and `cabi/src/no_such_file.rs`";
    let mut unknown = paths(moved);
    unknown.retain(|path| is_missing(&root(), path));
    assert_eq!(unknown, ["no-such-page.md", "cabi/src/no_such_file.rs"]);
    // In two strings, because this file is among the sources.
    let gone = format!("`Lowering::no{}`", "_such_method");
    assert_eq!(strange_names(&gone, &words).len(), 1);
}
