//! Zig's vectors of more than 64 bools, which it passes lane by lane: its code calls closures, and
//! invokers call its code, in this process. The suite `zig` has the narrower ones.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::ffi::c_void;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use cabi::{BoolVector, FnSig, Kind, Policy, Type};
use cabi_verify::build::zig::{Backend, Mode, Zig};
use cabi_verify::generate::Random;
use cabi_verify::report::missing;
use clif_cabi_jit::{Closures, Invokers, Library, Settings};

/// Values of a call: first its result, then its arguments. Lane `i` of a vector is bit `i`.
type Values = [u128; 12];
/// Sides of Zig: callers pass what is `given`, callees store to `seen`.
const HEAD: &str = "pub const panic = @import(\"std\").debug.no_panic;
export var given: [12]u128 = undefined;
export var seen: [12]u128 = undefined;
fn take(comptime T: type, slot: usize) T {
    return @as(*align(16) const T, @ptrCast(&given[slot])).*;
}
fn put(slot: usize, value: anytype) void {
    @as(*align(16) @TypeOf(value), @ptrCast(&seen[slot])).* = value;
}\n";

/// Returns the signatures: integers before the vector leave all registers free, or none. For a
/// control, vectors have `fewer` lanes.
fn signatures(fewer: u16) -> impl Iterator<Item = FnSig> {
    let mut sigs = Vec::new();
    for lanes in [65, 100, 128] {
        let bools = Type::bool_vector(lanes - fewer, BoolVector::Zig).unwrap();
        for before in [0, 1, 4, 6, 8] {
            let mut params = vec![Type::I64; before];
            params.extend([bools.clone(), Type::F64, Type::PTR]);
            sigs.push(FnSig::new(params, Type::I64));
        }
        let params = [bools.clone(), Type::I8, bools.clone(), Type::I16];
        sigs.push(FnSig::new(params, Type::VOID));
        sigs.push(FnSig::new([Type::I32], bools));
    }
    sigs.into_iter().map(|sig| sig.policy(Policy::ZIG))
}

/// Returns the types of the values of a call.
fn types(sig: &FnSig) -> impl Iterator<Item = &Type> {
    let params = sig.params().iter().map(|param| &param.ty);
    std::iter::once(sig.result()).chain(params)
}

/// Makes Zig's callee and caller number `n`.
fn source((n, sig): (usize, FnSig)) -> String {
    let name = |ty: &Type| match ty.kind() {
        Kind::Vector(vector) => format!("@Vector({}, bool)", vector.lanes),
        _ if *ty == Type::PTR => "?*anyopaque".to_owned(),
        _ if *ty == Type::F64 => "f64".to_owned(),
        _ if *ty == Type::VOID => "void".to_owned(),
        _ => format!("i{}", 8 * ty.size()),
    };
    let each = |text: fn(usize, String) -> String| -> String {
        let params = types(&sig).map(name).enumerate().skip(1);
        params.map(|(i, ty)| text(i, ty)).collect()
    };
    let (result, params) = (name(sig.result()), each(|i, ty| format!("a{i}: {ty}, ")));
    let puts = each(|i, _| format!("put({i}, a{i}); "));
    let takes = each(|i, ty| format!("take({ty}, {i}), "));
    let caller = format!("caller_{n}(f: *const @TypeOf(callee_{n})) callconv(.c) void");
    format!(
        "export fn callee_{n}({params}) callconv(.c) {result} {{ {puts}return take({result}, 0); }}
         export fn {caller} {{ put(0, f({takes})); }}\n"
    )
}

/// Compiles the sides of Zig to a shared library in `folder`.
fn compile(mode: Mode, folder: &Path) -> Library {
    let sides: String = signatures(0).enumerate().map(source).collect();
    std::fs::write(folder.join("sides.zig"), format!("{HEAD}{sides}")).unwrap();
    let zig = Zig::command();
    let backend = ["-fllvm", "-fno-llvm"][usize::from(mode.backend == Backend::Own)];
    let level = ["-ODebug", "-OReleaseFast"][usize::from(mode.fast)];
    let command = format!(
        "{zig} build-lib -dynamic sides.zig -femit-bin=sides.so {backend} {level} -fPIC -fstrip \
         -target x86_64-linux-gnu -mcpu=baseline -fno-stack-check -fno-ubsan-rt \
         -fno-compiler-rt --cache-dir . --global-cache-dir ."
    );
    let mut words = command.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    let output = command.args(words).current_dir(folder).output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{mode}: {messages}");
    // SAFETY: it was compiled just now, and runs nothing when it is opened.
    unsafe { Library::open(folder.join("sides.so")) }.unwrap()
}

/// Call between Zig's function of this number and ours of this signature, with these values.
struct Call<'a> {
    zig: &'a Library,
    n: usize,
    sig: &'a FnSig,
    sent: &'a Values,
}

