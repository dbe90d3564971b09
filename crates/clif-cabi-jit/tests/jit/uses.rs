//! Uses of an engine, right and wrong, as lines of text (`uses/*.txt`). A wrong one has its exact
//! refusal. After each section the engine goes on working. `anything` draws such lines at random.
//!
//! ```text
//! == NAME (MACHINE)          a new engine, on this machine or on each; `(gnu)`: with glibc,
//!                            `(vectors)`: not on RISC-V, `(c++)`: once for each C++ compiler
//! import NAME SIGNATURE      and `export`, `weak`, `hidden`, `local`; a `local` has no name
//! data NAME [LINKAGE] [writable] [tls]       `local` without a linkage; no name if it is `_`
//! clif FUNCTIONS             declares and defines them by their names; indented lines go on
//! routines N FUNCTIONS       `clif`; on x86-64 N of them call library routines of Cranelift
//! define FUNCTION CLIF       one function, in which `u0:N` has the id N
//! takes SIGNATURE            defines a function that has this signature for a callee
//! bytes FUNCTION SIZE ALIGN RELOCATIONS      `OFFSET:KIND=TARGET+ADDEND`; SIZE or `0xc3`
//! content DATA none|zeros|bytes SIZE ALIGN ADDRESSES
//!                            `OFFSET:function=TARGET` and `OFFSET:data=TARGET+ADDEND`
//! bind NAME ADDRESS          of a symbol, `&abs`, or a number
//! symbol NAME [LIBRARY]      of the engine, which is that of the library
//! code FUNCTION, finalize
//! open LIBRARY               by its name
//! library COMPILER TEXT      C, or with `c++` C++, compiled and opened
//! engine SETTINGS            another engine: `baseline`, `memory=BYTES`, `own_unwinder`,
//!                            `personality=SYMBOL,TAG:TYPE`, or a flag of Cranelift with its value
//! aligned FUNCTION BYTES     whose address is a multiple of that
//! far FUNCTION ADDRESS BYTES whose address is further away than that
//! call FUNCTION(1, 2) = 3    or a symbol; up to three 64-bit arguments; `&abs` is an address
//! ! MESSAGE                  the refusal of the line before; `..` is some beginning or end
//! ```
//!
//! A function or data object is a name or `#ID`; a target is one of these, `u0:ID`, `#ID+OFFSET`,
//! or a name that Cranelift knows. An address may also be that of `?N`, which the content does not
//! declare.

mod words;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{LazyLock, Mutex};

use crate::common::*;
use words::{content, reloc, settings};

/// The kinds of relocations that are tried.
pub(crate) const RELOCS: [Reloc; 19] = [
    Reloc::Abs4,
    Reloc::Abs8,
    Reloc::X86PCRel4,
    Reloc::X86CallPCRel4,
    Reloc::X86CallPLTRel4,
    Reloc::X86GOTPCRel4,
    Reloc::ElfX86_64TlsGd,
    Reloc::Arm64Call,
    Reloc::Aarch64AdrPrelPgHi21,
    Reloc::Aarch64AddAbsLo12Nc,
    Reloc::Aarch64AdrGotPage21,
    Reloc::Aarch64Ld64GotLo12Nc,
    Reloc::RiscvCallPlt,
    Reloc::RiscvGotHi20,
    Reloc::RiscvPCRelHi20,
    Reloc::RiscvPCRelLo12I,
    Reloc::S390xPCRel32Dbl,
    Reloc::S390xPLTRel32Dbl,
    Reloc::S390xTlsGd64,
];

const FILES: [&str; 7] = [
    include_str!("uses/calls.txt"),
    include_str!("uses/code.txt"),
    include_str!("uses/declarations.txt"),
    include_str!("uses/exceptions.txt"),
    include_str!("uses/libraries.txt"),
    include_str!("uses/relocations.txt"),
    include_str!("uses/settings.txt"),
];

/// `true` if libraries are found, and their errors worded, as glibc does it.
const IS_GNU: bool = cfg!(all(target_os = "linux", target_env = "gnu"));

/// Returns the sections for this machine and its compilers: their names, and their lines without
/// comments. An indented line belongs to the line before.
fn sections() -> Vec<(&'static str, Vec<String>)> {
    let mut sections = Vec::new();
    for section in FILES.iter().flat_map(|text| text.split("== ").skip(1)) {
        let (name, text) = section.split_once('\n').unwrap();
        let is_other =
            |arch: &&str| *arch != std::env::consts::ARCH && name.ends_with(&format!("({arch})"));
        if ["x86_64", "aarch64", "riscv64", "s390x"]
            .iter()
            .any(is_other)
            || name.ends_with("(gnu)") && !IS_GNU
            || name.ends_with("(vectors)")
                && cfg!(any(target_arch = "riscv64", target_arch = "s390x"))
        {
            continue;
        }
        let text = native(text).replace("\n ", "\r ").replace("\n}", "\r}");
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines: Vec<String> = lines.map(|line| line.replace('\r', "\n")).collect();
        let compilers = match name.ends_with("(c++)") {
            true => cxx_compilers().into_iter().map(|(cxx, _)| cxx).collect(),
            false => vec!["c++"],
        };
        for cxx in compilers {
            let own = |line: &String| line.replace("library c++", &format!("library {cxx}"));
            sections.push((name, lines.iter().map(own).collect()));
        }
    }
    sections
}

