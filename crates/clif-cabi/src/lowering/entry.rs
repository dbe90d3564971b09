//! [`Lowering`]: how a function that C calls begins.

use crate::cranelift::codegen::ir::{Block, Signature, Value};
use crate::cranelift::frontend::FunctionBuilder;
use cabi::FnSig;

use super::Lowering;
use crate::clif_types::clif_signature;
use crate::emit::{Entry, Fields, check, slot_of};
use crate::error::LowerError;

impl Lowering {
    /// Begins a function of `sig` in a builder that is still empty, and takes the arguments. Sets
    /// the CLIF signature, makes the first block with the parameters, switches to the block and
    /// seals it.
    ///
    /// Cranelift must not inline a function with arguments on the stack. The function finds them by
    /// its frame pointer or, on x86-64, by a `sarg` that Cranelift would bind to the caller's
    /// object.
    ///
    /// # Example
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # use doc::*;
    /// # let stubs = &mut NoStubs;
    /// # let isa = linux_isa();
    /// # let mut func = ir::Function::new();
    /// # let mut context = FunctionBuilderContext::new();
    /// # let mut builder = FunctionBuilder::new(&mut func, &mut context);
    /// use clif_cabi::cabi::{FnSig, RecordBuilder, Type};
    /// use clif_cabi::{Arg, Lowering};
    ///
    /// let lower = Lowering::new(&*isa)?;
    /// // struct pair { double x; long n; };  struct pair same(struct pair p) { return p; }
    /// let pair = RecordBuilder::structure("pair").field("x", Type::F64).field("n", Type::I64);
    /// let pair = pair.build(lower.target().data_model())?;
    /// let (_block, entry) = lower.begin(&mut builder, &FnSig::new([pair.clone()], pair))?;
    /// let parts = entry.parts(&mut builder, 0)?;
    /// entry.ret(stubs, &mut builder, Some(&Arg::parts(&parts)))?;
    /// # builder.finalize(isa.frontend_config());
    /// assert!(func.to_string().contains("(f64, i64) -> f64, i64 system_v"));
    /// # Ok::<(), clif_cabi::LowerError>(())
    /// ```
    ///
    /// # Errors
    /// [`LowerError::Function`] if the builder has been used already, or its function has another
    /// signature. [`LowerError`] for a signature that cannot be lowered.
    pub fn begin(
        &self,
        builder: &mut FunctionBuilder<'_>,
        sig: &FnSig,
    ) -> Result<(Block, Entry), LowerError> {
        let about = |error: LowerError| error.of(None, sig);
        let plan = self.entry_plan(sig).map_err(about)?;
        let signature = clif_signature(&plan.signature);
        check::unbegun(builder, &signature).map_err(about)?;
        builder.func.signature = signature;
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        builder.seal_block(block);
        // Only in the layout it counts as the function's first, which is reachable without a jump.
        builder.ensure_inserted_block();
        Ok((block, self.enter(builder, block, sig)?))
    }

    /// Makes an object of `ty` in the frame of the function being built, as large and aligned as C
    /// asks for, and returns its address. Cranelift aligns a stack slot to 16 bytes at most, on
    /// s390x to 8. See [`Ret::easiest`](crate::Ret::easiest).
    ///
    /// # Errors
    /// [`LowerError::Value`] for an object that no frame has room for, [`LowerError::Function`] if
    /// `builder` stands nowhere.
    pub fn slot(
        &self,
        builder: &mut FunctionBuilder<'_>,
        ty: &cabi::Type,
    ) -> Result<Value, LowerError> {
        check::position(builder)?;
        let (size, align) = (ty.size(), ty.align());
        match check::fits_a_frame(size, align.max(ty.canonical_align())) {
            true => Ok(slot_of(self.config, builder, ty)),
            false => {
                let expected = "one that fits in a stack frame";
                let found = format!("{size} bytes aligned to {align}");
                Err(LowerError::value([&"an object", ty, &expected, &found]))
            }
        }
    }

    /// Returns the fields by which a value of `ty` can be given
    /// ([`Arg::Fields`](crate::Arg::Fields)) and taken on the machine. They are its scalars and
    /// vectors however deep, the two numbers of a complex one, and named bit-fields.
    ///
    /// # Errors
    /// [`LowerError::Value`] for a type of more than 64 bytes, for members that overlap (a union),
    /// and for a member that is not a CLIF value:
    /// - `long double`
    /// - a vector of more than 16 bytes or of bools, and any vector where Cranelift has none
    /// - a bit-field of `__int128`
    /// - a `_BitInt` or vector whose width no CLIF type has
    ///
    /// # Example
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # use doc::*;
    /// # let isa = linux_isa();
    /// use clif_cabi::Lowering;
    /// use clif_cabi::cabi::{DataModel, RecordBuilder, Type};
    ///
    /// let lower = Lowering::new(&*isa)?;
    /// // struct event { int kind; float at[2]; };
    /// let event = RecordBuilder::structure("event")
    ///     .field("kind", Type::I32)
    ///     .field("at", Type::array(&Type::F32, 2)?);
    /// let fields = lower.fields(&event.build(&DataModel::LP64)?)?;
    /// let fields: Vec<_> = fields.iter().map(|field| (field.ty, field.offset_bits)).collect();
    /// assert_eq!(fields, [(types::I32, 0), (types::F32, 32), (types::F32, 64)]);
    ///
    /// let word = RecordBuilder::union("word").field("n", Type::I32).field("x", Type::F32);
    /// let error = lower.fields(&word.build(&DataModel::LP64)?).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "fields, union word: expected an object in memory, found members that overlap, as \
    ///         in a union"
    /// );
    /// # Ok::<(), clif_cabi::LowerError>(())
    /// ```
    pub fn fields(&self, ty: &cabi::Type) -> Result<Fields, LowerError> {
        let refused = |why| LowerError::value([&"fields", ty, &"an object in memory", &why]);
        self.config.fields(ty).map_err(refused)
    }

    /// Returns the CLIF signature of a function of `sig`, with a parameter in each register of
    /// arguments that the plan's signature leaves free. The parameters of the plan's signature,
    /// which callers know, come first. Callers do not set the others:
    /// [`keep_arrived`](crate::keep_arrived) passes them on.
    ///
    /// # Errors
    /// [`LowerError`] for a signature that cannot be lowered.
    pub fn filled_signature(&self, sig: &FnSig) -> Result<Signature, LowerError> {
        let filled = self.entry_plan(sig)?.filled(&self.target)?;
        Ok(clif_signature(&filled))
    }

    /// Takes the arguments of a function of `sig` that `builder` builds. Its signature must be [the
    /// plan's](clif_signature), and its parameters must have been appended to `block`, its first.
    ///
    /// # Errors
    /// [`LowerError`] if the function has another signature or other parameters.
    pub fn enter(
        &self,
        builder: &FunctionBuilder<'_>,
        block: Block,
        sig: &FnSig,
    ) -> Result<Entry, LowerError> {
        let plan = self.entry_plan(sig);
        plan.and_then(|plan| Entry::new(plan, builder, block, self.config))
            .map_err(|error| error.of(None, sig))
    }
}
