//! The examples run, and find what they assert.

#[path = "../../examples/div.rs"]
mod div;
#[path = "../../examples/gsl.rs"]
mod gsl;
#[path = "../../examples/library.rs"]
mod library;

#[test]
fn div_runs() {
    div::main().unwrap();
}

#[test]
fn gsl_runs() {
    gsl::main().unwrap();
}

#[test]
#[cfg(target_env = "gnu")]
fn library_runs() {
    library::main().unwrap();
}
