//! C calls on Cranelift 0.132, from the plans of `clif-cabi-plan`: [`emit`] is the emitter, this compiles and runs calls with it.
//!
//! ```text
//! $ cargo run --manifest-path examples/older-cranelift/Cargo.toml
//! ldiv: by (i64, i64) -> i64, i64 system_v
//! blend: by (i64, i64, f64, i64, i64, i64, i64, i64, i64) -> f64, i64 system_v
//! turned: by (i64, i64) -> i64, i64 system_v
//! half: by (i64, i64, i64, i64, i64, i64, i64, i64) system_v
//! snprintf: by (i64, i64, i64, f64, i32) -> i32 system_v
//! ```

mod emit;

use std::ffi::CStr;
use std::path::Path;
use std::process::Command;

use clif_cabi_plan::CallPlan;
use clif_cabi_plan::cabi::{FnSig, RecordBuilder, Target, Type};
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlags, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Linkage, Module, default_libcall_names};
use libloading::Library;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Mixed {
    x: f64,
    n: i64,
}

/// Calls the C function `name` at `address`: the arguments are the objects at `args`, the result is stored to `result`.
fn call(
    name: &str,
    address: *const u8,
    sig: &FnSig,
    args: &[*const u8],
    result: *mut u8,
) -> Result<()> {
    let plan = CallPlan::new(sig, &Target::host()?)?;
    let flags = [("is_pic", "false"), ("use_colocated_libcalls", "false")];
    let mut builder = JITBuilder::with_flags(&flags, default_libcall_names())?;
    builder.symbol(name, address);
    let mut module = JITModule::new(builder);
    let any = module.make_signature();
    let callee = module.declare_function(name, Linkage::Import, &any)?;

    // void invoke(void **args, void *result)
    let mut ctx = module.make_context();
    ctx.func.signature.params = [types::I64; 2].map(AbiParam::new).to_vec();
    let invoke = module.declare_function("invoke", Linkage::Local, &ctx.func.signature)?;
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    let [array, to] = [0, 1].map(|i| builder.block_params(block)[i]);
    let mut values = Vec::new();
    for i in 0..args.len() {
        let offset = i32::try_from(8 * i)?;
        let flags = MemFlags::trusted();
        values.push(builder.ins().load(types::I64, flags, array, offset));
    }
    emit::call(&mut module, &mut builder, (callee, &plan), &values, to)?;
    builder.ins().return_(&[]);
    builder.finalize();
    module.define_function(invoke, &mut ctx)?;
    module.finalize_definitions()?;

    let code = module.get_finalized_function(invoke);
    // SAFETY: this is the signature `invoke` was compiled with; the objects are those of `sig`'s types, as this program's calls show.
    unsafe {
        let invoke: extern "C" fn(*const *const u8, *mut u8) = std::mem::transmute(code);
        invoke(args.as_ptr(), result);
        module.free_memory();
    }
    println!("{name}: by {}", plan.signature);
    Ok(())
}

fn at<T>(object: &T) -> *const u8 {
    std::ptr::from_ref(object).cast()
}

fn to<T>(object: &mut T) -> *mut u8 {
    std::ptr::from_mut(object).cast()
}

/// The functions of `called.c`, built by `cc`.
fn build(folder: &Path) -> Result<Library> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/called.c");
    let library = folder.join("called.so");
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library);
    if !cc.arg(source).status()?.success() {
        return Err("cc failed".into());
    }
    // SAFETY: it has no constructors.
    Ok(unsafe { Library::new(library)? })
}

fn address(library: &Library, name: &str) -> Result<*const u8> {
    // SAFETY: the symbol is only used as an address, while the library is there.
    let raw = unsafe { library.get::<*const u8>(name)?.try_as_raw_ptr() };
    Ok(raw.ok_or("no address")?.cast())
}

/// What the calls are made of: functions, and types that C knows by these names.
struct Calls {
    libc: Library,
    called: Library,
    mixed: Type,
    odd: Type,
    ldiv_t: Type,
}

