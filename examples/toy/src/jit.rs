//! Use of clif-cabi, third part: running a program. The program's functions go into an [`Engine`]
//! of clif-cabi-jit, which is a Cranelift `Module`. Functions that the program imports are looked
//! up in the libraries it names, then in this process. `main` is called as a C function. The first
//! two parts are `lower/call.rs` and `lower/function.rs`.

use crate::lower::{CLOSURE, Program, personality};
use cabi::Triple;
use clif_cabi_jit::{BoundFunction, Closures, Engine, Error, Library, Settings};
use cranelift_module::FuncId;
use std::cell::RefCell;
use std::ffi::{CString, c_char, c_void};
use std::path::PathBuf;
use std::sync::LazyLock;

/// Returns an engine in which functions can end by tail calls.
pub(crate) fn engine() -> Result<Engine, Error> {
    let mut settings = Settings::default().personality(personality(&Triple::host()));
    // On AArch64 the flag is always true.
    if cfg!(target_arch = "x86_64") {
        settings = settings.flag("preserve_frame_pointers", "true");
    }
    Engine::new(&settings)
}

/// Calls `main` of a program that was compiled into `engine`, and returns its result. `args` are
/// the program's, its own name first; libraries are looked for in `directories` first.
pub(crate) fn run<'a>(
    mut engine: Engine,
    program: Program,
    main: FuncId,
    args: impl Iterator<Item = &'a String>,
    directories: &[PathBuf],
) -> Result<i32, Error> {
    for mut function in program.functions {
        engine.define(function.func, &mut function.context)?;
    }
    for name in &program.libraries {
        engine.add_library(&open(name, directories)?);
    }
    engine.bind(CLOSURE, make as *const u8)?;
    engine.finalize()?;
    let code = engine.code(main)?;
    // Functions given to `atexit`, and threads of the program, run until the very end.
    std::mem::forget(engine);
    // Arguments end at the first zero byte, as they do for C.
    let cut = |arg: &String| CString::new(arg.split('\0').next()?).ok();
    let args: Vec<CString> = args.filter_map(cut).collect();
    let argv = args.iter().map(|arg| arg.as_ptr());
    let argv: Vec<*const c_char> = argv.chain([std::ptr::null()]).collect();
    let argc = i32::try_from(args.len()).unwrap_or(i32::MAX);
    // SAFETY: it was checked that main takes nothing or `(int, char **)`, and C functions do not
    // mind arguments they do not take. The program's author answers for the rest, as in C.
    let main = unsafe { code.typed::<unsafe extern "C" fn(i32, *const *const c_char) -> i32>() };
    // SAFETY: as above; `argv` ends with a null pointer and outlives the call.
    Ok(unsafe { main(argc, argv.as_ptr()) })
}

fn open(name: &str, directories: &[PathBuf]) -> Result<Library, Error> {
    let mut paths = directories.iter().map(|directory| directory.join(name));
    let path = paths.find(|path| path.exists());
    // SAFETY: the program names the library, and answers for it as a C program does.
    unsafe { Library::open(path.unwrap_or_else(|| PathBuf::from(name))) }
}

/// Closures as function pointers for C, of all threads of the program. Each passes its static chain
/// on. As in GNU C, the pointer is valid as long as the function call whose variables it uses. It
/// is reused after that.
static CLOSURES: LazyLock<Result<Closures, Error>> =
    LazyLock::new(|| Closures::new(&Settings::default()));

thread_local! {
    /// Code and static chain of each closure, and the closure.
    static MADE: RefCell<Vec<([*const c_void; 2], BoundFunction)>> = const { RefCell::new(Vec::new()) };
}

/// Returns a function pointer that enters `code` with `chain`, an address in the frame of the
/// caller or of a function around it.
extern "C" fn make(code: *const c_void, chain: *const c_void) -> *const c_void {
    let frame = 0_u8;
    MADE.with_borrow_mut(|made| {
        // Frames below this one are of function calls that have returned.
        made.retain(|([_, chain], _)| chain.addr() > (&raw const frame).addr());
        // The caller's frame may be where an earlier one was: one closure serves both.
        if let Some((_, bound)) = made.iter().find(|(own, _)| *own == [code, chain]) {
            return bound.code();
        }
        // SAFETY: the code is the entry point of a nested function, and the engine is never
        // dropped. A program that calls the pointer when the chain is gone answers for it as a C
        // program does.
        let bound = CLOSURES
            .as_ref()
            .map(|closures| unsafe { closures.bind(code, chain) });
        let Ok(Ok(bound)) = bound else {
            eprintln!("toy: cannot make a closure");
            std::process::abort();
        };
        let pointer = bound.code();
        made.push(([code, chain], bound));
        pointer
    })
}
