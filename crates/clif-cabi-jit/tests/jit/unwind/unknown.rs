//! A stub that is defined under a name of its own, so that the unwinder knows nothing of it.

use clif_cabi_jit::clif_cabi::StubCode;
use clif_cabi_jit::clif_cabi::clif_cabi_plan::RelocKind;

use crate::common::*;

/// Defines a stub with a frame, which calls the function `callee`. The stub is that for a static
/// chain where arguments have taken all registers, with the 160 bytes for a callee of s390x's.
pub(crate) fn framed(engine: &mut Engine, callee: u32) -> (FuncId, StubCode) {
    let stub = format!("__clif_cabi_frame_pushchain_pusharea0_skip160_call{callee}_leave");
    let code = stub_code(engine.isa(), &Stub::from_name(&stub).unwrap()).unwrap();
    let reloc = code.reloc.unwrap();
    assert_eq!(reloc.kind, RelocKind::Abs8);
    let reloc = ModuleReloc {
        offset: reloc.offset,
        kind: Reloc::Abs8,
        name: ModuleRelocTarget::user(0, reloc.callee),
        addend: reloc.addend,
    };
    let signature = engine.make_signature();
    let id = engine.declare_export("unknown", &signature).unwrap();
    engine.define_bytes(id, &code.bytes, &[reloc]).unwrap();
    (id, code)
}
