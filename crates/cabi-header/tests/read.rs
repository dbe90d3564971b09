//! What `parse` makes of declarations: types, functions, attributes, and what it leaves out and why.
//!
//! Layouts need no expectation here: `parse` itself compares every size, alignment and offset with clang's and leaves out what differs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use cabi::{BoolVector, Kind, LongDouble, Scalar, Type, VectorLevel};
use cabi_header::{Header, HeaderError, Options, Prototype, Reason, Written, parse};
use support::{read, read_with};

/// The prototype of `f` in `text`, with everything understood.
fn function(text: &str) -> Option<Prototype> {
    let header = read(text)?;
    assert!(header.skipped.is_empty(), "{:?}", header.skipped);
    Some(header.prototype("f").expect("f is declared").clone())
}

/// The only parameter of `void f(<parameter>);`.
fn param(parameter: &str) -> Option<Type> {
    let f = function(&format!("void f({parameter});"))?;
    assert_eq!(f.params.len(), 1, "{parameter}");
    Some(f.params[0].1.clone())
}

/// Why `name` is left out of `text`.
fn reason(text: &str, name: &str) -> Option<String> {
    let header = read(text)?;
    let reason = header
        .reason(name)
        .unwrap_or_else(|| panic!("{name} is not left out: {header:?}"));
    assert!(
        header.prototype(name).is_none() && header.ty(name).is_none(),
        "{name} is there all the same"
    );
    Some(reason.to_string())
}

#[test]
fn scalars() {
    let expected = [
        ("_Bool x", Type::BOOL),
        ("char x", Type::I8),
        ("signed char x", Type::I8),
        ("unsigned char x", Type::U8),
        ("short x", Type::I16),
        ("unsigned short x", Type::U16),
        ("int x", Type::I32),
        ("unsigned x", Type::U32),
        ("long x", Type::I64),
        ("unsigned long x", Type::U64),
        ("long long x", Type::I64),
        ("unsigned long long x", Type::U64),
        ("__int128 x", Type::I128),
        ("unsigned __int128 x", Type::U128),
        ("_Float16 x", Type::F16),
        ("__bf16 x", Type::BF16),
        ("float x", Type::F32),
        ("double x", Type::F64),
        ("long double x", Type::F80),
        ("__float128 x", Type::F128),
        ("_Decimal32 x", Type::DEC32),
        ("_Decimal64 x", Type::DEC64),
        ("const _Decimal128 x", Type::DEC128),
        ("const volatile int x", Type::I32),
        ("const __bf16 x", Type::BF16),
        ("__typeof__(1.5) x", Type::F64),
        ("void *x", Type::PTR),
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
    ];
    for (parameter, ty) in expected {
        let Some(read) = param(parameter) else { return };
        assert_eq!(read, ty, "{parameter}");
    }
}

#[test]
fn bit_precise_integers() {
    let model = cabi::DataModel::LP64;
    for (parameter, bits, signed) in [
        ("_BitInt(2) x", 2, true),
        ("unsigned _BitInt(1) x", 1, false),
        ("const _BitInt(17) x", 17, true),
        ("unsigned _BitInt(65) x", 65, false),
        ("_BitInt(129) x", 129, true),
    ] {
        let Some(read) = param(parameter) else { return };
        assert_eq!(read, model.bit_int(bits, signed).unwrap(), "{parameter}");
    }
    let Some(why) = reason("typedef _BitInt(70000) huge;", "huge") else {
        return;
    };
    assert_eq!(
        why,
        "_BitInt(70000): a `_BitInt` has at most 65535 bits here"
    );
}

