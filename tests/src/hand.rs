//! Calls written by hand: the shim of a signature, and one call in a function, as a front end emits them that knows where C passes each part.

use clif_cabi::cranelift_codegen::ir::{
    AbiParam, ArgumentPurpose, Endianness, Function, InstBuilder, MemFlagsData, Opcode, SigRef,
    Signature, Value, types,
};
use clif_cabi::cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

/// The shim `void shim(const void *args, void *ret, void *callee)` of a signature.
#[derive(Clone, Debug)]
pub enum Hand {
    /// Loads, a call, stores.
    Moves(Moves),
    /// What stands between the braces of the function.
    Body(&'static str),
}

/// `f64@0 sload8@8 -> f64@0`: parameters are loaded from the arguments, results stored to the result. `sload8` is a byte that is loaded and extended by one
/// instruction, `sret` the address of the result, `sarg(16)@48` a record that Cranelift copies to the stack, `pair@0` two words that are one vector, `wide@0` the same by one load, `pad` what keeps a vector register from
/// being used: a word of a pair, or what is in its lower half.
#[derive(Clone, Debug)]
pub struct Moves {
    /// What the callee takes, how it is loaded, and how many bytes after the arguments' start it is; `None`: padding.
    params: Vec<(AbiParam, Opcode, Option<i32>)>,
    returns: Vec<(AbiParam, i32)>,
}

impl Hand {
    /// The call that `text` describes, if it is not empty.
    pub(crate) fn of(text: &'static str) -> Option<Self> {
        match text.split_once("->") {
            _ if text.contains("block0") => Some(Self::Body(text)),
            Some((params, returns)) => Some(Self::Moves(Moves {
                params: params.split_whitespace().map(param).collect(),
                returns: returns.split_whitespace().map(part).collect(),
            })),
            None => None,
        }
    }

    /// The shim's function.
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
        let mut func = Function::new();
        func.signature = cabi_verify::emit::cranelift::shim_signature();
        let mut fn_ctx = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut func, &mut fn_ctx);
        let at = begin(&mut builder);
        let sig = builder.import_signature(moves.signature());
        moves.emit(&mut builder, sig, at);
        builder.ins().return_(&[]);
        builder.seal_all_blocks();
        builder.finalize(config);
        Ok(func)
    }
}

/// The first block of a shim, and its parameters: arguments, result, callee.
pub(crate) fn begin(builder: &mut FunctionBuilder<'_>) -> [Value; 3] {
    let block = builder.create_block();
    builder.switch_to_block(block);
    [(); 3].map(|()| builder.append_block_param(block, types::I64))
}

/// What [`part`] has, or `pad`.
fn param(word: &str) -> (AbiParam, Opcode, Option<i32>) {
    let (param, offset) = part(word);
    let offset = (word != "pad").then_some(offset);
    let opcode = match word.split_once('@') {
        Some(("sload8", _)) => Opcode::Sload8,
        Some(("sload16", _)) => Opcode::Sload16,
        Some(("uload8", _)) => Opcode::Uload8,
        Some(("uload16", _)) => Opcode::Uload16,
        _ => Opcode::Load,
    };
    (param, opcode, offset)
}

/// `f64@0`, `sload8@8`, `sarg(16)@48`, `pair@0`, `sret` or `pad`.
fn part(word: &str) -> (AbiParam, i32) {
    let (name, offset) = word.split_once('@').unwrap_or((word, "0"));
    let offset = offset.parse().unwrap_or(0);
    let copied = name.strip_prefix("sarg(").and_then(|n| n.strip_suffix(')'));
    let ty = match name {
        "i8" => types::I8,
        "i16" => types::I16,
        "i32" | "sload8" | "sload16" | "uload8" | "uload16" => types::I32,
        "f32" => types::F32,
        "f64" | "pad" => types::F64,
        "pair" => types::F64X2,
        "wide" => types::I64X2,
        _ => types::I64,
    };
    let param = match copied.and_then(|n| n.parse().ok()) {
        Some(n) => AbiParam::special(ty, ArgumentPurpose::StructArgument(n)),
        _ if name == "sret" => AbiParam::special(ty, ArgumentPurpose::StructReturn),
        _ => AbiParam::new(ty),
    };
    (param, offset)
}

