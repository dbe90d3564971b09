//! What an `FnAbi` costs: instructions, as callgrind counts them, and allocations; beside libffi's `ffi_prep_cif` for the same signature, structures
//! laid out each time, if libffi is there.
//!
//! ```text
//! cargo run --release -p cabi-tests --example prepare                      # the table; needs valgrind
//! cargo run --release -p cabi-tests --example prepare limits               # the same; an error where one costs more than its limit
//! cargo run --release -p cabi-tests --example prepare mix10 1000 [libffi]  # what is counted
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};

use cabi::{FnAbi, Target};
use cabi_tests::libffi::Libffi;
use cabi_tests::shims::{Measured, asked_for};

/// The system's allocator, counted.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: each method is the system allocator's, given the same arguments; the count does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, and `alloc` took `at` from the system.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.len() {
        0 => table(false),
        1 if words == ["limits"] => table(true),
        2 => ours(),
        _ => libffi(),
    };
    match done {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("prepare: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The signatures that goals are stated for, and the most instructions that an `FnAbi` of each may cost: 5 % above what was measured last. What is
/// counted depends on the compiler and on libc's `memcpy` for this processor, so it is no test.
const LIMITS: [(&str, u64); 7] = [
    ("i32_2", 1420),
    ("s_dd", 2120),
    ("s_l4", 1650),
    ("mix10", 7670),
    ("s_c9", 1930),
    ("ld_2", 2510),
    ("vsum4", 2580),
];

/// The instructions of one preparation by either. An error where ours are more than they may be, if `limited`.
fn table(limited: bool) -> Result<String, String> {
    let mut text = format!("{:8} {:>10} {:>14}", "", "FnAbi::new", "ffi_prep_cif");
    let mut too_many = Vec::new();
    for (name, most) in LIMITS {
        let ours = slope(name, None)?;
        let theirs = match slope(name, Some("libffi")) {
            Ok(n) => n.to_string(),
            Err(why) if why.contains("libffi is not installed") => "not run".to_owned(),
            Err(why) => return Err(why),
        };
        text += &format!("\n{name:8} {ours:>10} {theirs:>14}");
        if limited && ours > most {
            too_many.push(format!("{name}: {ours} instructions, more than {most}"));
        }
    }
    match too_many.is_empty() {
        true => Ok(text),
        false => Err(format!("{text}\n{}", too_many.join("\n"))),
    }
}

/// What one more preparation costs, in instructions.
fn slope(name: &str, by: Option<&str>) -> Result<u64, String> {
    let (few, many) = (500, 1500);
    Ok((counted(name, many, by)? - counted(name, few, by)?) / (many - few))
}

/// The instructions of a process of this program that prepares the signature `n` times.
fn counted(name: &str, n: u64, by: Option<&str>) -> Result<u64, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(own).args([name, &n.to_string()]).args(by);
    let output = valgrind
        .output()
        .map_err(|why| format!("valgrind: {why}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let count = said.split("Collected :").nth(1).map(str::trim);
    match count.map(|count| count.split_whitespace().next().unwrap_or(count)) {
        Some(count) if output.status.success() => count.parse().map_err(|_| said.to_string()),
        _ => Err(said.to_string()),
    }
}

fn ours() -> Result<String, String> {
    let (Measured { name, sig, .. }, n) = asked_for()?;
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..n {
        let abi = FnAbi::new(black_box(&sig), black_box(&Target::X86_64_LINUX));
        black_box(&abi).as_ref().map_err(ToString::to_string)?;
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    Ok(format!("{name}: {n} times, {allocations} allocations"))
}

fn libffi() -> Result<String, String> {
    let (Measured { name, sig, .. }, n) = asked_for()?;
    let text = |error: Box<dyn std::error::Error>| error.to_string();
    let libffi = Libffi::load().map_err(text)?;
    let n_named = sig.is_variadic().then(|| sig.n_named());
    let mut cif = libffi.prepare(&sig, n_named).map_err(text)?;
    let status = cif.prepare(n_named, n).map_err(text)?;
    black_box(&cif);
    match status {
        0 => Ok(format!("{name}: {n} times by libffi")),
        status => Err(format!("libffi refuses {name}: {status}")),
    }
}
