//! How many instructions a shim has, lowered and by hand.

use crate::shims::{self, Measured};
use cabi_verify::emit::cranelift::shim_signature;
use cabi_verify::report::Report;
use clif_cabi::Lowering;
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::ir::Function;
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::Module;
use clif_cabi_jit::{Cpu, Engine, Settings};
use iced_x86::{Decoder, DecoderOptions};

use crate::suite::Result;

/// The table, and a failure for each shim that is longer than it may be.
pub(crate) fn run(report: &mut Report) -> Result<()> {
    // Not this machine's own instructions: the counts are the same everywhere.
    let settings = Settings::default().memory(1 << 20).cpu(Cpu::Baseline);
    let mut engine = Engine::new(&settings)?;
    let lower = Lowering::new(engine.isa())?;
    let mut table = String::from("instructions of a shim:   lowered  by hand  at most");
    for measured in shims::measured()? {
        let lowered = lowered(&mut engine, &lower, &measured)?;
        let by_hand = match measured.hand {
            Some(hand) => Some(by_hand(&engine, &hand.clif())?),
            None => None,
        };
        let (most, why) = measured.most;
        let hand = by_hand.map_or_else(|| "-".to_owned(), |n| n.to_string());
        table.push_str(&format!(
            "\n  {:<23} {lowered:>7} {hand:>8} {most:>8}  {why}",
            measured.name
        ));
        let outcome = match by_hand {
            Some(by_hand) if lowered > by_hand => {
                Err(format!("{lowered} instructions, {by_hand} by hand"))
            }
            _ if lowered > most => Err(format!("{lowered} instructions, at most {most}: {why}")),
            _ => Ok(()),
        };
        report.outcome("clif count", measured.name, outcome);
    }
    report.note(table);
    Ok(())
}

fn lowered(engine: &mut Engine, lower: &Lowering, measured: &Measured) -> Result<usize> {
    let mut ctx = Context::new();
    ctx.func.signature = shim_signature();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    shims::emit(engine, lower, &mut builder, &measured.sig)?;
    builder.finalize(engine.isa().frontend_config());
    count(engine, ctx)
}

fn by_hand(engine: &Engine, text: &str) -> Result<usize> {
    let parsed =
        cranelift_reader::parse_functions(text).map_err(|error| format!("{error}\n{text}"))?;
    let func: Function = parsed.into_iter().next().ok_or("no function")?;
    count(engine, Context::for_function(func))
}

/// The instructions of the compiled function: all before the constants after its end, of which these functions have none.
fn count(engine: &Engine, mut ctx: Context) -> Result<usize> {
    let code = ctx
        .compile(engine.isa(), &mut Default::default())
        .map_err(|error| format!("{:?}", error.inner))?;
    let decoder = Decoder::new(64, code.code_buffer(), DecoderOptions::NONE);
    Ok(decoder.into_iter().count())
}
