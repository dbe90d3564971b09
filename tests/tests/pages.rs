//! Holds the tables of `docs/policy.md` and `docs/lang.md` to the code. libclang reads the examples, which are the C text that the pages have.
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

/// The signature of an example, `` `C text` ``, with `AVX` or `Win64` after it.
fn signature(example: &str) -> Option<FnSig> {
    let (c, kind) = example.trim_start_matches('`').split_once('`').unwrap();
    let sig = read(c)?.prototype("f").unwrap().signature();
    Some(match kind.trim() {
        "" => sig,
        "AVX" => sig.features(VectorLevel::Avx),
        "Win64" => sig.convention(&X86_64_WIN64),
        other => panic!("{example}: {other}"),
    })
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
        let sig = signature(example)?;
        for (policy, cell) in [(*bit, set), (Policy::NONE, not_set)] {
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
