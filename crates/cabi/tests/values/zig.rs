//! Zig's conventions: their names, and promotions.

use cabi::{Type, zig};

#[test]
fn every_name_is_a_convention_or_refused_by_name() {
    let supported = ["auto", "naked", "x86_64_sysv", "x86_64_win"];
    assert_eq!(zig::conventions().count(), 85);
    for name in zig::conventions() {
        match zig::convention(name) {
            Ok(_) => assert!(supported.contains(&name), "{name}"),
            Err(why) => {
                assert!(!supported.contains(&name));
                assert!(why.to_string().starts_with(&format!("{name}: ")), "{why}");
            }
        }
    }
    for (name, convention) in [("auto", &zig::AUTO), ("naked", &zig::NAKED)] {
        assert_eq!(zig::convention(name), Ok(convention));
    }
    let aliases = ["c", "winapi", "kernel", "fastcall", ""];
    assert!(aliases.iter().all(|name| zig::convention(name).is_err()));
}

#[test]
fn unnamed_arguments_are_promoted_as_zig_does() {
    let promoted = [Type::F16, Type::F32, Type::U8, Type::BF16].map(|ty| zig::promote(&ty));
    assert_eq!(promoted, [Type::F64, Type::F64, Type::I32, Type::BF16]);
}
