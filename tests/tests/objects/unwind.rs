//! Unwind tables in object files: a C++ program throws through compiled functions and stubs, and
//! into their handlers, under qemu-user on machines other than x86-64. Mach-O is linked; Windows is
//! `unwind_windows`.

use clif_cabi::cabi::{DataModel, FnSig, Type};
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::ir::{ExternalName, Function, UserExternalName};
use clif_cabi::cranelift_module::{FuncId, Linkage, Module};
use clif_cabi::{Arg, Lowering, Ret, Stub, stub_id};
use clif_cabi_unwind::{Personality, UnwindError, UnwindTables};
use cranelift_object::ObjectModule;

use super::system::{AARCH64, RISCV64, S390X, X86_64, folder_of};
use super::{System, builder, exported};

/// Output of the program.
pub(super) const PRINTED: &str =
    "pass 7\ncatch_all -1\ncatch_int 42 passed 2.5\ncleanup 1 noted 1\naligned 9\nentered 8\n";

const LIBRARY: &str = "CC -shared -Wl,-z,text -Wl,--fatal-warnings own.o -o libown.so";

const GXX: System<'_> = System {
    compiler: "g++ -fPIC -O1 -rdynamic",
    ..X86_64
};

/// The tables that an object has.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Tables<'a> {
    /// Cranelift's own.
    Own,
    /// The tables of `clif-cabi-unwind`, but for one function's, or the stubs'.
    Without(&'a str),
    Both,
    None,
}

/// Returns the functions of unwind.clif and of `more`, and but for macOS `entered`; with `more` on
/// Windows those without handlers.
pub(super) fn object(triple: &str, tables: Tables<'_>, more: &str) -> Result<Vec<u8>, UnwindError> {
    let mut builder = builder(triple, "true");
    if matches!(tables, Tables::Own | Tables::Both) {
        builder.unwind_info(true);
    }
    let mut module = ObjectModule::new(builder);
    let convention = module.isa().default_call_conv();
    let is_windows = !convention.supports_exceptions();
    let personality = Personality::new(match is_windows {
        true => "__gxx_personality_seh0",
        false => "__gxx_personality_v0",
    });
    let personality = personality.cleanup(0).catches(1, "_ZTIi");
    let mut unwind = UnwindTables::new(module.isa(), Some(personality)).unwrap();
    let is_wanted = |name: &str| tables != Tables::Without(name);
    let text = include_str!("unwind.clif");
    let text = match is_windows {
        true => of_windows(text),
        false => text.to_owned(),
    };
    for mut func in cranelift_reader::parse_functions(&(text + more)).unwrap() {
        if is_windows && !more.is_empty() && !func.dfg.exception_tables.is_empty() {
            continue;
        }
        let name = func.name.to_string().trim_start_matches('%').to_owned();
        let id = module.declare_function(&name, Linkage::Export, &func.signature);
        let id = id.unwrap();
        name_callees(&mut module, &mut func);
        let mut ctx = Context::for_function(func);
        module.define_function(id, &mut ctx).unwrap();
        if is_wanted(&name) {
            unwind.add_function(module.isa(), id, ctx.compiled_code().unwrap())?;
        }
    }
    if !triple.contains("apple") {
        let (id, ctx) = entered(&mut module);
        if is_wanted("entered") {
            unwind.add_function(module.isa(), id, ctx.compiled_code().unwrap())?;
        }
    }
    if is_wanted("stubs") {
        unwind.add_stubs(module.isa(), module.declarations())?;
    }
    let mut product = module.finish();
    if !matches!(tables, Tables::Own | Tables::None) {
        unwind.write_object(&mut product)?;
    }
    Ok(product.emit().unwrap())
}

/// Returns CLIF text with Windows' convention, but a `system_v` signature `sig0` for calls with
/// handlers. Its `int` is in rcx, and four words are the shadow space.
pub(super) fn of_windows(text: &str) -> String {
    let text = text.replace("system_v", "windows_fastcall");
    let others = ["i64"; 6].join(", ");
    text.replace(
        "sig0 = (i32) -> i32 windows_fastcall",
        &format!("sig0 = (i64, i64, i64, i32, {others}) -> i32 system_v"),
    )
    .replace(
        "try_call_indirect v0(v1)",
        "try_call_indirect v0(v0, v0, v0, v1, v0, v0, v0, v0, v0, v0)",
    )
}

