//! Every flag of Cranelift with every value, in the ISA of a front end. Each value is refused, or
//! functions of C and of a language are as they were. Only `refused` lists the refused values.

use cabi::{FnSig, Target, VectorLevel, X86_64_LANG, X86_64_SYSV};
use cabi_verify::build::ProgramTarget;
use cabi_verify::case::Subject;
use cabi_verify::probe::{Emission, Probe};
use cabi_verify::threads::{at_once, in_threads};
use cabi_verify::verify::units::Mistake;
use clif_cabi::cranelift_codegen::settings::{self, Setting, SettingKind};

use super::own::signatures;
use crate::signatures::Signature;
use crate::suite::{Result, Suite};

/// One of so many signatures is compiled with each value.
const STEP: usize = 6;

const NUMBERS: [u8; 4] = [0, 1, 2, 12];

/// Returns the reason why a value is refused.
fn refused(flag: (&str, &str)) -> Option<&'static str> {
    Some(match flag {
        ("enable_llvm_abi_extensions", "true") => "returns a third integer in rcx, which is not C",
        ("enable_multi_ret_implicit_sret", "true") => "returns results as no C function does",
        ("libcall_call_conv", own) if own != "isa_default" && own != "system_v" => {
            "calls library routines such as memcpy by a convention that is not C's"
        }
        ("probestack_size_log2", "0" | "1") => {
            "must be at least 2: a probe writes 4 bytes, over the caller's frame pointer"
        }
        _ => return None,
    })
}

/// Returns the values of a flag, or some numbers.
fn values(setting: Setting) -> Vec<(&'static str, String)> {
    let values = match setting.kind {
        SettingKind::Bool => ["false", "true"].map(str::to_owned).to_vec(),
        SettingKind::Num => NUMBERS.map(|n| n.to_string()).to_vec(),
        _ => {
            let values = setting.values.unwrap_or_default().iter();
            values.map(|value| (*value).to_owned()).collect()
        }
    };
    let values = values.into_iter();
    values.map(|value| (setting.name, value)).collect()
}

pub(super) fn run(
    (target, probe): (&ProgramTarget, &Probe),
    subjects: &[&Subject],
    suite: &mut Suite,
) -> Result<()> {
    if target.target != Target::X86_64_LINUX {
        return Ok(());
    }
    let mut sample = Vec::new();
    for convention in [&X86_64_SYSV, &X86_64_LANG] {
        let own = signatures(&target.target, subjects, convention)?;
        sample.extend(own.into_iter().step_by(STEP));
    }
    let flags = settings::builder().iter().flat_map(values);
    let flags = flags.filter(|(name, value)| suite.wants(&format!("{name}={value}")));
    let flags: Vec<(&str, String)> = flags.collect();
    let outcome = |(name, value): &(&str, String)| {
        let emission = Emission {
            target: &target.target,
            vectors: VectorLevel::Baseline,
            settings: &[(name, value)],
            forms: (0, 1),
            mutation: Mistake::NONE.mutation,
        };
        Ok::<_, String>(outcome(probe, &sample, &emission, (name, value)))
    };
    let outcomes = in_threads(&flags, at_once(), outcome, |_| ());
    let engine = suite.engine("flags");
    for ((name, value), outcome) in flags.iter().zip(outcomes) {
        let flag = format!("{name}={value}");
        suite.report.outcome(&engine, &flag, outcome?);
    }
    Ok(())
}

/// Checks whether the value of a flag is refused as it should be, or changes nothing.
fn outcome(
    probe: &Probe,
    signatures: &[Signature],
    emission: &Emission<'_>,
    flag: (&str, &str),
) -> std::result::Result<(), String> {
    let sigs: Vec<FnSig> = signatures.iter().map(|one| one.sig.clone()).collect();
    let refused = refused(flag).map(|why| format!("the setting {} {why}", flag.0));
    let emitted = match (probe.emitted(&sigs, emission), refused) {
        (Ok(emitted), None) => emitted,
        (Ok(_), Some(_)) => return Err("the setting is not refused".to_owned()),
        (Err(why), Some(own)) if why.to_string().ends_with(&own) => return Ok(()),
        (Err(why), _) => return Err(why.to_string()),
    };
    for (one, emitted) in signatures.iter().zip(&emitted) {
        let refused = emitted.iter().find_map(|side| side.as_ref().err());
        let refused = refused.map(ToString::to_string);
        let mut differences = one.differs(emitted).into_iter().flatten().chain(refused);
        if let Some(why) = differences.next() {
            return Err(format!("{}: {why}", one.name));
        }
    }
    Ok(())
}
