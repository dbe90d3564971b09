//! Wrong use is an error, not a panic, and leaves no instruction.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

mod anything;
mod flags;
mod modules;
mod owned;
mod rows;

use std::sync::{Arc, LazyLock};

use clif_cabi::cabi::convention::{Rule, Rules};
use clif_cabi::cabi::x86_64::RSI;
use clif_cabi::cabi::{Convention, FnSig, Type, X86_64_SYSV};
use clif_cabi::cranelift_codegen::ir::{
    Block, BlockCall, ExceptionTableData, ExtFuncData, ExternalName, FuncRef, Function,
    InstBuilder, SigRef, Signature, TrapCode, UserExternalName, Value,
};
use clif_cabi::cranelift_codegen::isa::{self, OwnedTargetIsa};
use clif_cabi::cranelift_codegen::settings::{self, Configurable};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{
    Arg, CallResult, Callable, Callee, Entry, LowerError, Lowering, Ret, Stub, StubStep, Stubs,
    clif_signature,
};

/// Imports one name for everything, refuses, or returns an invalid function or one with another
/// signature.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AnyStubs {
    Imports,
    Refuses,
    IsInvalid,
    IsOfAnotherSignature,
}

impl Stubs for AnyStubs {
    fn stub(
        &mut self,
        _: Stub,
        signature: SigRef,
        func: &mut Function,
    ) -> Result<FuncRef, LowerError> {
        let signature = match self {
            Self::Imports => signature,
            Self::Refuses => return Err(LowerError::Stub("no stubs")),
            Self::IsInvalid => return Ok(FuncRef::from_u32(77)),
            Self::IsOfAnotherSignature => func.import_signature(plain()),
        };
        let name = UserExternalName::new(0, 0);
        let name = ExternalName::user(func.declare_imported_user_function(name));
        Ok(func.import_function(ExtFuncData {
            name,
            signature,
            colocated: false,
            patchable: false,
        }))
    }

    fn function(
        &mut self,
        _: FuncId,
        signature: SigRef,
        func: &mut Function,
    ) -> Result<FuncRef, LowerError> {
        self.stub(Stub::new(&[StubStep::Return]).unwrap(), signature, func)
    }
}

/// Returns a signature of nothing.
pub(crate) fn plain() -> Signature {
    Signature::new(isa::CallConv::SystemV)
}

/// Makes an ISA for `target` with these flags.
pub(crate) fn isa_of(target: &str, flags: &[(&str, &str)]) -> OwnedTargetIsa {
    let mut builder = settings::builder();
    for (flag, value) in flags {
        builder.set(flag, value).unwrap();
    }
    let isa = isa::lookup_by_name(target).unwrap();
    isa.finish(settings::Flags::new(builder)).unwrap()
}

pub(crate) static ISA: LazyLock<OwnedTargetIsa> = LazyLock::new(|| {
    isa_of(
        "x86_64-unknown-linux-gnu",
        &[("preserve_frame_pointers", "true")],
    )
});

pub(crate) fn lowering() -> Lowering {
    Lowering::new(&**ISA).unwrap()
}

