//! `cabi verify` says yes only to what it has looked at: headers that a compiler reads otherwise, compilers that are self-inconsistent, crash or
//! answer nothing, and runs in which nothing was called.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::path::Path;
use std::process::Output;

use support::{cabi_in, gcc_that_ends_with, gcc_that_returns_zeros, printed};

fn verify(folder: &Path, args: &[&str]) -> Output {
    cabi_in(folder, &[&["verify"], args].concat())
}

/// Ends a test where libclang or gcc is not here, which fails where they are required.
macro_rules! needs_gcc {
    () => {
        if !here("gcc") {
            return;
        }
    };
}

/// A folder with `text` as `own.h`.
fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("own.h"), text).expect("a file");
    folder
}

/// Whether libclang and `compiler` are here.
fn here(compiler: &str) -> bool {
    let folder = folder("int f(int);\n");
    let output = verify(folder.path(), &["--cc", compiler, "own.h"]);
    let here = output.status.code() == Some(0);
    if !here {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        support::missing(&format!("{compiler} and libclang: {why}"));
    }
    here
}

/// What a run over `header` prints and says; it ends with `code`.
fn run(header: &str, args: &[&str], code: i32) -> String {
    let folder = folder(header);
    let output = verify(folder.path(), &[args, &["own.h"]].concat());
    printed(&output, code) + &String::from_utf8_lossy(&output.stderr)
}

fn says(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "{words}: {text}");
    }
}

/// What a compiler reads otherwise than libclang is compared with libclang's reading, whatever makes it so: a macro, the compiler's name, an
/// attribute of the function's type.
#[test]
fn a_prototype_that_the_compiler_reads_otherwise_is_a_mismatch() {
    needs_gcc!();
    let header = "
#ifdef USE_FLOAT
float f(float);
#else
double f(double);
#endif
#ifdef __clang__
int g(int);
#else
int g(long);
#endif
#if __GNUC__ >= 5
__attribute__((ms_abi))
#endif
double h(double);
#ifdef __clang__
typedef float number;
number k(number);
#else
double k(double);
#endif
int same(const char *restrict text, void (*done)(int), int at[3], ...);
#define same(x) other_than_the_function(x)
_Noreturn void quit(int);
int list(const char *restrict, __builtin_va_list);
";
    let text = run(header, &["--cc", "gcc -DUSE_FLOAT"], 1);
    let expected = [
        "MISMATCH prototype of f: float(float) with gcc -DUSE_FLOAT, double (double) here",
        "MISMATCH prototype of g: int(long int) with gcc",
        "MISMATCH prototype of h: ",
        "ms_abi",
        "MISMATCH prototype of k: double(double) with gcc -DUSE_FLOAT, number (number) here",
        "4 mismatches (4 of prototypes, ",
    ];
    says(&text, &expected);
    let text = run(
        header,
        &["--cc", "gcc", "--only", "^(f|same|quit|list)$"],
        0,
    );
    says(&text, &["4 prototypes, ", "0 mismatches (0 of prototypes"]);
    // clang knows the convention of a type too.
    if here("clang-19") {
        let header = "#ifdef MS\n__attribute__((ms_abi))\n#endif\ndouble h(double);\n";
        let text = run(header, &["--cc", "clang-19 -DMS"], 1);
        says(
            &text,
            &["MISMATCH prototype of h: double(double) __attribute__((ms_abi))"],
        );
        run(header, &["--cc", "clang-19"], 0);
    }
}

/// A type without a name is another type wherever it is written again, so that the prototype cannot be compared: it is left out by name.
#[test]
fn a_prototype_of_an_unnamed_type_is_left_out() {
    needs_gcc!();
    let header = "int good(int);\nint odd(struct { int x; } *);\n";
    let text = run(header, &["--cc", "gcc"], 0);
    says(
        &text,
        &["left out: spelling 1 (odd: ", "has a type without a name"],
    );
    assert!(!text.contains("NOT ON THE LIST"), "{text}");
    // Alone it is nothing.
    run(header, &["--cc", "gcc", "--only", "odd"], 2);
}

