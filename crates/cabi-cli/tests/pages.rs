//! Checks README.md and pages of `docs`: the text after `$ cabi explain` or `$ cabi call` is what
//! the command prints. `CABI_BLESS=1` rewrites the text.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::path::Path;

use support::{libclang, shell};

/// Pages, and the number of commands that each shows.
const PAGES: [(&str, usize); 7] = [
    ("README.md", 1),
    ("docs/x86-64-sysv.md", 19),
    ("docs/cabi.md", 12),
    ("docs/policy.md", 1),
    ("docs/conventions/aarch64.md", 1),
    ("docs/conventions/other-machines.md", 1),
    ("docs/conventions/x86-64-windows.md", 1),
];

/// Heading of the section whose headers are not everywhere.
const HEADERS: &str = "\n## Questions about real headers\n";

/// Returns `page` with today's output of each command, and the number of commands in it.
fn rewritten(page: &str) -> (String, usize) {
    let (mut text, mut n) = (String::new(), 0);
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        text += &format!("{line}\n");
        let command = line.strip_prefix("$ ");
        let command = command.map(|line| line.replacen("cargo run -q -p cabi-cli --", "cabi", 1));
        let shown = ["explain", "call", "layout", "diff", "rules"];
        let is_shown = |command: &String| {
            let mut words = command.split(' ');
            words.next() == Some("cabi") && words.next().is_some_and(|word| shown.contains(&word))
        };
        let command = command.filter(is_shown);
        if let Some(command) = command {
            while lines
                .next_if(|line| !line.starts_with("$ ") && *line != "```")
                .is_some()
            {}
            let output = shell(&command, Path::new("."));
            // A difference was found.
            let is_diff = command.starts_with("cabi diff ") && output.status.code() == Some(1);
            assert!(output.status.success() || is_diff, "{command}: {output:?}");
            text += &String::from_utf8_lossy(&output.stdout);
            n += 1;
        }
    }
    (text, n)
}

#[test]
fn pages_show_what_commands_print() {
    if !libclang() {
        return;
    }
    for (name, n) in PAGES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(name);
        let page = std::fs::read_to_string(&path).expect("a page");
        let (text, found) = match page.split_once(HEADERS) {
            Some((before, after)) if !has_headers() => {
                println!("not run: {name}: headers of Debian 12 that are not installed here");
                let (text, found) = rewritten(before);
                let shown = after.matches("\n$ cabi ").count();
                (text + HEADERS + after, found + shown)
            }
            _ => rewritten(&page),
        };
        assert_eq!(found, n, "commands on {name}");
        if std::env::var("CABI_BLESS").is_ok_and(|value| value == "1") {
            std::fs::write(&path, &text).expect("a page");
        } else {
            let changed = page.lines().zip(text.lines()).find(|(old, new)| old != new);
            assert!(
                page == text,
                "{name} (CABI_BLESS=1 rewrites it): {changed:?}"
            );
        }
    }
}

/// Checks whether the headers of docs/cabi.md are installed, as Debian 12 has them.
fn has_headers() -> bool {
    let version = std::fs::read_to_string("/etc/debian_version").unwrap_or_default();
    let headers = [
        "/usr/aarch64-linux-gnu/include/stdlib.h",
        "/usr/share/mingw-w64/include/stdlib.h",
        "/usr/include/SFML/Graphics.h",
    ];
    version.starts_with("12") && headers.iter().all(|header| Path::new(header).is_file())
}

#[test]
fn a_changed_place_is_noticed() {
    if !libclang() {
        return;
    }
    let page = "```text\n$ cabi explain --summary 'void f(long n);'\narg 0 n         Integer          rsi\n```\n";
    let (text, n) = rewritten(page);
    assert!(
        n == 1 && text.contains("Integer          rdi") && !text.contains("rsi"),
        "{text}"
    );
}
