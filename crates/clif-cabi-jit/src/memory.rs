//! The module of an engine, and where its memory comes from: the engine's own
//! [arena](crate::arena), which code keeps alive after the module.

#[cfg(not(any(feature = "cranelift-0.132", feature = "cranelift-0.133")))]
pub(crate) use from_0_134::{EngineModule, address, new_module};
#[cfg(any(feature = "cranelift-0.132", feature = "cranelift-0.133"))]
pub(crate) use up_to_0_133::{EngineModule, address, new_module};

#[cfg(not(any(feature = "cranelift-0.132", feature = "cranelift-0.133")))]
mod from_0_134 {
    use std::io;
    use std::sync::{Arc, Mutex};

    use crate::arena::Arena;
    use crate::cranelift::jit::{
        BranchProtection, JITBuilder, JITMemoryKind, JITMemoryProvider, JITModule,
    };
    use crate::cranelift::module::{ModuleRelocTarget, ModuleResult};
    use crate::error::Result;
    use crate::locked;

    pub(crate) type EngineModule = JITModule;

    pub(crate) fn new_module(
        mut builder: JITBuilder,
        arena: Arc<Mutex<Arena>>,
    ) -> Result<JITModule> {
        builder.memory_provider(Box::new(Provider(arena)));
        Ok(JITModule::new(builder))
    }

    /// Returns the address that a relocation to `target` has, finalized or not.
    pub(crate) fn address(module: &JITModule, target: &ModuleRelocTarget) -> Option<*const u8> {
        Some(module.get_address(target))
    }

    /// The arena as cranelift-jit wants it. The module is one of several owners, so it never frees
    /// anything.
    struct Provider(Arc<Mutex<Arena>>);

    impl JITMemoryProvider for Provider {
        fn allocate(
            &mut self,
            size: usize,
            align: u64,
            kind: JITMemoryKind,
        ) -> io::Result<*mut u8> {
            let mut arena = locked(&self.0);
            let allocated = arena.allocate(size, align, &kind);
            allocated.map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))
        }

        unsafe fn free_memory(&mut self) {}

        fn finalize(&mut self, _: BranchProtection) -> ModuleResult<()> {
            let mut arena = locked(&self.0);
            Ok(arena.seal()?)
        }
    }
}

/// A provider of memory needs the type `JITMemoryKind`, which these releases do not export: memory
/// is cranelift-jit's own arena, which belongs to the module. When the engine goes, the module
/// moves to the [`Arena`](crate::arena::Arena), whose last owner frees it.
#[cfg(any(feature = "cranelift-0.132", feature = "cranelift-0.133"))]
mod up_to_0_133 {
    use core::mem::ManuallyDrop;
    use core::ops::{Deref, DerefMut};
    use std::sync::{Arc, Mutex};

    use crate::arena::Arena;
    use crate::cranelift::jit::{ArenaMemoryProvider, JITBuilder, JITModule};
    use crate::cranelift::module::ModuleRelocTarget;
    use crate::error::{Error, Result};
    use crate::host::icache::flush_pipelines;
    use crate::locked;

    pub(crate) struct EngineModule {
        module: ManuallyDrop<JITModule>,
        arena: Arc<Mutex<Arena>>,
    }

    pub(crate) fn new_module(
        mut builder: JITBuilder,
        arena: Arc<Mutex<Arena>>,
    ) -> Result<EngineModule> {
        let memory = ArenaMemoryProvider::new_with_size(locked(&arena).size());
        let memory = memory.map_err(|source| Error::Memory {
            action: "reserve memory",
            source,
        })?;
        builder.memory_provider(Box::new(memory));
        Ok(EngineModule {
            module: ManuallyDrop::new(JITModule::new(builder)),
            arena,
        })
    }

    /// Returns `None`: the address is not known before the code is finalized.
    pub(crate) fn address(_: &EngineModule, _: &ModuleRelocTarget) -> Option<*const u8> {
        None
    }

    impl EngineModule {
        /// Makes code executable for all processors: cranelift-jit's own way does so for one.
        pub(crate) fn finalize_definitions(&mut self) -> Result<()> {
            self.module.finalize_definitions()?;
            flush_pipelines()
        }
    }

    impl Deref for EngineModule {
        type Target = JITModule;

        fn deref(&self) -> &JITModule {
            &self.module
        }
    }

    impl DerefMut for EngineModule {
        fn deref_mut(&mut self) -> &mut JITModule {
            &mut self.module
        }
    }

    impl Drop for EngineModule {
        fn drop(&mut self) {
            // SAFETY: this value is being dropped, so the module is taken once and not used
            // afterwards.
            let module = unsafe { ManuallyDrop::take(&mut self.module) };
            locked(&self.arena).keep(module);
        }
    }
}