#[test]
fn complex_vector_atomic_enum() {
    let vector = |lane: Type, lanes| Type::vector(&lane, lanes).unwrap();
    let typedefs = "typedef float v4 __attribute__((vector_size(16))); typedef double e4 __attribute__((ext_vector_type(4)));
        typedef _Bool b9 __attribute__((ext_vector_type(9))); enum small { A = 1 }; enum big { B = 1L << 40 }; enum minus { M = -1 };
        enum __attribute__((packed)) tiny { T };";
    let expected = [
        ("_Complex float x", Type::complex(&Type::F32).unwrap()),
        ("_Complex long double x", Type::complex(&Type::F80).unwrap()),
        ("_Complex int x", Type::complex(&Type::I32).unwrap()),
        ("v4 x", vector(Type::F32, 4)),
        ("e4 x", vector(Type::F64, 4)),
        ("b9 x", Type::bool_vector(9, BoolVector::Clang).unwrap()),
        ("_Atomic int x", Type::I32.atomic().unwrap()),
        ("_Atomic(double) x", Type::F64.atomic().unwrap()),
        ("enum small x", Type::enumeration(&Type::U32).unwrap()),
        ("enum minus x", Type::enumeration(&Type::I32).unwrap()),
        ("enum big x", Type::enumeration(&Type::U64).unwrap()),
        ("enum tiny x", Type::enumeration(&Type::U8).unwrap()),
    ];
    for (parameter, ty) in expected {
        let Some(f) = function(&format!("{typedefs} void f({parameter});")) else {
            return;
        };
        assert_eq!(f.params[0].1, ty, "{parameter}");
    }
}

#[test]
fn functions() {
    let Some(f) = function("extern double f(int count, const char *, ...);") else {
        return;
    };
    let names: Vec<_> = f.params.iter().map(|(name, _)| name.as_deref()).collect();
    assert_eq!(names, [Some("count"), None]);
    assert!(f.variadic && !f.unprototyped && !f.noreturn);
    assert_eq!((f.ret, f.symbol.as_str()), (Type::F64, "f"));

    let Some(f) = function("int f();") else {
        return;
    };
    assert!(f.unprototyped && !f.variadic);
    let Some(f) = function("int f(void);") else {
        return;
    };
    assert!(!f.unprototyped && f.params.is_empty());
    let Some(f) = function("int f(); int f(long);") else {
        return;
    };
    assert_eq!((f.unprototyped, f.params.len()), (false, 1));

    let Some(f) = function("int f(int) __asm__(\"other\");") else {
        return;
    };
    assert_eq!(f.symbol, "other");
    let Some(f) = function("__attribute__((target(\"avx2\"))) int f(int);") else {
        return;
    };
    assert_eq!(f.target_features, "avx2");
    let Some(f) = function("typedef int op(int, float); op f;") else {
        return;
    };
    assert_eq!((f.params.len(), f.ret), (2, Type::I32));
    let Some(f) = function("void (*f(int signal, void (*action)(int)))(int);") else {
        return;
    };
    assert_eq!((f.params[1].1.clone(), f.ret), (Type::FN_PTR, Type::FN_PTR));
    let Some(f) = function("int f(double x) { return undeclared(x); }") else {
        return;
    };
    assert_eq!(f.params[0].1, Type::F64);
    let Some(f) = function("inline int f(void) { return 1; } extern int f(void);") else {
        return;
    };
    assert_eq!(f.ret, Type::I32);
}

#[test]
fn conventions() {
    let Some(f) = function("__attribute__((ms_abi)) int f(int);") else {
        return;
    };
    assert_eq!(f.convention, Some(&cabi::X86_64_WIN64));
    let Some(f) = function("__attribute__((sysv_abi)) int f(int);") else {
        return;
    };
    assert_eq!(f.convention, None);
    for (target, ms, sysv) in [
        ("x86_64-linux-gnu", Some(&cabi::X86_64_WIN64), None),
        ("x86_64-w64-windows-gnu", None, Some(&cabi::X86_64_SYSV)),
    ] {
        let text = "typedef int op(int) __attribute__((ms_abi)); op m; __attribute__((sysv_abi)) int s(int);";
        let options = Options::new().arg(format!("--target={target}"));
        let header = read_with(text, &options).expect("libclang is here");
        let convention = |name: &str| header.prototype(name).unwrap().convention;
        assert_eq!((convention("m"), convention("s")), (ms, sysv), "{target}");
    }
}

