//! What `parse` makes of types and functions, and what it leaves out and why. Records are in `records.rs`.
//!
//! Layouts need no expectation here: `parse` itself compares every size, alignment and offset with clang's and leaves out what differs.

use crate::support::{header_of, header_with, left_out, needs_libclang, reason};
use cabi::{BoolVector, Type, VectorLevel};
use cabi_header::{Options, Prototype, Reason, Written};

/// The prototype of `f` in `text`, with everything understood.
fn function(text: &str) -> Prototype {
    let header = header_of(text);
    assert!(header.skipped.is_empty(), "{text}: {:?}", header.skipped);
    header.prototype("f").expect("f is declared").clone()
}

/// Spellings of types that the suite `round_trip` does not write.
#[test]
fn spellings() {
    needs_libclang!();
    let typedefs = "enum small { A = 1 }; enum minus { M = -1 }; enum big { B = 1L << 40 };
        typedef _Bool b9 __attribute__((ext_vector_type(9)));";
    let enumeration = |of: Type| Type::enumeration(&of).unwrap();
    let bits = |bits, signed| cabi::DataModel::LP64.bit_int(bits, signed).unwrap();
    let expected = [
        ("char x", Type::I8),
        ("long long x", Type::I64),
        ("unsigned long long x", Type::U64),
        ("const _Decimal128 x", Type::DEC128),
        ("const volatile int x", Type::I32),
        ("const __bf16 x", Type::BF16),
        ("__typeof__(1.5) x", Type::F64),
        ("int (*x)[3]", Type::PTR),
        ("int *restrict *x", Type::PTR),
        ("int (*x)(int)", Type::FN_PTR),
        ("void (**x)(void)", Type::PTR),
        ("int x(int)", Type::FN_PTR),
        ("int x[3]", Type::PTR),
        ("int x[]", Type::PTR),
        ("__builtin_va_list x", Type::PTR),
        ("int n[*]", Type::PTR),
        ("_Float32 x", Type::F32),
        ("_Float64x x", Type::F80),
        ("_Float128 x", Type::F128),
        ("__attribute__((mode(TI))) int x", Type::I128),
        ("int (*_Nonnull x)(void)", Type::FN_PTR),
        ("const _BitInt(17) x", bits(17, true)),
        ("const unsigned _BitInt(65) x", bits(65, false)),
        ("_Complex int x", Type::complex(&Type::I32).unwrap()),
        ("b9 x", Type::bool_vector(9, BoolVector::Clang).unwrap()),
        ("enum small x", enumeration(Type::U32)),
        ("enum minus x", enumeration(Type::I32)),
        ("enum big x", enumeration(Type::U64)),
    ];
    for (parameter, ty) in expected {
        let f = function(&format!("{typedefs} void f({parameter});"));
        assert_eq!(f.params, [(f.params[0].0.clone(), ty)], "{parameter}");
    }
    let why = reason("typedef _BitInt(70000) huge;", "huge");
    let expected = "_BitInt(70000): a `_BitInt` has at most 65535 bits here";
    assert_eq!(why, expected);
}

#[test]
fn functions() {
    needs_libclang!();
    let f = function("extern double f(int count, const char *, ...);");
    let names: Vec<_> = f.params.iter().map(|(name, _)| name.as_deref()).collect();
    assert_eq!(names, [Some("count"), None]);
    assert!(f.variadic && !f.unprototyped && !f.noreturn);
    assert_eq!((f.ret, f.symbol.as_str()), (Type::F64, "f"));

    let f = function("int f();");
    assert!(f.unprototyped && !f.variadic);
    let f = function("int f(void);");
    assert!(!f.unprototyped && f.params.is_empty());
    let f = function("int f(); int f(long);");
    assert_eq!((f.unprototyped, f.params.len()), (false, 1));

    let f = function("int f(int) __asm__(\"other\");");
    assert_eq!(f.symbol, "other");
    let f = function("__attribute__((target(\"avx2\"))) int f(int);");
    assert_eq!(f.target_features, "avx2");
    let f = function("typedef int op(int, float); op f;");
    assert_eq!((f.params.len(), f.ret), (2, Type::I32));
    let f = function("void (*f(int signal, void (*action)(int)))(int);");
    assert_eq!((f.params[1].1.clone(), f.ret), (Type::FN_PTR, Type::FN_PTR));
    let f = function("int f(double x) { return undeclared(x); }");
    assert_eq!(f.params[0].1, Type::F64);
    let f = function("inline int f(void) { return 1; } extern int f(void);");
    assert_eq!(f.ret, Type::I32);
}

