//! C calls and entries on Cranelift 0.108, from the plans of `clif-cabi-plan`. [`emit`] is the emitter, to be copied: emit.rs and emit/. This program tries it: functions that `cc`
//! compiles call JIT code and are called by it, with random bytes in arguments and results, which both sides must see. Where they do not, it ends with an error.
//!
//! ```text
//! $ cargo run --manifest-path examples/older-cranelift/Cargo.toml
//! $ cargo run --manifest-path examples/older-cranelift/Cargo.toml 1000       # so many random signatures
//! $ cargo run --manifest-path examples/older-cranelift/Cargo.toml padding    # breaks one rule of a plan, and has to end with an error
//! ```

mod cases;
mod emit;
mod jit;

use std::ffi::CStr;
use std::path::Path;
use std::process::{Command, ExitCode};

use cases::{Case, Random, Types, c_text, mask, pattern};
use clif_cabi_plan::cabi::{BoolVector, FnSig, Target, Type, VectorLevel, X86_64_WIN64};
use clif_cabi_plan::{ArgLoc, CallPlan, ClifPlace, Content, EntryPlan, Purpose, ResultPlan};
use emit::Result;
use jit::{Form, Jit, Objects};
use libloading::Library;

const RESULT: usize = 16;
/// What is in memory that nobody has written to.
const UNTOUCHED: u8 = 0xa5;

/// `struct board` of called.c.
#[repr(C, align(64))]
struct Board {
    given: [[u8; 256]; 17],
    seen: [[u8; 256]; 17],
    lost_sret: i64,
    lost_x87: i64,
}

/// Rules of a plan that can be broken, which has to be noticed.
const RULES: [&str; 6] = ["order", "padding", "results", "x87", "sret", "area"];

fn main() -> Result<ExitCode> {
    let argument = std::env::args().nth(1).unwrap_or_default();
    let broken = RULES.into_iter().find(|rule| *rule == argument);
    let target = Target::host()?;
    let mut types = Types::of(*target.data_model());
    let mut random = Random(0x0108_2026);
    let mut cases = types.chosen()?;
    if broken.is_none() {
        for i in 0..argument.parse().unwrap_or(60) {
            cases.push(types.random(&mut random, i)?);
        }
    }
    let folder = tempfile::tempdir()?;
    let library = compile(folder.path(), &cases, &target)?;
    let board = Box::leak(Box::new(Board {
        given: [[0; 256]; 17],
        seen: [[0; 256]; 17],
        lost_sret: 0,
        lost_x87: 0,
    }));
    let mut run = Run {
        library,
        board,
        target,
        broken,
        random,
        n_calls: 0,
        n_wrong: 0,
    };
    for opt_level in ["none", "speed"] {
        run.all(&cases, opt_level)?;
        run.snprintf(opt_level)?;
        run.static_chain(opt_level)?;
        run.extended(opt_level)?;
        run.refused(opt_level)?;
    }
    println!(
        "{} signatures, {} calls, {} differ",
        cases.len(),
        run.n_calls,
        run.n_wrong
    );
    if broken.is_some() || run.n_wrong > 0 {
        return Ok(ExitCode::from(u8::from(run.n_wrong > 0)));
    }
    for rule in RULES {
        // A process of its own: what is broken may crash.
        let run = Command::new(std::env::current_exe()?).arg(rule).output()?;
        let text = String::from_utf8_lossy(&run.stdout);
        let noticed = text.contains("DIFFERS") || run.status.code().is_none();
        if run.status.success() || !noticed {
            return Err(format!("nothing noticed that the rule `{rule}` was broken").into());
        }
    }
    println!("noticed when broken: {}", RULES.join(", "));
    Ok(ExitCode::SUCCESS)
}

