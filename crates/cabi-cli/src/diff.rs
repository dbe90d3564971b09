//! `cabi diff`: differences between two compilers, targets, standards or sets of flags in the types
//! and functions of a header.

mod call;
mod functions;
mod layouts;
mod pointers;
mod report;
mod side;
mod types;

use std::process::ExitCode;

use cabi::Profile;
use clap::Args;
use regex_lite::Regex;

use self::report::Report;
use self::side::Side;
use crate::output::{self, Failure};
use crate::reading::{self, PolicyOption, ReadOptions, Source};

const ABOUT: &str = "\
Compares a header as two compilers, targets, standards or sets of flags read it: types, member by member, and functions, argument by argument.

An option given once applies to both sides. A header or option given twice has one value for each side. If nothing is given twice, gcc is compared with clang. \
Put several folders or macros of one side into its --flags. libclang reads the headers, and this command computes both sides; `cabi verify` compares its results \
with the compilers. A compiler is chosen by --policy, and by --flags such as -mavx, -funsigned-char or -fshort-enums.

Records and functions that pointers point to are compared too. Records with a tag are compared by the tag, and `void` equals any type. Variables, enumeration \
constants and macros are not compared. Pointees inside a member whose record has no name are not compared either.

If both sides have one calling convention, places are compared, register by register, and each record type also in the positions in which `cabi verify` \
passes it. Two conventions have no place in common. The kind of passing is then compared: the parts of each value, in memory, or by address.

Exit status: 0 no difference, 1 a difference was found, 2 the task could not be done. Declarations that could not be compared are counted by their reasons, \
and are not differences; if none could be compared, the status is 2.";

const EXAMPLES: &str = "\
Examples:
  cabi diff complex.h
  cabi diff old/lib.h new/lib.h
  cabi diff -I old/include -I new/include lib.h
  cabi diff --policy gcc --policy clang --flags -mavx include/vec.h
  cabi diff --target x86_64-unknown-linux-gnu --target x86_64-pc-windows-gnu stdlib.h
  cabi diff --std c89 --std gnu23 stdlib.h
  cabi diff --flags '' --flags -fshort-enums --json 'enum e { A }; enum e f(enum e);'";

/// Compares a header between two compilers, targets, standards or sets of flags.
#[derive(Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub(crate) struct Diff {
    /// Header, as after `#include`, or C text, which has a semicolon or a brace; give two to
    /// compare one with the other.
    #[arg(value_name = "HEADER|TEXT", num_args = 1..=2, required = true)]
    source: Vec<String>,
    /// Target triple.
    #[arg(long, value_name = "TRIPLE")]
    target: Vec<String>,
    /// Compiler whose choices and record layout apply: psabi, gcc, clang, zig, or a version
    /// (clang-22); after commas, policy bits to add (+BIT) or remove (-BIT). By default the
    /// target's own compiler.
    #[arg(long, value_name = "POLICY")]
    policy: Vec<PolicyOption>,
    /// Standard of C, such as c11 or gnu23.
    #[arg(long = "std", value_name = "STANDARD")]
    standard: Vec<String>,
    /// Flags for clang, quoted as in a shell.
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    flags: Vec<String>,
    /// Folder to search for headers.
    #[arg(short = 'I', value_name = "DIR")]
    include_dirs: Vec<String>,
    /// Macro to define before the header is read.
    #[arg(short = 'D', value_name = "NAME[=VALUE]")]
    defines: Vec<String>,
    /// Compare only functions and types whose name matches.
    #[arg(long, value_name = "REGEX")]
    only: Option<Regex>,
    /// Print every difference as JSON (docs/cabi.schema.json).
    #[arg(long)]
    json: bool,
}

/// Name and policy of a side.
type NamedSide = (String, Option<PolicyOption>);

