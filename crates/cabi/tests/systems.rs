//! The policy of each system of x86-64, against clang's code for it: the registers that a function reads its argument from, and those that it leaves its result
//! in. What clang does for another system, and what gcc does, must not pass. Then facts of clang's on other machines.
//!
//! Without `clang-19` nothing is compared, and the test says so; `CABI_REQUIRE_ORACLES=1` makes that a failure.

#![allow(
    clippy::unwrap_used,
    reason = "a test that meets an unexpected error stops there"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use cabi::{
    DataModel, Error, FnAbi, FnSig, Member, Policy, RecordBuilder, RecordRules, Target, Type,
    VectorLevel,
};

/// Systems whose own compiler is clang, by the triple that clang and `cabi` know.
const OF_CLANG: [&str; 11] = [
    "x86_64-apple-darwin",
    "x86_64-apple-macosx10.15.0",
    "x86_64-apple-ios",
    "x86_64-apple-tvos",
    "x86_64-apple-watchos",
    "x86_64-unknown-freebsd",
    "x86_64-unknown-openbsd",
    "x86_64-unknown-fuchsia",
    "x86_64-linux-android",
    "x86_64-unknown-linux-ohos",
    "x86_64-pc-windows-msvc",
];

/// Those that have gcc's libraries; clang compiles for them too.
const OF_GCC: [&str; 12] = [
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "x86_64-unknown-netbsd",
    "x86_64-unknown-dragonfly",
    "x86_64-unknown-haiku",
    "x86_64-unknown-illumos",
    "x86_64-pc-solaris",
    "x86_64-unknown-redox",
    "x86_64-unknown-hermit",
    "x86_64-unknown-l4re",
    "x86_64-unknown-none",
    "x86_64-pc-windows-gnu",
];

/// A type as C declares it, `T` its name, and what it is here.
struct Value {
    c: &'static str,
    build: fn(&DataModel) -> Result<Type, Error>,
}

const fn value(c: &'static str, build: fn(&DataModel) -> Result<Type, Error>) -> Value {
    Value { c, build }
}

fn record(model: &DataModel, members: Vec<Member>) -> Result<Type, Error> {
    let record = RecordBuilder::structure("s");
    { members.into_iter() }
        .fold(record, RecordBuilder::member)
        .build(model)
}

/// One for each bit of clang's profile that its code shows, and plain ones.
const VALUES: &[Value] = &[
    value("typedef int T", |_| Ok(Type::I32)),
    value("typedef signed char T", |_| Ok(Type::I8)),
    value("typedef unsigned char T", |_| Ok(Type::U8)),
    value("typedef short T", |_| Ok(Type::I16)),
    value("typedef _Bool T", |_| Ok(Type::BOOL)),
    value("typedef double T", |_| Ok(Type::F64)),
    value("typedef struct { double x; long long n; } T", |model| {
        let members = [("x", Type::F64), ("n", Type::I64)];
        record(
            model,
            members.map(|(name, ty)| Member::named(name, ty)).into(),
        )
    }),
    value(
        "typedef long long T __attribute__((vector_size(8)))",
        |_| Type::vector(&Type::I64, 1),
    ),
    value(
        "typedef __int128 T __attribute__((vector_size(16)))",
        |_| Type::vector(&Type::I128, 1),
    ),
    value(
        "typedef __int128 T __attribute__((vector_size(32)))",
        |_| Type::vector(&Type::I128, 2),
    ),
    value("typedef float T __attribute__((vector_size(32)))", |_| {
        Type::vector(&Type::F32, 8)
    }),
    value("typedef double T __attribute__((vector_size(8)))", |_| {
        Type::vector(&Type::F64, 1)
    }),
    value("typedef _Float16 T __attribute__((vector_size(4)))", |_| {
        Type::vector(&Type::F16, 2)
    }),
    value("typedef union { long double x; int n; } T", |model| {
        let union = RecordBuilder::union("u").field("x", model.long_double());
        union.field("n", Type::I32).build(model)
    }),
    value(
        "typedef struct { long long : 64; long long a; } T",
        |model| {
            let members = [
                Member::unnamed_bit_field(Type::I64, 64),
                Member::named("a", Type::I64),
            ];
            record(model, members.into())
        },
    ),
    value("typedef struct { _Atomic int n; } T", |model| {
        record(model, vec![Member::named("n", Type::I32.atomic()?)])
    }),
    value("typedef struct { float x; int n[0]; } T", |model| {
        let none = Type::array(&Type::I32, 0)?;
        record(
            model,
            vec![Member::named("x", Type::F32), Member::named("n", none)],
        )
    }),
    value("typedef __float128 T", |_| Ok(Type::F128)),
];

