//! Refused flags, targets and names. The tests of `clif-cabi-jit` step through stubs to show that
//! their tables are right.
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use clif_cabi::cabi::Triple;
use clif_cabi::{Stub, stub_code};
use clif_cabi_unwind::{Personality, UnwindTables};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_module::FuncId;

fn isa(triple: &str) -> OwnedTargetIsa {
    let flags = settings::Flags::new(settings::builder());
    isa::lookup_by_name(triple).unwrap().finish(flags).unwrap()
}

/// Without its flag Cranelift would give rules that are those of no function's middle.
#[test]
fn no_rules_are_refused() {
    let mut flags = settings::builder();
    flags.set("unwind_info", "false").unwrap();
    let isa = isa::lookup_by_name("x86_64-unknown-linux-gnu").unwrap();
    let isa = isa.finish(settings::Flags::new(flags)).unwrap();
    let error = UnwindTables::new(&*isa, None).err().unwrap();
    assert!(error.to_string().starts_with("the flag unwind_info is off"));
}

/// libgcc does not find the caller of a function by Cranelift's rule for a signed return address.
#[test]
fn signed_return_addresses_are_refused_in_elf() {
    for (triple, ends) in [
        ("aarch64-unknown-linux-gnu", "(sign_return_address)"),
        ("aarch64-apple-darwin", "tables"),
        ("aarch64-pc-windows-msvc", "tables"),
    ] {
        let mut isa = isa::lookup_by_name(triple).unwrap();
        isa.enable("sign_return_address").unwrap();
        isa.enable("sign_return_address_with_bkey").unwrap();
        let flags = settings::Flags::new(settings::builder());
        let tables = UnwindTables::new(&*isa.finish(flags).unwrap(), None);
        let found = tables.map_or_else(|error| error.to_string(), |_| "tables".to_owned());
        assert!(found.ends_with(ends), "{triple}: {found}");
    }
}

/// A machine that Cranelift compiles nothing for has no stubs either.
#[test]
fn machines_without_tables_are_refused() {
    for name in [
        "m68k-unknown-linux-gnu",
        "aarch64_be-unknown-linux-gnu",
        "thumbv7a-pc-windows-msvc",
    ] {
        let triple: Triple = name.parse().unwrap();
        let error = UnwindTables::of_stubs(&triple).err().unwrap().to_string();
        assert_eq!(
            error,
            format!("{name}: no unwind tables are written for this target")
        );
    }
}

/// Returns the error of tables of a function on Windows for AArch64, compiled with a flag.
fn on_arm(text: &str, flag: &str) -> Result<UnwindTables, String> {
    let mut isa = isa::lookup_by_name("aarch64-pc-windows-msvc").unwrap();
    if !flag.is_empty() {
        isa.enable(flag).unwrap();
    }
    let isa = isa
        .finish(settings::Flags::new(settings::builder()))
        .unwrap();
    let func = cranelift_reader::parse_functions(text).unwrap().remove(0);
    let mut ctx = Context::for_function(func);
    let code = ctx.compile(&*isa, &mut ControlPlane::default()).unwrap();
    let personality = Personality::new("__C_specific_handler");
    let mut tables = UnwindTables::new(&*isa, Some(personality)).unwrap();
    let added = tables.add_function(&*isa, FuncId::from_u32(0), code);
    added.map(|()| tables).map_err(|error| error.to_string())
}

#[test]
fn windows_on_aarch64_is_refused_where_it_has_no_tables() {
    let calls = |convention: &str, call: &str| {
        format!(
            "function %f(i64) {convention} {{\nsig0 = () system_v\nblock0(v0: i64):\n\
             {call}\nblock1:\nreturn\n}}"
        )
    };
    let plain = calls("windows_fastcall", "call_indirect sig0, v0()\njump block1");
    let tables = on_arm(&plain, "").unwrap();
    let error = tables.in_memory(4096, |_| Some(0x1000), |_| None);
    let error = error.unwrap_err().to_string();
    assert!(error.ends_with("on AArch64 are written only in object files"));
    let vectors = "function %f() preserve_all {\nss0 = explicit_slot 8\nblock0:\n\
                   v0 = f64const 0x1.8p0\nv1 = stack_addr.i64 ss0\nstore v0, v1\nreturn\n}";
    let handler = "try_call_indirect v0(), sig0, block1, [ default: block1 ]";
    for (text, flag, why) in [
        (&*plain, "sign_return_address", "signed"),
        (&plain, "use_bti", "`bti`"),
        (vectors, "", "`preserve_all`"),
        (
            &plain.replace("windows_fastcall", "preserve_all"),
            "",
            "`preserve_all`",
        ),
        (
            &calls("windows_fastcall", handler),
            "",
            "they are not supported for Windows on AArch64",
        ),
    ] {
        let error = on_arm(text, flag).err().unwrap();
        assert!(error.contains(why), "{error}");
    }
}