/// Returns the signature that C text declares.
pub(crate) fn c(text: &str) -> FnSig {
    let sig = FnSig::parse(text, lowering().target().data_model());
    sig.unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// State of a sequence of uses.
pub(crate) struct UseSequence {
    lower: Lowering,
    sigs: Vec<FnSig>,
    stubs: AnyStubs,
    entry: Option<Entry>,
    callable: Option<Callable>,
    /// Number of blocks that were switched to. The verifier refuses values of one block in another.
    blocks: usize,
}

/// Outcome of a sequence of uses.
pub(crate) struct Built {
    pub(crate) done: Vec<Result<(), LowerError>>,
    pub(crate) func: Function,
    /// `true` if it begins with an entry, and has one block.
    pub(crate) is_one_block: bool,
    entry: Option<Entry>,
}

impl UseSequence {
    pub(crate) fn new(sigs: &[FnSig]) -> Self {
        Self {
            lower: lowering(),
            sigs: sigs.to_vec(),
            stubs: AnyStubs::Imports,
            entry: None,
            callable: None,
            blocks: 0,
        }
    }

    /// Builds the function of `uses`, each as [`UseSequence::apply`] reads it. Refused ones add
    /// none.
    pub(crate) fn build<U: AsRef<str>>(mut self, uses: &[U]) -> Built {
        let mut func = Function::new();
        let mut context = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut func, &mut context);
        let mut done = Vec::new();
        for one in uses.iter().map(AsRef::as_ref) {
            let before = instructions(builder.func);
            let result = self.apply(&mut builder, one);
            if let Err(error) = &result {
                assert_eq!(instructions(builder.func), before, "{one}: {error}");
                // An invalid CLIF type has a `Display` that panics.
                assert!(!error.to_string().is_empty());
            }
            done.push(result);
        }
        let is_one_block = self.blocks == 0 && builder.func.layout.entry_block().is_some();
        self.trap(&mut builder);
        builder.seal_all_blocks();
        if is_one_block {
            builder.finalize(ISA.frontend_config());
        }
        let entry = self.entry;
        Built {
            done,
            func,
            is_one_block,
            entry,
        }
    }

    /// Applies one use of a lowering: `begin 1`, `call v0(..)`. Signatures, blocks, arguments are
    /// numbers.
    fn apply(&mut self, builder: &mut FunctionBuilder<'_>, text: &str) -> Result<(), LowerError> {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
        let index = |text: &str| text.parse::<u32>().unwrap();
        let n = || index(first) as usize;
        let (lower, sigs) = (&self.lower, &self.sigs);
        match verb {
            "begin" => self.entry = Some(lower.begin(builder, &sigs[n()])?.1),
            "enter" => {
                let block = Block::from_u32(index(second));
                self.entry = Some(lower.enter(builder, block, &sigs[n()])?);
            }
            // Gives the function being built the signature, and the block its parameters.
            "params" => {
                let plan = lower.entry_plan(&sigs[n()])?;
                builder.func.signature = clif_signature(&plan.signature);
                let block = Block::from_u32(index(second));
                builder.append_block_params_for_function_params(block);
            }
            "block" => drop(builder.create_block()),
            "switch" => self.switch(builder, Block::from_u32(index(first))),
            "trap" => self.trap(builder),
            "callee" => {
                let plan = lower.call_plan(&sigs[n()])?;
                let stubs = &mut self.stubs;
                self.callable = Some(lower.callee(stubs, builder, &plan, callee(second))?);
            }
            "try" => {
                let (callable, mut of) = (self.callable.as_ref().unwrap(), None);
                if rest == "other" {
                    of = Some(builder.import_signature(Signature::new(isa::CallConv::Tail)));
                }
                try_issue(builder, callable, &[], of)?;
            }
            "slot" if rest.is_empty() => drop(lower.slot(builder, sigs[0].result())?),
            "slot" => drop(lower.slot(builder, &ty(rest))?),
            // Takes the entry of another function.
            "foreign" => self.entry = Self::new(sigs).build(&[format!("begin {rest}")]).entry,
            "stubs" => {
                self.stubs = match rest {
                    "refuse" => AnyStubs::Refuses,
                    "invalid" => AnyStubs::IsInvalid,
                    _ => AnyStubs::IsOfAnotherSignature,
                }
            }
            _ if rest.contains('(') => return self.pass(builder, verb, rest),
            _ => {
                let (Some(entry), stubs) = (&self.entry, &mut self.stubs) else {
                    return Ok(());
                };
                match verb {
                    "value" => drop(entry.value(builder, n())?),
                    "parts" => drop(entry.parts(builder, n())?),
                    "address" => drop(entry.address(builder, n())?),
                    "store" => entry.store(builder, n(), value(second))?,
                    "values" => drop(entry.return_values(builder, &arg(rest))?),
                    "return" if rest.is_empty() => entry.ret(stubs, builder, None)?,
                    "return" => entry.ret(stubs, builder, Some(&arg(rest)))?,
                    _ => panic!("{text}"),
                }
            }
        }
        Ok(())
    }

    /// Applies a use with values in parentheses: `call v0(v1, [v0+8], {v1 v2}) -> parts`. It is of
    /// signature 0, or of 1 as `call@1`. A callee is `f0`, a function of the module, or `r0`, one
    /// that is imported, or the value of its address; `call f(..)` is by its name, and `with TYPE`
    /// says the type of the argument after the named ones. `tail f0(..) with DECLARATION` is a tail
    /// call.
    fn pass(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        verb: &str,
        text: &str,
    ) -> Result<(), LowerError> {
        let (verb, sig) = verb.split_once('@').unwrap_or((verb, "0"));
        let (text, ret) = text.split_once(" -> ").unwrap_or((text, ""));
        let (text, unnamed) = text.split_once(" with ").unwrap_or((text, ""));
        let (name, list) = text.split_once('(').unwrap();
        let list = list.trim_end_matches(')').split(", ");
        let list = list.filter(|item| !item.is_empty());
        let args = || -> Vec<Arg> { list.clone().map(arg).collect() };
        let values = || -> Vec<Value> { list.clone().map(value).collect() };
        let (lower, stubs, ret) = (&self.lower, &mut self.stubs, ret_of(ret));
        let sig = &self.sigs[sig.parse::<usize>().unwrap()];
        match verb {
            "tail" => {
                if let Some(entry) = &self.entry {
                    let sig = &rows::declared(unnamed);
                    lower.tail_call(stubs, builder, entry, callee(name), sig, &args())?;
                }
            }
            "call" if name == "f" => {
                let function = clif_cabi::Function::new(FuncId::from_u32(0), "f", sig.clone());
                match unnamed {
                    "" => lower.call(stubs, builder, &function, &args(), ret)?,
                    unnamed => {
                        let unnamed = [ty(unnamed)];
                        lower.call_variadic(stubs, builder, &function, unnamed, &args(), ret)?
                    }
                };
            }
            "call" => {
                let result = lower.call_sig(stubs, builder, callee(name), sig, &args(), ret)?;
                assert!(ret != Ret::Ignore || result == CallResult::Nothing);
            }
            "values_in" => {
                lower.values_in(builder, &*lower.call_plan(sig)?, &args(), ret)?;
            }
            "values_out" => {
                let plan = lower.call_plan(sig)?;
                lower.values_out(stubs, builder, &plan, &values(), ret)?;
            }
            "issue" => {
                if let Some(callable) = &self.callable {
                    callable.call(builder, &values())?;
                }
            }
            _ => panic!("{verb}"),
        }
        Ok(())
    }

    /// Switches to `block` and traps only where cranelift-frontend does not panic itself.
    fn switch(&mut self, builder: &mut FunctionBuilder<'_>, block: Block) {
        let is_valid = builder.func.dfg.block_is_valid(block) && !ends(builder, block);
        let here = builder.current_block();
        if is_valid && here.is_none_or(|here| ends(builder, here)) {
            builder.switch_to_block(block);
            self.blocks += 1;
        }
    }

    fn trap(&self, builder: &mut FunctionBuilder<'_>) {
        let here = builder.current_block();
        if here.is_some_and(|here| !ends(builder, here)) {
            builder.ins().trap(TrapCode::unwrap_user(1));
        }
    }
}

