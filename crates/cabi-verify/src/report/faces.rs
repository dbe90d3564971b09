//! The faces of a report.

use std::fmt::{self, Write as _};

use serde_json::{Value as Json, json};

use super::{Item, Report, Section, Status};

/// So many failures of a section are shown with their details, the rest by a line each.
const IN_FULL: usize = 10;

/// So many of the rest are listed.
const LISTED: usize = 40;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = |f: &mut fmt::Formatter<'_>, lines: &[String]| {
            lines.iter().try_for_each(|line| writeln!(f, "{line}"))
        };
        lines(f, &self.head)?;
        for section in &self.sections {
            lines(f, &section.head)?;
            left_out(f, section)?;
            listed(f, section, Status::SelfInconsistent, "SELF-INCONSISTENT")?;
            listed(f, section, Status::Failed, "MISMATCH")?;
        }
        lines(f, &self.totals)
    }
}

/// What was left out, by kind of reason; of a kind that is no failure two examples.
fn left_out(f: &mut fmt::Formatter<'_>, section: &Section) -> fmt::Result {
    for (kind, items) in section.left_out() {
        let is_failure = items.iter().any(|item| item.status == Status::Unlisted);
        let some = if is_failure { 20 } else { 2 };
        let lines = grouped(&items);
        let more = if lines.len() > some { "; .." } else { "" };
        let shown = lines[..lines.len().min(some)].join("; ");
        writeln!(f, "  {kind} {} ({shown}{more})", items.len())?;
    }
    Ok(())
}

/// A line for each item; those that are alike, for the same reason, have one.
fn grouped(items: &[&Item]) -> Vec<String> {
    let mut groups: Vec<(&Item, usize)> = Vec::new();
    for item in items {
        let is_alike = |(first, _): &&mut (&Item, usize)| {
            !item.alike.is_empty() && (&first.alike, &first.why) == (&item.alike, &item.why)
        };
        match groups.iter_mut().find(is_alike) {
            Some((_, n)) => *n += 1,
            None => groups.push((item, 1)),
        }
    }
    let line = |(item, n): (&Item, usize)| match (n, item.why.as_str()) {
        (1, "") => item.name.clone(),
        (1, why) => format!("{}: {why}", item.name),
        (n, why) => format!("{}, {n} times: {why}", item.alike),
    };
    groups.into_iter().map(line).collect()
}

/// The items of a status, the first ones with their details; the lists of JSON each for itself.
fn listed(
    f: &mut fmt::Formatter<'_>,
    section: &Section,
    status: Status,
    word: &str,
) -> fmt::Result {
    let mut lists: Vec<(&str, Vec<&Item>)> = Vec::new();
    for item in section.with(status) {
        match lists.iter_mut().find(|(list, _)| *list == item.list) {
            Some((_, items)) => items.push(item),
            None => lists.push((item.list, vec![item])),
        }
    }
    for (_, items) in lists {
        for (i, item) in items.iter().enumerate().take(IN_FULL + LISTED) {
            writeln!(f, "  {word} {}: {}", item.name, item.why)?;
            if i < IN_FULL && !item.detail.is_empty() {
                writeln!(f, "{}", item.detail.trim_end_matches('\n'))?;
            }
        }
        let more = items.len().saturating_sub(IN_FULL + LISTED);
        if more > 0 {
            writeln!(f, "  and {more} more: --json lists all")?;
        }
    }
    Ok(())
}

impl Report {
    /// As JSON: `clean`, what there is besides the sections, the sections, and `error` if there is one.
    pub fn json(&self) -> String {
        let mut all = json!({ "clean": self.is_clean() });
        for (key, value) in &self.data {
            all[key] = value.clone();
        }
        if !self.sections.is_empty() || self.error.is_none() {
            all[self.list] = self.sections.iter().map(section_json).collect();
        }
        if let Some(why) = &self.error {
            all["error"] = why.clone().into();
        }
        format!("{all:#}\n")
    }

    /// As JUnit's XML: a suite for each section, a case for each item; and a suite with an error if there is one.
    pub fn junit(&self) -> String {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
        for section in &self.sections {
            self.suite(&mut text, section);
        }
        if let Some(why) = &self.error {
            let (name, why) = (escape(&self.name), escape(why));
            let _ = writeln!(
                text,
                "<testsuite name=\"{name}\" tests=\"1\" failures=\"0\" errors=\"1\">\n\
                 <testcase classname=\"{name}\" name=\"run\"><error message=\"{why}\"/></testcase>\n</testsuite>"
            );
        }
        text + "</testsuites>\n"
    }

    fn suite(&self, text: &mut String, section: &Section) {
        let class = escape(&section.name);
        let n_failed = section.items.iter().filter(|item| self.fails(item));
        let is_skipped = |item: &&Item| item.status != Status::Passed && !self.fails(item);
        let n_skipped = section.items.iter().filter(is_skipped).count();
        let _ = write!(
            text,
            "<testsuite name=\"{class}\" tests=\"{}\" failures=\"{}\" skipped=\"{n_skipped}\"",
            section.items.len(),
            n_failed.count()
        );
        if let Some(seconds) = section.seconds {
            let _ = write!(text, " time=\"{seconds:.1}\"");
        }
        text.push_str(">\n");
        for item in &section.items {
            let name = escape(&item.name);
            let _ = write!(text, "<testcase classname=\"{class}\" name=\"{name}\"");
            if item.status == Status::Passed {
                text.push_str("/>\n");
                continue;
            }
            let tag = if self.fails(item) {
                "failure"
            } else {
                "skipped"
            };
            let of_kind = [&item.kind, ": "].concat();
            let of_kind = if item.kind.is_empty() { "" } else { &of_kind };
            let why = escape(&format!("{of_kind}{}", item.why));
            // Lines of a text stay lines.
            let detail: Vec<String> = item.detail.lines().map(escape).collect();
            let detail = detail.join("\n");
            let _ = writeln!(
                text,
                "><{tag} message=\"{why}\">{detail}</{tag}></testcase>"
            );
        }
        text.push_str("</testsuite>\n");
    }
}

fn section_json(section: &Section) -> Json {
    let mut data = section.data.clone();
    for item in &section.items {
        if let Some(Json::Array(list)) = data.get_mut(item.list) {
            list.push(item.data.clone());
        }
    }
    data.into()
}

/// Text as it stands in an element or attribute of XML, without what XML cannot hold.
pub fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
