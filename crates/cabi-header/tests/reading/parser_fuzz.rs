//! Nothing a header contains makes this crate panic: random sequences of C's words, and real declarations cut and shuffled.

use crate::support::needs_libclang;
use cabi_header::{Options, Reason, parse};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

#[rustfmt::skip]
const WORDS: [&str; 84] = [
    "struct", "union", "enum", "typedef", "int", "char", "long", "double", "void", "unsigned",
    "_Bool", "_Complex", "_Atomic", "_BitInt(7)", "__int128", "__bf16", "_Float16", "_Decimal64",
    "static", "inline", "extern", "const", "_Noreturn", "_Alignas(16)", "_Alignas(x)",
    "__attribute__((packed))", "__attribute__((aligned))", "__attribute__((aligned(sizeof(x))))",
    "__attribute__((vector_size(16)))", "__attribute__((ext_vector_type(3)))",
    "__attribute__((transparent_union))", "__attribute__((ms_abi))", "__attribute__((noreturn))",
    "__attribute__((scalar_storage_order(\"big-endian\")))", "\n#pragma pack(push, 1)\n",
    "\n#pragma pack(pop)\n", "\n#pragma pack(2)\n", "__asm__(\"s\")", "__builtin_va_list",
    "typeof(x)", "x", "y", "z", "s", "t", "{", "}", "{", "}", "(", ")", "[", "]", "[3]", "*", ",",
    ";", ";", ":", "...", "\n#define x", "\n#define y (", "\n#define z(t) t ##", "\n#undef x\n",
    "\n", "7", "+", "0x8000000000000000", "1.5", "'c'", "\"s\"", "=", "class",
    "template<class t>", "namespace", "extern \"C\"", "using", "virtual", "&", "&&", "~", "::",
    "public", "s<int>",
];

const DECLARATIONS: [&str; 17] = [
    "struct s { int x : 3; char : 0; double y[2]; struct s *next; };",
    "typedef struct { union { int a; float b; }; long c[]; } t;",
    "struct s f(t *x, int (*y)(struct s), ...) __attribute__((noreturn));",
    "enum e { A = 1 << 20, B = -1 } g(enum e);",
    "#pragma pack(push, 2)\nunion u { char c[3]; long l; };\n#pragma pack(pop)\n",
    "typedef float v __attribute__((vector_size(32))); v h(v, _Complex float);",
    "static inline int i(void) { return 1; }",
    "struct a { int x _Alignas(2 * 8); } __attribute__((packed, aligned(sizeof(struct a *))));",
    "typedef unsigned _BitInt(65) big; big j(big, _Decimal128, __builtin_va_list);",
    "int k(); int k(int); int l(int n, int m[n][n]);",
    "struct forward; struct forward m(struct forward *); struct forward { _Atomic long l; };",
    "#define A 7\n#define B (A + sizeof(long))\n#define C B {\n#define D(x) (x\n#define E D(1)\n",
    "class b { int x; protected: b(const b &); virtual ~b(); }; struct d : b { long y; }; d take(d, b &, b &&);",
    "namespace n { template <class T> struct box { T x; }; box<int> open(box<int>); box<char> c; } n::box<char> shut(n::box<char>);",
    "struct mo { mo(mo &&) = default; mo(const mo &) = delete; int x : 40; }; mo move(mo); int w(int mo::*, wchar_t, char16_t);",
    "extern \"C\" { struct em {}; em em_(em); enum class k : char { q }; } using al = em; constexpr int co(al) { return 1; }",
    "typedef int under __attribute__((aligned(1))); struct n { char c; under u[3]; under b : 5; };",
];

/// Reads `text` as C and as C++; that it returns is the property, and that what it returns makes sense.
fn survives(text: &str) {
    for name in ["a.h", "a.hpp"] {
        let Ok(header) = parse(text, &Options::new().name(name)) else {
            continue;
        };
        for named in header.records.iter().chain(&header.typedefs) {
            assert!(!named.name.is_empty() || named.ty.size() == 0, "{text}");
        }
        for record in &header.records {
            let n_fields = record.ty.as_record().map(|record| record.fields().len());
            assert_eq!(Some(record.members.len()), n_fields, "{text}");
        }
        for prototype in &header.prototypes {
            let n = prototype.params.len();
            assert_eq!(prototype.written_params.len(), n, "{text}");
            assert_eq!(prototype.signature().params().len(), n, "{text}");
        }
        for skipped in header.skipped.iter().chain(&header.other_macros) {
            assert!(!skipped.reason.to_string().is_empty());
            assert!(Reason::KEYS.contains(&skipped.reason.key()), "{text}");
        }
    }
}

/// 300 of `texts`, the same each time: clang 19's own parser does not come back from one in some ten thousand.
fn all_survive(texts: &impl Strategy<Value = String>) {
    let config = Config {
        cases: 300,
        failure_persistence: None,
        ..Config::default()
    };
    let fixed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let run = TestRunner::new_with_rng(config, fixed).run(texts, |text| {
        survives(&text);
        Ok(())
    });
    run.unwrap();
}

#[test]
fn random_words() {
    needs_libclang!();
    let texts = prop::collection::vec(prop::sample::select(&WORDS[..]), 0..40)
        .prop_map(|words| words.join(" "));
    all_survive(&texts);
}

#[test]
fn cut_and_shuffled_declarations() {
    needs_libclang!();
    let part = (
        prop::sample::select(&DECLARATIONS[..]),
        any::<prop::sample::Index>(),
        prop::bool::weighted(0.3),
    );
    let texts = prop::collection::vec(part, 1..6).prop_map(|parts| {
        let cut = |(text, at, cut): (&str, prop::sample::Index, bool)| {
            let end = if cut {
                at.index(text.len() + 1)
            } else {
                text.len()
            };
            text[..end].to_owned()
        };
        parts.into_iter().map(cut).collect::<Vec<_>>().join("\n")
    });
    all_survive(&texts);
}

#[test]
fn deep_nesting_is_refused() {
    needs_libclang!();
    let text = |depth: usize| {
        format!(
            "{}int x;{}",
            "struct { ".repeat(depth),
            "} m;".repeat(depth)
        )
    };
    let header = parse(&format!("struct s {{ {} }};", text(60)), &Options::new()).unwrap();
    assert_eq!(header.ty("struct s").unwrap().size(), 4);
    let header = parse(&format!("struct s {{ {} }};", text(200)), &Options::new()).unwrap();
    let reason = header.reason("struct s").unwrap().to_string();
    assert!(reason.contains("nest"), "{reason}");
    survives(&format!(
        "int f(int {}x{});",
        "(*".repeat(2000),
        ")(void)".repeat(2000)
    ));
}
