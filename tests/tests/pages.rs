//! Holds pages to the code: the table of `docs/policy.md`, whose examples libclang reads; files,
//! headings, types and paths that pages name. Counts pages and words.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use cabi::{Error, FnAbi, FnSig, Policy, Profile, Target, VectorLevel, X86_64_WIN64};
use cabi_header::{Header, Options, parse};
use cabi_tests::corpus::files;
use cabi_verify::corpus::{TESTED_LIBCLANG, libclang};
use cabi_verify::report::missing;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const LINUX: Target = Target::X86_64_LINUX;

/// Names of vectors on the pages.
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

/// Returns libclang's reading of `c`, where it is installed.
fn read(c: &str) -> Option<Header> {
    let options = Options::new().arg("--target=x86_64-linux-gnu");
    if let Err(why) = libclang(TESTED_LIBCLANG) {
        missing(&why);
        return None;
    }
    let header = parse(&format!("{VECTORS}{c}"), &options);
    Some(header.unwrap_or_else(|error| panic!("{c}: {error}")))
}

/// Returns the bits' rows of `docs/policy.md`, the only ones whose first cell is a name in
/// capitals.
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

/// Returns the signature of an example, `` `C text` ``, with `AVX`, `Win64`, `AArch64`, `RISC-V` or
/// another bit after it; and that bit.
fn signature(example: &str) -> Option<(FnSig, Policy)> {
    let (c, kind) = example.trim_start_matches('`').split_once('`').unwrap();
    let sig = read(c)?.prototype("f").unwrap().signature();
    let machines = [
        ("AArch64", &cabi::aarch64::AAPCS64),
        ("Apple arm64", &cabi::aarch64::APPLE_ARM64),
        ("RISC-V", &cabi::riscv::LP64D),
    ];
    let mut machines = machines.into_iter().filter_map(|(name, convention)| {
        let rest = kind.trim().strip_prefix(name)?;
        Some((sig.clone().convention(convention), rest))
    });
    let (sig, kind) = machines.next().unwrap_or((sig.clone(), kind));
    if let Some(beside) = kind.trim().strip_prefix("beside ") {
        return Some((sig, Policy::named(beside.trim_matches('`')).unwrap()));
    }
    let sig = match kind.trim() {
        "" => sig,
        "AVX" => sig.features(VectorLevel::Avx),
        "Win64" => sig.convention(&X86_64_WIN64),
        "with a static chain" => sig.static_chain(LINUX.data_model()),
        other => panic!("{example}: {other}"),
    };
    Some((sig, Policy::NONE))
}

/// Returns the place of the last argument of `sig` under `policy`, or of its result if it has none.
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

/// Returns `row` as the code has it: where its example is passed with the bit and without it, and
/// which profiles have the bit.
fn right(row: &str) -> Option<String> {
    let [name, what, example, ..] = row.split(" | ").collect::<Vec<_>>()[..] else {
        panic!("{row}: too few cells");
    };
    let bit = Policy::named(names(name)[0]).unwrap_or_else(|| panic!("{name} is not a policy bit"));
    let (sig, beside) = signature(example)?;
    let [set, not_set] = [bit | beside, beside].map(|policy| place(&sig, policy));
    let profiles = profiles(bit);
    Some(format!(
        "{name} | {what} | {example} | {set} | {not_set} | {profiles} |"
    ))
}

/// Returns the profiles that have `bit`; the compiler for all versions of it.
fn profiles(bit: Policy) -> String {
    let compiler = |profile: &Profile| profile.to_string().split('-').next().unwrap().to_owned();
    let profiles = &Profile::MEASURED[1..];
    let mut names = Vec::new();
    for group in profiles.chunk_by(|one, next| compiler(one) == compiler(next)) {
        let with = group.iter().filter(|profile| profile.policy().has(bit));
        let with: Vec<String> = with.map(ToString::to_string).collect();
        match with.len() == group.len() {
            true => names.push(compiler(&group[0])),
            false => names.extend(with),
        }
    }
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}

