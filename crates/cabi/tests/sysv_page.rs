//! Holds the worked examples of `docs/x86-64-sysv.md` to the code: what the page shows after a command is what the command prints.
//! `CABI_BLESS=1` rewrites them.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

#[expect(dead_code, reason = "an example's `main` is not called here")]
#[path = "../examples/explain.rs"]
mod explain;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/x86-64-sysv.md");
const COMMAND: &str = "```text\n$ cargo run -q -p cabi --example explain ";

/// `page` with the output of each command as it is today, and the names of the examples in it.
fn rewritten(page: &str) -> (String, Vec<&str>) {
    let mut parts = page.split(COMMAND);
    let mut text = parts.next().unwrap_or_default().to_owned();
    let mut shown = Vec::new();
    for part in parts {
        let name = part.lines().next().unwrap_or_default();
        let sample = explain::SAMPLES.iter().find(|sample| sample.0 == name);
        let sample =
            sample.unwrap_or_else(|| panic!("{name}: the example explains no such signature"));
        let (_, after) = part.split_once("```").unwrap_or_default();
        let output = explain::text(sample).unwrap();
        text += &format!("{COMMAND}{name}\n{output}```{after}");
        shown.push(name);
    }
    (text, shown)
}

fn page() -> String {
    std::fs::read_to_string(PAGE).unwrap_or_else(|error| panic!("{PAGE}: {error}"))
}

#[test]
fn the_page_shows_what_the_example_prints() {
    let page = page();
    let (text, mut shown) = rewritten(&page);
    if std::env::var("CABI_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(PAGE, &text).unwrap();
    } else {
        let changed = page.lines().zip(text.lines()).find(|(old, new)| old != new);
        assert!(
            page == text,
            "docs/x86-64-sysv.md (CABI_BLESS=1 rewrites it): {changed:?}"
        );
    }
    let mut every: Vec<&str> = explain::SAMPLES.iter().map(|sample| sample.0).collect();
    shown.sort_unstable();
    every.sort_unstable();
    assert_eq!(
        shown, every,
        "examples on the page, and in examples/explain.rs"
    );
}

#[test]
fn a_changed_place_is_noticed() {
    let page = page();
    let wrong = page.replacen("-> xmm0 rdi", "-> xmm0 rsi", 1);
    assert_ne!(wrong, page);
    assert_ne!(rewritten(&wrong).0, wrong);
}
