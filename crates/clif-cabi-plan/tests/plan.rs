//! Plans as text: the parameters that a call and an entry have beside those of C, the contents of
//! each, and the stubs. The calls in the tests of `clif-cabi` and `tests/`, emitted from these
//! plans, show that they are right.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error"
)]

#[path = "plan/conventions.rs"]
mod conventions;
#[path = "plan/invokers.rs"]
mod invokers;

use cabi::{
    ArgFlags, BoolVector, FnSig, Member, Policy, RecordBuilder, Target, Type, VectorLevel,
    X86_64_PRESERVE_ALL, X86_64_SYSV, X86_64_WIN64,
};
use clif_cabi_plan::{
    CallPlan, EntryPlan, Machine, PassMode, PlanError, ResultPlan, SignaturePlan, Stub, VaArgPlan,
    VaStart, What,
};

const LINUX: Target = Target::X86_64_LINUX;

/// Rows, each with its plans after it.
const PLANS: &str = include_str!("plan/rows.txt");

/// The type that `word` names.
fn ty(word: &str) -> Type {
    let (word, align) = match word.split_once('@') {
        Some((word, align)) => (word, align.parse().unwrap()),
        None => (word, 1),
    };
    let (kind, n) = word.split_at(1);
    let record = |element: &Type| {
        let array = Type::array(element, n.parse().unwrap()).unwrap();
        let record = RecordBuilder::structure("s").field("a", array);
        record.aligned(align).build(LINUX.data_model()).unwrap()
    };
    match (word, kind) {
        ("i8", _) => Type::I8,
        ("i32", _) => Type::I32,
        ("i64", _) => Type::I64,
        ("i128", _) => Type::I128,
        ("f32", _) => Type::F32,
        ("f64", _) => Type::F64,
        ("f80", _) => Type::F80,
        ("f128", _) => Type::F128,
        ("int128x1", _) => Type::vector(&Type::I128, 1).unwrap(),
        ("bool100", _) => Type::bool_vector(100, BoolVector::Zig).unwrap(),
        ("void", _) => Type::VOID,
        (_, "w") => record(&Type::I64),
        (_, "b") => record(&Type::I8),
        (_, "v") => Type::vector(&Type::F32, n.parse().unwrap()).unwrap(),
        _ => panic!("{word}"),
    }
}

/// The types of `i64*6 f64`.
fn types(words: &str) -> Vec<Type> {
    let one = |word: &str| {
        let (word, n) = word.split_once('*').unwrap_or((word, "1"));
        std::iter::repeat_n(ty(word), n.parse().unwrap()).collect::<Vec<_>>()
    };
    words.split_whitespace().flat_map(one).collect()
}

/// The signatures of a row, of the function and of a call of it: `avx clang: i64 ... f64 -> f80`.
fn signatures(row: &str) -> (FnSig, FnSig, Target) {
    let (words, sig) = row.split_once(": ").unwrap_or(("", row));
    let (params, result) = sig.split_once("-> ").unwrap_or((sig, "void"));
    let (named, unnamed) = params.split_once("...").unwrap_or((params, ""));
    let mut target = LINUX;
    let mut sig = FnSig::new(types(named.trim_start_matches("void")), ty(result));
    if params.contains("...") {
        sig = sig.variadic();
    }
    for word in words.split(", ") {
        sig = match word {
            "" | "call" | "entry" | "try" => sig,
            "avx" => sig.features(VectorLevel::Avx),
            "avx512" => sig.features(VectorLevel::Avx512),
            "clang" => sig.policy(Policy::CLANG),
            "chain" => sig.static_chain(target.data_model()),
            "nest" => sig.flags(0, ArgFlags::NEST),
            "stack 8" => sig.incoming_stack_align(8),
            "stack 32" => sig.incoming_stack_align(32),
            "linux" | "apple" => {
                let system = ["unknown-linux-gnu", "apple-darwin"][usize::from(word == "apple")];
                target = Target::named(&format!("aarch64-{system}")).unwrap();
                sig
            }
            "riscv" => {
                target = Target::named("riscv64gc-unknown-linux-gnu").unwrap();
                sig
            }
            name => sig.convention(conventions::named(name)),
        };
    }
    let call = match sig.is_variadic() {
        true => sig.at_call(types(unnamed)).unwrap(),
        false => sig.clone(),
    };
    (sig, call, target)
}

