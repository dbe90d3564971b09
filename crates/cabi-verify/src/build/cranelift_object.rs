//! The two sides of cases as an object file, by Cranelift.

use std::error::Error;

use cabi::{FnSig, Target, VectorLevel};
use clif_cabi::Lowering;
use clif_cabi::cranelift_codegen::isa;
use clif_cabi::cranelift_codegen::settings::{self, Configurable, Flags};
use clif_cabi::cranelift_module::{DataId, Linkage, Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};

use crate::emit::cranelift::{self, CallVia, Mutation, Sent, VARIANTS};
use crate::verdict::Fault;

/// Features that a processor needs for code with vectors of a level.
const AVX: [&str; 5] = ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_avx"];

/// A side of a call, and how it is made.
pub(crate) struct OneSide<'a> {
    /// The function's type, as it is lowered.
    pub(crate) sig: &'a FnSig,
    /// Offset at which a callee writes its arguments down, in bytes.
    pub(crate) offsets: &'a [usize],
    /// Turns the forms of values, and how a caller calls.
    pub(crate) index: usize,
    /// A mistake.
    pub(crate) mutation: Mutation,
}

/// An object file in the making.
pub(crate) struct CraneliftObject {
    module: ObjectModule,
    lower: Lowering,
    /// The buffers of the file with C's callees.
    places: DataId,
}

impl CraneliftObject {
    /// An object file without functions yet, by Cranelift with these settings. The buffers of
    /// callees are at `cabi_places`.
    ///
    /// # Errors
    /// The reason, if Cranelift as it was built lacks something.
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
        own: &[(&str, &str)],
    ) -> Result<Self, Box<dyn Error>> {
        let mut flags = settings::builder();
        let needed = [
            ("is_pic", "true"),
            ("enable_probestack", "true"),
            ("probestack_strategy", "inline"),
            // There is no other way to the argument area here.
            ("preserve_frame_pointers", "true"),
        ];
        for (name, value) in needed.iter().chain(own) {
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

    /// Adds a function, called `name`, that writes its arguments down at the offsets of `side` and
    /// returns the object that it finds.
    pub(crate) fn callee(&mut self, name: &str, side: &OneSide<'_>) -> Result<(), Fault> {
        let places = (self.places, side.offsets);
        let (variant, mutation) = (side.index % VARIANTS, side.mutation);
        let (module, lower) = (&mut self.module, &self.lower);
        cranelift::function(module, name, lower, side.sig, places, variant, mutation)?;
        Ok(())
    }

    /// Adds a shim, called `name`, that calls `callee` with objects at the offsets of `side`, or
    /// behind pointers.
    pub(crate) fn caller(
        &mut self,
        (name, callee): (&str, &str),
        side: &OneSide<'_>,
        by_pointers: bool,
    ) -> Result<(), Fault> {
        let sent = match by_pointers {
            true => Sent::ByPointers,
            false => Sent::At(side.offsets, self.places),
        };
        let (module, lower) = (&mut self.module, &self.lower);
        let import = lower.declare_import(module, callee, side.sig)?.id;
        let via = match (side.index + side.index / VARIANTS) % 4 {
            0 => CallVia::Function(import),
            1 => CallVia::Pointer,
            2 => CallVia::Ref(import),
            _ => CallVia::OwnPointer,
        };
        let variant = side.index % VARIANTS;
        let (told, mutation) = ((side.sig, sent), side.mutation);
        cranelift::shim(module, name, lower, told, via, variant, mutation)?;
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, String> {
        let written = self.module.finish().emit();
        written.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cabi::{DataModel, RecordBuilder, Type, X86_64_WIN64};

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
            let side = OneSide {
                sig,
                offsets: &[0],
                index: 0,
                mutation: Mutation::default(),
            };
            object.caller((name, &format!("{name}_callee")), &side, true)
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
