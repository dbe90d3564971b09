//! Objects of Windows on Arm, which has no table of addresses for imports. They are a call in
//! position-independent code, and the address of an import in other code. In position-independent
//! code Cranelift takes every address from such a table. Nothing runs the objects here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::ir::{InstBuilder, types};
use clif_cabi::cranelift_module::{Linkage, Module};
use clif_cabi::{Arg, Lowering, Ret, Stub, Stubs, clif_signature, stub_id};
use clif_cabi_unwind::UnwindModule;
use cranelift_object::ObjectModule;

use super::system::{System, folder_of};
use super::unwind_windows::keeping;
use super::{builder, exported};

const TRIPLE: &str = "aarch64-pc-windows-msvc";
const CALLEES: &str = "int take(int n) { return n; }";
const MAIN: &str =
    "int direct(int), address(int); int main(void) { return direct(1) + address(2); }";

/// Returns an object of `int direct(int n) { return take(n); }`, or of `address`, which calls
/// `take` by its address.
fn relay(name: &str) -> Vec<u8> {
    let mut module = match name {
        "direct" => ObjectModule::new(builder(TRIPLE, "true")),
        _ => ObjectModule::new(builder(TRIPLE, "false")),
    };
    let lower = Lowering::new(module.isa()).unwrap();
    let sig = FnSig::new([Type::I32], Type::I32);
    let take = lower.declare_import(&mut module, "take", &sig).unwrap();
    let plan = lower.call_plan(&sig).unwrap();
    exported(&mut module, name, &sig, |module, builder, entry| {
        let n = [Arg::value(entry.value(builder, 0).unwrap())];
        let called = match name {
            "direct" => lower.call(module, builder, &take, &n, Ret::Value),
            _ => {
                let signature = builder.import_signature(clif_signature(&plan.signature));
                let take = module.function(take.id, signature, builder.func).unwrap();
                let take = builder.ins().func_addr(types::I64, take);
                lower.call_sig(module, builder, take, &sig, &n, Ret::Value)
            }
        };
        called.unwrap().value().unwrap()
    });
    module.finish().emit().unwrap()
}

#[test]
fn imports_are_linked() {
    let folder = folder_of(&[
        ("callees.c", CALLEES.into()),
        ("main.c", MAIN.into()),
        ("direct.o", relay("direct")),
        ("address.o", relay("address")),
    ]);
    let link = "CC callees.c -o callees.obj; CC main.c -o main.obj; \
        lld-link /dll /noentry /nodefaultlib /export:take callees.obj /out:callees.dll; \
        lld-link /entry:main /subsystem:console /nodefaultlib main.obj direct.o address.o callees.lib /out:main.exe";
    let Some(linked) = SYSTEM.commands(folder.path(), link) else {
        return;
    };
    linked.unwrap();
    let without = link.replace("direct.o address.o callees.lib", "direct.o address.o");
    let refused = SYSTEM.commands(folder.path(), &without).unwrap();
    assert!(refused.unwrap_err().contains("undefined symbol: take"));
}

/// Functions whose prologues have a code for each instruction.
const CLANG: &str = "double g(double); double f(double a, double b) { return g(a) * b; }
    double g(double a) { return f(a, a) * f(a, 1); }";

const SYSTEM: System<'_> = System {
    triple: TRIPLE,
    compiler: "clang-19 --target=aarch64-pc-windows-msvc -O1 -ffreestanding -c",
    runner: "",
};