/// Records whose members differ differ in what their bytes mean, also where sizes and offsets are the same.
#[test]
fn a_member_of_another_type_is_a_mismatch() {
    needs_gcc!();
    let header = "#ifdef USE_FLOAT\nstruct s { float x; int n; };\n#else\nstruct s { int x; int n; };\n#endif\nvoid f(struct s);\n";
    let text = run(header, &["--cc", "gcc -DUSE_FLOAT"], 1);
    let expected = "MISMATCH the bytes of struct s with x = 1: 00 00 80 3f 00 00 00 00 with gcc -DUSE_FLOAT, 01 00 00 00 00 00 00 00 here";
    says(&text, &[expected]);
}

/// Members in the other byte order are copied as they are, so that no call shows them.
#[test]
fn another_byte_order_is_a_mismatch() {
    needs_gcc!();
    let header = "struct s { char c; short n; double x; };\nvoid f(struct s);\n";
    let command = "gcc -fsso-struct=big-endian";
    let text = run(header, &["--cc", command], 1);
    let expected = [
        "MISMATCH the bytes of struct s with n = 1: 00 00 00 01 ",
        "MISMATCH the bytes of struct s with x = 1: ",
        "2 mismatches (0 of prototypes, 2 of layout, 0 of ",
    ];
    says(&text, &expected);
    let args = ["fuzz", "--count", "40", "--shrink", "0", "--cc", command];
    let text = printed(&cabi_in(folder("").path(), &args), 1);
    says(&text, &["layout: the bytes of ", "FAILED"]);
}

const PICK: &str =
    "struct small { char c; short s; int i; };\nstruct small pick(struct small, int);\n";

/// A self-inconsistent compiler is reported with a program, counted, and fails the run.
#[test]
fn a_self_inconsistent_compiler_fails() {
    needs_gcc!();
    let folder = folder(PICK);
    let command = gcc_that_returns_zeros(folder.path());
    let args = [
        "--cc",
        &command,
        "--types=false",
        "--json",
        "out.json",
        "own.h",
    ];
    let text = printed(&verify(folder.path(), &args), 1);
    let expected = [
        "SELF-INCONSISTENT pick, our code calls C: a program of which gcc -wrapper",
        "builds both sides: result, byte 0: got 00, expected ",
        "#ifdef CALLEE",
        "0 mismatches (0 of prototypes, 0 of layout, 0 of 1 cases), 1 in which a compiler is self-inconsistent",
    ];
    says(&text, &expected);
    let json = std::fs::read_to_string(folder.path().join("out.json")).expect("a file");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let shown = &json["parts"][0]["self_inconsistent"][0];
    assert_eq!(shown["case"], "pick");
    assert!(
        shown["location"]
            .as_str()
            .is_some_and(|at| at.ends_with("own.h:2")),
        "{shown}"
    );
    let args = [&args[..], &["--allow-self-inconsistent"]].concat();
    let text = printed(&verify(folder.path(), &args), 0);
    says(&text, &["1 in which a compiler is self-inconsistent"]);
}

/// A compiler whose functions end the process with status 0, whoever calls them: that is no success, and shown by a program.
#[test]
fn a_callee_that_exits_is_no_success() {
    needs_gcc!();
    let folder = folder(PICK);
    let exit = r"\txorl %edi, %edi\n\tmovl $231, %eax\n\tsyscall";
    let command = gcc_that_ends_with(folder.path(), exit);
    let args = ["--cc", &command, "--types=false", "own.h"];
    let text = printed(&verify(folder.path(), &args), 1);
    let expected = [
        "SELF-INCONSISTENT pick, our code calls C: a program of which gcc -wrapper",
        "builds both sides: the program ends with exit status: 0",
        "(0 of prototypes, 0 of layout, 0 of 1 cases), 1 in which a compiler is self-inconsistent",
    ];
    says(&text, &expected);
}

/// A known self-inconsistency of a compiler is left out by name; of another compiler it would be a failure.
#[test]
fn a_known_bug_of_a_compiler_is_named() {
    if !here("clang-19") {
        return;
    }
    let header = "union u { float x; _Float16 halves[3]; };\nunion u f(void);\nint g(int);\n";
    let text = run(header, &["--cc", "clang-19", "--types=false"], 0);
    let expected = [
        "left out: known bug of the compiler ",
        "f (call): clang-lone-float: result",
        "0 mismatches",
    ];
    says(&text, &expected);
}