#[test]
fn vector_levels() {
    use VectorLevel::{Avx, Avx512, Baseline};
    for (attribute, level) in [
        ("avx", Avx),
        ("sse4.2", Baseline),
        ("avx2,no-avx", Baseline),
        ("fma", Avx),
        ("avx512vl,tune=skylake", Avx512),
        ("avx512f,no-avx512f", Avx),
        ("arch=haswell", Avx),
        ("arch=x86-64-v4", Avx512),
    ] {
        let text = format!("__attribute__((target(\"{attribute}\"))) int f(int);");
        let Some(f) = function(&text) else { return };
        assert_eq!(f.vectors, level, "{attribute}");
    }
    for (arg, level) in [
        ("-mavx2", Avx),
        ("-march=x86-64-v4", Avx512),
        ("-O2", Baseline),
    ] {
        let header = read_with("int f(int);", &Options::new().arg(arg)).expect("libclang is here");
        assert_eq!(header.prototype("f").unwrap().vectors, level, "{arg}");
    }
    let unknown = "__attribute__((target(\"avx10.1-256\"))) int f(int);";
    let found = reason(unknown, "f").expect("libclang is here");
    assert_eq!(
        found,
        "the attribute target(\"avx10.1-256\") is not supported"
    );
}

#[test]
fn reasons_have_keys() {
    let text = "static int a(int); inline int b(int); void c(nosuch); struct s d(void);
        __attribute__((regcall)) int e(int); int f(void *) __attribute__((returns_twice)); void g(int (^)(void));
        struct h { _Atomic struct { char c[3]; } x; };
        #define I \"text\"
        struct j { char a : 2; long long b : 58 __attribute__((aligned(2))); };
        #pragma ms_struct on
        struct k { char a : 4; int b : 4; };";
    let Some(header) = read_with(text, &Options::new().arg("-fblocks")) else {
        return;
    };
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
    use Written::{Array, Char, Named, Other, Pointer, Void};
    let to = |ty: Written| Pointer(Box::new(ty));
    let text = "typedef struct { int quot, rem; } pair_t; enum color { RED }; struct opaque;
        typedef float v32 __attribute__((ext_vector_type(32)));
        pair_t *g(const char *name, pair_t *const *list, void *, struct opaque *, enum color *, int (*compare)(const void *, char, ...),
            double grid[][3], void (*later)(struct opaque), v32 *wide, void (*ms)(int) __attribute__((ms_abi)));";
    let Some(header) = read(text) else { return };
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
    let aligned = read(text).expect("libclang is here");
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
    for text in [
        "_Noreturn void f(void);",
        "void f(void) __attribute__((noreturn));",
        "void f(void); void f(void) __attribute__((__noreturn__));",
    ] {
        let Some(f) = function(text) else { return };
        assert!(f.noreturn, "{text}");
    }
    for text in [
        "void f(void (*dies)(void) __attribute__((noreturn)));",
        "void f(int _Noreturn_not);",
    ] {
        let Some(f) = function(text) else { return };
        assert!(!f.noreturn, "{text}");
    }
}

