//! An error in the text costs the declaration it stands in and what depends on it, by name; no more, and never less.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use cabi::Type;
use cabi_header::{DeclaredKind, Header, HeaderError, Options, Written, parse};
use support::{Compiler, header_of, header_with, needs_libclang, read, read_with};

/// A text with an error, what must be left out, what must stay, and the text without the error.
struct Case {
    text: &'static str,
    lost: &'static [&'static str],
    kept: &'static [&'static str],
    right: &'static str,
}

const CASES: [Case; 18] = [
    // clang 19 reads the member as `_Complex double _Float32`.
    Case {
        text: "struct s { _Complex _Float32 y; }; void f(struct s x); void g(struct s *x);",
        lost: &["struct s", "f"],
        kept: &["g"],
        right: "struct s { _Complex float y; }; void f(struct s x); void g(struct s *x);",
    },
    Case {
        text: "struct s { int x; int z y; int w; }; struct s f(void); typedef struct s t; union u { t x; }; int g(int);",
        lost: &["struct s", "f", "t", "union u"],
        kept: &["g"],
        right: "struct s { int x; int y; int w; }; struct s f(void); typedef struct s t; union u { t x; }; int g(int);",
    },
    // What clang skips has no declaration, and is named all the same.
    Case {
        text: "_Complex _Float64 f(int); int g(int);",
        lost: &["f", "_Float64"],
        kept: &["g"],
        right: "_Complex double f(int); int g(int);",
    },
    Case {
        text: "typedef _Complex _Float64 *t; int g(int);",
        lost: &["t"],
        kept: &["g"],
        right: "typedef _Complex double *t; int g(int);",
    },
    Case {
        text: "int g(double); foo_t f(int);",
        lost: &["f"],
        kept: &["g"],
        right: "int g(double); int f(int);",
    },
    Case {
        text: "int f(foo_t x); int g(int);",
        lost: &["f"],
        kept: &["g"],
        right: "int f(int x); int g(int);",
    },
    Case {
        text: "typedef struct { int z y; } t; int f(t); int g(t *);",
        lost: &["t", "f"],
        kept: &["g"],
        right: "typedef struct { int y; } t; int f(t); int g(t *);",
    },
    Case {
        text: "struct o { int a; struct { int z y; } in; }; int f(struct o); int g(int);",
        lost: &["struct o", "f"],
        kept: &["g"],
        right: "struct o { int a; struct { int y; } in; }; int f(struct o); int g(int);",
    },
    // clang gives such a constant a value all the same, and the size of an array goes by it.
    Case {
        text: "enum e { A = nowhere, B }; struct s { char c[B]; }; int f(struct s); int g(int);",
        lost: &["enum e", "A", "B", "struct s", "f"],
        kept: &["g"],
        right: "enum e { A = 7, B }; struct s { char c[B]; }; int f(struct s); int g(int);",
    },
    Case {
        text: "enum { A = nowhere }; enum { C = A + 2 }; typedef char t[C]; struct s { t x; };",
        lost: &["A", "C", "t", "struct s"],
        kept: &[],
        right: "enum { A = 7 }; enum { C = A + 2 }; typedef char t[C]; struct s { t x; };",
    },
    Case {
        text: "enum { A = nowhere };\n#define N (A + 1)\n#define M 3\nint g(int);",
        lost: &["A", "N"],
        kept: &["g", "M"],
        right: "enum { A = 7 };\n#define N (A + 1)\n#define M 3\nint g(int);",
    },
    Case {
        text: "enum { A = nowhere }; struct s { int x __attribute__((aligned(A + 8))); }; int g(int);",
        lost: &["A", "struct s"],
        kept: &["g"],
        right: "enum { A = 8 }; struct s { int x __attribute__((aligned(A + 8))); }; int g(int);",
    },
    Case {
        text: "struct s { int z y; }; struct t { char c[sizeof(struct s)]; }; int g(int);",
        lost: &["struct s", "struct t"],
        kept: &["g"],
        right: "struct s { int y; }; struct t { char c[sizeof(struct s)]; }; int g(int);",
    },
    // Two declarations that contradict each other.
    Case {
        text: "typedef int t; typedef long t; int g(int);",
        lost: &["t"],
        kept: &["g"],
        right: "typedef int t; typedef int t; int g(int);",
    },
    Case {
        text: "int f(int); long f(int); int g(int);",
        lost: &["f"],
        kept: &["g"],
        right: "int f(int); int f(int); int g(int);",
    },
    Case {
        text: "int table[-1]; int g(int);",
        lost: &["table"],
        kept: &["g"],
        right: "int table[1]; int g(int);",
    },
    Case {
        text: "int f(int a; int b); int g(int);",
        lost: &["f"],
        kept: &["g"],
        right: "int f(int a, int b); int g(int);",
    },
    Case {
        text: "#define DECLARE(t) typedef t made; made f(made);\nDECLARE(foo_t)\nint g(int);",
        lost: &["made", "f"],
        kept: &["g"],
        right: "#define DECLARE(t) typedef t made; made f(made);\nDECLARE(int)\nint g(int);",
    },
];

fn is_kept(header: &Header, name: &str) -> bool {
    header.prototype(name).is_some() || header.ty(name).is_some() || header.constant(name).is_some()
}

