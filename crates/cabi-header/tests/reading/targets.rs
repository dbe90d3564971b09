//! Functions with a target of their own, and inline ones, compared with gcc's and clang's code.

use crate::support::{Compiler, compiled, header, needs_libclang};
use cabi::{RecordRules, VectorLevel};
use cabi_header::Options;

/// Returns the assembly that `command` makes of `text` with `args`, or none if it refuses the text.
fn assembly(command: &str, args: &[&str], text: &str) -> Option<String> {
    compiled(command, &[&["-S", "-w", "-o", "-"], args].concat(), text).ok()
}

fn rules(compiler: Compiler) -> RecordRules {
    match compiler {
        Compiler::Gcc => RecordRules::Gcc,
        Compiler::Clang => RecordRules::Clang,
    }
}

/// Returns the vectors of `f` in `text`, or the reason that it was left out.
fn read(text: &str, arg: &str, rules: RecordRules) -> Result<VectorLevel, String> {
    let options = Options::new()
        .arg("--target=x86_64-linux-gnu")
        .records(rules);
    let options = options.args(arg.split_whitespace());
    let header = header(text, &options);
    let read = header.prototype("f").map(|f| f.vectors);
    read.ok_or_else(|| header.reason("f").unwrap().to_string())
}

const WORDS: &str = "avx no-avx no-avx2 avx512f no-avx512f no-sse3 no-sse4.2 sse4.2 no-xsave no-fma fma arch=x86-64 arch=haswell \
    arch=x86-64-v4 avx,no-avx no-avx,avx2 avx2,no-avx avx512f,no-avx512f avx512vl,tune=skylake avx,arch=x86-64 arch=x86-64,avx \
    no-sse4.2,avx512f";

#[test]
fn wide_vectors_are_passed_as_each_compiler_passes_them() {
    needs_libclang!();
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        let Some(command) = compiler.find() else {
            continue;
        };
        let (mut n_known, mut n_refused) = (0, 0);
        for base in ["", "-mavx", "-march=x86-64-v4"] {
            for words in WORDS.split_whitespace() {
                for (size, register, level) in [
                    (32, "%ymm0", VectorLevel::Avx),
                    (64, "%zmm0", VectorLevel::Avx512),
                ] {
                    let vector = format!("typedef float v __attribute__((vector_size({size})));");
                    let declared =
                        format!("{vector} __attribute__((target(\"{words}\"))) v *f(v *to, v a)");
                    let defined = format!("{declared} {{ *to = a; return to; }}");
                    let mut args = vec!["-O1"];
                    args.extend(base.split_whitespace());
                    let Some(text) = assembly(command, &args, &defined) else {
                        continue;
                    };
                    // A vector that is split is in registers, and in none of this width.
                    let is_whole = text.contains(register);
                    let is_memory = text.contains("(%rsp)") || text.contains("(%rbp)");
                    match read(&(declared + ";"), base, rules(compiler)) {
                        Ok(widest) => {
                            n_known += 1;
                            let message =
                                format!("{command} {base} {words} {size}: {widest:?}\n{text}");
                            assert_eq!(widest >= level, is_whole && !is_memory, "{message}");
                            assert_eq!(widest < level, is_memory, "{message}");
                        }
                        Err(why) => {
                            n_refused += 1;
                            let is_split = why.contains("for which clang may split wide vectors");
                            assert!(
                                is_split && compiler == Compiler::Clang,
                                "{base} {words}: {why}"
                            );
                        }
                    }
                }
            }
        }
        // Controls: most are known, and those that clang splits are among the cases.
        assert!(n_known > 40, "{n_known}");
        assert_eq!(n_refused > 0, compiler == Compiler::Clang, "{n_refused}");
    }
}

#[test]
fn inline_functions_have_the_symbol_that_compilers_give_them() {
    needs_libclang!();
    let body = "int f(int x) { return x; }";
    let texts = [
        format!("inline {body}"),
        format!("extern inline {body}"),
        format!("static inline {body}"),
        format!("inline {body} int f(int);"),
        format!("inline {body} extern int f(int);"),
        format!("int f(int); inline {body}"),
        format!("inline int f(int); extern inline {body}"),
        format!("__attribute__((always_inline)) inline {body}"),
        format!("__attribute__((always_inline)) extern inline {body}"),
        format!("__attribute__((gnu_inline)) inline {body}"),
        format!("__attribute__((gnu_inline)) extern inline {body}"),
        format!("[[gnu::gnu_inline]] extern inline {body}"),
        format!("__attribute__((gnu_inline, always_inline)) inline {body}"),
        format!("__attribute__((gnu_inline)) static inline {body}"),
    ];
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        let Some(command) = compiler.find() else {
            continue;
        };
        let mut n_symbols = 0;
        for arg in ["", "-std=gnu89", "-fgnu89-inline"] {
            for text in &texts {
                let mut args = vec!["-O0"];
                args.extend(arg.split_whitespace());
                let Some(made) = assembly(command, &args, text) else {
                    continue;
                };
                let mut words = made.split_whitespace();
                let has_symbol = words.any(|word| word == ".globl") && words.next() == Some("f");
                let known = read(text, arg, rules(compiler));
                assert_eq!(
                    known.is_ok(),
                    has_symbol,
                    "{command} {arg} {text}: {known:?}\n{made}"
                );
                n_symbols += usize::from(has_symbol);
            }
            // A declaration without `inline` states that there is a symbol, here or elsewhere.
            let elsewhere = format!("int f(int); __attribute__((gnu_inline)) extern inline {body}");
            assert!(read(&elsewhere, arg, rules(compiler)).is_ok(), "{arg}");
        }
        assert!(
            (12..3 * texts.len() - 12).contains(&n_symbols),
            "{n_symbols}"
        );
    }
}
