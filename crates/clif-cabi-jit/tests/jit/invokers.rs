//! Invokers that are stubs, and those that Cranelift compiles: both call functions of the reference compilers with the same objects, each of which ends where
//! a page that cannot be read begins.

use clif_cabi_jit::clif_cabi::clif_cabi_plan::{IntMove, IntWidth, VectorMove, VectorWidth};

use crate::common::*;

/// Types in C, and as they are known here.
fn types() -> Vec<(&'static str, Type)> {
    let records: [(&str, &[Type]); 9] = [
        ("struct { int a, b; }", &[Type::I32, Type::I32]),
        ("struct { int a[3]; }", &[Type::I32, Type::I32, Type::I32]),
        ("struct { char a[3]; }", &[Type::I8, Type::I8, Type::I8]),
        ("struct { double a, b; }", &[Type::F64, Type::F64]),
        ("struct { long a; double b; }", &[Type::I64, Type::F64]),
        ("struct { float a[3]; }", &[Type::F32, Type::F32, Type::F32]),
        ("struct { char a[9]; }", &[Type::I8; 9]),
        ("struct { long a[3]; }", &[Type::I64, Type::I64, Type::I64]),
        (
            "struct { double a[4]; }",
            &[Type::F64, Type::F64, Type::F64, Type::F64],
        ),
    ];
    let vector = Type::vector(&Type::F32, 4).unwrap();
    let scalars = [
        ("signed char", Type::I8),
        ("unsigned char", Type::U8),
        ("short", Type::I16),
        ("unsigned short", Type::U16),
        ("int", Type::I32),
        ("long", Type::I64),
        ("void *", Type::PTR),
        ("float", Type::F32),
        ("double", Type::F64),
        ("__int128", Type::I128),
        ("float __attribute__((vector_size(16)))", vector),
    ];
    let records = records.map(|(text, members)| (text, record(members)));
    scalars.into_iter().chain(records).collect()
}

/// A C function, and its signature.
struct Called {
    name: String,
    sig: FnSig,
}

