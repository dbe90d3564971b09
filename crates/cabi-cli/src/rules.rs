//! `cabi rules`: prints a convention's tables.

use std::fmt::Write;

use cabi::rules::Rule;
use cabi::{Convention, Target};
use clap::Args;

/// The tables of the convention that C has on a target.
#[derive(Args)]
#[command(after_help = "Example:\n  cabi rules x86_64-pc-windows-gnu")]
pub(crate) struct Rules {
    /// Triple of the target; the host's by default.
    target: Option<String>,
}

impl Rules {
    pub(crate) fn run(&self) -> Result<String, String> {
        let target = match &self.target {
            None => Target::host(),
            Some(triple) => Target::new(&triple.parse().map_err(|e| format!("{triple}: {e}"))?),
        };
        let target = target.map_err(|e| e.to_string())?;
        let convention = target
            .convention()
            .ok_or_else(|| format!("{}: no C calling convention is known for it", target.name()))?;
        Ok(tables(convention, target.name()))
    }
}

fn tables(convention: &Convention, target: &str) -> String {
    let mut text = format!("{} on {target}\n", convention.name);
    list(
        &mut text,
        "arguments: the first rule that has a place wins",
        convention.args,
    );
    list(
        &mut text,
        "results: what no rule places is returned through a pointer",
        convention.results,
    );
    let Convention {
        shadow_space,
        stack_align,
        slot,
        ..
    } = convention;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "\nstack: aligned to {stack_align} at calls, slots of {slot}, shadow space {shadow_space} bytes"
    );
    if let Some(reg) = convention.sret_echo {
        let _ = writeln!(text, "a hidden result pointer is handed back in {reg}");
    }
    if let Some(reg) = convention.variadic_count {
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