/// Stubs whose rows are no frame's.
#[test]
fn windows_refuses_rows_that_it_has_no_tables_for() {
    let isa = isa("x86_64-pc-windows-msvc");
    let mut tables = UnwindTables::new(&*isa, None).unwrap();
    let stub = Stub::from_name("__clif_cabi_frame_align16_call7_leave").unwrap();
    let code = stub_code(&*isa, &stub).unwrap();
    tables.add_stub(FuncId::from_u32(0), &code).unwrap();
    // UWOP_SET_FPREG after 4 bytes, UWOP_PUSH_NONVOL of rbp after 1.
    let after = tables.after_code(FuncId::from_u32(0)).unwrap();
    assert!(after.ends_with(&[1, 4, 2, 5, 4, 3, 1, 0x50]) && after.len() < 12);
    let tables_of = tables.in_memory(4096, |_| Some(0x1000), |_| None);
    let functions = tables_of.unwrap().windows;
    assert_eq!((functions.len(), functions[0][0].start), (1, 0x1000));
    let arm = self::isa("aarch64-pc-windows-msvc");
    let stub = Stub::from_name("__clif_cabi_frame_saveints_call7_leave").unwrap();
    let arm_code = stub_code(&*arm, &stub).unwrap();
    for (isa, code) in [(isa, code), (arm, arm_code)] {
        let mut tables = UnwindTables::new(&*isa, None).unwrap();
        tables.add_stub(FuncId::from_u32(0), &code).unwrap();
        for i in 1..code.unwind.len() {
            let mut told = code.clone();
            told.unwind.remove(i);
            assert!(tables.add_stub(FuncId::from_u32(0), &told).is_err());
        }
    }
}

/// A frame register of Windows reaches 240 bytes. Functions that save more are `preserve_all`;
/// Cranelift itself refuses them.
#[test]
fn frames_that_windows_cannot_describe_are_refused() {
    let isa = isa("x86_64-pc-windows-msvc");
    for (n_vectors, is_described) in [(8, true), (16, false)] {
        let loads: String = (1..=n_vectors)
            .map(|i| format!("v{i} = load.f64 v0+{}\n", 8 * i))
            .collect();
        let stores: String = (1..=n_vectors)
            .map(|i| format!("store v{i}, v0+{}\n", 8 * i))
            .collect();
        let text = format!(
            "function %f(i64) preserve_all {{\nblock0(v0: i64):\n{loads}{stores}return\n}}"
        );
        let func = cranelift_reader::parse_functions(&text).unwrap().remove(0);
        let mut ctx = Context::for_function(func);
        let code = ctx.compile(&*isa, &mut ControlPlane::default()).unwrap();
        let mut tables = UnwindTables::new(&*isa, None).unwrap();
        let added = tables.add_function(&*isa, FuncId::from_u32(0), code);
        let found = added.map_or_else(|error| error.to_string(), |()| "described".to_owned());
        let words = match is_described {
            true => "described",
            false => {
                "unwind table: Windows has no table for a function that saves more than 240 bytes"
            }
        };
        assert!(found.starts_with(words), "{found}");
    }
}

/// Handlers that Windows' personalities do not enter: of Microsoft's C++, and all with a tag by the
/// personality of C. Without a tag it enters them.
#[test]
fn handlers_that_a_personality_of_windows_does_not_enter_are_refused() {
    let isa = isa("x86_64-pc-windows-msvc");
    let added = |personality: &str, handler: &str| {
        let text = format!(
            "function %f(i64) windows_fastcall {{
    sig0 = () system_v
block0(v0: i64):
    try_call_indirect v0(), sig0, block1, [ {handler}: block1 ]
block1:
    return
}}"
        );
        let func = cranelift_reader::parse_functions(&text).unwrap().remove(0);
        let mut ctx = Context::for_function(func);
        let code = ctx.compile(&*isa, &mut ControlPlane::default()).unwrap();
        let personality = Personality::new(personality).cleanup(0).catches(1, "int");
        let mut tables = UnwindTables::new(&*isa, Some(personality)).unwrap();
        let added = tables.add_function(&*isa, FuncId::from_u32(0), code);
        added.map_err(|error| error.to_string())
    };
    for handler in ["default", "tag0", "tag1"] {
        let error = added("__CxxFrameHandler3", handler).unwrap_err();
        assert!(error.contains("funclets"), "{error}");
        assert_eq!(added("__gxx_personality_seh0", handler), Ok(()));
        let of_c = added("__C_specific_handler", handler);
        match handler {
            "default" => assert_eq!(of_c, Ok(())),
            _ => assert!(
                of_c.unwrap_err()
                    .ends_with("so its handlers cannot have a tag")
            ),
        }
    }
}

