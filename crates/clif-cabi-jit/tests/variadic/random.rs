//! Random calls: C makes each, and what was seen of its arguments is compared with what it was given.

use std::ffi::c_void;
use std::fmt::Write as _;

use clif_cabi_jit::clif_cabi::SysVAggregateLowering;
use clif_cabi_jit::clif_cabi::cabi::{FnAbi, FnSig, Policy, Target, Type};
use clif_cabi_jit::cranelift_module::{FuncId, Module};
use clif_cabi_jit::{Closures, Engine, Library};

use super::closures::closure;
use super::common::{self, all_settings, reference_compilers};
use super::emit::{Emit, Wrong};
use super::kinds::{Kind, TYPEDEFS, kinds};
use super::own_signatures;

/// Numbers that look random, the same for the same seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }
}

/// Who starts the `va_list`, and who reads it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Mode {
    /// A function compiled here starts and reads it.
    Own,
    /// It starts it, and C reads every other argument.
    Alternating,
    /// C starts it, and a function compiled here reads it.
    Received,
}

/// One call: the result in memory or not, named arguments, unnamed ones; kinds by index.
pub(crate) struct Call {
    pub(crate) mode: Mode,
    pub(crate) sret: bool,
    pub(crate) named: Vec<usize>,
    pub(crate) unnamed: Vec<usize>,
}

impl Call {
    /// `int` is kind 0, `double` kind 2.
    fn random(random: &mut Random, n_kinds: usize) -> Self {
        let modes = [Mode::Own, Mode::Alternating, Mode::Received];
        let mode = modes[random.below(3)];
        let sret = mode != Mode::Received && random.below(4) == 0;
        let mut named = vec![0; random.below(9)];
        named.extend(vec![2; random.below(9)]);
        if random.below(4) == 0 {
            named.push(random.below(n_kinds));
        }
        for i in (1..named.len()).rev() {
            named.swap(i, random.below(i + 1));
        }
        let unnamed = (0..random.below(31)).map(|_| random.below(n_kinds));
        let unnamed = unnamed.collect();
        Self {
            mode,
            sret,
            named,
            unnamed,
        }
    }

    fn kinds(&self) -> impl Iterator<Item = usize> + '_ {
        self.named.iter().chain(&self.unnamed).copied()
    }

    /// `R f(unsigned char *seen, named.., ...)`
    pub(crate) fn sig(&self, kinds: &[Kind], policy: Policy) -> FnSig {
        let named = self.named.iter().map(|kind| kinds[*kind].ty.clone());
        let result = kinds.iter().find(|kind| kind.c == "s_l9").unwrap();
        let result = if self.sret {
            result.ty.clone()
        } else {
            Type::VOID
        };
        FnSig::new([Type::PTR].into_iter().chain(named), result)
            .variadic()
            .policy(policy)
    }
}

/// Bytes from one object to the next, in what is given and in what is seen.
pub(crate) const STEP: usize = 96;

/// The C function that makes call `i`, and the one that it makes it of where C starts the `va_list`.
fn c_text(text: &mut String, i: usize, call: &Call, kinds: &[Kind]) {
    let result = if call.sret { "s_l9" } else { "void" };
    let named: Vec<&str> = call.named.iter().map(|kind| kinds[*kind].c).collect();
    let mut params = String::from("u8 *");
    named.iter().for_each(|c| write!(params, ", {c}").unwrap());
    if call.mode == Mode::Received {
        let mut own = String::from("u8 *seen");
        for (j, c) in named.iter().enumerate() {
            write!(own, ", {c} a{j}").unwrap();
        }
        let last = if named.is_empty() {
            "seen".into()
        } else {
            format!("a{}", named.len() - 1)
        };
        writeln!(text, "static void (*reader{i})(u8 *, va_list);").unwrap();
        writeln!(text, "static __attribute__((noinline)) void start{i}({own}, ...)\n{{ va_list ap; va_start(ap, {last});").unwrap();
        for j in 0..named.len() {
            writeln!(text, "memcpy(seen + {}, &a{j}, sizeof a{j});", j * STEP).unwrap();
        }
        writeln!(text, "reader{i}(seen, ap); va_end(ap); }}").unwrap();
    }
    writeln!(text, "void call{i}(void *f, u8 *given, u8 *seen)\n{{").unwrap();
    let mut args = String::from("seen");
    for (j, kind) in call.kinds().enumerate() {
        let c = kinds[kind].c;
        writeln!(
            text,
            "{c} v{j}; memcpy(&v{j}, given + {}, sizeof v{j});",
            j * STEP
        )
        .unwrap();
        write!(args, ", v{j}").unwrap();
    }
    match call.mode {
        Mode::Received => writeln!(text, "reader{i} = f; start{i}({args}); }}").unwrap(),
        _ if call.sret => {
            let end = call.kinds().count() * STEP;
            writeln!(text, "s_l9 r = (({result} (*)({params}, ...))f)({args}); memcpy(seen + {end}, &r, sizeof r); }}").unwrap();
        }
        _ => writeln!(text, "(({result} (*)({params}, ...))f)({args}); }}").unwrap(),
    }
}