impl Call<'_> {
    /// Calls Zig's callee by `invokers`. Returns the values where they arrive.
    fn of_callee(&self, invokers: &mut Invokers) -> Values {
        let invoker = invokers.get(self.sig).unwrap();
        let callee = self.zig.symbol(&format!("callee_{}", self.n)).unwrap();
        let [_, args @ ..] = self.sent.each_ref().map(|value| (&raw const *value).cast());
        let mut result = 0_u128;
        let mut values = self.exchange(|| {
            // SAFETY: the callee has this signature, or reads other parts of the stack; it follows
            // no pointer that is an argument. No object has more than 16 bytes.
            unsafe { invoker.call(callee.cast(), &args, (&raw mut result).cast()) };
        });
        values[0] = result;
        values
    }

    /// Calls a closure by Zig's caller. Returns the values where they arrive.
    fn of_closure(&self, closures: &Closures) -> Values {
        let values = Mutex::new([0; 12]);
        let interface = closures.interface(self.sig).unwrap();
        let closure = interface.closure("f", |args, result| {
            for i in 0..self.sig.params().len() {
                let (bytes, mut filled) = (args.bytes(i).unwrap(), [0; 16]);
                filled[..bytes.len()].copy_from_slice(bytes);
                values.lock().unwrap()[i + 1] = u128::from_le_bytes(filled);
            }
            let size = usize::try_from(self.sig.result().size()).unwrap();
            let object = self.sent[0].to_le_bytes();
            result.set_bytes(&object[..size]).unwrap();
        });
        let closure = closure.unwrap();
        let caller = self.zig.symbol(&format!("caller_{}", self.n)).unwrap();
        // SAFETY: each caller is such a function.
        let caller: extern "C" fn(*const c_void) = unsafe { std::mem::transmute(caller) };
        let [result, ..] = self.exchange(|| caller(closure.code()));
        let mut values = *values.lock().unwrap();
        values[0] = result;
        values
    }

    /// Makes `call` with our values as those `given`. Returns those that Zig has `seen`.
    fn exchange(&self, call: impl FnOnce()) -> Values {
        let variable = |name| self.zig.symbol(name).unwrap().cast_mut().cast::<Values>();
        let (given, seen) = (variable("given"), variable("seen"));
        // SAFETY: variables of this type, of which nobody has a reference.
        unsafe { (*given, *seen) = (*self.sent, [0; 12]) };
        call();
        // SAFETY: as above.
        unsafe { *seen }
    }
}

/// Clears the padding of `values`.
fn meaning(sig: &FnSig, values: Values) -> Values {
    let mut masked = [0; 12];
    for ((ty, value), masked) in types(sig).zip(values).zip(&mut masked) {
        let bits = match ty.kind() {
            Kind::Vector(vector) => vector.lanes.into(),
            _ => 8 * u32::try_from(ty.size()).unwrap(),
        };
        *masked = value & u128::MAX.checked_shr(128 - bits).unwrap_or(0);
    }
    masked
}

#[test]
fn lanes_arrive_and_a_lane_fewer_is_noticed() {
    if let Err(why) = Zig::find() {
        return missing(&why);
    }
    let closures = Closures::new(&Settings::default()).unwrap();
    let mut stubs = Invokers::new(&Settings::default()).unwrap();
    let mut compiled = Invokers::new(&Settings::default()).unwrap().without_stubs();
    let mut n_calls = [0; 2];
    for mode in Mode::ALL {
        let folder = tempfile::tempdir().unwrap();
        let zig = compile(mode, folder.path());
        for (n, (right, control)) in signatures(0).zip(signatures(1)).enumerate() {
            let mut random = Random::new(65, 0);
            // Controls return no vector: one of 64 lanes gives Zig no memory for its result.
            let n_sides = if right.params().len() == 1 { 1 } else { 2 };
            for round in 0..16 {
                let fewer = round % n_sides;
                let mut any = || u128::from(random.any()) << 64 | u128::from(random.any());
                let sent = &meaning(&right, [(); 12].map(|()| any()));
                let (zig, sig) = (&zig, [&right, &control][fewer]);
                let call = Call { zig, n, sig, sent };
                let results = [
                    call.of_callee(&mut stubs),
                    call.of_callee(&mut compiled),
                    call.of_closure(&closures),
                ];
                for (way, values) in ["stub", "compiled", "closure"].iter().zip(results) {
                    let values = meaning(&right, values);
                    let text = format!("{mode}, {way}, {sig}:\n{values:x?}\n{sent:x?}");
                    assert_eq!(values == *sent, fewer == 0, "{text}");
                    n_calls[fewer] += 1;
                }
            }
        }
    }
    assert_eq!(n_calls, [1728, 1296], "calls");
}
