//! Facts of one machine stay in its folder: no other file of this crate or of `clif-cabi` names it,
//! or a number that it counts.
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::path::Path;

/// Words and numbers of code, and the beginnings of the paths where they may be: each occurs there,
/// and nowhere else. Numbers are counts of registers, bytes of areas and lists; in the other paths
/// listed they are bytes or bits of CLIF's types.
const NAMED: &str = "
x86_64:: X86_64_LANG | plan/machine/x86_64/ plan/machine/mod.rs
aarch64:: AAPCS64 | plan/machine/aarch64/ plan/machine/mod.rs
riscv64:: riscv:: LP64D | plan/machine/riscv64/ plan/machine/mod.rs
s390x:: | plan/machine/s390x/ plan/machine/mod.rs
X86_64_SYSV | plan/machine/x86_64/ clif/sysv.rs
WindowsFastcall | plan/machine/x86_64/ plan/machine/aarch64/ plan/signature.rs clif/clif_types.rs
SystemV PreserveAll | plan/machine/ plan/signature.rs clif/clif_types.rs
AppleAarch64 Arm64Call RiscvCall X86Call | plan/machine/ plan/signature.rs clif/clif_types.rs
CallConv:: | plan/machine/aarch64/conventions.rs plan/machine/riscv64/conventions.rs plan/machine/s390x/conventions.rs plan/machine/x86_64/ clif/clif_types.rs clif/lowering/flags.rs
StructArgument | plan/machine/walk.rs plan/signature.rs plan/slot.rs clif/clif_types.rs
MoveWidth | plan/lib.rs plan/machine/ clif/lib.rs clif/stubs.rs
RelocKind | plan/lib.rs plan/machine/ clif/clif_types.rs
preserve_frame_pointers | clif/lowering
get_frame_pointer | clif/emit/entry.rs
SetVectorCount VectorsToInts ZeroUpper StubStep::Pop StubStep::ChainTo StubStep::AddressTo PushChain | plan/machine/
X87 | plan/machine/ plan/parts.rs plan/plan/va_arg.rs
8 | plan/machine/ plan/parts.rs plan/signature.rs clif/
192 | plan/machine/
32 | plan/machine/ plan/parts.rs
6 | plan/machine/x86_64/stub.rs
48 | plan/machine/x86_64/conventions.rs
24 56 176 |
";

/// Returns `text` without comments and the contents of strings.
fn code(text: &str) -> String {
    let code = text.lines().map(|line| {
        let code = line.split("//").next().unwrap();
        code.split('"').step_by(2).collect::<Vec<_>>().join(" ")
    });
    code.collect::<Vec<_>>().join("\n")
}

/// Checks whether `code` has `text`. A number counts on its own or with a suffix of its type, but
/// not as the length of an array.
fn has(code: &str, text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return code.contains(text);
    }
    let code = code.replace(&format!("; {text}]"), "]");
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let mut words = code.split(|c| !is_word(c));
    words.any(|word| {
        let rest = word.trim_start_matches('.').strip_prefix(text);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', 'u', 'i']))
    })
}

/// The files below `folder`, by `name` and their paths in it, with their code.
fn read(folder: &Path, name: &str, files: &mut Vec<(String, String)>) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = format!("{name}/{}", path.file_name().unwrap().display());
        match path.is_dir() {
            true => read(&path, &name, files),
            false if name.ends_with("tests.rs") => {}
            false => files.push((name, code(&std::fs::read_to_string(&path).unwrap()))),
        }
    }
}

#[test]
fn a_machine_is_a_folder() {
    let (root, mut files) = (Path::new(env!("CARGO_MANIFEST_DIR")), Vec::new());
    read(&root.join("src"), "plan", &mut files);
    read(&root.join("../clif-cabi/src"), "clif", &mut files);
    assert!(files.len() > 60, "{} files", files.len());
    for row in NAMED.trim().lines() {
        let (words, may) = row.split_once(" |").unwrap();
        let may: Vec<&str> = may.split_whitespace().collect();
        let is_there = |name: &str| may.iter().any(|may| name.starts_with(may));
        for word in words.split(' ') {
            let uses = files.iter().filter(|(_, code)| has(code, word));
            let (right, wrong): (Vec<&str>, Vec<&str>) = uses
                .map(|(name, _)| &**name)
                .partition(|name| is_there(name));
            assert_eq!(
                (&wrong[..], right.is_empty()),
                (&[][..], may.is_empty()),
                "{word}"
            );
        }
    }
}

/// A line that has it where it does not belong is found.
#[test]
fn numbers_are_found() {
    for (n, line) in [
        ("6", "let left = 6 - n_ints;"),
        ("8", "let vectors = regs.get(..8);"),
        ("32", "let first = offset - 32_i64;"),
        ("56", "base_at: 56u32,"),
        ("176", "save_bytes: 176,"),
    ] {
        assert!(has(&code(line), n), "{line}");
    }
    assert!(!has(&code("let words = [0; 8]; // 8 \"8\""), "8"));
}
