//! The plan that options make: the headers, and how they are read. Also the bar that shows
//! progress.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cabi::{RecordRules, X86_64_WIN64};
use cabi_header::{Location, Options, clang_triple};
use cabi_verify::run::HERE;
use cabi_verify::verify::{Compiler, ReadHeader, RunStep, Verification};
use indicatif::{ProgressBar, ProgressStyle};

use super::options::{HeaderScope, Verify};
use crate::reading;

/// Returns the plan that the options make, and for each unreadable header the reason.
///
/// # Errors
/// The reason if there is no plan: no compiler, no libclang, no header that can be read, nothing to
/// verify.
pub(super) fn plan(
    verify: &Verify,
    compilers: Vec<Compiler>,
) -> Result<(Verification, Vec<String>), String> {
    // Callers and callees are emitted as C, which has no names, classes or references of C++ to
    // check.
    if let Some(what) = verify.reading.cxx(&verify.headers) {
        return Err(format!("{what}: C++ cannot be verified, only C"));
    }
    let mut flags = verify.reading.flags();
    reading::name_standard(&mut flags);
    let read = headers(verify, &flags, &compilers).into_iter();
    let (headers, unread): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
    let headers: Vec<ReadHeader> = headers.into_iter().flatten().collect();
    let unread: Vec<String> = unread.into_iter().filter_map(Result::err).collect();
    if headers.is_empty() {
        return Err(unread.join("\n"));
    }
    let mut plan = Verification::new(headers, compilers, flags);
    plan.at_once = verify.compilers.at_once();
    Ok((plan, unread))
}

/// Returns the rules of the record layouts that are verified. They are those of the only kind of
/// compiler, or none for the layouts on which gcc and clang agree.
fn records(compilers: &[Compiler]) -> Option<RecordRules> {
    let is = |name: &str| {
        compilers
            .iter()
            .all(|compiler| compiler.reference.name() == name)
    };
    match (is("gcc"), is("clang")) {
        (true, false) => Some(RecordRules::Gcc),
        (false, true) => Some(RecordRules::Clang),
        _ => None,
    }
}

/// Reads each header, or returns why that fails.
fn headers(
    verify: &Verify,
    flags: &[String],
    compilers: &[Compiler],
) -> Vec<Result<ReadHeader, String>> {
    let only = verify.only.as_ref();
    let mut args = flags.to_vec();
    let target = compilers.first();
    let target = target.map_or(HERE, Compiler::target);
    if let Some(triple) = &verify.compilers.target {
        args.push(format!("--target={}", clang_triple(triple)));
    }
    let name = reading::COMMAND_LINE;
    let options = Options::new().name(name).args(&args);
    let rules = records(compilers);
    let options = rules.into_iter().fold(options, Options::records);
    let convention = match verify.compilers.ms_abi {
        true => Some(&X86_64_WIN64),
        false => target.convention(),
    };
    let records = (&target, convention.filter(|_| verify.types));
    // With a reason for each declaration that has no case, which the run names.
    let is_empty = |read: &ReadHeader| read.subject.cases.is_empty() && read.skipped.is_empty();
    let read = verify.headers.iter().map(|name| {
        let bar = doing(format!("reading {name}"));
        reading::check::header(name, &args)?;
        drop(bar);
        let _bar = doing(format!("making cases of {name}"));
        let folders = verify.reading.include_dirs();
        let own = verify.own.map(|own| ChosenHeader::new(own, name, folders));
        let read = |own: Option<&ChosenHeader>| {
            let chosen = |of: &str, location: &Location| {
                only.is_none_or(|only| only.is_match(of))
                    && own.is_none_or(|own| own.has(&location.file))
            };
            ReadHeader::header(name, &options, records, chosen).map_err(|e| e.to_string())
        };
        let header = read(own.as_ref())?;
        match own.filter(|own| own.own == HeaderScope::Folder && is_empty(&header)) {
            Some(own) => read(Some(&own.of_folders(folders))),
            None => Ok(header),
        }
    });
    let what = only.map_or(String::new(), |only| format!(" that matches {only}"));
    let own = match verify.own {
        None => "",
        Some(HeaderScope::File) => {
            " of its own (--own=folder takes those of the headers beside it too)"
        }
        Some(HeaderScope::Folder) => " in its folder, or in one that -I names",
    };
    let with_something = |read: ReadHeader| match is_empty(&read) {
        true => Err(format!(
            "{}: no function and no record type{own}{what}",
            read.name
        )),
        false => Ok(read),
    };
    read.map(|read: Result<ReadHeader, String>| read.and_then(with_something))
        .collect()
}