/// What of clang is told, and the level that it means.
const LEVELS: [(&str, VectorLevel); 2] = [
    ("-mno-avx", VectorLevel::Baseline),
    ("-mavx", VectorLevel::Avx),
];

/// The assembly of `c`; `Ok(None)` if there is no compiler, and else what it says.
fn clang(c: &str, options: &[&str]) -> Result<Option<String>, String> {
    let mut clang = Command::new("clang-19");
    clang.args(options);
    clang.args(["-O2", "-S", "-w", "-xc", "-o-", "-"]);
    clang.args(["-fomit-frame-pointer", "-fno-asynchronous-unwind-tables"]);
    clang.args(["-fvisibility=hidden", "-ffreestanding"]);
    let piped = clang.stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = piped.stderr(Stdio::piped()).spawn() else {
        let required = std::env::var_os("CABI_REQUIRE_ORACLES").is_some_and(|value| value == "1");
        assert!(!required, "there is no clang-19");
        // Straight to the stream: libtest hides what the print macros write when a test passes.
        let _ = std::io::stderr().write_all(b"not run: there is no clang-19 to compare with\n");
        return Ok(None);
    };
    let sent = child.stdin.take().unwrap().write_all(c.as_bytes());
    let output = child.wait_with_output().unwrap();
    match output.status.success() && sent.is_ok() {
        true => Ok(Some(String::from_utf8(output.stdout).unwrap())),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The instructions of the function `name`.
fn body<'a>(assembly: &'a str, name: &str) -> Vec<&'a str> {
    let is_label = |line: &&str| {
        line.trim_start_matches('_')
            .starts_with(&format!("{name}:"))
    };
    let mut lines = assembly.lines().skip_while(|line| !is_label(line)).skip(1);
    let mut body = Vec::new();
    for line in lines.by_ref() {
        let text = line.split('#').next().unwrap_or_default().trim();
        match text.starts_with("ret") {
            true => return body,
            false if text.starts_with('.') || text.ends_with(':') || text.is_empty() => {}
            false => body.push(text),
        }
    }
    Vec::new()
}

/// The 64-bit register, or the vector register, that `name` is one of or a part of.
fn whole(name: &str) -> Option<String> {
    let vector = name
        .strip_prefix(['x', 'y'])
        .and_then(|name| name.strip_prefix("mm"));
    if let Some(n) = vector {
        return Some(format!("xmm{n}"));
    }
    Some(
        match name {
            "rax" | "eax" | "ax" | "al" => "rax",
            "rcx" | "ecx" | "cx" | "cl" => "rcx",
            "rdx" | "edx" | "dx" | "dl" => "rdx",
            "rsi" | "esi" | "si" | "sil" => "rsi",
            "rdi" | "edi" | "di" | "dil" => "rdi",
            _ => return None,
        }
        .to_owned(),
    )
}

fn registers<'a>(words: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    words.filter_map(whole).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
}

/// What the code of `void a(T)` and `T r(void)` says, against `abi`; what differs.
fn difference(argument: &[&str], result: &[&str], [takes, gives]: [&FnAbi; 2]) -> Option<String> {
    let wrong =
        |what: &str, place: String, code: &[&str]| Some(format!("{what} {place}: {code:?}"));
    let place = takes.args[0].place.to_string();
    let text = argument.join("\n");
    let is_in_memory = ["(%rsp)", "(%rbp)"].iter().any(|base| text.contains(base));
    let is_right = match place.starts_with("stack") {
        true => is_in_memory,
        // Of what holds no argument only rax is used here.
        false => {
            let mut read = registers(words(&text));
            read.remove("rax");
            if place.contains("pointer") {
                // What is copied.
                read.retain(|register| !register.starts_with("xmm"));
            }
            read == registers(words(&place)) && !is_in_memory
        }
    };
    if !is_right {
        return wrong("argument", place, argument);
    }
    let (place, text) = (gives.ret.to_string(), result.join("\n"));
    let written = registers(words(&text));
    let pointer = place.strip_prefix("sret ").map(|rest| &rest[..3]);
    let is_right = match pointer {
        Some(register) => written.contains(register),
        None if place == "st0" => text.contains("fldt"),
        None => written == registers(words(&place)),
    };
    let is_extended = result
        .iter()
        .any(|line| line.starts_with("movs") && line.ends_with("eax"));
    let extends = format!("{:?}", gives.ret).contains("extension: Sign");
    match is_right && is_extended == extends {
        true => None,
        false => wrong("result", place, result),
    }
}

