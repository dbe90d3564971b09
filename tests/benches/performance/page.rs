//! `docs/performance.md`: the text of `page.md` with figures, and charts.

use std::fs;
use std::path::Path;

use cabi_tests::measure::{Costs, Way};

use crate::chart::Chart;
use crate::figures::{Figures, Result};
use crate::goals;

const PAGE: &str = include_str!("page.md");

/// The signatures in charts.
const SHOWN: [&str; 16] = [
    "i32_2", "i8_2", "ptr", "i64_8", "f64_10", "s_dd", "s_ll", "s_if", "s_c3", "s_l4", "s_l9",
    "ld_2", "cplx", "i128", "mix10", "vsum4",
];

/// Writes the page and its charts.
pub(crate) fn write(figures: &Figures) -> Result<()> {
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

fn charts(figures: &Figures) -> [(&'static str, String); 2] {
    let all = [("calls", Way::CALLS), ("closures", Way::ENTERED)];
    all.map(|(name, ways)| (name, chart(&figures.counts, ways)))
}

fn chart(costs: &Costs, ways: &[Way]) -> String {
    let titles: Vec<_> = ways.iter().map(|way| way.title()).collect();
    let values = |name: &&str| {
        let of_way = |way: &Way| costs.of(format_args!("{way:?}"), name);
        ways.iter().map(of_way).collect::<Vec<_>>()
    };
    let rows = SHOWN.iter().map(|name| (*name, values(name)));
    let rows: Vec<_> = rows
        .filter(|(_, values)| values.iter().any(Option::is_some))
        .collect();
    Chart {
        ways: &titles,
        rows: &rows,
    }
    .svg()
}

/// Returns `page` with a text for each line `{name}`: nothing, or lines.
fn filled(page: &str, parts: &[(&str, String)]) -> String {
    parts.iter().fold(page.to_owned(), |page, (name, text)| {
        let lines = match text.trim() {
            "" => String::new(),
            text => format!("{text}\n"),
        };
        page.replace(&format!("{{{name}}}\n"), &lines)
    })
}
