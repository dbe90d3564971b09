//! Where clang's code reads arguments and writes results. Each function compiled returns one part of one argument, so its code names one place, that of
//! the part; or it returns a value, and names all places of that.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use cabi::{Convention, Loc, Place};

use crate::values::PRELUDE;
use crate::{Case, Machine};

/// How the assembly of a machine is read.
pub(crate) struct Assembly {
    /// The registers of arguments and results that instructions name.
    pub(crate) registers: &'static [&'static str],
    /// How operands name one of these, or so many bytes from the start of the argument area.
    pub(crate) operands: fn(&str, Option<u64>) -> Vec<String>,
    /// Registers in which an integer, a `float` and a `double` are returned.
    pub(crate) results: [&'static str; 3],
}

/// Compiles the functions of all cases; `None` if there is no compiler.
pub(crate) fn compile(machine: &Machine) -> Option<String> {
    let mut c = PRELUDE.to_owned();
    for (n, case) in machine.cases.iter().enumerate() {
        write_case(&mut c, n, case, machine);
    }
    let flags = [
        "-O2",
        "-S",
        "-fomit-frame-pointer",
        "-fno-asynchronous-unwind-tables",
        "-fno-pic",
        "-w",
        "-xc",
    ];
    run(&c, machine.options, &flags)
}

/// What clang makes of `source`; `None` if there is no compiler.
pub(crate) fn run(source: &str, options: &[&str], flags: &[&str]) -> Option<String> {
    let output = clang(source, options, flags)?;
    assert!(
        output.status.success(),
        "clang-19 {options:?} refuses\n{source}"
    );
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Whether clang accepts `c`; `None` if there is no compiler.
pub(crate) fn compiles(c: &str, options: &[&str]) -> Option<bool> {
    Some(
        clang(c, options, &["-fsyntax-only", "-xc"])?
            .status
            .success(),
    )
}

fn clang(source: &str, options: &[&str], flags: &[&str]) -> Option<Output> {
    let mut clang = Command::new("clang-19");
    clang.args(options).args(flags).args(["-o-", "-"]);
    clang
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = clang.spawn();
    let Ok(mut child) = child else {
        let required = std::env::var_os("CABI_REQUIRE_ORACLES").is_some_and(|value| value == "1");
        assert!(!required, "there is no clang-19");
        // Straight to the stream: libtest hides what the print macros write when a test passes.
        let line = format!("not run: there is no clang-19 to compare {options:?} with\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
        return None;
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(source.as_bytes())
        .unwrap();
    Some(child.wait_with_output().unwrap())
}

/// `f1_2_0` returns the first part of the third argument of the second case, `r1` returns its result.
fn write_case(c: &mut String, n: usize, case: &Case, machine: &Machine) {
    let (args, result, _) = case.sig(machine);
    let attribute = match case.0.contains("regparm") {
        true => "__attribute__((regparm(3))) ",
        false => "",
    };
    let all = args.iter().enumerate();
    let all: Vec<String> = all.map(|(i, own)| format!("{} a{i}", own.c)).collect();
    let all = all.join(", ");
    for (i, value) in args.iter().enumerate() {
        for (k, read) in value.reads.iter().enumerate() {
            let expression = read.expression.replace('@', &format!("a{i}"));
            let head = format!("{attribute}{} f{n}_{i}_{k}({all})", read.ty);
            let _ = writeln!(c, "{head} {{ return {expression}; }}");
        }
    }
    if args.is_empty() {
        let own = result.c;
        let _ = writeln!(c, "extern {own} g{n}; {own} r{n}(void) {{ return g{n}; }}");
    }
}

/// The places that the code of `function` in `text` names, in instructions that have `operand` too.
fn named(machine: &Machine, text: &str, function: &str, operand: &str) -> Vec<String> {
    let (_, code) = text.split_once(&format!("{function}:")).unwrap();
    let (code, _) = code.split_once("\tret").unwrap();
    let is_word = |c: char| c.is_alphanumeric() || "%#_+".contains(c);
    let has = |line: &str, operand: &str| {
        let mut found = line.match_indices(operand);
        found.any(|(at, _)| {
            let (before, after) = (&line[..at], &line[at + operand.len()..]);
            !before.ends_with(is_word) && !after.starts_with(is_word)
        })
    };
    let lines = code.lines();
    let lines: Vec<&str> = lines.filter(|line| has(line, operand)).collect();
    let is_named = |operand: &String| lines.iter().any(|line| has(line, operand));
    let Assembly {
        registers,
        operands,
        ..
    } = machine.assembly;
    let registers = registers
        .iter()
        .map(|name| ((*name).to_owned(), operands(name, None)));
    let slots = (0..64).map(|at| (format!("stack {at}"), operands("", Some(at))));
    let all = registers.chain(slots);
    let all = all.filter(|(_, operands)| operands.iter().any(is_named));
    all.map(|(place, _)| place).collect()
}

/// Compares the places of all cases under `convention` with those that clang's code in `text` names: how many, and what differs.
pub(crate) fn compare(
    machine: &Machine,
    convention: &'static Convention,
    text: &str,
) -> (usize, Vec<String>) {
    let results = machine.assembly.results;
    let (mut n, mut wrong) = (0, Vec::new());
    let mut check = |function: String, operand: &str, place: Option<String>, unnamed: &str| {
        let found = named(machine, text, &function, operand);
        n += 1;
        // What is in the register of the result already, no instruction names.
        let is_its = |own: &String| Some(own) == place.as_ref() || own == unnamed;
        let is_read = |own: &String| found.contains(own) || own == unnamed;
        if !place.as_ref().is_some_and(is_read) || !found.iter().all(is_its) {
            wrong.push(format!("{function}: {place:?}, clang names {found:?}"));
        }
    };
    for (n, case) in machine.cases.iter().enumerate() {
        let (args, result, _) = case.sig(machine);
        let Ok(abi) = case.abi(machine, convention) else {
            return (0, vec![format!("{}: refused", case.0)]);
        };
        for (i, (value, arg)) in args.iter().zip(&abi.args).enumerate() {
            for (k, read) in value.reads.iter().enumerate() {
                let place = place_of(&arg.place, read.offset);
                let result = match read.ty {
                    "float" => results[1],
                    "double" => results[2],
                    _ => results[0],
                };
                check(format!("f{n}_{i}_{k}"), "", place, result);
            }
        }
        if args.is_empty() {
            for read in result.reads {
                let part = match read.offset {
                    0 => format!("g{n}"),
                    at => format!("g{n}+{at}"),
                };
                let place = place_of(&abi.ret.place, read.offset);
                check(format!("r{n}"), &part, place, "st0");
            }
        }
    }
    (n, wrong)
}

/// The place of what is `offset` bytes from the start of a value at `place`.
fn place_of(place: &Place, offset: u64) -> Option<String> {
    let name = |loc: &Loc, within: u64| match loc {
        Loc::Reg(reg) => Some(reg.to_string()),
        Loc::Stack(offset) => Some(format!("stack {}", offset + within)),
        _ => None,
    };
    match place {
        Place::Parts(parts) => parts.iter().find_map(|placed| {
            let from = u64::from(placed.part.offset);
            let holds = (from..from + u64::from(placed.part.size)).contains(&offset);
            holds.then(|| name(&placed.loc, offset - from))?
        }),
        Place::Stack { offset: start, .. } => Some(format!("stack {}", start + offset)),
        _ => None,
    }
}
