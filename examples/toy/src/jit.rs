//! How clif-cabi is used, third part: running a program. Its functions go into an [`Engine`] of clif-cabi-jit, which is a Cranelift `Module`;
//! the functions it imports are looked up in the libraries it names, and `main` is called as a C function. The first two parts are
//! `lower/call.rs` and `lower/function.rs`.

use crate::closures;
use crate::lower::{CLOSURE, Program};
use clif_cabi_jit::{Code, Engine, Error, Library, Settings};
use std::collections::HashMap;
use std::ffi::{CString, c_char};
use std::path::PathBuf;
use std::rc::Rc;

/// An engine in which functions can end by calls that take their place.
pub(crate) fn engine(settings: &Settings) -> Result<Engine, Error> {
    let mut settings = settings.clone();
    // On AArch64 it is fixed to true.
    if cfg!(target_arch = "x86_64") {
        settings = settings.flag("preserve_frame_pointers", "true");
    }
    Engine::new(&settings)
}

/// Calls `main` of a program that was compiled into `engine`; the result is `main`'s. `args` are the program's, its own
/// name first; libraries are looked for in `directories` first.
pub(crate) fn run(
    mut engine: Engine,
    program: Program,
    args: &[String],
    directories: &[PathBuf],
    settings: &Settings,
) -> Result<i32, Error> {
    for mut function in program.functions {
        engine.define(function.func, &mut function.context)?;
    }
    // Addresses of imports are bound before the code that calls them is finished.
    for name in &program.libraries {
        engine.add_library(&open(name, directories)?);
    }
    bind_imports(&mut engine, &program.imports, directories, settings)?;
    engine.finalize()?;
    let Some((main, has_result)) = program.main else {
        return Ok(0);
    };
    let result = call_main(&engine.code(main)?, args);
    // What the program has given to `atexit`, and threads of its own, run until the very end.
    std::mem::forget(engine);
    Ok(if has_result { result } else { 0 })
}

/// What `main`, whose code is `code`, returns.
fn call_main(code: &Code, args: &[String]) -> i32 {
    // Up to the first zero byte, where C ends them anyway.
    let cut = |arg: &String| CString::new(arg.split('\0').next()?).ok();
    let args: Vec<CString> = args.iter().filter_map(cut).collect();
    let argv = args.iter().map(|arg| arg.as_ptr());
    let argv: Vec<*const c_char> = argv.chain([std::ptr::null()]).collect();
    let argc = i32::try_from(args.len()).unwrap_or(i32::MAX);
    // SAFETY: it was checked that main takes nothing or `(int, char **)`, and C functions do not mind
    // arguments they do not take. What the program does then, it does by its author's will, as a C program does.
    let main = unsafe { code.typed::<unsafe extern "C" fn(i32, *const *const c_char) -> i32>() };
    // SAFETY: as above; `argv` ends with a null pointer and outlives the call.
    unsafe { main(argc, argv.as_ptr()) }
}

/// Looks each import up in the library it is declared for.
fn bind_imports(
    engine: &mut Engine,
    imports: &[(Option<Rc<str>>, Rc<str>)],
    directories: &[PathBuf],
    settings: &Settings,
) -> Result<(), Error> {
    let mut libraries: HashMap<&str, Library> = HashMap::new();
    for (name, symbol) in imports {
        if &**symbol == CLOSURE {
            engine.bind(CLOSURE, closures::prepare(settings)?)?;
        }
        // The others are found in the process.
        let Some(name) = name else { continue };
        let library = match libraries.get(&**name) {
            Some(library) => library.clone(),
            None => {
                let library = open(name, directories)?;
                engine.add_library(&library);
                libraries.insert(name, library.clone());
                library
            }
        };
        engine.bind(symbol, library.symbol(symbol)?)?;
    }
    Ok(())
}

fn open(name: &str, directories: &[PathBuf]) -> Result<Library, Error> {
    let mut paths = directories.iter().map(|directory| directory.join(name));
    let path = paths.find(|path| path.exists());
    // SAFETY: the program names the library, and answers for it as a C program does for those it is linked with.
    unsafe { Library::open(path.unwrap_or_else(|| PathBuf::from(name))) }
}
