//! `#pragma pack` in force at a record and elsewhere: gcc and clang say what the layout is. Inside of one it is in the table `compilers`.

use crate::support::{Compiler, header_with, needs_libclang};
use cabi::RecordRules;
use cabi_header::Options;

const ELSEWHERE: &str =
    "#pragma pack(push, 1)\nstruct other { char c; int n; };\n#pragma pack(pop)\n";

/// The size and alignment of `struct s` in `text` by the rules of `compiler`, or why it was left out.
fn read(text: &str, compiler: Compiler) -> Result<(u64, u32), String> {
    let rules = match compiler {
        Compiler::Gcc => RecordRules::Gcc,
        Compiler::Clang => RecordRules::Clang,
    };
    let options = Options::new()
        .arg("--target=x86_64-linux-gnu")
        .records(rules);
    let header = header_with(text, &options);
    let known = header.ty("struct s").map(|ty| (ty.size(), ty.align()));
    known.ok_or_else(|| header.reason("struct s").unwrap().to_string())
}

/// Whether the compiler has that layout.
fn is_right(compiler: Compiler, text: &str, (size, align): (u64, u32)) -> Option<bool> {
    let asserted = format!(
        "{text}\n_Static_assert(sizeof(struct s) == {size} && _Alignof(struct s) == {align}, \"\");"
    );
    Some(compiler.check(compiler.find()?, &asserted).is_ok())
}

#[test]
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn only_a_pragma_in_force_counts() {
    needs_libclang!();
    let members = [
        "_Bool a : 1 __attribute__((packed)); unsigned b : 31 __attribute__((aligned(2)));",
        "char a; int b : 3 __attribute__((aligned(2)));",
        "long a : 9 __attribute__((packed, aligned(4))); short b : 3; char c;",
        "int a : 3 __attribute__((aligned(16))); int b;",
        "unsigned a : 7; unsigned b : 26 __attribute__((packed)); char c : 2 __attribute__((aligned(4)));",
        "char a; int b;",
        "struct { char a; long b : 40 __attribute__((aligned(2))); } c; char d;",
    ];
    for members in members {
        let record = format!("struct s {{ {members} }};");
        for compiler in [Compiler::Gcc, Compiler::Clang] {
            let plain = read(&record, compiler).unwrap();
            for text in [
                record.clone(),
                format!("{ELSEWHERE}{record}"),
                format!("{record}\n{ELSEWHERE}"),
                format!("// #pragma pack(2)\n#if 0\n#pragma pack(1)\n#endif\n{record}"),
            ] {
                let found = read(&text, compiler);
                assert_eq!(found.as_ref(), Ok(&plain), "{compiler:?}: {text}");
                assert_ne!(
                    is_right(compiler, &text, plain),
                    Some(false),
                    "{compiler:?}: {text}"
                );
            }
            for pack in [1, 2, 4] {
                let text = format!("#pragma pack({pack})\n{record}\n#pragma pack()\n");
                // Refused where packs that clang lays out alike are others to gcc.
                if let Ok(found) = read(&text, compiler) {
                    assert_ne!(
                        is_right(compiler, &text, found),
                        Some(false),
                        "{compiler:?}: {text}"
                    );
                }
            }
        }
    }
    // Control: an alignment too much is noticed.
    let (text, layout) = ("struct s { char a; int b; };", (8, 8));
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        assert_ne!(is_right(compiler, text, layout), Some(true));
    }
}
