//! Results of reading C and C++, with reasons for what is left out. The cases are in
//! `tests/tables`, each a text with what is read of it.
//!
//! ```text
//! # a comment
//! void f(char *to);                  the text, up to the first of the lines below
//! % --target=aarch64-linux-gnu       how it is read from here on: arguments for clang,
//!                                    name=header.hpp, records=gcc, or alone (nothing is declared
//!                                    after it); by default for x86-64 Linux
//! = f: void (void *to)               what is read of a name, or why it is left out: `described`
//!                                    below has the words
//! ```
//!
//! Declarations that are left out have to be named. `CABI_BLESS=1` rewrites the text after the
//! names, and nothing else.

use std::collections::HashSet;
use std::path::Path;

use cabi::{Language, RecordRules, Scalar, Type, VectorLevel};
use cabi_header::{DeclaredKind, Header, HeaderError, NamedType, Options, Prototype, WrittenType};

use crate::support::{Compiler, needs_libclang};

macro_rules! tables {
    ($($name:ident $lines:literal)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                needs_libclang!();
                check(stringify!($name), $lines);
            }
        )*
    };
}

// Each table with the number of its lines that say what is read.
tables! { classes 47 compilers 323 constants 52 cxx 80 errors 149 errors_of_headers 24 functions 91 packs 110 records 86 targets 38 to_c 28 types 93 }

fn path(name: &str) -> String {
    format!("{}/tests/tables/{name}.txt", env!("CARGO_MANIFEST_DIR"))
}

