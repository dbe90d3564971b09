//! Callers that align the stack to less than 16 bytes. Arguments that are aligned to more than 16
//! bytes are in the corpus.

use crate::common::*;

/// give8(f, n): a function of (long, record of five words on the stack), called with rsp 8 + n
/// bytes from where it should be.
const C: &str = r#"
__asm__(".pushsection .text\n.globl give8, rsp_phase\n"
        "give8: pushq %rbp\n movq %rsp, %rbp\n subq %rsi, %rsp\n"
        "pushq $5\n pushq $4\n pushq $3\n pushq $2\n pushq $1\n movq %rdi, %rax\n movl $100, %edi\n movl $4096, %r10d\n call *%rax\n leave\n ret\n"
        "rsp_phase: leaq 8(%rsp), %rax\n andl $15, %eax\n ret\n"
        ".popsection");
"#;

/// Returns, for each `n`, the answer of `long f(long, struct { long x[5]; })`. The function is
/// entered with rsp `8 + n` bytes from where it should be, and expects a stack aligned to `align`.
/// Its answer is the sum of its arguments, and 1000 times the phase of rsp at a call of its own.
fn entered<const N: usize>(settings: &Settings, chain: bool, align: u32, n: [i64; N]) -> [i64; N] {
    let library = library(&cc(), &[], "aligned_low", C);
    let mut engine = Engine::new(settings).unwrap();
    engine.add_library(&library);
    let lower = Lowering::new(engine.isa()).unwrap();
    let phase_sig = FnSig::new([], Type::I64);
    let rsp_phase = lower
        .declare_import(&mut engine, "rsp_phase", &phase_sig)
        .unwrap();
    let words = record(&[Type::array(&Type::I64, 5).unwrap()]);
    let sig = FnSig::new([Type::I64, words], Type::I64);
    let sig = sig.incoming_stack_align(align);
    let sig = if chain {
        sig.static_chain(&DataModel::LP64)
    } else {
        sig
    };
    let function = exported(&mut engine, "low", &sig, |lower, engine, builder, entry| {
        let mut sum = entry.value(builder, 0).unwrap();
        let at = entry.address(builder, 1).unwrap();
        for i in 0..5 {
            let word = builder.ins().load(I64, MemFlagsData::new(), at, 8 * i);
            sum = builder.ins().iadd(sum, word);
        }
        if chain {
            let chain = entry.value(builder, 2).unwrap();
            sum = builder.ins().iadd(sum, chain);
        }
        let phase = lower.call(engine, builder, &rsp_phase, &[], Ret::Value);
        let phase = phase.unwrap().value().unwrap();
        let phase = builder.ins().imul_imm_s(phase, 1000);
        let sum = Arg::value(builder.ins().iadd(sum, phase));
        entry.ret(engine, builder, Some(&sum)).unwrap();
    });
    assert_eq!(function.body == function.id, align == 16 && !chain);
    // Declared again, it is entered by the same stub.
    let again = lower.declare_export(&mut engine, "low", &sig).unwrap();
    assert_eq!((again.id, again.body), (function.id, function.body));
    engine.finalize().unwrap();
    let code = engine.code(function.id).unwrap();
    let give = engine.symbol("give8").unwrap();
    // SAFETY: `long give8(f, long)`.
    let give: extern "C" fn(*const c_void, i64) -> i64 = unsafe { core::mem::transmute(give) };
    // SAFETY: the engine lives until they have returned.
    let code = unsafe { code.as_ptr() };
    n.map(|n| give(code, n))
}

#[test]
fn callers_that_align_the_stack_to_less_than_16_bytes() {
    for settings in all_settings() {
        assert_eq!(entered(&settings, false, 8, [0, 8]), [115; 2]);
        assert_eq!(entered(&settings, true, 8, [0, 8]), [115 + 4096; 2]);
        assert_eq!(entered(&settings, false, 4, [0, 4, 8, 12]), [115; 4]);
        assert_eq!(entered(&settings, false, 1, [0, 1, 2, 7, 8]), [115; 5]);
        assert_eq!(entered(&settings, false, 16, [0, 8]), [8115, 115]);
    }
}