/// An integer of 16 bytes, half of which is in the last register on some machines.
#[test]
fn tail_calls_with_split_integers_are_refused_beside_handlers() {
    let text = "function %f(i64, i64, i64, i64, i64, i128, i64) tail {
    sig0 = (i64, i64, i64, i64, i64, i64, i128, i64) tail
    sig1 = () tail
block0(v0: i64, v1: i64, v2: i64, v3: i64, v4: i64, v5: i128, v6: i64):
    try_call_indirect v0(), sig1, block1, [ default: block1 ]
block1:
    return_call_indirect sig0, v0(v0, v1, v2, v3, v4, v6, v5, v6)
}";
    for triple in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
        let func = cranelift_reader::parse_functions(text).unwrap().remove(0);
        let (isa, personality) = (isa(triple), Personality::new("__gxx_personality_v0"));
        let mut tables = UnwindTables::new(&*isa, Some(personality)).unwrap();
        assert!(tables.add_tail_calls(&*isa, &func).is_err(), "{triple}");
    }
}

/// A tail call to a function with other arguments in memory, beside a handler of a call of such a
/// function. The handler would have another stack pointer.
#[test]
fn tail_calls_with_other_arguments_are_refused_beside_handlers() {
    // One of 20 is an object of 24 bytes.
    let words = |n: usize| match n {
        20 => format!("i64 sarg(24), {}", ["i64"; 5].join(", ")),
        _ => vec!["i64"; n].join(", "),
    };
    let count = |n: usize| if n == 20 { 6 } else { n };
    let parsed = |text: &str| cranelift_reader::parse_functions(text).unwrap().remove(0);
    let handles = |convention: &str| {
        parsed(&format!(
            "function %f(i64) fast {{
    sig0 = () {convention}
block0(v0: i64):
    try_call_indirect v0(), sig0, block1, [ default: block1 ]
block1:
    return
}}"
        ))
    };
    for triple in [
        "x86_64-unknown-linux-gnu",
        "x86_64-pc-windows-gnu",
        "aarch64-unknown-linux-gnu",
        "riscv64gc-unknown-linux-gnu",
    ] {
        let isa = isa(triple);
        for (own, called, is_resized) in [
            (1, 1, false),
            (1, 6, false),
            (14, 14, false),
            (14, 1, true),
            (1, 14, true),
            (14, 13, true),
            (6, 20, true),
            (20, 20, false),
        ] {
            if own.max(called) == 20 && !triple.starts_with("x86_64") {
                continue;
            }
            let params = (0..count(own)).map(|i| format!("v{i}: i64"));
            let params: Vec<String> = params.collect();
            let first = parsed(&format!(
                "function %f({}) tail {{
    sig0 = ({}) tail
block0({}):
    return_call_indirect sig0, v0({})
}}",
                words(own),
                words(called),
                params.join(", "),
                vec!["v0"; count(called)].join(", ")
            ));
            let personality = || Some(Personality::new("__gxx_personality_v0"));
            for (convention, personality, is_refused) in [
                ("tail", personality(), is_resized),
                ("system_v", personality(), false),
                ("tail", None, false),
            ] {
                let handles = handles(convention);
                for both in [[&first, &handles], [&handles, &first]] {
                    let mut tables = UnwindTables::new(&*isa, personality.clone()).unwrap();
                    let added = both.map(|func| tables.add_tail_calls(&*isa, func).is_err());
                    assert_eq!(added, [false, is_refused], "{triple} {own} {called}");
                }
            }
        }
    }
}

#[test]
fn names_that_no_symbol_has_are_refused() {
    let isa = isa("x86_64-unknown-linux-gnu");
    let refused = |personality: Personality| UnwindTables::new(&*isa, Some(personality)).is_err();
    let named = Personality::new("__gxx_personality_v0");
    assert!(!refused(named.clone().catches(1, "_ZTIi")));
    assert!(refused(named.clone().catches(1, "")) && refused(named.catches(1, "a\0b")));
    assert!(refused(Personality::new("")) && refused(Personality::new("a\0b")));
}
