//! Names the hosts on which calls of compiled code are made, once for sources and tests:
//! `cfg(has_calls)`.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(has_calls)");
    let target = |name: &str| var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let has_calls = match target("ARCH").as_str() {
        "x86_64" => target("FAMILY") == "unix",
        "aarch64" => target("OS") == "linux",
        _ => false,
    };
    if has_calls {
        println!("cargo::rustc-cfg=has_calls");
    }
}
