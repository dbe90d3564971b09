//! Options by which a header is read: arguments, language, and where headers such as `stddef.h`
//! come from.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use cabi::{RecordRules, Target};

/// Options by which a header is read.
///
/// Headers are searched in the directories given, then in clang's own. For the host's own target,
/// the directories of the system's compiler come last; `cc -E -v`, run once, lists them. With
/// `-nostdinc` only the directories given are searched.
///
/// # Example
/// ```
/// use cabi_header::Options;
///
/// let options = Options::new()
///     .name("point.h")
///     .arg("-std=c11")
///     .args(["-I", "include", "-DNDEBUG"]);
/// # let _ = options;
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    pub(crate) name: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) records: Records,
}

/// Records that are read, and the compiler whose layout they have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Records {
    /// The records that gcc and clang lay out alike.
    Alike,
    /// All, by the rules of the target's own compiler.
    OfTarget,
    By(RecordRules),
}

impl Records {
    /// Returns the rules for `triple`; none if only records that compilers lay out alike are read.
    pub(crate) fn rules(self, triple: &str) -> Option<RecordRules> {
        match self {
            Self::Alike => None,
            Self::OfTarget => Some(of_target(triple)),
            Self::By(rules) => Some(rules),
        }
    }
}

/// Returns the rules of the compiler that builds the libraries of `triple`, or gcc's for a target
/// that `cabi` does not know.
pub(crate) fn of_target(triple: &str) -> RecordRules {
    let target = Target::named(triple);
    target.map_or(RecordRules::Gcc, |target| target.data_model().records)
}

/// Returns clang's name of the target that Rust's triple `triple` names.
///
/// clang's names of RISC-V have no extensions, and those of C-SKY no ABI. UEFI is Windows, as it is
/// to Rust, since clang before 20 does not know UEFI's types. `gnullvm` is `gnu`, whose compiler is
/// clang.
///
/// # Example
/// ```
/// assert_eq!(cabi_header::clang_triple("aarch64-apple-ios-sim"), "aarch64-apple-ios-simulator");
/// ```
#[must_use]
pub fn clang_triple(triple: &str) -> String {
    let ends = [
        ("-unknown-uefi", "-unknown-windows-msvc"),
        ("-cygwin", "-windows-cygnus"),
        ("-gnullvm", "-gnu"),
        ("-sim", "-simulator"),
    ];
    for (rust, clang) in ends {
        if let Some(start) = triple.strip_suffix(rust) {
            return format!("{start}{clang}");
        }
    }
    let machines = ["riscv32", "riscv64", "csky"];
    let machine = machines.iter().find(|machine| triple.starts_with(*machine));
    match (machine, triple.split_once('-')) {
        (Some(&"csky"), _) => "csky".to_owned(),
        (Some(machine), Some((_, system))) => format!("{machine}-{system}"),
        _ => triple.to_owned(),
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: PathBuf::from("header.h"),
            args: Vec::new(),
            records: Records::Alike,
        }
    }
}

