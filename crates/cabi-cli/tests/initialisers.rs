//! `cabi call` reads initialisers of C: a compiler reads each of them too, and compares the bytes.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::process::Command;

use support::{cabi_in, libclang, missing, printed};

/// Initialisers of `struct mixture`.
const INITIALISERS: &[&str] = &[
    "{}",
    "{\"abc\"}",
    "{\"abcdef\", {{1, 2}, {3, 4}}, {5}, {1, -1, 3, 1}, {7, {8}}, 1.5f, {{1, 2}, {3, 4}}, 0}",
    "{'a', 'b', 'c', 'd', 'e', 'f', 1, 2, 3, 4, 5, 1, -1, 3, 0, 7, 8, 1.5f, 1, 2, 3, 4, 0}",
    "{.at[1].y = 2.5, .w.n = -1, .tag = {[1] = 'x', 'y'}, .t = {.f = 0.1f}}",
    "{.at = {[1] = {3}, [0].y = 4}, .s[1] = {5, 6}, .s[0][1] = 7,}",
    "{.bits = {.d = 1, .b = -16}, .t.i = 0x7fffffff, .s = {1, 2, 3, 4}}",
    "{.w = {.c = \"12345678\"}, .at = {1, 2, 3}, {4}}",
    "{.t = {1, .f = 0x1.8p-3f}, .z = -2.5f, .tag = \"\\x41\\102\\n\"}",
    "{{\"quoted\"}, .s = {{1}, 2}, .s[1][1] = -3}",
];

#[test]
fn initialisers_mean_what_they_mean_to_a_compiler() {
    if !libclang() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let mut header = include_str!("transcripts/files/values.h").to_owned();
    let mut c = "#include \"lib.h\"\n#include <string.h>\n".to_owned();
    for (i, mixture) in INITIALISERS.iter().enumerate() {
        header += &format!("int is_{i}(struct mixture s);\n");
        c += &format!(
            "static const struct mixture mixture_{i} = {mixture};\n\
             int is_{i}(struct mixture s) {{ return memcmp(&s, &mixture_{i}, sizeof s) == 0; }}\n"
        );
    }
    std::fs::write(folder.join("lib.h"), header).expect("a file");
    std::fs::write(folder.join("lib.c"), c).expect("a file");
    let mut cc = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".into()));
    let cc = cc.args(["-shared", "-fPIC", "-O1", "-o", "lib.so", "lib.c"]);
    let Ok(built) = cc.current_dir(folder).status() else {
        return missing("cc: no such compiler");
    };
    assert!(built.success());
    for (i, mixture) in INITIALISERS.iter().enumerate() {
        let is = |mixture: &str| {
            let args = [
                "call",
                "-i",
                "lib.h",
                "-l",
                "./lib.so",
                &format!("is_{i}"),
                mixture,
            ];
            printed(&cabi_in(folder, &args), 0)
        };
        assert_eq!(is(mixture), "1\n", "{mixture}");
        // The control: its neighbour is another one.
        let other = INITIALISERS[(i + 1) % INITIALISERS.len()];
        assert_eq!(is(other), "0\n", "{mixture} against {other}");
    }
}