#[test]
fn conventions() {
    needs_libclang!();
    let f = function("__attribute__((ms_abi)) int f(int);");
    assert_eq!(f.convention, Some(&cabi::X86_64_WIN64));
    let f = function("__attribute__((sysv_abi)) int f(int);");
    assert_eq!(f.convention, None);
    for (target, ms, sysv) in [
        ("x86_64-linux-gnu", Some(&cabi::X86_64_WIN64), None),
        ("x86_64-w64-windows-gnu", None, Some(&cabi::X86_64_SYSV)),
    ] {
        let text = "typedef int op(int) __attribute__((ms_abi)); op m; __attribute__((sysv_abi)) int s(int);";
        let options = Options::new().arg(format!("--target={target}"));
        let header = header_with(text, &options);
        let convention = |name: &str| header.prototype(name).unwrap().convention;
        assert_eq!((convention("m"), convention("s")), (ms, sysv), "{target}");
    }
}

/// Levels of arguments; those of attributes are in `targets.rs`.
#[test]
fn vector_levels() {
    needs_libclang!();
    use VectorLevel::{Avx, Avx512, Baseline};
    for (arg, level) in [
        ("-mavx2", Avx),
        ("-march=x86-64-v4", Avx512),
        ("-O2", Baseline),
    ] {
        let header = header_with("int f(int);", &Options::new().arg(arg));
        assert_eq!(header.prototype("f").unwrap().vectors, level, "{arg}");
    }
    let unknown = "__attribute__((target(\"avx10.1-256\"))) int f(int);";
    let found = reason(unknown, "f");
    assert_eq!(
        found,
        "the attribute target(\"avx10.1-256\") is not supported"
    );
    // gcc follows this pragma, clang does not: what it may change is refused, wherever it stands.
    let text = "typedef float v8 __attribute__((vector_size(32))); struct s { int n; struct { v8 v[1]; } in; };
        v8 f(int); int g(struct s); int h(v8 *, float __attribute__((vector_size(16))));";
    for pragma in [
        "#pragma GCC target(\"avx\")",
        "_Pragma(\"GCC target (\\\"avx\\\")\")",
    ] {
        let text = format!("{pragma}\n{text}");
        for name in ["f", "g"] {
            let found = reason(&text, name);
            assert_eq!(found, "the attribute #pragma GCC target is not supported");
        }
        assert!(header_of(&text).prototype("h").is_some());
    }
    let other = format!("#pragma GCC optimize(\"O2\")\n#pragma GCC targets\n{text}");
    assert!(header_of(&other).prototype("f").is_some());
}

#[test]
fn reasons_have_keys() {
    needs_libclang!();
    let text = "static int a(int); inline int b(int); void c(nosuch); struct s d(void);
        __attribute__((regcall)) int e(int); int f(void *) __attribute__((returns_twice)); void g(int (^)(void));
        struct h { _Atomic struct { char c[3]; } x; };
        #define I \"text\"
        struct j { char a : 2; long long b : 58 __attribute__((aligned(2))); };
        #pragma ms_struct on
        struct k { char a : 4; int b : 4; };";
    let header = header_with(text, &Options::new().arg("-fblocks"));
    let key = |name: &str| header.reason(name).unwrap().key();
    let keys = [
        "a", "b", "c", "d", "e", "f", "g", "struct h", "I", "struct j", "struct k",
    ]
    .map(key);
    let expected = [
        "static",
        "inline",
        "invalid",
        "incomplete",
        "convention",
        "attribute",
        "unsupported",
        "type",
        "macro",
        "compilers",
        "mismatch",
    ];
    assert_eq!(keys, expected);
    assert!(keys.iter().all(|key| Reason::KEYS.contains(key)));
}

