//! Calls per second of a function that takes and returns a record of three words, `struct { double x; long a, b; }`, in C's convention and in that of a
//! language: as an object in memory, and as its fields.
//!
//! ```sh
//! cargo run --release -p clif-cabi-jit --example lang_calls -- 100000000
//! ```

use std::time::Instant;

use clif_cabi_jit::clif_cabi::cabi::{
    Convention, DataModel, FnSig, RecordBuilder, Type, X86_64_LANG, X86_64_SYSV,
};
use clif_cabi_jit::clif_cabi::{Arg, Function, Lowering, Ret, Returned};
use clif_cabi_jit::cranelift_codegen::ir::{
    BlockArg, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, types,
};
use clif_cabi_jit::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi_jit::cranelift_module::Module;
use clif_cabi_jit::{Engine, Settings};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

static C: Convention = X86_64_SYSV;
static LANG: Convention = X86_64_LANG;

fn main() -> Result<()> {
    let n = std::env::args().nth(1);
    count(n.map_or(Ok(1_000_000), |text| text.parse())?).map(|_| ())
}

/// What the last of `n` calls of each kind returned, the `x`; prints how fast they were.
pub(crate) fn count(n: i64) -> Result<Vec<f64>> {
    let mut engine = Engine::new(&Settings::default())?;
    let lower = Lowering::new(engine.isa())?;
    let record = RecordBuilder::structure("s").field("x", Type::F64);
    let record = record
        .field("a", Type::I64)
        .field("b", Type::I64)
        .build(&DataModel::LP64)?;
    let sig = FnSig::new([record.clone()], record);
    let mut runs = Vec::new();
    for (name, convention, fields) in [
        ("C", &C, false),
        ("lang", &LANG, false),
        ("lang, fields", &LANG, true),
    ] {
        let sig = sig.clone().convention(convention);
        let step = lower.declare_export(&mut engine, &format!("step {name}"), &sig)?;
        define(&mut engine, &step, |engine, builder| {
            step_body(engine, &lower, builder, &sig)
        })?;
        let of = FnSig::new([Type::I64], Type::F64);
        let run = lower.declare_export(&mut engine, &format!("run {name}"), &of)?;
        define(&mut engine, &run, |engine, builder| match fields {
            true => fields_loop(engine, &lower, builder, (&of, &step)),
            false => memory_loop(engine, &lower, builder, (&of, &step)),
        })?;
        runs.push((name, run));
    }
    engine.finalize()?;
    let (mut first, mut sums) = (None, Vec::new());
    for (name, run) in runs {
        // SAFETY: compiled as a C function of this signature; the engine lives on.
        let run: extern "C" fn(i64) -> f64 =
            unsafe { std::mem::transmute(engine.code(run.id)?.as_ptr()) };
        run(n / 10);
        let start = Instant::now();
        let sum = run(n);
        sums.push(sum);
        let per_second = n as f64 / start.elapsed().as_secs_f64();
        let ratio = per_second / *first.get_or_insert(per_second);
        println!(
            "{name}: {:.0} million calls a second, {ratio:.2} of C's; {sum}",
            per_second / 1e6
        );
    }
    Ok(sums)
}

fn define(
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

/// `struct s step(struct s s) { s.x += s.a; s.a += s.b; return s; }`
fn step_body(
    engine: &mut Engine,
    lower: &Lowering,
    builder: &mut FunctionBuilder<'_>,
    sig: &FnSig,
) -> Result<()> {
    let (_, entry) = lower.begin(builder, sig)?;
    let mut parts = entry.parts(builder, 0)?;
    let &[x, a, b] = parts.as_slice() else {
        return Err("three parts".into());
    };
    // In words where it is in memory.
    let is_word = builder.func.dfg.value_type(x) == types::I64;
    let flags = MemFlagsData::new();
    let x = if is_word {
        builder.ins().bitcast(types::F64, flags, x)
    } else {
        x
    };
    let add = builder.ins().fcvt_from_sint(types::F64, a);
    let x = builder.ins().fadd(x, add);
    let a = builder.ins().iadd(a, b);
    match entry.sret() {
        Some(to) => {
            for (value, offset) in [(x, 0), (a, 8), (b, 16)] {
                builder.ins().store(flags, value, to, offset);
            }
            entry.ret(engine, builder, Some(&Arg::memory(to)))?;
        }
        None => {
            parts.clear();
            parts.extend([x, a, b]);
            entry.ret(engine, builder, Some(&Arg::parts(&parts)))?;
        }
    }
    Ok(())
}

/// `double run(long n)` with the record in memory.
fn memory_loop(
    engine: &mut Engine,
    lower: &Lowering,
    builder: &mut FunctionBuilder<'_>,
    (of, step): (&FnSig, &Function),
) -> Result<()> {
    let (_, entry) = lower.begin(builder, of)?;
    let n = entry.value(builder, 0)?;
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 24, 3);
    let slot = builder.create_sized_stack_slot(slot);
    let at = builder.ins().stack_addr(types::I64, slot, 0);
    let flags = MemFlagsData::new();
    for (i, start) in [0, 1, 1].into_iter().enumerate() {
        let word = builder.ins().iconst(types::I64, start);
        builder.ins().store(flags, word, at, i32::try_from(8 * i)?);
    }
    let [head, done] = [(); 2].map(|()| builder.create_block());
    let left = builder.append_block_param(head, types::I64);
    builder.ins().jump(head, &[BlockArg::Value(n)]);
    builder.switch_to_block(head);
    lower.call(engine, builder, step, &[Arg::memory(at)], Ret::memory(at))?;
    let less = builder.ins().iadd_imm_s(left, -1);
    builder
        .ins()
        .brif(less, head, &[BlockArg::Value(less)], done, &[]);
    builder.switch_to_block(done);
    let x = builder.ins().load(types::F64, flags, at, 0);
    Ok(entry.ret(engine, builder, Some(&Arg::value(x)))?)
}

/// The same with its fields as SSA values.
fn fields_loop(
    engine: &mut Engine,
    lower: &Lowering,
    builder: &mut FunctionBuilder<'_>,
    (of, step): (&FnSig, &Function),
) -> Result<()> {
    let (_, entry) = lower.begin(builder, of)?;
    let n = entry.value(builder, 0)?;
    let [head, done] = [(); 2].map(|()| builder.create_block());
    let left = builder.append_block_param(head, types::I64);
    let fields =
        [types::F64, types::I64, types::I64].map(|ty| builder.append_block_param(head, ty));
    let zero = builder.ins().f64const(0.0);
    let one = builder.ins().iconst(types::I64, 1);
    let start = [n, zero, one, one].map(BlockArg::Value);
    builder.ins().jump(head, &start);
    builder.switch_to_block(head);
    let returned = lower.call(engine, builder, step, &[Arg::parts(&fields)], Ret::Parts)?;
    let Returned::Parts(parts) = returned else {
        return Err("parts were asked for".into());
    };
    let less = builder.ins().iadd_imm_s(left, -1);
    let next: Vec<BlockArg> = [less]
        .iter()
        .chain(&parts)
        .copied()
        .map(BlockArg::Value)
        .collect();
    builder.ins().brif(less, head, &next, done, &[]);
    builder.switch_to_block(done);
    Ok(entry.ret(engine, builder, Some(&Arg::value(parts[0])))?)
}