/// Does what the lines say. Returns how many were refused as they should be, or the line that ended
/// differently.
fn follow(lines: &[String]) -> Result<usize, String> {
    let mut engine = engine();
    let (mut refused, mut is_stuck) = (0, false);
    let commands = lines.iter().enumerate();
    for (i, line) in commands.filter(|(_, line)| !line.starts_with('!')) {
        let expected = lines.get(i + 1).and_then(|next| next.strip_prefix("! "));
        let error = run(&mut engine, line).err();
        let is_right = match (expected, &error) {
            (None, error) => error.is_none(),
            (Some(expected), error) => error.as_deref().is_some_and(|error| is(error, expected)),
        };
        if !is_right {
            return Err(format!("{line}\n{error:?}"));
        }
        refused += usize::from(expected.is_some());
        is_stuck = *line == "finalize" && expected.is_some();
    }
    // Wrong definitions are tried again each time.
    if !is_stuck {
        works(&mut engine);
    }
    Ok(refused)
}

/// Follows the sections of C++, or the others: how many there are, and how many lines are refused
/// as they should be.
fn followed(is_cxx: bool) -> (usize, usize) {
    let sections = sections().into_iter();
    let chosen: Vec<_> = sections
        .filter(|(name, _)| name.ends_with("(c++)") == is_cxx)
        .collect();
    let follow = |(name, lines): &(&str, Vec<String>)| {
        follow(lines).unwrap_or_else(|wrong| panic!("{name}: {wrong}"))
    };
    let refused: usize = chosen.iter().map(follow).sum();
    println!("{} engines, {refused} refusals", chosen.len());
    (chosen.len(), refused)
}

#[test]
fn engines_do_and_say_what_is_written() {
    // As many as are in the files: none is passed over.
    let (n, n_refused) = match std::env::consts::ARCH {
        "x86_64" => (34, 98),
        "riscv64" => (31, 97),
        "s390x" => (30, 90),
        _ => (32, 94),
    };
    let n_gnu = usize::from(IS_GNU);
    assert_eq!(followed(false), (n + 2 * n_gnu, n_refused + 8 * n_gnu));
}

#[test]
#[cfg(not(windows))] // a C++ compiler
fn exceptions_pass_and_enter_handlers() {
    assert_eq!(followed(true), (2 * cxx_compilers().len(), 0));
}

/// The control: a section fails if the end written for a line is not the line's own.
#[test]
fn lines_that_are_wrong_are_found() {
    let mut n_lines = 0;
    for (name, lines) in sections() {
        for (i, line) in lines.iter().enumerate() {
            let mut wrong = lines.clone();
            let is_refused = lines.get(i + 1).is_some_and(|next| next.starts_with('!'));
            match line.split_once(" = ") {
                _ if line.starts_with('!') => wrong[i] = "! something else".to_owned(),
                _ if is_refused => drop(wrong.remove(i + 1)),
                Some((call, _)) if line.starts_with("call ") => wrong[i] = format!("{call} = 4711"),
                _ => wrong.insert(i + 1, "! something".to_owned()),
            }
            let message = follow(&wrong).expect_err(&format!("{name}: {line}"));
            // By that line, not by another.
            let at = if line.starts_with('!') {
                &lines[i - 1]
            } else {
                line
            };
            let at = at.split(" = ").next().unwrap();
            assert!(message.starts_with(at), "{name}: {line}: {message}");
            n_lines += 1;
        }
    }
    println!("{n_lines} lines");
    let expected = match std::env::consts::ARCH {
        "x86_64" => 342,
        "riscv64" => 328,
        "s390x" => 315,
        _ => 334,
    };
    assert_eq!(
        n_lines,
        expected + 21 * usize::from(IS_GNU) + 24 * cxx_compilers().len()
    );
}

/// Checks whether `said` is the message `wanted`.
fn is(said: &str, wanted: &str) -> bool {
    let wanted = wanted.replace("\\n", "\n");
    match (wanted.strip_prefix(".."), wanted.strip_suffix("..")) {
        (Some(end), _) => said.ends_with(end),
        (_, Some(start)) => said.starts_with(start),
        _ => said == wanted,
    }
}

