//! `docs/performance.md`: the text of `page.md` with tables, and charts.

use std::fs;
use std::path::Path;

use cabi_tests::conformance::page::filled;
use cabi_tests::measure::{ALLOCATIONS, Costs, PREPARED, Step, Way};
use cabi_tests::measured::measured;

use crate::chart::Chart;
use crate::figures::{Figures, Result};
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

/// A table with a row for each name that has a cell.
fn table(titles: &[&str], names: &[&str], cells: impl Fn(&str) -> Vec<Option<String>>) -> String {
    let columns = "|--:".repeat(titles.len());
    let mut table = format!("| | {} |\n|---{columns}|\n", titles.join(" | "));
    for name in names {
        let cells = cells(name);
        if cells.iter().any(Option::is_some) {
            let cells = cells.into_iter();
            let cells: Vec<String> = cells.map(|own| own.unwrap_or("–".to_owned())).collect();
            table += &format!("| `{name}` | {} |\n", cells.join(" | "));
        }
    }
    table
}

/// Instructions and nanoseconds of each signature.
fn calls(figures: &Figures, ways: &[Way]) -> Result<String> {
    let titles: Vec<_> = ways.iter().map(|way| way.title()).collect();
    let names: Vec<_> = measured()?.iter().map(|own| own.name).collect();
    Ok(table(&titles, &names, |name| {
        let cell = |way| {
            let (n, ns) = (figures.counts.of(way, name)?, figures.times.of(way, name)?);
            Some(format!("{n:.0} / {ns:.1}"))
        };
        ways.iter().map(cell).collect()
    }))
}

fn preparation(figures: &Figures) -> String {
    let mut titles: Vec<_> = Step::ALL.iter().map(|step| step.title()).collect();
    titles.push("allocations: FnAbi, first plan, site");
    let whole = |n: f64| format!("{n:.0}");
    table(&titles, &PREPARED, |name| {
        let steps = Step::ALL.iter();
        let steps = steps.map(|step| figures.counts.of(step, name).map(whole));
        let counts = ALLOCATIONS.map(|what| figures.counts.of(what, name));
        let counts = counts.map(|n| n.map_or("–".to_owned(), whole));
        steps.chain([Some(counts.join(", "))]).collect()
    })
}

fn of_programs(figures: &Figures) -> String {
    let mut titles = programs::WAYS.map(|(_, title)| title).to_vec();
    titles.extend(["time over gcc -O2's: toy", "in C's convention"]);
    table(&titles, &PROGRAMS, |name| {
        let (counts, times) = (&figures.counts, &figures.times);
        let both = programs::WAYS.map(|(way, _)| {
            let (n, ms) = (counts.of(way, name)?, times.of(way, name)?);
            Some(format!("{:.1} / {ms:.0}", n / 1e3))
        });
        let ratios = ["Toy", "ToyInC"].map(|way| {
            let ratio = times.of(way, name)? / times.of("C2", name)?;
            Some(format!("{ratio:.2}"))
        });
        both.into_iter().chain(ratios).collect()
    })
}

fn charts(figures: &Figures) -> [(&'static str, String); 4] {
    let ways = |ways: &[Way]| -> Vec<_> {
        let named = ways.iter().map(|way| (way.to_string(), way.title()));
        named.collect()
    };
    let steps = Step::ALL.iter();
    let steps: Vec<_> = steps.map(|step| (step.to_string(), step.title())).collect();
    let programs = programs::WAYS.map(|(way, title)| (way.to_owned(), title));
    let (counts, times) = (&figures.counts, &figures.times);
    let (calls, closures) = (ways(Way::CALLS), ways(Way::ENTERED));
    let of_call = "instructions of one call";
    [
        ("calls", chart(counts, of_call, &calls, &SHOWN)),
        ("closures", chart(counts, of_call, &closures, &SHOWN)),
        (
            "preparation",
            chart(counts, "instructions", &steps, &PREPARED),
        ),
        (
            "programs",
            chart(times, "milliseconds", &programs, &PROGRAMS),
        ),
    ]
}

fn chart(costs: &Costs, unit: &str, ways: &[(String, &str)], names: &[&str]) -> String {
    let titles: Vec<_> = ways.iter().map(|(_, title)| *title).collect();
    let values = |name: &&str| {
        let of_way = |(way, _): &(String, &str)| costs.of(way, name);
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
