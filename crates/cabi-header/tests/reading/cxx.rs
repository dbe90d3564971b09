//! C++ headers: free functions, classes by value and by invisible reference, and what is left out.

use std::process::Command;

use crate::support::{missing, read_with};
use cabi::{Language, Type};
use cabi_header::{Header, Options, Prototype, Reason};

fn cxx(text: &str) -> Option<Header> {
    read_with(text, &Options::new().name("header.hpp"))
}

fn function<'h>(header: &'h Header, name: &str) -> &'h Prototype {
    header
        .prototype(name)
        .unwrap_or_else(|| panic!("{name}: {:?}", header.reason(name)))
}

/// One line per class: how it is passed, by value or by invisible reference, its name, and its text. A compiler is asked the same below.
const CLASSES: &str = "\
value Plain: struct Plain { long a, b; };
value Methods: class Methods { long a; public: Methods(int); int get() const; static int n; };
reference Destroyed: struct Destroyed { long a; ~Destroyed(); };
reference Copied: struct Copied { long a; Copied(const Copied &); };
reference Moved: struct Moved { long a; Moved(Moved &&); };
value Assigned: struct Assigned { long a; Assigned &operator=(const Assigned &); };
value Defaulted: struct Defaulted { long a; Defaulted(const Defaulted &) = default; ~Defaulted() = default; };
reference Holder: struct Holder { Destroyed d; };
value Base: struct Base { long a; }; struct Derived : Base { double b; };
value Derived:
reference Virtual: struct Virtual { virtual void f(); };
value MoveOnly: struct MoveOnly { long a; MoveOnly(const MoveOnly &) = delete; MoveOnly(MoveOnly &&) = default; };
reference Fixed: struct Fixed { long a; Fixed(const Fixed &) = delete; Fixed(Fixed &&) = delete; Fixed &operator=(const Fixed &) = default; };
value Empty: struct Empty {};";

/// Name, text, and whether it is passed by reference.
fn classes() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    CLASSES.lines().map(|line| {
        let (head, class) = line.split_once(':').unwrap();
        let (how, name) = head.split_once(' ').unwrap();
        (name, class, how == "reference")
    })
}

fn classes_text() -> String {
    let mut text = String::new();
    for (name, class, _) in classes() {
        text += &format!("{class}\n");
        text += &format!("{name} make_{name}(int); void take_{name}(int, {name} x);\n");
    }
    // Derived is declared with its base.
    text
}

#[test]
fn by_value_and_by_reference() {
    let Some(header) = cxx(&classes_text()) else {
        return;
    };
    for (name, _, by_reference) in classes() {
        let (take, make) = (
            function(&header, &format!("take_{name}")),
            function(&header, &format!("make_{name}")),
        );
        assert_eq!(take.by_reference == [1], by_reference, "{name}");
        assert_eq!(make.returns_by_reference, by_reference, "{name}");
        assert_eq!(take.params[1].1 == Type::PTR, by_reference, "{name}");
        let types: Vec<_> = make.params.iter().map(|(_, ty)| ty.clone()).collect();
        if by_reference {
            assert_eq!((types, &make.ret), (vec![Type::PTR, Type::I32], &Type::PTR));
        } else {
            assert_eq!(types, [Type::I32], "{name}");
            assert_eq!(
                make.ret.as_record().unwrap().attributes().language,
                Language::Cxx
            );
        }
    }
    assert_eq!(function(&header, "take_Empty").params[1].1.size(), 1);
    let derived = &function(&header, "take_Derived").params[1].1;
    assert_eq!(
        (derived.size(), derived.as_record().unwrap().fields().len()),
        (16, 2)
    );
}

/// What the compilers make of the same classes: an object by reference arrives as a pointer, so its address is in rsi.
#[test]
fn compilers_agree_about_references() {
    for command in ["g++", "clang++-19"] {
        if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
            return missing("x86-64 Linux");
        }
        let dir =
            std::env::temp_dir().join(format!("cabi-header-{command}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut text = String::from("extern \"C\" int puts(const char *); void *seen;\n");
        let mut main = String::from("int main() { int wrong = 0; void *at = &at;\n");
        for (name, class, by_reference) in classes() {
            text += &format!("{class}\n");
            // The function is called as one that takes a pointer there; what is passed by value sees no such address.
            text += &format!(
                "__attribute__((noinline)) void take_{name}(int, {name} x) {{ seen = &x; }}\n"
            );
            main += &format!(
                "seen = 0; reinterpret_cast<void (*)(int, void *, long)>(reinterpret_cast<void *>(&take_{name}))(0, at, 0); \
                 if ((seen == at) != {by_reference}) {{ puts(\"{name}\"); wrong = 1; }}\n"
            );
        }
        text += &format!("{main} return wrong; }}\n");
        let (source, program) = (dir.join("a.cpp"), dir.join("a.out"));
        // The negative control: one expectation turned around has to fail.
        let control = text.replacen("!= true", "!= false", 1);
        for (text, fails) in [(&text, false), (&control, true)] {
            std::fs::write(&source, text).unwrap();
            let built = Command::new(command)
                .args(["-w", "-O0", "-std=c++17", "-o"])
                .args([&program, &source])
                .status();
            let Ok(built) = built else {
                missing(command);
                break;
            };
            assert!(built.success(), "{command}");
            let run = Command::new(&program).output().unwrap();
            let said = String::from_utf8_lossy(&run.stdout);
            assert_eq!(!run.status.success(), fails, "{command}: {said}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

#[test]
fn system_headers() {
    let Some(header) =
        cxx("#include <cstdlib>\n#include <cmath>\n#include <string>\n#include <complex>\n")
    else {
        return;
    };
    assert_eq!(function(&header, "div").symbol, "div");
    for skipped in &header.skipped {
        let reason = &skipped.reason;
        let known = ["c++", "inline", "static", "incomplete", "attribute"].contains(&reason.key())
            || matches!(reason, Reason::Mismatch { .. } | Reason::In { .. });
        assert!(known, "{}: {}: {reason}", skipped.location, skipped.name);
    }
}
