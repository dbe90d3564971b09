//! One program by clif-cabi-jit (`ours.rs`) and by the crate `libffi` (`theirs.rs`). It opens a
//! library by its name, and calls a function whose signature is known at run time. A closure that
//! borrows is `qsort`'s comparison.
//!
//! ```text
//! $ cargo run --release -p beside-libffi --features libffi
//! ```
//!
//! Prints for each: lines of the program, microseconds until the first call has returned (the least
//! of 20 new processes), nanoseconds of a call.

#[cfg(target_os = "linux")]
mod ours;
#[cfg(target_os = "linux")]
mod theirs;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::hint::black_box;
    use std::time::Instant;

    if let Some(who) = std::env::args().nth(1) {
        let start = Instant::now();
        let time = |length| (length, start.elapsed());
        let (length, time) = match who.as_str() {
            "ours" => ours::hypot().and_then(|hypot| ours::call(&hypot, 3.0, 4.0).map(time))?,
            _ => theirs::hypot().and_then(|hypot| theirs::call(&hypot, 3.0, 4.0).map(time))?,
        };
        assert_eq!(length, 5.0);
        println!("{}", time.as_secs_f64() * 1e6);
        return Ok(());
    }

    let keys: Vec<i32> = (0..1000).map(|i| i * 7919 % 1009).collect();
    let ((sorted, n), other) = (ours::order(&keys)?, theirs::order(&keys)?);
    assert!(sorted.is_sorted_by_key(|i| keys[*i]) && (sorted, n) == other);

    println!(
        "{:14} {:>6} {:>12} {:>9}",
        "", "lines", "first call", "each call"
    );
    const N: u32 = 2_000_000;
    let (ours, theirs) = (ours::hypot()?, theirs::hypot()?);
    for (name, who, text) in [
        ("clif-cabi-jit", "ours", include_str!("ours.rs")),
        ("libffi", "theirs", include_str!("theirs.rs")),
    ] {
        let mut first = f64::INFINITY;
        for _ in 0..20 {
            let child = std::process::Command::new(std::env::current_exe()?)
                .arg(who)
                .output()?;
            first = first.min(String::from_utf8(child.stdout)?.trim().parse()?);
        }
        let mut each = f64::INFINITY;
        for _ in 0..5 {
            let start = Instant::now();
            for i in 0..N {
                let (x, y) = (black_box(f64::from(i)), 4.0);
                black_box(match who {
                    "ours" => ours::call(&ours, x, y)?,
                    _ => theirs::call(&theirs, x, y)?,
                });
            }
            each = each.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(N));
        }
        let is_code = |line: &&str| {
            !matches!(line.trim(), "" | "}" | "})?;" | "});") && !line.trim().starts_with("//")
        };
        let lines = text.lines().filter(is_code).count();
        println!("{name:14} {lines:6} {first:9.0} us {each:6.1} ns");
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: the program opens libm.so.6");
}
