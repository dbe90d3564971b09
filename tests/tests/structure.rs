//! The structure that docs/architecture.md states: no circle of modules in a crate, short files and functions, and every path that a page names exists.
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cabi_tests::corpus;

/// The modules of one crate, each with those it uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    corpus::files(folder, extension).unwrap()
}

/// Code without comments and without a test module at its end.
fn code(text: &str) -> String {
    let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = own
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The names that `code` takes from the crate's root: what stands after `crate::`, alone or in braces.
fn names(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            found.push(first_word(rest));
            continue;
        };
        let mut depth = 0;
        for item in list.split_inclusive([',', '{', '}']) {
            if depth == 0 {
                found.push(first_word(item.trim_start()));
            }
            depth += i32::from(item.ends_with('{')) - i32::from(item.ends_with('}'));
            if depth < 0 {
                break;
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// Which module at the top of the crate in `src` uses which other.
fn uses(src: &Path) -> Uses {
    let top = |path: &Path| {
        let inside = path.strip_prefix(src).unwrap();
        let first = inside.iter().next().unwrap().to_str().unwrap();
        first.trim_end_matches(".rs").to_owned()
    };
    let is_root = |name: &str| matches!(name, "lib" | "main" | "tests");
    let sources = files(src, "rs");
    let modules: BTreeSet<String> = sources.iter().map(|path| top(path)).collect();
    // What the root re-exports belongs to the module it comes from.
    let mut home = BTreeMap::new();
    for path in sources.iter().filter(|path| is_root(&top(path))) {
        let text = code(&fs::read_to_string(path).unwrap());
        for line in text.split("use ").skip(1) {
            let line = line.split(';').next().unwrap();
            let line = line
                .trim_start_matches("crate::")
                .trim_start_matches("self::");
            let module = first_word(line);
            if modules.contains(module) {
                let items = line.split(|c: char| !c.is_alphanumeric() && c != '_');
                home.extend(items.map(|item| (item.to_owned(), module.to_owned())));
            }
        }
    }
    let mut uses = Uses::new();
    for path in &sources {
        let module = top(path);
        if is_root(&module) || path.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        let text = code(&fs::read_to_string(path).unwrap());
        let own = uses.entry(module.clone()).or_default();
        for name in names(&text) {
            let used = match modules.contains(name) {
                true => name,
                false => home.get(name).map_or(name, String::as_str),
            };
            if modules.contains(used) && used != module && !is_root(used) {
                own.insert(used.to_owned());
            }
        }
    }
    uses
}

/// What is left when modules that use none of those left, and modules that none of those left uses, are taken away again and again: circles,
/// and what lies between two of them.
fn circle(mut uses: Uses) -> Uses {
    loop {
        let before = uses.len();
        let left: BTreeSet<String> = uses.keys().cloned().collect();
        let used: BTreeSet<String> = uses.values().flatten().cloned().collect();
        uses.retain(|module, uses| used.contains(module) && !uses.is_disjoint(&left));
        if uses.len() == before {
            return uses;
        }
    }
}

#[test]
fn no_circle_of_modules() {
    let crates = fs::read_dir(root().join("crates")).unwrap();
    let mut folders: Vec<PathBuf> = crates.map(|entry| entry.unwrap().path()).collect();
    folders.extend([root().join("examples/toy"), root().join("tests")]);
    assert!(folders.len() > 8);
    for folder in folders {
        let uses = uses(&folder.join("src"));
        assert!(uses.len() > 3, "{} has modules", folder.display());
        let found = circle(uses);
        assert!(
            found.is_empty(),
            "{}: modules use each other: {found:#?}",
            folder.display()
        );
    }
    // One more `use` that points up is noticed.
    let mut broken = uses(&root().join("crates/cabi/src"));
    assert!(circle(broken.clone()).is_empty());
    broken
        .entry("leaves".to_owned())
        .or_default()
        .insert("fn_abi".to_owned());
    assert!(circle(broken).contains_key("fn_abi"));
    assert_eq!(
        names("use crate::{a::{b, c}, d};\nlet x = crate::e::f();"),
        ["a", "d", "e"]
    );
}

/// The paths that `page` names: targets of links within the repository, and files in backticks.
fn paths(page: &str) -> Vec<&str> {
    let links = page.split("](").skip(1);
    let links = links.filter_map(|rest| rest.split([')', '#']).next());
    let links = links.filter(|link| !link.is_empty() && !link.contains("://"));
    let is_file = |text: &&str| {
        let is_path = |c: char| c.is_alphanumeric() || "/._-".contains(c);
        let extension = text.rsplit_once('.').map(|(_, extension)| extension);
        let is_known = matches!(
            extension,
            Some("rs" | "md" | "abi" | "toml" | "toy" | "svg")
        );
        let is_ours = !text.starts_with("cranelift-codegen/");
        is_ours && text.contains('/') && is_known && text.chars().all(is_path)
    };
    links.chain(page.split('`').filter(is_file)).collect()
}

/// The paths of `page`, which lies in `folder`, that are no file: beside the page, at the root, or below the sources of a package.
fn missing<'p>(page: &'p str, folder: &Path, bases: &[PathBuf]) -> Vec<&'p str> {
    let exists = |path: &&str| {
        let mut bases = bases.iter().map(PathBuf::as_path).chain([folder]);
        !bases.any(|base| base.join(path).exists())
    };
    paths(page).into_iter().filter(exists).collect()
}

#[test]
fn paths_in_pages_exist() {
    let root = root();
    let mut pages: Vec<PathBuf> = files(&root.join("docs"), "md");
    pages.push(root.join("README.md"));
    pages.push(root.join("examples/toy/README.md"));
    let mut bases = vec![root.clone(), root.join("crates"), root.join("tests")];
    for package in fs::read_dir(root.join("crates")).unwrap() {
        let package = package.unwrap().path();
        // `cabi/src/layout.rs`, `layout/gcc.rs` after a heading that names the crate.
        bases.extend([package.join("src"), package.join("tests"), package]);
    }
    bases.extend([
        root.join("examples"),
        root.join("examples/toy/src"),
        root.join("examples/toy"),
    ]);
    bases.extend([
        root.join("tests/src"),
        root.join("crates/clif-cabi-plan/src/machine/x86_64"),
    ]);
    let mut checked = 0;
    for path in pages.iter().filter(|path| path.exists()) {
        let page = fs::read_to_string(path).unwrap();
        let unknown = missing(&page, path.parent().unwrap(), &bases);
        assert!(unknown.is_empty(), "{} names {unknown:?}", path.display());
        checked += paths(&page).len();
    }
    assert!(checked > 50, "only {checked} paths were looked at");
    let moved = "see [x](no-such-page.md#top) and `cabi/src/no_such_file.rs`";
    assert_eq!(
        missing(moved, &root, &bases),
        ["no-such-page.md", "cabi/src/no_such_file.rs"]
    );
}

/// Lines that a file may have, and a function. What is longer is cut where a subject ends.
const FILE: usize = 450;
const FUNCTION: usize = 60;

/// The name of the function that begins in `line`.
fn function(line: &str) -> Option<&str> {
    const BEFORE: [&str; 7] = [
        "pub",
        "pub(crate)",
        "pub(super)",
        "const",
        "unsafe",
        "extern",
        "\"C\"",
    ];
    let (before, rest) = line.trim_start().split_once("fn ")?;
    let is_head = before.split_whitespace().all(|word| BEFORE.contains(&word));
    is_head
        .then(|| first_word(rest))
        .filter(|name| !name.is_empty())
}

/// The functions of `text`, as rustfmt prints it, each with its number of lines.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut is_open = false;
        let end = lines[at..].iter().position(|line| {
            is_open |= line.ends_with('{');
            let is_closed = line.strip_prefix(indent) == Some("}");
            is_closed || !is_open && line.ends_with([';', '}'])
        });
        found.push((name, end.map_or(0, |end| end + 1)));
    }
    found
}