/// Makes a function call the functions that its callees are named after, which the module has or
/// imports.
fn name_callees(module: &mut ObjectModule, func: &mut Function) {
    for callee in func.dfg.ext_funcs.keys().collect::<Vec<_>>() {
        let data = func.dfg.ext_funcs[callee].clone();
        let ExternalName::TestCase(name) = data.name else {
            unreachable!("{data:?}")
        };
        let name = name.to_string();
        let index = match name.trim_start_matches('%') {
            "pass_by_stub" => pass_by_stub(module),
            name => {
                let signature = &func.dfg.signatures[data.signature];
                let callee = module.declare_function(name, Linkage::Import, signature);
                callee.unwrap()
            }
        };
        let user = UserExternalName::new(0, index.as_u32());
        let user = func.declare_imported_user_function(user);
        func.dfg.ext_funcs[callee].name = ExternalName::User(user);
        // Cranelift has the address of another import in the text there.
        func.dfg.ext_funcs[callee].colocated |= module.isa().name() == "s390x";
    }
}

/// Returns the stub that aligns the stack and calls `pass`; `pass` itself where there is no such
/// stub.
fn pass_by_stub(module: &mut ObjectModule) -> FuncId {
    let pass = module.get_name("pass").unwrap();
    let clif_cabi::cranelift_module::FuncOrDataId::Func(pass) = pass else {
        unreachable!()
    };
    let stub = format!("__clif_cabi_frame_align64_call{}_leave", pass.as_u32());
    stub_id(module, Stub::from_name(&stub).unwrap()).unwrap_or(pass)
}

/// Defines `int entered(int (*g)(int), int n)`, which calls `g`. Arguments that are not read take
/// all registers in which a static chain is passed on, so a stub with a frame enters the function.
fn entered(module: &mut ObjectModule) -> (FuncId, Context) {
    let unused = [vec![Type::I64; 6], vec![Type::F64; 8]].concat();
    let params = [&[Type::FN_PTR, Type::I32][..], &unused].concat();
    let sig = FnSig::new(params, Type::I32).static_chain(&DataModel::LP64);
    exported(module, "entered", &sig, |module, builder, entry| {
        let [g, n] = [0, 1].map(|i| entry.value(builder, i).unwrap());
        let lower = Lowering::new(module.isa()).unwrap();
        let sig = FnSig::new([Type::I32], Type::I32);
        let result = lower.call_sig(module, builder, g, &sig, &[Arg::value(n)], Ret::Value);
        result.unwrap().value().unwrap()
    })
}

/// Returns the output of the program with a library of such an object, and whether it ends well.
fn ran(system: &System<'_>, tables: Tables<'_>) -> Option<(String, bool)> {
    let object = object(system.triple, tables, "").unwrap();
    let files = [
        ("own.o", &*object),
        ("unwind.cc", include_bytes!("unwind.cc")),
    ];
    let commands = format!("{LIBRARY}; CC unwind.cc ./libown.so -o main.exe");
    let ended = system.program(&files, &commands, "".as_ref())?;
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    Some((text, ended.status.success()))
}

#[test]
fn exceptions_pass_and_are_caught() {
    let clang = System {
        compiler: "clang++-19 -fPIC -O1 -rdynamic",
        ..X86_64
    };
    let aarch64 = System {
        // No C++ library to develop with is installed for it, only the one to run.
        compiler: "clang++-19 --target=aarch64-linux-gnu -nostdlib++ -l:libstdc++.so.6 -L/usr/aarch64-linux-gnu/lib -fPIC -O1 -rdynamic",
        ..AARCH64
    };
    let riscv64 = System {
        compiler: "clang++-19 --target=riscv64-linux-gnu -nostdlib++ -l:libstdc++.so.6 -L/usr/riscv64-linux-gnu/lib -fPIC -O1 -rdynamic",
        ..RISCV64
    };
    let s390x = System {
        compiler: "clang++-19 --target=s390x-linux-gnu -nostdlib++ -l:libstdc++.so.6 -L/usr/s390x-linux-gnu/lib -fPIC -O1 -rdynamic",
        ..S390X
    };
    for system in [GXX, clang, aarch64, riscv64, s390x] {
        if let Some((text, is_well)) = ran(&system, Tables::Without("")) {
            assert_eq!(text, PRINTED, "{}", system.compiler);
            assert!(is_well, "{}", system.compiler);
        }
    }
}

