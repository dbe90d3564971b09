//! x18, which Apple's and Windows's systems have for themselves on AArch64. A disassembler finds no
//! instruction that names it in both sides of each signature, in their stubs, and in functions that
//! closures enter.

use std::process::Command;

use cabi::{FnSig, Target, VectorLevel};
use cabi_verify::build::ProgramTarget;
use cabi_verify::case::Subject;
use cabi_verify::probe::{Emission, SETTINGS};
use cabi_verify::verify::units::Mistake;
use clif_cabi::clif_cabi_plan::Machine;

use crate::signatures::of_level;
use crate::suite::{Result, Suite};

const DISASSEMBLER: &str = "aarch64-linux-gnu-objdump";

pub(super) fn run(target: &ProgramTarget, subjects: &[&Subject], suite: &mut Suite) -> Result<()> {
    let target = &target.target;
    let (true, Some(c)) = (target.name().starts_with("aarch64"), target.convention()) else {
        return Ok(());
    };
    let (name, engine) = (target.name(), suite.engine("x18"));
    if let Err(why) = Command::new(DISASSEMBLER).arg("--version").output() {
        let why = format!("{DISASSEMBLER}: {why}");
        suite.report.absent(&engine, &why);
        return Ok(());
    }
    let sigs = of_level(subjects, VectorLevel::Baseline).into_iter();
    let sigs: Vec<FnSig> = sigs.map(|one| one.sig).collect();
    let (closures, context) = Machine::closures(target, c)?;
    let of_closure = |sig: &FnSig| {
        let sig = sig.clone().convention(closures);
        sig.static_chain(target.data_model())
    };
    let chained: Vec<FnSig> = sigs.iter().map(of_closure).collect();
    let [calls, chains] = [sigs, chained].map(|sigs| named(target, &sigs));
    let (calls, chains) = (calls?, chains?);
    // Linux, whose chain is there, shows that it would be found.
    let has_chains = (context.name() == "x18") != chains.is_empty();
    let (holds, why) = (
        calls.is_empty() && has_chains,
        format!("{calls:?} {chains:?}"),
    );
    suite.report.check(&engine, name, holds, why);
    Ok(())
}

/// Returns the instructions that name x18 in our code for `sigs`, under every setting.
fn named(target: &Target, sigs: &[FnSig]) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ours.o");
    let mut lines = Vec::new();
    for (turn, settings) in SETTINGS.iter().enumerate() {
        let emission = Emission {
            target,
            vectors: VectorLevel::Baseline,
            settings,
            forms: (turn, 1),
            mutation: Mistake::NONE.mutation,
        };
        std::fs::write(&path, emission.object_file(sigs)?)?;
        let read = Command::new(DISASSEMBLER).arg("-d").arg(&path).output()?;
        let text = String::from_utf8(read.stdout)?;
        let n = text.lines().filter(|line| line.ends_with("\tret")).count();
        if n < sigs.len() {
            return Err(format!("{n} functions of {} signatures", sigs.len()).into());
        }
        let is_word = |c: char| !c.is_alphanumeric();
        let names = |line: &&str| {
            line.split(is_word)
                .any(|word| ["x18", "w18"].contains(&word))
        };
        lines.extend(text.lines().filter(names).map(str::to_owned));
    }
    Ok(lines)
}