/// The file called `name`, and its functions, as far as they are too long.
fn too_long(name: &str, text: &str) -> Vec<String> {
    let long = functions(text).into_iter().filter(|(_, n)| *n > FUNCTION);
    let mut all: Vec<String> = long
        .map(|(function, _)| format!("{name}: {function}"))
        .collect();
    all.extend((text.lines().count() > FILE).then(|| name.to_owned()));
    all
}

#[test]
fn files_and_functions_are_short() {
    let root = root().canonicalize().unwrap();
    let mut found = Vec::new();
    for folder in ["crates", "tests", "examples"] {
        for path in files(&root.join(folder), "rs") {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            if !name.contains("/target/") {
                found.extend(too_long(name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "more than {FILE} lines, or {FUNCTION} of a function: {found:#?}"
    );
    // A function of one line too many is seen, and a file; a declaration has no body.
    let body = |n: usize| {
        format!(
            "trait T {{\n    fn none(\n    );\n    pub fn f() {{\n{}    }}\n}}\n",
            "        g();\n".repeat(n)
        )
    };
    assert_eq!(functions(&body(58)), [("none", 2), ("f", 60)]);
    assert!(too_long("a.rs", &body(58)).is_empty());
    assert_eq!(too_long("a.rs", &body(59)), ["a.rs: f"]);
    assert_eq!(too_long("a.rs", &"\n".repeat(451)), ["a.rs"]);
}
