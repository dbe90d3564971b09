//! Instructions of loops, counted by callgrind in a child process.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::suite::Result;

/// Argument of the child.
const COUNTED: &str = "counted";

/// Costs of measured subjects, by way and signature: above all of one call of a loop.
#[derive(Clone, Default, Debug)]
pub struct Costs(BTreeMap<String, f64>);

impl Costs {
    /// Returns the cost of `way` of `signature`, if it was measured.
    pub fn of(&self, way: impl Display, signature: &str) -> Option<f64> {
        self.0.get(&format!("{way} {signature}")).copied()
    }

    /// Takes note of a cost.
    pub fn set(&mut self, way: impl Display, signature: &str, cost: f64) {
        self.0.insert(format!("{way} {signature}"), cost);
    }

    /// Takes note of a cost that is the least so far.
    pub fn least(&mut self, way: impl Display, signature: &str, cost: f64) {
        let known = self.of(&way, signature).unwrap_or(f64::INFINITY);
        self.set(way, signature, known.min(cost));
    }

    /// Takes note of all of them.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Reads [`Self::written`]; lines that begin with `#` say nothing.
    pub fn parse<'t>(lines: impl IntoIterator<Item = &'t str>) -> Result<Self> {
        let lines = lines.into_iter().filter(|line| !line.starts_with('#'));
        let cost = |line: &str| {
            let (name, cost) = line.rsplit_once(' ').ok_or("a line without a number")?;
            Ok((name.to_owned(), cost.parse()?))
        };
        Ok(Self(lines.map(cost).collect::<Result<_>>()?))
    }

    /// Returns a line for each: way, signature, cost.
    pub fn written(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(name, cost)| format!("{name} {cost}\n"))
    }

    /// Reads the files of callgrind in `folder`: one for each loop, which names it.
    fn read(folder: &Path) -> Result<Self> {
        let mut costs = Self::default();
        for entry in fs::read_dir(folder)? {
            let text = fs::read_to_string(entry?.path())?;
            let after = |prefix| text.lines().find_map(|line| line.strip_prefix(prefix));
            // The last one has another reason.
            let Some(name) = after("desc: Trigger: Client Request: ") else {
                continue;
            };
            let total: f64 = after("totals: ").ok_or("no totals")?.trim().parse()?;
            let (name, n) = name.rsplit_once(' ').ok_or("a loop without a number")?;
            costs.0.insert(name.to_owned(), total / n.parse::<f64>()?);
        }
        match costs.0.is_empty() {
            true => Err("callgrind counted nothing: is valgrind/callgrind.h installed?".into()),
            false => Ok(costs),
        }
    }
}

/// Checks whether this process is the child, which makes the loops.
pub fn is_counted() -> bool {
    std::env::args().nth(1).is_some_and(|arg| arg == COUNTED)
}

/// Returns the library of loops that the child was given.
pub fn counted_library() -> Option<PathBuf> {
    std::env::args().nth(2).map(PathBuf::from)
}

/// Returns the version of valgrind.
pub fn valgrind() -> Result<String, String> {
    let output = Command::new("valgrind").arg("--version").output();
    let output = output.map_err(|error| format!("valgrind: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Returns the instructions per call in each loop that this program makes when [`is_counted`], with
/// those of its callees. The child is given `library`, so that it need not look for compilers.
pub fn count_in_child(library: Option<&Path>) -> Result<Costs> {
    let folder = tempfile::tempdir()?;
    let counts = folder.path().join("counts");
    let output = Command::new("valgrind")
        .args(["-q", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(std::env::current_exe()?)
        .arg(COUNTED)
        .args(library)
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("valgrind: {}\n{said}", output.status).into());
    }
    Costs::read(folder.path())
}
