//! Uses of a lowering, and how they end. A refused one ends with its reason in words and without an
//! instruction, any other one with text in the CLIF. Most are lines of `rows.txt`.

use clif_cabi::cabi::convention::{Extension, Rules};
use clif_cabi::cabi::{
    self, Convention, FnSig, RecordBuilder, Target, Type, X86_64_LANG, X86_64_LANG_CONTEXT,
    X86_64_WIN64,
};
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::ir::{self, InstBuilder, Value};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::{Arg, CallPlan, LowerError, Lowering, Ret};

use super::{AnyStubs, UseSequence, c, isa_of, lowering, ret_of, try_issue, ty};

/// The function that is built, unless it has the signature of the row.
const BUILT: &str = "void f(void *, double, int)";

/// Records in the signatures of rows.
const RECORDS: &str = "struct empty { }; struct b3 { char b[3]; }; struct b12 { char b[12]; }; struct b16 { char b[16]; }; struct b40 { char b[40]; };
    struct b129 { char b[129]; }; struct huge { char b[1099511627776]; }; struct pair { double x; long n; };";

#[test]
fn rows_end_as_they_say() {
    let (mut heading, mut n_refused, mut n_done) = ("", 0, 0);
    let lines = include_str!("rows.txt").lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(uses) = line.strip_prefix("== ") {
            heading = uses;
            continue;
        }
        let [sig, uses, end] = line.splitn(3, " | ").collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let sig = declared(sig);
        let uses = heading.split("; ").chain(uses.split("; "));
        match check(&sig, &uses.collect::<Vec<_>>(), end) {
            true => n_refused += 1,
            false => n_done += 1,
        }
    }
    // None is passed over.
    assert_eq!((n_refused, n_done), (121, 12));
}

