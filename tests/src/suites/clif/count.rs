//! The machine code of shims, lowered and by hand, as text that is kept. One instruction more is a
//! failure that shows the lines that differ.
//!
//! Negative controls are shims with a padding argument, with values that are kept across the call,
//! and with a copy by `memcpy`. The kept shim has none of these.

use std::fs;
use std::path::PathBuf;

use cabi_verify::report::Report;
use clif_cabi::Lowering;
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::ir::Function;
use clif_cabi::cranelift_codegen::isa::TargetIsa;
use clif_cabi::cranelift_module::Module;
use clif_cabi_jit::{Cpu, Engine, Settings};
use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};

use crate::corpus::folder;
use crate::golden_text::{self, both};
use crate::hand::Hand;
use crate::measured_signatures::{MeasuredSignature, measured};
use crate::shims;
use crate::suite::{Result, is_blessed};

/// The signatures whose shims may be longer than those by hand. They have a record in memory, which
/// Cranelift by hand copies with `memcpy`. The copy is shorter as text and longer to run.
const COPIED_BY_HAND: [&str; 2] = ["s_l4", "s_l9"];

/// Shims that are worse than the lowered one of a signature, and why.
const WORSE: [(&str, &str, &str); 3] = [
    ("i32_2", "a padding argument", "i32@0 i32@4 i64@8 -> i32@0"),
    (
        "i32_2",
        "two values kept across the call",
        "
    sig0 = (i32, i32) -> i32 system_v
block0(v0: i64, v1: i64, v2: i64):
    v3 = load.i32 v0
    v4 = load.i32 v0+4
    v5 = call_indirect sig0, v2(v3, v4)
    v6 = iadd v5, v3
    v7 = iadd v6, v4
    store v7, v1
    return
",
    ),
    (
        "mix10",
        "records copied by memcpy",
        "i32@0 f64@8 f64@16 i64@24 i64@32 f32@40 sload8@44 sload16@46 sarg(16)@48 sarg(16)@64 i32@80 -> f64@0",
    ),
];

/// Reports the table, and a failure for each shim that is not as it is kept.
pub(crate) fn run(report: &mut Report) -> Result<()> {
    // Not this machine's own instructions: the code is the same everywhere.
    let settings = Settings::default().memory(1 << 20).cpu(Cpu::Baseline);
    let mut engine = Engine::new(&settings)?;
    let lower = Lowering::new(engine.isa())?;
    let config = engine.isa().frontend_config();
    let mut table = String::from("instructions of a shim:   lowered  by hand");
    let signatures = measured()?;
    for measured in &signatures {
        let func = shims::shim(&mut engine, &lower, config, &measured.sig)?;
        let now = disassembly(engine.isa(), func)?;
        let by_hand = match &measured.hand {
            Some(hand) => Some(disassembly(engine.isa(), hand.function(config)?)?),
            None => None,
        };
        let (n, n_by_hand) = (count(&now), by_hand.as_deref().map(count));
        let hand = n_by_hand.map_or_else(|| "-".to_owned(), |n| n.to_string());
        table.push_str(&format!("\n  {:<23} {n:>7} {hand:>8}", measured.name));
        let outcome = held(measured, &now);
        report.outcome("clif shim", measured.name, outcome);
        if let Some(same_code) = &measured.same_code {
            let same_code = disassembly(engine.isa(), same_code.function(config)?)?;
            // In whichever order it loads.
            let sorted = |text: &str| {
                let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            let (is_same, why) = (sorted(&same_code) == sorted(&now), both(&same_code, &now));
            report.check("clif by hand, the same code", measured.name, is_same, why);
        }
        if let Some(by_hand) = by_hand.filter(|_| !COPIED_BY_HAND.contains(&measured.name)) {
            let outcome = no_longer(&by_hand, &now, "by hand");
            report.outcome("clif by hand", measured.name, outcome);
        }
    }
    report.note(table);
    controls(report, &engine)
}

/// Returns the place in which the code of a shim is kept.
fn path(measured: &MeasuredSignature) -> PathBuf {
    let name = format!("{}.asm", measured.name);
    folder().join("clif/shims").join(name)
}

/// Checks whether the shim is the one that is kept; `CABI_BLESS=1` keeps it.
fn held(measured: &MeasuredSignature, now: &str) -> std::result::Result<(), String> {
    let head = format!("; {}\n; {} instructions", measured.sig, count(now));
    golden_text::held(&path(measured), &format!("{head}\n{now}"))
}

/// Returns an error with both texts if `now` has more instructions than `before`.
fn no_longer(before: &str, now: &str, which: &str) -> std::result::Result<(), String> {
    match (count(before), count(now)) {
        (n_before, n) if n > n_before => Err(format!(
            "{n} instructions, {n_before} {which}\n{}",
            both(before, now)
        )),
        _ => Ok(()),
    }
}

/// Checks that a worse shim is noticed, as longer than the text that is kept.
fn controls(report: &mut Report, engine: &Engine) -> Result<()> {
    if is_blessed() {
        return Ok(());
    }
    let signatures = measured()?;
    for (name, worse, text) in WORSE {
        let of_name = signatures.iter().find(|measured| measured.name == name);
        let measured = of_name.ok_or("a control of no signature")?;
        let hand = Hand::of(text).ok_or("a control without a call")?;
        let func = hand.function(engine.isa().frontend_config())?;
        let now = disassembly(engine.isa(), func)?;
        let stored = fs::read_to_string(path(measured)).unwrap_or_default();
        let is_longer = no_longer(&stored, &now, "in the text that is kept").is_err();
        let noticed = is_longer && held(measured, &now).is_err();
        report.check("clif shim controls", worse, noticed, "it was not noticed");
    }
    Ok(())
}

/// Returns the instructions of the compiled function, a line each: all before the constants after
/// its end, of which these functions have none.
fn disassembly(isa: &dyn TargetIsa, func: Function) -> Result<String> {
    let mut ctx = Context::for_function(func);
    let code = ctx
        .compile(isa, &mut Default::default())
        .map_err(|error| format!("{:?}", error.inner))?;
    let mut formatter = IntelFormatter::new();
    let mut text = String::new();
    for instruction in Decoder::new(64, code.code_buffer(), DecoderOptions::NONE) {
        formatter.format(&instruction, &mut text);
        text.push('\n');
    }
    Ok(text)
}

fn count(text: &str) -> usize {
    text.lines().filter(|line| !line.starts_with(';')).count()
}
