//! Declarations as the corpus writes them.

use super::*;

fn declared(text: &str) -> Vec<String> {
    read(text).declared
}

#[test]
fn finds_tags_typedefs_enumerators_and_functions() {
    assert_eq!(
        declared("struct __attribute__((packed)) s { char a; };"),
        ["s"]
    );
    assert_eq!(
        declared("typedef float v4 __attribute__((vector_size(16)));"),
        ["v4"]
    );
    assert_eq!(
        declared("typedef struct point (*map)(struct point, void *);"),
        ["point", "map"]
    );
    assert_eq!(declared("typedef struct { int n; } value[3];"), ["value"]);
    assert_eq!(
        declared("enum tiny : signed char { A = -1, B };"),
        ["tiny", "A", "B"]
    );
    assert_eq!(
        declared("#pragma pack(push, 1)\nstruct s { long b; };\n#pragma pack(pop)\n"),
        ["s"]
    );
    assert_eq!(
        declared("enum e f(enum e, int); /* struct no */"),
        ["e", "f"]
    );
}

#[test]
fn cuts_prototypes() {
    let text = read(
        "_BitInt(7) f(_BitInt(7) a, int (*cb)(int, int), int b[2][3]);\nchar *g(void);\n__attribute__((noreturn)) void h(const char *, ...);",
    );
    let [f, g, h] = &text.functions[..] else {
        panic!("{text:?}")
    };
    assert_eq!((f.result.as_str(), f.name.as_str()), ("_BitInt(7)", "f"));
    assert_eq!(
        f.params,
        ["_BitInt(7) a", "int (*cb)(int, int)", "int b[2][3]"]
    );
    assert_eq!((g.result.as_str(), g.params.len()), ("char *", 0));
    assert_eq!(
        (h.result.as_str(), h.list.as_str()),
        ("void", "const char *, ...")
    );
    assert_eq!(h.attributes, "__attribute__((noreturn))");
    assert_eq!(h.params, ["const char *"]);
}

#[test]
fn splits_unnamed_types() {
    assert_eq!(
        split_list("int, void (*)(int, int), _BitInt(7), struct s"),
        ["int", "void (*)(int, int)", "_BitInt(7)", "struct s"]
    );
    assert!(split_list("").is_empty());
}
