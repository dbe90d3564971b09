//! Whole headers: arguments and targets, headers of the system, long ones, and errors that end the reading.

use crate::support::{header_of, header_with, needs_libclang};
use cabi::{Kind, LongDouble, Scalar, Type};
use cabi_header::{HeaderError, Options, Reason, parse};

#[test]
fn errors_of_the_whole_header() {
    needs_libclang!();
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
    needs_libclang!();
    let header = header_with(
        "#ifdef WIDE\nlong\n#else\nint\n#endif\nf(char, long double);",
        &Options::new().args(["-DWIDE", "--target=aarch64-linux-gnu"]),
    );
    assert!(header.target.starts_with("aarch64"), "{}", header.target);
    assert_eq!(header.model.long_double, LongDouble::F128);
    let f = header.prototype("f").unwrap();
    assert_eq!(
        (f.ret.clone(), f.params[0].1.clone(), f.params[1].1.clone()),
        (Type::I64, Type::U8, Type::F128)
    );

    let header = header_with(
        "void f(long double);",
        &Options::new().arg("-mlong-double-64"),
    );
    assert_eq!(header.prototype("f").unwrap().params[0].1, Type::F64);
    let header = header_with(
        "void f(char, long, void *);",
        &Options::new().args(["-m32", "-funsigned-char"]),
    );
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
    needs_libclang!();
    let text = "__attribute__((regparm(3))) int a(int); __attribute__((stdcall)) int b(int); __attribute__((fastcall)) int c(int); int d(int);";
    let header = header_with(text, &Options::new().arg("--target=i686-linux-gnu"));
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
fn system_headers() {
    needs_libclang!();
    let text = "#include <complex.h>\n#include <math.h>\n#include <setjmp.h>\n#include <stdarg.h>\n#include <stddef.h>\n#include <stdio.h>\n#include <stdlib.h>\n\
        #include <string.h>\n#include <time.h>\n";
    let header = header_of(text);
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
    needs_libclang!();
    let mut text = String::from("typedef int t0;\n");
    for i in 1..5000 {
        text += &format!("typedef t{} t{i};\n", i - 1);
    }
    let header = header_of(&text);
    assert_eq!(header.ty("t4999"), Some(&Type::I32));
}

#[test]
fn callbacks_that_take_callbacks_are_bounded() {
    needs_libclang!();
    let mut text = String::from("typedef void f0(void);\n");
    for i in 1..6 {
        let params = format!("f{} *, ", i - 1).repeat(9);
        text += &format!("typedef void f{i}({params} int);\n");
    }
    text += "void f(f5 *);";
    let header = header_of(&text);
    assert_eq!(header.prototype("f").unwrap().params[0].1, Type::FN_PTR);
}

#[test]
fn threads_share_the_library() {
    needs_libclang!();
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
