//! Measures calls, closures, their preparation and whole programs beside their alternatives, and
//! writes `docs/performance.md` with its charts.
//!
//! ```text
//! cargo bench -p cabi-tests              # measures and writes; needs gcc, clang, libffi, valgrind
//! cargo bench -p cabi-tests -- page      # writes the page from what was measured last
//! ```
//!
//! Instructions are counted by callgrind, which runs this program as `performance counted`; time is
//! taken by criterion.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod chart;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod figures;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod goals;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod page;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod programs;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: cabi_tests::measure::allocations::Counting =
    cabi_tests::measure::allocations::Counting;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> std::process::ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is = |word: &str| words.iter().any(|own| own == word);
    let done = if cabi_tests::measure::is_counted() {
        figures::make_loops()
    } else if is("page") {
        figures::Figures::last().and_then(|figures| page::write(&figures))
    } else if is("--bench") {
        figures::Figures::measure().and_then(|figures| page::write(&figures))
    } else {
        println!("performance: not run: `cargo bench -p cabi-tests` does");
        Ok(())
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("performance: {why}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() {
    println!("performance: not run: calls are made on x86-64 Linux only");
}
