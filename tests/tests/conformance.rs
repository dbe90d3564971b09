//! `docs/conformance.md` has a row for each type, policy bit, compiler bug and known failure, and no other. What its cells say is measured by
//! the command that writes it, which also compares: `cargo run -p cabi-tests --example conformance -- --check`.
#![cfg(all(target_arch = "x86_64", unix))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use cabi_tests::conformance::features;
use cabi_tests::conformance::page::check::{compare, objections};
use cabi_tests::corpus::{expected, folder};
use cabi_verify::corpus::Block;
use cabi_verify::report::expected::Expected;

fn page() -> String {
    std::fs::read_to_string(folder().join("../../docs/conformance.md")).unwrap()
}

fn wrong(page: &str) -> Vec<String> {
    let groups = features::blocks().unwrap();
    let blocks: Vec<&Block> = groups.iter().flat_map(|(_, blocks)| blocks).collect();
    objections(page, &blocks, &Expected::read(&expected()).unwrap())
}

#[test]
fn the_page_has_a_row_for_everything() {
    assert_eq!(wrong(&page()), Vec::<String>::new());
}

#[test]
fn a_row_that_is_missing_or_of_nothing_is_noticed() {
    let page = page();
    let of_target = page
        .lines()
        .find(|line| line.starts_with("| aarch64-apple-darwin |"));
    let without = page.replacen(&format!("{}\n", of_target.unwrap()), "", 1);
    assert_eq!(wrong(&without).len(), 1, "{:?}", wrong(&without));
    for start in ["| `long`<br>", "| `HALF_PAIRS_IN_SSE` |", "| 2 | `"] {
        let row = page.lines().find(|line| line.starts_with(start)).unwrap();
        let without = page.replace(&format!("{row}\n"), "");
        assert_eq!(wrong(&without).len(), 2, "{start}: {:?}", wrong(&without));
        let other = row.replacen('`', "`un", 1);
        let twice = page.replace(row, &format!("{row}\n{other}"));
        assert_eq!(wrong(&twice).len(), 1, "{start}: {:?}", wrong(&twice));
    }
    let zig = page.lines().find(|line| line.starts_with("| `long` | "));
    let without = page.replace(&format!("{}\n", zig.unwrap()), "");
    assert_eq!(wrong(&without), ["0 lines of Zig's are about `long`"]);
    let fails = page.replacen("✓ |", "FAILS |", 1);
    assert_eq!(wrong(&fails), ["a cell says FAILS"]);
}

#[test]
fn a_check_notices_an_altered_cell_and_tells_versions_apart() {
    let page = page();
    assert_eq!(compare(&page, &page, &[]).lines, Vec::<String>::new());
    assert_eq!(compare(&page, &page, &[]).versions, Vec::<String>::new());

    let row = page
        .lines()
        .find(|line| line.starts_with("| `long`<br>"))
        .unwrap();
    let altered = page.replace(row, &row.replacen("✓", "○", 1));
    let lines = compare(&altered, &page, &[]).lines;
    assert_eq!(
        lines,
        [
            format!("- {}", row.replacen("✓", "○", 1)),
            format!("+ {row}")
        ]
    );

    let clang = page
        .lines()
        .find(|line| line.starts_with("| clang | "))
        .unwrap();
    let version = clang.rsplit(' ').find(|word| word.contains('.')).unwrap();
    let newer = page.replace(version, "99.1.0");
    assert_ne!(newer, page);
    let comparison = compare(&page, &newer, &[]);
    assert_eq!(comparison.lines, Vec::<String>::new());
    assert_eq!(comparison.versions.len(), 1);
    assert!(comparison.versions[0].contains("99.1.0"));
}

#[test]
fn what_a_machine_lacks_is_left_out_of_both_pages() {
    let page = page();
    let row = page.lines().find(|line| line.contains("-mavx512f"));
    let altered = page.replace(row.unwrap(), "| of another machine | – |");
    let altered = altered.replace("| gcc | 1063 |", "| gcc | 1047 |");
    let comparison = compare(&page, &altered, &["avx512f"]);
    assert_eq!(comparison.lines, ["+ | of another machine | – |"]);
    assert!(comparison.n_left_out > 4, "{}", comparison.n_left_out);
    assert_eq!(compare(&page, &altered, &[]).lines.len(), 4);
}
