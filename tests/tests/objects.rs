//! Object files of calls with stubs, records and unnamed arguments, and their unwind tables, for
//! each system and machine. They are compared with clang's, linked with C, and run where a program
//! can run.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use cabi_verify::report::missing;
use clif_cabi::cabi::{FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::binemit::Reloc;
use clif_cabi::cranelift_codegen::ir::{InstBuilder, Value};
use clif_cabi::cranelift_codegen::isa;
use clif_cabi::cranelift_codegen::settings::{self, Configurable};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{FuncId, Linkage, Module, ModuleReloc, default_libcall_names};
use clif_cabi::{Arg, Entry, Lowering, Ret};
use cranelift_object::{ObjectBuilder, ObjectModule};
use object::{Architecture, Object, ObjectSection, SectionKind};
use system::{AARCH64, RISCV64, S390X, System, WINDOWS, X86_64, folder_of};

#[path = "objects/apple_variadic.rs"]
mod apple_variadic;
#[path = "objects/parts.rs"]
mod parts;
#[path = "objects/rust_records.rs"]
mod rust_records;
#[path = "objects/system.rs"]
mod system;
#[path = "objects/unwind.rs"]
mod unwind;
#[path = "objects/unwind_windows.rs"]
mod unwind_windows;
#[path = "objects/windows_arm.rs"]
mod windows_arm;

const TYPES: &str = r#"
#include <stdarg.h>
#pragma GCC diagnostic ignored "-Wpsabi"
typedef struct { long long x[3] __attribute__((aligned(32))); } a32;
#ifdef _MSC_VER
int _fltused; // of the C library, which is not here
#endif
"#;

const CALLEES: &str = r"
long long take(int n, a32 a, double d) {
  const void *volatile p = &a;
  return (unsigned long long)p % 32 ? -1 : n + a.x[0] + a.x[2] + (long long)d;
}
long long take_unnamed(int n, ...) {
  va_list list;
  va_start(list, n);
  long long d = (long long)va_arg(list, double);
  a32 a = va_arg(list, a32);
  va_end(list);
  return n + a.x[0] + a.x[2] + d;
}
";

const MAIN: &str = r"
long long relay_take(int, a32 *, double), relay_take_unnamed(int, a32 *, double);
int main(void) {
  a32 a = { { 10, 0, 300 } };
  for (int phase = 0; phase < 4; phase++) {
    char *volatile p = __builtin_alloca(16 * phase + 16);
    p[0] = 1;
    if (relay_take(1, &a, 5000.5) != 5311) return 1;
    if (relay_take_unnamed(2, &a, 5000.5) != 5312) return 2;
  }
  return 47;
}
";

/// Makes a builder of object files, which are position-independent if `is_pic` says so.
fn builder(triple: &str, is_pic: &str) -> ObjectBuilder {
    let mut flags = settings::builder();
    for (flag, value) in [
        ("is_pic", is_pic),
        ("use_colocated_libcalls", "false"),
        ("preserve_frame_pointers", "true"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
    ] {
        flags.set(flag, value).unwrap();
    }
    let isa = isa::lookup_by_name(triple).unwrap();
    let isa = isa.finish(settings::Flags::new(flags)).unwrap();
    ObjectBuilder::new(isa, "relays", default_libcall_names()).unwrap()
}

/// Makes an empty object file, and its lowering.
fn module(triple: &str) -> (ObjectModule, Lowering) {
    let module = ObjectModule::new(builder(triple, "true"));
    let lower = Lowering::new(module.isa()).unwrap();
    (module, lower)
}

/// Defines the function `name` of `sig`, which returns the result of `emit` for its parameters.
/// Returns its body, and the compiled code.
fn exported(
    module: &mut ObjectModule,
    name: &str,
    sig: &FnSig,
    emit: impl FnOnce(&mut ObjectModule, &mut FunctionBuilder<'_>, &Entry) -> Value,
) -> (FuncId, Context) {
    let lower = Lowering::new(module.isa()).unwrap();
    let body = lower.declare_export(module, name, sig).unwrap().body;
    let (mut ctx, mut fn_ctx) = (module.make_context(), FunctionBuilderContext::new());
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let (_, entry) = lower.begin(&mut builder, sig).unwrap();
    let result = Arg::value(emit(module, &mut builder, &entry));
    entry.ret(module, &mut builder, Some(&result)).unwrap();
    builder.finalize(module.target_config());
    module.define_function(body, &mut ctx).unwrap();
    (body, ctx)
}

/// Returns an object of these functions, one for each callee:
/// `long long relay_NAME(int n, a32 *a, double d) { return NAME(n + more, *a, d); }`.
fn relays(triple: &str, more: i64) -> Vec<u8> {
    let (mut module, lower) = module(triple);
    let words = Type::array(&Type::I64, 3).unwrap();
    let record = RecordBuilder::structure("a32")
        .field("x", words)
        .aligned(32);
    let record = record.build(lower.target().data_model()).unwrap();
    let named = FnSig::new([Type::I32, record.clone(), Type::F64], Type::I64);
    let variadic = FnSig::new([Type::I32], Type::I64).variadic();
    let at_call = variadic.at_call([Type::F64, record]).unwrap();
    for (name, sig, at_call, order) in [
        ("take", &named, &named, [0, 1, 2]),
        ("take_unnamed", &variadic, &at_call, [0, 2, 1]),
    ] {
        let callee = lower.declare_import(&mut module, name, sig).unwrap();
        let relay = FnSig::new([Type::I32, Type::PTR, Type::F64], Type::I64);
        let name = format!("relay_{name}");
        exported(&mut module, &name, &relay, |module, builder, entry| {
            let [n, a, d] = [0, 1, 2].map(|i| entry.value(builder, i).unwrap());
            let n = builder.ins().iadd_imm_s(n, more);
            let values = [Arg::value(n), Arg::memory(a), Arg::value(d)];
            let args = order.map(|i| values[i].clone());
            let result = lower.call_sig(module, builder, callee.id, at_call, &args, Ret::Value);
            result.unwrap().value().unwrap()
        });
    }
    module.finish().emit().unwrap()
}

/// Returns an object of `long long relay(struct big *b) { return take(*b); }`. The copy of `b` is
/// long enough for `memcpy`.
fn copies(triple: &str) -> Vec<u8> {
    let (mut module, lower) = module(triple);
    let big = RecordBuilder::structure("big").field("x", Type::array(&Type::I8, 200).unwrap());
    let big = big.build(lower.target().data_model()).unwrap();
    let take = FnSig::new([big], Type::I64);
    let take = lower.declare_import(&mut module, "take", &take).unwrap();
    let sig = FnSig::new([Type::PTR], Type::I64);
    exported(&mut module, "relay", &sig, |module, builder, entry| {
        let b = [Arg::memory(entry.value(builder, 0).unwrap())];
        let result = lower.call(module, builder, &take, &b, Ret::Value);
        result.unwrap().value().unwrap()
    });
    module.finish().emit().unwrap()
}

/// Returns the kinds of relocations of an object file in code and in data, with their addends.
fn relocations(bytes: &[u8]) -> BTreeSet<String> {
    let file = object::File::parse(bytes).unwrap();
    let mut found = BTreeSet::new();
    for section in file.sections() {
        let what = match section.kind() {
            SectionKind::Text => "code",
            // Unwind tables and debug information are not ours.
            _ if section.name().unwrap().contains("eh_frame") => continue,
            SectionKind::Data | SectionKind::ReadOnlyData | SectionKind::ReadOnlyDataWithRel => {
                "data"
            }
            _ => continue,
        };
        for (at, reloc) in section.relocations() {
            // Instructions of AArch64 have a register beside it.
            let in_place =
                reloc.has_implicit_addend() && file.architecture() == Architecture::X86_64;
            let place = section.data_range(section.address() + at, 4);
            let place = place.unwrap().filter(|_| in_place);
            found.insert(format!(
                "{what}: {:?}, {} and {place:?}",
                reloc.flags(),
                reloc.addend()
            ));
        }
    }
    found
}

/// Returns clang's relocations of code that takes the address of a function, calls it, and has it
/// in data. Each of these occurs in each way that the system has.
fn clang_relocations(triple: &str, folder: &Path) -> Option<BTreeSet<String>> {
    let (arch, system) = triple.split_once('-').unwrap();
    let name = if system.contains("apple") {
        "_near"
    } else {
        "near"
    };
    let text = match (arch, system) {
        ("x86_64", system) if system.contains("windows") => {
            format!("call {name}\nmov {name}(%rip), %rax")
        }
        ("x86_64", system) if system.contains("apple") => {
            format!("call {name}\ncall *{name}@GOTPCREL(%rip)\nlea {name}(%rip), %rax")
        }
        ("x86_64", _) => format!("call {name}@PLT\ncall *{name}@GOTPCREL(%rip)"),
        ("aarch64", system) if system.contains("windows") => {
            format!("bl {name}\nadrp x0, {name}\nadd x0, x0, :lo12:{name}")
        }
        (_, system) if system.contains("apple") => {
            format!("bl {name}\nadrp x0, {name}@GOTPAGE\nldr x0, [x0, {name}@GOTPAGEOFF]")
        }
        ("s390x", _) => format!("brasl %r14, {name}@PLT\nlgrl %r1, {name}@GOT"),
        ("riscv64", _) => format!(
            ".option norelax\ncall {name}@plt\n1: auipc a0, %got_pcrel_hi({name})\nld a0, %pcrel_lo(1b)(a0)"
        ),
        _ => format!("bl {name}\nadrp x0, :got:{name}\nldr x0, [x0, :got_lo12:{name}]"),
    };
    let (source, object) = (folder.join("all.s"), folder.join("all.o"));
    std::fs::write(&source, format!(".text\n{text}\n.data\n.quad {name}\n")).unwrap();
    let mut clang = Command::new("clang-19");
    clang.args([
        "-c",
        "-Wa,-mrelax-relocations=no",
        "-Wno-unused-command-line-argument",
    ]);
    clang
        .arg(format!("--target={triple}"))
        .arg(source)
        .arg("-o")
        .arg(&object);
    match clang.status() {
        Err(why) => missing(&format!("relocations of {triple}: clang-19: {why}")),
        Ok(status) => {
            assert!(status.success(), "{triple}");
            return Some(relocations(&std::fs::read(object).unwrap()));
        }
    }
    None
}

const ALL: [&str; 9] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "riscv64-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
    "x86_64-pc-windows-gnu",
    "x86_64-pc-windows-msvc",
    "aarch64-pc-windows-msvc",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
];

#[test]
fn relocations_are_those_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    for triple in ALL {
        let Some(expected) = clang_relocations(triple, folder.path()) else {
            return;
        };
        for bytes in [relays(triple, 0), copies(triple)] {
            let own = relocations(&bytes);
            assert!(
                !own.is_empty() && own.is_subset(&expected),
                "{triple}: {own:?} {expected:?}"
            );
        }
        // The control: an absolute address in code.
        let (mut module, _) = module(triple);
        let sig = module.make_signature();
        let far = module.declare_function("far", Linkage::Import, &sig);
        let far = ModuleReloc {
            offset: 0,
            kind: Reloc::Abs8,
            name: far.unwrap().into(),
            addend: 0,
        };
        let stub = module.declare_function("stub", Linkage::Export, &sig);
        let defined = module.define_function_bytes(stub.unwrap(), 16, &[0; 16], &[far]);
        defined.unwrap();
        let wrong = relocations(&module.finish().emit().unwrap());
        assert!(!wrong.is_subset(&expected), "{triple}: {wrong:?}");
    }
}

impl System<'_> {
    /// Returns the C around the relays, and the relays.
    fn files(&self, more: i64) -> [(&'static str, Vec<u8>); 3] {
        [
            ("callees.c", [TYPES, CALLEES].concat().into()),
            ("main.c", [TYPES, MAIN].concat().into()),
            ("relays.o", relays(self.triple, more)),
        ]
    }

    /// Checks how the program of `commands` ends, with relays that are right and with others.
    /// `wine` is a folder for wine.
    fn runs(&self, commands: &str, wine: &Path) {
        for (more, code) in [(0, 47), (3, 1)] {
            if let Some(ended) = self.program(&self.files(more), commands, wine) {
                let triple = self.triple;
                assert_eq!(ended.status.code(), Some(code), "{triple}: {ended:?}");
            }
        }
    }
}

/// A shared library calls another one through the PLT, bound at the first call. No code is changed.
/// On s390x there are no stubs: an import itself is called through the PLT.
#[test]
fn stubs_call_through_the_plt() {
    const LINK: &str = "CC -shared -fPIC callees.c -o libcallees.so; \
        CC -shared relays.o -L. -lcallees -o librelays.so; \
        CC main.c -L. -lrelays -lcallees -o main.exe";
    let options = "CC -Wl,-z,lazy -Wl,-z,noexecstack -Wl,-z,text -Wl,-rpath,$ORIGIN";
    for system in [X86_64, AARCH64, RISCV64, S390X] {
        system.runs(&LINK.replace("CC", options), "".as_ref());
    }
}

/// The callees are in a DLL: its import library has functions that jump through `__imp_take`.
#[test]
fn objects_of_windows_call_a_dll() {
    let wine = tempfile::tempdir().unwrap();
    WINDOWS.runs(
        "CC -shared callees.c -o callees.dll -Wl,--out-implib,libcallees.a; \
         CC main.c relays.o -L. -lcallees -o main.exe",
        wine.path(),
    );
    System {
        triple: "x86_64-pc-windows-msvc",
        compiler: "clang-19 --target=x86_64-pc-windows-msvc -O1 -ffreestanding -mno-stack-arg-probe -c",
        ..WINDOWS
    }
    .runs(
        "CC callees.c -o callees.obj; CC main.c -o main.obj; \
         lld-link /dll /noentry /nodefaultlib /export:take /export:take_unnamed callees.obj /out:callees.dll; \
         lld-link /entry:main /subsystem:console /nodefaultlib main.obj relays.o callees.lib /out:main.exe",
        wine.path(),
    );
}

/// Nothing runs them here. The linker finds each callee, and refuses the object without them.
#[test]
fn objects_of_macos_are_linked() {
    for (triple, arch) in [
        ("x86_64-apple-darwin", "x86_64"),
        ("aarch64-apple-darwin", "arm64"),
    ] {
        let system = System {
            triple,
            compiler: &format!(
                "clang-19 --target={arch}-apple-macos11 -O1 -ffreestanding -fno-stack-protector -c"
            ),
            runner: "",
        };
        let folder = folder_of(&system.files(0));
        let link = format!(
            "CC callees.c -o callees.o; CC main.c -o main.o; \
             ld64.lld -arch {arch} -platform_version macos 11.0 11.0 -dylib main.o relays.o callees.o -o all.dylib -map all.map"
        );
        let Some(linked) = system.commands(folder.path(), &link) else {
            return;
        };
        linked.unwrap();
        let map = std::fs::read_to_string(folder.path().join("all.map")).unwrap();
        assert!(map.contains("_relay_take"), "{map}");
        let without = link.replace("relays.o callees.o", "relays.o");
        let refused = system.commands(folder.path(), &without).unwrap();
        assert!(refused.is_err(), "{triple}: linked without the callees");
    }
}
