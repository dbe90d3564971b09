//! Facts as files of them have it: a line for each argument in order, one for the result, one for
//! the state. A line is about both sides of the call, which mostly have a value in the same places.
//!
//! ```text
//! 8:rdi                        argument 0, of both sides
//! 4:rsi + signed:64            argument 1: the caller's has further properties
//! 4:sp+0 4:- / 4:rax|sp+0 4:-  argument 2: after `/` the caller's
//! result 8:rax / none          the caller has no result
//! state / aligned:16           the callee's state is empty
//! ```

use super::{Facts, Note, ValuePlace};

/// Word for a side without the value.
const NONE: &str = "none";

impl Facts {
    /// Returns the lines of a case in a file of facts.
    pub fn to_stored(&self) -> String {
        let sides = [&self.callee, &self.caller];
        let n_args = self.callee.args.len().max(self.caller.args.len());
        let args = (0..n_args).map(|i| line("", sides.map(|side| side.args.get(i))));
        let result = line("result", sides.map(|side| side.result.as_ref()));
        let [callee, caller] = sides.map(|side| ValuePlace {
            runs: Vec::new(),
            notes: side.state.clone(),
        });
        let state = match callee == caller && callee.notes.is_empty() {
            true => String::new(),
            false => line("state", [Some(&callee), Some(&caller)]),
        };
        args.chain([result, state]).collect()
    }

    /// Reads the lines of a case in a file of facts.
    ///
    /// # Errors
    /// A line that is not in the format.
    ///
    /// # Example
    /// ```
    /// use cabi_verify::facts::Facts;
    ///
    /// let text = "8:rdi\n4:sp+8 4:- / 4:xmm0|sp+8 4:-\nresult 1:rax + zeroed:32\n";
    /// let facts = Facts::of_stored(text)?;
    /// assert_eq!(facts.callee.args[0], facts.caller.args[0]);
    /// assert_eq!(facts.to_stored(), text);
    /// assert!(Facts::of_stored("8rdi\n").is_err());
    /// # Ok::<(), String>(())
    /// ```
    pub fn of_stored(text: &str) -> Result<Self, String> {
        let mut facts = Self::default();
        for line in text.lines() {
            let wrong = || format!("no line of facts: {line}");
            facts.read_stored(line).ok_or_else(wrong)?;
        }
        Ok(facts)
    }

    fn read_stored(&mut self, line: &str) -> Option<()> {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let name = words.first().copied().unwrap_or_default();
        let is_named = ["result", "state"].contains(&name);
        words.drain(..usize::from(is_named));
        let at = |mark| words.iter().position(|word| *word == mark);
        let sides = match (at("/"), at("+")) {
            (Some(at), _) => [words[..at].to_vec(), words[at + 1..].to_vec()],
            (None, Some(at)) => [
                words[..at].to_vec(),
                [&words[..at], &words[at + 1..]].concat(),
            ],
            (None, None) => [words.clone(), words],
        };
        for (side, words) in [&mut self.callee, &mut self.caller].into_iter().zip(sides) {
            if words == [NONE] {
                continue;
            }
            let words = words.into_iter();
            match name {
                "state" => side.state = words.map(Note::read).collect::<Option<_>>()?,
                "result" => side.result = Some(ValuePlace::read(words)?),
                _ => side.args.push(ValuePlace::read(words)?),
            }
        }
        Some(())
    }
}

/// Returns the line of a value, which begins with `name`: none if neither side has it.
fn line(name: &str, sides: [Option<&ValuePlace>; 2]) -> String {
    let text = |side: Option<&ValuePlace>| side.map_or(format!(" {NONE}"), ValuePlace::to_string);
    let [callee, caller] = sides.map(text);
    let line = match (caller.strip_prefix(&callee), sides) {
        (_, [None, None]) => return String::new(),
        (Some(""), _) => format!("{name}{callee}"),
        (Some(more), [Some(own), _]) if more.starts_with(' ') && *own != ValuePlace::default() => {
            format!("{name}{callee} +{more}")
        }
        _ => format!("{name}{callee} /{caller}"),
    };
    line.trim_start().to_owned() + "\n"
}
