//! i386 System V: the psABI's 2.2. Everything is on the stack, in slots of 4 bytes, and the callee pops the hidden pointer to a result. gcc's
//! `regparm` and Microsoft's `stdcall` are variants.

use cabi::convention::{
    CalleePops, Classify, Extension, Frame, Group, GroupKind, Part, PartType, PartTypes, Rule,
    Rules, VaList,
};
use cabi::{ArgFlags, Bank, Convention, Error, FnAbi, FnSig, Reg, Target, Type};

use crate::assembly::{self, Assembly};
use crate::values::{Value, floats, memory, words};
use crate::{Case, Machine, registers};

registers! {
    Int 32: EAX "eax" 0 ECX "ecx" 1 EDX "edx" 2;
    X87 80: ST0 "st0" 0;
}
const REGPARM: &[Reg] = &[EAX, EDX, ECX];

/// Scalars in words of 4 bytes, and floats for the x87 stack; records in memory.
fn classify(ty: &Type, _: &mut Classify<'_, '_>) -> Result<Group, Error> {
    if ty.as_record().is_some() {
        return Ok(memory(ty));
    }
    Ok(match floats(ty)[..] {
        [(_, Some(float))] => {
            let float = Part {
                bank: Bank::X87,
                extension: Extension::None,
                ..float
            };
            Group::new(GroupKind::Registers, ty.size(), 4).with(float)
        }
        _ => words(ty, 4),
    })
}

const IN_REGISTERS: Rule = Rule::IfFlag(
    ArgFlags::IN_REG,
    &Rule::IfType(PartTypes::of(&[PartType::I32]), &Rule::AssignToReg(REGPARM)),
);
const ON_STACK: Rule = Rule::PassByVal { size: 4, align: 4 };

/// `RetCC_X86Common`, as far as it is of use here.
const COMMON_RESULTS: &[Rule] = &[Rule::IfType(
    PartTypes::of(&[PartType::I32]),
    &Rule::AssignToReg(&[EAX, EDX]),
)];

const I386: Convention = Convention {
    name: "i386 System V",
    rules: Rules::new(
        classify,
        &[Rule::IfNotVariadic(&IN_REGISTERS), ON_STACK],
        &[
            Rule::IfType(
                PartTypes::of(&[PartType::F32, PartType::F64]),
                &Rule::AssignToReg(&[ST0]),
            ),
            Rule::DelegateTo(COMMON_RESULTS),
        ],
    ),
    frame: Frame {
        least_align: 4,
        callee_pops: CalleePops::SretPointer,
        sret_returned_in: Some(EAX),
        va_list: VaList::Pointer,
        ..Frame::new(4, 16)
    },
};
static CONVENTION: Convention = I386;

pub(crate) fn machine() -> Machine {
    Machine {
        target: Target::new(&"i686-unknown-linux-gnu".parse().unwrap()).unwrap(),
        convention: &CONVENTION,
        options: &["--target=i686-linux-gnu"],
        assembly: Assembly {
            registers: &["eax", "ecx", "edx"],
            operands: |register, slot| match slot {
                Some(at) => vec![format!("{}(%esp)", at + 4)],
                None => vec![format!("%{register}")],
            },
            results: ["eax", "st0", "st0"],
        },
        cases: &[
            Case(
                "void int llong double char int",
                "stack 0..4 align 4, stack 4..12 align 4, stack 12..20 align 4, stack 20..21 align 4, stack 24..28 align 4, void",
            ),
            Case(
                "void regparm int int int int",
                "eax, edx, ecx, stack 0..4 align 4, void",
            ),
            Case("llong", "eax edx"),
            Case("double", "st0"),
            Case("large", "sret stack 0, returned in eax"),
        ],
    }
}

#[test]
fn arguments_on_the_stack() {
    static WIDE_SLOTS: Convention = Convention {
        name: "slots of 8",
        rules: Rules {
            args: &[IN_REGISTERS, Rule::PassByVal { size: 8, align: 8 }],
            ..I386.rules
        },
        ..I386
    };
    static NO_REGPARM: Convention = Convention {
        name: "no regparm",
        rules: Rules {
            args: &[ON_STACK],
            ..I386.rules
        },
        ..I386
    };
    machine().prove(&[("slots of 4", &WIDE_SLOTS), ("regparm", &NO_REGPARM)]);
}