#[test]
fn left_out_functions() {
    let cases = [
        (
            "static int f(int x) { return x; }",
            "a static function has no symbol",
        ),
        (
            "inline int f(int x) { return x; }",
            "an inline function has no symbol of its own",
        ),
        (
            "__attribute__((vectorcall)) int f(int);",
            "the calling convention vectorcall is not supported",
        ),
        (
            "__attribute__((regcall)) int f(int);",
            "the calling convention regcall is not supported",
        ),
        (
            "__attribute__((preserve_most)) void f(int);",
            "the calling convention preserve_most is not supported",
        ),
        (
            "__attribute__((preserve_all)) void f(int);",
            "the calling convention preserve_all is not supported",
        ),
        (
            "__attribute__((preserve_none)) void f(int);",
            "the calling convention preserve_none is not supported",
        ),
        (
            "__attribute__((swiftcall)) void f(int);",
            "the calling convention swiftcall is not supported",
        ),
        (
            "int f(void *) __attribute__((returns_twice));",
            "the attribute returns_twice is not supported",
        ),
        (
            "int f(void *p __attribute__((pass_object_size(0))));",
            "the attribute pass_object_size is not supported",
        ),
        (
            "__attribute__((no_caller_saved_registers)) void f(int);",
            "the attribute no_caller_saved_registers is not supported",
        ),
        ("struct s f(int);", "result: struct s is incomplete here"),
        (
            "void f(int a, struct s b);",
            "parameter 2 (b): struct s is incomplete here",
        ),
        (
            "struct s { int x[]; int y; }; void f(struct s);",
            "parameter 1: struct s: clang says: flexible array member 'x' with type 'int[]' is not at the end of struct",
        ),
        (
            "void f(nosuch x);",
            "clang says: unknown type name 'nosuch'",
        ),
        (
            "typedef nosuch T; void f(T);",
            "parameter 1: T: clang says: unknown type name 'nosuch'",
        ),
        (
            "typedef float v32 __attribute__((ext_vector_type(32))); void f(v32);",
            "parameter 1: float __attribute__((ext_vector_type(32))): a vector of more than 64 bytes is not supported",
        ),
    ];
    for (text, why) in cases {
        let Some(found) = reason(&format!("{text} int g(int);"), "f") else {
            return;
        };
        assert_eq!(found, why, "{text}");
        // The rest of the header is there.
        assert!(
            read(&format!("{text} int g(int);"))
                .unwrap()
                .prototype("g")
                .is_some()
        );
    }
    // clang knows some functions by their names.
    let Some(why) = reason("int setjmp(void *);", "setjmp") else {
        return;
    };
    assert_eq!(why, "the attribute returns_twice is not supported");
}

/// `struct s` with every member understood, as `name@bits`.
fn members(header: &Header, name: &str) -> Vec<String> {
    let ty = header
        .ty(name)
        .unwrap_or_else(|| panic!("{name}: {:?}", header.skipped));
    let fields = ty.as_record().expect("a record").fields();
    fields
        .iter()
        .map(|field| format!("{}@{}", field.name().unwrap_or(""), field.offset_bits()))
        .collect()
}

#[test]
fn records() {
    let text = "
        struct point { double x, y; };
        union word { long i; double d; struct point *p; };
        struct all {
            struct point corners[2][3]; union { long i; double d; }; const char *name; int (*compare)(const void *, const void *);
            struct { char a; union { short b; char c[3]; }; } inner; struct all *next; long tail[];
        };
        typedef struct { int quot, rem; } pair_t;
        struct bits { unsigned a : 3, : 2, b : 7; int : 0; _Bool c : 1; long long d : 40; };
        typedef int unaligned __attribute__((aligned(1)));
        struct under { char c; unaligned x; unaligned many[2]; };";
    let Some(header) = read(text) else { return };
    assert!(header.skipped.is_empty(), "{:?}", header.skipped);
    let names: Vec<_> = header
        .records
        .iter()
        .map(|record| record.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "struct point",
            "union word",
            "struct all",
            "pair_t",
            "struct bits",
            "struct under"
        ]
    );
    assert_eq!(
        members(&header, "struct all"),
        [
            "corners@0",
            "@768",
            "name@832",
            "compare@896",
            "inner@960",
            "next@1024",
            "tail@1088"
        ]
    );
    assert_eq!(
        members(&header, "struct bits"),
        ["a@0", "@3", "b@5", "@32", "c@32", "d@64"]
    );
    assert_eq!(members(&header, "struct under"), ["c@0", "x@8", "many@40"]);
    let pair = header.ty("pair_t").unwrap();
    assert_eq!(pair.as_record().unwrap().tag(), Some("pair_t"));
    let all = header.ty("struct all").unwrap().as_record().unwrap();
    assert_eq!(all.field("compare").unwrap().0.ty(), &Type::FN_PTR);
    assert_eq!(all.field("d").unwrap().1, 768);
    assert_eq!(header.records[2].location.to_string(), "header.h:4");
}

