//! `cabi rules`: prints a convention's tables.

use std::fmt::Write;

use cabi::convention::{Frame, Rule};
use cabi::{Convention, Target, X86_64_SYSV, X86_64_WIN64, zig};
use clap::Args;

/// The conventions that are found by their names.
const NAMED: [&Convention; 5] = [
    &X86_64_SYSV,
    &X86_64_WIN64,
    &zig::AUTO,
    &zig::AUTO_TRACED,
    &zig::NAKED,
];

/// Prints the tables of a calling convention, those that C has on a target.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cabi rules\n  cabi rules x86_64-pc-windows-gnu\n  cabi rules 'x64 Windows'"
)]
pub(crate) struct Rules {
    /// Triple of a target, or the name of a convention; the host by default.
    #[arg(value_name = "TARGET|CONVENTION")]
    target: Option<String>,
}

impl Rules {
    pub(crate) fn run(&self) -> Result<String, String> {
        if let Some(name) = &self.target
            && let Some(convention) = NAMED
                .iter()
                .find(|convention| convention.name.eq_ignore_ascii_case(name))
        {
            return Ok(tables(convention, convention.name));
        }
        let target = match &self.target {
            None => Target::host(),
            Some(name) => {
                let triple = name.parse();
                let wrong = |e| format!("{name} is no convention, and no target: {e}");
                Target::new(&triple.map_err(wrong)?)
            }
        };
        let target = target.map_err(|e| e.to_string())?;
        let convention = target
            .convention()
            .ok_or_else(|| format!("{}: no C calling convention is known for it", target.name()))?;
        let title = format!("{} on {}", convention.name, target.name());
        Ok(tables(convention, &title))
    }
}

fn tables(convention: &Convention, title: &str) -> String {
    let mut text = format!("{title}\n");
    list(
        &mut text,
        "arguments: the first rule that has a place wins",
        convention.rules.args,
    );
    list(
        &mut text,
        "results: what no rule places is returned through a pointer",
        convention.rules.results,
    );
    let Frame {
        shadow_space,
        stack_align,
        slot,
        ..
    } = convention.frame;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "\nstack: aligned to {stack_align} at calls, slots of {slot}, shadow space {shadow_space} bytes"
    );
    if let Some(most) = convention.frame.vector_align {
        let _ = writeln!(
            text,
            "the stack is also aligned to the widest vector register that a function assumes, up to {most}; the area is rounded up to its alignment"
        );
    }
    if let Some(reg) = convention.frame.sret_returned_in {
        let _ = writeln!(text, "a hidden result pointer is returned in {reg}");
    }
    if let Some(reg) = convention.frame.carried {
        let _ = writeln!(
            text,
            "{reg} holds an address of the language's at every call, and is returned as it is"
        );
    }
    if let Some(reg) = convention.frame.variadic_count {
        let _ = writeln!(text, "variadic calls count their vector registers in {reg}");
    }
    text
}

fn list(text: &mut String, title: &str, rules: &[Rule]) {
    let _ = writeln!(text, "\n{title}");
    for (i, rule) in rules.iter().enumerate() {
        let _ = writeln!(text, "  {}. {rule}", i + 1);
    }
}
