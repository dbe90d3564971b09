//! What can be done with an engine, right and wrong, as lines of text (`uses/*.txt`), each with its exact refusal if it is one; after each section the engine goes on working.
//! `anything` draws such lines at random.
//!
//! ```text
//! == NAME (MACHINE)          an engine of its own, on this machine or on each
//! import NAME SIGNATURE      and `export`, `weak`, `local` without a name; `data NAME [writable|tls]`
//! clif FUNCTIONS             declares and defines them by their names; lines that are indented belong to the line before
//! define FUNCTION CLIF       one function, in which `u0:N` has the id N
//! takes SIGNATURE            defines a function that has this signature for a callee
//! bytes FUNCTION SIZE ALIGN RELOCATIONS      `OFFSET:KIND=TARGET+ADDEND`
//! content DATA none|zeros|bytes SIZE ALIGN ADDRESSES   `OFFSET=TARGET+ADDEND`
//! bind NAME ADDRESS          of a symbol, `&abs`, or a number
//! symbol NAME, code FUNCTION, finalize
//! call FUNCTION(1, 2) = 3    whose arguments and result are 64-bit integers; `&abs` is an address
//! ! MESSAGE                  what the line before is refused with; `..` stands for some beginning or end
//! ```
//!
//! A function or data object is a name or `#ID`; a target is one of these, `u0:ID`, `#ID+OFFSET`, or a name that Cranelift knows.

use clif_cabi_jit::cranelift_codegen::ir::{GlobalValue, KnownSymbol};

use crate::common::*;

/// The kinds of relocations that are tried.
pub(crate) const RELOCS: [Reloc; 12] = [
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
];

const FILES: [&str; 4] = [
    include_str!("uses/calls.txt"),
    include_str!("uses/code.txt"),
    include_str!("uses/declarations.txt"),
    include_str!("uses/relocations.txt"),
];

#[test]
fn engines_do_and_say_what_is_written() {
    let (mut sections, mut refused) = (0, 0);
    for section in FILES.iter().flat_map(|text| text.split("== ").skip(1)) {
        let (name, text) = section.split_once('\n').unwrap();
        let other = ["x86_64", "aarch64"].map(|arch| (arch, format!("({arch})")));
        let is_other = |(arch, word): &(&str, String)| {
            *arch != std::env::consts::ARCH && name.ends_with(word.as_str())
        };
        if other.iter().any(is_other) {
            continue;
        }
        let mut engine = engine();
        // A command, with its indented lines, ends where another line begins.
        let text = text.replace("\n ", "\r ").replace("\n}", "\r}");
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        let commands = lines.iter().enumerate();
        let mut is_stuck = false;
        for (i, line) in commands.filter(|(_, line)| !line.starts_with(['!', '#'])) {
            let wanted = lines.get(i + 1).and_then(|next| next.strip_prefix("! "));
            let said = run(&mut engine, &line.replace('\r', "\n")).err();
            let is_right = match (wanted, &said) {
                (None, said) => said.is_none(),
                (Some(wanted), said) => said.as_deref().is_some_and(|said| is(said, wanted)),
            };
            assert!(is_right, "{name}: {line}\n{said:?}");
            refused += usize::from(wanted.is_some());
            is_stuck = *line == "finalize" && wanted.is_some();
        }
        // What was defined wrongly is tried again each time.
        if !is_stuck {
            works(&mut engine);
        }
        sections += 1;
    }
    println!("{sections} engines, {refused} refusals");
    assert!(refused > 60);
}

/// Whether that is the message.
fn is(said: &str, wanted: &str) -> bool {
    let wanted = wanted.replace("\\n", "\n");
    match (wanted.strip_prefix(".."), wanted.strip_suffix("..")) {
        (Some(end), _) => said.ends_with(end),
        (_, Some(start)) => said.starts_with(start),
        _ => said == wanted,
    }
}

/// An engine is sound after an error: it still compiles and runs.
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
        "import" => declare(Linkage::Import),
        "export" => declare(Linkage::Export),
        "weak" => declare(Linkage::Preemptible),
        "hidden" => declare(Linkage::Hidden),
        "local" => engine
            .declare_local(&signature(rest))
            .map(drop)
            .map_err(text),
        "data" => {
            let [writable, tls] = ["writable", "tls"].map(|word| words.contains(&word));
            let declared = match name.as_str() {
                "_" => engine.declare_anonymous_data(writable, tls),
                name => engine.declare_data(name, Linkage::Local, writable, tls),
            };
            declared.map(drop).map_err(text)
        }
        "clif" => program(engine, rest).map_err(text),
        "define" => define(engine, func(engine, name), more).map_err(text),
        "takes" => {
            let id = engine
                .declare_local(&signature("() system_v"))
                .map_err(text)?;
            let clif = format!("function %f() system_v {{\n sig0 = {rest}\nblock0:\n return\n}}");
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
        "symbol" => engine.symbol(name).map(drop).map_err(text),
        "code" => engine.code(func(engine, name)).map(drop).map_err(text),
        "finalize" => engine.finalize().map_err(text),
        "call" => {
            call(engine, rest);
            Ok(())
        }
        _ => panic!("{line}"),
    }
}