/// How many of `n` random calls are made, and how many of them pass.
fn run(cc: &str, seed: u64, n: usize, wrong: Wrong) -> (usize, usize) {
    let kinds = kinds();
    let is_clang = cc.starts_with("clang");
    let policy = common::policy(cc);
    let mut random = Random(seed);
    let calls = calls(&mut random, &kinds, policy, n);
    let library = library(cc, &format!("variadic_{seed}_{wrong:?}"), &calls, &kinds);
    let settings = all_settings();
    let settings = &settings[usize::try_from(seed).unwrap() % settings.len()];
    let mut engine = Engine::new(settings).unwrap();
    engine.add_library(&library);
    let lower = SysVAggregateLowering::new(engine.isa()).unwrap();
    let readers = readers(&mut engine, &lower, &kinds, is_clang);
    let emit = Emit {
        lower: &lower,
        kinds: &kinds,
        wrong,
        policy,
        readers,
    };
    let ids: Vec<FuncId> = (calls.iter().enumerate())
        .map(|(i, call)| emit.function(&mut engine, call, i))
        .collect();
    // The classes of clang's callers are not those of the psABI.
    let know = !is_clang && matches!(wrong, Wrong::Nothing | Wrong::GpOffset);
    let mut own =
        |(i, call)| know.then(|| own_signatures::by_hand(&mut engine, call, &kinds, i, wrong))?;
    let own: Vec<Option<FuncId>> = calls.iter().enumerate().map(&mut own).collect();
    engine.finalize().unwrap();
    let closures = Closures::new(settings).unwrap();
    let (mut n_made, mut n_right, mut n_own) = (0, 0, 0);
    for (i, (call, id)) in calls.iter().zip(ids).enumerate() {
        let made = library.symbol(&format!("call{i}")).unwrap();
        let mut make = |what: &str, code| {
            let right = is_right(&mut random, call, &kinds, made, code);
            n_made += 1;
            n_right += usize::from(right);
            if !right && wrong == Wrong::Nothing {
                let (sig, mode) = (call.sig(&kinds, policy), call.mode);
                let names: Vec<&str> = call.unnamed.iter().map(|kind| kinds[*kind].c).collect();
                eprintln!("{cc}, seed {seed}, call {i}: {what} {mode:?}, {sig} ... {names:?}");
            }
        };
        let code = engine.code(id).unwrap();
        // SAFETY: called as what it was compiled as.
        make("function", unsafe { code.as_ptr() });
        if let Some(id) = own[i] {
            let code = engine.code(id).unwrap();
            // SAFETY: as above.
            make("own signature", unsafe { code.as_ptr() });
            n_own += 1;
        }
        if call.mode == Mode::Own && matches!(wrong, Wrong::Nothing | Wrong::GpOffset) {
            let closure = closure(&closures, call, &kinds, policy, wrong);
            make("closure", closure.code());
        }
    }
    println!("{cc}, seed {seed}: {n_own} by own signatures");
    (n_made, n_right)
}

/// Random calls, of those that a rule says something of: clang takes some records apart where none does.
fn calls(random: &mut Random, kinds: &[Kind], policy: Policy, n: usize) -> Vec<Call> {
    let drawn = (0..n).map(|_| Call::random(random, kinds.len()));
    let has_rule = |call: &Call| {
        let unnamed = call.unnamed.iter().map(|kind| kinds[*kind].ty.clone());
        let sig = call.sig(kinds, policy).at_call(unnamed).unwrap();
        FnAbi::new(&sig, &Target::X86_64_LINUX).is_ok()
    };
    drawn.filter(has_rule).collect()
}

