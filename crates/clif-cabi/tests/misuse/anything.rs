//! Whatever lowering is given, in whatever order: results and errors, no panic, and no instruction after an error. What it accepts in one
//! block passes Cranelift's verifier. Nothing is compiled or run.

use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::ir::{self, Block, FuncRef, Function, InstBuilder, Value};
use clif_cabi::cranelift_codegen::{isa::TargetIsa, verify_function};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{Arg, Callable, Callee, Entry, LowerError, Lowering, Ret, Returned};
use proptest::prelude::*;
use proptest::sample::select;
use std::cell::RefCell;

use super::{Any, bytes, isa, lowering};

/// One use of a lowering. Values, blocks and functions are small numbers, so that they often exist, and sometimes do not.
#[derive(Clone, Debug)]
enum Use {
    Begin(usize),
    Enter(usize, u32),
    Block,
    SwitchTo(u32),
    Trap,
    Call(usize, Callee, Vec<Arg>, Ret),
    ValuesIn(usize, Vec<Arg>, Ret),
    ValuesOut(usize, Vec<Value>, Ret),
    Callee(usize, Callee),
    Issue(Vec<Value>),
    EntryValue(usize),
    EntryParts(usize),
    EntryAddress(usize),
    EntryStore(usize, Value),
    Return(Option<Arg>),
}

/// Signatures with every way to pass an argument and to return a result.
fn signatures() -> Vec<FnSig> {
    let empty = RecordBuilder::structure("empty").build(&DataModel::LP64);
    let empty = empty.unwrap();
    vec![
        FnSig::new([], Type::VOID),
        FnSig::new([Type::I64, Type::F64], Type::I32),
        FnSig::new([Type::PTR], Type::I32).variadic(),
        FnSig::new([bytes(12), bytes(40)], bytes(3)),
        FnSig::new([Type::I64; 9], bytes(40)),
        FnSig::new([Type::F80, Type::I128, empty], Type::F80),
        FnSig::new([bytes(100)], Type::I128).noreturn(),
        FnSig::new([Type::PTR, Type::F64], Type::F64).variadic(),
    ]
}

const SIGNATURES: usize = 8;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![9 => 0_u32..12, 1 => 90_u32..99].prop_map(Value::from_u32)
}

fn arg() -> impl Strategy<Value = Arg> {
    prop_oneof![
        4 => value().prop_map(Arg::value),
        4 => (value(), select(vec![0, 0, 8, -1, i32::MAX, i32::MIN]))
            .prop_map(|(base, offset)| Arg::memory_at(base, offset)),
        2 => proptest::collection::vec(value(), 0..3).prop_map(|values| Arg::parts(&values)),
    ]
}

fn args() -> impl Strategy<Value = Vec<Arg>> {
    proptest::collection::vec(arg(), 0..4)
}

fn ret() -> impl Strategy<Value = Ret> {
    prop_oneof![
        Just(Ret::Ignore),
        Just(Ret::Value),
        Just(Ret::Parts),
        value().prop_map(Ret::memory),
    ]
}

fn callee() -> impl Strategy<Value = Callee> {
    prop_oneof![
        (0_u32..3).prop_map(|id| FuncId::from_u32(id).into()),
        (0_u32..6).prop_map(|func| FuncRef::from_u32(func).into()),
        value().prop_map(Callee::from),
    ]
}

fn one_use() -> impl Strategy<Value = Use> {
    let sig = || 0..SIGNATURES;
    let values = || proptest::collection::vec(value(), 0..4);
    prop_oneof![
        2 => sig().prop_map(Use::Begin),
        1 => (sig(), 0_u32..4).prop_map(|(sig, block)| Use::Enter(sig, block)),
        1 => Just(Use::Block),
        1 => (0_u32..4).prop_map(Use::SwitchTo),
        1 => Just(Use::Trap),
        6 => (sig(), callee(), args(), ret()).prop_map(|(sig, to, args, ret)| Use::Call(sig, to, args, ret)),
        2 => (sig(), args(), ret()).prop_map(|(sig, args, ret)| Use::ValuesIn(sig, args, ret)),
        1 => (sig(), values(), ret()).prop_map(|(sig, values, ret)| Use::ValuesOut(sig, values, ret)),
        2 => (sig(), callee()).prop_map(|(sig, to)| Use::Callee(sig, to)),
        2 => values().prop_map(Use::Issue),
        2 => (0_usize..10).prop_map(Use::EntryValue),
        2 => (0_usize..10).prop_map(Use::EntryParts),
        2 => (0_usize..10).prop_map(Use::EntryAddress),
        2 => (0_usize..10, value()).prop_map(|(i, to)| Use::EntryStore(i, to)),
        2 => proptest::option::of(arg()).prop_map(Use::Return),
    ]
}

/// What a sequence of uses has so far.
struct Building<'a> {
    lower: &'a Lowering,
    sigs: Vec<FnSig>,
    entry: Option<Entry>,
    callable: Option<Callable>,
    /// Values of one block are not used in another one: that is for the verifier to refuse.
    blocks: usize,
    accepted: usize,
}