#[test]
fn an_error_costs_its_declaration_and_what_depends_on_it() {
    needs_libclang!();
    for case in CASES {
        let wrong = header_of(case.text);
        let right = read(case.right).unwrap();
        for name in case.lost {
            assert!(!is_kept(&wrong, name), "{name}: {}", case.text);
            assert!(wrong.reason(name).is_some(), "{name}: {}", case.text);
            // Without the error it is there, unless it is what clang made of the error.
            let is_made = *name == "_Float64" || *name == "table";
            assert!(is_made || is_kept(&right, name), "{name}: {}", case.right);
        }
        for name in case.kept {
            assert!(is_kept(&wrong, name), "{name}: {}", case.text);
        }
        assert!(right.skipped.is_empty(), "{:?}", right.skipped);
    }
}

#[test]
fn an_error_outside_of_declarations_costs_the_header() {
    if read("").is_none() {
        return;
    }
    let texts = [
        "int f(int); }",
        "int f(int); +;",
        "int f(int x",
        "int f(int) foo h(double);",
        "_Static_assert(sizeof(long) == 4, \"wrong machine\"); int f(long);",
        "struct { int z y; };",
        // clang keeps the first definition only.
        "struct s { int x; }; struct s { long x; };",
    ];
    for text in texts {
        match parse(text, &Options::new()) {
            Err(HeaderError::Source { errors }) => assert!(!errors.is_empty(), "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(parse("_Static_assert(sizeof(long) == 8, \"\");", &linux()).is_ok());
}

fn linux() -> Options {
    Options::new().arg("--target=x86_64-linux-gnu")
}

#[test]
fn decimal_types_are_known_through_everything() {
    needs_libclang!();
    let text = "
        typedef __typeof__(_Decimal32) a; typedef const _Decimal64 b; typedef _Atomic(_Decimal32) c;
        typedef _Decimal128 d; typedef __typeof__(d) e[2]; struct s { _Decimal64 x; e y; };
        _Decimal32 f(d, a, _Decimal64);
    ";
    let header = header_with(text, &linux());
    assert_eq!(header.ty("a"), Some(&Type::DEC32));
    assert_eq!(header.ty("b"), Some(&Type::DEC64));
    assert_eq!(header.ty("c"), Some(&Type::DEC32.atomic().unwrap()));
    assert_eq!(
        header.ty("e"),
        Some(&Type::array(&Type::DEC128, 2).unwrap())
    );
    assert_eq!(header.ty("struct s").unwrap().size(), 48);
    let f = header.prototype("f").unwrap();
    let params: Vec<&Type> = f.params.iter().map(|(_, ty)| ty).collect();
    assert_eq!(params, [&Type::DEC128, &Type::DEC32, &Type::DEC64]);
    assert_eq!(
        (&f.ret, &f.written_ret),
        (&Type::DEC32, &Written::Type(Type::DEC32))
    );
    // gcc has them: the sizes and alignments are its.
    if let Some(gcc) = Compiler::Gcc.find() {
        let check = "
            struct s { char c; _Decimal32 a; char d; _Decimal64 b; char e; _Decimal128 f; };
            _Static_assert(sizeof(struct s) == 48 && __builtin_offsetof(struct s, f) == 32, \"\");
        ";
        Compiler::Gcc.check(gcc, check).unwrap();
        let text =
            "struct s { char c; _Decimal32 a; char d; _Decimal64 b; char e; _Decimal128 f; };";
        let header = read_with(text, &linux()).unwrap();
        let ty = header.ty("struct s").unwrap();
        assert_eq!(ty.size(), 48);
        assert_eq!(ty.as_record().unwrap().fields()[5].offset_bits(), 256);
    }
}

#[test]
fn float32_keeps_its_name() {
    needs_libclang!();
    let text = "typedef _Float32 t; void f(float a, _Float32 b, const t c, _Float64 d);";
    let header = header_of(text);
    let float = Written::Type(Type::F32);
    let double = Written::Type(Type::F64);
    let f = header.prototype("f").unwrap();
    assert_eq!(
        f.written_params,
        [float, Written::Float32, Written::Float32, double]
    );
}

#[test]
fn function_types_have_prototypes() {
    needs_libclang!();
    let text = "
        int (*p)(int a, double b); typedef void callback(char *name); typedef callback *hook;
        long (*(*nested)(short x))(double); struct s { int x; } plain; int (*array[2])(int);
        __attribute__((ms_abi)) void (*other)(long); int (*wrong)(foo_t x);
    ";
    let header = header_with(text, &linux());
    let declared = |name: &str| {
        let mut all = header.declared.iter();
        all.find(|declared| declared.name == name).unwrap()
    };
    let p = header.function(declared("p")).unwrap();
    let names: Vec<_> = p.params.iter().map(|(name, _)| name.as_deref()).collect();
    assert_eq!((names, &p.ret), (vec![Some("a"), Some("b")], &Type::I32));
    for name in ["callback", "hook"] {
        let f = header.function(declared(name)).unwrap();
        assert_eq!((f.params.len(), &f.ret), (1, &Type::VOID), "{name}");
    }
    let nested = header.function(declared("nested")).unwrap();
    assert_eq!(nested.params, [(None, Type::I16)]);
    assert!(matches!(nested.written_ret, Written::Pointer(_)));
    for name in ["plain", "array", "struct s"] {
        assert!(
            matches!(declared(name).kind, DeclaredKind::Other(_)),
            "{name}"
        );
    }
    assert!(
        header
            .function(declared("other"))
            .unwrap()
            .convention
            .is_some()
    );
    assert!(header.function(declared("wrong")).is_err());
    let last = header.last_declared(|_| true).unwrap();
    assert_eq!(last.name, "wrong");
}
