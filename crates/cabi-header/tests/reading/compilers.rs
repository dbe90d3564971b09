//! Records that gcc and clang lay out differently: by the rules asked for, and without any left out by name. What the compilers do is
//! measured by the suite `layout`; here is what does not decide a place, and what is said then.

use crate::support::{header_with, needs_libclang};
use cabi::RecordRules;
use cabi_header::Options;

#[test]
fn what_compilers_lay_out_differently_is_left_out_unless_one_is_named() {
    needs_libclang!();
    let cases = include_str!("../compilers.txt").split("\n\n").skip(1);
    assert_eq!(cases.clone().count(), 10);
    for case in cases {
        let lines = case.lines();
        let text = lines.filter(|line| !line.starts_with("= ") && !line.starts_with("# "));
        let text: String = text.map(|line| format!("{line}\n")).collect();
        for (name, rules) in [
            ("gcc", Some(RecordRules::Gcc)),
            ("clang", Some(RecordRules::Clang)),
            ("agreed", None),
        ] {
            let options = Options::new().arg("--target=x86_64-linux-gnu");
            let options = rules.into_iter().fold(options, Options::records);
            let header = header_with(&text, &options);
            let found = match header.ty("struct s") {
                Some(ty) => format!("{} {}", ty.size(), ty.align()),
                None => header.reason("struct s").unwrap().to_string(),
            };
            let expected = case.split_once(&format!("\n= {name}: ")).unwrap().1;
            let expected = expected.lines().next().unwrap();
            let is_layout = expected.starts_with(|c: char| c.is_ascii_digit());
            let as_expected = found == expected || !is_layout && found.contains(expected);
            assert!(
                as_expected,
                "{rules:?}: {found}, expected {expected}\n{text}"
            );
        }
    }
}
