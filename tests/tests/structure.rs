//! The structure that docs/architecture.md states: no circle of modules in a crate, no global state
//! in the libraries, short files.
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cabi_tests::corpus;

/// The modules of one crate by their paths, each with those it uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    corpus::files(folder, extension).unwrap()
}

/// Returns the code without comments and without a test module at its end.
fn code(text: &str) -> String {
    let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = own
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Adds the paths that the tree of a `use` at the start of `rest` names, each after `start`.
/// Returns what follows the tree.
fn paths_of_tree<'t>(start: &str, rest: &'t str, paths: &mut Vec<String>) -> &'t str {
    if let Some(mut rest) = rest.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches([',', ' ', '\n']);
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            rest = paths_of_tree(start, rest, paths);
            let Some(end) = rest.find([',', '}']) else {
                return "";
            };
            rest = &rest[end..];
        }
    }
    let word = first_word(rest);
    let path = match start {
        "" => word.to_owned(),
        start => format!("{start}::{word}"),
    };
    let after = &rest[word.len()..];
    match after.strip_prefix("::") {
        Some(more) => paths_of_tree(&path, more, paths),
        None => {
            paths.push(path);
            after
        }
    }
}

/// Returns the paths from the crate's root that `code` of `module` names. Paths of modules below it
/// may begin with their names.
fn paths_used(module: &str, code: &str, below: &BTreeSet<&str>) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("::") {
        let before = &code[..at];
        let begins = before.rfind(|c: char| !c.is_alphanumeric() && c != '_');
        let word = &before[begins.map_or(0, |begins| begins + 1)..];
        if before[..at - word.len()].ends_with("::") {
            continue;
        }
        let mut start = match word {
            "crate" => "",
            "self" => module,
            "super" => parent(module),
            word if below.contains(word) => module,
            _ => continue,
        };
        let mut rest = match word {
            "crate" | "self" | "super" => &code[at + 2..],
            _ => &code[at - word.len()..],
        };
        while let Some(more) = rest.strip_prefix("super::") {
            (start, rest) = (parent(start), more);
        }
        paths_of_tree(start, rest, &mut paths);
    }
    paths
}

fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// Returns the code of each module of the crate in `src`, by its path; the root's is empty.
fn modules(src: &Path) -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    for file in files(src, "rs") {
        let path = file.strip_prefix(src).unwrap().with_extension("");
        let mut names: Vec<&str> = path.iter().map(|name| name.to_str().unwrap()).collect();
        if names.contains(&"tests") {
            continue;
        }
        names.pop_if(|name| matches!(*name, "lib" | "main" | "mod"));
        modules.insert(names.join("::"), code(&fs::read_to_string(&file).unwrap()));
    }
    modules
}

/// Returns the modules that each module of the crate in `src` uses, except those that it is in. An
/// imported or exported item belongs to the module that it comes from.
fn uses(src: &Path) -> Uses {
    let modules = modules(src);
    let below = |module: &str| -> BTreeSet<&str> {
        let all = modules.keys().filter(|other| parent(other) == module);
        all.map(|other| other.rsplit("::").next().unwrap())
            .collect()
    };
    let mut home = BTreeMap::new();
    for (module, code) in &modules {
        for import in code.split("use ").skip(1) {
            let import = import.split(';').next().unwrap();
            for path in paths_used(module, import, &below(module)) {
                let item = path.rsplit("::").next().unwrap();
                home.insert(format!("{module}::{item}"), path);
            }
        }
    }
    let resolve = |path: &str| {
        let mut path = path.to_owned();
        for _ in 0..8 {
            let known = home.get(&path).or_else(|| home.get(&format!("::{path}")));
            match known {
                Some(origin) if *origin != path => path = origin.clone(),
                _ => break,
            }
        }
        while !modules.contains_key(&path) {
            path = parent(&path).to_owned();
        }
        path
    };
    let mut uses = Uses::new();
    for (module, code) in modules.iter().filter(|(module, _)| !module.is_empty()) {
        let used = paths_used(module, code, &below(module)).into_iter();
        let used = used.map(|path| resolve(&path));
        let is_own = |used: &String| {
            used.is_empty() || format!("{module}::").starts_with(&format!("{used}::"))
        };
        uses.insert(module.clone(), used.filter(|used| !is_own(used)).collect());
    }
    uses
}

