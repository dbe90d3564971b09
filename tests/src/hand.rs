//! Calls written by hand: the shim of a signature, and one call in a function. A front end that
//! knows where C passes each part emits them so.

use clif_cabi::cranelift_codegen::ir::{
    AbiParam, ArgumentPurpose, Function, InstBuilder, MemFlagsData, Opcode, SigRef, Signature,
    Value, types,
};
use clif_cabi::cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

/// The shim `void shim(const void *args, void *ret, void *callee)` of a signature.
#[derive(Clone, Debug)]
pub enum Hand {
    /// Loads, a call, stores.
    Moves(Moves),
    /// The text between the braces of the function.
    Body(&'static str),
}

/// `f64@0 sload8@8 -> f64@0`: parameters are loaded from the arguments, results are stored to the
/// result. One instruction loads and extends a byte for `sload8`. The address of the result is
/// `sret`, and Cranelift copies the record `sarg(16)@48` to the stack.
#[derive(Clone, Debug)]
pub struct Moves {
    params: Vec<HandValue>,
    returns: Vec<HandValue>,
}

/// A parameter or result of the callee, how it is loaded, and how many bytes after the start of
/// arguments or result it is.
#[derive(Clone, Copy, Debug)]
struct HandValue {
    param: AbiParam,
    opcode: Opcode,
    offset: i32,
}

impl Hand {
    /// Reads the call that `text` describes, if the text is not empty.
    pub(crate) fn of(text: &'static str) -> Option<Self> {
        match text.split_once("->") {
            _ if text.contains("block0") => Some(Self::Body(text)),
            Some((params, returns)) => Some(Self::Moves(Moves {
                params: params.split_whitespace().map(moved).collect(),
                returns: returns.split_whitespace().map(moved).collect(),
            })),
            None => None,
        }
    }

    /// Returns the shim's function.
    pub fn function(&self, config: TargetFrontendConfig) -> Result<Function, String> {
        let moves = match self {
            Self::Body(body) => {
                let text = format!("function %by_hand(i64, i64, i64) system_v {{{body}}}\n");
                let parsed = cranelift_reader::parse_functions(&text);
                let mut parsed = parsed.map_err(|error| format!("{error}\n{text}"))?;
                return parsed.pop().ok_or_else(|| "no function".to_owned());
            }
            Self::Moves(moves) => moves,
        };
        build(config, |builder| {
            let at = begin(builder);
            let sig = builder.import_signature(moves.signature());
            moves.emit(builder, sig, at);
            builder.ins().return_(&[]);
            Ok(())
        })
    }
}

/// Returns the function whose signature and instructions `body` makes.
pub(crate) fn build<E>(
    config: TargetFrontendConfig,
    body: impl FnOnce(&mut FunctionBuilder<'_>) -> Result<(), E>,
) -> Result<Function, E> {
    let mut func = Function::new();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut fn_ctx);
    body(&mut builder)?;
    builder.seal_all_blocks();
    builder.finalize(config);
    Ok(func)
}

/// Makes the signature and the first block of a shim. Returns its parameters: arguments, result,
/// callee.
pub(crate) fn begin(builder: &mut FunctionBuilder<'_>) -> [Value; 3] {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(types::I64); 3]);
    builder.func.signature = signature;
    let block = builder.create_block();
    builder.switch_to_block(block);
    [(); 3].map(|()| builder.append_block_param(block, types::I64))
}

/// Reads `f64@0`, `sload8@8`, `sarg(16)@48` or `sret`.
fn moved(word: &str) -> HandValue {
    let (name, offset) = word.split_once('@').unwrap_or((word, "0"));
    let (ty, opcode) = match name {
        "i8" => (types::I8, Opcode::Load),
        "i16" => (types::I16, Opcode::Load),
        "i32" => (types::I32, Opcode::Load),
        "f32" => (types::F32, Opcode::Load),
        "f64" => (types::F64, Opcode::Load),
        "sload8" => (types::I32, Opcode::Sload8),
        "sload16" => (types::I32, Opcode::Sload16),
        "uload8" => (types::I32, Opcode::Uload8),
        "uload16" => (types::I32, Opcode::Uload16),
        _ => (types::I64, Opcode::Load),
    };
    let copied = name.strip_prefix("sarg(").and_then(|n| n.strip_suffix(')'));
    let purpose = match copied.and_then(|n| n.parse().ok()) {
        Some(n) => ArgumentPurpose::StructArgument(n),
        _ if name == "sret" => ArgumentPurpose::StructReturn,
        _ => ArgumentPurpose::Normal,
    };
    HandValue {
        param: AbiParam::special(ty, purpose),
        opcode,
        offset: offset.parse().unwrap_or(0),
    }
}

impl Moves {
    /// Returns the signature of the callee.
    pub fn signature(&self) -> Signature {
        let mut sig = Signature::new(CallConv::SystemV);
        sig.params = self.params.iter().map(|own| own.param).collect();
        sig.returns = self.returns.iter().map(|own| own.param).collect();
        sig
    }

    /// Emits one call: loads from `from`, a call of `callee`, stores to `to`. `sig` is
    /// [`Self::signature`], imported once.
    pub fn emit(&self, builder: &mut FunctionBuilder<'_>, sig: SigRef, at: [Value; 3]) {
        let ([from, to, callee], flags) = (at, MemFlagsData::new());
        let load = |own: &HandValue| {
            let (ty, offset, ins) = (own.param.value_type, own.offset, builder.ins());
            match (own.param.purpose, own.opcode) {
                (ArgumentPurpose::StructReturn, _) => to,
                (ArgumentPurpose::StructArgument(_), _) if offset == 0 => from,
                (ArgumentPurpose::StructArgument(_), _) => ins.iadd_imm_s(from, i64::from(offset)),
                (_, Opcode::Sload8) => ins.sload8(ty, flags, from, offset),
                (_, Opcode::Sload16) => ins.sload16(ty, flags, from, offset),
                (_, Opcode::Uload8) => ins.uload8(ty, flags, from, offset),
                (_, Opcode::Uload16) => ins.uload16(ty, flags, from, offset),
                _ => ins.load(ty, flags, from, offset),
            }
        };
        let args: Vec<Value> = self.params.iter().map(load).collect();
        let call = builder.ins().call_indirect(sig, callee, &args);
        for (i, own) in self.returns.iter().enumerate() {
            let value = builder.inst_results(call)[i];
            builder.ins().store(flags, value, to, own.offset);
        }
    }
}