/// Part of a header that is verified.
struct ChosenHeader {
    own: HeaderScope,
    /// Name of the header, as the command line has it.
    name: String,
    /// Path at which clang finds the header, unless it is in clang's own folders: those of -I come
    /// first.
    path: Option<PathBuf>,
    /// Folders that -I names, without links and as they are named. They are for a header that
    /// declares nothing but by including headers from there.
    folders: Vec<PathBuf>,
}

impl ChosenHeader {
    fn new(own: HeaderScope, name: &str, folders: &[String]) -> Self {
        let joined = folders.iter().map(|folder| Path::new(folder).join(name));
        let mut all = std::iter::once(PathBuf::from(name)).chain(joined);
        let found = all.find(|path| path.is_file());
        Self {
            own,
            name: name.to_owned(),
            path: found.map(|path| canonical(&path)),
            folders: Vec::new(),
        }
    }

    /// Adds the declarations in `folders`.
    fn of_folders(mut self, folders: &[String]) -> Self {
        let folders = folders.iter().map(Path::new);
        let both = folders.flat_map(|folder| [canonical(folder), folder.to_owned()]);
        self.folders = both.collect();
        self
    }

    /// Returns whether `file`, where clang found a declaration, is the header or in its folder.
    fn has(&self, file: &str) -> bool {
        let file = Path::new(file);
        // A link in a folder may lead out of it.
        let is_below =
            |folder: &PathBuf| canonical(file).starts_with(folder) || file.starts_with(folder);
        if self.folders.iter().any(is_below) {
            return true;
        }
        if let Some(path) = &self.path {
            let file = canonical(file);
            return match self.own {
                HeaderScope::File => file == *path,
                HeaderScope::Folder => path.parent().is_some_and(|folder| file.starts_with(folder)),
            };
        }
        // The path of a header that clang finds in its folders ends with the name given.
        let folder = Path::new(&self.name).parent();
        match folder.filter(|folder| self.own == HeaderScope::Folder && *folder != Path::new("")) {
            None => file.ends_with(&self.name),
            Some(folder) => file
                .ancestors()
                .skip(1)
                .any(|above| above.ends_with(folder)),
        }
    }
}

/// Returns `path` without links and `..`, as far as it exists.
fn canonical(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Shows what is being done until the result is dropped, on a terminal. Elsewhere nothing is
/// computed: the flags of that arithmetic would be those of the code under test.
pub(super) fn doing(what: String) -> Option<ProgressBar> {
    let is_seen = std::io::stderr().is_terminal();
    let bar = is_seen.then(|| ProgressBar::new_spinner().with_message(what));
    bar.inspect(ProgressBar::tick)
}

/// Shows each step of a run as a bar of its own, on a terminal.
pub(super) fn bar() -> impl Fn(RunStep, usize, usize) + Sync {
    let current: Mutex<Option<(RunStep, ProgressBar)>> = Mutex::new(None);
    let is_seen = std::io::stderr().is_terminal();
    move |step, done, of| {
        if !is_seen {
            return;
        }
        let Ok(mut current) = current.lock() else {
            return;
        };
        if current.as_ref().is_none_or(|(of, _)| *of != step) {
            let message = match step {
                RunStep::Ask => "asking for types and layouts",
                RunStep::Compile => "compiling both sides",
                RunStep::Call => "calling",
            };
            let bar = ProgressBar::new(of as u64).with_message(message);
            if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
                bar.set_style(style);
            }
            *current = Some((step, bar));
        }
        if let Some((_, bar)) = current.as_ref() {
            bar.set_position(done as u64);
            if done == of {
                bar.finish_and_clear();
            }
        }
    }
}