/// Checks that an engine is sound after an error: it still compiles and runs.
pub(crate) fn works(engine: &mut Engine) {
    let sig = signature("() -> i32 system_v");
    let id = engine.declare_local(&sig).unwrap();
    let seven = "function %seven() -> i32 system_v {\nblock0:\n v0 = iconst.i32 7\n return v0\n}";
    define(engine, id, seven).unwrap();
    engine.finalize().unwrap();
    // SAFETY: an `int(void)`.
    let seven = unsafe { function::<extern "C" fn() -> i32>(engine, id) };
    assert_eq!(seven(), 7);
}

/// Does what a line says.
pub(crate) fn run(engine: &mut Engine, line: &str) -> Result<(), String> {
    fn text(error: impl ToString) -> String {
        error.to_string()
    }
    let (verb, rest) = line.split_once([' ', '\n']).unwrap_or((line, ""));
    let (name, more) = rest.split_once([' ', '\n']).unwrap_or((rest, ""));
    let words: Vec<&str> = more.split_whitespace().collect();
    let name = &name.replace("\\0", "\0").replace("\"\"", "");
    let mut declare = |linkage| {
        let declared = engine.declare_function(name, linkage, &signature(more));
        // The engine's own error, where it is in one of Cranelift's.
        declared.map(drop).map_err(|error| text(Error::from(error)))
    };
    match verb {
        "local" if rest.starts_with('(') => engine
            .declare_local(&signature(rest))
            .map(drop)
            .map_err(text),
        "import" | "export" | "weak" | "hidden" | "local" => declare(linkage(verb).unwrap()),
        "data" => data(engine, name, &words),
        "clif" => program(engine, rest).map(drop).map_err(text),
        "routines" => routines(engine, name, more),
        "define" => define(engine, func(engine, name), more).map_err(text),
        "takes" => {
            let own = signature("() system_v");
            let id = engine.declare_local(&own).map_err(text)?;
            let clif = format!("function %f{own} {{\n sig0 = {rest}\nblock0:\n return\n}}");
            define(engine, id, &clif).map_err(text)
        }
        "bytes" => bytes(engine, func(engine, name), &words).map_err(text),
        "content" => {
            let content = content(engine, &words);
            engine
                .define_data(DataId::from_u32(id(engine, name)), &content)
                .map_err(text)
        }
        "bind" => engine
            .bind(name, std::ptr::without_provenance(value(engine, more)))
            .map_err(text),
        "symbol" => symbol(engine, name, more),
        "open" => opened(name).map(|own| engine.add_library(&own)),
        "library" => built(name, more).map(|own| engine.add_library(&own)),
        "code" => engine.code(func(engine, name)).map(drop).map_err(text),
        "finalize" => engine.finalize().map_err(text),
        "engine" => Engine::new(&settings(rest))
            .map(|new| *engine = new)
            .map_err(text),
        "aligned" => {
            let at = value(engine, &format!("&{name}"));
            let is_aligned = at.is_multiple_of(more.parse().unwrap());
            is_aligned.then_some(()).ok_or_else(|| format!("{at:x}"))
        }
        "far" => far(engine, name, &words),
        "call" => call(engine, rest),
        _ => panic!("{line}"),
    }
}

/// Declares a data object; one called `_` has no name.
fn data(engine: &mut Engine, name: &str, words: &[&str]) -> Result<(), String> {
    let [writable, tls] = ["writable", "tls"].map(|word| words.contains(&word));
    let linkage = words.iter().find_map(|word| linkage(word));
    let declared = match name {
        "_" => engine.declare_anonymous_data(writable, tls),
        name => engine.declare_data(name, linkage.unwrap_or(Linkage::Local), writable, tls),
    };
    declared.map(drop).map_err(|error| error.to_string())
}

/// Looks a symbol up, which is that of `library` where that is not empty.
fn symbol(engine: &Engine, name: &str, library: &str) -> Result<(), String> {
    let text = |error: Error| error.to_string();
    if library.is_empty() {
        return engine.symbol(name).map(drop).map_err(text);
    }
    let own = opened(library)?.symbol(name).map_err(text)?.addr();
    let of_engine = engine.symbol(name).map_err(text)?.addr();
    assert_eq!(of_engine, own, "{name}");
    Ok(())
}

fn opened(name: impl AsRef<Path>) -> Result<Library, String> {
    // SAFETY: neither libraries of the system that lines open nor texts of theirs have routines of
    // their own to run.
    unsafe { Library::open(name.as_ref()) }.map_err(|error| error.to_string())
}