#[test]
fn written_types() {
    needs_libclang!();
    use Written::{Array, Char, Named, Other, Pointer, Void};
    let to = |ty: Written| Pointer(Box::new(ty));
    let text = "typedef struct { int quot, rem; } pair_t; enum color { RED }; struct opaque;
        typedef float v32 __attribute__((ext_vector_type(32)));
        pair_t *g(const char *name, pair_t *const *list, void *, struct opaque *, enum color *, int (*compare)(const void *, char, ...),
            double grid[][3], void (*later)(struct opaque), v32 *wide, void (*ms)(int) __attribute__((ms_abi)));";
    let header = header_of(text);
    let g = header.prototype("g").unwrap();
    let pair = || Named("pair_t".into());
    let function = |params: Vec<Written>, ret, variadic| Written::Function {
        params,
        ret: Box::new(ret),
        variadic,
    };
    let compare = function(vec![to(Void), Char], Written::Type(Type::I32), true);
    let later = function(vec![Named("struct opaque".into())], Void, false);
    let expected = [
        to(Char),
        to(to(pair())),
        to(Void),
        to(Named("struct opaque".into())),
        to(Named("enum color".into())),
        to(compare),
        to(Array(Box::new(Written::Type(Type::F64)), Some(3))),
        to(later),
    ];
    assert_eq!(g.written_params[..8], expected);
    let text = "typedef int wide __attribute__((aligned(16))); typedef wide *wides; typedef _Decimal64 *decimals;
        void f(wides, decimals, void (*)(wide));";
    let aligned = header_of(text);
    let wide = Type::I32.with_align(16).unwrap();
    let expected = [
        to(Written::Type(wide.clone())),
        to(Written::Type(Type::DEC64)),
        to(function(vec![Written::Type(wide)], Void, false)),
    ];
    assert_eq!(aligned.prototype("f").unwrap().written_params, expected);
    for other in &g.written_params[8..] {
        assert!(
            matches!(other, Pointer(to) if matches!(**to, Other(_))),
            "{other:?}"
        );
    }
    assert_eq!(header.incomplete, ["struct opaque"]);
    assert_eq!(g.written_ret, to(pair()));
    assert_eq!(
        header.ty("enum color"),
        Some(&Type::enumeration(&Type::U32).unwrap())
    );
}

#[test]
fn noreturn() {
    needs_libclang!();
    for text in [
        "_Noreturn void f(void);",
        "void f(void) __attribute__((noreturn));",
        "void f(void); void f(void) __attribute__((__noreturn__));",
    ] {
        let f = function(text);
        assert!(f.noreturn, "{text}");
    }
    for text in [
        "void f(void (*dies)(void) __attribute__((noreturn)));",
        "void f(int _Noreturn_not);",
    ] {
        let f = function(text);
        assert!(!f.noreturn, "{text}");
    }
}

#[test]
fn left_out_functions() {
    needs_libclang!();
    for (text, why) in left_out("functions") {
        let text = format!("{text}\nint g(int);");
        assert_eq!(reason(&text, "f"), why, "{text}");
        // The rest of the header is there.
        assert!(header_of(&text).prototype("g").is_some(), "{text}");
    }
    // clang knows some functions by their names.
    let why = reason("int setjmp(void *);", "setjmp");
    assert_eq!(why, "the attribute returns_twice is not supported");
}
