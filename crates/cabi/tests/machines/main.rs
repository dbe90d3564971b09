//! A convention in miniature that is not shipped, i386 System V (psABI 2.2): it has words of the
//! rules that no shipped convention has. Its places are held against clang's code: each instruction
//! that reads an argument or a result names the place. A mutated convention for each word must
//! differ from that code.
//!
//! Without `clang-19` nothing is compared, and the test says so; `CABI_REQUIRE_ORACLES=1` makes
//! that a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets an unexpected error stops there"
)]

mod page;
#[path = "../support/mod.rs"]
mod support;

use cabi::convention::{
    CalleePops, Classify, Extension, Frame, Group, GroupKind, Part, PartType, PartTypes, Rule,
    Rules, VaListType,
};
use cabi::{
    ArgFlags, Bank, Convention, Error, FnAbi, FnSig, Loc, Place, Reg, Register, Scalar, Target,
    Type,
};
use support::compile;

const fn register(bank: Bank, bits: u16, name: &'static str, index: u8) -> Register {
    Register {
        name,
        bank,
        index,
        bits,
    }
}
const EAX: Reg = Reg(&const { register(Bank::Int, 32, "eax", 0) });
const ECX: Reg = Reg(&const { register(Bank::Int, 32, "ecx", 1) });
const EDX: Reg = Reg(&const { register(Bank::Int, 32, "edx", 2) });
const ST0: Reg = Reg(&const { register(Bank::X87, 80, "st0", 0) });

/// Scalars in words of 4 bytes, and floats for the x87 stack; records in memory.
fn classify(ty: &Type, _: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let float = match ty.as_scalar() {
        Some(Scalar::F32) => Part::float(PartType::F32),
        Some(Scalar::F64) => Part::float(PartType::F64),
        None => return Ok(Group::new(GroupKind::Memory, ty.size(), ty.align())),
        _ => {
            let group = Group::new(GroupKind::Registers, ty.size(), ty.align());
            let word = match ty.size() {
                1 => PartType::I8,
                _ => PartType::I32,
            };
            let words = (0..u8::try_from(ty.size()).unwrap()).step_by(4);
            let words = words.map(|at| Part::int(word, Extension::None).at(at));
            return Ok(words.fold(group, Group::with));
        }
    };
    let bank = Bank::X87;
    Ok(Group::new(GroupKind::Registers, ty.size(), 4).with(Part { bank, ..float }))
}

const WORDS: PartTypes = PartTypes::of(&[PartType::I32]);
/// gcc's `regparm`.
const IN_REGISTERS: Rule = Rule::IfFlag(
    ArgFlags::IN_REG,
    &Rule::IfType(WORDS, &Rule::AssignToReg(&[EAX, EDX, ECX])),
);
const ON_STACK: Rule = Rule::PassByVal { size: 4, align: 4 };
/// `RetCC_X86Common`, as far as it is of use here.
const COMMON_RESULTS: &[Rule] = &[Rule::IfType(WORDS, &Rule::AssignToReg(&[EAX, EDX]))];
const FLOAT_RESULTS: Rule = Rule::IfType(
    PartTypes::of(&[PartType::F32, PartType::F64]),
    &Rule::AssignToReg(&[ST0]),
);

const fn i386(
    name: &'static str,
    args: &'static [Rule],
    results: &'static [Rule],
    callee_pops: CalleePops,
) -> Convention {
    Convention {
        name,
        rules: Rules::new(classify, args, results),
        frame: Frame {
            least_align: 4,
            callee_pops,
            sret_returned_in: Some(EAX),
            va_list: VaListType::Pointer,
            ..Frame::new(4, 16)
        },
    }
}
const ARGS: &[Rule] = &[Rule::IfNotVariadic(&IN_REGISTERS), ON_STACK];
const RESULTS: &[Rule] = &[FLOAT_RESULTS, Rule::DelegateTo(COMMON_RESULTS)];
static I386: Convention = i386("i386 System V", ARGS, RESULTS, CalleePops::SretPointer);
static STDCALL: Convention = i386("stdcall", ARGS, RESULTS, CalleePops::Everything);
static CALLER_POPS: Convention = i386("cdecl", ARGS, RESULTS, CalleePops::Nothing);

