//! The objects that all programs of a machine's probe share: `rounds.c` and the machine's assembly.
//! A process compiles them once for each machine and set of flags.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Probe, ROW, SECONDS};
use crate::build::{Reference, ReferenceError};
use crate::emit::cranelift::OWN_WORDS;
use crate::scratch::Scratch;

/// Number of cases of this process from which on `rounds.c` is optimized. It then compiles in twice
/// the time, and runs for three quarters as long.
const MANY: usize = 1024;

/// Number of cases of the programs so far.
static CASES: AtomicUsize = AtomicUsize::new(0);

/// An object file's bytes, once they are there.
type Object = Arc<Mutex<Option<Arc<[u8]>>>>;

/// The objects of this process, by the command and the text that they are made of. Bytes are kept,
/// as no static variable removes a file at the end.
static OBJECTS: Mutex<BTreeMap<[String; 2], Object>> = Mutex::new(BTreeMap::new());

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compiles `text` with `flags`, unless this process has.
fn object(linker: &Reference, text: String, flags: &[&str]) -> Result<Arc<[u8]>, ReferenceError> {
    let key = [format!("{} {}", linker.command(), flags.join(" ")), text];
    let object = locked(&OBJECTS).entry(key.clone()).or_default().clone();
    // Others that need this object wait for it.
    let mut object = locked(&object);
    if let Some(bytes) = &*object {
        return Ok(bytes.clone());
    }
    let built = linker.clone().for_programs().build(&key[1], flags)?;
    let bytes = std::fs::read(&built.object).map_err(ReferenceError::io("the probe"))?;
    Ok(object.insert(bytes.into()).clone())
}

impl Probe {
    /// Writes the objects for a program of `n` cases to `folder`, and returns their paths.
    ///
    /// # Errors
    /// [`ReferenceError`]: the compiler refuses one, or cannot be run.
    pub(super) fn objects(
        &self,
        folder: &Scratch,
        n: usize,
    ) -> Result<[String; 2], ReferenceError> {
        let objects = [
            ("rounds.o", self.rounds(n)?),
            ("machine.o", self.assembly()?),
        ];
        for (name, bytes) in &objects {
            let written = std::fs::write(folder.path().join(name), bytes);
            written.map_err(ReferenceError::io("the probe"))?;
        }
        Ok(objects.map(|(name, _)| folder.path().join(name).to_string_lossy().into_owned()))
    }

    fn flags_and<'a>(&'a self, own: &[&'a str]) -> Vec<&'a str> {
        let flags = self.flags.iter().map(String::as_str);
        flags.chain(own.iter().copied()).collect()
    }

    /// Returns the object file of `rounds.c` for a program of `n` cases.
    pub(super) fn rounds(&self, n: usize) -> Result<Arc<[u8]>, ReferenceError> {
        let (window, registers) = (self.window, self.machine.registers);
        let constants = format!(
            "enum {{ WINDOW = {window}, SECONDS = {SECONDS}, OWN_WORDS = {OWN_WORDS} }};\n{registers}"
        );
        let text = include_str!("../../probe/rounds.c")
            .replace("ROW\n", ROW)
            .replace("#include MACHINE\n", &constants)
            .replace("PROGRAM\n", include_str!("../../probe/program.c"));
        // Emulators take long for a return: small functions are inlined, and no more, which would
        // compile for long.
        let level: &[&str] = match self.emulator.is_empty() && CASES.fetch_add(n, Relaxed) < MANY {
            true => &["-O0"],
            false => &["-O1", "-finline-small-functions"],
        };
        let own = ["-w", "-ffreestanding", "-fno-stack-protector"];
        object(&self.linker, text, &self.flags_and(&[level, &own].concat()))
    }

    fn assembly(&self) -> Result<Arc<[u8]>, ReferenceError> {
        let text = format!("#define WINDOW {}\n{}", self.window, self.machine.assembly);
        object(
            &self.linker,
            text,
            &self.flags_and(&["-x", "assembler-with-cpp"]),
        )
    }
}