/// What the C functions share, after the definitions of types.
const SHARED: &str = "
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
unsigned char seen[1024], given[64];
char *guarded(long size, long page) {
  char *at = mmap(0, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(at + page, page, PROT_NONE);
  return at + page - size;
}
int va(int n, ...) {
  va_list list;
  va_start(list, n);
  double x = va_arg(list, double);
  t14 y = va_arg(list, t14);
  long z = va_arg(list, long);
  memcpy(seen, &n, 4), memcpy(seen + 4, &x, 8), memcpy(seen + 12, &y, 16), memcpy(seen + 28, &z, 8);
  memcpy(&n, given, 4);
  return n;
}
";

/// A C function with these arguments, by their numbers in [`types`]: it copies them to `seen`, and then does `end`.
fn function(name: &str, result: &str, args: &[usize], end: &str) -> String {
    let params = args.iter().enumerate();
    let params = params
        .map(|(n, ty)| format!("t{ty} a{n}"))
        .collect::<Vec<_>>();
    let copies = args.iter().enumerate();
    let copies =
        copies.map(|(n, ty)| format!("memcpy(to, &a{n}, sizeof(t{ty})); to += sizeof(t{ty});\n"));
    let (params, copies) = (params.join(", "), copies.collect::<String>());
    format!("{result} {name}({params}) {{\nunsigned char *to = seen;\n{copies}{end} }}\n")
}

/// Functions of each type: they return what is in `given`. What a narrow integer is extended to is seen by those that return it as a `long`.
fn functions() -> (String, Vec<Called>) {
    let types = types();
    let (mut typedefs, mut text, mut all) = (String::new(), String::new(), Vec::new());
    let mut add = |name: String, result: (&str, Type), args: &[usize], end: &str| {
        text += &function(&name, result.0, args, end);
        let params = args.iter().map(|arg| types[*arg].1.clone());
        let sig = FnSig::new(params.collect::<Vec<_>>(), result.1);
        all.push(Called { name, sig });
    };
    for (i, (declared, ty)) in types.iter().enumerate() {
        let (before, after) = declared
            .split_once(" __attribute__")
            .unwrap_or((declared, ""));
        let attribute = if after.is_empty() {
            ""
        } else {
            "__attribute__"
        };
        typedefs += &format!("typedef {before} t{i} {attribute}{after};\n");
        let next = (i + 3) % types.len();
        let many = [vec![i; 6], vec![5; 6], vec![8; 9], vec![next, i]].concat();
        let forms = [vec![], vec![i], vec![4, i, 8, next, i], many];
        let result = format!("t{i}");
        for (form, args) in forms.iter().enumerate() {
            let end = format!("t{i} r; memcpy(&r, given, sizeof r); return r;");
            add(format!("f{i}_{form}"), (&result, ty.clone()), args, &end);
        }
        if ty.as_scalar().is_some() && ty.size() < 4 {
            add(
                format!("wide{i}"),
                ("long", Type::I64),
                &[i, i],
                "return a0;",
            );
        }
    }
    let va = FnSig::new([Type::I32], Type::I32).variadic();
    let va = va.at_call([Type::F64, types[14].1.clone(), Type::I64]);
    let (name, sig) = ("va".to_owned(), va.unwrap());
    all.push(Called { name, sig });
    ([&typedefs, SHARED, &text].concat(), all)
}

/// The C functions of one compiler.
struct Callees(Library);

type Shim = unsafe extern "C" fn(*const c_void, *const *const u8, *mut u8);

impl Callees {
    fn object(&self, name: &str) -> *mut u8 {
        self.0.symbol(name).unwrap().cast_mut()
    }

    /// So many bytes before a page that cannot be touched.
    fn guarded(&self, bytes: &[u8]) -> *mut u8 {
        // SAFETY: `char *guarded(long, long)`, which returns as many bytes of its own.
        unsafe {
            let guarded: extern "C" fn(usize, usize) -> *mut u8 =
                core::mem::transmute(self.object("guarded"));
            let at = guarded(bytes.len(), page());
            at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            at
        }
    }

    /// What of a call of `called` by `shim` is wrong.
    fn wrong(&self, called: &Called, shim: *const c_void) -> Option<String> {
        let bytes = |ty: &Type, first: u8| -> Vec<u8> {
            (0..ty.size())
                .map(|i| 0x80 | first.wrapping_mul(29).wrapping_add(i as u8))
                .collect()
        };
        let (params, result) = (called.sig.params(), called.sig.result());
        let objects: Vec<Vec<u8>> = (1..)
            .zip(params)
            .map(|(i, param)| bytes(&param.ty, i))
            .collect();
        let args: Vec<*const u8> = objects
            .iter()
            .map(|own| self.guarded(own).cast_const())
            .collect();
        let returned = self.guarded(&vec![0x55; result.size() as usize]);
        let mut wanted = bytes(result, 99);
        if called.name.starts_with("wide") {
            let fill = if params[0].ty.as_scalar().is_some_and(|own| own.is_signed()) {
                0xff
            } else {
                0
            };
            wanted = objects[0].clone();
            wanted.resize(8, fill);
        }
        // SAFETY: an invoker of the function's signature, objects of its types, and the library's own buffers.
        let (seen, returned) = unsafe {
            self.object("seen").write_bytes(0x33, 1024);
            self.object("given")
                .copy_from_nonoverlapping(wanted.as_ptr(), wanted.len());
            let shim: Shim = core::mem::transmute(shim);
            shim(
                self.object(&called.name).cast_const().cast(),
                args.as_ptr(),
                returned,
            );
            let seen = core::slice::from_raw_parts(self.object("seen"), objects.concat().len());
            (seen, core::slice::from_raw_parts(returned, wanted.len()))
        };
        let is_right = seen == objects.concat() && returned == wanted;
        (!is_right).then(|| {
            format!(
                "{}, {}: seen {seen:x?}, returned {returned:x?}",
                called.name, called.sig
            )
        })
    }
}

fn callees(cc: &str) -> (Callees, Vec<Called>) {
    let (text, all) = functions();
    (Callees(library(cc, &["-O1", "-w"], "invokers", &text)), all)
}

#[test]
fn stubs_and_compiled_invokers_make_the_same_calls() {
    for cc in reference_compilers() {
        let (callees, all) = callees(cc);
        let (mut own, mut compiled) = (invokers(), invokers().without_stubs());
        let mut n_stubs = 0;
        for called in &all {
            let both = [&mut own, &mut compiled].map(|invokers| invokers.get(&called.sig).unwrap());
            n_stubs += usize::from(both[0].is_stub());
            assert!(!both[1].is_stub());
            for invoker in both {
                // SAFETY: the invokers live until after the call.
                let wrong = callees.wrong(called, unsafe { invoker.code().as_ptr() });
                assert_eq!(wrong, None, "{cc}, a stub: {}", invoker.is_stub());
            }
        }
        let (n, n_shapes) = (all.len(), own.n_compiled());
        println!(
            "{cc}: {n_stubs} of {n} functions ({n_shapes} shapes) called by a stub and by compiled code"
        );
        assert!(n_stubs * 4 > n * 3 && n_stubs < n);
    }
}

/// Mistakes in the steps of such stubs.
const MISTAKES: &str = "another argument, nothing kept, no result kept, no address, none passed, another word, no call, another register, no sign, \
too much loaded, too much stored, half a vector loaded, too much of a vector loaded, half a vector stored";

/// `step`, or what is there instead by this mistake.
fn mistaken(mistake: &str, step: Step) -> Step {
    use {IntWidth as Int, VectorWidth as Vector};
    match (mistake, step) {
        ("another argument", Step::ArgAddress(n)) => Step::ArgAddress(n + 1),
        ("another word", Step::StackWord(n)) => Step::StackWord(n + 8),
        // Nothing, in place of the step.
        ("nothing kept", Step::KeepInvocation)
        | ("no result kept", Step::KeepRet)
        | ("no address", Step::RetAddress)
        | ("none passed", Step::PassRet)
        | ("no call", Step::CallTarget) => Step::Skip(16),
        ("another register", Step::LoadInt(own)) => {
            let register = own.register ^ 1;
            Step::LoadInt(IntMove { register, ..own })
        }
        (_, Step::LoadInt(own)) => {
            let width = match (mistake, own.width) {
                ("no sign", Int::I8) => Int::U8,
                ("too much loaded", Int::U32) => Int::U64,
                (_, width) => width,
            };
            Step::LoadInt(IntMove { width, ..own })
        }
        ("too much stored", Step::StoreInt(own)) if own.width == Int::U8 => {
            let width = Int::U16;
            Step::StoreInt(IntMove { width, ..own })
        }
        (_, Step::Load(own)) => {
            let width = match (mistake, own.width) {
                ("half a vector loaded", Vector::V64) => Vector::V32,
                ("too much of a vector loaded", Vector::V32) => Vector::V64,
                (_, width) => width,
            };
            Step::Load(VectorMove { width, ..own })
        }
        ("half a vector stored", Step::Store(own)) if own.width == Vector::V64 => {
            let width = Vector::V32;
            Step::Store(VectorMove { width, ..own })
        }
        _ => step,
    }
}

/// Each mistake is noticed: a function gets or returns something else, or the process ends in a page that cannot be touched.
#[test]
fn mistakes_in_stubs_are_noticed() {
    let Some(cc) = reference_compilers().pop() else {
        return;
    };
    if let Some(mistake) = told() {
        return with_mistake(cc, &mistake);
    }
    for mistake in MISTAKES.split(", ") {
        // Callees extend on AArch64.
        if cfg!(target_arch = "aarch64") && mistake == "no sign" {
            continue;
        }
        let (child, text) = again("invokers::mistakes_in_stubs_are_noticed", mistake);
        assert!(text.contains("a wrong stub calls"), "{mistake}: {text}");
        assert!(!child.status.success(), "{mistake}: {text}");
    }
}

/// Calls each function whose stub `mistake` changes by that stub.
fn with_mistake(cc: &str, mistake: &str) {
    let (callees, all) = callees(cc);
    let mut engine = engine();
    let lower = Lowering::new(engine.isa()).unwrap();
    for called in &all {
        let plan = lower.call_plan(&called.sig).unwrap();
        let stub = plan.invoker(lower.target());
        let right = stub.as_ref().map_or(&[][..], Stub::steps);
        let steps: Vec<Step> = right.iter().map(|step| mistaken(mistake, *step)).collect();
        if steps == right {
            continue;
        }
        let code = stub_code(engine.isa(), &Stub::new(&steps).unwrap()).unwrap();
        let id = engine.declare_local(&engine.make_signature()).unwrap();
        engine.define_bytes(id, &code.bytes, &[]).unwrap();
        engine.finalize().unwrap();
        println!("a wrong stub calls {}", called.sig);
        // SAFETY: a page that cannot be touched, or a wrong value, is what the caller waits for.
        let shim = unsafe { engine.code(id).unwrap().as_ptr() };
        assert_eq!(callees.wrong(called, shim), None);
    }
}