/// Returns the library of a text, which is compiled once.
fn built(compiler: &str, text: &str) -> Result<Library, String> {
    static BUILT: LazyLock<Mutex<HashMap<String, PathBuf>>> = LazyLock::new(Mutex::default);
    let mut built = BUILT.lock().unwrap();
    let key = format!("{compiler}\n{text}");
    // A child under valgrind builds them too, beside this process: one name is one text.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let name = format!("uses_{:x}", hasher.finish());
    let path = built.entry(key).or_insert_with(|| {
        let all = cxx_compilers()
            .into_iter()
            .find(|(cxx, _)| *cxx == compiler);
        match all {
            Some((cxx, flags)) => build_library(cxx, &flags, &name, text),
            None => build_library(&cc(), &[], &name, text),
        }
    });
    opened(path)
}

/// Defines functions, of which on x86-64 so many must call a library routine of Cranelift.
fn routines(engine: &mut Engine, wanted: &str, clif: &str) -> Result<(), String> {
    let n = program(engine, clif).map_err(|error| error.to_string())?;
    let is_right = n.to_string() == wanted || cfg!(not(target_arch = "x86_64"));
    is_right.then_some(()).ok_or_else(|| n.to_string())
}

/// Checks that a function is further from an address than so many bytes.
fn far(engine: &Engine, name: &str, words: &[&str]) -> Result<(), String> {
    let own = value(engine, &format!("&{name}"));
    let distance = own.abs_diff(value(engine, words[0]));
    let is_far = distance > words[1].parse().unwrap();
    is_far.then_some(()).ok_or_else(|| distance.to_string())
}

fn linkage(word: &str) -> Option<Linkage> {
    Some(match word {
        "import" => Linkage::Import,
        "export" => Linkage::Export,
        "weak" => Linkage::Preemptible,
        "hidden" => Linkage::Hidden,
        "local" => Linkage::Local,
        _ => return None,
    })
}

/// Defines code of these bytes, or of one over and over; the engine's own way if aligned as a stub.
fn bytes(engine: &mut Engine, id: FuncId, words: &[&str]) -> Result<()> {
    let [size, align, relocs @ ..] = words else {
        panic!("{words:?}");
    };
    let bytes = match size.strip_prefix("0x") {
        Some(digits) => (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect(),
        None => vec![0xc3; size.parse().unwrap()],
    };
    let relocs: Vec<_> = relocs.iter().map(|text| reloc(engine, text)).collect();
    match align.parse().unwrap() {
        16 => engine.define_bytes(id, &bytes, &relocs),
        align => Ok(engine.define_function_bytes(id, align, &bytes, &relocs)?),
    }
}

/// Returns the id of a function or data object.
fn id(engine: &Engine, name: &str) -> u32 {
    match (name.strip_prefix('#'), engine.get_name(name)) {
        (Some(id), _) => id.parse().unwrap(),
        (None, Some(FuncOrDataId::Func(id))) => id.as_u32(),
        (None, Some(FuncOrDataId::Data(id))) => id.as_u32(),
        (None, None) => panic!("{name} is not declared"),
    }
}

fn func(engine: &Engine, name: &str) -> FuncId {
    FuncId::from_u32(id(engine, name))
}

extern "C" fn add_one(n: i64) -> i64 {
    n + 1
}

extern "C" fn double(n: i64) -> i64 {
    n * 2
}

/// Returns the address of a function of this program, of a symbol, of a final function, or a
/// number.
fn value(engine: &Engine, text: &str) -> usize {
    let Some(name) = text.strip_prefix('&') else {
        return text.parse::<isize>().unwrap().cast_unsigned();
    };
    let own: [(&str, extern "C" fn(i64) -> i64); 2] = [("add_one", add_one), ("double", double)];
    if let Some((_, own)) = own.iter().find(|own| own.0 == name) {
        return *own as usize;
    }
    let id = match engine.get_name(name) {
        Some(FuncOrDataId::Func(id)) => engine.code(id),
        _ if name.starts_with('#') => engine.code(func(engine, name)),
        _ => return engine.symbol(name).unwrap().addr(),
    };
    match id {
        // SAFETY: only looked at.
        Ok(code) => unsafe { code.as_ptr() }.addr(),
        // An import.
        Err(_) => engine.symbol(name).unwrap().addr(),
    }
}

fn call(engine: &Engine, text: &str) -> Result<(), String> {
    let (called, expected) = text.split_once(" = ").unwrap();
    let (name, args) = called.trim_end_matches(')').split_once('(').unwrap();
    let args = args.split(", ").filter(|arg| !arg.is_empty());
    let mut args: Vec<usize> = args.map(|arg| value(engine, arg)).collect();
    args.resize(3, 0);
    let code = value(engine, &format!("&{name}"));
    // SAFETY: it takes up to three integers, and the engine has it, or a library that is open.
    let code: extern "C" fn(usize, usize, usize) -> usize = unsafe { core::mem::transmute(code) };
    let (result, expected) = (code(args[0], args[1], args[2]), value(engine, expected));
    if result != expected {
        return Err(format!("{result}, not {expected}"));
    }
    Ok(())
}
