//! `docs/performance.md`: the text of `page.md` with figures, and charts.

use std::fs;
use std::path::Path;

use cabi_tests::measure::{ALLOCATIONS, Costs, PREPARED, Step, Way};
use cabi_tests::measured::measured;

use crate::chart::Chart;
use crate::figures::{Figures, Result};
use crate::goals;
use crate::programs::{self, PROGRAMS};

const PAGE: &str = include_str!("page.md");

/// The signatures in charts: the printed tables have all.
const SHOWN: [&str; 16] = [
    "i32_2", "i8_2", "ptr", "i64_8", "f64_10", "s_dd", "s_ll", "s_if", "s_c3", "s_l4", "s_l9",
    "ld_2", "cplx", "i128", "mix10", "vsum4",
];

/// Prints all tables, and writes the page and its charts.
pub(crate) fn write(figures: &Figures) -> Result<()> {
    println!(
        "instructions / nanoseconds\n{}",
        calls(figures, Way::CALLS)?
    );
    println!("{}", calls(figures, Way::ENTERED)?);
    println!("instructions\n{}", preparation(figures));
    println!(
        "millions of instructions / milliseconds\n{}",
        of_programs(figures)
    );
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let machine = figures.machine.iter().map(|line| format!("- {line}"));
    let page = [
        ("machine", machine.collect::<Vec<_>>().join("\n")),
        ("numbers", goals::numbers(figures)?),
        ("goals", goals::table(figures)?),
    ];
    fs::write(docs.join("performance.md"), filled(PAGE, &page))?;
    for (name, svg) in charts(figures) {
        fs::write(docs.join(format!("performance/{name}.svg")), svg)?;
    }
    println!("docs/performance.md is written");
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

fn charts(figures: &Figures) -> [(&'static str, String); 2] {
    let of_ways = |ways: &[Way]| {
        let named = ways.iter().map(|way| (way.to_string(), way.title()));
        chart(&figures.counts, &named.collect::<Vec<_>>())
    };
    [
        ("calls", of_ways(Way::CALLS)),
        ("closures", of_ways(Way::ENTERED)),
    ]
}

fn chart(costs: &Costs, ways: &[(String, &str)]) -> String {
    let titles: Vec<_> = ways.iter().map(|(_, title)| *title).collect();
    let values = |name: &&str| {
        let of_way = |(way, _): &(String, &str)| costs.of(way, name);
        ways.iter().map(of_way).collect::<Vec<_>>()
    };
    let rows = SHOWN.iter().map(|name| (*name, values(name)));
    let rows: Vec<_> = rows
        .filter(|(_, values)| values.iter().any(Option::is_some))
        .collect();
    Chart {
        unit: "instructions of one call",
        ways: &titles,
        rows: &rows,
    }
    .svg()
}

/// `page` with a text for each line `{name}`: nothing, or lines.
fn filled(page: &str, parts: &[(&str, String)]) -> String {
    parts.iter().fold(page.to_owned(), |page, (name, text)| {
        let lines = match text.trim() {
            "" => String::new(),
            text => format!("{text}\n"),
        };
        page.replace(&format!("{{{name}}}\n"), &lines)
    })
}
