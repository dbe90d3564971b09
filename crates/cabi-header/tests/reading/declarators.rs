//! Declarators: types are drawn, read by libclang and written. The text written declares the drawn
//! type to gcc and clang.

use std::fmt::Write;

use crate::support::{Compiler, header, needs_libclang};
use cabi_header::{Options, TypeSpelling, declared};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A drawn type: a base type, or a derivation of another.
#[derive(Clone, Debug)]
enum DrawnType {
    Base(&'static str),
    Pointer(Box<DrawnType>, &'static str),
    Array(Box<DrawnType>, u8),
    Function(Box<DrawnType>, Vec<DrawnType>, bool),
}

use DrawnType::{Array, Base, Function, Pointer};

const BASES: [&str; 8] = [
    "int",
    "unsigned char",
    "const char",
    "struct tag",
    "enum word",
    "_Complex double",
    "_Atomic(int)",
    "__attribute__((vector_size(16))) float",
];

const QUALIFIERS: [&str; 4] = ["", "const", "volatile", "const volatile"];

impl DrawnType {
    /// Declares `inner` to have this type, in C, with `parens` around each declarator.
    fn write(&self, inner: &str, parens: bool) -> String {
        let wrapped = match parens || inner.starts_with('*') {
            true if !inner.is_empty() => format!("({inner})"),
            _ => inner.to_owned(),
        };
        match self {
            Base(name) => format!("{name} {inner}"),
            Pointer(to, qualifiers) => to.write(&format!("*{qualifiers} {inner}"), parens),
            Array(of, len) => of.write(&format!("{wrapped}[{len}]"), parens),
            Function(result, params, variadic) => {
                result.write(&format!("{wrapped}{}", list(params, *variadic)), parens)
            }
        }
    }
}

/// Returns a list of parameters.
fn list(params: &[DrawnType], variadic: bool) -> String {
    let mut all: Vec<String> = params.iter().map(|param| param.write("", false)).collect();
    match (variadic, all.is_empty()) {
        (_, true) => all.push("void".to_owned()),
        (true, false) => all.push("...".to_owned()),
        (false, false) => {}
    }
    format!("({})", all.join(", "))
}

/// Draws the type of an object, up to `depth` derivations.
fn object(depth: u32) -> BoxedStrategy<DrawnType> {
    let base = select(&BASES[..]).prop_map(Base).boxed();
    if depth == 0 {
        return base;
    }
    let qualifiers = || select(&QUALIFIERS[..]);
    let pointer = |to: BoxedStrategy<DrawnType>| {
        (to, qualifiers()).prop_map(|(to, qualifiers)| Pointer(Box::new(to), qualifiers))
    };
    let array = (object(depth - 1), 1..9_u8).prop_map(|(of, len)| Array(Box::new(of), len));
    prop_oneof![
        1 => base,
        3 => pointer(object(depth - 1)),
        2 => array,
        3 => pointer(function(depth - 1)),
    ]
    .boxed()
}

/// Draws a function type. An array as a parameter or a result is a pointer to it instead.
fn function(depth: u32) -> BoxedStrategy<DrawnType> {
    let value = |depth: u32| {
        object(depth).prop_map(|ty| match ty {
            array @ Array(..) => Pointer(Box::new(array), ""),
            other => other,
        })
    };
    let params = prop::collection::vec(value(depth / 2), 0..3);
    let parts = (value(depth.saturating_sub(1)), params, any::<bool>());
    parts
        .prop_map(|(result, params, variadic)| Function(Box::new(result), params, variadic))
        .boxed()
}

/// Declares member `m` of type `ty`, and a function that takes and returns a pointer to it.
fn drawn(i: usize, (ty, parens): &(DrawnType, bool)) -> [String; 2] {
    let pointer = Pointer(Box::new(ty.clone()), "");
    let f = pointer.write(&format!("f{i}({})", pointer.write("a", *parens)), *parens);
    [ty.write("m", *parens), f]
}

/// Returns `types` as they are read: clang's spelling of each as a member, and the declaration of
/// the function.
fn spelled(types: &[(DrawnType, bool)]) -> Vec<(String, String)> {
    let mut text = String::from(TYPES);
    for (i, drawn_type) in types.iter().enumerate() {
        let [member, f] = drawn(i, drawn_type);
        let _ = writeln!(text, "struct s{i} {{ {member}; }};\n{f};");
    }
    let header = header(&text, &Options::new());
    let spelling_of = |i: usize| {
        let name = format!("struct s{i}");
        let record = header.records.iter().find(|record| record.name == name);
        let record = record.unwrap_or_else(|| panic!("{name}: {:?}\n{text}", header.reason(&name)));
        let name = format!("f{i}");
        let f = header.prototype(&name);
        let f = f.unwrap_or_else(|| panic!("{name}: {:?}\n{text}", header.reason(&name)));
        let [TypeSpelling { ty, .. }] = &record.spelled[..] else {
            panic!("one member\n{text}");
        };
        (ty.clone(), f.declaration())
    };
    (0..types.len()).map(spelling_of).collect()
}

const TYPES: &str = "struct tag { char c; }; enum word { A };\n";

/// Returns declarations that no compiler takes unless each written type is the drawn one.
fn compared(types: &[(DrawnType, bool)], written: &[(String, String)]) -> String {
    let mut text = String::from(TYPES);
    for (i, (one, (member, function))) in types.iter().zip(written).enumerate() {
        let [_, f] = drawn(i, one);
        let x = format!("x{i}");
        let (ty, same) = (one.0.write(&x, one.1), declared(member, &x));
        let _ = writeln!(text, "extern {ty}; extern {same}; {f}; {function};");
    }
    text
}

/// Checks `text` with the compilers that are here. Returns the number of compilers, and the first
/// message.
fn check(text: &str) -> (usize, Option<String>) {
    let found = [Compiler::Gcc, Compiler::Clang].map(|one| Some((one, one.find()?)));
    let found: Vec<_> = found.into_iter().flatten().collect();
    let wrong = found
        .iter()
        .find_map(|(compiler, command)| compiler.check(command, text).err());
    (found.len(), wrong)
}

#[test]
fn written_declarators_are_read_as_the_same_type() {
    needs_libclang!();
    let config = Config {
        cases: 12,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let fixed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let types = prop::collection::vec((object(6), any::<bool>()), 1..60);
    let run = TestRunner::new_with_rng(config, fixed).run(&types, |types| {
        let spellings = spelled(&types);
        let (_, wrong) = check(&compared(&types, &spellings));
        prop_assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
        Ok(())
    });
    run.unwrap();
}

/// Controls: a declarator with the name in another place, and another type.
#[test]
fn another_type_is_noticed() {
    let int = || Box::new(Base("int"));
    let f = Pointer(Box::new(Function(int(), vec![], false)), "");
    let function = "int (**f0(int (**)(void)))(void)".to_owned();
    for (member, is_right) in [
        ("int (*)(void)", true),
        ("int (*)(int)", false),
        ("int *(*)(void)", false),
    ] {
        let text = compared(
            &[(f.clone(), false)],
            &[(member.to_owned(), function.clone())],
        );
        let (n, wrong) = check(&text);
        assert_eq!(wrong.is_none(), is_right || n == 0, "{member}");
    }
    let misplaced = compared(
        &[(f, false)],
        &[("int (*)(void)".to_owned(), function.replace("(**)", "(*)"))],
    );
    let (n, wrong) = check(&misplaced);
    assert!(n == 0 || wrong.is_some());
}

/// Tests names of C++ and placeholders of types without a name.
#[test]
fn names_beside_other_brackets() {
    for (ty, name, expected) in [
        ("struct {..}[2]", "x", "struct {..} x[2]"),
        ("struct {..} *(*)[3]", "x", "struct {..} *(*x)[3]"),
        ("Box<int (*)(int)> *", "x", "Box<int (*)(int)> *x"),
        ("void (S::*)(int)", "x", "void (S::*x)(int)"),
        ("int (&)[3]", "x", "int (&x)[3]"),
        ("void (^)(int)", "x", "void (^x)(int)"),
        ("typeof (int (*)(int))", "x", "typeof (int (*)(int)) x"),
        ("_BitInt(7)", "x", "_BitInt(7) x"),
        ("int (int (*)(void))", "f", "int f(int (*)(void))"),
        ("int", "", "int"),
    ] {
        assert_eq!(declared(ty, name), expected);
    }
}