/// Code of one byte over and over, by the engine's own way where it is aligned as a stub.
fn bytes(engine: &mut Engine, id: FuncId, words: &[&str]) -> Result<()> {
    let [size, align, relocs @ ..] = words else {
        panic!("{words:?}");
    };
    let bytes = vec![0xc3; size.parse().unwrap()];
    let relocs: Vec<_> = relocs.iter().map(|text| reloc(engine, text)).collect();
    match align.parse().unwrap() {
        16 => engine.define_bytes(id, &bytes, &relocs),
        align => Ok(engine.define_function_bytes(id, align, &bytes, &relocs)?),
    }
}

/// The id of a function or data object.
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

/// The address of a symbol, of a function that is final, or a number.
fn value(engine: &Engine, text: &str) -> usize {
    let Some(name) = text.strip_prefix('&') else {
        return text.parse::<isize>().unwrap().cast_unsigned();
    };
    let Ok(found) = engine.symbol(name) else {
        // SAFETY: only looked at.
        return unsafe { engine.code(func(engine, name)).unwrap().as_ptr() }.addr();
    };
    found.addr()
}

fn call(engine: &Engine, text: &str) {
    let (called, wanted) = text.split_once(" = ").unwrap();
    let (name, args) = called.trim_end_matches(')').split_once('(').unwrap();
    let args = args.split(", ").filter(|arg| !arg.is_empty());
    let mut args: Vec<usize> = args.map(|arg| value(engine, arg)).collect();
    args.resize(2, 0);
    type Two = extern "C" fn(usize, usize) -> usize;
    // SAFETY: it takes two integers, or fewer.
    let code = unsafe { function::<Two>(engine, func(engine, name)) };
    assert_eq!(code(args[0], args[1]), value(engine, wanted), "{text}");
}

/// A target, and what is added to it.
fn target(engine: &Engine, text: &str) -> (ModuleRelocTarget, i64) {
    let (name, addend) = text.split_once('+').unwrap_or((text, "0"));
    let addend: i64 = addend.parse().unwrap();
    let user = name.split_once(':').map(|(space, id)| {
        let id = id.parse().unwrap();
        ModuleRelocTarget::user(space.trim_start_matches('u').parse().unwrap(), id)
    });
    let routine = || name.parse().ok().map(ModuleRelocTarget::LibCall);
    let target = match (name, user.or_else(routine)) {
        (_, Some(target)) => target,
        ("CoffTlsIndex", _) => ModuleRelocTarget::KnownSymbol(KnownSymbol::CoffTlsIndex),
        ("ElfGlobalOffsetTable", _) => {
            ModuleRelocTarget::KnownSymbol(KnownSymbol::ElfGlobalOffsetTable)
        }
        (id, _) if id.starts_with('#') => {
            let offset = u32::try_from(addend).unwrap();
            return (
                ModuleRelocTarget::FunctionOffset(func(engine, id), offset),
                0,
            );
        }
        _ => match engine.get_name(name) {
            Some(FuncOrDataId::Func(id)) => id.into(),
            Some(FuncOrDataId::Data(id)) => id.into(),
            None => panic!("{text}"),
        },
    };
    (target, addend)
}

fn reloc(engine: &Engine, text: &str) -> ModuleReloc {
    let (place, at) = text.split_once('=').unwrap();
    let (offset, kind) = place.split_once(':').unwrap();
    let (name, addend) = target(engine, at);
    let kind = RELOCS.into_iter().find(|own| format!("{own:?}") == kind);
    ModuleReloc {
        offset: offset.parse().unwrap(),
        kind: kind.unwrap(),
        name,
        addend,
    }
}

/// An address of `#ID` is one of what the content does not declare.
fn content(engine: &Engine, words: &[&str]) -> DataDescription {
    let mut content = DataDescription::new();
    let [kind, size, align, addresses @ ..] = words else {
        panic!("{words:?}");
    };
    let size = size.parse().unwrap();
    content.init = match *kind {
        "none" => Init::Uninitialized,
        "zeros" => Init::Zeros { size },
        _ => Init::Bytes {
            contents: vec![0; size].into(),
        },
    };
    content.align = align.parse().ok();
    for text in addresses {
        let (offset, at) = text.split_once('=').unwrap();
        let offset = offset.parse().unwrap();
        let unknown = at.strip_prefix('#').and_then(|id| id.parse().ok());
        if let Some(id) = unknown {
            content.write_function_addr(offset, FuncRef::from_u32(id));
            content.write_data_addr(offset, GlobalValue::from_u32(id), 0);
            continue;
        }
        let (target, addend) = target(engine, at);
        if matches!(target, ModuleRelocTarget::User { namespace: 1, .. }) {
            let own = content.import_global_value(target);
            content.write_data_addr(offset, own, addend);
        } else {
            let own = content.import_function(target);
            content.write_function_addr(offset, own);
        }
    }
    content
}
