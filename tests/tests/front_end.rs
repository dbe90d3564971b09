//! docs/front-end.md: its program runs, each of its blocks is part of that program, and what `clif-cabi` offers is used in some code that runs.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::path::{Path, PathBuf};

use cabi_tests::corpus::files;

#[path = "../examples/front_end/main.rs"]
mod front_end;

const PROGRAM: &str = concat!(
    include_str!("../examples/front_end/main.rs"),
    include_str!("../examples/front_end/calls.rs"),
    include_str!("../examples/front_end/dynamic.rs"),
    include_str!("../examples/front_end/objects.rs")
);
const PAGE: &str = include_str!("../../docs/front-end.md");

#[test]
fn the_program_runs() {
    front_end::main().unwrap();
}

/// The blocks of Rust in `page`.
fn blocks(page: &str) -> Vec<&str> {
    let after = page.split("```rust\n").skip(1);
    after
        .map(|text| text.split("```").next().unwrap())
        .collect()
}

/// Blocks of `page` that are not in the program.
fn strangers(page: &str) -> Vec<&str> {
    let found = blocks(page).into_iter();
    found.filter(|block| !PROGRAM.contains(block)).collect()
}

#[test]
fn the_page_quotes_the_program() {
    assert_eq!(strangers(PAGE), [""; 0]);
    assert!(blocks(PAGE).len() > 10);
    // An altered block is noticed.
    let altered = PAGE.replacen("Type::I32", "Type::I64", 1);
    assert_eq!(strangers(&altered).len(), 1);
}

fn sources(folder: &str) -> Vec<PathBuf> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), "rs").unwrap()
}

fn read(folder: &str) -> Vec<String> {
    let read = |path| std::fs::read_to_string(path).unwrap();
    sources(folder).into_iter().map(read).collect()
}

/// Code of documentation comments.
fn doctests(source: &str) -> String {
    let lines = source.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"))
    });
    let mut inside = false;
    let code = lines.filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        inside && !fence
    });
    code.collect::<Vec<_>>().join("\n")
}

/// The name of a public function, if `line` begins one.
fn public_function(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("pub ")?;
    let rest = rest.strip_prefix("const ").unwrap_or(rest);
    rest.strip_prefix("fn ")?.split(['(', '<']).next()
}

#[test]
fn every_entry_point_has_an_example() {
    let source = read("../crates/clif-cabi/src");
    let mut code = PROGRAM.to_string();
    for text in read("../crates/clif-cabi/examples") {
        code.push_str(&text);
    }
    source
        .iter()
        .for_each(|text| code.push_str(&doctests(text)));
    let used = |name: &str| {
        let forms = [
            format!(".{name}("),
            format!("::{name}("),
            format!("::{name})"),
        ];
        forms.iter().any(|form| code.contains(form)) || code.contains(&format!(" {name}("))
    };
    let lines = source.iter().flat_map(|text| text.lines());
    let names: Vec<&str> = lines.filter_map(public_function).collect();
    let unused: Vec<&&str> = names.iter().filter(|name| !used(name)).collect();
    assert!(unused.is_empty(), "no example uses {unused:?}");
    assert!(names.len() > 30 && !used("no_such_function"));
}

/// A file outside a package is not in it when it is published.
#[test]
fn packages_include_nothing_outside() {
    for package in [
        "cabi",
        "cabi-header",
        "cabi-verify",
        "cabi-cli",
        "clif-cabi",
        "clif-cabi-unwind",
        "clif-cabi-jit",
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../crates")
            .join(package);
        for file in sources(&format!("../crates/{package}/src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            for included in text.split("include_str!(\"").skip(1) {
                let path = file
                    .parent()
                    .unwrap()
                    .join(included.split('"').next().unwrap());
                let inside = path
                    .canonicalize()
                    .unwrap()
                    .starts_with(folder.canonicalize().unwrap());
                assert!(inside, "{} includes {}", file.display(), path.display());
            }
        }
    }
}