/// Returns an object of a stub with a frame, and of functions that save registers.
fn with_tables() -> Vec<u8> {
    let module = ObjectModule::new(builder(TRIPLE, "true"));
    let mut module = UnwindModule::new(module, None).unwrap();
    let signature = module.make_signature();
    let callee = module.declare_function("f", Linkage::Import, &signature);
    let stub = format!(
        "__clif_cabi_frame_saveints_call{}_leave",
        callee.unwrap().as_u32()
    );
    stub_id(&mut module, Stub::from_name(&stub).unwrap()).unwrap();
    let mut text = keeping("large", 12, 0, 600_000);
    for n in 0..12 {
        text += &keeping(&format!("keeping{n}"), n, 0, 1000 * n);
        // So many doubles at a time.
        let lines = |line: fn(usize) -> String| (2..23 + n).map(line).collect::<String>();
        let loads = lines(|i| format!("v{i} = load.f64 v0+{}\n", 8 * i));
        let stores = lines(|i| format!("store v{i}, v1+{}\n", 8 * i));
        text += &format!(
            "function %doubles{n}(i64, i64) windows_fastcall {{\nss0 = explicit_slot 8\n\
             block0(v0: i64, v1: i64):\n{loads}{stores}return\n}}\n"
        );
    }
    for func in cranelift_reader::parse_functions(&text).unwrap() {
        let name = func.name.to_string();
        let id = module.declare_function(&name[1..], Linkage::Export, &func.signature);
        let (id, mut ctx) = (id.unwrap(), Context::for_function(func));
        module.define_function(id, &mut ctx).unwrap();
    }
    module.finish().unwrap().emit().unwrap()
}

/// Returns `text` as llvm-readobj and llvm-objdump both have it: with decimal numbers.
fn plain(text: &str) -> String {
    let text = text.split("//").next().unwrap().replace("fp", "x29");
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    while let Some((_, rest)) = text.split_once("0x") {
        let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
        let n = u64::from_str_radix(&digits, 16).unwrap();
        text = text.replacen(&format!("0x{digits}"), &n.to_string(), 1);
    }
    text
}

/// Returns the registers that an instruction pushes, in 16 bytes.
fn pushed(text: &str) -> Vec<&str> {
    let registers = text.strip_suffix(", [sp, #-16]!").unwrap_or_default();
    registers
        .split([' ', ','])
        .skip(1)
        .filter(|own| !own.is_empty())
        .collect()
}

/// A record, as LLVM reads it: the place of its code, the codes, and whether the code ends in them.
struct Record {
    code: Range<u64>,
    codes: Vec<String>,
    is_mirrored: bool,
}

impl Record {
    fn new(text: &str) -> Self {
        let mut lines = text.lines().map(plain);
        let start = lines.next().unwrap();
        let start = start.trim_end_matches(')').rsplit(['(', ' ']).next();
        let start: u64 = start.unwrap().parse().unwrap();
        let len = lines.find_map(|line| line.strip_prefix("FunctionLength: ")?.parse().ok());
        let codes = lines.skip_while(|line| line != "Prologue [").skip(1);
        let codes = codes.map_while(|line| Some(line.split_once("; ")?.1.to_owned()));
        Self {
            code: start..start + len.unwrap_or(0),
            codes: codes.collect(),
            is_mirrored: text.contains("EpilogueOffset: 0\n"),
        }
    }

    /// Checks whether the codes are those of `code`. Returns its pushes, for a function's body. The
    /// function begins at `function`.
    fn pushes<'c>(
        &self,
        code: &'c BTreeMap<u64, String>,
        function: u64,
    ) -> Option<Vec<&'c String>> {
        let texts = |range| code.range(range).map(|own: (_, &String)| own.1);
        let Range { start, end } = self.code;
        let (mut codes, mut pushes) = (&self.codes[..], Vec::new());
        if start != function {
            pushes.extend(texts(function + 8..start).filter(|own| !pushed(own).is_empty()));
            let mut place = 16 * pushes.len();
            let mut saves = vec!["end_c".to_owned(), format!("add x29, sp, #{place}")];
            for own in &pushes {
                place -= 16;
                let places = (place..).step_by(8).zip(pushed(own));
                saves.extend(places.map(|(at, own)| format!("str {own}, [sp, #{at}]")));
            }
            codes = codes.strip_prefix(&saves[..])?;
        }
        // Each other code is an instruction of the prologue, the last one first, and of the end.
        let codes = codes.strip_suffix(&["end".to_owned()])?;
        let n = codes.len();
        let mut ends: String = codes.iter().map(|own| format!("{own}\n")).collect();
        for (from, to) in [
            ("x29, sp\n", "sp, x29\n"),
            ("stp", "ldp"),
            (", #-", "], #"),
            ("]!", ""),
        ] {
            ends = ends.replace(from, to);
        }
        let last = texts(end - 4 * (n as u64 + 1)..end).map(|own| format!("{own}\n"));
        let is_right = texts(function..end).take(n).eq(codes.iter().rev())
            && (!self.is_mirrored || last.collect::<String>() == ends + "ret\n")
            && (start == function || pushed(&code[&start]).is_empty());
        (n > 0 && is_right).then_some(pushes)
    }
}

