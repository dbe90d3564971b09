//! Whatever a header contains, the command ends in time with an answer or with a message and exit status 2.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::path::Path;

use support::{cabi_in, libclang, printed, stdout};

/// A folder with the header `h.h`.
fn header(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("h.h"), text).expect("a file");
    folder
}

fn refused(folder: &Path, args: &[&str]) -> String {
    let output = cabi_in(folder, args);
    printed(&output, 2);
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn explained(text: &str) -> String {
    let folder = header(text);
    stdout(&cabi_in(
        folder.path(),
        &["explain", "--summary", "-i", "h.h", "f"],
    ))
}

fn stars(n: usize) -> String {
    format!("int f(int {}x);", "*".repeat(n))
}

#[test]
fn what_libclang_does_not_survive_is_a_message() {
    if !libclang() {
        return;
    }
    let folder = header(&stars(100_000));
    for args in [
        &["explain", "-i", "h.h", "f"][..],
        &["verify", "h.h", "--cc", "gcc"],
        &["call", "-i", "h.h", "f", "NULL"],
    ] {
        let message = refused(folder.path(), args);
        assert!(message.contains("SIGSEGV"), "{args:?}: {message}");
    }
    let text = stars(100_000);
    let text = text.split_at(90_000).0.to_owned() + " x);";
    assert!(refused(folder.path(), &["explain", &text]).contains("SIGSEGV"));
    // Fewer are explained.
    assert!(explained(&stars(1000)).contains("rdi"));
}

#[test]
fn endless_headers_are_refused() {
    if !libclang() {
        return;
    }
    let folder = header("#include \"/dev/zero\"\n");
    for args in [
        &["explain", "-i", "/dev/zero", "f"][..],
        &["verify", "/dev/zero", "--cc", "gcc"],
        &["call", "-i", "/dev/zero", "f"],
        &["explain", "-i", "/tmp", "f"],
    ] {
        let message = refused(folder.path(), args);
        assert!(message.contains("not a regular file"), "{message}");
    }
    // Where another header includes it, memory is what ends it.
    let message = refused(folder.path(), &["explain", "-i", "h.h", "f"]);
    assert!(message.starts_with("cabi: "), "{message}");
    let folder = header("int f(int a);");
    let large = std::fs::File::options()
        .write(true)
        .open(folder.path().join("h.h"))
        .expect("a file");
    large.set_len(65 << 20).expect("a sparse file");
    let message = refused(folder.path(), &["explain", "-i", "h.h", "f"]);
    assert!(
        message.contains("bytes, and a header may have"),
        "{message}"
    );
}

#[test]
fn long_headers_are_read_in_time() {
    if !libclang() {
        return;
    }
    let lines = |n: usize, line: &dyn Fn(usize) -> String| (0..n).map(line).collect::<String>();
    let chain = lines(20_000, &|i| format!("#define A{} (A{i}+1)\n", i + 1));
    let doubled = lines(60, &|i| format!("#define A{} A{i}+A{i}\n", i + 1));
    let nested = format!(
        "#define F(x) x+x\n#define A0 {}1{}\n",
        "F(".repeat(40),
        ")".repeat(40)
    );
    for macros in [chain, doubled, nested] {
        let text = explained(&format!("#define A0 1\n{macros}int f(int x);\n"));
        assert!(text.contains("rdi"), "{text}");
    }
    let members = lines(60_000, &|i| format!("int m{i};"));
    assert!(explained(&format!("union u {{ {members} }}; void f(union u x);")).contains("rdi"));
    let folder = header(&format!("struct s {{ {members} }}; void f(struct s x);"));
    let message = refused(folder.path(), &["explain", "-i", "h.h", "f"]);
    assert!(message.contains("more than 16384 members"), "{message}");
    let members = lines(10_000, &|i| format!("int m{i};"));
    let text = explained(&format!("struct s {{ {members} }}; void f(struct s x);"));
    assert!(text.contains("stack 0..40000"), "{text}");
    // Errors and declarations alike: 20,000 of each.
    let wrong = lines(20_000, &|i| format!("int g{i}(foo_t x);\n"));
    assert!(explained(&format!("{wrong}int f(int x);")).contains("rdi"));
}