fn main() -> Result<()> {
    let model = *Target::host()?.data_model();
    let mixed = RecordBuilder::structure("mixed").field("x", Type::F64);
    let odd = RecordBuilder::structure("odd").field("bytes", Type::array(&Type::I8, 11)?);
    let ldiv_t = RecordBuilder::structure("ldiv_t").field("quot", Type::I64);
    let folder = tempfile::tempdir()?;
    let calls = Calls {
        libc: Library::from(libloading::os::unix::Library::this()),
        called: build(folder.path())?,
        mixed: mixed.field("n", Type::I64).build(&model)?,
        odd: odd.build(&model)?,
        ldiv_t: ldiv_t.field("rem", Type::I64).build(&model)?,
    };
    calls.ldiv()?;
    calls.blend()?;
    calls.turned()?;
    calls.half()?;
    calls.snprintf()
}

impl Calls {
    fn ldiv(&self) -> Result<()> {
        let (a, b, mut r) = (17_i64, 5_i64, [0_i64; 2]);
        let (ldiv, args) = (address(&self.libc, "ldiv")?, [at(&a), at(&b)]);
        let sig = FnSig::new([Type::I64, Type::I64], self.ldiv_t.clone());
        call("ldiv", ldiv, &sig, &args, to(&mut r))?;
        assert_eq!(r, [3, 2]);
        Ok(())
    }

    fn blend(&self) -> Result<()> {
        let (h, mut r) = (*b"abcdefghijk", Mixed::default());
        let (a, g) = (Mixed { x: 0.5, n: 1 }, Mixed { x: 1.25, n: 5 });
        let [b, c, d] = [2_i64, 3, 4];
        let (odd, mixed) = (self.odd.clone(), self.mixed.clone());
        let longs = [Type::I64, Type::I64, Type::I64];
        let params = [odd, mixed.clone()].into_iter().chain(longs);
        let sig = FnSig::new(params.chain([mixed.clone()]), mixed);
        let args = [at(&h), at(&a), at(&b), at(&c), at(&d), at(&g)];
        let blend = address(&self.called, "blend")?;
        call("blend", blend, &sig, &args, to(&mut r))?;
        let bytes = (1..)
            .zip(h)
            .map(|(i, byte)| i * 1_000_000 * i64::from(byte));
        let n = 12_345 + bytes.sum::<i64>();
        assert_eq!(r, Mixed { x: -0.75, n });
        Ok(())
    }

    /// No byte after the 11 of the result is written.
    fn turned(&self) -> Result<()> {
        let (h, mut r) = (*b"abcdefghijk", *b"...........|");
        let sig = FnSig::new([self.odd.clone()], self.odd.clone());
        let turned = address(&self.called, "turned")?;
        call("turned", turned, &sig, &[at(&h)], to(&mut r))?;
        assert_eq!(&r, b"kjihgfedcba|");
        Ok(())
    }

    /// 2.5 and 1.25 in x87's format.
    fn half(&self) -> Result<()> {
        let (x, mut r) = (extended(0x4000), extended(0));
        let sig = FnSig::new([Type::F80], Type::F80);
        let half = address(&self.called, "half")?;
        call("half", half, &sig, &[at(&x)], to(&mut r))?;
        assert_eq!(r, extended(0x3fff));
        Ok(())
    }

    /// AL has to say that there is a vector register in use.
    fn snprintf(&self) -> Result<()> {
        let (mut text, mut n) = ([0_u8; 16], 0_i32);
        let (buffer, size, format) = (text.as_mut_ptr(), 16_u64, c"%g is %d/2".as_ptr());
        let (x, y) = (1.5_f64, 3_i32);
        let sig = FnSig::new([Type::PTR, Type::U64, Type::PTR], Type::I32).variadic();
        let sig = sig.at_call([Type::F64, Type::I32])?;
        let args = [at(&buffer), at(&size), at(&format), at(&x), at(&y)];
        let snprintf = address(&self.libc, "snprintf")?;
        call("snprintf", snprintf, &sig, &args, to(&mut n))?;
        assert_eq!((n, CStr::from_bytes_until_nul(&text)?), (10, c"1.5 is 3/2"));
        Ok(())
    }
}

/// 1.25 times a power of two in x87's format, in an object of 16 bytes as C has it.
fn extended(exponent: u16) -> [u64; 2] {
    [
        if exponent == 0 {
            0
        } else {
            0xa000_0000_0000_0000
        },
        exponent.into(),
    ]
}