/// Returns the errors of the table: a bit without a row, a row that differs from the code.
fn objections(page: &str) -> Option<Vec<String>> {
    let has_row = |bit: &str| rows(page).any(|row| row.starts_with(&format!("| `{bit}` ")));
    let without = Policy::NAMES.iter().filter(|(_, bit)| !has_row(bit));
    let mut objections: Vec<String> = without
        .map(|(_, bit)| format!("{bit} has no row"))
        .collect();
    for row in rows(page) {
        let right = right(row)?;
        if right != row {
            objections.push(format!("{row}\n  should be\n{right}"));
        }
    }
    Some(objections)
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
        page.replacen("| clang, zig |", "| gcc, clang, zig |", 1),
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

/// Returns the text in backticks in `text`.
fn names(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Words that begin no sentence of a page: such a sentence has to be read twice.
const BANNED: [&str; 6] = ["What ", "Whether ", "Of ", "That ", "Where ", "By what "];

/// Returns the sentences of `page` outside code that begin with one of [`BANNED`].
fn banned(page: &str) -> Vec<String> {
    let prose = page.split("```").step_by(2).collect::<Vec<_>>().join("\n");
    let mut sentences = Vec::new();
    for paragraph in prose.split("\n\n") {
        let lines = paragraph.lines();
        let items = lines.map(|line| match line.trim_start().strip_prefix("- ") {
            Some(item) => format!("\u{0}{item}"),
            None => line.replace(" | ", "\u{0}"),
        });
        let text = items.collect::<Vec<_>>().join(" ").replace("**", "");
        let parts = text.split('\u{0}').flat_map(|item| item.split(". "));
        let parts = parts.map(|part| part.trim_start_matches(['|', ' ']));
        let is_question = |part: &&str| part.trim_end().ends_with('?') || part.contains("? ");
        let is_banned = |part: &&str| BANNED.iter().any(|word| part.starts_with(word));
        let parts = parts.filter(|part| is_banned(part) && !is_question(part));
        sentences.extend(parts.map(str::to_owned));
    }
    sentences
}

/// Returns the pages that are written by hand, with README.
fn pages() -> Vec<PathBuf> {
    let mut pages = files(&root().join("docs"), "md").unwrap();
    pages.push(root().join("README.md"));
    pages
}

#[test]
fn pages_are_plain_and_few() {
    let (mut wrong, mut n_words) = (Vec::new(), 0);
    for path in pages() {
        let page = std::fs::read_to_string(&path).unwrap();
        n_words += page.split_whitespace().count();
        let sentences = banned(&page).into_iter();
        wrong.extend(sentences.map(|text| format!("{}: {text}", path.display())));
    }
    assert_eq!(wrong, [""; 0]);
    let n_pages = pages().len();
    assert!(
        n_pages <= 17 && n_words <= 33_000,
        "{n_pages} pages, {n_words} words"
    );
    let control =
        "| a | Whether it is |\n\nRight. What is\nwrong is this.\n- Of it\n\n**Where?** Here.\n";
    assert_eq!(banned(control).len(), 3);
}

/// Returns all words of the workspace's sources.
fn words() -> BTreeSet<String> {
    let sources = ["crates", "examples", "tests"].map(|folder| root().join(folder));
    let paths = ["rs", "toml", "c", "abi"].map(|extension| {
        let files = sources
            .iter()
            .map(|folder| files(folder, extension).unwrap());
        files.collect::<Vec<_>>().concat()
    });
    let mut words = BTreeSet::new();
    for path in paths.concat() {
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
                                  x86-64-sysv cabi policy";

/// Returns types, variants, constants and paths in backticks on `page` whose last word is none of
/// `words`.
fn strange_names<'p>(page: &'p str, words: &BTreeSet<String>) -> Vec<&'p str> {
    let is_name = |name: &&str| {
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let is_type = name.starts_with(|c: char| c.is_ascii_uppercase()) && name.len() > 3;
        (is_type || name.contains("::")) && name.chars().all(is_path)
    };
    // LLVM's actions begin with CC.
    let is_known =
        |name: &&str| words.contains(name.rsplit("::").next().unwrap()) || name.starts_with("CC");
    let names = names(page).into_iter().filter(is_name);
    names.filter(|name| !is_known(name)).collect()
}

/// Returns the anchors of the headings of `page`, as web sites of repositories make them.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let character = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    let anchor = |line: &str| {
        line.trim_start_matches('#')
            .trim()
            .chars()
            .filter_map(character)
            .collect()
    };
    headings.map(anchor).collect()
}

