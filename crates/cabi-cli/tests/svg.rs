//! The pictures in the documentation are what the command draws. `CABI_BLESS=1` draws them anew.

mod support;

use std::path::Path;

use support::{cabi, libclang, printed};

/// File and declaration; the first word of the third column is what the picture shows.
const PICTURES: &[(&str, &[&str], &str)] = &[
    (
        "mixed-struct",
        &[],
        "struct point { double x; int n; char tag[3]; }; struct point move(int by, struct point p, float z);",
    ),
    (
        "rollback",
        &[],
        "struct pair { long a, b; }; long f(long a, long b, long c, long d, long e, struct pair p, long last);",
    ),
    (
        "x87-variadic",
        &[
            "--unnamed",
            "int",
            "--unnamed",
            "double",
            "--unnamed",
            "long double",
        ],
        "long double log_all(const char *format, ...);",
    ),
    (
        "bits-union",
        &[],
        "struct flags { unsigned kind : 3, level : 7; int delta : 20; unsigned long id : 40; }; \
         union word { double d; unsigned char bytes[8]; struct { float lo, hi; }; }; \
         union word pack(struct flags f, union word w);",
    ),
    (
        "sret",
        &[],
        "struct matrix { double m[2][2]; char name[5]; }; struct matrix turn(struct matrix m, double by);",
    ),
];

fn draw(options: &[&str], declaration: &str) -> String {
    let target = [
        "explain",
        "--target",
        "x86_64-unknown-linux-gnu",
        "--svg",
        "-",
    ];
    printed(&cabi(&[&target, options, &[declaration]].concat()), 0)
}

#[test]
fn pictures_are_what_the_command_draws() {
    if !libclang() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/explain");
    let mut drawn = Vec::new();
    for (name, options, declaration) in PICTURES {
        let path = folder.join(format!("{name}.svg"));
        let svg = draw(options, declaration);
        if std::env::var_os("CABI_BLESS").is_some() {
            std::fs::write(&path, &svg).expect("the picture can be written");
        }
        let kept = std::fs::read_to_string(&path).expect("the picture is there");
        assert!(
            kept == svg,
            "{name}.svg is not what is drawn now: CABI_BLESS=1, then look at it"
        );
        drawn.push(svg);
    }
    // Two of them are never alike.
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), PICTURES.len());
    let files = std::fs::read_dir(folder)
        .expect("the folder is there")
        .count();
    assert_eq!(files, PICTURES.len(), "a picture that nothing draws");
}

#[test]
fn every_tag_is_closed() {
    if !libclang() {
        return;
    }
    // Types of every kind, among them one too large to draw, and one without bytes.
    let svg = draw(
        &["--unnamed", "_Complex long double", "--unnamed", "__int128"],
        "struct big { char c[9000]; double d[3]; }; struct e {}; struct big f(struct big a, struct e b, _Complex float c, ...);",
    );
    assert!(svg.contains("bytes more"), "{svg}");
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (inside, _) = tag.split_once('>').expect("a tag ends");
        let name = inside.split([' ', '/']).next().unwrap_or_default();
        match inside.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "{svg}"),
            None if inside.ends_with('/') => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