#[test]
fn results_of_another_list() {
    static ALONE: Convention = Convention {
        name: "floats alone",
        rules: Rules {
            results: &[I386.rules.results[0]],
            ..I386.rules
        },
        ..I386
    };
    machine().prove(&[("the list of common results", &ALONE)]);
}

/// `regparm` does not count for a variadic function: the guard that says so sends its arguments to the stack.
#[test]
fn variadic_functions_take_no_registers() {
    static ALWAYS: Convention = Convention {
        name: "regparm always",
        rules: Rules {
            args: &[IN_REGISTERS, ON_STACK],
            ..I386.rules
        },
        ..I386
    };
    let place = |convention: &'static Convention| {
        let sig = FnSig::new([Type::I32], Type::I32)
            .variadic()
            .flags(0, ArgFlags::IN_REG);
        let abi = FnAbi::new(&sig.convention(convention), &machine().target).unwrap();
        abi.args[0].place.to_string()
    };
    assert_eq!(
        (place(&CONVENTION).as_str(), place(&ALWAYS).as_str()),
        ("stack 0..4 align 4", "eax")
    );
    let c = "__attribute__((regparm(3))) int f(int n, ...) { return n; }";
    if let Some(text) = assembly::run(c, machine().options, &["-O2", "-S", "-xc"]) {
        assert!(text.contains("movl\t4(%esp), %eax"), "{text}");
    }
}

#[test]
fn what_a_callee_pops() {
    static STDCALL: Convention = Convention {
        name: "stdcall",
        frame: Frame {
            callee_pops: CalleePops::Everything,
            ..I386.frame
        },
        ..I386
    };
    static CALLER_POPS: Convention = Convention {
        name: "the caller pops",
        frame: Frame {
            callee_pops: CalleePops::Nothing,
            ..I386.frame
        },
        ..I386
    };
    let pops = |convention: &'static Convention, sig: FnSig| {
        FnAbi::new(&sig.convention(convention), &machine().target)
            .unwrap()
            .callee_pops
    };
    let large = Value::of("large", machine().target.data_model()).ty;
    let large = || FnSig::new([Type::I32], large.clone());
    let double = machine().target.data_model().adapt(&Type::F64);
    let plain = || FnSig::new([Type::I32, double.clone()], Type::VOID);
    let all = |convention| [large(), plain(), plain().variadic()].map(|sig| pops(convention, sig));
    assert_eq!(all(&CONVENTION), [4, 0, 0]);
    assert_eq!(all(&STDCALL), [8, 12, 0]);
    assert_eq!(all(&CALLER_POPS), [0, 0, 0]);
    for (attribute, expected) in [
        ("", all(&CONVENTION)),
        ("__attribute__((stdcall))", all(&STDCALL)),
    ] {
        let c = format!(
            "struct large {{ int a[4]; }}; {attribute} struct large f0(int n) {{ return (struct large){{{{n}}}}; }} \
             {attribute} void f1(int n, double x) {{}} {attribute} void f2(int n, double x, ...) {{}}"
        );
        let options = [machine().options, &["-w"]].concat();
        let Some(text) = assembly::run(&c, &options, &["-O2", "-S", "-xc"]) else {
            return;
        };
        let returns = text
            .lines()
            .map(str::trim)
            .filter_map(|line| line.strip_prefix("retl"));
        let popped: Vec<u64> = returns
            .map(|bytes| bytes.trim().trim_start_matches('$').parse().unwrap_or(0))
            .collect();
        assert_eq!(popped, expected, "{attribute}");
    }
}

/// Newer callers align the stack to 16 at calls, older ones to 4, and a callee can be told so.
#[test]
fn older_callers() {
    let align = |align| {
        let sig = FnSig::new([Type::I32], Type::VOID).convention(&CONVENTION);
        FnAbi::new(&sig.incoming_stack_align(align), &machine().target).map(|abi| abi.area_align)
    };
    let refused = |asked| {
        Err(Error::StackAlign {
            align: asked,
            least: 4,
            convention: CONVENTION.name,
        })
    };
    assert_eq!([align(16), align(4), align(2)], [Ok(16), Ok(4), refused(2)]);
}