/// Returns the links of `page`, which is at `path`, to headings that are not there.
fn lost_anchors<'p>(page: &'p str, path: &Path) -> Vec<&'p str> {
    let links = page
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let is_lost = |link: &&str| {
        let Some((file, anchor)) = link.split_once('#').filter(|_| !link.contains("://")) else {
            return false;
        };
        let other = path.with_file_name("").join(file);
        let target = if file.is_empty() { path } else { &other };
        let text = std::fs::read_to_string(target).unwrap_or_default();
        !anchors(&text).iter().any(|own| own == anchor)
    };
    links.filter(is_lost).collect()
}

/// Returns the paths that `page` names: targets of links within the repository, and files in
/// backticks.
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
fn names_in_pages_exist() {
    let words = words();
    let mut pages = pages();
    pages.push(root().join("examples/toy/README.md"));
    let folders = [
        "",
        "crates",
        "tests",
        "tests/src",
        "examples",
        "examples/toy",
        "examples/toy/src",
        "crates/clif-cabi-plan/src/machine/x86_64",
    ];
    let mut bases = folders.map(|folder| root().join(folder)).to_vec();
    for package in std::fs::read_dir(root().join("crates")).unwrap() {
        let package = package.unwrap().path();
        // `cabi/src/layout.rs`, `layout/gcc.rs` after a heading that names the crate.
        bases.extend([package.join("src"), package.join("tests"), package]);
    }
    let is_missing = |folder: &Path, path: &str| {
        let mut bases = bases.iter().map(PathBuf::as_path).chain([folder]);
        !bases.any(|base| base.join(path).exists())
    };
    let (mut checked, mut n_of_ours, mut wrong) = (0, 0, Vec::new());
    for path in pages {
        let page = std::fs::read_to_string(&path).unwrap();
        let (folder, title) = (path.parent().unwrap(), path.file_stem().unwrap());
        let mut unknown = paths(&page);
        checked += unknown.len();
        unknown.retain(|path| is_missing(folder, path));
        unknown.extend(lost_anchors(&page, &path));
        let mut of_ours = PAGES_OF_OUR_NAMES.split_whitespace();
        if of_ours.any(|own| own == title) && !path.ends_with("toy/README.md") {
            unknown.extend(strange_names(&page, &words));
            n_of_ours += 1;
        }
        let unknown = unknown.iter();
        wrong.extend(unknown.map(|name| format!("{}: {name}", path.display())));
    }
    assert_eq!(wrong, [""; 0]);
    assert!(checked > 50, "only {checked} paths were checked");
    let n_named = PAGES_OF_OUR_NAMES.split_whitespace().count();
    assert_eq!(n_of_ours, n_named, "a page was renamed");
    let moved = "see [x](no-such-page.md#top) and `cabi/src/no_such_file.rs`";
    let mut unknown = paths(moved);
    unknown.retain(|path| is_missing(&root(), path));
    assert_eq!(unknown, ["no-such-page.md", "cabi/src/no_such_file.rs"]);
    let lost = "[a](#no-such-heading), [b](docs/stubs.md#the-stubs)";
    let lost = lost_anchors(lost, &root().join("README.md"));
    assert_eq!(lost, ["#no-such-heading"]);
    // In two strings, because this file is among the sources.
    let gone = format!("`Lowering::no{}`", "_such_method");
    assert_eq!(strange_names(&gone, &words).len(), 1);
}