/// `I386` with other lists: one for each word of the rules.
static MUTATIONS: [Convention; 4] = [
    i386(
        "slots of 8",
        &const { [ARGS[0], Rule::PassByVal { size: 8, align: 8 }] },
        RESULTS,
        CalleePops::SretPointer,
    ),
    i386("no regparm", &[ON_STACK], RESULTS, CalleePops::SretPointer),
    i386(
        "regparm of variadic functions",
        &[IN_REGISTERS, ON_STACK],
        RESULTS,
        CalleePops::SretPointer,
    ),
    i386(
        "floats alone",
        ARGS,
        &[FLOAT_RESULTS],
        CalleePops::SretPointer,
    ),
];

fn target() -> Target {
    Target::named("i686-unknown-linux-gnu").unwrap()
}

/// The code of all functions of `c`, by their number.
fn code(c: &str) -> Option<Vec<String>> {
    let options = "--target=i686-linux-gnu -O2 -S -fno-pic -fomit-frame-pointer";
    let options: Vec<&str> = options.split(' ').collect();
    let text = compile("clang-19", &options, c)?.unwrap();
    let functions = text.split("# %bb.0:").skip(1);
    let ends = functions.map(|code| code.split(".Lfunc_end").next().unwrap().to_owned());
    Some(ends.collect())
}

const MIXED: &str = "int a, long long b, double c, signed char d, int e";
const REGPARM: &str = "int a, int b, int c, int d";
const UNNAMED: &str = "int a, ...";

/// Parameters, what a function with them stores, the argument that this is and its first byte, and
/// the instruction that reads it, with `@` for its place.
const STORES: [(&str, &str, usize, u64, &str); 11] = [
    (MIXED, "n = a", 0, 0, "movl\t@, %eax"),
    (MIXED, "n = b", 1, 0, "movl\t@, %eax"),
    (MIXED, "n = b >> 32", 1, 4, "movl\t@, %eax"),
    (MIXED, "x = c", 2, 0, "fldl\t@"),
    (MIXED, "n = d", 3, 0, "movsbl\t@, %eax"),
    (MIXED, "n = e", 4, 0, "movl\t@, %eax"),
    (REGPARM, "n = a", 0, 0, "movl\t@, n"),
    (REGPARM, "n = b", 1, 0, "movl\t@, n"),
    (REGPARM, "n = c", 2, 0, "movl\t@, n"),
    (REGPARM, "n = d", 3, 0, "movl\t@, %eax"),
    (UNNAMED, "n = a", 0, 0, "movl\t@, %eax"),
];

/// A type and a variable of it that a function returns.
const RETURNS: [(&str, &str); 3] = [
    ("long long", "w"),
    ("double", "x"),
    ("struct large { int a[4]; }", "l"),
];

/// The signature that C text declares.
fn c(text: &str) -> FnSig {
    FnSig::parse(text, target().data_model()).unwrap()
}

fn sig(params: &str) -> FnSig {
    let sig = c(&format!("void f({params})"));
    let all = 0..match params {
        MIXED => 0,
        _ => sig.params().len(),
    };
    all.fold(sig, |sig, i| sig.flags(i, ArgFlags::IN_REG))
}

/// The C of all functions, in the order of [`STORES`] and [`RETURNS`].
fn source() -> String {
    let mut c = String::from("extern int n; extern double x;\n");
    for (i, (params, store, ..)) in STORES.iter().enumerate() {
        let attribute = match *params {
            MIXED => "",
            _ => "__attribute__((regparm(3))) ",
        };
        c += &format!("{attribute}void f{i}({params}) {{ {store}; }}\n");
    }
    for (ty, name) in RETURNS {
        c += &format!(
            "typedef {ty} t{name}; extern t{name} {name}; t{name} r{name}(void) {{ return {name}; }}\n"
        );
    }
    c
}

