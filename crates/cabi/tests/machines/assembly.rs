//! Where clang's code reads arguments and results. Each function compiled returns one part of one argument, or of the result of a call, so its
//! code names one place: that of the part.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use cabi::{Convention, Loc, Place};

use crate::values::PRELUDE;
use crate::{Case, Machine};

/// How the assembly of a machine is read.
pub(crate) struct Assembly {
    /// What starts a comment.
    pub(crate) comment: &'static str,
    /// The first words of an instruction that returns.
    pub(crate) returns: &'static [&'static str],
    /// The first words of an instruction that calls.
    pub(crate) calls: &'static [&'static str],
    /// The register that a word names.
    pub(crate) register: fn(&str) -> Option<String>,
    /// Text before and after the offset of a slot of the argument area, and bytes of the unit it is counted in.
    pub(crate) slot: (&'static str, &'static str, u64),
    /// Offset of the argument area in these units when the function is entered.
    pub(crate) area: u64,
    /// Registers in which an integer, a `float` and a `double` are returned.
    pub(crate) results: [&'static str; 3],
}

/// The places that the code of each function names.
pub(crate) type Places = HashMap<String, BTreeSet<String>>;

/// Compiles a function for each part of each case; `None` if there is no compiler.
pub(crate) fn compile(machine: &Machine) -> Option<Places> {
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
    Some(places(
        &run(&c, machine.options, &flags)?,
        &machine.assembly,
    ))
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

fn write_case(c: &mut String, n: usize, case: &Case, machine: &Machine) {
    let (args, result, _) = case.sig(machine);
    let abi = case.abi(machine, machine.convention).unwrap();
    let all: Vec<String> = (0..args.len())
        .map(|i| format!("{} a{i}", args[i].c))
        .collect();
    let attribute = if case.0.contains("regparm") {
        "__attribute__((regparm(3))) "
    } else {
        ""
    };
    let all = if all.is_empty() {
        "void".to_owned()
    } else {
        all.join(", ")
    };
    for (i, value) in args.iter().enumerate() {
        for (k, read) in value.reads.iter().enumerate() {
            let expression = read.expression.replace('@', &format!("a{i}"));
            let _ = writeln!(
                c,
                "{attribute}{} f{n}_{i}_{k}({all}) {{ return {expression}; }}",
                read.ty
            );
        }
    }
    let is_direct = !matches!(abi.ret.place, Place::Indirect { .. });
    if args.is_empty() && is_direct {
        let _ = writeln!(c, "{} g{n}(void);", result.c);
        for (k, read) in result.reads.iter().enumerate() {
            let expression = read.expression.replace('@', "r");
            let _ = writeln!(
                c,
                "{} r{n}_{k}(void) {{ {} r = g{n}(); return {expression}; }}",
                read.ty, result.c
            );
        }
    }
}

/// The places that each function of `text` names.
fn places(text: &str, assembly: &Assembly) -> Places {
    let (mut all, mut function) = (Places::new(), String::new());
    let (mut called, mut done) = (false, false);
    for line in text.lines() {
        let line = line.split(assembly.comment).next().unwrap_or_default();
        if let Some(label) = line
            .strip_suffix(|c: char| c == ':' || c.is_whitespace())
            .map(str::trim_end)
        {
            let label = label.trim_end_matches(':');
            if !line.starts_with(char::is_whitespace)
                && !label.starts_with('.')
                && !label.is_empty()
            {
                function = label.trim_start_matches('_').to_owned();
                all.insert(function.clone(), BTreeSet::new());
                (called, done) = (false, false);
                continue;
            }
        }
        let line = line.trim();
        let starts = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
        if line.is_empty() || line.starts_with('.') || done {
            continue;
        }
        let Some(named) = all.get_mut(&function) else {
            continue;
        };
        if starts(assembly.returns) {
            done = true;
        } else if starts(assembly.calls) {
            // What was named so far made the call; slots are now those of the function's own frame.
            named.clear();
            called = true;
        } else {
            let operands = line.split_once(char::is_whitespace).unwrap_or_default().1;
            let places = named_by(operands, assembly).into_iter();
            named.extend(places.filter(|place| !(called && place.contains(' '))));
        }
    }
    all
}

/// The places that operands name: a slot, or registers.
fn named_by(operands: &str, assembly: &Assembly) -> Vec<String> {
    let (before, after, unit) = assembly.slot;
    let slots = operands.split(',').map(str::trim).filter_map(|operand| {
        let rest = operand.strip_suffix(after)?;
        rest.strip_prefix(before).map(str::to_owned)
    });
    // AArch64 has a comma inside of a slot.
    let whole = operands.split_once(", ").map_or(operands, |(_, rest)| rest);
    let whole = whole
        .strip_suffix(after)
        .and_then(|rest| rest.strip_prefix(before));
    let offset = slots.chain(whole.map(str::to_owned)).find_map(|offset| {
        let offset = offset.trim_start_matches([',', ' ', '#']);
        if offset.is_empty() {
            Some(0)
        } else {
            offset.parse::<u64>().ok()
        }
    });
    let words = operands.split(|c: char| !c.is_alphanumeric() && c != '%');
    let registers = words.filter_map(assembly.register);
    let slot = offset.map(|offset| match offset.checked_sub(assembly.area) {
        Some(offset) => format!("stack {}", offset * unit),
        None => "a slot below the area".to_owned(),
    });
    registers.chain(slot).collect()
}

/// Compares the places of all cases under `convention` with those that clang's code names: how many, and what differs.
pub(crate) fn compare(
    machine: &Machine,
    convention: &'static Convention,
    found: &Places,
) -> (usize, Vec<String>) {
    let results = machine.assembly.results;
    let mut checks = Vec::new();
    for (n, case) in machine.cases.iter().enumerate() {
        let (args, result, _) = case.sig(machine);
        let usual = case.abi(machine, machine.convention).unwrap();
        let Ok(abi) = case.abi(machine, convention) else {
            return (0, vec![format!("{}: refused", case.0)]);
        };
        for (i, (value, arg)) in args.iter().zip(&abi.args).enumerate() {
            for (k, read) in value.reads.iter().enumerate() {
                checks.push((
                    format!("f{n}_{i}_{k}"),
                    read.ty,
                    place_of(&arg.place, read.offset),
                ));
            }
        }
        if args.is_empty() && !matches!(usual.ret.place, Place::Indirect { .. }) {
            for (k, read) in result.reads.iter().enumerate() {
                checks.push((
                    format!("r{n}_{k}"),
                    read.ty,
                    place_of(&abi.ret.place, read.offset),
                ));
            }
        }
    }
    let wrong = checks.iter().filter_map(|(function, ty, place)| {
        let named = &found[function];
        // What is in the register of the result already, no instruction names.
        let result = match *ty {
            "float" => results[1],
            "double" => results[2],
            _ => results[0],
        };
        let is_read = place.as_deref().is_some_and(|place| {
            (named.contains(place) || place == result)
                && named.iter().all(|name| name == place || name == result)
        });
        (!is_read).then(|| format!("{function}: {place:?}, clang names {named:?}"))
    });
    (checks.len(), wrong.collect())
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
