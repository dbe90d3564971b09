use super::*;
use crate::cranelift::codegen::ir::InstBuilder;
use crate::host::icache::tests::{IS_REFUSED, cleared};

/// Declares and builds a function that does nothing.
fn empty_function(engine: &mut Engine) -> Result<FuncId> {
    let signature = engine.make_signature();
    let id = engine.declare_local(&signature)?;
    engine.build(id, "built", |_, builder| {
        let block = builder.create_block();
        builder.switch_to_block(block);
        builder.ins().return_(&[]);
        Ok(())
    })?;
    Ok(id)
}

/// An emulator shows no stale instructions, so the calls are counted: one for the code of each
/// round.
#[test]
fn code_is_cleared_from_the_instruction_cache_once() {
    let mut engine = Engine::new(&Settings::default()).unwrap();
    for _ in 0..3 {
        let id = empty_function(&mut engine).unwrap();
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

/// Linux may have no `membarrier`, or a sandbox without it.
#[test]
fn memory_is_not_sealed_if_pipelines_are_not_flushed() {
    let mut engine = Engine::new(&Settings::default()).unwrap();
    for is_refused in [true, false] {
        let id = empty_function(&mut engine).unwrap();
        IS_REFUSED.set(is_refused);
        assert_eq!(engine.finalize().is_err(), is_refused);
        assert_eq!(engine.code(id).is_err(), is_refused);
    }
}

/// With [`Settings::gdb`] an engine has an image in gdb's list, for as long as its code is there.
#[test]
#[cfg(all(feature = "gdb", target_os = "linux"))]
fn gdb_is_told_if_it_is_asked_for() {
    use crate::debug::gdb::tests::listed;

    for is_told in [false, true] {
        let mut engine = Engine::new(&Settings::default().gdb(is_told)).unwrap();
        empty_function(&mut engine).unwrap();
        engine.finalize().unwrap();
        assert_eq!(listed(true).len(), usize::from(is_told));
        drop(engine);
        assert_eq!(listed(true), []);
    }
}