fn ends(builder: &FunctionBuilder<'_>, block: Block) -> bool {
    let last = builder.func.layout.last_inst(block);
    last.is_some_and(|inst| builder.func.dfg.insts[inst].opcode().is_terminator())
}

pub(crate) fn ty(text: &str) -> Type {
    Type::parse(text, lowering().target().data_model()).unwrap()
}

fn value(text: &str) -> Value {
    Value::from_u32(text.strip_prefix('v').unwrap().parse().unwrap())
}

pub(crate) fn ret_of(text: &str) -> Ret {
    match text {
        "" => Ret::Ignore,
        "value" => Ret::Value,
        "parts" => Ret::Parts,
        address => Ret::memory(value(&address[1..address.len() - 1])),
    }
}

fn callee(text: &str) -> Callee {
    let number = || text[1..].parse().unwrap();
    match text.as_bytes() {
        [b'f', ..] => FuncId::from_u32(number()).into(),
        [b'r', ..] => FuncRef::from_u32(number()).into(),
        _ => value(text).into(),
    }
}

fn arg(text: &str) -> Arg {
    let inside = || &text[1..text.len() - 1];
    match text.as_bytes() {
        [b'[', ..] => {
            let (base, offset) = inside().split_once('+').unwrap_or((inside(), "0"));
            Arg::memory_at(value(base), offset.parse().unwrap())
        }
        [b'{', ..] => {
            let words = inside().split_whitespace().map(value);
            Arg::parts(&words.collect::<Vec<_>>())
        }
        _ => Arg::value(value(text)),
    }
}

/// Emits a `try_call` without handlers, which ends the block.
pub(crate) fn try_issue(
    builder: &mut FunctionBuilder<'_>,
    callable: &Callable,
    values: &[Value],
    of: Option<SigRef>,
) -> Result<(), LowerError> {
    let next = builder.create_block();
    let next = BlockCall::new(next, [], &mut builder.func.dfg.value_lists);
    let table = ExceptionTableData::new(of.unwrap_or(callable.signature), next, []);
    let table = builder.func.dfg.exception_tables.push(table);
    callable.try_call(builder, values, table).map(drop)
}

pub(crate) fn instructions(func: &Function) -> usize {
    let blocks = func.layout.blocks();
    blocks
        .map(|block| func.layout.block_insts(block).count())
        .sum()
}

#[test]
fn shared_between_threads() {
    fn send_sync<T: Send + Sync>() {}
    send_sync::<Lowering>();
    send_sync::<LowerError>();
    send_sync::<Entry>();
}

/// A clone has the plans of the original.
#[test]
fn clones_share_plans() {
    let sig = FnSig::new([Type::I64], Type::F64);
    let (lower, other) = (lowering(), lowering());
    let plan = lower.clone().call_plan(&sig).unwrap();
    assert!(Arc::ptr_eq(&plan, &lower.call_plan(&sig).unwrap()));
    assert!(!Arc::ptr_eq(&plan, &other.call_plan(&sig).unwrap()));
}

/// A convention with another's name has plans of its own, in either order.
#[test]
fn conventions_of_one_name_have_their_own_plans() {
    static SECOND: Convention = Convention {
        rules: Rules {
            args: &[Rule::AssignToReg(&[RSI])],
            ..X86_64_SYSV.rules
        },
        ..X86_64_SYSV
    };
    let sig = |convention| FnSig::new([Type::I64], Type::VOID).convention(convention);
    let (first, second) = (sig(&X86_64_SYSV), sig(&SECOND));
    for order in [[&first, &second], [&second, &first]] {
        let lower = lowering();
        let n_params = order.map(|sig| lower.call_plan(sig).unwrap().signature.params.len());
        assert_eq!(n_params.iter().sum::<usize>(), 3, "{n_params:?}");
    }
}
