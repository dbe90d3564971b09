//! The examples run, and find what they assert.

#[path = "../../examples/div.rs"]
mod div;
#[cfg(target_env = "gnu")]
#[path = "../../examples/front_end/main.rs"]
mod front_end;
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

/// The program of docs/front-end.md, with GNU's C++ library.
#[test]
#[cfg(target_env = "gnu")]
fn front_end_runs() {
    #[cfg(windows)]
    let called = crate::windows::dll();
    #[cfg(unix)]
    let called = {
        use crate::common::{cc, library};
        let text = include_str!("../../examples/front_end/called.c");
        Some(library(&cc(), &["-O2"], "called", text))
    };
    if let Some(called) = called {
        front_end::run(&called).unwrap();
    }
}
