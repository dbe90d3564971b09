//! Stubs as bytes, with relocations that mean nothing or do not reach.

use super::message;
use clif_cabi_jit::cranelift_codegen::ir::KnownSymbol;

use crate::common::*;

fn reloc(offset: u32, kind: Reloc, name: ModuleRelocTarget) -> ModuleReloc {
    ModuleReloc {
        offset,
        kind,
        name,
        addend: 0,
    }
}

fn user(namespace: u32, index: u32) -> ModuleRelocTarget {
    ModuleRelocTarget::user(namespace, index)
}

/// What the relocations are in.
const BYTES: [u8; 12] = [0; 12];

/// Kinds that another machine has, or code that is moved.
#[cfg(target_arch = "x86_64")]
const NOT_HERE: &[Reloc] = &[Reloc::X86CallPLTRel4, Reloc::Arm64Call];
#[cfg(target_arch = "aarch64")]
const NOT_HERE: &[Reloc] = &[
    Reloc::X86CallPCRel4,
    Reloc::Aarch64AdrGotPage21,
    Reloc::Aarch64Ld64GotLo12Nc,
];

/// Kinds that do not reach an address.
#[cfg(target_arch = "x86_64")]
const TOO_FAR: &[(Reloc, usize)] = &[
    (Reloc::X86CallPCRel4, 0x10000),
    (Reloc::X86PCRel4, usize::MAX),
    (Reloc::Abs4, 1 << 32),
];
#[cfg(target_arch = "aarch64")]
const TOO_FAR: &[(Reloc, usize)] = &[
    (Reloc::Aarch64AdrPrelPgHi21, 0x10000),
    (Reloc::Aarch64AdrPrelPgHi21, usize::MAX),
    // A call reaches every instruction by a veneer, and this is none.
    (Reloc::Arm64Call, 0x10002),
    (Reloc::Abs4, 1 << 32),
];

#[test]
fn relocations_of_stubs_must_be_possible() {
    let mut engine = engine();
    let sig = signature("() system_v");
    let f = engine.declare_local(&sig).unwrap();
    engine.declare_import("abs", &sig).unwrap();
    let known = ModuleRelocTarget::KnownSymbol(KnownSymbol::ElfGlobalOffsetTable);
    let inside = ModuleRelocTarget::FunctionOffset(FuncId::from_u32(7), 0);
    let mut refused = |offset, kind, name, expected: &str| {
        let reloc = reloc(offset, kind, name);
        assert_eq!(message(engine.define_bytes(f, &BYTES, &[reloc])), expected);
    };
    for kind in NOT_HERE {
        let why = format!("{kind:?} has no meaning in JIT code (Abs8 reaches everything)");
        let expected = format!("relocation at byte 0 of .Lfn0: {why}");
        refused(0, *kind, user(0, 1), &expected);
    }
    #[cfg(target_arch = "aarch64")]
    for (offset, kind) in [(2, Reloc::Arm64Call), (5, Reloc::Aarch64AddAbsLo12Nc)] {
        let why = "instructions have 4 bytes, and begin at multiples of 4";
        let expected = format!("relocation at byte {offset} of .Lfn0: {why}");
        refused(offset, kind, user(0, 1), &expected);
    }
    let outside = "of .Lfn0: its 8 bytes do not lie within the 12 bytes";
    refused(
        5,
        Reloc::Abs8,
        user(0, 1),
        &format!("relocation at byte 5 {outside}"),
    );
    let outside =
        "relocation at byte 4294967295 of .Lfn0: its 4 bytes do not lie within the 12 bytes";
    refused(u32::MAX, Reloc::Abs4, user(0, 1), outside);
    let table = "relocation at byte 0 of .Lfn0: there is no ElfGlobalOffsetTable in JIT code";
    refused(0, Reloc::Abs8, known, table);
    for (name, shown) in [
        (user(0, 7), "u0:7"),
        (user(0, u32::MAX), "u0:4294967295"),
        (user(1, 0), "u1:0"),
        (user(2, 0), "u2:0"),
        (inside, "funcid7+0"),
    ] {
        let expected = format!("{shown} was not declared by this engine");
        refused(0, Reloc::Abs8, name, &expected);
    }
    assert_eq!(
        message(engine.define_bytes(f, &[], &[])),
        "definition of .Lfn0: it has no code"
    );
    assert!(engine.define_function_bytes(f, 6, &BYTES, &[]).is_err());
}

/// Too far away for its bits; that shows when the addresses are known.
#[test]
fn relocations_of_stubs_must_reach() {
    let sig = signature("() system_v");
    for &(kind, address) in TOO_FAR {
        let mut engine = engine();
        let f = engine.declare_local(&sig).unwrap();
        let far = engine.declare_import("far", &sig).unwrap();
        let address = std::ptr::without_provenance(address);
        engine.bind("far", address).unwrap();
        let relocs = [reloc(0, kind, user(0, far.as_u32()))];
        engine.define_bytes(f, &BYTES, &relocs).unwrap();
        assert_eq!(
            message(engine.finalize()),
            format!(
                "relocation at byte 0 of .Lfn0: {kind:?} does not reach {address:p} with addend 0"
            )
        );
    }
}

/// An offset into an import means nothing.
#[test]
fn no_address_is_inside_an_import() {
    let mut engine = engine();
    let sig = signature("() system_v");
    let abs = import(&mut engine, "abs", "() system_v");
    let f = engine.declare_local(&sig).unwrap();
    let within = reloc(0, Reloc::Abs8, ModuleRelocTarget::FunctionOffset(abs, 0));
    engine.define_bytes(f, &BYTES, &[within]).unwrap();
    assert_eq!(
        message(engine.finalize()),
        "declared here but never defined: abs (used by .Lfn1)"
    );
}