/// Without the table of one function, or of the stub, the same program ends.
#[test]
fn without_a_table_the_program_ends() {
    for name in "pass catch_all catch_int cleanup aligned entered stubs".split(' ') {
        let Some((text, is_well)) = ran(&GXX, Tables::Without(name)) else {
            return;
        };
        assert!(!is_well, "without that of {name}: {text}");
        assert!(PRINTED.starts_with(&text), "{text}");
    }
}

/// The tables of cranelift-object itself are what the linker refuses here: `-z text` sees
/// relocations in read-only memory. Both kinds in one object would be two tables for one function,
/// of which the first knows no handlers.
#[test]
fn cranelifts_own_tables_are_refused() {
    let own = object(GXX.triple, Tables::Own, "").unwrap();
    let folder = folder_of(&[("own.o", own)]);
    if let Some(linked) = GXX.commands(folder.path(), LIBRARY) {
        let refused = linked.unwrap_err();
        assert!(refused.contains("text"), "{refused}");
    }
    let refused = object(GXX.triple, Tables::Both, "").unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("unwind_info off"), "{refused}");
}

/// Mach-O, linked by lld: its `__unwind_info` sends the unwinder to each function's own entry,
/// which has landing pads where there are handlers. Nothing runs it here.
#[test]
fn mach_o_is_linked() {
    // On AArch64 no stub aligns the stack. The mode that has an entry of its own, by machine.
    for (triple, arch, mode, n_functions) in [
        ("x86_64-apple-darwin", "x86_64", "]=0x04", 6),
        ("aarch64-apple-darwin", "arm64", "]=0x03", 5),
    ] {
        let (compiler, runner) = ("", "");
        let system = System {
            triple,
            compiler,
            runner,
        };
        let commands = format!(
            "ld64.lld -fatal_warnings -arch {arch} -platform_version macos 11.0 11.0 -dylib -undefined dynamic_lookup own.o -o own.dylib; \
             llvm-objdump --unwind-info --syms --dwarf=frames own.dylib"
        );
        let read = |left_out: &str| -> Option<(usize, usize)> {
            let object = object(triple, Tables::Without(left_out), "").unwrap();
            let folder = folder_of(&[("own.o", object)]);
            let text = system.commands(folder.path(), &commands)?.unwrap();
            // lld looks at functions alone; other linkers subtract the symbol that is named.
            let relocations = system.commands(folder.path(), "llvm-readobj -r own.o")?;
            let relocations = relocations.unwrap();
            let from = relocations.lines().filter(|one| one.contains("SUBTRACTOR"));
            let from: Vec<&str> = from.collect();
            assert!(
                !from.is_empty() && from.iter().all(|one| one.ends_with(" _eh_frame.start")),
                "{relocations}"
            );
            // Three functions have handlers, and the address of the personality.
            let words = [
                "zLPR",
                "Personality Address: ",
                "LSDA Address: ",
                " ___gxx_personality_v0\n",
            ];
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
            assert!(!text.contains("Address: 0000000000000000"), "{text}");
            let (_, pads) = text.split_once("LSDA descriptors:").unwrap();
            let (pads, functions) = pads.split_once("Second level").unwrap();
            let pads = pads.matches("function offset=").count();
            Some((pads, functions.matches(mode).count()))
        };
        let Some(whole) = read("") else {
            return;
        };
        assert_eq!(whole, (3, n_functions), "{triple}");
        assert_eq!(read("pass"), Some((3, n_functions - 1)));
        assert_eq!(read("catch_int"), Some((2, n_functions - 1)));
    }
}