/// The C of all values, and of a record that gcc and clang lay out differently.
fn source(model: &DataModel) -> String {
    let mut c = String::new();
    for (n, Value { c: declared, .. }) in VALUES.iter().enumerate() {
        let declared = declared.replace(" T", &format!(" T{n}"));
        let _ = writeln!(
            c,
            "#ifndef WITHOUT{n}\n{declared}; T{n} g{n}; void a{n}(T{n} x) {{ g{n} = x; }}"
        );
        let _ = writeln!(c, "T{n} r{n}(void) {{ return g{n}; }}\n#endif");
    }
    if model.records == RecordRules::Clang {
        let wide = Type::BOOL.with_align(2).unwrap();
        let bit = |name: &str| Member::bit_field(name, wide.clone(), 1);
        let size = record(model, vec![bit("a"), bit("b"), bit("c")])
            .unwrap()
            .size();
        let _ = writeln!(
            c,
            "typedef _Bool wide __attribute__((aligned(2))); struct w {{ wide a : 1, b : 1, c : 1; }};"
        );
        let _ = writeln!(c, "_Static_assert(sizeof(struct w) == {size}, \"\");");
    }
    c
}

/// What clang compiles for `triple`; values of types that it does not have there are left out.
fn compiled(triple: &str, level: &str, model: &DataModel) -> Option<String> {
    let target = format!("--target={triple}");
    let mut without: Vec<String> = Vec::new();
    loop {
        let options = [&target[..], level].into_iter();
        let options: Vec<&str> = options.chain(without.iter().map(String::as_str)).collect();
        match clang(&source(model), &options) {
            Ok(assembly) => return assembly,
            Err(why) => {
                let n = (0..VALUES.len()).find(|n| why.contains(&format!(" T{n};")));
                let n = n.filter(|n| !without.contains(&format!("-DWITHOUT{n}")));
                assert!(n.is_some(), "{triple}: {why}");
                without.extend(n.map(|n| format!("-DWITHOUT{n}")));
            }
        }
    }
}

/// What of `triple` has other places under `policy`, or the target's own, than in clang's code; and how many values are compared. `None` without a compiler.
fn compare(triple: &str, policies: &[Option<Policy>]) -> Option<Vec<(usize, Vec<String>)>> {
    let target = Target::named(triple).unwrap();
    let model = target.data_model();
    let mut found = vec![(0, Vec::new()); policies.len()];
    for (option, level) in LEVELS {
        let assembly = compiled(triple, option, model)?;
        for ((n_compared, wrong), policy) in found.iter_mut().zip(policies) {
            for (n, Value { c, build }) in VALUES.iter().enumerate() {
                let code = [format!("a{n}"), format!("r{n}")].map(|name| body(&assembly, &name));
                let ty = build(model).unwrap();
                let abi = |sig: FnSig| {
                    let sig = policy
                        .iter()
                        .fold(sig.features(level), |sig, policy| sig.policy(*policy));
                    FnAbi::new(&sig, &target)
                };
                let takes = abi(FnSig::new([ty.clone()], Type::VOID));
                let (Ok(takes), Ok(gives)) = (takes, abi(FnSig::new([], ty))) else {
                    continue;
                };
                if code.iter().any(Vec::is_empty) {
                    continue;
                }
                *n_compared += 1;
                let [argument, result] = &code;
                if let Some(why) = difference(argument, result, [&takes, &gives]) {
                    wrong.push(format!("{triple} {option}, {c}: {why}"));
                }
            }
        }
    }
    Some(found)
}

