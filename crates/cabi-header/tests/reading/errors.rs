//! An error in the text costs the declaration it stands in and what depends on it, by name; no more, and never less.

use crate::support::{Compiler, header_of, header_with, needs_libclang, read, read_with};
use cabi::Type;
use cabi_header::{DeclaredKind, Header, HeaderError, Options, Written, parse};

/// A text with an error, what must be left out, what must stay, and the text without the error.
struct Case {
    text: &'static str,
    lost: Vec<&'static str>,
    kept: Vec<&'static str>,
    right: &'static str,
}

/// The cases of `errors.txt`, which says how it is to be read.
fn cases() -> Vec<Case> {
    let names = |list: &'static str| {
        let names = list.split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).collect()
    };
    let case = |block: &'static str| {
        let text = block.trim_start_matches('\n');
        let text = match text.strip_prefix("# ") {
            Some(comment) => comment.split_once('\n')?.1,
            None => text,
        };
        let (text, rest) = text.split_once("\n- ")?;
        let (lost, rest) = rest.split_once("\n+")?;
        let (kept, right) = rest.split_once("\n= ")?;
        let (lost, kept) = (names(lost), names(kept));
        Some(Case {
            text,
            lost,
            kept,
            right: right.trim_end(),
        })
    };
    let all = include_str!("../errors.txt").split("\n\n").skip(1);
    all.map(|block| case(block).expect(block)).collect()
}

fn is_kept(header: &Header, name: &str) -> bool {
    header.prototype(name).is_some() || header.ty(name).is_some() || header.constant(name).is_some()
}

#[test]
fn an_error_costs_its_declaration_and_what_depends_on_it() {
    needs_libclang!();
    let cases = cases();
    assert_eq!(cases.len(), 18);
    for case in cases {
        let wrong = header_of(case.text);
        let right = read(case.right).unwrap();
        for name in &case.lost {
            assert!(!is_kept(&wrong, name), "{name}: {}", case.text);
            assert!(wrong.reason(name).is_some(), "{name}: {}", case.text);
            // Without the error it is there, unless it is what clang made of the error.
            let is_made = *name == "_Float64" || *name == "table";
            assert!(is_made || is_kept(&right, name), "{name}: {}", case.right);
        }
        for name in &case.kept {
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
