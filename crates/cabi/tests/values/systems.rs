//! The policy of each system of x86-64, against clang's machine code before registers are allocated for it (`-stop-after=finalize-isel`): the registers and slots
//! that a function has its argument in, and those that it leaves its result in. What clang does for another system, and what gcc does, must not pass. Then facts
//! of clang's on other machines.
//!
//! Without `clang-19` nothing is compared, and the test says so; `CABI_REQUIRE_ORACLES=1` makes that a failure.

use std::collections::BTreeSet;

use crate::structure;
use crate::support::compile;
use cabi::{
    DataModel, FnAbi, FnSig, Member, Policy, RecordBuilder, RecordRules, Target, Type, VectorLevel,
};

/// Systems whose own compiler is clang, by the triple that clang and `cabi` know.
const OF_CLANG: &str = "x86_64-apple-darwin x86_64-apple-macosx10.15.0 x86_64-apple-ios x86_64-apple-tvos x86_64-apple-watchos \
    x86_64-unknown-freebsd x86_64-unknown-openbsd x86_64-unknown-fuchsia x86_64-linux-android x86_64-unknown-linux-ohos x86_64-pc-windows-msvc";

/// Those that have gcc's libraries; clang compiles for them too.
const OF_GCC: &str = "x86_64-unknown-linux-gnu x86_64-unknown-linux-musl x86_64-unknown-netbsd x86_64-unknown-dragonfly x86_64-unknown-haiku \
    x86_64-unknown-illumos x86_64-pc-solaris x86_64-unknown-redox x86_64-unknown-hermit x86_64-unknown-l4re x86_64-unknown-none x86_64-pc-windows-gnu";

/// One for each bit of clang's profile that its code shows, and plain ones: a type in C, or that of a vector's lanes, and how many these are.
const VALUES: [(&str, u16); 18] = [
    ("int", 0),
    ("signed char", 0),
    ("unsigned char", 0),
    ("short", 0),
    ("_Bool", 0),
    ("double", 0),
    ("struct { double x; long long n; }", 0),
    ("long long", 1),
    ("__int128", 1),
    ("__int128", 2),
    ("float", 8),
    ("double", 1),
    ("_Float16", 2),
    ("union { long double x; int n; }", 0),
    ("struct { long long : 64; long long a; }", 0),
    (ATOMIC, 0),
    ("struct { float x; int n[0]; }", 0),
    ("__float128", 0),
];

const ATOMIC: &str = "struct { _Atomic int n; }";

fn ty((c, lanes): (&str, u16), model: &DataModel) -> Type {
    match lanes {
        _ if c == ATOMIC => structure(&[Type::I32.atomic().unwrap()]),
        0 => Type::parse(c, model).unwrap(),
        lanes => Type::vector(&Type::parse(c, model).unwrap(), lanes).unwrap(),
    }
}

/// What of clang is told, and the level that it means.
const LEVELS: [(&str, VectorLevel); 2] = [
    ("-mno-avx", VectorLevel::Baseline),
    ("-mavx", VectorLevel::Avx),
];

/// What clang makes of `c`; `None` if there is no compiler, and else what it says.
fn clang(c: &str, triple: &str, options: &str) -> Option<Result<String, String>> {
    let target = format!("--target={triple}");
    let options = options.split_whitespace();
    let options: Vec<&str> = options
        .chain(["-O2", "-S", "-ffreestanding", &target])
        .collect();
    compile("clang-19", &options, c)
}

/// The 64-bit register, or the vector register, that `name` is one of or a part of.
fn whole(name: &str) -> Option<String> {
    if let Some(n) = name.strip_prefix("xmm").or(name.strip_prefix("ymm")) {
        return Some(format!("xmm{n}"));
    }
    const NAMES: [&str; 7] = [
        "rax eax ax al",
        "rcx ecx cx cl",
        "rdx edx dx dl",
        "rsi esi si sil",
        "rdi edi di dil",
        "st0",
        "stack",
    ];
    let mut all = NAMES.iter().map(|names| names.split(' '));
    let found = all.find(|names| names.clone().any(|own| own == name));
    Some(found?.next()?.to_owned())
}

