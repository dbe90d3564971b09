//! Compiles the library for WebAssembly, and writes `target/explorer.html`, one file that needs no
//! server.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Size of the module above which a page is too large, in bytes.
const LIMIT: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = own.join("target");
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--release",
            "--lib",
            "--locked",
            "--target",
            "wasm32-unknown-unknown",
            "--target-dir",
        ])
        .arg(&target)
        .current_dir(own)
        .status()?;
    if !built.success() {
        return Err(
            "cargo build failed: install the target with `rustup target add wasm32-unknown-unknown`"
                .into(),
        );
    }
    let module = fs::read(target.join("wasm32-unknown-unknown/release/explorer.wasm"))?;
    if module.len() > LIMIT {
        return Err(format!("the module has {} bytes, more than {LIMIT}", module.len()).into());
    }
    let page = fs::read_to_string(own.join("src/explorer.html"))?;
    let path = target.join("explorer.html");
    fs::write(
        &path,
        page.replace("@MODULE@", &BASE64_STANDARD.encode(&module)),
    )?;
    println!("{}", path.display());
    Ok(())
}
