//! The CLIF of chosen signatures as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::corpus::{self, files, folder};
use cabi::FnSig;
use cabi_verify::case::Subject;
use cabi_verify::report::Report;
use clif_cabi::cranelift_codegen::ir::{self, ExtFuncData, ExternalName};
use clif_cabi::cranelift_codegen::isa::TargetFrontendConfig;
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi::{Function, LowerError, Lowering, Stub, Stubs};
use clif_cabi_jit::{Engine, Settings};

use crate::golden_text::held;
use crate::hand::build;
use crate::{shims, suite};

/// Number of blocks of the corpus that have a file with their CLIF: a file that is lost is noticed.
const N_FILES: usize = 28;

/// Compares, or with `CABI_BLESS=1` rewrites; and looks for `memcpy` where there must be none.
pub(crate) fn run(report: &mut Report) -> suite::Result<()> {
    let subjects = corpus::read("x86-64-sysv", "clif", report)?;
    let engine = Engine::new(&Settings::default())?;
    let lower = Lowering::new(engine.isa())?;
    let config = engine.isa().frontend_config();
    let texts = texts(&subjects, (&lower, config), report);
    let mut paths = files(&folder().join("clif"), "clif")?;
    paths.sort();
    if paths.len() != N_FILES {
        return Err(format!("{} files of CLIF, not {N_FILES}", paths.len()).into());
    }
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let outcome = match texts.get(&*name) {
            None if subjects.is_empty() => continue,
            None => Err("no such block in the corpus".to_owned()),
            Some(text) => held(&path, text),
        };
        report.outcome("clif golden", &name, outcome);
    }
    Ok(())
}

/// Returns the text of each block, which is looked at for `memcpy`.
fn texts<'c>(
    subjects: &'c [Subject],
    (lower, config): (&Lowering, TargetFrontendConfig),
    report: &mut Report,
) -> BTreeMap<&'c str, String> {
    let mut out = BTreeMap::new();
    for subject in subjects {
        let mut text = String::new();
        for line in subject.block.code.lines() {
            let _ = writeln!(text, "; {line}");
        }
        for case in &subject.cases {
            let Ok(sig) = case.sig(subject.block.policy) else {
                continue;
            };
            let clif = match function(lower, config, &sig) {
                Ok(func) => func.to_string(),
                Err(error) => {
                    let _ = writeln!(text, "\n; refused: {error}");
                    continue;
                }
            };
            let sizes = sig.params().iter().map(|param| param.ty.size());
            if sizes.chain([sig.result().size()]).all(|size| size <= 64) {
                // Values that the function's own signature has in memory are there already: it
                // copies nothing.
                let body = clif.split_once('\n').map_or("", |(_, body)| body);
                let copies = body.contains("memcpy") || body.contains("sarg");
                let outcome = if copies { Err(clif.clone()) } else { Ok(()) };
                report.outcome("clif no memcpy", &case.name, outcome);
            }
            text = format!("{text}\n{clif}");
        }
        out.insert(subject.block.name.as_str(), text);
    }
    out
}

/// Returns a function of `sig` that hands its arguments on to `f` and returns the result of `f`. A
/// variadic `f` has a call with arguments in memory.
fn function(
    lower: &Lowering,
    config: TargetFrontendConfig,
    sig: &FnSig,
) -> Result<ir::Function, LowerError> {
    if sig.is_variadic() {
        return shims::shim(&mut Names, lower, config, sig);
    }
    let callee = Function::new(FuncId::from_u32(0), "f", sig.clone());
    build(config, |builder| {
        lower.forward(&mut Names, builder, sig, &callee)
    })
}

/// Stubs and functions by name only: what a front end without a module brings.
#[derive(Default)]
struct Names;

impl Stubs for Names {
    fn stub(
        &mut self,
        stub: Stub,
        signature: ir::SigRef,
        func: &mut ir::Function,
    ) -> Result<ir::FuncRef, LowerError> {
        Ok(named(func, &stub.name(), signature))
    }

    fn function(
        &mut self,
        _: FuncId,
        signature: ir::SigRef,
        func: &mut ir::Function,
    ) -> Result<ir::FuncRef, LowerError> {
        Ok(named(func, "f", signature))
    }
}

fn named(func: &mut ir::Function, name: &str, signature: ir::SigRef) -> ir::FuncRef {
    func.import_function(ExtFuncData {
        name: ExternalName::testcase(name),
        signature,
        colocated: false,
        patchable: false,
    })
}