/// Returns the signature of a declaration, whose first word may name a convention, or align the
/// parameters to 64 bytes.
pub(crate) fn declared(text: &str) -> FnSig {
    if let Some(text) = text.strip_prefix("aligned ") {
        let params = declared(text).params().to_vec().into_iter();
        let aligned = params.map(|param| param.ty.with_align(64).unwrap());
        return FnSig::new(aligned, Type::I64).convention(&X86_64_LANG);
    }
    static EXTENDED: Convention = Convention {
        name: "lang, extended",
        rules: Rules {
            classify: |ty, cx| {
                let mut group = (X86_64_LANG.rules.classify)(ty, cx)?;
                for part in &mut group.parts {
                    part.extension = Extension::Sign;
                }
                Ok(group)
            },
            ..X86_64_LANG.rules
        },
        ..X86_64_LANG
    };
    let conventions: [(&str, &'static Convention); 4] = [
        ("win64 ", &X86_64_WIN64),
        ("lang ", &X86_64_LANG),
        ("extended ", &EXTENDED),
        ("context ", &X86_64_LANG_CONTEXT),
    ];
    let mut conventions = conventions.into_iter();
    let named = conventions.find_map(|(word, own)| Some((text.strip_prefix(word)?, own)));
    match named {
        Some((text, convention)) => c(&format!("{RECORDS} {text}")).convention(convention),
        None => c(&format!("{RECORDS} {text}")),
    }
}

/// Checks how `uses` of `sig` end: the last one is refused with `! MESSAGE`, or the function's text
/// has each of `WORDS & WORDS`. Returns which of the two.
fn check(sig: &FnSig, uses: &[&str], end: &str) -> bool {
    let mut built = UseSequence::new(&[sig.clone(), c(BUILT)]).build(uses);
    let refused = end.strip_prefix("! ");
    let last = refused.and_then(|_| built.done.pop());
    for (one, done) in uses.iter().zip(built.done) {
        done.unwrap_or_else(|error| panic!("{sig}: {one}: {error}"));
    }
    let (Some(message), Some(last)) = (refused, last) else {
        let text = built.func.to_string();
        for word in end.split(" & ") {
            assert!(text.contains(word), "{sig}: {word}\n{text}");
        }
        assert!(!text.contains("Memcpy"), "{text}");
        return false;
    };
    let error = last.expect_err(message);
    assert_eq!(error.cause().to_string(), message, "{sig}: {uses:?}");
    // The error names the signature, and the function if that has a name.
    let last = uses.last().unwrap();
    if ["slot", "issue", "try", "tail", "params"]
        .iter()
        .any(|verb| last.starts_with(verb))
    {
        return true;
    }
    let name = if last.starts_with("call f(") {
        "f, "
    } else {
        ""
    };
    assert_eq!(error.to_string(), format!("{name}{sig}: {message}"));
    true
}

/// Types that C text cannot spell.
#[test]
fn odd_types() {
    let record = |align| {
        let record = RecordBuilder::structure("s").field("n", Type::I64);
        let record = record
            .aligned(align)
            .build(lowering().target().data_model());
        record.unwrap()
    };
    let void = |params: Vec<Type>| FnSig::new(params, Type::VOID);
    // Cranelift aligns slots to 16 bytes at most: there is room for more, and the address is
    // masked.
    let aligned = FnSig::new([], Type::I64.with_align(64).unwrap());
    check(&aligned, &["begin 1", "slot"], "band");
    // clang's functions count on the record's own alignment where they write a result, whatever a
    // typedef says.
    let sig = FnSig::new([], record(32).with_align(8).unwrap());
    check(&sig, &["begin 1", "call v0()"], "explicit_slot 64 & -32");
    // One in a register is stored as aligned as it is without its typedef.
    let lanes = RecordBuilder::structure("v").field("f", Type::vector(&Type::F32, 4).unwrap());
    let lanes = lanes.build(lowering().target().data_model()).unwrap();
    let sig = void(vec![lanes.with_align(1).unwrap()]);
    check(
        &sig,
        &["begin 0", "address 0"],
        "explicit_slot 16, align = 16",
    );
    // A type that decays is as large as a pointer: nothing else is written or copied.
    let sig = void(vec![Type::FUNCTION]);
    check(&sig, &["begin 0", "address 0"], "explicit_slot 8");
    let bytes = ty("struct { char b[17]; }");
    let sig = void([vec![Type::I64; 6], vec![bytes, Type::FUNCTION]].concat());
    check(&sig, &["begin 0", "store 7 v0"], "load.i64");
    let far = void(vec![record(1 << 28)]).convention(&X86_64_WIN64);
    let why = "argument 0, struct s: expected an object whose copy fits in a stack frame, found 268435456 bytes aligned to 268435456";
    check(&far, &["begin 1", "call v0([v0])"], &format!("! {why}"));
    assert_eq!(
        lowering().can_lower(&far).unwrap_err().to_string(),
        format!("void (struct s) in the convention x64 Windows: {why}")
    );
    // Each of the copies fits a frame, and not all together.
    let large = RecordBuilder::structure("l").field("b", Type::array(&Type::I8, 50 << 20).unwrap());
    let large = large.build(lowering().target().data_model()).unwrap();
    let copies = void(vec![large; 3]).convention(&X86_64_WIN64);
    let why = "argument 2, struct l: expected an object whose copy fits in a stack frame, found 52428800 bytes aligned to 16 after 104857632 bytes of other copies";
    let call = "call v0([v0], [v0], [v0])";
    check(&copies, &["begin 1", call], &format!("! {why}"));
    assert_eq!(
        lowering().can_lower(&copies).unwrap_err().to_string(),
        format!("void (struct l, struct l, struct l) in the convention x64 Windows: {why}")
    );
    let by_memory = c(&format!("{RECORDS} struct b40 f(struct b40)"));
    assert!(lowering().can_lower(&by_memory).is_ok());
}

/// A result in registers is one value, and no slot is made for it.
#[test]
fn ret_of_a_plan() {
    for (text, ret) in [
        ("long f(void)", " -> value"),
        ("void f(void)", ""),
        ("long double f(void)", " -> [v0]"),
        ("struct { char b[16]; } f(void)", " -> [v0]"),
        ("struct { char b[17]; } f(void)", " -> [v0]"),
    ] {
        let plan = lowering().call_plan(&c(text)).unwrap();
        let found = Ret::easiest(&plan, || Ok::<_, LowerError>(Value::from_u32(0)));
        assert_eq!(found.unwrap(), ret_of(ret.trim_start_matches(" -> ")));
        let call = format!("call v0(){ret}");
        check(&c(text), &["begin 1", &call], "call_indirect");
    }
}

/// Returns how a call by `plan` ends, and each of its steps, in a function of a `long`. Refused
/// ones add no instruction.
fn ends(lower: &Lowering, plan: &CallPlan, args: &[Arg]) -> [String; 4] {
    let (mut func, mut context) = (ir::Function::new(), FunctionBuilderContext::new());
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    lower.begin(&mut builder, &c("void f(long)")).unwrap();
    let (stubs, to, ret) = (&mut AnyStubs::Imports, Value::from_u32(0), Ret::Ignore);
    let ends = [
        lower
            .call_planned(stubs, &mut builder, to, plan, args, ret)
            .map(drop),
        lower.values_in(&mut builder, plan, args, ret).map(drop),
        lower.callee(stubs, &mut builder, plan, to).map(drop),
        lower
            .values_out(stubs, &mut builder, plan, &[], ret)
            .map(drop),
    ];
    let is_refused = ends.iter().all(Result::is_err);
    assert!(!is_refused || super::instructions(builder.func) == 0);
    ends.map(|end| end.map_or_else(|error| error.to_string(), |()| String::new()))
}

/// A plan of another target is refused; one of a stated convention that both have is not.
#[test]
fn plans_of_other_targets() {
    let (lower, long) = (lowering(), c("void f(long long)"));
    let win64 = long.clone().convention(&X86_64_WIN64);
    let aapcs64 = long.clone().convention(&cabi::aarch64::AAPCS64);
    for (target, sig, is_refused) in [
        ("x86_64-pc-windows-msvc", &long, true),
        ("x86_64-pc-windows-msvc", &win64, false),
        ("x86_64-unknown-freebsd", &long, false),
        ("aarch64-unknown-linux-gnu", &long, true),
        ("aarch64-unknown-linux-gnu", &aapcs64, true),
    ] {
        let plan = CallPlan::new(sig, &Target::named(target).unwrap()).unwrap();
        let found = ends(&lower, &plan, &[Arg::value(Value::from_u32(0))]);
        let why = format!("{sig}: x86_64-unknown-linux-gnu: the plan is for another target");
        let expected = if is_refused { &*why } else { "" };
        assert_eq!(found, [expected; 4], "{target}");
    }
}

/// A plan that the front end has made itself is refused as the lowering's own is.
#[test]
fn plans_of_the_front_end() {
    let context = c("void f(void)").convention(&cabi::X86_64_LANG_CONTEXT);
    let result = c("long double f(void)");
    for (lower, sig) in [(lowering(), context), (lowering().without_stubs(), result)] {
        let plan = CallPlan::new(&sig, lower.target()).unwrap();
        let own = lower.can_lower(&sig).unwrap_err().to_string();
        assert_eq!(ends(&lower, &plan, &[]), [&*own; 4]);
    }
}

/// A `try_call` of Apple's convention, from 0.133 on, and of Windows' is compiled.
#[test]
fn try_calls_of_other_systems() {
    let apple = ("aarch64-apple-darwin", !cfg!(feature = "cranelift-0.132"));
    let flags = [
        ("preserve_frame_pointers", "true"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
    ];
    for (target, is_compiled) in [apple, ("x86_64-pc-windows-msvc", true)] {
        let isa = isa_of(target, &flags);
        let lower = Lowering::new(&*isa).unwrap();
        let (mut func, mut context) = (ir::Function::new(), FunctionBuilderContext::new());
        let mut builder = FunctionBuilder::new(&mut func, &mut context);
        let (_, entry) = lower
            .begin(&mut builder, &c("void f(void (*)(void))"))
            .unwrap();
        let address = entry.value(&mut builder, 0).unwrap();
        let plan = lower.try_call_plan(&c("void f(void)")).unwrap();
        let callable = lower.callee(&mut AnyStubs::Imports, &mut builder, &plan, address);
        let values = lower.values_in(&mut builder, &plan, &[], Ret::Ignore);
        let result = try_issue(&mut builder, &callable.unwrap(), &values.unwrap(), None);
        assert_eq!(result.is_ok(), is_compiled, "{target}");
        if result.is_ok() {
            let block = ir::Block::from_u32(1);
            builder.switch_to_block(block);
            builder.ins().return_(&[]);
            builder.seal_all_blocks();
            builder.finalize(isa.frontend_config());
            let mut context = Context::for_function(func);
            context.compile(&*isa, &mut Default::default()).unwrap();
        }
    }
}