/// Nothing called is nothing verified; that is written for build servers too.
#[test]
fn nothing_called_is_no_success() {
    needs_gcc!();
    let folder = folder("static int f(void);\nstruct pair { long a; double b; };\n");
    let files = ["--json", "out.json", "--junit", "out.xml"];
    let args = [&["--cc", "gcc", "--types=false"][..], &files, &["own.h"]].concat();
    let output = verify(folder.path(), &args);
    printed(&output, 2);
    let message = "nothing was verified of own.h with gcc: f: a static function has no symbol";
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains(message), "{errors}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
    says(&read("out.json"), &["\"clean\": false", message, "own.h:1"]);
    says(
        &read("out.xml"),
        &["<error message=\"nothing was verified", "errors=\"1\""],
    );
    // Of two headers too, though the other one is right.
    std::fs::write(folder.path().join("other.h"), "int g(int);\n").expect("a file");
    let args = ["--cc", "gcc", "--types=false", "other.h", "own.h"];
    let output = verify(folder.path(), &args);
    printed(&output, 2);
    // A run that does not come so far writes them too.
    let args = [&["--cc", "gcc"][..], &files, &["missing.h"]].concat();
    printed(&verify(folder.path(), &args), 2);
    says(&read("out.json"), &["\"error\": ", "missing.h"]);
    says(&read("out.xml"), &["<error message=", "missing.h"]);
}

/// The alignment of a typedef belongs to the type of the parameter.
#[test]
fn a_parameter_of_an_aligned_typedef_is_verified() {
    needs_gcc!();
    let header = "typedef struct t { long x[2]; } M __attribute__((aligned(16)));\nvoid f(M x);\n";
    let text = run(header, &["--cc", "gcc", "--types=false"], 0);
    says(&text, &["2 of 2 cases pass"]);
    assert!(!text.contains("left out"), "{text}");
}

/// What a compiler lacks costs what needs it, and no more of the header.
#[test]
fn types_that_a_compiler_lacks_are_left_out() {
    if here("gcc") {
        let vectors = "typedef float v4 __attribute__((ext_vector_type(4)));\ntypedef float w4 __attribute__((vector_size(32)));\n\
                       v4 f(v4);\nint g(int);\nstruct s { v4 m; };\nvoid h(struct s);\n";
        let text = run(vectors, &["--cc", "gcc", "--types=false"], 0);
        says(
            &text,
            &[
                "left out: not in this compiler",
                "no ext-vector",
                " 2 of 2 cases pass",
            ],
        );
        let bits = "struct q { _BitInt(17) x; int y; };\nint f(int);\nstruct q g(struct q);\n";
        let text = run(bits, &["--cc", "gcc", "--types=false"], 0);
        // gcc has it since 14.
        let has = text.contains("4 of 4 cases pass");
        assert!(has || text.contains("no bitint: "), "{text}");
        assert!(has || text.contains("2 of 2 cases pass"), "{text}");
    }
    if here("clang-19") {
        let decimal = "_Decimal64 f(_Decimal64);\nint g(int);\nvoid h(_Decimal64 *);\n";
        let text = run(decimal, &["--cc", "clang-19"], 0);
        says(&text, &["f: no decimal: ", " 4 of 4 cases pass"]);
    }
}

/// A compiler without `_Float16`, as gcc is up to 11, has no other reason to be refused.
#[test]
fn a_compiler_without_half_precision_is_a_reference() {
    needs_gcc!();
    let without = "gcc -U__FLT16_MANT_DIG__ -D_Float16=cabi_no_such_type";
    says(&run(PICK, &["--cc", without], 0), &["0 mismatches"]);
    let half = "_Float16 f(_Float16);\nint g(int);\n";
    says(
        &run(half, &["--cc", without], 0),
        &["no float16", "2 of 2 cases pass"],
    );
    if std::process::Command::new("gcc-11")
        .arg("--version")
        .output()
        .is_ok()
    {
        says(&run(PICK, &["--cc", "gcc-11"], 0), &["0 mismatches"]);
        says(
            &run(half, &["--cc", "gcc-11"], 0),
            &["no float16", "2 of 2 cases pass"],
        );
    }
}

/// A compiler as a script around gcc that does `instead` with the C text of cases.
fn wrapped(folder: &Path, instead: &str) -> String {
    let script = format!(
        "#!/bin/sh\nfor word; do case $word in *unit.c) if grep -q cabi_f0 $word; then {instead}; fi;; esac; done\nexec gcc \"$@\"\n"
    );
    let path = folder.join("wrapped.sh");
    std::fs::write(&path, script).expect("a script");
    format!("sh {}", path.display())
}