fn records(unwind: &str) -> Vec<Record> {
    unwind
        .split("Function: ")
        .skip(1)
        .map(Record::new)
        .collect()
}

/// Checks the records of an object, by LLVM's text of them and of its instructions, each of which
/// has one. Returns the pushes of registers that are restored.
fn pushes(unwind: &str, code: &str) -> Result<Vec<String>, String> {
    let instruction = |line: &str| {
        let (at, text) = line.split_once(":\t").or_else(|| line.split_once(": "))?;
        Some((u64::from_str_radix(at.trim(), 16).ok()?, plain(text)))
    };
    let code: BTreeMap<u64, String> = code.lines().filter_map(instruction).collect();
    let (mut rest, mut pushes, mut function) = (code.clone(), Vec::new(), 0..0);
    for record in records(unwind) {
        rest.retain(|at, text| !record.code.contains(at) && text != "udf #0");
        // The body of a function comes after its prologue, which has few instructions.
        let has_prologue = record.codes.first().is_none_or(|code| code != "end_c");
        if has_prologue || record.code.start != function.end {
            function = record.code.clone();
        }
        let saves = record.pushes(&code, function.start);
        let saves = saves.ok_or_else(|| format!("at {:x?}: {:?}", record.code, record.codes))?;
        pushes.extend(saves.into_iter().cloned());
    }
    match rest.is_empty() {
        true => Ok(pushes),
        false => Err(format!("{rest:?}")),
    }
}

/// The records of functions and of a stub are their prologues, as LLVM reads both. Those of clang
/// are of the same form, and the linker sorts all.
#[test]
fn tables_are_those_of_prologues() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let run = |commands: &str| SYSTEM.commands(folder.path(), commands).map(Result::unwrap);
    let read = |name: &str| {
        let unwind = run(&format!("llvm-readobj --unwind {name}"))?;
        let code = run(&format!("llvm-objdump -d --no-show-raw-insn {name}"))?;
        Some((records(&unwind), pushes(&unwind, &code)))
    };
    let object = with_tables();
    write("own.o", &object);
    write("clang.c", CLANG.as_bytes());
    let Some((own, saved)) = read("own.o") else {
        return;
    };
    let saved = saved.unwrap();
    let registers: BTreeSet<&str> = saved.iter().flat_map(|own| pushed(own)).collect();
    assert_eq!(registers.len(), 18, "{registers:?}");
    // Pairs whose second register is not the next one, which no code has.
    let number = |register: &str| register[1..].parse::<u8>().unwrap();
    let has_gap = |own: &String| matches!(&*pushed(own), [a, b] if number(a) + 1 != number(b));
    assert!(saved.iter().any(has_gap), "{saved:?}");
    // The controls: each byte of the codes of a body, but for `end`.
    let body = object.windows(2).position(|own| own == [0xe5, 0xe2]);
    for at in body.unwrap()..body.unwrap() + 9 {
        let mut wrong = object.clone();
        wrong[at] ^= 1;
        write("wrong.o", &wrong);
        assert!(read("wrong.o").unwrap().1.is_err(), "{:x}", object[at]);
    }
    let compiled = run("CC -fno-omit-frame-pointer -funwind-tables clang.c -o clang.o");
    let Some((clang, pushes)) = compiled.and_then(|_| read("clang.o")) else {
        return;
    };
    assert_eq!(pushes, Ok(Vec::new()));
    let linked = run(
        "lld-link /dll /noentry /nodefaultlib clang.o own.o /out:all.dll; llvm-readobj --unwind all.dll",
    );
    let linked = records(&linked.unwrap());
    assert_eq!(linked.len(), own.len() + clang.len());
    let is_sorted = |records: &[Record]| records.is_sorted_by_key(|own| own.code.start);
    assert!(is_sorted(&linked) && !is_sorted(&own));
}
