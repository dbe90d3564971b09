//! The object file: its target and settings.

use std::error::Error;

use cabi::{Target, VectorLevel};
use clif_cabi::Lowering;
use clif_cabi::cranelift_codegen::isa;
use clif_cabi::cranelift_codegen::settings::{self, Configurable, Flags};
use clif_cabi::cranelift_module::{Linkage, Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};

use super::CraneliftObject;

/// Features that a processor needs for code with vectors of a level.
const AVX: [&str; 5] = ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_avx"];

impl CraneliftObject {
    /// Makes an object file without functions yet, by Cranelift with these settings. The buffers of
    /// callees are at `cabi_places`.
    ///
    /// # Errors
    /// The reason, if Cranelift was built without a part that is needed.
    pub(crate) fn new(
        vectors: VectorLevel,
        target: &Target,
        settings: &[(&str, &str)],
    ) -> Result<Self, String> {
        Self::empty(vectors, target, settings).map_err(|error| error.to_string())
    }

    fn empty(
        vectors: VectorLevel,
        target: &Target,
        extra_flags: &[(&str, &str)],
    ) -> Result<Self, Box<dyn Error>> {
        let mut flags = settings::builder();
        let needed = [
            ("is_pic", "true"),
            ("enable_probestack", "true"),
            ("probestack_strategy", "inline"),
            // There is no other way to the argument area here.
            ("preserve_frame_pointers", "true"),
        ];
        for (name, value) in needed.iter().chain(extra_flags) {
            flags.set(name, value)?;
        }
        let mut triple: target_lexicon::Triple = target.name().parse()?;
        // Programs are linked here, whatever the system has.
        triple.binary_format = target_lexicon::BinaryFormat::Elf;
        // The C library here is not of Win64.
        let is_win64 = triple.operating_system == target_lexicon::OperatingSystem::Windows
            && triple.architecture == target_lexicon::Architecture::X86_64;
        let mut isa = isa::lookup(triple)?;
        let needed = AVX.iter().filter(|_| vectors != VectorLevel::Baseline);
        for name in needed {
            isa.enable(name)?;
        }
        let isa = isa.finish(Flags::new(flags))?;
        let lower = Lowering::new(&*isa)?;
        let libcalls = default_libcall_names();
        let libcalls = move |call| match is_win64 {
            true => format!("cabi_ms_{}", libcalls(call)),
            false => libcalls(call),
        };
        let builder = ObjectBuilder::new(isa, "sides", Box::new(libcalls))?;
        let mut module = ObjectModule::new(builder);
        Ok(Self {
            places: module.declare_data("cabi_places", Linkage::Import, false, false)?,
            module,
            lower,
        })
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, String> {
        let written = self.module.finish().emit();
        written.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::cranelift::{CallSide, Mutation};
    use cabi::{DataModel, FnSig, RecordBuilder, Type, X86_64_WIN64};

    /// cranelift-object panics in a debug build when a function was declared that is not defined.
    #[test]
    fn a_refused_case_leaves_an_object_that_can_be_written() {
        // Win64 passes a copy by reference, which no frame has room for.
        let bytes = Type::array(&Type::U8, 256 << 20).expect("an array");
        let large = RecordBuilder::structure("large").field("bytes", bytes);
        let large = large.build(&DataModel::LP64).expect("a record");
        let refused = FnSig::new([large], Type::VOID).convention(&X86_64_WIN64);
        let mut object = CraneliftObject::new(VectorLevel::Baseline, &Target::X86_64_LINUX, &[])
            .expect("a module");
        let mut add = |name, sig| {
            let side = CallSide {
                sig,
                offsets: &[0],
                index: 0,
                mutation: Mutation::default(),
            };
            object.caller((name, &format!("{name}_callee")), &side)
        };
        assert!(add("refused", &refused).is_err());
        assert!(add("plain", &FnSig::new([Type::I32], Type::VOID)).is_ok());
        assert!(
            object
                .finish()
                .is_ok_and(|file| file.starts_with(b"\x7fELF"))
        );
    }
}