/// Returns how instructions name byte `byte` of a value at `place`.
fn operand(place: &Place, byte: u64) -> String {
    let slot = |offset: u64| format!("{}(%esp)", offset + 4);
    match place {
        Place::Stack { offset, .. } => slot(offset + byte),
        Place::Parts(parts) => match parts[usize::try_from(byte / 4).unwrap()].loc {
            Loc::Reg(reg) => format!("%{reg}"),
            other => panic!("{other}"),
        },
        Place::Indirect { pointer, .. } => match pointer {
            Loc::Stack(offset) => slot(*offset),
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

/// The instructions that read an argument, or load a result, if all is where `convention` says.
fn expected(convention: &'static Convention) -> Vec<Vec<String>> {
    let abi = |sig: FnSig| FnAbi::new(&sig.convention(convention), &target()).unwrap();
    let stores = STORES.iter().map(|(params, _, i, byte, instruction)| {
        let place = &abi(sig(params)).args[*i].place;
        vec![instruction.replace('@', &operand(place, *byte))]
    });
    let returned = RETURNS.iter().map(|(ty, name)| {
        let abi = abi(c(&format!("{ty} r(void)")));
        match &abi.ret.place {
            Place::Parts(parts) if parts[0].part.bank == Bank::X87 => vec![format!("fldl\t{name}")],
            Place::Parts(_) => vec![
                format!("movl\t{name}, {}", operand(&abi.ret.place, 0)),
                format!("movl\t{name}+4, {}", operand(&abi.ret.place, 4)),
            ],
            place => vec![format!("movl\t{}, %eax", operand(place, 0))],
        }
    });
    stores.chain(returned).collect()
}

#[test]
fn values_are_where_clang_reads_them() {
    let Some(code) = code(&source()) else { return };
    let wrong = |convention| {
        let all = expected(convention).into_iter().zip(&code);
        let differs = |(own, code): &(Vec<String>, &String)| !own.iter().all(|i| code.contains(i));
        all.filter(differs).collect::<Vec<_>>()
    };
    assert_eq!(code.len(), STORES.len() + RETURNS.len());
    assert_eq!(wrong(&I386), []);
    for mutation in &MUTATIONS {
        assert_ne!(wrong(mutation), [], "{mutation:?} is not noticed");
    }
}

#[test]
fn what_a_callee_pops() {
    let sigs = [
        c("struct large { int a[4]; } f(int)"),
        c("void f(int, double)"),
        c("void f(int, double, ...)"),
    ];
    let all = |convention| {
        let abi = |sig: &FnSig| FnAbi::new(&sig.clone().convention(convention), &target());
        sigs.each_ref().map(|sig| abi(sig).unwrap().callee_pops)
    };
    assert_eq!(all(&CALLER_POPS), [0, 0, 0]);
    for (attribute, expected, own) in [
        ("", [4, 0, 0], all(&I386)),
        ("__attribute__((stdcall))", [8, 12, 0], all(&STDCALL)),
    ] {
        assert_eq!(own, expected);
        let c = format!(
            "struct large {{ int a[4]; }}; {attribute} struct large f0(int n) {{ return (struct large){{{{n}}}}; }} \
             {attribute} void f1(int n, double x) {{}} {attribute} void f2(int n, double x, ...) {{}}"
        );
        let Some(code) = code(&c) else { return };
        let popped = |code: &String| match code.split_once("retl\t$") {
            Some((_, bytes)) => bytes.split_whitespace().next().unwrap().parse().unwrap(),
            None => 0,
        };
        let popped: Vec<u64> = code.iter().map(popped).collect();
        assert_eq!(popped, expected, "{attribute}");
    }
}

/// Compares `va_list` on each machine with clang's: its size, its alignment, and its size as a
/// parameter, where an array is a pointer.
#[test]
fn lists_of_unnamed_arguments() {
    for (option, target) in [
        (
            "--target=i686-linux-gnu",
            Ok(target().with_convention(&I386)),
        ),
        (
            "--target=aarch64-linux-gnu",
            Target::named("aarch64-unknown-linux-gnu"),
        ),
        (
            "--target=s390x-linux-gnu",
            Target::named("s390x-unknown-linux-gnu"),
        ),
    ] {
        let target = target.unwrap();
        let va_list = target.va_list().unwrap();
        let is_of = |size: u64| {
            let passed = target.data_model().decay(&va_list).size();
            let c = format!(
                "#include <stdarg.h>\n_Static_assert(sizeof(va_list) == {size} && _Alignof(va_list) == {}, \"\"); \
                 void f(va_list list) {{ _Static_assert(sizeof list == {passed}, \"\"); }}",
                va_list.align()
            );
            compile("clang-19", &[option, "-S"], &c)
        };
        let Some(own) = is_of(va_list.size()) else {
            return;
        };
        assert!(own.is_ok(), "{option}: {va_list}: {own:?}");
        let other = is_of(va_list.size() + 8);
        assert!(other.is_some_and(|other| other.is_err()), "{option}");
    }
}
