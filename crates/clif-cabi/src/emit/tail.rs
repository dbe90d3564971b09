//! Tail calls: calls that take the place of the function's frame (CLIF's `return_call` and
//! `return_call_indirect`).

use crate::cranelift::codegen::ir::{ExtFuncData, Signature};
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{CallPlan, EntryPlan, PassMode, ResultPlan};

use super::call::{CallSite, is_forwarded};
use super::callable::{CallCode, Callable};
use super::entry::Entry;
use super::forms::{Arg, Callee, Ret};
use super::value::CValue;
use crate::clif_types::{clif_call_conv, clif_signature};
use crate::error::LowerError;
use crate::stubs::Stubs;

impl CallSite<'_, '_, '_> {
    /// Emits the call, which ends the function of `entry`. Refusals come before the first
    /// instruction.
    pub(crate) fn tail(
        &mut self,
        stubs: &mut dyn Stubs,
        entry: &Entry,
        callee: Callee,
        args: &[Arg],
    ) -> Result<(), LowerError> {
        entry.check(self.builder)?;
        check_conventions(&entry.plan, self.plan)?;
        check_results(&entry.plan, self.plan)?;
        let ret = match entry.sret() {
            Some(to) => Ret::Memory(to),
            None => Ret::Ignore,
        };
        self.check(args, ret)?;
        self.forwarded = entry.copies();
        self.check_copies(args)?;
        let mut callable = self.callee(stubs, callee)?;
        self.return_as(entry, &mut callable);
        let values = callable.args(&self.values(args, ret, None)?);
        match callable.code {
            CallCode::Function(func) => self.builder.ins().return_call(func, &values),
            CallCode::Address(to) => {
                let signature = callable.signature;
                (self.builder.ins()).return_call_indirect(signature, to, &values)
            }
        };
        Ok(())
    }

    /// Gives the instruction the results of the function being built: Cranelift compares the types.
    /// A narrow integer that is extended has a wider type in the function that returns it than in
    /// the one that receives it. The register has the same bits.
    fn return_as(&mut self, entry: &Entry, callable: &mut Callable) {
        let func = &mut self.builder.func;
        let returns = clif_signature(&entry.plan.signature).returns;
        let signature = &func.dfg.signatures[callable.signature];
        if signature.returns == returns {
            return;
        }
        let signature = Signature {
            returns,
            ..signature.clone()
        };
        callable.signature = func.import_signature(signature);
        if let CallCode::Function(callee) = &mut callable.code {
            let callable = ExtFuncData {
                signature: callable.signature,
                ..func.dfg.ext_funcs[*callee].clone()
            };
            *callee = func.import_function(callable);
        }
    }

    /// Refuses copies in the frame that is given up, and one copy for two arguments, each of which
    /// its callee may write to.
    fn check_copies(&self, args: &[Arg]) -> Result<(), LowerError> {
        for (i, arg) in args.iter().enumerate() {
            let Some(value) = CValue::argument(self.plan, i) else {
                continue;
            };
            let PassMode::Indirect { align, .. } = value.mode else {
                continue;
            };
            let is_same = |own: &Arg| match (own, arg) {
                (Arg::Memory { base: own, .. }, Arg::Memory { base, .. }) => own == base,
                _ => false,
            };
            let why = match is_forwarded(&self.forwarded, arg, align) {
                true if !args.iter().take(i).any(is_same) => continue,
                true => "the copy that it is passed as is also another argument's",
                false => {
                    "it is passed as the address of a copy in this frame, which a tail call gives up"
                }
            };
            return refuse(format!("argument {i}, {}: {why}", value.ty));
        }
        Ok(())
    }
}

fn refuse(why: String) -> Result<(), LowerError> {
    Err(LowerError::TailCall(why))
}

/// Refuses functions that do not pop their arguments: Cranelift's verifier would, without a reason.
fn check_conventions(entry: &EntryPlan, call: &CallPlan) -> Result<(), LowerError> {
    if !clif_call_conv(entry.signature.call_conv).supports_tail_calls() {
        let convention = entry.abi.convention.name;
        return refuse(format!(
            "the function being built has the convention {convention}, whose callers pop the arguments: its frame cannot become another function's"
        ));
    }
    if !clif_call_conv(call.signature.call_conv).supports_tail_calls() {
        let convention = call.abi.convention.name;
        return refuse(format!(
            "the callee has the convention {convention}, whose callers pop the arguments and cannot give up their frames"
        ));
    }
    if entry.abi.convention.frame.context != call.abi.convention.frame.context {
        return refuse("the two functions have their contexts in different registers".into());
    }
    Ok(())
}

/// Refuses a callee that returns another result, or in another place, than the function's own
/// caller expects.
fn check_results(entry: &EntryPlan, call: &CallPlan) -> Result<(), LowerError> {
    let (own, other) = (entry.sig.result(), call.sig.result());
    let is_in_place = match entry.result {
        ResultPlan::Sret => (own.size(), own.align()) == (other.size(), other.align()),
        // Parts say how they are extended, too.
        _ => entry.abi.ret.place == call.abi.ret.place,
    };
    // A result that only stubs can return is a result of the call's signature, and none of the
    // entry's.
    let is_by_stub = entry.signature.returns.len() != call.signature.returns.len();
    let alike = entry.result == call.result && is_in_place && !is_by_stub;
    if alike {
        return Ok(());
    }
    let [to, from] = [&call.abi, &entry.abi].map(|abi| abi.convention.name);
    let of = |name: &str| match to == from {
        true => String::new(),
        false => format!(" of {name}"),
    };
    let (to, from) = (of(to), of(from));
    refuse(format!(
        "the callee's result, {other}{to}, is not returned like that of the function being built, {own}{from}"
    ))
}
