//! The report of fuzz runs: per compiler the counts, and each difference as a block of the corpus.

use super::{Found, Results, Stats};
use crate::report::{Item, Report, Section, Status};

impl Results {
    /// What was found. `complete` says whether all that was asked for was tried. With `allow_self_inconsistent`, that a compiler disagrees with
    /// itself is no failure.
    pub fn report(&self, complete: bool, allow_self_inconsistent: bool) -> Report {
        let mut report = Report::new("cabi fuzz");
        report.list = "compilers";
        report.allow_self_inconsistent = allow_self_inconsistent;
        let span = |span: &super::Span| {
            let n = span.end - span.first;
            format!("seed {}: {n} signatures from {}", span.seed, span.first)
        };
        report.head = self.spans.iter().map(span).collect();
        report.sections = self.compilers.iter().map(Stats::section).collect();
        if report.failing().next().is_none() {
            report.error = self.nothing();
        }
        let count = |of: fn(&Stats) -> usize| self.compilers.iter().map(of).sum::<usize>();
        let n = count(|stats| stats.failures.len());
        let itself = count(|stats| stats.inconsistent.len());
        let word = match report.failing().next() {
            _ if self.count() == 0 => "nothing verified",
            None if complete => "ok",
            None => "incomplete",
            Some(_) => "FAILED",
        };
        let mut total = format!("\n{word}: {n} unexplained");
        if itself > 0 {
            total += &format!(", {itself} in which a compiler is self-inconsistent");
        }
        report.totals.push(total);
        report
    }

    /// That nothing was verified, under which compiler and why.
    fn nothing(&self) -> Option<String> {
        if self.compilers.is_empty() {
            return Some("nothing was verified: there are no results of a compiler".to_owned());
        }
        let none = self
            .compilers
            .iter()
            .find(|stats| stats.calls == 0 && stats.known.is_empty())?;
        Some(format!(
            "nothing was verified: {}: none of {} signatures could be tried",
            none.command, none.signatures
        ))
    }

    /// What fails a run, with the text of a file of the corpus for each.
    pub fn blocks(&self) -> impl Iterator<Item = (&Found, String)> {
        self.compilers.iter().flat_map(|stats| {
            let found = stats.failures.iter().chain(&stats.inconsistent);
            found.map(|one| (one, stats.block(one)))
        })
    }
}

impl Stats {
    fn section(&self) -> Section {
        let name = format!("{} signatures without a difference", self.same);
        let mut items = vec![Item::new(name, Status::Passed, "")];
        let lists = [
            (&self.failures, Status::Failed),
            (&self.inconsistent, Status::SelfInconsistent),
        ];
        for (all, status) in lists {
            items.extend(all.iter().map(|found| {
                let mut item = Item::new(&found.name, status, &found.why);
                item.detail = self.block(found);
                item
            }));
        }
        Section {
            name: format!("cabi fuzz {}", self.command),
            head: self.counts(),
            items,
            seconds: Some(self.seconds),
            ..Section::default()
        }
    }

    /// A difference as a file of the corpus.
    fn block(&self, found: &Found) -> String {
        let Found {
            seed,
            number,
            why,
            block,
            ..
        } = found;
        let command = shell_words::quote(&self.command);
        let ms_abi = if self.ms_abi { " --ms-abi" } else { "" };
        let target = block.lines().find_map(|line| line.strip_prefix("target: "));
        let target = target.map_or(String::new(), |target| format!(" --target {target}"));
        format!(
            "# {}: {why}\n# cabi fuzz{target}{ms_abi} --seed {seed} --first {number} --count 1 --cc {command}\n\n{block}",
            self.version
        )
    }

    /// What was found in numbers. Those at the left add up to the signatures; what is part of another number is indented.
    fn counts(&self) -> Vec<String> {
        let mut lines = vec![
            String::new(),
            format!(
                "{} ({}), vectors {}",
                self.command, self.version, self.vectors
            ),
        ];
        let mut number = |n: u64, what: &str| lines.push(format!("{n:>9}  {what}"));
        number(self.signatures, "signatures");
        number(
            self.same,
            &format!("without a difference, in {} calls", self.calls),
        );
        let mut part = |n: u64, what: &str| lines.push(format!("{:>9}    {n} {what}", ""));
        for (why, n) in &self.one_direction {
            part(*n, &format!("in one direction only: {why}"));
        }
        for (explanation, n) in &self.explained {
            part(
                *n,
                &format!("where another compiler differs, explained: {explanation}"),
            );
        }
        let mut number = |n: u64, what: &str| lines.push(format!("{n:>9}  {what}"));
        for (bug, n) in &self.known {
            number(*n, &format!("known bug of the compiler: {bug}"));
        }
        let itself = self.inconsistent.len() as u64;
        number(
            itself,
            "the compiler is self-inconsistent, shown by a program",
        );
        number(self.failures.len() as u64, "differ, unexplained");
        for (why, n) in &self.not_lowered {
            number(*n, &format!("not lowered: {why}"));
        }
        for (why, n) in &self.not_run {
            number(*n, &format!("not run: {why}"));
        }
        let rate = format!("{:>9.0}  signatures a second and process", self.rate());
        lines.push(match self.coverage.covered() {
            0 => rate,
            _ => format!("{rate}; {}", self.coverage),
        });
        lines
    }
}
