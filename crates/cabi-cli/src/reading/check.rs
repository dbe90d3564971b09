//! Reads C in a child before it is read here: what overflows libclang's stack, fills the memory or never ends is an error message.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use cabi_header::Options;
use clap::Args;

use crate::call::ending;

/// How many bytes of memory the child may have, and how long it may take.
const MEMORY: u64 = 2 << 30;
const SECONDS: u64 = 60;

/// How many bytes a header may have.
const FILE_SIZE: u64 = 64 << 20;

/// Reads C from standard input, and says what is wrong with it: whether that ends is what the parent wants to know.
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct ReadC {
    /// What the text is called.
    #[arg(long)]
    name: String,
    /// Arguments for clang.
    #[arg(last = true)]
    clang: Vec<String>,
}

impl ReadC {
    pub(crate) fn run(&self) -> Result<String, String> {
        limit_memory();
        crate::end_with_parent();
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|e| format!("standard input: {e}"))?;
        let options = Options::new().name(&self.name).args(&self.clang);
        match cabi_header::parse(&text, &options) {
            Ok(_) => Ok(String::new()),
            Err(error) => {
                crate::write_out(&error.to_string())?;
                Err(String::new())
            }
        }
    }
}

#[cfg(unix)]
fn limit_memory() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |bytes| Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    // Where a limit cannot be set, as below a lower one, the child goes on without.
    let _ = setrlimit(Resource::As, limit(MEMORY));
    let _ = setrlimit(Resource::Core, limit(0));
}

#[cfg(not(unix))]
fn limit_memory() {}

/// Refuses what is no ordinary file, and what is too large: libclang reads the whole of it, and more than once.
pub(crate) fn file(header: &str) -> Result<(), String> {
    let Ok(metadata) = Path::new(header).metadata() else {
        // Searched by clang.
        return Ok(());
    };
    if !metadata.is_file() {
        return Err(format!(
            "{header}: not a regular file, and a header is read more than once"
        ));
    }
    if metadata.len() > FILE_SIZE {
        return Err(format!(
            "{header}: {} bytes, and a header may have {FILE_SIZE}",
            metadata.len()
        ));
    }
    Ok(())
}

/// Refuses a text, called `name`, that is wrong as a whole, or that libclang does not come back from; `what` it is in a message.
///
/// What is wrong is the child's word, a line for each error: without its limits the same text may take all memory there is.
pub(crate) fn text(what: &str, text: &str, name: &str, args: &[String]) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|e| format!("the path of this command: {e}"))?;
    let mut child = Command::new(&own)
        .args(["read-c", "--name", name, "--"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("{}: {e}", own.display()))?;
    if let Some(mut input) = child.stdin.take() {
        // It may have ended before it reads, which is found below.
        let _ = input.write_all(text.as_bytes());
    }
    let output = child.stdout.take();
    let (said, waited) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut said = String::new();
            // What is no text is nothing it says.
            let _ = output.map(|mut output| output.read_to_string(&mut said));
            said
        });
        let waited = wait(&mut child);
        (reader.join().unwrap_or_default(), waited)
    });
    match waited {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(_)) if said.starts_with("clang gave up") => {
            let most = MEMORY >> 30;
            Err(format!("{what}: {said} (it may take {most} GiB of memory)"))
        }
        Ok(Some(_)) if !said.is_empty() => Err(said),
        Ok(Some(status)) => Err(format!(
            "{what}: libclang {} while it read this",
            ending(status)
        )),
        Ok(None) => Err(format!("{what}: libclang has not read this in {SECONDS} s")),
        Err(error) => Err(format!("{}: {error}", own.display())),
    }
}

/// How the child ended, or `None` when its time was up.
fn wait(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    while start.elapsed() < Duration::from_secs(SECONDS) {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}