/// Returns the modules that are part of a circle, with their uses in it. Modules that use none of
/// the others, or that none of them uses, are removed until there are no more.
fn circle(uses: &Uses) -> Uses {
    let mut rest = uses.clone();
    loop {
        let users: BTreeSet<String> = rest.keys().cloned().collect();
        let used: BTreeSet<String> = rest.values().flatten().cloned().collect();
        rest.retain(|user, uses| {
            uses.retain(|used| users.contains(used));
            !uses.is_empty() && used.contains(user)
        });
        if rest.len() == users.len() {
            return rest;
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
        let circle = circle(&uses);
        assert!(
            circle.is_empty(),
            "{}: modules use each other: {circle:#?}",
            folder.display()
        );
    }
    // One more `use` that points up is noticed, also below a module.
    for (from, to) in [("leaves", "fn_abi"), ("layout::gcc", "layout")] {
        let mut broken = uses(&root().join("crates/cabi/src"));
        broken.get_mut(from).unwrap().insert(to.to_owned());
        assert!(circle(&broken).contains_key(to), "{from} uses {to}");
    }
    let code = "use crate::{a::{b, c as e}, d};\nuse super::super::f;\nlet x = own::g(self::h::i);";
    assert_eq!(
        paths_used("m::n", code, &BTreeSet::from(["own"])),
        ["a::b", "a::c", "d", "f", "m::n::own::g", "m::n::h::i"]
    );
}

/// Returns the static variables of `code` that can change.
fn global_state(code: &str) -> Vec<&str> {
    let kinds = ["Mutex<", "RwLock<", "Atomic", "Lock<", "Cell<"];
    let is_state = |line: &&str| {
        let is_static = line.contains("static ") && kinds.iter().any(|kind| line.contains(kind));
        is_static || line.contains("static mut ") || line.contains("thread_local!")
    };
    code.lines().filter(is_state).collect()
}

#[test]
fn libraries_have_no_global_state() {
    // Each thread has its own list of running closures, and its tests' record of cleared code. A
    // process has three lists. One is for gdb, and one has the dumps that are mapped for perf. One
    // has addresses for code without an engine that shows a backtrace, as the hook of panics does.
    let known = [
        "closure/running.rs",
        "host/icache.rs",
        "debug/gdb.rs",
        "debug/names.rs",
        "debug/perf.rs",
    ];
    for package in "cabi clif-cabi-plan clif-cabi clif-cabi-unwind clif-cabi-jit".split(' ') {
        for path in files(&root().join("crates").join(package).join("src"), "rs") {
            let text = code(&fs::read_to_string(&path).unwrap());
            if !known.iter().any(|own| path.ends_with(own)) {
                assert_eq!(global_state(&text), [""; 0], "{}", path.display());
            }
        }
    }
    let state =
        "static LOCK: Mutex<()> = x;\nstatic TABLE: [u8; 4] = y;\n    static mut N: u8 = 0;";
    assert_eq!(global_state(state).len(), 2);
}

/// Cargo compiles no unit tests of a library whose manifest says so: one would never run.
#[test]
fn packages_without_unit_tests_have_none() {
    let mut packages = vec![root().join("tests")];
    for folder in ["crates", "examples"] {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        packages.extend(entries.map(|entry| entry.unwrap().path()));
    }
    packages.retain(|package| {
        let manifest = fs::read_to_string(package.join("Cargo.toml"));
        manifest.is_ok_and(|text| text.contains("\ntest = false"))
    });
    assert!(packages.len() > 3, "{packages:?}");
    for package in packages {
        for path in files(&package.join("src"), "rs") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains("#[test]"), "{}", path.display());
        }
    }
}

/// Most lines of a file: a longer one is cut where a subject ends. Clippy limits functions
/// (`too_many_lines`).
const FILE: usize = 450;

#[test]
fn files_are_short_and_comments_narrow() {
    for folder in ["crates", "tests", "examples"] {
        for path in files(&root().join(folder), "rs") {
            // `src/target` is ours.
            let parts: Vec<_> = path.iter().collect();
            let mut pairs = parts.windows(2);
            if pairs.any(|pair| pair[1] == "target" && pair[0] != "src") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let n = text.lines().count();
            assert!(n <= FILE, "{} has {n} lines", path.display());
            let comments = text
                .lines()
                .filter(|line| line.trim_start().starts_with("//"));
            let wide: Vec<&str> = comments.filter(|line| is_wide(line)).collect();
            assert_eq!(wide, [""; 0], "{}", path.display());
        }
    }
    assert!(is_wide(&"\u{e4}".repeat(101)) && !is_wide(&"\u{e4}".repeat(100)));
}

/// Checks whether a comment has more than 100 columns.
fn is_wide(line: &str) -> bool {
    line.chars().count() > 100
}
