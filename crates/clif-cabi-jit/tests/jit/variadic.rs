//! A front end that has signatures and classes of its own, and no C types: from a CLIF signature and the counts of registers it defines variadic
//! functions that gcc calls.

use clif_cabi_jit::clif_cabi::clif_cabi_plan::{NamedArguments, VaArgPlan, ValueType};
use clif_cabi_jit::cranelift_codegen::isa::CallConv;
use std::fmt::Write as _;

use crate::common::*;

/// What is passed as an unnamed argument.
struct Unnamed {
    /// The value, as C has it.
    c: &'static str,
    /// The types of its eightbytes, as the psABI classes them (3.2.3); none in memory.
    parts: &'static [ValueType],
    size: u64,
    align: u32,
}

const fn unnamed(c: &'static str, parts: &'static [ValueType], size: u64, align: u32) -> Unnamed {
    Unnamed {
        c,
        parts,
        size,
        align,
    }
}

const UNNAMED: [Unnamed; 9] = {
    use ValueType::{F64, I8X16, I64};
    [
        unnamed("7L", &[I64], 8, 8),
        unnamed("2.5", &[F64], 8, 8),
        unnamed("(s_dl){ 0.5, 3 }", &[F64, I64], 16, 8),
        unnamed("(s_ld){ 4, 1.5 }", &[I64, F64], 16, 8),
        unnamed("(s_lll){ 8, 9, 10 }", &[], 24, 8),
        unnamed("1.25L", &[], 16, 16),
        unnamed("(s_ll){ 5, 6 }", &[I64, I64], 16, 8),
        unnamed("(s_dd){ 3.5, 4.5 }", &[F64, F64], 16, 8),
        unnamed("(v4f){ 1, 2, 3, 4 }", &[I8X16], 16, 16),
    ]
};

/// Twice, so that the registers run out.
fn all_unnamed() -> impl Iterator<Item = &'static Unnamed> {
    UNNAMED.iter().chain(&UNNAMED)
}

/// Numbers of named `long`s, and of `double`s after them.
fn calls() -> impl Iterator<Item = (u8, u8)> {
    (0..9).flat_map(|longs| [0, 3, 8, 10].map(|doubles| (longs, doubles)))
}

/// Bytes from one argument that is written down to the next.
const STEP: i64 = 32;

/// `int call_L_D(void (*f)(u8 *seen, long.., double.., ...))`: whether `f` writes down what it is passed.
fn c_text() -> String {
    let mut text = String::from(
        r"
        #include <string.h>
        typedef unsigned char u8;
        typedef struct { double a; long b; } s_dl;
        typedef struct { long a; double b; } s_ld;
        typedef struct { long a, b; } s_ll;
        typedef struct { double a, b; } s_dd;
        typedef struct { long a, b, c; } s_lll;
        typedef float v4f __attribute__((vector_size(16)));
        #define SAME(bytes, ...) { __typeof__(__VA_ARGS__) own = __VA_ARGS__; right &= !memcmp(seen[n++], &own, bytes); }
        ",
    );
    for (longs, doubles) in calls() {
        let named = (1..=longs).map(|i| ("long", format!("{i}L")));
        let named = named.chain((1..=doubles).map(|i| ("double", format!("{i}.5"))));
        let (types, mut values): (Vec<&str>, Vec<String>) = named.unzip();
        let mut same: String = values
            .iter()
            .map(|value| format!("SAME(8, {value}) "))
            .collect();
        for one in all_unnamed() {
            let bytes = if one.c.ends_with("5L") { 10 } else { one.size };
            write!(same, "SAME({bytes}, {}) ", one.c).unwrap();
            values.push(one.c.to_owned());
        }
        let types: String = types.iter().map(|ty| format!("{ty}, ")).collect();
        let values = values.join(", ");
        writeln!(
            text,
            "int call_{longs}_{doubles}(void (*f)(u8 *, {types}...)) {{ u8 seen[40][{STEP}] = {{ 0 }}; int n = 0, right = 1; \
             f(seen[0], {values}); {same}return right; }}"
        )
        .unwrap();
    }
    text
}

