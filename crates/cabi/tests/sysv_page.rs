//! Holds the worked examples of `docs/x86-64-sysv.md` to the code: what the page shows behind a command is what the command prints.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

#[expect(dead_code, reason = "an example's `main` is not called here")]
#[path = "../examples/explain.rs"]
mod explain;

const COMMAND: &str = "$ cargo run -q -p cabi --example explain ";

/// The names of the examples `page` shows, and what is wrong with them.
fn compare(page: &str) -> (Vec<&str>, Vec<String>) {
    let (mut shown, mut wrong) = (Vec::new(), Vec::new());
    for block in page.split("```text\n").skip(1) {
        let text = block.split("```").next().unwrap_or_default();
        let Some((name, output)) = text
            .strip_prefix(COMMAND)
            .and_then(|text| text.split_once('\n'))
        else {
            continue;
        };
        shown.push(name);
        match explain::SAMPLES.iter().find(|sample| sample.0 == name) {
            Some(sample) => {
                let printed = explain::text(sample).unwrap();
                if printed != output {
                    wrong.push(format!("{name} prints\n{printed}"));
                }
            }
            None => wrong.push(format!("{name}: the example explains no such signature")),
        }
    }
    (shown, wrong)
}

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/x86-64-sysv.md");
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_page_shows_what_the_example_prints() {
    let page = page();
    let (mut shown, wrong) = compare(&page);
    assert!(
        wrong.is_empty(),
        "docs/x86-64-sysv.md:\n{}",
        wrong.join("\n")
    );
    let mut every: Vec<&str> = explain::SAMPLES.iter().map(|sample| sample.0).collect();
    shown.sort_unstable();
    every.sort_unstable();
    assert_eq!(
        shown, every,
        "signatures of the example and blocks of the page"
    );
}

#[test]
fn a_changed_place_is_noticed() {
    let page = page().replacen("-> xmm0 rdi", "-> xmm0 rsi", 1);
    assert_eq!(compare(&page).1.len(), 1);
}
