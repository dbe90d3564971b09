//! The faces of a report.

use std::fmt::{self, Write as _};

use serde_json::{Value as Json, json};

use super::{Item, Report, Section, Status, members};

/// Number of failures of a section that are shown in full, the rest by a line each.
const IN_FULL: usize = 10;

/// Number of others that are listed.
const LISTED: usize = 40;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = |f: &mut fmt::Formatter<'_>, lines: &[String]| {
            lines.iter().try_for_each(|line| writeln!(f, "{line}"))
        };
        lines(f, &self.head)?;
        for section in &self.sections {
            lines(f, &section.head)?;
            write_left_out(f, section)?;
            listed(f, section, Status::SelfInconsistent, "SELF-INCONSISTENT")?;
            listed(f, section, Status::Failed, "MISMATCH")?;
        }
        lines(f, &self.totals)
    }
}

/// Writes the items that were left out, by kind of reason: twenty examples of a kind that is a
/// failure, two of another one.
fn write_left_out(f: &mut fmt::Formatter<'_>, section: &Section) -> fmt::Result {
    for (status, limit) in [(Status::Unlisted, 20), (Status::LeftOut, 2)] {
        let mut kinds = section.by_kind(status);
        kinds.sort_by_key(|items| &items[0].kind);
        for items in kinds {
            let line = |item: &&Item| match &*item.why {
                "" => item.name.clone(),
                why => format!("{}: {why}", item.name),
            };
            let lines: Vec<String> = items.iter().take(limit).map(line).collect();
            let more = if items.len() > limit { "; .." } else { "" };
            let (kind, n, lines) = (&items[0].kind, items.len(), lines.join("; "));
            writeln!(f, "  {kind} {n} ({lines}{more})")?;
        }
    }
    Ok(())
}

/// Lists the items of a status, of each kind the first ones with their details.
fn listed(
    f: &mut fmt::Formatter<'_>,
    section: &Section,
    status: Status,
    word: &str,
) -> fmt::Result {
    for items in section.by_kind(status) {
        for (i, item) in items.iter().enumerate().take(IN_FULL + LISTED) {
            writeln!(f, "  {word} {}: {}", item.name, item.why)?;
            if i < IN_FULL && !item.detail.is_empty() {
                writeln!(f, "{}", item.detail.trim_end_matches('\n'))?;
            }
        }
        let n_more = items.len().saturating_sub(IN_FULL + LISTED);
        if n_more > 0 {
            writeln!(f, "  and {n_more} more: --json lists all")?;
        }
    }
    Ok(())
}

impl Report {
    /// Writes JSON: `clean`, the sections, further members, and `error` if there is one.
    pub fn json(&self) -> String {
        let mut object = members(json!({ "clean": self.is_clean(), "sections": self.sections }));
        object.extend(self.data.clone());
        let error = self.error.as_ref();
        object.extend(error.map(|why| ("error".to_owned(), why.clone().into())));
        format!("{:#}\n", Json::Object(object))
    }

    /// Writes JUnit's XML: a suite for each section, a case for each item; and a suite with an
    /// error if there is one.
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
            let tag = match self.fails(item) {
                true => "failure",
                false => "skipped",
            };
            let why = match (&*item.why, &*item.kind) {
                ("", only) | (only, "") => escape(only),
                (why, kind) => escape(&format!("{why} ({kind})")),
            };
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

/// Escapes text for an element or attribute of XML, without characters that XML cannot hold.
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
