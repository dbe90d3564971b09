//! Enumeration constants and macros: values and types as a C compiler has them.

use crate::support::{self, Compiler, needs_libclang};
use cabi::Type;
use cabi_header::{Header, Options};

fn constant(header: &Header, name: &str) -> (i128, Type) {
    let found = header
        .constant(name)
        .unwrap_or_else(|| panic!("{name}: {:?}", header.reason(name)));
    (found.value, found.ty.clone())
}

/// Tests that every macro of these headers that is an integer here is the same integer to the
/// compilers, with the same type.
#[test]
fn compilers_agree_about_system_headers() {
    needs_libclang!();
    let includes = "#include <stdlib.h>\n#include <stdio.h>\n#include <limits.h>\n#include <stdint.h>\n#include <errno.h>\n#include <fcntl.h>\n\
        #include <math.h>\n#include <signal.h>\n#include <sys/stat.h>\n#include <locale.h>\n#include <time.h>\n";
    let header = support::header(includes, &Options::new().arg("-std=gnu11"));
    assert!(header.macros.len() > 300, "{}", header.macros.len());
    assert_eq!(constant(&header, "RAND_MAX"), (0x7fff_ffff, Type::I32));
    assert_eq!(constant(&header, "SIZE_MAX").0, i128::from(u64::MAX));
    assert_eq!(constant(&header, "EOF"), (-1, Type::I32));
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        let Some(command) = compiler.find() else {
            continue;
        };
        let mut text = includes.to_owned();
        for constant in &header.macros {
            // These differ from compiler to compiler by design.
            if constant.location.file.contains("/clang/") || constant.name.starts_with("__") {
                continue;
            }
            let name = &constant.name;
            let ty = match &constant.ty {
                ty if *ty == Type::I32 => "int",
                ty if *ty == Type::U32 => "unsigned",
                ty if *ty == Type::I64 => "long",
                ty if *ty == Type::U64 => "unsigned long",
                ty => panic!("{name}: {ty}"),
            };
            let value = constant.value;
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