#[test]
fn attributes_of_records() {
    let text = "
        #define CACHE (2 * 32)
        struct packed { char c; int i; long b : 40; } __attribute__((packed));
        struct half { char c; int i __attribute__((packed)); int j __attribute__((packed, aligned(2))); };
        struct line { char c; int i; } __attribute__((aligned(CACHE)));
        struct member { char c; int i __attribute__((aligned(CACHE))); _Alignas(double) char d; _Alignas(0) char e; };
        struct biggest { char c; int i __attribute__((aligned)); char d __attribute__((aligned(sizeof(struct packed) + 6))); };
        typedef union { int *i; float *f; } any_t __attribute__((transparent_union));
        struct __attribute__((ms_struct)) ms { char a : 4; int b : 4; };
        #pragma pack(push, 2)
        struct two { char c; int i; double d; int b : 9; long l : 60; };
        struct __attribute__((aligned(8))) two_eight { char c; int i; };
        #pragma pack(pop)
        struct mixed { char c; struct two t; struct packed p; };";
    let Some(header) = read(text) else { return };
    assert!(header.skipped.is_empty(), "{:?}", header.skipped);
    let attributes = |name: &str| header.ty(name).unwrap().as_record().unwrap().attributes();
    assert!(attributes("struct packed").packed);
    assert_eq!(attributes("struct line").align, Some(64));
    assert_eq!(attributes("struct two").pack, Some(2));
    assert_eq!(
        (
            attributes("struct two_eight").pack,
            attributes("struct two_eight").align
        ),
        (Some(2), Some(8))
    );
    let field = |record: &str, field: &str| {
        header
            .ty(record)
            .unwrap()
            .as_record()
            .unwrap()
            .field(field)
            .unwrap()
            .0
            .clone()
    };
    assert_eq!(
        (
            field("struct half", "i").is_packed(),
            field("struct half", "i").asked_align()
        ),
        (true, None)
    );
    assert_eq!(
        (
            field("struct half", "j").is_packed(),
            field("struct half", "j").asked_align()
        ),
        (true, Some(2))
    );
    let asked = ["i", "d", "e"].map(|name| field("struct member", name).asked_align());
    assert_eq!(asked, [Some(64), Some(8), None]);
    assert_eq!(
        ["i", "d"].map(|name| field("struct biggest", name).asked_align()),
        [Some(16); 2]
    );
    assert!(
        header
            .ty("any_t")
            .unwrap()
            .as_record()
            .unwrap()
            .is_transparent()
    );
    assert_eq!(members(&header, "struct ms"), ["a@0", "b@32"]);
}

#[test]
fn left_out_records() {
    let cases = [
        (
            "struct s { struct nowhere x; };",
            "clang says: field has incomplete type 'struct nowhere'",
        ),
        (
            "struct s { float x[2] __attribute__((vector_size(4))); };",
            "clang says: invalid vector element type 'float[2]'",
        ),
        (
            "struct s { _Atomic struct { char c[3]; } x; };",
            "field x: struct <anonymous>: `_Atomic` needs a scalar, or a record of 1, 2, 4, 8 or 16 bytes",
        ),
        (
            "struct s { int a; } __attribute__((scalar_storage_order(\"big-endian\")));",
            "the attribute scalar_storage_order is not supported",
        ),
        (
            "struct s { char a : 2; long long b : 58 __attribute__((aligned(2))); };",
            "struct s: gcc's offset of b in bits is 64, clang's 16",
        ),
        // The pragma leaves no trace in what libclang shows, but the layout does: a mismatch is reported, never used.
        (
            "#pragma ms_struct on\nstruct s { char a : 4; int b : 4; };",
            "struct s: clang's offset of b in bits is 32, ours 4",
        ),
    ];
    for (text, why) in cases {
        let Some(found) = reason(text, "struct s") else {
            return;
        };
        assert_eq!(found, why, "{text}");
    }
}