/// Returns the lines of C that all tables have.
pub(crate) fn lines_of_c() -> Vec<String> {
    let tables = NAMES
        .iter()
        .map(|name| std::fs::read_to_string(path(name)).unwrap());
    let is_c = |line: &&str| !["", "#", "%", "="].contains(&line.split(' ').next().unwrap_or(""));
    let lines = tables.flat_map(|table| {
        table
            .lines()
            .filter(is_c)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    lines.collect()
}

fn check(name: &str, n_lines: usize) {
    let path = path(name);
    let table = std::fs::read_to_string(&path).unwrap();
    let answers = rewritten(&table);
    if std::env::var("CABI_BLESS").is_ok_and(|value| value == "1") {
        return std::fs::write(Path::new(&path), answers).unwrap();
    }
    let changed = table
        .lines()
        .zip(answers.lines())
        .find(|(old, new)| old != new);
    assert!(
        table == answers,
        "{name}.txt (CABI_BLESS=1 rewrites it): {changed:#?}"
    );
    let lines = table.lines().filter(|line| line.starts_with("= "));
    assert_eq!(lines.count(), n_lines, "{name}.txt");
}

/// Declaration after each text that is not read alone. It is read whatever is left out before it.
const REST: &str = "\nint cabi_rest(int);\n";

/// Returns `table` with what is read today after each name.
fn rewritten(table: &str) -> String {
    table.split_inclusive("\n\n").map(case).collect()
}

fn case(case: &str) -> String {
    let mut output = String::new();
    let (mut text, mut named) = (String::new(), Vec::new());
    let mut read = None;
    for line in case.lines() {
        if let Some(answer) = line.strip_prefix("= ") {
            let Some((name, _)) = answer.split_once(": ") else {
                panic!("no name: {line}");
            };
            let read = read.get_or_insert_with(|| parse(&text, ""));
            named.push(name);
            output += &format!("= {name}: {}\n", found(read, name));
            continue;
        }
        if let Some(args) = line.strip_prefix("% ") {
            output += &left_out(read.as_ref(), &mut named);
            read = Some(parse(&text, args));
        } else if !line.starts_with("# ") {
            text += &format!("{line}\n");
        }
        output += &format!("{line}\n");
    }
    let is_said = case.lines().any(|line| line.starts_with("= "));
    assert!(
        is_said || text.trim().is_empty(),
        "what is read of this?\n{case}"
    );
    // The empty line that ends the case.
    let end = output.strip_suffix("\n\n").map_or("", |_| "\n");
    let left_out = left_out(read.as_ref(), &mut named);
    output.trim_end_matches('\n').to_owned() + "\n" + &left_out + end
}

type ReadResult = Result<Header, HeaderError>;

fn parse(text: &str, args: &str) -> ReadResult {
    let mut options = Options::new();
    let (mut has_target, mut rest) = (false, REST);
    for arg in args.split(' ').filter(|arg| !arg.is_empty()) {
        options = match arg.split_once('=') {
            Some(("name", name)) => options.name(name),
            Some(("records", "gcc")) => options.records(RecordRules::Gcc),
            Some(("records", "clang")) => options.records(RecordRules::Clang),
            None if arg == "alone" => {
                rest = "";
                options
            }
            _ => options.arg(arg),
        };
        has_target |= arg.starts_with("--target");
    }
    if !has_target {
        options = options.arg("--target=x86_64-linux-gnu");
    }
    let text = format!("{text}{rest}");
    let result = cabi_header::parse(&text, &options);
    let compilers = [("gcc", Compiler::Gcc), ("clang", Compiler::Clang)];
    for (name, compiler) in compilers {
        let is_asked = !has_target && args.contains(&format!("records={name}"));
        if let (Ok(header), true) = (&result, is_asked) {
            let options = args.split(' ').filter(|arg| arg.starts_with('-'));
            check_records(compiler, &options.collect::<Vec<_>>(), &text, header).unwrap();
        }
    }
    result
}

/// Compares sizes and alignments of records with the compiler by whose rules they were read, for
/// x86-64 Linux.
fn check_records(
    compiler: Compiler,
    args: &[&str],
    text: &str,
    header: &Header,
) -> Result<(), String> {
    let mut asserted = format!(
        "{text}\n#ifdef __cplusplus\n#define _Static_assert static_assert\n#define _Alignof alignof\n#endif\n"
    );
    for NamedType { name, ty, .. } in &header.records {
        let (size, align) = (ty.size(), ty.align());
        asserted += &format!(
            "_Static_assert(sizeof({name}) == {size} && _Alignof({name}) == {align}, \"{name}\");\n"
        );
    }
    let is_host = cfg!(all(target_arch = "x86_64", target_os = "linux"));
    match compiler.find() {
        Some(command) if is_host && !header.records.is_empty() => {
            let checked = compiler.check_with(command, args, &asserted);
            checked.map_err(|why| format!("{why}\n{asserted}"))
        }
        _ => Ok(()),
    }
}

/// Returns lines for what is left out and was not `named`, and for the added declaration if it is
/// missing.
fn left_out(read: Option<&ReadResult>, named: &mut Vec<&str>) -> String {
    let Some(Ok(header)) = read else {
        return String::new();
    };
    let is_it = |known: &str, name: &str| known == name || known.ends_with(&format!(" {name}"));
    let mut names = HashSet::new();
    let is_named = |name: &str| named.iter().any(|known| is_it(known, name));
    let skipped = header.skipped.iter().map(|skipped| skipped.name.as_str());
    let is_gone = header.overloads("cabi_rest").next().is_none();
    let rest = (is_gone && header.reason("cabi_rest").is_none()).then_some("cabi_rest");
    let lines = skipped
        .filter(|name| !is_named(name) && names.insert(*name))
        .chain(rest)
        .map(|name| format!("= {name}: {}\n", described(header, name)));
    let lines = lines.collect();
    named.clear();
    lines
}

fn found(read: &ReadResult, what: &str) -> String {
    match read {
        Err(error) => error.to_string().replace('\n', " / "),
        Ok(header) => described(header, what),
    }
}

/// Returns the description of a name. A word before the name states its kind.
fn described(header: &Header, words: &str) -> String {
    let nothing = || "nothing".to_owned();
    let types = [&header.typedefs, &header.records, &header.enums];
    let named = |name: &str| types.into_iter().flatten().find(|named| named.name == name);
    let names = |texts: &mut dyn Iterator<Item = &String>| {
        let texts: Vec<&str> = texts.map(String::as_str).collect();
        texts.join(", ")
    };
    match words.split_once(' ').unwrap_or((words, "")) {
        ("target", "") => header.target.clone(),
        ("records", "") => names(&mut header.records.iter().map(|named| &named.name)),
        ("incomplete", "") => header.incomplete.join(", "),
        ("functions", "") => names(&mut header.prototypes.iter().map(|f| &f.name)),
        ("constants", "") => names(&mut header.constants.iter().map(|constant| &constant.name)),
        ("key", name) => header
            .reason(name)
            .map_or_else(nothing, |reason| reason.key().to_owned()),
        ("location", name) => named(name).map_or_else(nothing, |named| named.location.to_string()),
        ("written", name) => match (header.prototype(name), named(name)) {
            (Some(f), _) => format!("{} ({})", written(&f.written_ret), list(&f.written_params)),
            (_, Some(named)) => format!("{} {{{}}}", written(&named.written), list(&named.members)),
            _ => nothing(),
        },
        ("emitted", name) => named(name).map_or_else(nothing, |named| emitted(header, &named.ty)),
        ("declared", name) => {
            let declared = header
                .declared
                .iter()
                .find(|declared| declared.name == name);
            declared.map_or_else(nothing, |declared| {
                match (&declared.kind, header.function(declared)) {
                    (DeclaredKind::Other(ty), _) => format!("{ty}, no function type"),
                    (_, Ok(f)) => prototype(f),
                    (_, Err(reason)) => format!("left out: {reason}"),
                }
            })
        }
        _ => {
            let mut texts: Vec<String> = header.overloads(words).map(prototype).collect();
            texts.extend(named(words).map(|named| layout(&named.ty)));
            texts.extend(header.constant(words).map(|constant| {
                let of = match constant.enumeration.as_str() {
                    "" => String::new(),
                    of => format!(" of {of}"),
                };
                format!("{} {}{of}", constant.ty, constant.value)
            }));
            texts.extend(
                header
                    .reason(words)
                    .map(|reason| format!("left out: {reason}")),
            );
            if texts.is_empty() {
                nothing()
            } else {
                texts.join("; ")
            }
        }
    }
}

/// Returns `ret (params)`, and what else is known of the function.
fn prototype(f: &Prototype) -> String {
    let params = f.params.iter().map(|(name, ty)| match name {
        Some(name) => format!("{ty} {name}"),
        None => ty.to_string(),
    });
    let params: Vec<String> = params.chain(f.variadic.then(|| "...".to_owned())).collect();
    let mut text = format!("{} ({})", f.ret, params.join(", "));
    let mut say = |is: bool, word: &str| {
        if is {
            text += &format!(", {word}")
        }
    };
    say(f.unprototyped, "unprototyped");
    say(f.noreturn, "noreturn");
    say(f.symbol != f.name, &format!("symbol {}", f.symbol));
    say(
        !f.target_features.is_empty(),
        &format!("target {}", f.target_features),
    );
    say(
        f.vectors != VectorLevel::Baseline,
        &format!("{:?}", f.vectors),
    );
    say(
        f.convention.is_some(),
        f.convention.map_or("", |convention| convention.name),
    );
    say(
        !f.by_reference.is_empty(),
        &format!("by reference {:?}", f.by_reference),
    );
    say(f.returns_by_reference, "returns by reference");
    text
}

/// Returns the C that is written for `ty`. The target's compilers give it the size, the alignment
/// and the sign of `ty`, and no other size.
fn emitted(header: &Header, ty: &Type) -> String {
    let text = match cabi_header::declaration(ty, "x", &header.model) {
        Ok(text) => text,
        Err(error) => return error.to_string(),
    };
    let asserted = |size: u64| {
        let is_int = |scalar: &Scalar| matches!(scalar, Scalar::Int { .. });
        let sign = ty.as_scalar().filter(is_int).map(Scalar::is_signed);
        let sign = sign.map_or_else(String::new, |is| {
            format!(
                " && ((__typeof__(x))-1 < (__typeof__(x))1) == {}",
                u8::from(is)
            )
        });
        let align = ty.align();
        let condition = format!("sizeof x == {size} && _Alignof(x) == {align}{sign}");
        let text = format!("{text}_Static_assert({condition}, \"\");\n");
        crate::to_c::is_read(&text, &header.target)
    };
    // A function has no size.
    if *ty != Type::FUNCTION {
        asserted(ty.size()).unwrap();
        let is_noticed = Compiler::Clang.find().is_none() || asserted(ty.size() + 1).is_err();
        assert!(is_noticed, "{text}");
    }
    text.trim_end().replace('\n', " ")
}

/// Returns size and alignment. A record has its attributes, and each member with its type, its
/// first bit and its attributes.
fn layout(ty: &Type) -> String {
    let words = |packed: bool, pack: Option<u32>, align: Option<u32>| {
        let packed = packed.then(|| " packed".to_owned());
        let pack = pack.map(|pack| format!(" pack {pack}"));
        let align = align.map(|align| format!(" aligned {align}"));
        packed
            .into_iter()
            .chain(pack)
            .chain(align)
            .collect::<String>()
    };
    let Some(record) = ty.as_record() else {
        return format!("{ty}, {} {}", ty.size(), ty.align());
    };
    let fields = record.fields().iter().map(|field| {
        let width = field
            .bit_field()
            .map_or_else(String::new, |bits| format!(":{}", bits.width));
        let words = words(field.is_packed(), None, field.asked_align());
        format!(
            "{} {}{width}@{}{words}",
            field.ty(),
            field.name().unwrap_or(""),
            field.offset_bits()
        )
    });
    let fields: Vec<String> = fields.collect();
    let of = record.attributes();
    let words = words(of.packed, of.pack, of.align);
    let transparent = if record.is_transparent() {
        " transparent"
    } else {
        ""
    };
    let language = match of.language {
        Language::Cxx => " C++",
        _ => "",
    };
    format!(
        "{} {}{words}{transparent}{language} {{{}}}",
        ty.size(),
        ty.align(),
        fields.join(", ")
    )
}

fn list(all: &[WrittenType]) -> String {
    all.iter().map(written).collect::<Vec<_>>().join(", ")
}

/// Returns a type as it was written, with clang's spelling in quotes where that is all that is
/// known.
fn written(ty: &WrittenType) -> String {
    match ty {
        WrittenType::Named(name) => name.clone(),
        WrittenType::Pointer(to) => format!("*{}", written(to)),
        WrittenType::Array(of, len) => format!("[{len:?}]{}", written(of)),
        WrittenType::Function {
            params,
            ret,
            variadic,
        } => {
            let more = if *variadic { ", ..." } else { "" };
            format!("fn({}{more}) {}", list(params), written(ret))
        }
        WrittenType::Type(ty) => format!("{ty}/{}", ty.align()),
        WrittenType::Other(text) => format!("\"{text}\""),
        known => format!("{known:?}"),
    }
}

/// Tests controls: another type, a name that is not left out, one that is and is not named, and a
/// text whose rest is gone.
#[test]
fn mistakes_are_noticed() {
    needs_libclang!();
    for (right, wrong) in [
        (
            "int f(int x);\n= f: int (int x)\n",
            "int f(int x);\n= f: int (unsigned int x)\n",
        ),
        (
            "struct s { int x : 3; };\n= struct s: 4 4 {int x:3@0}\n",
            "struct s { int x : 4; };\n= struct s: 4 4 {int x:3@0}\n",
        ),
        (
            "int f(int);\n= f: int (int)\n",
            "int f(int);\n= f: left out: a static function has no symbol\n",
        ),
        (
            "static int f(int);\n= f: left out: a static function has no symbol\n",
            "static int f(int);\n= g: nothing\n",
        ),
        ("#define A 1\n= A: int 1\n", "#define A 1\n= A: int 2\n"),
        (
            "int f(int); }\n= error: header.h:1:13: extraneous closing brace ('}')\n",
            "int f(int);\n= error: header.h\n",
        ),
    ] {
        assert_eq!(rewritten(right), right);
        assert_ne!(rewritten(wrong), wrong);
    }
    assert!(std::panic::catch_unwind(|| rewritten("int f(int);\n")).is_err());
    // Another layout than the compiler's.
    let header = parse("struct s { char a; int b; };", "").unwrap();
    let checked = check_records(Compiler::Gcc, &[], "struct s { char a; long b; };", &header);
    let is_host = cfg!(all(target_arch = "x86_64", target_os = "linux"));
    assert_eq!(checked.is_err(), is_host && Compiler::Gcc.find().is_some());
}
