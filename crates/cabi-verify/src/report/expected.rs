//! `expected.toml`: compiler bugs.
//!
//! A `[[bug]]` is a case in which a compiler disagrees with itself, or follows no rule of any
//! policy. It is declared here once, and the suite `bugs` checks it again.

use std::path::Path;

use serde::Deserialize;

/// Most lines of a reproduction.
pub const LINES: usize = 10;

/// The whole list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Compiler bugs.
    #[serde(default, rename = "bug")]
    pub bugs: Vec<Bug>,
}

/// A bug of a compiler.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bug {
    /// Its name, unique.
    pub name: String,
    /// The compiler that has it, as reports call it, such as `gcc` and `zig llvm`; `zig` is both
    /// its back ends.
    pub compiler: String,
    /// The bug in sentences.
    pub what: String,
    /// The way it shows.
    pub shows: Symptom,
    /// The block of the corpus that declares the smallest case known; else there is `code`.
    pub case: Option<String>,
    /// The rest of a block: keys, and the declaration in C.
    pub code: Option<String>,
    /// Reports of it upstream, such as `llvm #83388` and `gcc PR 12345`.
    pub report: Option<String>,
    /// A text of at most [`LINES`] lines that shows it, in C or Zig, to be sent upstream. One in C
    /// is a program that ends well at `-O2` if the bug is gone, or a text that stops the compiler.
    /// More options are in a comment in its first line. One in Zig begins with the assembly that
    /// shows the bug.
    pub reproduction: Option<String>,
    /// The reason why there is neither yet.
    pub unreduced: Option<String>,
    /// `true` if the bug shows in some runs only, so that a run without it does not fail.
    #[serde(default)]
    pub by_chance: bool,
}

impl Bug {
    /// Checks whether the compiler called `name` has it.
    ///
    /// # Example
    /// ```
    /// use cabi_verify::report::expected::Expected;
    ///
    /// let text = "[[bug]]\nname = 'b'\ncompiler = 'zig'\nshows = 'calls'\ncase = 'c'\nwhat = \
    ///     'half is lost'\nreport = 'zig #1'\n";
    /// let bug = &Expected::parse(text).unwrap().bugs[0];
    /// assert!(bug.is_of("zig own") && bug.is_of("zig llvm") && !bug.is_of("gcc"));
    /// ```
    pub fn is_of(&self, name: &str) -> bool {
        name == self.compiler || name.split(' ').next() == Some(&self.compiler)
    }

    /// Checks that it is reported, or can be.
    fn check_report(&self) -> Result<(), String> {
        let texts = [&self.report, &self.reproduction, &self.unreduced];
        let mut texts = texts.into_iter().flatten();
        if !texts.any(|text| !text.trim().is_empty()) {
            let name = &self.name;
            return Err(format!(
                "{name}: add a `report`, a `reproduction`, or as `unreduced` the reason for having neither"
            ));
        }
        let lines = self
            .reproduction
            .iter()
            .flat_map(|text| text.lines())
            .count();
        match lines > LINES {
            true => Err(format!(
                "{}: the reproduction has {lines} lines, more than {LINES}",
                self.name
            )),
            false => Ok(()),
        }
    }
}

/// The way a bug shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Symptom {
    /// The compiler's own caller and callee disagree, or one of them crashes.
    Calls,
    /// Its caller puts a value, or its callee a result, where neither the psABI nor a policy has
    /// it. Its own caller and callee may agree about that: then it is a convention of its own.
    Placement,
    /// The compiler itself stops.
    Compilation,
    /// Its static initializer of a member sets other bits than its assignment to that member.
    Initializer,
}

impl Expected {
    /// Reads the list.
    ///
    /// # Errors
    /// A message naming the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let wrong = |why: String| format!("{}: {why}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        Self::parse(&text).map_err(wrong)
    }

    /// Parses the list.
    ///
    /// # Example
    /// ```
    /// use cabi_verify::report::expected::Expected;
    ///
    /// let text = "[[bug]]\nname = 'b'\ncompiler = 'gcc'\nshows = 'calls'\nwhat = 'half'\n";
    /// let why = Expected::parse(text).unwrap_err();
    /// assert_eq!(why, "b: add either `case` or `code`");
    /// ```
    pub fn parse(text: &str) -> Result<Self, String> {
        let list: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for (i, bug) in list.bugs.iter().enumerate() {
            if list.bugs.iter().skip(i + 1).any(|b| b.name == bug.name) {
                return Err(format!("two bugs are called `{}`", bug.name));
            }
            if bug.case.is_some() == bug.code.is_some() {
                return Err(format!("{}: add either `case` or `code`", bug.name));
            }
            bug.check_report()?;
        }
        Ok(list)
    }

    /// Finds the bug called `name`.
    pub fn bug(&self, name: &str) -> Option<&Bug> {
        self.bugs.iter().find(|bug| bug.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_declared_once() {
        let why = |text: &str| Expected::parse(text).unwrap_err();
        let bug = "[[bug]]\nname = 'b'\ncompiler = 'gcc'\nwhat = 'half is lost'\nshows = 'calls'\n";
        assert_eq!(why(bug), "b: add either `case` or `code`");
        let bug = format!("{bug}case = 'c'\nreport = 'gcc PR 1'\n");
        assert_eq!(why(&format!("{bug}{bug}")), "two bugs are called `b`");
    }

    #[test]
    fn a_bug_is_reported_or_can_be() {
        let with = |rest: &str| {
            let bug =
                "name = 'b'\ncompiler = 'gcc'\nwhat = 'half is lost'\nshows = 'calls'\ncase = 'c'";
            Expected::parse(&format!("[[bug]]\n{bug}\n{rest}"))
        };
        let reproduction =
            |lines| with(&format!("reproduction = \"{}\"", "int n;\\n".repeat(lines)));
        let none =
            "b: add a `report`, a `reproduction`, or as `unreduced` the reason for having neither";
        for bug in [with(""), with("report = ''"), reproduction(0)] {
            assert_eq!(bug.unwrap_err(), none);
        }
        for bug in [
            with("report = 'gcc PR 1'"),
            with("unreduced = 'why'"),
            reproduction(10),
        ] {
            assert!(bug.is_ok());
        }
        let long = "b: the reproduction has 11 lines, more than 10";
        assert_eq!(reproduction(11).unwrap_err(), long);
    }
}
