//! The CLIF of chosen signatures as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::corpus::{Corpus, files, folder};
use cabi::{FnSig, Type};
use cabi_verify::case::Case;
use cabi_verify::report::Report;
use clif_cabi::cranelift_codegen::ir::{
    self, AbiParam, ExtFuncData, ExternalName, InstBuilder, Signature, StackSlotData,
    StackSlotKind, types,
};
use clif_cabi::cranelift_codegen::isa::CallConv;
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi::{Arg, LowerError, Lowering, Ret, Stub, Stubs, value_type};
use clif_cabi_jit::{Engine, Settings};

use crate::kept::held;
use crate::suite;

/// How many blocks of the corpus have a file with their CLIF: a file that is lost is noticed.
const N_FILES: usize = 28;

/// Compares, or with `CABI_BLESS=1` rewrites; and looks for `memcpy` where there must be none.
pub(crate) fn run(report: &mut Report) -> suite::Result<()> {
    let corpus = Corpus::read("x86-64-sysv", "clif", report)?;
    let engine = Engine::new(&Settings::default())?;
    let lower = Lowering::new(engine.isa())?;
    let texts = texts(&corpus, &lower, report);
    let mut kept = files(&folder().join("clif"), "clif")?;
    kept.sort();
    if kept.len() != N_FILES {
        return Err(format!("{} files of CLIF, not {N_FILES}", kept.len()).into());
    }
    for path in kept {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let outcome = match texts.get(&*name) {
            None if corpus.subjects.is_empty() => continue,
            None => Err("no such block in the corpus".to_owned()),
            Some(text) => held(&path, text),
        };
        report.outcome("clif golden", &name, outcome);
    }
    Ok(())
}

/// The text of each block, which is looked at for `memcpy`.
fn texts<'c>(
    corpus: &'c Corpus,
    lower: &Lowering,
    report: &mut Report,
) -> BTreeMap<&'c str, String> {
    let mut out = BTreeMap::new();
    for subject in &corpus.subjects {
        let name = subject.block.name.as_str();
        let mut text = String::new();
        for line in subject.block.code.lines() {
            let _ = writeln!(text, "; {line}");
        }
        for case in &subject.cases {
            let Ok(sig) = case.sig(subject.block.policy) else {
                continue;
            };
            let parts = [
                call(lower, case, &sig).map(|text| format!("\n; the call\n{text}")),
                entry(lower, case, &sig).map(|text| format!("\n; the function\n{text}")),
            ];
            let largest = sig.params().iter().map(|param| param.ty.size());
            let largest = largest.chain([sig.result().size()]).max().unwrap_or(0);
            for part in parts {
                match part {
                    Ok(part) => {
                        if largest <= 64 {
                            let copies = part.contains("memcpy") || part.contains("sarg");
                            // A function of its own takes what is in memory through one pointer to the area, which copies nothing.
                            let copies = copies
                                && (part.contains("memcpy") || part.starts_with("\n; the call"));
                            let outcome = if copies { Err(part.clone()) } else { Ok(()) };
                            report.outcome("clif no memcpy", &case.name, outcome);
                        }
                        text.push_str(&part);
                    }
                    Err(error) => {
                        let _ = writeln!(text, "\n; refused: {error}");
                    }
                }
            }
        }
        out.insert(name, text);
    }
    out
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

