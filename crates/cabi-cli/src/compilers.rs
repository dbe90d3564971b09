//! The options that name compilers to compare with, and the compilers found.

use cabi::Target;
use std::sync::Arc;
use std::time::Duration;

use cabi_verify::build::{
    InstalledCompilers, ProgramTarget, Reference, TIME_LIMIT, is_same_but_vendor,
};
use cabi_verify::report::references_required;
use cabi_verify::run::HERE;
use cabi_verify::threads::at_once;
use cabi_verify::verify::Compiler;
use clap::Args;

use crate::reading::{PolicyOption, foreign};

/// Compilers, the checks of each, and the number of processes that work at once.
#[derive(Args)]
pub(crate) struct Compilers {
    /// Compiler to compare with, and its flags; by default every gcc and clang found.
    #[arg(long, value_name = "CMD")]
    cc: Vec<String>,
    /// Compiler whose choices are expected: psabi, gcc, clang, zig, or a version (clang-22); after
    /// commas, policy bits to add (+BIT) or remove (-BIT). By default each compiler's own version,
    /// or the last measured one before it.
    #[arg(long)]
    policy: Option<PolicyOption>,
    /// Test functions of Win64, which gcc and clang on Linux mark `__attribute__((ms_abi))`. They
    /// pass the record types of a header; functions of the header are called as declared.
    #[arg(long)]
    pub(crate) ms_abi: bool,
    /// Target to test instead of the host, in separate programs. Code of another machine runs under
    /// an emulator. Known targets: aarch64-unknown-linux-gnu, aarch64-apple-darwin,
    /// aarch64-pc-windows-msvc, riscv64-unknown-linux-gnu, s390x-unknown-linux-gnu,
    /// x86_64-pc-windows-msvc and x86_64-pc-windows-gnu.
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Option<String>,
    /// Processes at once, 1 to 1024; by default one per processor.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Seconds that a compiler may take for one file before it is ended.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86400))]
    compile_timeout: u32,
}

impl Compilers {
    /// Returns the compilers named, or else all that are found. For a target whose code runs in
    /// programs of its own, only its known compilers are looked for. Also returns a line for each
    /// known compiler that is not found.
    ///
    /// # Errors
    /// The reason if there is none, or if a named compiler cannot be used.
    pub(crate) fn find(&self) -> Result<(Vec<Compiler>, Vec<String>), String> {
        let limit = Duration::from_secs(self.compile_timeout.into());
        let triple = self.target.as_deref().filter(|triple| !is_here(triple));
        if self.ms_abi && triple.is_some() {
            return Err("--ms-abi is for the host: name a Windows --target instead".to_owned());
        }
        triple.map(foreign::target).transpose()?;
        let programs = triple.map(ProgramTarget::named).transpose()?;
        let programs = programs.map(|(target, commands)| (Arc::new(target), commands));
        let target = programs.as_ref();
        let (target, commands) = target.map_or((HERE, &[][..]), |(programs, commands)| {
            (programs.target.clone(), *commands)
        });
        let mut found = named(&self.cc, limit, &target, commands)?;
        let mut absent = Vec::new();
        if self.cc.is_empty() {
            if let Some((_, commands)) = &programs {
                for command in commands.iter() {
                    match Reference::within(limit, command) {
                        Ok(reference) => found.push(reference),
                        Err(why) => absent.push(why),
                    }
                }
            } else {
                let installed = InstalledCompilers::find_within(limit);
                found = installed.references;
                let why = installed.absent.iter();
                absent.extend(why.map(|(name, why)| format!("{name}: {why}")));
            }
        }
        if found.is_empty() || (references_required() && !absent.is_empty()) {
            let of = triple.map_or("to compare with".to_owned(), |one| format!("for {one}"));
            let what = if found.is_empty() { "no" } else { "missing" };
            return Err(format!("{what} compiler {of}: {}", absent.join("; ")));
        }
        let policy = self.policy.map(|policy| policy.on(&target));
        let compilers = found.into_iter().map(|reference| match &programs {
            Some((programs, _)) => {
                let programs = programs.clone();
                Ok(Compiler::of_programs(reference, programs, policy))
            }
            None => {
                let compiler = Compiler::new(reference, policy);
                let mut compiler = compiler.map_err(|e| e.to_string())?;
                compiler.ms_abi = self.ms_abi;
                Ok(compiler)
            }
        });
        let absent = absent.into_iter().map(|why| format!("not run: {why}"));
        Ok((compilers.collect::<Result<_, String>>()?, absent.collect()))
    }

    /// Returns the number of processes that work at once.
    pub(crate) fn at_once(&self) -> usize {
        self.jobs.map_or_else(at_once, usize::from)
    }
}

/// Returns the compilers that `cc` names for `target`, to compare layouts alone.
///
/// # Errors
/// The reason if a compiler cannot be used.
pub(crate) fn for_layouts(cc: &[String], target: &Target) -> Result<Vec<Reference>, String> {
    let convention = |target: &Target| target.convention().map(|convention| convention.name);
    // The vendor in clang's name for this machine is another.
    if convention(target) == convention(&HERE) && target.data_model() == HERE.data_model() {
        return named(cc, TIME_LIMIT, &HERE, &[]);
    }
    let (programs, known) = ProgramTarget::named(target.name())?;
    let found = named(cc, TIME_LIMIT, &programs.target, known)?.into_iter();
    Ok(found.map(Reference::for_programs).collect())
}

/// Returns the compilers that `cc` names. They must be for `target`, as `commands` are.
fn named(
    cc: &[String],
    limit: Duration,
    target: &Target,
    commands: &[&str],
) -> Result<Vec<Reference>, String> {
    let reference_of = |(i, command): (usize, &String)| {
        // The results of a compiler named twice would count twice.
        if cc.iter().take(i).any(|other| other == command) {
            return Err(format!("`{command}` is named twice"));
        }
        let reference = Reference::within(limit, command)?;
        if reference.is_for(target).map_err(|e| e.to_string())? {
            return Ok(reference);
        }
        let hint = match commands {
            [] => "name its target with --target".to_owned(),
            commands => format!("use `{}`", commands.join("` or `")),
        };
        let target = target.name();
        Err(format!(
            "`{command}` compiles for another target than {target}: {hint}"
        ))
    };
    cc.iter().enumerate().map(reference_of).collect()
}

/// Returns whether `triple` is the target whose calls are made in processes of this machine.
fn is_here(triple: &str) -> bool {
    Target::named(triple).is_ok_and(|target| is_same_but_vendor(&target, &HERE))
}