fn name(what: What) -> String {
    match what {
        What::Sret => "sret".into(),
        What::Part { arg, part } => format!("{arg}.{part}"),
        What::Words { arg, part, at_once } => {
            let kind = if at_once { "at once" } else { "pair" };
            format!("{arg}.{part}({kind})")
        }
        What::Object { arg } => format!("{arg}(object)"),
        What::Tail { arg } => format!("{arg}(tail)"),
        What::StubResult => "result".into(),
        What::Chain { .. } => "chain".into(),
        What::Area => "area".into(),
        What::Saved => "saved".into(),
        What::Register { offset } => format!("+{offset}"),
        what => format!("{what:?}"),
    }
}

/// `words` with runs of one word as `word*n`, and runs of padding as `first..last`.
fn shortened<'a>(
    words: impl Iterator<Item = &'a str>,
    is_padding: impl Fn(&str) -> bool,
) -> String {
    let mut runs: Vec<(&str, &str, usize)> = Vec::new();
    for word in words {
        match runs.last_mut() {
            Some((first, last, n)) if word == *last || is_padding(first) && is_padding(word) => {
                (*last, *n) = (word, *n + 1)
            }
            _ => runs.push((word, word, 1)),
        }
    }
    let run = |(first, last, n)| match n {
        1 => String::from(first),
        n if first == last => format!("{first}*{n}"),
        _ => format!("{first}..{last}"),
    };
    runs.into_iter().map(run).collect::<Vec<_>>().join(" ")
}

/// Returns the plan in words: the signature, the contents of each parameter, the values without a
/// parameter, and the steps of stubs. `stubs` lacks those that move the result. `padding` is the
/// text of a padding argument.
fn text(
    plan: &SignaturePlan,
    padding: impl Fn(usize) -> String,
    stubs: [(&str, Option<Stub>); 2],
) -> String {
    let mut params: Vec<String> = (0..plan.signature.params.len()).map(padding).collect();
    let slots = plan.args.slots.iter();
    for slot in slots.filter(|slot| slot.what != What::Padding) {
        match slot.param {
            Some(param) => params[param as usize] = name(slot.what),
            None => params.push(format!("{} at {}", name(slot.what), slot.place)),
        }
    }
    let signature = plan.signature.to_string();
    let (list, results) = signature[1..].rsplit_once(')').unwrap();
    let list = shortened(list.split(", "), |_| false);
    let is_padding = |word: &str| word.starts_with(['r', 'x', '+']) && word != "result";
    let params = shortened(params.iter().map(|param| &**param), is_padding);
    let mut text = format!("({list}){results}: {params}")
        .trim_end()
        .to_string();
    for (i, mode) in plan.args.modes().enumerate() {
        text += &match mode {
            PassMode::Stub { offset } => format!("; {i} stored at {offset}"),
            PassMode::Area => format!("; {i} in {} parts", plan.args.parts(i).len()),
            _ => continue,
        };
    }
    let result = match &plan.result {
        ResultPlan::Stub { pop, push, .. } => [Some(pop), Some(push)],
        ResultPlan::Registers { push, .. } => [Some(push), None],
        _ => [None, None],
    };
    let result = result.map(|stub| ("result", stub.cloned()));
    for (label, stub) in stubs.into_iter().chain(result) {
        if let Some(stub) = stub {
            let steps = stub.name().replace("__clif_cabi_", "");
            text += &format!("\n    {label} {steps}");
        }
    }
    text
}

fn call(plan: Result<CallPlan, PlanError>) -> Result<String, PlanError> {
    let plan = plan?;
    let padding = |param| {
        let mut slots = plan.args.padding().iter();
        let slot = slots.find(|slot| slot.param == u32::try_from(param).ok());
        let keeps = slot.and_then(|slot| slot.place.reg());
        keeps.map_or("_".into(), |reg| reg.name().to_string())
    };
    let direct = ("direct", plan.direct_stub(9));
    Ok(text(
        &plan,
        padding,
        [direct, ("indirect", plan.indirect_stub())],
    ))
}

fn entry(sig: &FnSig, target: &Target) -> Result<String, PlanError> {
    let plan = EntryPlan::new(sig, target)?;
    let start = plan.va_start.as_ref().map(|own| match own {
        VaStart::Registers { counts, .. } => {
            format!("\n    va_start {:?}", counts.map(|own| own.count))
        }
        VaStart::Pointer { first } => format!("\n    va_start {first}"),
    });
    let stub = ("stub", plan.entry_stub(9));
    Ok(text(&plan, |_| "_".into(), [stub, ("", None)]) + &start.unwrap_or_default())
}

