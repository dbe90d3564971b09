//! `convention.rs` has a calling convention in less than 60 lines. Here two functions of it are
//! compiled and run. They call each other by tail calls, and C enters them through a function of
//! C's convention.

mod convention;

use clif_cabi_jit::clif_cabi::cabi::{DataModel, FnAbi, FnSig, RecordBuilder, Target, Type};
use clif_cabi_jit::clif_cabi::{Arg, Function, Lowering};
use clif_cabi_jit::cranelift_codegen::ir::{InstBuilder, Value, types};
use clif_cabi_jit::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi_jit::cranelift_module::Module;
use clif_cabi_jit::{Engine, Settings};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// `struct bits { double at; long rest; int sum; }`
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bits {
    at: f64,
    rest: i64,
    sum: i32,
}

fn main() -> Result<()> {
    let bits = RecordBuilder::structure("bits").field("at", Type::F64);
    let bits = bits.field("rest", Type::I64).field("sum", Type::I32);
    let bits = bits.build(&DataModel::LP64)?;
    let for_c = FnSig::new([bits.clone(), Type::I32], bits);
    let own = for_c.clone().convention(&convention::WORDS);
    for sig in [&for_c, &own] {
        let abi = FnAbi::new(sig, &Target::X86_64_LINUX)?;
        let args: Vec<String> = abi.args.iter().map(|arg| arg.place.to_string()).collect();
        println!(
            "{}: {} -> {}",
            abi.convention.name,
            args.join(", "),
            abi.ret
        );
    }

    let settings = Settings::default().flag("preserve_frame_pointers", "true");
    let mut engine = Engine::new(&settings)?;
    let lower = Lowering::new(engine.isa())?;
    let [zero, one] = ["zero", "one"].map(|name| lower.declare_export(&mut engine, name, &own));
    let (zero, one) = (zero?, one?);
    next_bit(&mut engine, &lower, &zero, &one, 0)?;
    next_bit(&mut engine, &lower, &one, &zero, 1)?;
    let entry = lower.declare_export(&mut engine, "count_bits", &for_c)?;
    build(&mut engine, &entry, |engine, builder| {
        Ok(lower.forward(engine, builder, &for_c, &zero)?)
    })?;
    engine.finalize()?;
    let code = engine.code(entry.id)?;
    // SAFETY: compiled as a C function of this signature; the engine lives on.
    let count: extern "C" fn(Bits, i32) -> Bits = unsafe { std::mem::transmute(code.as_ptr()) };
    let found = count(
        Bits {
            at: 0.5,
            rest: 0b1011_0110,
            sum: 100,
        },
        1,
    );
    println!("{found:?}");
    assert_eq!(
        found,
        Bits {
            at: 0.5,
            rest: 0,
            sum: 105
        }
    );
    Ok(())
}

/// Defines `struct bits own(struct bits s, int by)`. It takes one bit from `s.rest`, and adds `by`
/// if the bit is 1. It goes on in `own` if the bit is `bit`, otherwise in `other`.
fn next_bit(
    engine: &mut Engine,
    lower: &Lowering,
    own: &Function,
    other: &Function,
    bit: i64,
) -> Result<()> {
    build(engine, own, |engine, builder| {
        let (_, entry) = lower.begin(builder, &own.sig)?;
        let parts = entry.parts(builder, 0)?;
        let by = entry.value(builder, 1)?;
        let &[at, rest, sum] = parts.as_slice() else {
            return Err("three words".into());
        };
        let [done, more, same, differs] = [(); 4].map(|()| builder.create_block());
        builder.ins().brif(rest, more, &[], done, &[]);
        builder.switch_to_block(done);
        entry.ret(engine, builder, Some(&Arg::parts(&parts)))?;
        builder.switch_to_block(more);
        let low = builder.ins().band_imm_s(rest, 1);
        let differs_from = builder.ins().bxor_imm_s(low, bit);
        builder.ins().brif(differs_from, differs, &[], same, &[]);
        for (block, callee, counts) in [(same, own, bit == 1), (differs, other, bit == 0)] {
            builder.switch_to_block(block);
            let (rest, sum) = step(builder, (rest, sum, by), counts);
            let args = [Arg::parts(&[at, rest, sum]), Arg::value(by)];
            lower.tail_call(engine, builder, &entry, callee.id, &own.sig, &args)?;
        }
        Ok(())
    })
}

/// Removes one bit, and counts it if `counts`.
fn step(
    builder: &mut FunctionBuilder<'_>,
    (rest, sum, by): (Value, Value, Value),
    counts: bool,
) -> (Value, Value) {
    let rest = builder.ins().ushr_imm_u(rest, 1);
    let by = builder.ins().sextend(types::I64, by);
    match counts {
        true => (rest, builder.ins().iadd(sum, by)),
        false => (rest, sum),
    }
}

/// Defines `function` with the body that `emit` makes.
fn build(
    engine: &mut Engine,
    function: &Function,
    emit: impl FnOnce(&mut Engine, &mut FunctionBuilder<'_>) -> Result<()>,
) -> Result<()> {
    let mut context = engine.make_context();
    let mut frontend = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
    emit(engine, &mut builder)?;
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    engine.define_function(function.body, &mut context)?;
    Ok(())
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    #[test]
    fn bits_are_counted() -> super::Result<()> {
        super::main()
    }
}
