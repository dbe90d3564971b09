//! The examples run, and find what they assert.

#[path = "../../examples/div.rs"]
mod div;
#[cfg(unix)]
#[path = "../../examples/gsl.rs"]
mod gsl;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "../../examples/library.rs"]
mod library;

#[test]
fn div_runs() {
    div::main().unwrap();
}

#[test]
#[cfg(unix)]
fn gsl_runs() {
    match gsl::library() {
        None => crate::common::not_run("the GNU Scientific Library is not here"),
        Some(_) => gsl::main().unwrap(),
    }
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn library_runs() {
    library::main().unwrap();
}