#[test]
fn plans() {
    let mut answers = String::new();
    let rows = PLANS.lines();
    for row in rows.filter(|row| !row.starts_with("  ")) {
        answers += &format!("{row}\n");
        if row.starts_with("//") {
            continue;
        }
        let (sig, at_call, target) = signatures(row);
        let or_why = |plan: Result<String, PlanError>| {
            let text = plan.unwrap_or_else(|error| format!("refused: {error}"));
            text.replace(" (x86_64-unknown-linux-gnu)", "")
        };
        let call = || or_why(call(CallPlan::new(&at_call, &target)));
        let try_call = || or_why(self::call(CallPlan::of_try_call(&at_call, &target)));
        let entry = || or_why(entry(&sig, &target));
        answers += &match row.split([',', ':']).next() {
            Some("call") => format!("  {}\n", call()),
            Some("entry") => format!("  {}\n", entry()),
            Some("try") => format!("  {}\n", try_call()),
            _ if call() == entry() => format!("  {}\n", call()),
            _ => format!("  call {}\n  entry {}\n", call(), entry()),
        };
    }
    let mut pairs = answers.lines().zip(PLANS.lines());
    assert_eq!(pairs.find(|(answer, row)| answer != row), None);
    assert_eq!(answers.len(), PLANS.len());
}

/// A stub pushes the chain to the function's own argument area, and the record stays in C's.
#[test]
fn a_pushed_chain_is_not_in_the_area_of_c() {
    let (sig, _, target) = signatures("chain: i64*6 f64*8 w3");
    let plan = EntryPlan::new(&sig, &target).unwrap();
    let in_area = |arg| plan.in_area(&plan.args.slots(arg)[0]);
    assert_eq!([in_area(14), in_area(15)], [Some(0), None]);
}

/// A stub that no instruction can be encoded for is refused when the call is planned.
#[test]
fn areas_that_no_stub_reaches_are_refused() {
    // The chain in the last word that an instruction reads, and after it the address.
    for (name, n_last) in [
        ("riscv64gc-unknown-linux-gnu", 8 + 254),
        ("aarch64-unknown-linux-gnu", 8 + 4094),
    ] {
        let target = Target::named(name).unwrap();
        let plan = |n| {
            let sig = FnSig::new(vec![Type::I64; n], Type::VOID);
            CallPlan::new(&sig.static_chain(target.data_model()), &target)
        };
        let stub = plan(n_last).unwrap().indirect_stub().unwrap();
        stub.code(Machine::of(&target).unwrap(), true).unwrap();
        for n in [n_last + 1, n_last + 2] {
            let error = plan(n).unwrap_err().to_string();
            let why = format!(": the argument area is too large for a stub ({name})");
            assert!(error.ends_with(&why), "{n}: {error}");
        }
    }
}

/// A variadic function reads records under every profile. It does not read one that clang passes in
/// rdi and xmm0 and looks for in two vector registers.
#[test]
fn va_arg_reads_records_under_every_profile() {
    let pair = Type::array(&Type::F16, 2).unwrap();
    let odd = RecordBuilder::structure("s").field("x", pair);
    let odd = odd.member(Member::named("y", Type::F32).aligned(8));
    let odd = odd.build(LINUX.data_model()).unwrap();
    for policy in [Policy::PSABI, Policy::GCC, Policy::CLANG, Policy::ZIG] {
        let printf = FnSig::new([Type::PTR], Type::I32).variadic().policy(policy);
        let fetched = |ty: &Type| VaArgPlan::new(&printf, ty, &LINUX);
        for n in ["w1", "w2", "w3"] {
            fetched(&ty(n)).unwrap();
        }
        let why = "struct s: clang counts other registers than it uses for it";
        match fetched(&odd) {
            Err(error) => assert!(policy == Policy::CLANG && error.to_string().contains(why)),
            Ok(_) => assert!(policy != Policy::CLANG),
        }
    }
}