/// The C functions of `cases`, built by `cc`.
fn compile(folder: &Path, cases: &[Case], target: &Target) -> Result<Library> {
    let mut text = include_str!("called.c").to_string();
    for case in cases {
        let plan = EntryPlan::new(&case.sig, target)?;
        c_text(case, plan.result == ResultPlan::Sret, &mut text)?;
    }
    let (source, library) = (folder.join("called.c"), folder.join("called.so"));
    std::fs::write(&source, text)?;
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-shared", "-fPIC", "-Wno-psabi", "-o"])
        .arg(&library);
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

struct Run {
    library: Library,
    board: &'static mut Board,
    target: Target,
    broken: Option<&'static str>,
    random: Random,
    n_calls: usize,
    n_wrong: usize,
}

impl Run {
    /// Each case in both directions and forms.
    fn all(&mut self, cases: &[Case], opt_level: &str) -> Result<()> {
        let board_symbol: *mut *mut Board = address(&self.library, "board")?.cast_mut().cast();
        // SAFETY: the symbol is `struct board *board`.
        unsafe { *board_symbol = self.board };
        let mut imports = Vec::new();
        for case in cases {
            imports.push((case.name.clone(), address(&self.library, &case.name)?));
        }
        let mut jit = Jit::new(opt_level, &imports)?;
        let mut compiled = Vec::new();
        for (case, (name, c_function)) in cases.iter().zip(&imports) {
            let mut plan = CallPlan::new(&case.sig, &self.target)?;
            let mut entry = EntryPlan::new(&case.sig, &self.target)?;
            if let Some(rule) = self.broken {
                break_rule(rule, &mut plan, &mut entry);
            } else if opt_level == "none" && !name.starts_with("random") {
                println!("{name}: {}; entered by {}", plan.signature, entry.signature);
            }
            let n = case.sig.params().len();
            let places = |places: &[[u8; 256]; 17], result: *const u8| Objects {
                args: places[..n].iter().map(|own| own.as_ptr()).collect(),
                result,
            };
            let seen_result = self.board.seen[RESULT].as_ptr();
            let given_result = self.board.given[RESULT].as_ptr();
            let (given, seen) = (
                places(&self.board.given, seen_result),
                places(&self.board.seen, seen_result),
            );
            let is_variadic = case.sig.is_variadic();
            let rest = is_variadic.then(|| address(&self.library, &format!("{name}_rest")));
            let rest = rest.transpose()?;
            for form in [Form::MemoryByName, Form::PartsByAddress] {
                let caller = format!("{name}_{form:?}_caller");
                let caller = jit.caller(&caller, (name, *c_function, &plan), (&given, form))?;
                let callee = format!("{name}_{form:?}");
                let callee = jit.callee(&callee, (&entry, rest), (&seen, given_result, form))?;
                compiled.push((case, form, caller, callee));
            }
        }
        jit.module.finalize_definitions()?;
        for (case, form, caller, callee) in compiled {
            let what = format!("{} {form:?} {opt_level}", case.name);
            self.fill(case);
            jit.run(caller);
            self.compare(case, &format!("call {what}"));
            self.fill(case);
            let code = jit.module.get_finalized_function(callee);
            let c_caller = address(&self.library, &format!("{}_caller", case.name))?;
            // SAFETY: `NAME_caller` of the generated C takes a function of the case's signature.
            unsafe {
                let c_caller: extern "C" fn(*const u8) = std::mem::transmute(c_caller);
                c_caller(code);
            }
            self.compare(case, &format!("entry {what}"));
        }
        Ok(())
    }

    /// New bytes to give.
    fn fill(&mut self, case: &Case) {
        *self.board = Board {
            given: [[0; 256]; 17],
            seen: [[UNTOUCHED; 256]; 17],
            lost_sret: 0,
            lost_x87: 0,
        };
        for (place, ty) in places(case) {
            self.board.given[place] = pattern(ty, &mut self.random);
        }
    }

    /// All that was given has been seen, and no byte outside the objects was written.
    fn compare(&mut self, case: &Case, what: &str) {
        self.n_calls += 1;
        let board = &*self.board;
        let mut differs = Vec::new();
        for (place, ty) in places(case) {
            let (given, seen, mask) = (&board.given[place], &board.seen[place], mask(ty));
            let size = ty.size() as usize;
            let outside = seen[size..].iter().any(|byte| *byte != UNTOUCHED);
            if outside || (0..size).any(|i| (given[i] ^ seen[i]) & mask[i] != 0) {
                differs.push(format!(
                    "place {place} {ty}: {:x?} {:x?}",
                    &given[..size],
                    &seen[..size]
                ));
            }
        }
        if board.lost_sret != 0 || board.lost_x87 != 0 {
            differs.push("rax or the x87 stack after the return".into());
        }
        if !differs.is_empty() {
            self.n_wrong += 1;
            println!("DIFFERS {what}: {}: {}", case.sig, differs.join("; "));
        }
    }

    /// A function of the C library, with AL as it has to be for `double`.
    fn snprintf(&mut self, opt_level: &str) -> Result<()> {
        let (mut text, mut n) = ([0_u8; 32], 0_i32);
        let (buffer, size, format) = (text.as_mut_ptr(), 32_u64, c"%g is %d/2, %.2Lf".as_ptr());
        // 1.25 in x87's format.
        let (x, y, z) = (1.5_f64, 3_i32, [0xa000_0000_0000_0000_u64, 0x3fff]);
        let sig = FnSig::new([Type::PTR, Type::U64, Type::PTR], Type::I32).variadic();
        let sig = sig.at_call([Type::F64, Type::I32, Type::F80])?;
        let args = vec![at(&buffer), at(&size), at(&format), at(&x), at(&y), at(&z)];
        let libc = Library::from(libloading::os::unix::Library::this());
        let imports = [("snprintf".to_string(), address(&libc, "snprintf")?)];
        let mut jit = Jit::new(opt_level, &imports)?;
        let plan = CallPlan::new(&sig, &self.target)?;
        let given = (
            &Objects {
                args,
                result: to(&mut n),
            },
            Form::MemoryByName,
        );
        let id = jit.caller("caller", ("snprintf", imports[0].1, &plan), given)?;
        jit.module.finalize_definitions()?;
        jit.run(id);
        assert_eq!(
            (n, CStr::from_bytes_until_nul(&text)?),
            (16, c"1.5 is 3/2, 1.25")
        );
        Ok(())
    }

    /// `long f(long n)` with a static chain, which it adds: in assembler, and as an entry, which the same call then enters.
    fn static_chain(&mut self, opt_level: &str) -> Result<()> {
        let sig = FnSig::new([Type::I64], Type::I64).static_chain(self.target.data_model());
        let (plan, entry) = (
            CallPlan::new(&sig, &self.target)?,
            EntryPlan::new(&sig, &self.target)?,
        );
        let (n, chain, mut sum, mut seen) = (5_i64, 37_i64, 0_i64, [0_i64; 2]);
        let given = Objects {
            args: vec![at(&n), at(&chain)],
            result: to(&mut sum),
        };
        let imports = [("chain".to_string(), address(&self.library, "chain")?)];
        let mut jit = Jit::new(opt_level, &imports)?;
        let form = Form::MemoryByName;
        let id = jit.caller("caller", ("chain", imports[0].1, &plan), (&given, form))?;
        let own = Objects {
            args: vec![to(&mut seen[0]), to(&mut seen[1])],
            result: to(&mut sum),
        };
        let callee = jit.callee("callee", (&entry, None), (&own, at(&n), form))?;
        jit.module.finalize_definitions()?;
        jit.run(id);
        assert_eq!(sum, 42);
        let code = jit.module.get_finalized_function(callee);
        let mut other = Jit::new(opt_level, &[("callee".to_string(), code)])?;
        let form = Form::PartsByAddress;
        let id = other.caller("caller", ("callee", code, &plan), (&given, form))?;
        other.module.finalize_definitions()?;
        other.run(id);
        assert_eq!((sum, seen), (5, [5, 37]));
        Ok(())
    }
}

impl Run {
    /// Compilers other than gcc rely on narrow arguments extended to 32 bits: the same function with `int` parameters.
    fn extended(&self, opt_level: &str) -> Result<()> {
        let (a, b, c, mut sum) = (-2_i8, 250_u8, -30_000_i16, 0_i64);
        let args = vec![at(&a), at(&b), at(&c)];
        let given = Objects {
            args,
            result: to(&mut sum),
        };
        let sig = FnSig::new([Type::I8, Type::U8, Type::I16], Type::I64);
        let plan = CallPlan::new(&sig, &self.target)?;
        let extended = address(&self.library, "extended")?;
        for form in [Form::MemoryByName, Form::PartsByAddress] {
            let mut jit = Jit::new(opt_level, &[("extended".to_string(), extended)])?;
            let id = jit.caller("caller", ("extended", extended, &plan), (&given, form))?;
            jit.module.finalize_definitions()?;
            jit.run(id);
            assert_eq!(sum, -2 + 250 - 30_000);
        }
        Ok(())
    }

    /// What 0.108 or this emitter has not is an error that says so.
    fn refused(&self, opt_level: &str) -> Result<()> {
        let object = [0_u8; 32];
        let given = Objects {
            args: vec![at(&object)],
            result: at(&object),
        };
        let sig = |ty: Type| FnSig::new([ty], Type::VOID);
        let wide = sig(Type::vector(&Type::F64, 4)?).features(VectorLevel::Avx);
        let bools = sig(Type::bool_vector(128, BoolVector::Zig)?);
        let other = sig(Type::I64).convention(&X86_64_WIN64);
        for (sig, why) in [
            (wide, "of more than 16 bytes"),
            (bools, "bool"),
            (other, "windows_fastcall"),
        ] {
            let mut jit = Jit::new(opt_level, &[])?;
            let plan = CallPlan::new(&sig, &self.target)?;
            let given = (&given, Form::MemoryByName);
            let call = jit.caller("caller", ("f", at(&object), &plan), given);
            let entry = EntryPlan::new(&sig, &self.target)?;
            let entry = jit.callee("entry", (&entry, None), (given.0, at(&object), given.1));
            for found in [call, entry] {
                let found = found.err().ok_or("it was not refused")?.to_string();
                assert!(found.contains(why), "{found}");
            }
        }
        Ok(())
    }
}

/// The places of a case's values on the board.
fn places(case: &Case) -> impl Iterator<Item = (usize, &Type)> {
    let params = case.sig.params().iter().map(|param| &param.ty).enumerate();
    let result = [(RESULT, case.sig.result())];
    params.chain(result)
}

fn at<T>(object: &T) -> *const u8 {
    std::ptr::from_ref(object).cast()
}

fn to<T>(object: &mut T) -> *const u8 {
    std::ptr::from_mut(object).cast_const().cast()
}

/// Breaks one rule where the plans have it.
fn break_rule(rule: &str, plan: &mut CallPlan, entry: &mut EntryPlan) {
    let signature = &mut plan.plan.signature;
    match rule {
        // Two parts change places.
        "order" => {
            let is_part = |loc: &&mut ArgLoc| matches!(loc.content, Content::Part { .. });
            let mut own: Vec<&mut ArgLoc> =
                plan.plan.args.locs.iter_mut().filter(is_part).collect();
            if let [a, .., b] = &mut own[..]
                && let (Some(at), Some(other)) = (a.param, b.param)
                && signature.params[at as usize] == signature.params[other as usize]
            {
                (a.param, b.param) = (b.param, a.param);
            }
        }
        // No padding arguments: what belongs on the stack is in the registers that are left.
        "padding" if plan.indirect.is_none() => {
            for own in plan.padding.drain(..).rev() {
                signature.params.remove(own.param as usize);
                let params = plan.plan.args.locs.iter_mut();
                for param in params.filter_map(|loc| loc.param.as_mut()) {
                    *param -= u32::from(*param > own.param);
                }
            }
        }
        "results" => {
            if let ResultPlan::Parts { results, .. } = &mut plan.plan.result
                && signature.returns.windows(2).all(|two| two[0] == two[1])
            {
                results.reverse();
            }
        }
        // The x87 stack keeps its value.
        "x87" if matches!(plan.plan.result, ResultPlan::Stub { .. }) => {
            plan.plan.result = ResultPlan::Nothing;
        }
        // rax is not the address of the result.
        "sret" => {
            let params = entry.plan.signature.params.iter_mut();
            let sret = params.filter(|param| param.purpose == Purpose::StructReturn);
            sret.for_each(|param| param.purpose = Purpose::Normal);
        }
        "area" => {
            for loc in &mut entry.plan.args.locs {
                if let ClifPlace::Area { offset, .. } = &mut loc.place {
                    *offset += 8;
                }
            }
        }
        _ => {}
    }
}