impl Diff {
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let names = self.names();
        let what = names.join(" and ");
        let text = reading::check::in_child(&what, || self.compare(&names))?;
        output::print(&text).map(|()| ExitCode::SUCCESS)
    }

    /// Returns the names of the headers. Two texts are named by their places.
    fn names(&self) -> Vec<String> {
        let reading = ReadOptions::default();
        let name = |(i, source)| match Source::of(source, &reading, &[]) {
            text if text.headers.is_empty() && self.source.len() == 2 => {
                if i == 0 { "first text" } else { "second text" }.to_owned()
            }
            source => source.label(),
        };
        self.source.iter().enumerate().map(name).collect()
    }

    /// Returns the text to print. If there are differences, this process ends with 1 after that.
    fn compare(&self, names: &[String]) -> Result<String, Failure> {
        let [left, right] = self.sides()?;
        // Half of the time is libclang's, which reads both at once.
        let (left, right) = reading::check::limited(|| {
            std::thread::scope(|scope| {
                let left = scope.spawn(|| self.read(0, left));
                let right = self.read(1, right);
                let lost = || Err("the thread that read the first side panicked".to_owned());
                (left.join().unwrap_or_else(|_| lost()), right)
            })
        });
        let (left, right) = (left?, right?);
        let only = self.only.as_ref();
        let is_chosen = |name: &str| only.is_none_or(|only| only.is_match(name));
        let header = match names {
            [header] => Some(header.clone()),
            _ => None,
        };
        let mut report = Report::new(header, &left, &right);
        types::compare(&left, &right, &is_chosen, &mut report);
        functions::compare(&left, &right, &is_chosen, &mut report);
        let text = output::answer(self.json, &report, ToString::to_string)?;
        if report.is_empty() {
            if !report.not_compared.is_empty() {
                output::print(&text)?;
            }
            let name = names.join(" and ");
            let why = format!("{name}: no function and no type to compare");
            return Err(Failure::Message(why));
        }
        if report.differences.is_empty() {
            return Ok(text);
        }
        Err(output::ending(&text, 1))
    }

    /// Returns all that is given for either side, by its option.
    ///
    /// # Errors
    /// An option is given for more sides than there are.
    fn options_of_sides(&self) -> Result<[(&'static str, Vec<String>); 7], String> {
        let as_words = |option: &str, values: &[String]| {
            let words = values.iter().map(|word| format!("{option}{word}"));
            words.collect::<Vec<String>>()
        };
        let policies = self.policy.iter().map(ToString::to_string);
        let options = [
            ("--policy", policies.collect::<Vec<String>>()),
            ("HEADER", self.names()),
            ("--target", self.target.clone()),
            ("--std", self.standard.clone()),
            ("-I", as_words("-I", &self.include_dirs)),
            ("-D", as_words("-D", &self.defines)),
            ("--flags", self.flags.clone()),
        ];
        let Some((option, values)) = options.iter().find(|(_, values)| values.len() > 2) else {
            return Ok(options);
        };
        let hint = match *option {
            "-I" | "-D" => format!(": put several of one side into its --flags, '{option}..'"),
            _ => String::new(),
        };
        let n = values.len();
        Err(format!(
            "{option} is given {n} times, but there are two sides{hint}"
        ))
    }

    /// Returns the policy of either side, and its name: the words that distinguish it from the
    /// other side.
    fn sides(&self) -> Result<[NamedSide; 2], String> {
        let mut options = self.options_of_sides()?;
        let mut policies = self.policy.clone();
        if options.iter().all(|(_, list)| list.len() < 2) {
            if !policies.is_empty() {
                let why = "--policy is given once, so both sides are the same: give it or another option twice";
                return Err(why.to_owned());
            }
            for profile in [Profile::GCC, Profile::CLANG] {
                policies.push(profile.into());
                options[0].1.push(profile.to_string());
            }
        }
        // The words that distinguish the sides.
        let differing = options.map(|(_, list)| if list.len() == 2 { list } else { Vec::new() });
        let side = |i: usize| {
            let name = differing.iter().filter_map(|list| list.get(i));
            let name: Vec<&str> = { name.map(String::as_str) }
                .filter(|word| !word.is_empty())
                .collect();
            let name = Some(name.join(" ")).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| "no flags".to_owned());
            (name, of_side(&policies, i).copied())
        };
        Ok([side(0), side(1)])
    }

    /// Reads side `i`.
    fn read(&self, i: usize, (name, policy): NamedSide) -> Result<Side, String> {
        let flags = of_side(&self.flags, i).map_or("", String::as_str);
        let flags = shell_words::split(flags).map_err(|e| format!("--flags {flags}: {e}"))?;
        let words = [&self.include_dirs, &self.defines, &self.standard];
        let reading = ReadOptions::new(words.map(|all| of_side(all, i)));
        let triple = of_side(&self.target, i);
        let named = triple.map(|triple| reading::foreign::target(triple));
        let named = named.transpose()?;
        let source = of_side(&self.source, i).ok_or("no header is given")?;
        let source = Source {
            target: triple.cloned(),
            policy,
            ..Source::of(source, &reading, &flags)
        };
        let of_side = |why: String| format!("{name}: {why}");
        let header = source.parse().map_err(of_side)?;
        let target = reading::target(&header, named.as_ref()).map_err(of_side)?;
        Ok(Side {
            policy: policy.map(|policy| policy.on(&target)),
            name,
            target,
            header,
        })
    }
}

/// Returns the option for side `i`, or for both.
fn of_side<T>(given: &[T], i: usize) -> Option<&T> {
    given.get(i).or(given.first())
}
