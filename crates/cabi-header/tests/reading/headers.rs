//! Whole headers: those of the system, long ones, and errors that end the reading.

use crate::support::{header, needs_libclang};
use cabi::{Kind, Scalar, Type};
use cabi_header::{HeaderError, Options, Reason, parse};

/// Tests errors that the table `errors_of_headers` has no words for.
#[test]
fn errors_of_the_whole_header() {
    needs_libclang!();
    let nul = parse("int f\0(int);", &Options::new()).unwrap_err();
    assert_eq!(nul.to_string(), "the text contains a NUL character");
    assert!(matches!(
        parse("", &Options::new().arg("--target=nonsense-nowhere")),
        Err(HeaderError::Refused { .. } | HeaderError::Source { .. })
    ));
}

#[test]
fn system_headers() {
    needs_libclang!();
    let text = "#include <complex.h>\n#include <math.h>\n#include <setjmp.h>\n#include <stdarg.h>\n#include <stddef.h>\n#include <stdio.h>\n#include <stdlib.h>\n\
        #include <string.h>\n#include <time.h>\n";
    let header = header(text, &Options::new());
    for skipped in &header.skipped {
        let is_expected = matches!(
            &skipped.reason,
            Reason::Static | Reason::Inline | Reason::Incomplete(_)
        ) || skipped.reason == Reason::Attribute("returns_twice".to_owned());
        assert!(
            is_expected,
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
        Type::complex(&header.model.long_double()).unwrap()
    );
    assert!(matches!(
        header.prototype("vprintf").unwrap().params[1].1.kind(),
        Kind::Scalar(Scalar::Ptr)
    ));
}

#[test]
fn a_header_of_thousands_of_typedefs_in_a_chain() {
    needs_libclang!();
    let mut text = String::from("typedef int t0;\n");
    for i in 1..5000 {
        text += &format!("typedef t{} t{i};\n", i - 1);
    }
    let header = header(&text, &Options::new());
    assert_eq!(header.ty("t4999"), Some(&Type::I32));
}

/// libclang counts a column in a line that no newline ends from its start: with columns of all
/// positions this takes half a minute.
#[test]
fn a_long_line_without_a_newline() {
    needs_libclang!();
    let names: Vec<_> = (0..60_000).map(|i| format!("long_constant_{i}")).collect();
    let header = header(
        &format!("enum e {{ {} }};", names.join(",")),
        &Options::new(),
    );
    assert_eq!(header.constants.len(), names.len());
}

#[test]
fn callbacks_that_take_callbacks_are_bounded() {
    needs_libclang!();
    let mut text = String::from("typedef void f0(void);\n");
    for i in 1..6 {
        let params = format!("f{} *, ", i - 1).repeat(9);
        text += &format!("typedef void f{i}({params} int);\n");
    }
    text += "void f(f3 *); void g(f5 *); struct s { f5 *at; };";
    let header = header(&text, &Options::new());
    assert_eq!(header.prototype("f").unwrap().params[0].1, Type::FN_PTR);
    assert_eq!(header.ty("struct s").unwrap().size(), 8);
    assert_eq!(
        header.reason("g").unwrap().to_string(),
        "g: its type has more than 4096 parts once typedefs are resolved"
    );
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