/// The address of a `va_list`, which has at most 32 bytes.
fn va_list(builder: &mut FunctionBuilder<'_>) -> Value {
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 32, 3);
    let slot = builder.create_sized_stack_slot(slot);
    builder.ins().stack_addr(types::I64, slot, 0)
}

/// A function of `library`, called with the address of `code`.
fn call_with(library: &Library, name: &str, code: *const c_void) -> c_int {
    let call = library.symbol(name).unwrap();
    // SAFETY: that is the signature of every function that is called so.
    let call =
        unsafe { std::mem::transmute::<*const u8, extern "C" fn(*const c_void) -> c_int>(call) };
    call(code)
}

/// What `call_L_D` calls, as this front end compiles it: it counts integers and doubles itself, `late` integers too many.
fn by_hand(engine: &mut Engine, longs: u8, doubles: u8, late: u8) -> FuncId {
    let lower = Lowering::new(engine.isa()).unwrap();
    let mut named = Signature::new(CallConv::SystemV);
    let all = [(types::I64, 1 + longs), (types::F64, doubles)];
    let all = all.map(|(ty, n)| vec![AbiParam::new(ty); n.into()]);
    named.params = all.concat();
    let on_stack = (1 + longs).saturating_sub(6) + doubles.saturating_sub(8);
    let taken = NamedArguments {
        int_registers: (1 + longs).min(6) + late,
        vector_registers: doubles.min(8),
        area_bytes: 8 * u32::from(on_stack),
    };
    let own = lower.variadic_function(&named, taken).unwrap();
    let (name, linkage) = (format!("own_{longs}_{doubles}"), Linkage::Export);
    let id = engine
        .declare_function(&name, linkage, own.signature())
        .unwrap();
    let mut ctx = engine.make_context();
    ctx.func.signature = own.signature().clone();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    let [seen, named @ ..] = &builder.block_params(block)[..named.params.len()] else {
        panic!("it has a parameter");
    };
    let (seen, named) = (*seen, named.to_vec());
    let mut places = (0..i32::MAX).step_by(usize::try_from(STEP).unwrap());
    for (value, at) in named.into_iter().zip(&mut places) {
        builder.ins().store(MemFlagsData::new(), value, seen, at);
    }
    let list = va_list(&mut builder);
    own.va_start(&mut builder, block, list).unwrap();
    for (one, at) in all_unnamed().zip(places) {
        let plan = VaArgPlan::of_parts(one.parts, one.size, one.align, lower.target());
        let from = lower.va_arg_planned(&mut builder, list, &plan.unwrap());
        let from = from.unwrap();
        for word in (0..i32::try_from(one.size).unwrap()).step_by(8) {
            let flags = MemFlagsData::new();
            let value = builder.ins().load(types::I64, flags, from, word);
            builder.ins().store(flags, value, seen, at + word);
        }
    }
    builder.ins().return_(&[]);
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    engine.define(id, &mut ctx).unwrap();
    id
}

#[test]
fn gcc_calls_functions_of_own_signatures() {
    let library = library(GCC, &[], "variadic_own", &c_text());
    for settings in all_settings() {
        // The control is a list that starts after the second of the registers that are left.
        for late in [0, 1] {
            let mut engine = Engine::new(&settings).unwrap();
            let calls = calls().filter(|(longs, _)| late == 0 || *longs < 5);
            let define = |(longs, doubles)| {
                let id = by_hand(&mut engine, longs, doubles, late);
                (format!("call_{longs}_{doubles}"), id)
            };
            let calls: Vec<(String, FuncId)> = calls.map(define).collect();
            engine.finalize().unwrap();
            for (call, id) in calls {
                let code = engine.code(id).unwrap();
                // SAFETY: a function of the type that is called.
                let right = call_with(&library, &call, unsafe { code.as_ptr() });
                assert_eq!(right, i32::from(late == 0), "{call}, {settings:?}");
            }
        }
    }
}
