//! What Cranelift cannot say, as a few bytes of machine code: one function per recipe.
//!
//! Every bridge keeps these invariants (`docs/bridges.md`): call and return stay paired; only r11 is scratch, rax by contract; local linkage,
//! never entered through a PLT; x87 and SSE control words untouched. A drain reads only what the call declares, or what no
//! Cranelift instruction touches: the x87 stack.

use cranelift_codegen::binemit::{Addend, CodeOffset, Reloc};
use cranelift_codegen::ir::{
    self, AbiParam, ExtFuncData, ExternalName, FuncRef, SigRef, Signature,
};
use cranelift_codegen::isa::CallConv;
use cranelift_module::{FuncId, Linkage, Module, ModuleReloc, ModuleRelocTarget};

use crate::error::LowerError;

/// A bridge: what it does, and all its bytes depend on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Bridge {
    /// Entered instead of a variadic function of the module: sets AL and jumps to it.
    VariadicDirect {
        /// Vector registers in use, 0 to 8.
        n_sse: u8,
        /// The function.
        callee: FuncId,
    },
    /// The same for any address, which the caller passes as one more word behind the argument area.
    VariadicIndirect {
        /// Vector registers in use, 0 to 8.
        n_sse: u8,
        /// Bytes of the argument area.
        area: u32,
    },
    /// `fn(to)`: stores st0 to 10 bytes at `to` and pops it.
    DrainX87,
    /// `fn(to)`: the same for st0, and for st1 to 10 bytes at `to + 16`.
    DrainComplexX87,
    /// `fn(from)`: loads 10 bytes at `from` to st0; the last thing before a return.
    LoadX87,
    /// `fn(from)`: the same, with 10 bytes at `from + 16` to st1.
    LoadComplexX87,
}

/// The machine code of a bridge.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BridgeCode {
    /// The bytes, to be placed at a multiple of 16.
    pub bytes: Vec<u8>,
    /// The one address in it, if there is one: offset, kind, addend, and the function.
    pub reloc: Option<(CodeOffset, Reloc, Addend, FuncId)>,
}

impl Bridge {
    /// A name no other bridge has.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::VariadicDirect { n_sse, callee } => {
                format!("__clif_cabi_variadic_{n_sse}_f{}", callee.as_u32())
            }
            Self::VariadicIndirect { n_sse, area } => {
                format!("__clif_cabi_variadic_{n_sse}_indirect_{area}")
            }
            Self::DrainX87 => "__clif_cabi_drain_x87".into(),
            Self::DrainComplexX87 => "__clif_cabi_drain_complex_x87".into(),
            Self::LoadX87 => "__clif_cabi_load_x87".into(),
            Self::LoadComplexX87 => "__clif_cabi_load_complex_x87".into(),
        }
    }

    /// The machine code, `pic` for objects and without for the JIT.
    ///
    /// # Errors
    /// [`LowerError::Bridge`] when the argument area is too large to be jumped over.
    pub fn code(&self, pic: bool) -> Result<BridgeCode, LowerError> {
        let plain = |bytes: &[u8]| {
            Ok(BridgeCode {
                bytes: bytes.to_vec(),
                reloc: None,
            })
        };
        match *self {
            Self::VariadicDirect { n_sse, callee } => Ok(variadic_direct(n_sse, callee, pic)),
            Self::VariadicIndirect { n_sse, area } => variadic_indirect(n_sse, area),
            // fstp tbyte [rdi]; ret
            Self::DrainX87 => plain(&[0xdb, 0x3f, 0xc3]),
            // fstp tbyte [rdi]; fstp tbyte [rdi+16]; ret
            Self::DrainComplexX87 => plain(&[0xdb, 0x3f, 0xdb, 0x7f, 0x10, 0xc3]),
            // fld tbyte [rdi]; ret
            Self::LoadX87 => plain(&[0xdb, 0x2f, 0xc3]),
            // fld tbyte [rdi+16]; fld tbyte [rdi]; ret
            Self::LoadComplexX87 => plain(&[0xdb, 0x6f, 0x10, 0xdb, 0x2f, 0xc3]),
        }
    }

    /// The CLIF signature of the bridges that take one address. `PreserveAll`: they clobber nothing Cranelift knows.
    pub(crate) fn address_signature() -> Signature {
        let mut signature = Signature::new(CallConv::PreserveAll);
        signature.params.push(AbiParam::new(ir::types::I64));
        signature
    }
}