/// The C of all calls, and of a function for each kind that reads one from a list.
fn library(cc: &str, name: &str, calls: &[Call], kinds: &[Kind]) -> Library {
    let mut text = TYPEDEFS.to_owned();
    for (i, kind) in kinds.iter().enumerate() {
        let c = kind.c;
        writeln!(text, "void read{i}(va_list ap, u8 *to) {{ {c} v = va_arg(ap, {c}); memcpy(to, &v, sizeof v); }}").unwrap();
    }
    for (i, call) in calls.iter().enumerate() {
        c_text(&mut text, i, call, kinds);
    }
    common::library(cc, &[], name, &text)
}

/// The functions of C that read each kind; clang passes an `__int128` otherwise than its own `va_arg` reads it.
fn readers(
    engine: &mut Engine,
    lower: &SysVAggregateLowering,
    kinds: &[Kind],
    is_clang: bool,
) -> Vec<Option<FuncId>> {
    let reader = FnSig::new([Type::PTR, Type::PTR], Type::VOID);
    let mut declare = |name: &str| lower.declare_import(engine, name, &reader).unwrap().id;
    let readers = kinds.iter().enumerate().map(|(i, kind)| {
        let id = declare(&format!("read{i}"));
        (!is_clang || kind.c != "i128").then_some(id)
    });
    readers.collect()
}

/// Makes the call with random bytes, and looks at what was seen of them.
fn is_right(
    random: &mut Random,
    call: &Call,
    kinds: &[Kind],
    made: *const u8,
    code: *const c_void,
) -> bool {
    const UNTOUCHED: u8 = 0xee;
    let n = call.kinds().count();
    let mut given = vec![0_u8; (n + 1) * STEP];
    let mut counts = vec![false; given.len()];
    for (i, kind) in call.kinds().enumerate() {
        for (start, len) in kinds[kind].bytes {
            for byte in i * STEP + start..i * STEP + start + len {
                given[byte] = u8::try_from(random.below(256)).unwrap();
                counts[byte] = true;
            }
            if kinds[kind].c.ends_with('x') || kinds[kind].c == "x87" {
                // A number of x87: neither a NaN nor without its first bit.
                given[i * STEP + start + 7] |= 0x80;
                given[i * STEP + start + 9] &= 0x3f;
                given[i * STEP + start + 8] |= 1;
            }
        }
    }
    let mut seen = vec![UNTOUCHED; given.len()];
    // SAFETY: that is the signature of every `call_N`.
    let made = unsafe {
        std::mem::transmute::<*const u8, extern "C" fn(*const c_void, *mut u8, *mut u8)>(made)
    };
    made(code, given.as_mut_ptr(), seen.as_mut_ptr());
    let objects = call.kinds().enumerate().all(|(i, kind)| {
        let size = usize::try_from(kinds[kind].ty.size()).unwrap();
        (i * STEP..(i + 1) * STEP).all(|byte| {
            let inside = byte - i * STEP < size;
            // Of padding nothing is said.
            if counts[byte] {
                seen[byte] == given[byte]
            } else {
                inside || seen[byte] == UNTOUCHED
            }
        })
    });
    let result = &seen[n * STEP..];
    // The function returns the first bytes that it wrote.
    let returned = !call.sret || result[..72] == seen[..72];
    objects && returned
}

const SEEDS: std::ops::Range<u64> = 1..7;
const CALLS: usize = 200;

#[test]
fn every_kind_of_argument_is_found() {
    for cc in reference_compilers() {
        let mut total = 0;
        for seed in SEEDS {
            let (made, right) = run(cc, seed, CALLS, Wrong::Nothing);
            assert_eq!(made, right, "{cc}, seed {seed}");
            total += made;
        }
        println!("{cc}: {total} calls, seeds {SEEDS:?}");
        assert!(total > 1000, "{cc}: {total}");
    }
}

/// The test can fail.
#[test]
fn a_wrong_list_is_noticed() {
    for wrong in [
        Wrong::GpOffset,
        Wrong::FpOffset,
        Wrong::Alignment,
        Wrong::Overflow,
    ] {
        let (made, right) = run("gcc", 100, 60, wrong);
        println!("{wrong:?}: {right} of {made}");
        assert!(right < made, "{wrong:?}");
    }
}