#[test]
fn a_type_that_is_left_out_takes_its_users_along() {
    let text = "struct s { _Atomic struct { char c[3]; } x; }; struct t { struct s s; }; struct t f(void); struct t *g(struct s *);";
    let Some(header) = read(text) else { return };
    let why = "field x: struct <anonymous>: `_Atomic` needs a scalar, or a record of 1, 2, 4, 8 or 16 bytes";
    assert_eq!(
        header.reason("f").unwrap().to_string(),
        format!("result: field s: {why}")
    );
    assert!(header.prototype("g").is_some());
}

#[test]
fn errors_of_the_whole_header() {
    if read("").is_none() {
        return;
    }
    let error = |text: &str, options: &Options| parse(text, options).unwrap_err().to_string();
    assert_eq!(
        error("#include <nowhere.h>", &Options::new()),
        "header.h:1:10: 'nowhere.h' file not found"
    );
    assert_eq!(
        error("int f(int);\n+;", &Options::new().name("x.c")),
        "x.c:2:1: expected external declaration"
    );
    assert_eq!(
        error("int f\0(int);", &Options::new()),
        "the text contains a NUL character"
    );
    assert!(matches!(
        parse("", &Options::new().arg("--target=nonsense-nowhere")),
        Err(HeaderError::Refused { .. } | HeaderError::Source { .. })
    ));
    assert!(matches!(
        parse("", &Options::new().arg("--target=powerpc64le-linux-gnu")),
        Err(HeaderError::Unsupported { .. })
    ));
}

#[test]
fn arguments_reach_clang() {
    let Some(header) = read_with(
        "#ifdef WIDE\nlong\n#else\nint\n#endif\nf(char, long double);",
        &Options::new().args(["-DWIDE", "--target=aarch64-linux-gnu"]),
    ) else {
        return;
    };
    assert!(header.target.starts_with("aarch64"), "{}", header.target);
    assert_eq!(header.model.long_double, LongDouble::F128);
    let f = header.prototype("f").unwrap();
    assert_eq!(
        (f.ret.clone(), f.params[0].1.clone(), f.params[1].1.clone()),
        (Type::I64, Type::U8, Type::F128)
    );

    let Some(header) = read_with(
        "void f(long double);",
        &Options::new().arg("-mlong-double-64"),
    ) else {
        return;
    };
    assert_eq!(header.prototype("f").unwrap().params[0].1, Type::F64);
    let Some(header) = read_with(
        "void f(char, long, void *);",
        &Options::new().args(["-m32", "-funsigned-char"]),
    ) else {
        return;
    };
    let sizes: Vec<_> = header
        .prototype("f")
        .unwrap()
        .params
        .iter()
        .map(|(_, ty)| ty.size())
        .collect();
    assert_eq!(
        (sizes, &header.prototype("f").unwrap().params[0].1),
        (vec![1, 4, 4], &Type::U8)
    );
}

#[test]
fn conventions_of_i386_are_refused_by_name() {
    let text = "__attribute__((regparm(3))) int a(int); __attribute__((stdcall)) int b(int); __attribute__((fastcall)) int c(int); int d(int);";
    let Some(header) = read_with(text, &Options::new().arg("--target=i686-linux-gnu")) else {
        return;
    };
    let reasons: Vec<_> = ["a", "b", "c"]
        .map(|name| header.reason(name).unwrap().to_string())
        .into();
    let refused = |name: &str| format!("the calling convention {name} is not supported");
    assert_eq!(
        reasons,
        [refused("regparm"), refused("stdcall"), refused("fastcall")]
    );
    assert!(header.prototype("d").is_some());
}