fn registers(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter_map(whole).collect()
}

/// What the function `name` has at its entry, and what at its end; `None` if `code` has no such function.
fn ends(code: &str, name: &str) -> Option<[String; 2]> {
    let functions = code.split("\nname: ");
    let function = functions.into_iter().find(|text| {
        let own = text.lines().next().unwrap_or("").trim();
        own.trim_start_matches('_') == name
    })?;
    let line = |start: &str| {
        let mut lines = function.lines().map(str::trim);
        lines.find_map(|line| line.strip_prefix(start))
    };
    let slot = match function.contains("fixedStack:\n") {
        true => " stack",
        false => "",
    };
    let entry = line("liveins: $").unwrap_or("").to_owned() + slot;
    // What is in a virtual register there is on top of the x87 stack.
    let end = line("RET").map(|text| text.replace('%', " st0 "));
    Some([entry, end.unwrap_or_default()])
}

/// What the code of `void a(T)` and `T r(void)` says, against `abi`; what differs.
fn difference(argument: &[String; 2], result: &[String; 2], abi: [&FnAbi; 2]) -> Option<String> {
    let [takes, gives] = abi;
    let place = takes.args[0].place.to_string();
    if registers(&argument[0]) != registers(&place) {
        return Some(format!("argument {place}: {argument:?}"));
    }
    let place = gives.ret.to_string();
    // `$eax` and the like.
    let is_wide = result[1].contains("$e");
    let debug = format!("{:?}", gives.ret);
    let is_right = registers(&result.concat()) == registers(&place);
    let is_narrow = debug.contains("ty: I8") || debug.contains("ty: I16");
    let extends = debug.contains("extension: Sign") || debug.contains("extension: Zero");
    let is_extended = !is_narrow || is_wide == extends;
    (!(is_right && is_extended)).then(|| format!("result {place}: {result:?}"))
}

/// The C of all values but those in `without`, and of a record that gcc and clang lay out differently.
fn source(model: &DataModel, without: &[usize]) -> String {
    let mut c = String::new();
    let all = VALUES.iter().enumerate();
    for (n, (declared, lanes)) in all.filter(|(n, _)| !without.contains(n)) {
        let vector = match lanes {
            0 => String::new(),
            _ => format!("__attribute__((vector_size({lanes} * sizeof({declared}))))"),
        };
        c += &format!(
            "typedef {declared} T{n} {vector};\n T{n} g{n}; void a{n}(T{n} x) {{ g{n} = x; }}\n T{n} r{n}(void) {{ return g{n}; }}\n"
        );
    }
    if model.records == RecordRules::Clang {
        let wide = Type::BOOL.with_align(2).unwrap();
        let record = RecordBuilder::structure("w");
        let record = ["a", "b", "c"].iter().fold(record, |record, name| {
            record.member(Member::bit_field(name, wide.clone(), 1))
        });
        let size = record.build(model).unwrap().size();
        c += "typedef _Bool wide __attribute__((aligned(2))); struct w { wide a : 1, b : 1, c : 1; };\n";
        c += &format!("_Static_assert(sizeof(struct w) == {size}, \"\");\n");
    }
    c
}

/// What clang compiles for `triple`; values of types that it does not have there are left out.
fn compiled(triple: &str, level: &str, model: &DataModel) -> Option<String> {
    let options = format!("{level} -mllvm -stop-after=finalize-isel");
    let why = match clang(&source(model, &[]), triple, &options)? {
        Ok(code) => return Some(code),
        Err(why) => why,
    };
    let names = |n: &usize| why.contains(&format!(" T{n} "));
    let without: Vec<usize> = (0..VALUES.len()).filter(names).collect();
    Some(clang(&source(model, &without), triple, &options)?.unwrap())
}

