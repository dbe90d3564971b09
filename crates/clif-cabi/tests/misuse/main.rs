//! Wrong use is an error, not a panic, and leaves no instruction.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

mod anything;
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "examples of the documentation use it all"
)]
#[path = "../common/doc.rs"]
mod doc;
mod modules;
mod rows;

use std::sync::{Arc, LazyLock};

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_codegen::ir::{
    Block, BlockCall, ExceptionTableData, ExtFuncData, ExternalName, FuncRef, Function,
    InstBuilder, SigRef, Signature, TrapCode, UserExternalName, Value,
};
use clif_cabi::cranelift_codegen::isa::{self, OwnedTargetIsa};
use clif_cabi::cranelift_codegen::settings::{self, Configurable};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{
    Arg, Callable, Callee, Entry, LowerError, Lowering, Ret, Returned, Stub, StubStep, Stubs,
    SysVAggregateLowering, slot,
};

/// Imports one name for everything, refuses, or hands out what is no function or one with another signature.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Any {
    Imports,
    Refuses,
    IsInvalid,
    IsOfAnotherSignature,
}

impl Stubs for Any {
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

/// A signature of nothing.
pub(crate) fn plain() -> Signature {
    Signature::new(isa::CallConv::SystemV)
}

/// An ISA for `target` with these flags.
pub(crate) fn isa_of(target: &str, flags: &[(&str, &str)]) -> OwnedTargetIsa {
    let mut builder = settings::builder();
    for (flag, value) in flags {
        builder.set(flag, value).unwrap();
    }
    let isa = isa::lookup_by_name(target).unwrap();
    isa.finish(settings::Flags::new(builder)).unwrap()
}

pub(crate) static ISA: LazyLock<OwnedTargetIsa> =
    LazyLock::new(|| isa_of("x86_64-unknown-linux-gnu", &[]));

pub(crate) fn lowering() -> SysVAggregateLowering {
    SysVAggregateLowering::new(&**ISA).unwrap()
}

/// The signature that C text declares.
pub(crate) fn c(text: &str) -> FnSig {
    let sig = FnSig::parse(text, lowering().target().data_model());
    sig.unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// One use of a lowering. Signatures, values, blocks and functions are small numbers.
#[derive(Clone, Debug)]
pub(crate) enum Use {
    Begin(usize),
    Enter(usize, u32),
    Block,
    /// Makes the function being built one of the signature, and appends its parameters to the block.
    Params(usize, u32),
    SwitchTo(u32),
    Trap,
    Call(usize, Callee, Vec<Arg>, Ret),
    CallVariadic(usize, Type, Vec<Arg>),
    ValuesIn(usize, Vec<Arg>, Ret),
    ValuesOut(usize, Vec<Value>, Ret),
    Callee(usize, Callee),
    Issue(Vec<Value>),
    TryIssue,
    Slot(Type),
    EntryValue(usize),
    EntryParts(usize),
    EntryAddress(usize),
    EntryStore(usize, Value),
    Return(Option<Arg>),
    /// Takes the entry of another function, which is of the signature.
    Foreign(usize),
    Stubs(Any),
}

/// What a sequence of uses has so far.
pub(crate) struct Building {
    lower: SysVAggregateLowering,
    sigs: Vec<FnSig>,
    stubs: Any,
    entry: Option<Entry>,
    callable: Option<Callable>,
    /// How many blocks were switched to: values of one are not used in another one, that is for the verifier to refuse.
    blocks: usize,
}

/// What became of a sequence of uses.
pub(crate) struct Built {
    pub(crate) done: Vec<Result<(), LowerError>>,
    pub(crate) func: Function,
    /// Whether it begins with an entry, and has one block.
    pub(crate) is_one_block: bool,
    entry: Option<Entry>,
}

impl Building {
    pub(crate) fn new(sigs: &[FnSig]) -> Self {
        Self {
            lower: lowering(),
            sigs: sigs.to_vec(),
            stubs: Any::Imports,
            entry: None,
            callable: None,
            blocks: 0,
        }
    }

    /// The function that `uses` build. Those that are refused leave no instruction.
    pub(crate) fn build(mut self, uses: &[Use]) -> Built {
        let mut func = Function::new();
        let mut context = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut func, &mut context);
        let mut done = Vec::new();
        for one in uses {
            let before = instructions(builder.func);
            let result = self.apply(&mut builder, one);
            if let Err(error) = &result {
                assert_eq!(instructions(builder.func), before, "{one:?}: {error}");
                // An invalid CLIF type has a `Display` that panics.
                assert!(!error.to_string().is_empty());
            }
            done.push(result);
        }
        let is_one_block = self.blocks == 0 && builder.func.layout.entry_block().is_some();
        self.move_on(&mut builder, &Use::Trap);
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

    fn apply(&mut self, builder: &mut FunctionBuilder<'_>, what: &Use) -> Result<(), LowerError> {
        let (lower, stubs) = (&self.lower, &mut self.stubs);
        let plan = |sig: usize| lower.call_plan(&self.sigs[sig]);
        match what {
            Use::Begin(sig) => self.entry = Some(lower.begin(builder, &self.sigs[*sig])?.1),
            Use::Enter(sig, block) => {
                let block = Block::from_u32(*block);
                self.entry = Some(lower.enter(builder, block, &self.sigs[*sig])?);
            }
            Use::Params(sig, block) => {
                let plan = lower.entry_plan(&self.sigs[*sig])?;
                builder.func.signature = plan.signature().clone();
                builder.append_block_params_for_function_params(Block::from_u32(*block));
            }
            Use::Block | Use::SwitchTo(_) | Use::Trap => self.move_on(builder, what),
            Use::Call(sig, to, args, ret) => {
                let sig = &self.sigs[*sig];
                let done = lower.call_sig(stubs, builder, *to, sig, args, *ret)?;
                assert!(*ret != Ret::Ignore || done == Returned::Nothing);
            }
            Use::CallVariadic(sig, ty, args) => {
                let sig = self.sigs[*sig].clone();
                let function = clif_cabi::Function::new(FuncId::from_u32(0), "f", sig);
                let ret = Ret::Ignore;
                match ty == &Type::VOID {
                    true => lower.call(stubs, builder, &function, args, ret)?,
                    false => {
                        lower.call_variadic(stubs, builder, &function, [ty.clone()], args, ret)?
                    }
                };
            }
            Use::ValuesIn(sig, args, ret) => {
                lower.values_in(builder, &*plan(*sig)?, args, *ret)?;
            }
            Use::ValuesOut(sig, values, ret) => {
                lower.values_out(stubs, builder, &*plan(*sig)?, values, *ret)?;
            }
            Use::Callee(sig, to) => {
                self.callable = Some(lower.callee(stubs, builder, &*plan(*sig)?, *to)?);
            }
            Use::Issue(values) => {
                if let Some(callable) = &self.callable {
                    callable.call(builder, values)?;
                }
            }
            Use::TryIssue => try_issue(builder, self.callable.as_ref().unwrap())?,
            Use::Slot(ty) => drop(slot(builder, ty)?),
            Use::Foreign(sig) => {
                let other = Self::new(&self.sigs).build(&[Use::Begin(*sig)]);
                self.entry = other.entry;
            }
            Use::Stubs(stubs) => self.stubs = *stubs,
            _ => return self.use_entry(builder, what),
        }
        Ok(())
    }

    /// What cranelift-frontend is asked for only where it does not panic itself.
    fn move_on(&mut self, builder: &mut FunctionBuilder<'_>, what: &Use) {
        let ends = |builder: &FunctionBuilder<'_>, block| {
            let last = builder.func.layout.last_inst(block);
            last.is_some_and(|inst| builder.func.dfg.insts[inst].opcode().is_terminator())
        };
        let here = builder.current_block().filter(|here| !ends(builder, *here));
        match *what {
            Use::Block => drop(builder.create_block()),
            Use::SwitchTo(block) => {
                let block = Block::from_u32(block);
                if builder.func.dfg.block_is_valid(block) && here.is_none() && !ends(builder, block)
                {
                    builder.switch_to_block(block);
                    self.blocks += 1;
                }
            }
            _ if here.is_some() => drop(builder.ins().trap(TrapCode::unwrap_user(1))),
            _ => {}
        }
    }

    fn use_entry(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        what: &Use,
    ) -> Result<(), LowerError> {
        let Some(entry) = &self.entry else {
            return Ok(());
        };
        match what {
            Use::EntryValue(i) => entry.value(builder, *i).map(drop),
            Use::EntryParts(i) => entry.parts(builder, *i).map(drop),
            Use::EntryAddress(i) => entry.address(builder, *i).map(drop),
            Use::EntryStore(i, to) => entry.store(builder, *i, *to),
            Use::Return(value) => entry.ret(&mut self.stubs, builder, value.as_ref()),
            _ => Ok(()),
        }
    }
}

/// A `try_call` without values and handlers, which ends the block.
pub(crate) fn try_issue(
    builder: &mut FunctionBuilder<'_>,
    callable: &Callable,
) -> Result<(), LowerError> {
    let next = builder.create_block();
    let next = BlockCall::new(next, [], &mut builder.func.dfg.value_lists);
    let table = ExceptionTableData::new(callable.signature, next, []);
    let table = builder.func.dfg.exception_tables.push(table);
    callable.try_call(builder, &[], table).map(drop)
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
    send_sync::<SysVAggregateLowering>();
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

/// Flags without which functions of a target would be wrong are asked for.
#[test]
fn flags_that_a_target_needs() {
    const PROBES: &str = "enable_probestack must be on, and probestack_size_log2 at most 12: Windows grows a stack page by page, and a frame that steps over one ends the process";
    const FRAMES: &str = "preserve_frame_pointers must be on: functions find their stack arguments by the frame pointer";
    let lowering = |target: &str, flags: &[(&str, &str)]| {
        let lowering = Lowering::new(&*isa_of(target, flags));
        lowering.map_or_else(|error| error.to_string(), |_| "lowered".into())
    };
    let (probes, frames) = (
        ("enable_probestack", "true"),
        ("preserve_frame_pointers", "true"),
    );
    for (target, on, why) in [
        ("aarch64-unknown-linux-gnu", frames, FRAMES),
        ("aarch64-apple-darwin", frames, FRAMES),
        ("x86_64-pc-windows-gnu", probes, PROBES),
        ("x86_64-pc-windows-msvc", probes, PROBES),
    ] {
        let refused = format!("{target}: the setting {why}");
        assert_eq!(lowering(target, &[]), refused);
        assert_eq!(lowering(target, &[on]), "lowered");
    }
    let wide = [probes, ("probestack_size_log2", "16")];
    assert!(lowering("x86_64-pc-windows-gnu", &wide).ends_with(PROBES));
    assert_eq!(lowering("x86_64-unknown-linux-gnu", &[]), "lowered");
}
