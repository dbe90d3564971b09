//! No other part of a call names an object that is given away to the call. Unnamed arguments that
//! no function could fetch are refused at the declaration.

use clif_cabi::cabi::{BoolVector, FnSig, RecordBuilder, Type, X86_64_WIN64};
use clif_cabi::cranelift_codegen::ir::{
    Function, InstBuilder, StackSlotData, StackSlotKind, Value, types::I64,
};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::{Arg, Ret};

use super::{c, lowering};

/// Makes a `struct three` of 24 bytes, which Win64 passes by the address of a copy.
fn three() -> Type {
    let three = RecordBuilder::structure("three").field("n", Type::array(&Type::I64, 3).unwrap());
    three.build(lowering().target().data_model()).unwrap()
}

/// Calls Win64's `struct three f(struct three, struct three, void *)` with these arguments and room
/// for its result. Returns the refusal, and the alignment of the stack slot afterwards. `args` gets
/// the address of a slot of 96 bytes aligned to 8, and those 24, 32 and 64 bytes after it. Each
/// comes from an instruction of its own.
fn refusal(args: impl Fn([Value; 4]) -> ([Arg; 3], Value)) -> (String, u8) {
    let (lower, mut func, mut context) =
        (lowering(), Function::new(), FunctionBuilderContext::new());
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    lower.begin(&mut builder, &c("void f(void)")).unwrap();
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 96, 3);
    let slot = builder.create_sized_stack_slot(slot);
    let at = [0, 24, 32, 64].map(|at| builder.ins().stack_addr(I64, slot, at));
    let sig = FnSig::new([three(), three(), Type::PTR], three()).convention(&X86_64_WIN64);
    let plan = lower.call_plan(&sig).unwrap();
    let (args, result) = args(at);
    let result = lower.values_in(&mut builder, &plan, &args, Ret::Memory(result));
    let message = result.map_or_else(|error| error.cause().to_string(), |_| String::new());
    (message, builder.func.sized_stack_slots[slot].align_shift)
}

#[test]
fn objects_with_other_names() {
    let owned = Arg::owned_memory;
    let refused = |message: String, arg: &str, who: &str| {
        let expected = format!(
            "{arg}, struct three: expected an object that only this argument refers to, found one that {who} refers to"
        );
        assert_eq!(message, expected);
    };
    let (message, align) = refusal(|[a, _, b, c]| ([owned(a), Arg::memory(a), Arg::value(b)], c));
    assert_eq!(
        (&*message, align),
        ("", 4),
        "read before the call, and disjoint"
    );
    let (message, _) = refusal(|[a, _, b, c]| ([owned(a), owned(b), Arg::value(c)], c));
    assert_eq!(message, "");

    let (message, align) = refusal(|[a, b, _, c]| ([Arg::memory(b), owned(a), Arg::value(a)], c));
    assert_eq!(align, 3, "nothing has changed");
    refused(message, "argument 1", "argument 2");
    let (message, _) = refusal(|[a, ..]| ([owned(a), owned(a), Arg::value(a)], a));
    refused(message, "argument 0", "argument 1");
    let (message, _) = refusal(|[_, a, b, c]| ([owned(b), Arg::memory(a), Arg::value(c)], a));
    refused(message, "argument 0", "the result");
    let (message, _) = refusal(|[_, a, b, c]| ([owned(a), Arg::memory(b), Arg::value(c)], c));
    let unaligned = "argument 0, struct three: expected an object that is aligned to 16, found an offset or slot with a smaller alignment";
    assert_eq!(message, unaligned);
}

#[test]
fn unnamed_arguments() {
    let (lower, sig) = (lowering(), c("void f(int, ...)"));
    let can_lower = |ty| {
        let call = sig.at_call([ty]).unwrap();
        lower.call_plan(&call).unwrap();
        lower.can_lower(&call)
    };
    can_lower(Type::F80).unwrap();
    let lanes = Type::bool_vector(128, BoolVector::Zig).unwrap();
    let error = can_lower(lanes).unwrap_err().to_string();
    let why = "va_arg cannot fetch an argument that is passed lane by lane";
    assert!(error.contains(why), "{error}");
}

/// No caller makes room for the result of a function that never returns, and no frame has it.
#[test]
fn a_result_that_nobody_asks_for() {
    let (lower, text) = (lowering(), "struct { char b[1099511627776]; } f(void)");
    lower.can_lower(&c(text)).unwrap();
    let error = lower
        .can_lower(&c(text).noreturn())
        .unwrap_err()
        .to_string();
    let why = "expected Ret::Memory, because it does not fit in a stack frame, found Ret::Ignore";
    assert!(error.ends_with(why), "{error}");
}