/// What of `triple` has other places under `policy`, or the target's own, than in clang's code; and how many values are compared. `None` without a compiler.
fn compare(triple: &str, policies: &[Option<Policy>]) -> Option<Vec<(usize, Vec<String>)>> {
    let target = Target::named(triple).unwrap();
    let model = target.data_model();
    let mut found = vec![(0, Vec::new()); policies.len()];
    for (option, level) in LEVELS {
        let code = compiled(triple, option, model)?;
        for ((n_compared, wrong), policy) in found.iter_mut().zip(policies) {
            for (n, value) in VALUES.into_iter().enumerate() {
                let ends = ["a", "r"].map(|side| ends(&code, &format!("{side}{n}")));
                let ty = ty(value, model);
                let abi = |sig: FnSig| {
                    let sig = sig.features(level);
                    FnAbi::new(
                        &policy.iter().fold(sig, |sig, own| sig.policy(*own)),
                        &target,
                    )
                };
                let takes = abi(FnSig::new([ty.clone()], Type::VOID));
                if let (Ok(takes), Ok(gives), [Some(argument), Some(result)]) =
                    (takes, abi(FnSig::new([], ty)), ends)
                {
                    *n_compared += 1;
                    let why = difference(&argument, &result, [&takes, &gives]);
                    wrong.extend(why.map(|why| format!("{triple} {option}, {value:?}: {why}")));
                }
            }
        }
    }
    Some(found)
}

/// Without a stated policy every target has that of its own compiler; clang's is clang's for each system.
#[test]
fn each_system_has_its_own_policy() {
    for triple in OF_CLANG.split(' ').chain(OF_GCC.split(' ')) {
        let target = Target::named(triple).unwrap();
        let own = Policy::of(&target);
        let clang = Policy::CLANG.on(&target);
        let is_clang = OF_CLANG.contains(triple);
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
    for (triple, is_placed) in [
        ("riscv64-unknown-linux-gnu", true),
        ("riscv64-unknown-freebsd", true),
        ("riscv32-unknown-linux-gnu", true),
        ("riscv64-unknown-elf", false),
    ] {
        let Some(code) = clang("double g; void f(double x) { g = x; }", triple, "") else {
            return;
        };
        let target = Target::named(triple).unwrap();
        let double = target.data_model().adapt(&Type::F64);
        let abi = FnAbi::new(&FnSig::new([double], Type::VOID), &target);
        let place = abi.map(|abi| abi.args[0].place.to_string());
        assert_eq!(
            place.ok().as_deref(),
            is_placed.then_some("fa0"),
            "{triple}"
        );
        assert_eq!(code.unwrap().contains("fa0"), is_placed, "{triple}");
    }
}

/// clang extends an integer that is passed, and none that is `_Atomic`; gcc extends both.
#[test]
fn atomic_integers_of_clang() {
    let c = "_Atomic signed char x; void a(_Atomic signed char); void p(signed char); void c(void) { a(x); p(x); }";
    for name in [
        "riscv64gc-unknown-linux-gnu",
        "riscv32gc-unknown-linux-gnu",
        "s390x-unknown-linux-gnu",
        "xcore",
        "csky",
    ] {
        let Some(ir) = clang(c, &name.replace("gc-", "-"), "-emit-llvm") else {
            return;
        };
        let ir = ir.unwrap();
        let target = Target::named(name).unwrap();
        for (function, ty) in [("@a(", Type::I8.atomic().unwrap()), ("@p(", Type::I8)] {
            let mut lines = ir.lines().filter(|line| line.starts_with("declare"));
            let declared = lines.find(|line| line.contains(function)).unwrap();
            let extends = |policy| {
                let sig = FnSig::new([ty.clone()], Type::VOID).policy(policy);
                let abi = FnAbi::new(&sig, &target).unwrap();
                format!("{:?}", abi.args[0].place).contains("extension: Sign")
            };
            // To gcc `_Atomic` changes nothing.
            assert!(extends(Policy::GCC), "{name}");
            let extends = extends(Policy::CLANG);
            assert_eq!(declared.contains("signext"), extends, "{name}: {declared}");
            assert_eq!(extends, function == "@p(", "{name}");
        }
    }
}
