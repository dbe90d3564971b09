//! What is not refused, and has to be so in the CLIF.

use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::ir::{FuncRef, Function, InstBuilder, Value};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{Arg, LowerError, Lowering, Ret};

use super::Use::{self, *};
use super::{Any, Building, c, isa_of, lowering, try_issue};

/// Parameter `n` of the function that is built.
fn v(n: u32) -> Value {
    Value::from_u32(n)
}

/// Uses of a signature, or of `void f(void *, double)`, and what the function's text has.
fn has(sig: &FnSig, uses: &[Use], words: &[&str]) {
    let building = Building::new(&[sig.clone(), c("void f(void *, double)")]);
    let built = building.build(uses);
    for (one, done) in uses.iter().zip(built.done) {
        done.unwrap_or_else(|error| panic!("{one:?}: {error}"));
    }
    let text = built.func.to_string();
    for word in words {
        assert!(text.contains(word), "{sig}: {word}\n{text}");
    }
    assert!(!text.contains("Memcpy"), "{text}");
}

#[test]
fn words_of_the_code() {
    let bytes = |n| Type::parse(&format!("struct {{ char b[{n}]; }}"), &DataModel::LP64).unwrap();
    let call = |args: &[Arg]| Call(0, v(0).into(), args.to_vec(), Ret::Ignore);
    let void = |params: Vec<Type>| FnSig::new(params, Type::VOID);
    // Cranelift aligns slots to 16 bytes at most: there is room for more, and the address is masked.
    let aligned = Type::I64.with_align(64).unwrap();
    has(&c("void f(void)"), &[Begin(1), Slot(aligned)], &["band"]);
    // clang's functions count on the record's own alignment where they write a result, whatever a typedef says.
    let record = RecordBuilder::structure("s").field("n", Type::I64);
    let record = record.aligned(32).build(&DataModel::LP64).unwrap();
    let sig = FnSig::new([], record.with_align(8).unwrap());
    has(&sig, &[Begin(1), call(&[])], &["explicit_slot 64", "-32"]);
    // Offsets inside the object would leave 32 bits: the address is computed first.
    let far = [Arg::memory_at(v(0), i32::MAX - 4)];
    let words = ["iconst.i64 0x7fff_fffb", "+8"];
    has(&void(vec![bytes(16)]), &[Begin(1), call(&far)], &words);
    // What decays is as large as a pointer, whatever it was: nothing else is written or copied.
    let sig = void(vec![Type::FUNCTION]);
    has(&sig, &[Begin(0), EntryAddress(0)], &["explicit_slot 8"]);
    let sig = void([vec![Type::I64; 6], vec![bytes(17), Type::FUNCTION]].concat());
    has(&sig, &[Begin(0), EntryStore(7, v(0))], &["load.i64"]);
    // The pointer to a result is passed to a function that never returns, and there is a trap after the call.
    let sig = FnSig::new([Type::F64], bytes(40)).noreturn();
    let words = ["(i64 sret, f64) system_v", "trap"];
    has(&sig, &[Begin(1), call(&[Arg::value(v(1))])], &words);
    // A function imported with the signature of the plan is called directly, one with another through its address.
    let f = Call(0, FuncRef::from_u32(0).into(), vec![], Ret::Ignore);
    let imports = |sig| [Begin(1), Callee(sig, FuncId::from_u32(0).into()), f.clone()];
    has(&c("double f(void)"), &imports(0), &["call fn0"]);
    let other = Callee(1, FuncId::from_u32(0).into());
    has(
        &c("double f(void)"),
        &[Begin(1), other, f],
        &["func_addr", "call_indirect"],
    );
    // Promotions are done; and without unnamed arguments a variadic function is called like any other.
    let (sig, args) = (c("int printf(void *, ...)"), [v(0), v(1)].map(Arg::value));
    has(
        &sig,
        &[Begin(1), CallVariadic(0, Type::F32, args.to_vec())],
        &["call"],
    );
    has(
        &sig,
        &[Begin(1), CallVariadic(0, Type::VOID, args[..1].to_vec())],
        &["call"],
    );
    has(
        &c("void f(void)"),
        &[Begin(1), Callee(0, v(0).into()), TryIssue],
        &["try_call_indirect"],
    );
    // The address of an object of no bytes is not looked at, so it need not be a value of the function.
    let empty = RecordBuilder::structure("empty").build(&DataModel::LP64);
    has(
        &void(vec![empty.unwrap()]),
        &[Begin(1), call(&[Arg::memory(v(4000))])],
        &[],
    );
}

/// A result in registers is one value, and no slot is made for it.
#[test]
fn ret_of_a_plan() {
    let to = Ret::memory(v(0));
    for (text, ret) in [
        ("long f(void)", Ret::Value),
        ("void f(void)", Ret::Ignore),
        ("long double f(void)", to),
        ("struct { char b[16]; } f(void)", to),
        ("struct { char b[17]; } f(void)", to),
    ] {
        let plan = lowering().call_plan(&c(text)).unwrap();
        assert_eq!(plan.ret(|| Ok::<_, LowerError>(v(0))).unwrap(), ret);
        has(
            &c(text),
            &[Begin(1), Call(0, v(0).into(), vec![], ret)],
            &["call_indirect"],
        );
    }
}

/// A `try_call` of Apple's convention, from 0.133 on, is compiled.
#[test]
fn try_calls_on_apple_arm64() {
    let isa = isa_of(
        "aarch64-apple-darwin",
        &[("preserve_frame_pointers", "true")],
    );
    let lower = Lowering::new(&*isa).unwrap();
    let (mut func, mut context) = (Function::new(), FunctionBuilderContext::new());
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let (_, entry) = lower
        .begin(&mut builder, &c("void f(void (*)(void))"))
        .unwrap();
    let address = entry.value(&mut builder, 0).unwrap();
    let plan = lower.call_plan(&c("void f(void)")).unwrap();
    let callable = lower.callee(&mut Any::Imports, &mut builder, &plan, address);
    let done = try_issue(&mut builder, &callable.unwrap());
    assert_eq!(done.is_ok(), !cfg!(feature = "cranelift-0.132"));
    if done.is_ok() {
        let next = clif_cabi::cranelift_codegen::ir::Block::from_u32(1);
        builder.switch_to_block(next);
        builder.ins().return_(&[]);
        builder.seal_all_blocks();
        builder.finalize(isa.frontend_config());
        let mut context = Context::for_function(func);
        context.compile(&*isa, &mut Default::default()).unwrap();
    }
}
