//! The rows of stubs, read back from the tables: at each byte of a stub the table says what its rows say, on x86-64 and AArch64. That the rows are right is what
//! the stubs are stepped through for (`clif-cabi-jit`).
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use clif_cabi::{Stub, StubCode, stub_code};
use clif_cabi_unwind::{Personality, UnwindTables};
use cranelift_codegen::gimli::{
    BaseAddresses, CfaRule, EhFrame, LittleEndian, Register, RegisterRule, UnwindContext,
    UnwindSection,
};
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_module::FuncId;

const START: u64 = 0x1000;

/// Stubs of each shape, by their names; on AArch64 those that it has.
const STUBS: [&str; 11] = [
    "al1_jump7",
    "chain0_jumpafter8",
    "chainint2_jump7",
    "pop2_ret",
    "frame_align16_call7_leave",
    "frame_align64_copy64_callafter64_leave",
    "frame_align4096_skip8192_copy104_call7_leave",
    "address0_loadymm0_frame_call7_addressinframe8_storeymm0_zeroupper_returnaddress_leave",
    "frame_pushchain_pusharea0_call7_leave",
    "frame_skip8_pushchain_callafter16_leave",
    "frame_pushaddress_pusharea0_call7_leave",
];

fn isa(triple: &str) -> OwnedTargetIsa {
    let flags = settings::Flags::new(settings::builder());
    isa::lookup_by_name(triple).unwrap().finish(flags).unwrap()
}

/// The first byte of `code` at which the table of `told` says something else than the rows of `code`.
fn difference(isa: &OwnedTargetIsa, code: &StubCode, told: &StubCode) -> Option<u64> {
    let mut tables = UnwindTables::new(&**isa, None).unwrap();
    tables.add_stub(FuncId::from_u32(0), told).unwrap();
    let tables = tables.in_memory(4096, |_| Some(START), |_| None).unwrap();
    let section = EhFrame::new(&tables.eh_frames[0], LittleEndian);
    let bases = BaseAddresses::default().set_eh_frame(0);
    let fde = section
        .fde_for_address(&bases, START, EhFrame::cie_from_offset)
        .unwrap();
    assert_eq!(fde.len(), u64::try_from(code.bytes.len()).unwrap());
    let mut context = UnwindContext::new();
    (0..fde.len()).find(|at| {
        let row = fde
            .unwind_info_for_address(&section, &bases, &mut context, START + at)
            .unwrap();
        let wanted = code
            .unwind
            .iter()
            .rfind(|row| u64::from(row.offset) <= *at)
            .unwrap();
        let number = |register: clif_cabi::cabi::Reg| match register.name() {
            "rbp" => Register(6),
            "rsp" => Register(7),
            name => Register(
                ["x29", "x30", "sp"]
                    .iter()
                    .position(|own| *own == name)
                    .map_or(99, |n| [29, 30, 31][n]),
            ),
        };
        let cfa = CfaRule::RegisterAndOffset {
            register: number(wanted.cfa.register),
            offset: wanted.cfa.offset.into(),
        };
        // Those of x86-64 are told where the return address is by the common entry.
        let saved = [6, 29, 30].map(Register).map(|register| {
            let saved = wanted
                .saved
                .iter()
                .find(|(own, _)| number(*own) == register);
            let got = match row.register(register) {
                Some(RegisterRule::Offset(offset)) => Some(offset),
                _ => None,
            };
            got == saved.map(|(_, offset)| i64::from(*offset))
        });
        *row.cfa() != cfa || saved.contains(&false)
    })
}

#[test]
fn tables_say_what_the_rows_say() {
    for (triple, n_stubs) in [
        ("x86_64-unknown-linux-gnu", 10),
        ("aarch64-unknown-linux-gnu", 5),
    ] {
        let isa = isa(triple);
        let codes = STUBS.iter().filter_map(|name| {
            let stub = Stub::from_name(&format!("__clif_cabi_{name}")).unwrap();
            stub_code(&*isa, &stub).ok()
        });
        let codes: Vec<StubCode> = codes.collect();
        assert!(codes.len() >= n_stubs, "{triple}: {}", codes.len());
        for code in codes {
            assert_eq!(difference(&isa, &code, &code), None, "{triple} {code:?}");
            for i in 1..code.unwind.len() {
                let mut told = code.clone();
                told.unwind.remove(i);
                assert!(
                    difference(&isa, &code, &told).is_some(),
                    "{triple} {told:?}"
                );
            }
        }
    }
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

/// Tables of another kind, which are written into objects of x86-64 alone: an error that names the target.
#[test]
fn windows_is_refused_where_it_has_no_tables() {
    let triple = "aarch64-pc-windows-msvc";
    let error = UnwindTables::new(&*isa(triple), None).err().unwrap();
    let error = error.to_string();
    assert!(
        error.starts_with("aarch64-pc-windows-msvc: unwind tables of Windows"),
        "{error}"
    );
    let isa = isa("x86_64-pc-windows-msvc");
    let mut tables = UnwindTables::new(&*isa, None).unwrap();
    let stub = Stub::from_name("__clif_cabi_frame_align16_call7_leave").unwrap();
    let code = stub_code(&*isa, &stub).unwrap();
    tables.add_stub(FuncId::from_u32(0), &code).unwrap();
    let error = tables.in_memory(4096, |_| Some(START), |_| None);
    assert!(error.unwrap_err().to_string().contains("COFF objects"));
    // Rows that are no frame's.
    for i in 1..code.unwind.len() {
        let mut told = code.clone();
        told.unwind.remove(i);
        assert!(tables.add_stub(FuncId::from_u32(0), &told).is_err());
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