#[test]
fn extensions_come_through_arguments() {
    let text = "struct inner { int a; }; struct outer { char c; struct inner; };";
    let Some(header) = read_with(text, &Options::new().arg("-fms-extensions")) else {
        return;
    };
    assert_eq!(members(&header, "struct outer"), ["c@0", "@32"]);
}

#[test]
fn data_models_of_targets() {
    let expected = [
        ("x86_64-linux-gnu", cabi::DataModel::LP64),
        ("x86_64-linux-gnux32", cabi::DataModel::X32),
        ("i686-linux-gnu", cabi::DataModel::ILP32),
        ("x86_64-pc-windows-msvc", cabi::DataModel::LLP64),
        ("x86_64-w64-windows-gnu", cabi::DataModel::LLP64_GNU),
        ("aarch64-linux-gnu", cabi::DataModel::AARCH64),
    ];
    for (target, model) in expected {
        let Some(header) = read_with("", &Options::new().arg(format!("--target={target}"))) else {
            return;
        };
        assert_eq!(header.model, model, "{target}");
    }
}

#[test]
fn system_headers() {
    let text = "#include <complex.h>\n#include <math.h>\n#include <setjmp.h>\n#include <stdarg.h>\n#include <stddef.h>\n#include <stdio.h>\n#include <stdlib.h>\n\
        #include <string.h>\n#include <time.h>\n";
    let Some(header) = read(text) else { return };
    for skipped in &header.skipped {
        let known = matches!(
            &skipped.reason,
            Reason::Static | Reason::Inline | Reason::Incomplete(_)
        ) || skipped.reason == Reason::Attribute("returns_twice".to_owned());
        assert!(
            known,
            "{}: {}: {}",
            skipped.location, skipped.name, skipped.reason
        );
    }
    let div = &header.prototype("div").unwrap().ret;
    assert_eq!(
        (div.size(), div.as_record().unwrap().fields().len()),
        (8, 2)
    );
    assert!(header.prototype("exit").unwrap().noreturn);
    assert!(header.prototype("printf").unwrap().variadic);
    assert_eq!(header.prototype("qsort").unwrap().params[3].1, Type::FN_PTR);
    assert_eq!(
        header.prototype("csqrtl").unwrap().ret,
        Type::complex(&Type::F80).unwrap()
    );
    assert!(matches!(
        header.prototype("vprintf").unwrap().params[1].1.kind(),
        Kind::Scalar(Scalar::Ptr)
    ));
}

#[test]
fn a_header_of_thousands_of_typedefs_in_a_chain() {
    let mut text = String::from("typedef int t0;\n");
    for i in 1..5000 {
        text += &format!("typedef t{} t{i};\n", i - 1);
    }
    let Some(header) = read(&text) else { return };
    assert_eq!(header.ty("t4999"), Some(&Type::I32));
}

#[test]
fn callbacks_that_take_callbacks_are_bounded() {
    let mut text = String::from("typedef void f0(void);\n");
    for i in 1..6 {
        let params = format!("f{} *, ", i - 1).repeat(9);
        text += &format!("typedef void f{i}({params} int);\n");
    }
    text += "void f(f5 *);";
    let Some(header) = read(&text) else { return };
    assert_eq!(header.prototype("f").unwrap().params[0].1, Type::FN_PTR);
}

#[test]
fn threads_share_the_library() {
    if read("").is_none() {
        return;
    }
    let threads: Vec<_> = (0..4)
        .map(|i| {
            std::thread::spawn(move || parse(&format!("int f{i}(long);"), &Options::new()).unwrap())
        })
        .collect();
    for (i, thread) in threads.into_iter().enumerate() {
        assert!(thread.join().unwrap().prototype(&format!("f{i}")).is_some());
    }
}

#[test]
fn a_machine_without_libclang_is_told_what_to_install() {
    let error = HeaderError::NoLibclang {
        searched: "nothing found".to_owned(),
    }
    .to_string();
    assert!(
        error.contains("apt-get install libclang1-19") && error.contains("LIBCLANG_PATH"),
        "{error}"
    );
}
