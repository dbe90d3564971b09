//! Holds README.md and pages of `docs` to the command: what a page shows after `$ cabi explain` or `$ cabi call` is what that prints. `CABI_BLESS=1`
//! rewrites it.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::path::Path;

use support::{libclang, shell};

/// Pages, and how many commands each shows.
const PAGES: [(&str, usize); 4] = [
    ("README.md", 2),
    ("docs/x86-64-sysv.md", 19),
    ("docs/zig.md", 1),
    ("docs/cabi.md", 4),
];

/// `page` with the output of each command as it is today, and how many commands are in it.
fn rewritten(page: &str) -> (String, usize) {
    let (mut text, mut n) = (String::new(), 0);
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        text += &format!("{line}\n");
        let command = line.strip_prefix("$ ");
        let command = command.map(|line| line.replacen("cargo run -q -p cabi-cli --", "cabi", 1));
        let command = command.filter(|command| {
            command.starts_with("cabi explain ") || command.starts_with("cabi call ")
        });
        if let Some(command) = command {
            while lines
                .next_if(|line| !line.starts_with("$ ") && *line != "```")
                .is_some()
            {}
            let output = shell(&command, Path::new("."));
            assert!(output.status.success(), "{command}: {output:?}");
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
        let (text, found) = rewritten(&page);
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
