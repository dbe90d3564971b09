//! C++ headers: free functions, classes by value and by invisible reference, and what is left out.

use std::process::Command;

use crate::support::{header_with, missing, needs_libclang, read_with};
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

#[test]
fn free_functions() {
    let text = "
        extern \"C\" { int c(int); struct pair { long a; double b; }; pair swap(pair); }
        extern \"C\" double one(double);
        namespace space { namespace inner { int deep(const char *name = nullptr); } inline namespace v1 { void versioned(); } }
        int overloaded(int); int overloaded(double &) noexcept; int overloaded(double &&);
        [[noreturn]] void fail(bool, wchar_t, char16_t, char32_t, decltype(nullptr));
        namespace space { using alias = long; typedef alias name; } enum class color : unsigned char { red }; color paint(color);
        long labelled() asm(\"label\");";
    let Some(header) = cxx(text) else { return };
    assert!(header.skipped.is_empty(), "{:?}", header.skipped);
    let symbols: Vec<_> = header
        .prototypes
        .iter()
        .map(|f| (f.name.as_str(), f.symbol.as_str()))
        .collect();
    let expected = [
        ("c", "c"),
        ("swap", "swap"),
        ("one", "one"),
        ("space::inner::deep", "_ZN5space5inner4deepEPKc"),
        ("space::v1::versioned", "_ZN5space2v19versionedEv"),
        ("overloaded", "_Z10overloadedi"),
        ("overloaded", "_Z10overloadedRd"),
        ("overloaded", "_Z10overloadedOd"),
        ("fail", "_Z4failbwDsDiDn"),
        ("paint", "_Z5paint5color"),
        ("labelled", "label"),
    ];
    assert_eq!(symbols, expected);
    let types: Vec<_> = function(&header, "fail")
        .params
        .iter()
        .map(|(_, ty)| ty.clone())
        .collect();
    let expected = [Type::BOOL, Type::I32, Type::U16, Type::U32, Type::PTR];
    assert_eq!(types, expected);
    assert_eq!(header.ty("space::alias"), Some(&Type::I64));
    assert_eq!(header.ty("space::name"), Some(&Type::I64));
    assert!(function(&header, "fail").noreturn);
    assert!(!function(&header, "space::v1::versioned").unprototyped);
    assert_eq!(header.prototypes[6].params[0].1, Type::PTR);
    assert_eq!(
        header
            .constant("red")
            .or(header.constant("color::red"))
            .unwrap()
            .ty,
        Type::U8
    );
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

/// Microsoft's C++ returns even trivial classes by reference if they have a constructor: no guess.
#[test]
fn classes_of_microsoft_are_refused() {
    needs_libclang!();
    let text = "struct Plain { long a; }; void take(Plain); int number(int);";
    let options = Options::new()
        .name("header.hpp")
        .arg("--target=x86_64-pc-windows-msvc");
    let header = header_with(text, &options);
    assert_eq!(
        header.reason("take").unwrap().to_string(),
        "parameter 1: Plain: whether this class is trivial for calls cannot be asked"
    );
    assert_eq!(function(&header, "number").symbol, "?number@@YAHH@Z");
}

#[test]
fn results_by_reference_are_known_for_x86_64_only() {
    needs_libclang!();
    let text = "struct Owner { ~Owner(); }; Owner make(int); void take(Owner);";
    let options = Options::new()
        .name("header.hpp")
        .arg("--target=aarch64-linux-gnu");
    let header = header_with(text, &options);
    assert_eq!(
        header.reason("make").unwrap().to_string(),
        "result: Owner: a result by invisible reference is known for x86-64 only"
    );
    assert_eq!(function(&header, "take").by_reference, [0]);
}

#[test]
fn left_out() {
    let text = "
        struct S { int method(); S(); virtual ~S(); int x; };
        template <class T> T twice(T); template <class T> struct Box { T x; }; Box<int> boxed(Box<int>); extern char size[sizeof(Box<char>)]; void filled(Box<char>);
        static int internal(int); namespace { int hidden(int); } inline int inlined() { return 1; } constexpr int folded() { return 1; }
        int member(int S::*); struct Gone; void gone(Gone);
        struct Tail { int a; char b; Tail(); }; struct Reuse : Tail { char c; }; void reuse(Reuse);
        struct Ref { int &r; }; void ref(Ref);";
    let Some(header) = cxx(text) else { return };
    let why = |name: &str| {
        let reason = header.reason(name).unwrap_or_else(|| panic!("{name}"));
        reason.to_string()
    };
    for (name, expected) in [
        ("method", "a member function of C++ is not supported"),
        ("S", "a member function of C++ is not supported"),
        ("twice", "a function template of C++ is not supported"),
        ("Box", "a class template of C++ is not supported"),
        ("internal", "a static function has no symbol"),
        ("inlined", "an inline function has no symbol of its own"),
        ("folded", "an inline function has no symbol of its own"),
        (
            "member",
            "parameter 1: a pointer to a member of C++ is not supported",
        ),
        ("gone", "parameter 1: Gone is incomplete here"),
        (
            "boxed",
            "parameter 1: a class template that is not instantiated of C++ is not supported",
        ),
        (
            "reuse",
            "parameter 1: Reuse: clang's offset of c in bits is 40, ours 64",
        ),
    ] {
        assert_eq!(why(name), expected, "{name}");
    }
    assert!(header.prototype("hidden").is_none());
    assert_eq!(function(&header, "filled").params[0].1.size(), 1);
    assert_eq!(function(&header, "ref").params[0].1.size(), 8);
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