#[test]
fn a_crash_of_a_compiler_is_called_so() {
    needs_gcc!();
    let header = folder(PICK);
    let words = "echo 'unit.c:1:1: internal compiler error: in f, at g.cc:1' >&2; exit 1";
    let command = wrapped(header.path(), words);
    let args = ["--cc", &command, "--types=false", "own.h"];
    let output = verify(header.path(), &args);
    let text = printed(&output, 2);
    let expected = [
        "NOT ON THE LIST: the compiler crashes 1 (pick: it crashes: in f, at g.cc:1; declared at ",
        "own.h:2)",
    ];
    says(&text, &expected);
    if here("clang-19") {
        // SIGFPE of clang 19.
        let header =
            "struct s { long a; float b[1]; struct {} c[2]; };\nvoid f(struct s);\nint g(int);\n";
        let text = run(header, &["--cc", "clang-19", "--types=false"], 1);
        says(&text, &["the compiler crashes 1 (f: it crashes: "]);
    }
    if std::arch::is_x86_feature_detected!("avx") {
        // gcc 12 cannot fetch such a union with va_arg.
        let header = "typedef double v4 __attribute__((vector_size(32)));\nunion u { double d; v4 m; };\nint g(int);\n";
        let text = run(header, &["--cc", "gcc -mavx"], 0);
        let crashes = text.contains("gcc-wide-union-va-arg: it crashes: ");
        assert!(crashes || !text.contains("crash"), "{text}");
    }
}

/// A full disk is no answer of a compiler.
#[test]
fn a_full_disk_is_no_refusal() {
    needs_gcc!();
    let header = folder(PICK);
    let words = "echo 'fatal error: error writing to x.s: No space left on device' >&2; exit 1";
    let command = wrapped(header.path(), words);
    let output = verify(header.path(), &["--cc", &command, "own.h"]);
    printed(&output, 2);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("No space left on device"), "{errors}");
}

#[test]
fn what_is_no_compiler_is_called_so() {
    if !support::libclang() {
        return;
    }
    for (command, words) in [
        ("true", "`true` is no C compiler"),
        ("false", "`false` does not compile C: exit status: 1"),
        ("cat", "`cat` does not compile C"),
    ] {
        says(&run(PICK, &["--cc", command], 2), &[words]);
    }
}

/// A header's own declarations, not those that it includes.
#[test]
fn declarations_of_included_headers_can_be_left_out() {
    needs_gcc!();
    let header = format!("#include <stdlib.h>\n#include \"part.h\"\n{PICK}");
    let folder = folder(&header);
    std::fs::write(folder.path().join("part.h"), "int g(int);\n").expect("a file");
    for (own, seen) in [
        ("--own", "1 prototypes and 1 "),
        ("--own=folder", "2 prototypes and 1 "),
    ] {
        let args = ["--cc", "gcc", own, "own.h"];
        says(&printed(&verify(folder.path(), &args), 0), &[seen]);
    }
    // As clang finds it.
    let args = ["--cc", "gcc", "--own", "div.h", "-I", "."];
    std::fs::write(
        folder.path().join("div.h"),
        "#include <stdlib.h>\ndiv_t f(div_t);\n",
    )
    .expect("a file");
    says(
        &printed(&verify(folder.path(), &args), 0),
        &["1 prototypes and 0 "],
    );
    let args = ["--cc", "gcc", "--own", "empty.h"];
    std::fs::write(folder.path().join("empty.h"), "#include <stdlib.h>\n").expect("a file");
    let output = verify(folder.path(), &args);
    printed(&output, 2);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("empty.h: no function and no record type of its own"),
        "{errors}"
    );
}

/// Records and typedefs aligned to more than 16 bytes are called in every position.
#[test]
fn over_aligned_records_are_verified() {
    needs_gcc!();
    let record = |c: &str| format!("struct of_{c} {{ {c} x __attribute__((aligned(32))); }};\n");
    let header = ["int", "long", "double"].map(record).concat();
    let text = run(&header, &["--cc", "gcc"], 0);
    says(&text, &["48 of 48 cases pass"]);
    assert!(!text.contains("left out"), "{text}");
}
