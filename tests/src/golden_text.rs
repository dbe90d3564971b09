//! Text that is kept in a file, and its differences from new text. `CABI_BLESS=1` rewrites the
//! file.

use std::path::Path;

use crate::suite::is_blessed;

/// Checks that the file at `path` has the text `now`.
pub(crate) fn held(path: &Path, now: &str) -> Result<(), String> {
    if is_blessed() {
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = folder.and_then(|()| std::fs::write(path, now));
        return written.map_err(|error| format!("{}: {error}", path.display()));
    }
    same(&std::fs::read_to_string(path).unwrap_or_default(), now)
}

/// Checks that the `stored` text equals `now`.
pub(crate) fn same(stored: &str, now: &str) -> Result<(), String> {
    if stored == now {
        return Ok(());
    }
    let diff = both(stored, now);
    let changed: Vec<&str> = diff.lines().filter(|line| !line.starts_with(' ')).collect();
    match changed.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "the text differs; CABI_BLESS=1 rewrites it\n  {}",
            changed.join("\n  ")
        )),
    }
}

/// Returns every line, with `-` or `+` before those of `before` or `now` alone.
pub(crate) fn both(before: &str, now: &str) -> String {
    let (before, now): (Vec<_>, Vec<_>) = (before.lines().collect(), now.lines().collect());
    // Number of lines that are common from here to both ends.
    let mut common = vec![vec![0_usize; now.len() + 1]; before.len() + 1];
    for (i, old) in before.iter().enumerate().rev() {
        for (j, new) in now.iter().enumerate().rev() {
            common[i][j] = match old == new {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, String::new());
    while i < before.len() || j < now.len() {
        let is_same = i < before.len() && before.get(i) == now.get(j);
        let is_old = j == now.len() || (i < before.len() && common[i + 1][j] >= common[i][j + 1]);
        let (sign, line) = match (is_same, is_old) {
            (true, _) => (' ', before[i]),
            (false, true) => ('-', before[i]),
            (false, false) => ('+', now[j]),
        };
        lines += &format!("{sign} {line}\n");
        i += usize::from(is_same || is_old);
        j += usize::from(is_same || !is_old);
    }
    lines
}
