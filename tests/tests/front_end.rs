//! README.md, docs/front-end.md and docs/adopting.md: their programs run, and each block of Rust on
//! a page is in the code that it quotes.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::path::Path;

use cabi_tests::corpus::files;

#[path = "../examples/adopting/main.rs"]
mod adopting;
#[path = "../examples/objects.rs"]
mod objects;

/// Sources that README.md, docs/front-end.md and docs/adopting.md quote.
const PROGRAMS: &str = concat!(
    include_str!("../src/isa.rs"),
    include_str!("../../crates/clif-cabi-jit/examples/front_end/main.rs"),
    include_str!("../../crates/clif-cabi-jit/examples/front_end/calls.rs"),
    include_str!("../../crates/clif-cabi-jit/examples/front_end/debugged.rs"),
    include_str!("../../crates/clif-cabi-jit/examples/front_end/dynamic.rs"),
    include_str!("../examples/objects.rs"),
    include_str!("../examples/adopting/main.rs"),
    include_str!("../examples/adopting/elsewhere.rs"),
    include_str!("../examples/adopting/guess.rs"),
    include_str!("../examples/adopting/owned.rs"),
    include_str!("../examples/adopting/values.rs")
);
/// Sources that docs/architecture.md quotes.
const RULES: &str = concat!(
    include_str!("../../crates/cabi/src/target/x86_64/sysv/psabi.rs"),
    include_str!("../../crates/cabi/src/convention/assign.rs"),
    include_str!("../../crates/clif-cabi-plan/src/machine/stub/step.rs"),
    include_str!("../../crates/clif-cabi-plan/src/machine/x86_64/stub.rs")
);
/// Each page, the program that it quotes, and a change of the page after which it quotes another
/// text.
const PAGES: [(&str, &str, &str, &str); 4] = [
    (
        include_str!("../../README.md"),
        PROGRAMS,
        "Arg::fields",
        "Arg::parts",
    ),
    (
        include_str!("../../docs/front-end.md"),
        PROGRAMS,
        "Type::I32",
        "Type::I64",
    ),
    (
        include_str!("../../docs/adopting.md"),
        PROGRAMS,
        "Type::I32",
        "Type::I64",
    ),
    (
        include_str!("../../docs/architecture.md"),
        RULES,
        "== X87Up",
        "!= X87Up",
    ),
];

#[test]
fn the_programs_run() {
    objects::main().unwrap();
    adopting::main().unwrap();
}

/// Returns the blocks of Rust in `page`.
fn blocks(page: &str) -> Vec<&str> {
    let texts = page.split("```rust\n").skip(1);
    texts
        .map(|text| text.split("```").next().unwrap())
        .collect()
}

/// Returns `text` without indentation.
fn dedented(text: &str) -> String {
    let lines = text.lines().map(str::trim_start);
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Returns the parts of the blocks of `page`, between lines `// ..`, that are not in `program`,
/// whatever their indentation.
fn strangers(page: &str, program: &str) -> Vec<String> {
    let program = dedented(program);
    let blocks = blocks(page).into_iter().map(dedented);
    let parts = blocks.flat_map(|block| {
        block
            .split("// ..\n")
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    parts.filter(|part| !program.contains(part)).collect()
}

#[test]
fn the_pages_quote_the_programs() {
    for (page, program, from, to) in PAGES {
        assert_eq!(strangers(page, program), [""; 0]);
        assert!(!blocks(page).is_empty());
        // An altered block is noticed.
        let altered = page.replacen(from, to, 1);
        assert_eq!(strangers(&altered, program).len(), 1);
    }
}

/// A file outside a package is not in it when it is published.
#[test]
fn packages_include_nothing_outside() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let crates = crates.canonicalize().unwrap();
    let sources = files(&crates, "rs").unwrap();
    for file in sources
        .iter()
        .filter(|file| file.iter().any(|part| part == "src"))
    {
        let package = crates.join(file.strip_prefix(&crates).unwrap().iter().next().unwrap());
        let text = std::fs::read_to_string(file).unwrap();
        for included in text.split("include_str!(\"").skip(1) {
            let path = file.with_file_name(included.split('"').next().unwrap());
            let inside = path.canonicalize().unwrap().starts_with(&package);
            assert!(inside, "{} includes {}", file.display(), path.display());
        }
    }
}