/// Cranelift copies records to the argument area by a `memcpy` of the called function's convention,
/// in a tail call over the arguments that it reads.
#[test]
fn copies_are_made_by_the_convention_of_c() {
    let windows = Target::named("x86_64-pc-windows-gnu").unwrap();
    let of_windows = [&X86_64_SYSV, &X86_64_PRESERVE_ALL].map(|own| (own, &windows));
    let of_linux = [(conventions::named("records by value"), &LINUX)];
    for (convention, target) in of_windows.into_iter().chain(of_linux) {
        let plan = |record: &str| {
            let sig = FnSig::new([ty(record)], Type::VOID).convention(convention);
            (CallPlan::new(&sig, target), EntryPlan::new(&sig, target))
        };
        for record in ["w9", "w16"] {
            let (call, entry) = plan(record);
            for plan in [&call.unwrap().plan, &entry.unwrap().plan] {
                assert_eq!(
                    plan.args.mode(0),
                    Some(PassMode::Parts),
                    "{}",
                    convention.name
                );
            }
        }
        let (call, entry) = plan("w17");
        for why in [
            call.unwrap_err().to_string(),
            entry.unwrap_err().to_string(),
        ] {
            assert!(
                why.contains("more than 128 bytes in the argument area"),
                "{why}"
            );
        }
    }
}

/// AAPCS64's static chain is in x18, which Apple's and Windows's systems have for themselves.
#[test]
fn chains_in_a_register_of_the_system_are_refused() {
    for name in ["aarch64-apple-darwin", "aarch64-pc-windows-msvc"] {
        let target = Target::named(name).unwrap();
        let chained = |convention| {
            let sig = FnSig::new([Type::I64], Type::VOID).convention(convention);
            sig.static_chain(target.data_model())
        };
        let reasons = |sig: &FnSig| {
            let call = CallPlan::new(sig, &target).map(drop);
            [call, EntryPlan::new(sig, &target).map(drop)]
                .map(|plan| plan.map_or_else(|why| why.to_string(), |()| "planned".to_owned()))
        };
        let of_linux = reasons(&chained(&cabi::aarch64::AAPCS64));
        let system = "the system reserves the register of a static chain";
        assert!(
            of_linux.iter().all(|why| why.contains(system)),
            "{of_linux:?}"
        );
        let convention = target.convention().unwrap();
        let (closures, _) = Machine::closures(&target, convention).unwrap();
        let [call, entry] = reasons(&chained(closures));
        let alone = "only the stubs of closures can enter its functions";
        assert!(
            call.contains(alone) && entry == "planned",
            "{call}, {entry}"
        );
    }
    let android = Target::named("aarch64-linux-android").unwrap();
    let refused = Machine::closures(&android, &cabi::aarch64::AAPCS64).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("the register of a static chain"),
        "{refused}"
    );
}

/// Signatures with different plans.
fn different() -> Vec<FnSig> {
    let vector = Type::vector(&Type::F64, 4).unwrap();
    let wide = |params: &[&Type], result| {
        FnSig::new(params.iter().copied().cloned(), result).features(VectorLevel::Avx)
    };
    let record = RecordBuilder::structure("s").field("x", Type::array(&Type::I64, 3).unwrap());
    let record = record.build(LINUX.data_model()).unwrap();
    let long = || FnSig::new([Type::I64], Type::I64);
    let bits = |n| FnSig::new([LINUX.data_model().bit_int(n, true).unwrap()], Type::VOID);
    vec![
        bits(20),
        bits(21),
        long(),
        long().noreturn(),
        FnSig::new([record.clone()], record),
        wide(&[&vector], Type::VOID),
        wide(&[], vector),
        long().variadic(),
        long().static_chain(LINUX.data_model()),
        long().convention(&X86_64_WIN64),
    ]
}

/// Plans are equal where their signatures differ in names alone.
#[test]
fn plans_are_compared_by_what_is_emitted() {
    let plans = |sig: &FnSig| {
        let (call, entry) = (CallPlan::new(sig, &LINUX), EntryPlan::new(sig, &LINUX));
        (call.unwrap(), entry.unwrap())
    };
    let pairs: Vec<_> = different().iter().map(plans).collect();
    for (i, (call, entry)) in pairs.iter().enumerate() {
        for (j, (other_call, other_entry)) in pairs.iter().enumerate() {
            assert_eq!((call == other_call, i), (i == j, i), "{j}");
            assert_eq!((entry == other_entry, i), (i == j, i), "{j}");
        }
    }
    let named = |name| {
        let pair = RecordBuilder::structure(name).field("x", Type::I64);
        let pair = pair.build(LINUX.data_model()).unwrap();
        plans(&FnSig::new([pair.clone()], pair))
    };
    assert_eq!(named("first"), named("second"));
}