impl Building<'_> {
    /// Whether it was accepted.
    fn apply(&mut self, builder: &mut FunctionBuilder<'_>, what: &Use) -> Result<(), LowerError> {
        let lower = self.lower;
        let plan = |sig: usize| lower.call_plan(&self.sigs[sig]);
        match what {
            Use::Begin(sig) => self.entry = Some(lower.begin(builder, &self.sigs[*sig])?.1),
            Use::Enter(sig, block) => {
                let block = Block::from_u32(*block);
                self.entry = Some(lower.enter(builder, block, &self.sigs[*sig])?);
            }
            Use::Block | Use::SwitchTo(_) | Use::Trap => self.move_on(builder, what),
            Use::Call(sig, to, args, ret) => {
                let sig = &self.sigs[*sig];
                let done = lower.call_sig(&mut Any(true), builder, *to, sig, args, *ret)?;
                assert!(*ret != Ret::Ignore || done == Returned::Nothing);
            }
            Use::ValuesIn(sig, args, ret) => {
                lower.values_in(builder, &*plan(*sig)?, args, *ret)?;
            }
            Use::ValuesOut(sig, values, ret) => {
                lower.values_out(&mut Any(true), builder, &*plan(*sig)?, values, *ret)?;
            }
            Use::Callee(sig, to) => {
                self.callable = Some(lower.callee(&mut Any(true), builder, &*plan(*sig)?, *to)?);
            }
            Use::Issue(values) => {
                if let Some(callable) = &self.callable {
                    callable.call(builder, values)?;
                }
            }
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
        match *what {
            Use::Block => {
                builder.create_block();
            }
            Use::SwitchTo(block) => {
                let block = Block::from_u32(block);
                let here = builder.current_block();
                let may_leave = here.is_none_or(|here| ends(builder, here));
                if builder.func.dfg.block_is_valid(block) && may_leave && !ends(builder, block) {
                    builder.switch_to_block(block);
                    self.blocks += 1;
                }
            }
            _ => {
                if builder
                    .current_block()
                    .is_some_and(|here| !ends(builder, here))
                {
                    builder.ins().trap(ir::TrapCode::unwrap_user(1));
                }
            }
        }
    }

    fn use_entry(&self, builder: &mut FunctionBuilder<'_>, what: &Use) -> Result<(), LowerError> {
        let Some(entry) = &self.entry else {
            return Ok(());
        };
        match what {
            Use::EntryValue(i) => entry.value(builder, *i).map(drop),
            Use::EntryParts(i) => entry.parts(builder, *i).map(drop),
            Use::EntryAddress(i) => entry.address(builder, *i).map(drop),
            Use::EntryStore(i, to) => entry.store(builder, *i, *to),
            Use::Return(value) => entry.ret(&mut Any(true), builder, value.as_ref()),
            _ => Ok(()),
        }
    }
}

fn instructions(func: &Function) -> usize {
    let blocks = func.layout.blocks();
    blocks
        .map(|block| func.layout.block_insts(block).count())
        .sum()
}

thread_local! {
    /// Uses that were accepted and refused.
    static COUNTS: RefCell<(usize, usize)> = const { RefCell::new((0, 0)) };
}

fn run(isa: &dyn TargetIsa, uses: &[Use]) -> Result<(), TestCaseError> {
    let lower = lowering();
    let mut func = Function::new();
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let mut building = Building {
        lower: &lower,
        sigs: signatures(),
        entry: None,
        callable: None,
        blocks: 0,
        accepted: 0,
    };
    for one in uses {
        let before = instructions(builder.func);
        match building.apply(&mut builder, one) {
            Ok(()) => building.accepted += 1,
            Err(error) => {
                prop_assert_eq!(instructions(builder.func), before, "{:?}: {}", one, error);
                // An invalid CLIF type has a `Display` that panics.
                prop_assert!(!error.to_string().is_empty());
                COUNTS.with_borrow_mut(|counts| counts.1 += 1);
            }
        }
    }
    COUNTS.with_borrow_mut(|counts| counts.0 += building.accepted);
    let begun = building.blocks == 0 && builder.func.layout.entry_block().is_some();
    building.move_on(&mut builder, &Use::Trap);
    builder.seal_all_blocks();
    if begun {
        builder.finalize(isa.frontend_config());
        if let Err(errors) = verify_function(&func, isa.flags()) {
            prop_assert!(false, "{}\n{}", func, errors);
        }
    }
    Ok(())
}

/// The address of an object of no bytes is not looked at, so it need not be a value of the function.
#[test]
fn an_empty_argument_may_name_any_value() {
    let sig = SIGNATURES - 3;
    for base in [Value::from_u32(0), Value::from_u32(4000)] {
        let words = Arg::parts(&[Value::from_u32(0); 2]);
        let args = vec![words.clone(), words, Arg::memory(base)];
        let call = Use::Call(sig, Callee::from(Value::from_u32(0)), args, Ret::Ignore);
        run(&*isa(), &[Use::Begin(2), call]).unwrap();
    }
    COUNTS.with_borrow(|counts| assert_eq!(*counts, (4, 0)));
}

#[test]
fn anything() {
    let isa = isa();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(4000)
    };
    let uses = proptest::collection::vec(one_use(), 1..30);
    // Most sequences begin a function, or nothing could be accepted.
    let uses = (0..SIGNATURES, any::<u8>(), uses).prop_map(|(sig, begun, mut uses)| {
        if begun > 20 {
            uses.insert(0, Use::Begin(sig));
        }
        uses
    });
    proptest::test_runner::TestRunner::new(config)
        .run(&uses, |uses| run(&*isa, &uses))
        .unwrap();
    // Neither all refused nor all accepted: both sides were looked at.
    let (accepted, refused) = COUNTS.with_borrow(|counts| *counts);
    assert!(
        accepted > 5000 && refused > 5000,
        "{accepted} accepted, {refused} refused"
    );
}