impl Moves {
    /// Puts values in the place of padding, of which there are fewer than registers: `words`, and lower halves of what is stored after it.
    fn pad(&self, builder: &mut FunctionBuilder<'_>, args: &mut [Value], mut words: Vec<Value>) {
        let n = self.params.iter().filter(|param| param.2.is_none()).count();
        let last = self.params.iter().rposition(|param| param.2.is_none());
        let Some((start, end)) = last.map(|last| (last + 1 - n, last + 1)) else {
            return;
        };
        let bits = MemFlagsData::new().with_endianness(Endianness::Little);
        for arg in &args[end..] {
            let pair = match builder.func.dfg.value_type(*arg) {
                types::F64 => {
                    words.push(*arg);
                    continue;
                }
                types::F64X2 => *arg,
                _ => builder.ins().bitcast(types::F64X2, bits, *arg),
            };
            words.push(builder.ins().extractlane(pair, 0));
        }
        for (i, arg) in args[start..end].iter_mut().enumerate() {
            *arg = words[words.len().saturating_sub(i + 1)];
        }
    }

    /// The signature of the callee.
    pub fn signature(&self) -> Signature {
        let mut sig = Signature::new(CallConv::SystemV);
        sig.params = self.params.iter().map(|param| param.0).collect();
        sig.returns = self.returns.iter().map(|result| result.0).collect();
        sig
    }

    /// Emits one call: loads from `from`, a call of `callee`, stores to `to`. `sig` is [`Self::signature`], imported once.
    pub fn emit(&self, builder: &mut FunctionBuilder<'_>, sig: SigRef, at: [Value; 3]) {
        let ([from, to, callee], flags) = (at, MemFlagsData::new());
        let bits = flags.with_endianness(Endianness::Little);
        let mut args = Vec::with_capacity(self.params.len());
        let mut words = Vec::new();
        for (param, opcode, offset) in &self.params {
            let Some(offset) = *offset else {
                args.push(to);
                continue;
            };
            args.push(match param.purpose {
                ArgumentPurpose::StructReturn => to,
                ArgumentPurpose::StructArgument(_) if offset == 0 => from,
                ArgumentPurpose::StructArgument(_) => {
                    builder.ins().iadd_imm_s(from, i64::from(offset))
                }
                _ if param.value_type == types::F64X2 => {
                    let high = builder.ins().load(types::F64, flags, from, offset + 8);
                    let low = builder.ins().load(types::F64, flags, from, offset);
                    words.extend([high, low]);
                    let low = builder.ins().splat(types::F64X2, low);
                    builder.ins().insertlane(low, high, 1)
                }
                _ if param.value_type == types::I64X2 => {
                    let pair = builder.ins().load(types::F64X2, flags, from, offset);
                    builder.ins().bitcast(types::I64X2, bits, pair)
                }
                _ => {
                    let (ty, ins) = (param.value_type, builder.ins());
                    match opcode {
                        Opcode::Sload8 => ins.sload8(ty, flags, from, offset),
                        Opcode::Sload16 => ins.sload16(ty, flags, from, offset),
                        Opcode::Uload8 => ins.uload8(ty, flags, from, offset),
                        Opcode::Uload16 => ins.uload16(ty, flags, from, offset),
                        _ => ins.load(ty, flags, from, offset),
                    }
                }
            });
        }
        self.pad(builder, &mut args, words);
        let call = builder.ins().call_indirect(sig, callee, &args);
        for (i, (_, offset)) in self.returns.iter().enumerate() {
            let value = builder.inst_results(call)[i];
            builder.ins().store(flags, value, to, *offset);
        }
    }
}