/// Without a stated policy every target has that of its own compiler; clang's is clang's for each system.
#[test]
fn each_system_has_its_own_policy() {
    for triple in OF_CLANG.into_iter().chain(OF_GCC) {
        let target = Target::named(triple).unwrap();
        let own = Policy::of(&target);
        let clang = Policy::CLANG.on(&target);
        let is_clang = OF_CLANG.contains(&triple);
        assert_eq!(own, if is_clang { clang } else { Policy::GCC }, "{triple}");
        let asked = [Some(clang), None, Some(Policy::GCC)];
        let Some(found) = compare(triple, &asked) else {
            return;
        };
        let [clang, own, gcc] = &found[..] else {
            continue;
        };
        assert_eq!(clang.1, [""; 0], "{triple}");
        assert!(clang.0 >= 20, "{triple}: {} values", clang.0);
        assert_eq!(own.1.is_empty(), is_clang, "{triple}: {:?}", own.1);
        // What is not clang's shows.
        assert!(!gcc.1.is_empty(), "{triple}");
    }
}

/// What clang does for Linux is not what it does for Darwin and FreeBSD, nor for OpenBSD.
#[test]
fn systems_differ() {
    for (triple, n) in [
        ("x86_64-apple-darwin", 5),
        ("x86_64-unknown-freebsd", 2),
        ("x86_64-unknown-openbsd", 1),
    ] {
        let Some(found) = compare(triple, &[Some(Policy::CLANG)]) else {
            return;
        };
        let wrong = &found[0].1;
        assert!(wrong.len() >= n, "{triple}: {wrong:?}");
    }
}

/// A name of RISC-V that names no extensions: gcc and clang have registers for floats on systems, and none is known where there is no system.
#[test]
fn risc_v_without_extensions() {
    let c = "double g; void f(double x) { g = x; }";
    for (triple, is_placed) in [
        ("riscv64-unknown-linux-gnu", true),
        ("riscv64-unknown-freebsd", true),
        ("riscv32-unknown-linux-gnu", true),
        ("riscv64-unknown-elf", false),
    ] {
        let option = format!("--target={triple}");
        let Some(assembly) = clang(c, &[&option]).unwrap() else {
            return;
        };
        let target = Target::named(triple).unwrap();
        let double = target.data_model().adapt(&Type::F64);
        let abi = FnAbi::new(&FnSig::new([double], Type::VOID), &target);
        assert_eq!(abi.is_ok(), is_placed, "{triple}");
        assert_eq!(assembly.contains("fa0"), is_placed, "{triple}: {assembly}");
        let place = abi.map(|abi| abi.args[0].place.to_string());
        assert!(place.is_ok_and(|place| place == "fa0") == is_placed);
    }
}

/// clang extends an integer that is passed, and none that is `_Atomic`.
#[test]
fn atomic_integers_of_clang() {
    let c = "_Atomic signed char x; void a(_Atomic signed char); void p(signed char); void c(void) { a(x); p(x); }";
    for (triple, name) in [
        ("riscv64-linux-gnu", "riscv64gc-unknown-linux-gnu"),
        ("riscv32-linux-gnu", "riscv32gc-unknown-linux-gnu"),
        ("s390x-linux-gnu", "s390x-unknown-linux-gnu"),
        ("xcore", "xcore"),
        ("csky", "csky-unknown-linux-gnuabiv2"),
    ] {
        let option = format!("--target={triple}");
        let Some(ir) = clang(c, &[&option, "-emit-llvm"]).unwrap() else {
            return;
        };
        let target = Target::named(name).unwrap();
        for (function, ty) in [("@a(", Type::I8.atomic().unwrap()), ("@p(", Type::I8)] {
            let mut lines = ir.lines().filter(|line| line.starts_with("declare"));
            let declared = lines.find(|line| line.contains(function)).unwrap();
            let sig = FnSig::new([ty], Type::VOID).policy(Policy::CLANG);
            let abi = FnAbi::new(&sig, &target).unwrap();
            let extends = format!("{:?}", abi.args[0].place).contains("extension: Sign");
            assert_eq!(
                declared.contains("signext"),
                extends,
                "{triple}: {declared}"
            );
            assert_eq!(extends, function == "@p(", "{triple}");
        }
    }
}
