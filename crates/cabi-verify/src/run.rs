//! Execution of compiled code.

use cabi::Target;

pub mod one_call;

/// The target of this machine's programs, where [`calls_here`] has no reason against them.
pub const HERE: Target = match cfg!(target_arch = "aarch64") {
    true => Target::AARCH64_LINUX,
    false => Target::X86_64_LINUX,
};

/// Checks whether compiled code is called on this host.
///
/// # Errors
/// The reason why not.
pub fn calls_here() -> Result<(), String> {
    let is_x86_64 = cfg!(all(target_arch = "x86_64", unix));
    match is_x86_64 || cfg!(all(target_arch = "aarch64", target_os = "linux")) {
        true => Ok(()),
        false => Err("calls are made on x86-64 with Unix or AArch64 Linux only".to_owned()),
    }
}

/// Checks whether `program` starts here.
///
/// # Errors
/// The reason why it does not.
pub fn starts(program: &str) -> Result<(), String> {
    let output = std::process::Command::new(program)
        .arg("--version")
        .output();
    output.map(drop).map_err(|why| format!("{program}: {why}"))
}
