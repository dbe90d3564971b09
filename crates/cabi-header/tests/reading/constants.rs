//! Enumeration constants and macros: values and types as a C compiler has them.

use crate::support::{Compiler, header_of, header_with, needs_libclang};
use cabi::Type;
use cabi_header::{Header, Options};

fn constant(header: &Header, name: &str) -> (i128, Type) {
    let found = header
        .constant(name)
        .unwrap_or_else(|| panic!("{name}: {:?}", header.reason(name)));
    (found.value, found.ty.clone())
}

#[test]
fn macros() {
    needs_libclang!();
    let text = "
        #define A 7
        #define B (A + sizeof(long))
        #define C 'x'
        #define D 0xffffffffu
        #define E (~0ull)
        #define F ((short)-1)
        #define G (1 ? -2L : A)
        #define SQUARE(x) ((x) * (x))
        #define H SQUARE(9)
        #define I (long)0x80000000
        enum { ONE = 1 };
        #define J ONE
        #define PASTE(a, b) a ## b
        #define Q PASTE(1, 2ul)
        #define K __LINE__ * 0 + 3
        #define OLD 1
        #undef OLD
        #define AGAIN 1
        #undef AGAIN
        #define AGAIN 2
        #define M true
        #define true 1
        #define N ((enum tiny)T2)
        enum tiny { T1, T2 };
        #define O (_Bool)5
        #define P (int)1.5";
    let header = header_of(text);
    for (name, value, ty) in [
        ("A", 7, Type::I32),
        ("B", 15, Type::U64),
        ("C", 120, Type::I32),
        ("D", 0xffff_ffff, Type::U32),
        ("E", i128::from(u64::MAX), Type::U64),
        ("F", -1, Type::I32),
        ("G", -2, Type::I64),
        ("H", 81, Type::I32),
        ("I", 0x8000_0000, Type::I64),
        ("J", 1, Type::I32),
        ("K", 3, Type::I32),
        ("Q", 12, Type::U64),
        ("AGAIN", 2, Type::I32),
        ("M", 1, Type::I32),
        ("N", 1, Type::U32),
        ("O", 1, Type::I32),
        ("P", 1, Type::I32),
    ] {
        assert_eq!(constant(&header, name), (value, ty), "{name}");
    }
    assert!(header.constant("OLD").is_none());
}

#[test]
fn macros_that_are_no_integers() {
    needs_libclang!();
    let text = "
        #define BRACE {
        #define END ; }
        #define SCOPE extern \"C\" BRACE
        #define BAD SCOPE
        #define OPEN (
        #define FLOAT 1.5
        #define TEXT \"text\"
        #define EMPTY
        #define CALL f()
        #define MAX(a, b) ((a) > (b) ? (a) : (b))
        #define NONE ((void *)0)
        #define ATTRIBUTE __attribute__((packed))
        #define TYPE unsigned long
        #define SELF SELF
        #define STATEMENT do { } while (0)
        #define VARIABLE stdin_
        #define GOOD 3
        extern int stdin_; int f(void);";
    let header = header_of(text);
    let why = |name: &str| header.reason(name).unwrap().to_string();
    let none = "the macro has no value that is an integer constant expression";
    for name in [
        "BRACE",
        "END",
        "SCOPE",
        "BAD",
        "OPEN",
        "FLOAT",
        "TEXT",
        "CALL",
        "NONE",
        "ATTRIBUTE",
        "TYPE",
        "SELF",
        "STATEMENT",
        "VARIABLE",
    ] {
        assert_eq!(why(name), none, "{name}");
        assert!(header.constant(name).is_none(), "{name}");
    }
    assert_eq!(why("EMPTY"), "the macro is empty");
    assert_eq!(why("MAX"), "the macro takes arguments");
    assert_eq!(constant(&header, "GOOD"), (3, Type::I32));
    assert!(header.prototype("f").is_some() && header.skipped.is_empty());
}

#[test]
fn enumeration_constants() {
    needs_libclang!();
    let text = "enum color { RED, GREEN = 5, BLUE }; enum { LOOSE = -1 }; enum big { BIG = 0xffffffffffffffff, SMALL = 1 };
        typedef enum { CASE } kind_t; struct s { enum inner { IN = 3 } e; };";
    let header = header_of(text);
    let all: Vec<_> = header
        .constants
        .iter()
        .map(|c| (c.name.as_str(), c.value, c.enumeration.as_str()))
        .collect();
    let expected = [
        ("RED", 0, "enum color"),
        ("GREEN", 5, "enum color"),
        ("BLUE", 6, "enum color"),
        ("LOOSE", -1, ""),
        ("BIG", i128::from(u64::MAX), "enum big"),
        ("SMALL", 1, "enum big"),
        ("CASE", 0, "kind_t"),
        ("IN", 3, "enum inner"),
    ];
    assert_eq!(all, expected);
    assert_eq!(constant(&header, "BLUE").1, Type::I32);
    assert_eq!(constant(&header, "BIG").1, Type::U64);
}

/// Every macro of these headers that is an integer here is the same integer to the compilers, with the same type.
#[test]
fn compilers_agree_about_system_headers() {
    needs_libclang!();
    let includes = "#include <stdlib.h>\n#include <stdio.h>\n#include <limits.h>\n#include <stdint.h>\n#include <errno.h>\n#include <fcntl.h>\n\
        #include <math.h>\n#include <signal.h>\n#include <sys/stat.h>\n#include <locale.h>\n#include <time.h>\n";
    let header = header_with(includes, &Options::new().arg("-std=gnu11"));
    assert!(header.macros.len() > 300, "{}", header.macros.len());
    assert_eq!(constant(&header, "RAND_MAX"), (0x7fff_ffff, Type::I32));
    assert_eq!(constant(&header, "SIZE_MAX").0, i128::from(u64::MAX));
    assert_eq!(constant(&header, "EOF"), (-1, Type::I32));
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        let Some(command) = compiler.find() else {
            continue;
        };
        let mut text = includes.to_owned();
        for found in &header.macros {
            // These differ from compiler to compiler by design.
            if found.location.file.contains("/clang/") || found.name.starts_with("__") {
                continue;
            }
            let name = &found.name;
            let ty = match &found.ty {
                ty if *ty == Type::I32 => "int",
                ty if *ty == Type::U32 => "unsigned",
                ty if *ty == Type::I64 => "long",
                ty if *ty == Type::U64 => "unsigned long",
                ty => panic!("{name}: {ty}"),
            };
            let value = found.value;
            text += &format!(
                "#ifdef {name}\n_Static_assert(({name}) == ({ty}){value}ull && ({name} < 0) == ({} < 0), \"{name}\");\n\
                 _Static_assert(_Generic(+({name}), {ty}: 1, default: 0), \"type of {name}\");\n#endif\n",
                value.signum()
            );
        }
        // A negative control: one value is wrong.
        let wrong = format!("{text}_Static_assert(RAND_MAX == 1, \"RAND_MAX\");\n");
        assert!(compiler.check(command, &wrong).is_err());
        compiler
            .check(command, &text)
            .unwrap_or_else(|error| panic!("{compiler:?}: {error}"));
    }
}