impl Options {
    /// Returns options without arguments. Text in memory is called `header.h`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name of text in memory in messages and locations; quoted includes are searched next
    /// to it.
    #[must_use]
    pub fn name(mut self, name: impl Into<PathBuf>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds one argument for clang: `-Idir`, `-DNAME`, `-std=c11`, `--target=aarch64-linux-gnu`.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments for clang.
    #[must_use]
    pub fn args<I: IntoIterator<Item: Into<String>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets the rules that lay out records. Without rules, only records that gcc and clang lay out
    /// alike are read; others are left out as [`Reason::Compilers`](crate::Reason::Compilers).
    /// [`RecordRules::Msvc`] is that of Microsoft's targets alone, which have no other. In C++,
    /// gcc's rules are used where clang's agree.
    ///
    /// # Example
    /// ```
    /// use cabi::{RecordRules, Target};
    /// use cabi_header::{HeaderError, Options, parse};
    ///
    /// let text = "struct record { char tag; void *__attribute__((aligned(1))) at; };";
    /// let options = Options::new().arg("--target=x86_64-linux-gnu");
    /// let header = match parse(text, &options) {
    ///     Err(HeaderError::NoLibclang { .. }) => return Ok(()),
    ///     read => read?,
    /// };
    /// let reason = header.reason("struct record").unwrap();
    /// assert_eq!(
    ///     reason.to_string(),
    ///     "struct record: gcc's offset of at in bits is 8, clang's 64"
    /// );
    ///
    /// let header = parse(text, &options.records(RecordRules::Gcc))?;
    /// assert_eq!(header.ty("struct record").unwrap().size(), 9);
    /// # Ok::<(), HeaderError>(())
    /// ```
    #[must_use]
    pub fn records(mut self, rules: RecordRules) -> Self {
        self.records = Records::By(rules);
        self
    }

    /// Sets the rules, as [`records`](Self::records) does, to those of the compiler that builds the
    /// target's own libraries: gcc on Linux, clang on Darwin and FreeBSD.
    ///
    /// # Example
    /// ```
    /// use cabi_header::{HeaderError, Options, parse};
    ///
    /// let text = "struct record { char tag; void *__attribute__((aligned(1))) at; };";
    /// for (target, size) in [("x86_64-unknown-linux-gnu", 9), ("x86_64-apple-darwin", 16)] {
    ///     let options = Options::new().arg(format!("--target={target}")).records_of_target();
    ///     let header = match parse(text, &options) {
    ///         Err(HeaderError::NoLibclang { .. }) => return Ok(()),
    ///         read => read?,
    ///     };
    ///     assert_eq!(header.ty("struct record").unwrap().size(), size);
    /// }
    /// # Ok::<(), HeaderError>(())
    /// ```
    #[must_use]
    pub fn records_of_target(mut self) -> Self {
        self.records = Records::OfTarget;
        self
    }

    /// Returns the language that clang reads, `c` or `c++` with its variants. The last `-x`
    /// decides, else the header's extension: those of C++ headers select C++.
    #[must_use]
    pub fn language(&self) -> &str {
        let mut args = self.args.iter();
        let mut stated = None;
        while let Some(arg) = args.next() {
            if arg == "-x" {
                stated = args.next().map(String::as_str).or(stated);
            } else if let Some(language) = arg.strip_prefix("-x") {
                stated = Some(language);
            }
        }
        let extension = self.name.extension().and_then(|end| end.to_str());
        let is_cxx = extension.is_some_and(|end| CXX_EXTENSIONS.contains(&end));
        stated.unwrap_or(if is_cxx { "c++" } else { "c" })
    }

    /// Returns arguments for clang's own headers and for folders that are searched after all
    /// others. A libclang that is loaded through a link does not find its own headers.
    pub(crate) fn system_includes(&self, library: &Path) -> Vec<String> {
        let is = |names: &[&str]| {
            let mut args = self.args.iter();
            args.any(|arg| names.iter().any(|name| arg.starts_with(name)))
        };
        if is(&["-nostdinc", "-nobuiltininc"]) {
            return Vec::new();
        }
        let mut directories = Vec::new();
        // Another target's headers are not the system compiler's.
        if !is(&[
            "--target",
            "-target",
            "--sysroot",
            "-isysroot",
            "-m32",
            "-mx32",
        ]) {
            directories.extend(compiler_includes(self.language()).iter().cloned());
        }
        let resources = library
            .parent()
            .map_or(vec![], |lib| versions(&lib.join("clang")));
        let mut args = Vec::new();
        match &resources[..] {
            _ if is(&["-resource-dir"]) => {}
            [only] => args.push(format!("-resource-dir={}", only.display())),
            // clang has to find the headers of its own version.
            [_, ..] => {}
            [] => {
                let gcc = subdirectories(Path::new("/usr/lib/gcc")).into_iter();
                let newest = gcc.filter_map(|machine| versions(&machine).pop());
                directories.extend(newest.map(|version| version.join("include")));
            }
        }
        let option = |dir: PathBuf| ["-idirafter".to_owned(), dir.to_string_lossy().into_owned()];
        args.extend(directories.into_iter().flat_map(option));
        args
    }
}

/// Endings of files that are C++ to gcc and clang.
const CXX_EXTENSIONS: [&str; 9] = ["hpp", "hxx", "hh", "H", "h++", "cpp", "cxx", "cc", "C"];

/// Returns the directories that `cc -E -v`, run once, lists for the language. Those of the
/// compiler's own headers are left out, since clang has its own.
fn compiler_includes(language: &str) -> &'static [PathBuf] {
    static C: OnceLock<Vec<PathBuf>> = OnceLock::new();
    static CXX: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let (cache, language) = if language.starts_with("c++") {
        (&CXX, "c++")
    } else {
        (&C, "c")
    };
    cache.get_or_init(|| {
        let run = Command::new("cc")
            .args(["-E", "-v", "-x", language, "-"])
            .env("LC_ALL", "C")
            // clang reads the variable itself; in this list its folders would lose their place.
            .env_remove("CPATH")
            .stdin(Stdio::null())
            .output();
        // Without a compiler, only clang's own directories are known.
        let listing = run.map_or_else(
            |_| String::new(),
            |out| String::from_utf8_lossy(&out.stderr).into_owned(),
        );
        search_list(&listing)
    })
}

/// Returns the directories between the two lines that gcc and clang put around them.
fn search_list(listing: &str) -> Vec<PathBuf> {
    listing
        .lines()
        .skip_while(|line| !line.starts_with("#include <...>"))
        .skip(1)
        .take_while(|line| !line.starts_with("End of search list"))
        .map(|line| line.trim().trim_end_matches(" (framework directory)"))
        .map(PathBuf::from)
        .filter(|dir| !dir.join("stdarg.h").is_file())
        .collect()
}

/// Returns the folders of `root` that have a compiler's `stddef.h`. A folder with links to it is
/// listed once.
fn versions(root: &Path) -> Vec<PathBuf> {
    let folders = subdirectories(root).into_iter();
    let folders = folders.filter(|folder| folder.join("include/stddef.h").is_file());
    let mut versions: Vec<PathBuf> = folders
        .filter_map(|folder| folder.canonicalize().ok())
        .collect();
    versions.sort();
    versions.dedup();
    versions
}

fn subdirectories(dir: &Path) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    directories.sort();
    directories
}

#[cfg(test)]
mod tests {
    use super::{Options, search_list};
    use std::path::Path;

    #[test]
    fn languages() {
        let language = |options: &Options| options.language().to_owned();
        assert_eq!(language(&Options::new()), "c");
        assert_eq!(language(&Options::new().name("a.hpp")), "c++");
        assert_eq!(language(&Options::new().name("a.hpp").arg("-xc")), "c");
        assert_eq!(language(&Options::new().args(["-x", "c++"])), "c++");
    }

    #[test]
    fn a_search_list() {
        let listing = "#include \"...\" search starts here:\n /quoted\n#include <...> search starts here:\n /a b\n /c\nEnd of search list.\n /d\n";
        assert_eq!(search_list(listing), [Path::new("/a b"), Path::new("/c")]);
        assert!(search_list("").is_empty());
    }
}
