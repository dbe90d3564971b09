use super::*;
use crate::cranelift::codegen::ir::InstBuilder;
use crate::host::icache::tests::cleared;

/// An emulator shows no stale instructions, so the calls are counted: one for the code of each round.
#[test]
fn code_is_cleared_from_the_instruction_cache_once() {
    let mut engine = Engine::new(&Settings::default()).unwrap();
    for _ in 0..3 {
        let signature = engine.make_signature();
        let id = engine.declare_local(&signature).unwrap();
        let built = engine.build(id, "built", |_, builder| {
            let block = builder.create_block();
            builder.switch_to_block(block);
            builder.ins().return_(&[]);
            Ok(())
        });
        built.unwrap();
        assert_eq!(cleared(), [], "nothing is executable yet");
        engine.finalize().unwrap();
        let code = engine.code(id).unwrap();
        // SAFETY: only looked at.
        let start = unsafe { code.as_ptr() }.addr();
        let ranges = cleared();
        let [(from, bytes, true)] = ranges[..] else {
            panic!("{ranges:?}");
        };
        assert!((from..from + bytes).contains(&start));
        assert!(start + code.size() <= from + bytes);
        engine.finalize().unwrap();
        assert_eq!(cleared(), [], "nothing new");
    }
}