/// mov eax, n; jmp callee. In the JIT by an absolute address in r11, because a callee may be any distance away.
fn variadic_direct(n_sse: u8, callee: FuncId, pic: bool) -> BridgeCode {
    let mut bytes = vec![0xb8, n_sse, 0, 0, 0];
    if pic {
        bytes.extend([0xe9, 0, 0, 0, 0]);
        return BridgeCode {
            bytes,
            reloc: Some((6, Reloc::X86CallPLTRel4, -4, callee)),
        };
    }
    bytes.extend([0x49, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0xff, 0xe3]);
    BridgeCode {
        bytes,
        reloc: Some((7, Reloc::Abs8, 0, callee)),
    }
}

/// mov eax, n; jmp [rsp + 8 + area]
fn variadic_indirect(n_sse: u8, area: u32) -> Result<BridgeCode, LowerError> {
    let word = i32::try_from(area)
        .ok()
        .and_then(|area| area.checked_add(8));
    let Some(word) = word else {
        return Err(LowerError::Bridge {
            why: "the argument area of a variadic call is too large",
        });
    };
    let mut bytes = vec![0xb8, n_sse, 0, 0, 0, 0xff, 0xa4, 0x24];
    bytes.extend(word.to_le_bytes());
    Ok(BridgeCode { bytes, reloc: None })
}

/// Where lowering gets bridges and functions from. Every [`Module`] is one; a front end on bare cranelift-codegen brings its own.
pub trait Bridges {
    /// A reference to `bridge` in `func`, called with `signature`. The bridge is made when it is asked for the first time.
    ///
    /// # Errors
    /// [`LowerError`] when it cannot be made.
    fn bridge(
        &mut self,
        bridge: Bridge,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError>;

    /// A reference to the function `id` in `func`, called with `signature`, whatever signature it is declared with.
    ///
    /// # Errors
    /// [`LowerError`] when there are no functions to be had by number.
    fn function(
        &mut self,
        id: FuncId,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError>;
}

impl<M: Module + ?Sized> Bridges for M {
    fn bridge(
        &mut self,
        bridge: Bridge,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError> {
        if let Bridge::VariadicDirect { callee, .. } = bridge {
            check_id(self, callee)?;
        }
        let name = bridge.name();
        let id = match self.declarations().get_name(&name) {
            Some(cranelift_module::FuncOrDataId::Func(id)) => id,
            _ => {
                let code = bridge.code(self.isa().flags().is_pic())?;
                let relocs: Vec<ModuleReloc> = code
                    .reloc
                    .iter()
                    .map(|&(offset, kind, addend, callee)| ModuleReloc {
                        offset,
                        kind,
                        name: ModuleRelocTarget::user(0, callee.as_u32()),
                        addend,
                    })
                    .collect();
                let declared = Signature::new(CallConv::SystemV);
                let id = self.declare_function(&name, Linkage::Local, &declared)?;
                self.define_function_bytes(id, 16, &code.bytes, &relocs)?;
                id
            }
        };
        self.function(id, signature, func)
    }

    fn function(
        &mut self,
        id: FuncId,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError> {
        check_id(self, id)?;
        let colocated = self.declarations().get_function_decl(id).linkage.is_final();
        let name = ir::UserExternalName {
            namespace: 0,
            index: id.as_u32(),
        };
        let name = ExternalName::user(func.declare_imported_user_function(name));
        Ok(func.import_function(ExtFuncData {
            name,
            signature,
            colocated,
            patchable: false,
        }))
    }
}

/// Refuses a number that `module` never gave out: asking for it would panic, now or when the module is finished.
fn check_id<M: Module + ?Sized>(module: &M, id: FuncId) -> Result<(), LowerError> {
    let n_functions = module.declarations().get_functions().size_hint().0;
    if (id.as_u32() as usize) < n_functions {
        return Ok(());
    }
    Err(LowerError::Bridge {
        why: "the function does not belong to this module",
    })
}
