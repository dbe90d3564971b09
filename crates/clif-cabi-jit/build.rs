//! Names the hosts that have an engine, once for sources, tests and examples: `cfg(has_engine)`.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(has_engine)");
    let target = |name: &str| var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let (family, os) = (target("FAMILY"), target("OS"));
    let has_engine = match target("ARCH").as_str() {
        "x86_64" => family == "unix" || family == "windows",
        // Among Apple's systems macOS alone lets programs write code.
        "aarch64" => {
            let has_c = ["linux", "android", "freebsd", "macos"].contains(&os.as_str());
            has_c && target("ENDIAN") == "little"
        }
        "riscv64" | "s390x" => os == "linux",
        _ => false,
    };
    if has_engine {
        println!("cargo::rustc-cfg=has_engine");
    }
}
