//! What `parse` makes of structures and unions: members, attributes, and what it leaves out and why.
//!
//! Layouts need no expectation here: `parse` itself compares every size, alignment and offset with clang's and leaves out what differs.

use crate::support::{header_of, header_with, left_out, needs_libclang, reason};
use cabi::Type;
use cabi_header::{Header, Options};

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

/// The attributes of a record, and of each member that has some.
fn attributes(header: &Header, name: &str) -> String {
    let words = |packed: bool, pack: Option<u32>, align: Option<u32>| {
        let packed = packed.then(|| "packed".to_owned());
        let pack = pack.map(|pack| format!("pack {pack}"));
        let align = align.map(|align| format!("aligned {align}"));
        packed.into_iter().chain(pack).chain(align)
    };
    let record = header.ty(name).unwrap().as_record().unwrap();
    let of = record.attributes();
    let mut list: Vec<String> = words(of.packed, of.pack, of.align).collect();
    list.extend(record.is_transparent().then(|| "transparent".to_owned()));
    for field in record.fields() {
        let of: Vec<String> = words(field.is_packed(), None, field.asked_align()).collect();
        if !of.is_empty() {
            let name = field.name().unwrap_or_default();
            list.push(format!("{name} {}", of.join(" ")));
        }
    }
    list.join(", ")
}

#[test]
fn records() {
    needs_libclang!();
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
    let header = header_of(text);
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
    needs_libclang!();
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
    let header = header_of(text);
    assert!(header.skipped.is_empty(), "{:?}", header.skipped);
    for (name, expected) in [
        ("struct packed", "packed"),
        ("struct half", "i packed, j packed aligned 2"),
        ("struct line", "aligned 64"),
        ("struct member", "i aligned 64, d aligned 8"),
        ("struct biggest", "i aligned 16, d aligned 16"),
        ("any_t", "transparent"),
        ("struct two", "pack 2"),
        ("struct two_eight", "pack 2, aligned 8"),
        ("struct mixed", ""),
    ] {
        assert_eq!(attributes(&header, name), expected, "{name}");
    }
    assert_eq!(members(&header, "struct ms"), ["a@0", "b@32"]);
}

#[test]
fn left_out_records() {
    needs_libclang!();
    for (text, why) in left_out("records") {
        assert_eq!(reason(text, "struct s"), why, "{text}");
    }
}

#[test]
fn a_type_that_is_left_out_takes_its_users_along() {
    needs_libclang!();
    let text = "struct s { _Atomic struct { char c[3]; } x; }; struct t { struct s s; }; struct t f(void); struct t *g(struct s *);";
    let header = header_of(text);
    let why = "field x: struct <anonymous>: `_Atomic` needs a scalar, or a record of 1, 2, 4, 8 or 16 bytes";
    assert_eq!(
        header.reason("f").unwrap().to_string(),
        format!("result: field s: {why}")
    );
    assert!(header.prototype("g").is_some());
}

#[test]
fn extensions_come_through_arguments() {
    needs_libclang!();
    let text = "struct inner { int a; }; struct outer { char c; struct inner; };";
    let header = header_with(text, &Options::new().arg("-fms-extensions"));
    assert_eq!(members(&header, "struct outer"), ["c@0", "@32"]);
}