/// A function that calls `f`: it takes scalars as values, everything else by address, and the address of a result that is no scalar first.
fn call(lower: &Lowering, case: &Case, sig: &FnSig) -> Result<String, LowerError> {
    let mut signature = Signature::new(CallConv::Fast);
    let in_memory = sig.result().size() > 0 && one_value(sig.result()).is_none();
    let own = |ty: &Type| AbiParam::new(one_value(ty).unwrap_or(types::I64));
    if in_memory {
        signature.params.push(AbiParam::new(types::I64));
    }
    signature
        .params
        .extend(sig.params().iter().map(|param| own(&param.ty)));
    let value = one_value(sig.result()).filter(|_| !sig.is_noreturn());
    signature.returns.extend(value.map(AbiParam::new));
    text(&signature, |builder, block| {
        let params = builder.block_params(block).to_vec();
        let (ret, params) = params.split_at(usize::from(in_memory));
        let args: Vec<Arg> = params
            .iter()
            .zip(sig.params())
            .map(|(value, param)| match one_value(&param.ty) {
                Some(_) => Arg::value(*value),
                None => Arg::memory(*value),
            })
            .collect();
        let ret = match (ret, value) {
            ([address], _) => Ret::memory(*address),
            (_, Some(_)) => Ret::Value,
            _ => Ret::Ignore,
        };
        let callee = FuncId::from_u32(0);
        let returned = lower.call_sig(&mut Names, builder, callee, sig, &args, ret)?;
        if !case.prototype.noreturn {
            let values: Vec<ir::Value> = returned.value().into_iter().collect();
            builder.ins().return_(&values);
        }
        Ok(())
    })
}

/// The function itself: it hands its arguments to `take`, scalars as values and the rest by address, and returns the object it gives the
/// address of.
fn entry(lower: &Lowering, case: &Case, sig: &FnSig) -> Result<String, LowerError> {
    let plan = lower.entry_plan(sig)?;
    text(plan.signature(), |builder, block| {
        let entry = lower.enter(builder, block, sig)?;
        let mut take = Signature::new(CallConv::Fast);
        let mut values = Vec::new();
        let list = StackSlotData::new(StackSlotKind::ExplicitSlot, 24, 3);
        let list = sig
            .is_variadic()
            .then(|| builder.create_sized_stack_slot(list));
        let list = list.map(|list| builder.ins().stack_addr(types::I64, list, 0));
        if let Some(list) = list {
            entry.va_start(builder, list)?;
        }
        for (i, param) in sig.params().iter().enumerate() {
            let unnamed = list.filter(|_| i >= sig.n_named());
            let unnamed =
                unnamed.map(|list| lower.va_arg_unpromoted(builder, list, sig, &param.ty));
            let value = match (unnamed.transpose()?, one_value(&param.ty)) {
                (Some(at), Some(ty)) => builder.ins().load(ty, ir::MemFlagsData::new(), at, 0),
                (Some(at), None) => at,
                (None, Some(_)) => entry.value(builder, i)?,
                (None, None) => entry.address(builder, i)?,
            };
            take.params
                .push(AbiParam::new(builder.func.dfg.value_type(value)));
            values.push(value);
        }
        let take = builder.import_signature(take);
        let take = named(builder.func, "take", take);
        builder.ins().call(take, &values);
        if case.prototype.noreturn {
            builder.ins().trap(ir::TrapCode::unwrap_user(1));
            return Ok(());
        }
        let result = sig.result();
        let value = match one_value(result) {
            None if result.size() == 0 => None,
            _ => {
                let size = u32::try_from(result.size()).unwrap_or(0);
                let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, size, 4);
                let slot = builder.create_sized_stack_slot(slot);
                Some(match one_value(result) {
                    Some(ty) => Arg::value(builder.ins().stack_load(types::I64, ty, slot, 0)),
                    None => Arg::memory(builder.ins().stack_addr(types::I64, slot, 0)),
                })
            }
        };
        entry.ret(&mut Names, builder, value.as_ref())
    })
}

/// What a front end holds as one value; it keeps records in memory.
fn one_value(ty: &Type) -> Option<ir::Type> {
    value_type(ty).filter(|_| ty.as_record().is_none() && ty.size() > 0)
}

fn text(
    signature: &Signature,
    build: impl FnOnce(&mut FunctionBuilder<'_>, ir::Block) -> Result<(), LowerError>,
) -> Result<String, LowerError> {
    let mut func = ir::Function::new();
    func.signature = signature.clone();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut fn_ctx);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    build(&mut builder, block)?;
    builder.seal_all_blocks();
    Ok(func.to_string())
}
