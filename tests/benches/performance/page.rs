//! `docs/performance.md`: the text of `page.md` with tables, and charts.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use cabi_tests::conformance::page::filled;
use cabi_tests::measure::{Costs, PREPARED, Step, Way};
use cabi_tests::measured::measured;

use crate::chart::Chart;
use crate::figures::{ALLOCATIONS, Figures, Result};
use crate::goals;
use crate::programs::{self, PROGRAMS};

const PAGE: &str = include_str!("page.md");

/// The signatures in charts: the tables have all.
const SHOWN: [&str; 16] = [
    "i32_2", "i8_2", "ptr", "i64_8", "f64_10", "s_dd", "s_ll", "s_if", "s_c3", "s_l4", "s_l9",
    "ld_2", "cplx", "i128", "mix10", "vsum4",
];

/// Writes page and charts. An error for a goal that is missed without a reason, of those that do not depend on the moment.
pub(crate) fn write(figures: &Figures) -> Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let goals = goals::text(figures)?;
    let machine: Vec<String> = figures
        .machine
        .iter()
        .map(|line| format!("- {line}"))
        .collect();
    let page = [
        ("machine", machine.join("\n")),
        ("numbers", goals::numbers(figures)?),
        ("goals", goals.table),
        ("missed", goals.missed),
        ("calls", calls(figures, Way::CALLS)?),
        ("closures", calls(figures, Way::ENTERED)?),
        ("preparation", preparation(figures)),
        ("programs", of_programs(figures)),
    ];
    fs::write(docs.join("performance.md"), filled(PAGE, &page))?;
    let folder = docs.join("performance");
    fs::create_dir_all(&folder)?;
    for (name, svg) in charts(figures) {
        fs::write(folder.join(format!("{name}.svg")), svg)?;
    }
    println!("docs/performance.md is written");
    for missed in &goals.unknown {
        eprintln!("missed, and reasons.md does not say why: {missed}");
    }
    Ok(())
}

/// Instructions and nanoseconds of each signature.
fn calls(figures: &Figures, ways: &[Way]) -> Result<String> {
    let titles: Vec<_> = ways.iter().map(|way| way.title()).collect();
    let mut table = format!(
        "| | {} |\n|---{}|\n",
        titles.join(" | "),
        "|--:".repeat(ways.len())
    );
    for own in measured()? {
        let cells: Vec<String> = ways
            .iter()
            .map(|way| {
                let both = figures
                    .counts
                    .of(way, own.name)
                    .zip(figures.times.of(way, own.name));
                both.map_or("–".to_owned(), |(n, ns)| format!("{n:.0} / {ns:.1}"))
            })
            .collect();
        if cells.iter().any(|cell| cell != "–") {
            writeln!(table, "| `{}` | {} |", own.name, cells.join(" | "))?;
        }
    }
    Ok(table)
}

fn preparation(figures: &Figures) -> String {
    let steps: Vec<_> = Step::ALL.iter().map(|step| step.title()).collect();
    let mut table = format!(
        "| | {} | allocations: FnAbi, first plan, site |\n|---{}|--:|\n",
        steps.join(" | "),
        "|--:".repeat(steps.len())
    );
    let whole = |n: Option<f64>| n.map_or("–".to_owned(), |n| format!("{n:.0}"));
    for name in PREPARED {
        let cells = Step::ALL
            .iter()
            .map(|step| whole(figures.counts.of(step, name)));
        let cells: Vec<String> = cells.collect();
        let allocations =
            ALLOCATIONS.map(|what| whole(figures.counts.of(format_args!("{what}"), name)));
        let (cells, allocations) = (cells.join(" | "), allocations.join(", "));
        table += &format!("| `{name}` | {cells} | {allocations} |\n");
    }
    table
}

fn of_programs(figures: &Figures) -> String {
    let titles = programs::WAYS.map(|(_, title)| title).join(" | ");
    let ratios = "time over gcc -O2's: toy | in C's convention";
    let mut table = format!("| | {titles} | {ratios} |\n|---|--:|--:|--:|--:|--:|--:|\n");
    for name in PROGRAMS {
        let cost = |costs: &Costs, way: &str| costs.of(format_args!("{way}"), name);
        let text = |(way, _)| {
            let both = cost(&figures.counts, way).zip(cost(&figures.times, way));
            both.map_or("–".to_owned(), |(n, ms)| {
                format!("{:.1} / {ms:.0}", n / 1e3)
            })
        };
        let ratio = |way| {
            let both = cost(&figures.times, way).zip(cost(&figures.times, "C2"));
            both.map_or("–".to_owned(), |(own, fast)| format!("{:.2}", own / fast))
        };
        let (cells, ratios) = (programs::WAYS.map(text), ["Toy", "ToyInC"].map(ratio));
        let (cells, ratios) = (cells.join(" | "), ratios.join(" | "));
        table += &format!("| `{name}` | {cells} | {ratios} |\n");
    }
    table
}

fn charts(figures: &Figures) -> Vec<(&'static str, String)> {
    let named = |way: &Way| (format!("{way:?}"), way.title());
    let calls: Vec<_> = Way::CALLS.iter().map(named).collect();
    let closures: Vec<_> = Way::ENTERED.iter().map(named).collect();
    let steps = Step::ALL
        .iter()
        .map(|step| (format!("{step:?}"), step.title()));
    let steps: Vec<_> = steps.collect();
    let ways = programs::WAYS.map(|(way, title)| (way.to_owned(), title));
    let (counts, times) = (&figures.counts, &figures.times);
    vec![
        (
            "calls",
            chart(counts, "instructions of one call", &calls, &SHOWN),
        ),
        (
            "closures",
            chart(counts, "instructions of one call", &closures, &SHOWN),
        ),
        (
            "preparation",
            chart(counts, "instructions", &steps, &PREPARED),
        ),
        ("programs", chart(times, "milliseconds", &ways, &PROGRAMS)),
    ]
}

fn chart(costs: &Costs, unit: &str, ways: &[(String, &str)], names: &[&str]) -> String {
    let titles: Vec<_> = ways.iter().map(|(_, title)| *title).collect();
    let values = |name: &&str| {
        let of_way = |(way, _): &(String, &str)| costs.of(format_args!("{way}"), name);
        ways.iter().map(of_way).collect::<Vec<_>>()
    };
    let rows = names.iter().map(|name| (*name, values(name)));
    let rows: Vec<_> = rows
        .filter(|(_, values)| values.iter().any(Option::is_some))
        .collect();
    Chart {
        unit,
        ways: &titles,
        rows: &rows,
    }
    .svg()
}
