//! Facts as text.

use super::{Facts, Note, Side, ValuePlace};
use crate::verdict::Value;

/// Word for a side without the value.
const NONE: &str = "none";

impl Facts {
    /// Returns the lines of a case in a file of facts.
    pub fn to_stored(&self) -> String {
        let sides = [&self.callee, &self.caller];
        let n_args = self.callee.args.len().max(self.caller.args.len());
        let line = |name, value| line(name, sides.map(|side| side.place(value)));
        let args = (0..n_args).map(|i| line("", Some(Value::Argument(i))));
        let result = line("result", Some(Value::Result));
        let state = match sides.iter().all(|side| side.state.is_empty()) {
            true => String::new(),
            false => line("state", None),
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
    /// assert_eq!(facts.callee.args[1].runs.len(), 2);
    /// assert_eq!(facts.to_stored(), text);
    /// assert!(Facts::of_stored("8rdi\n").is_err());
    /// # Ok::<(), String>(())
    /// ```
    pub fn of_stored(text: &str) -> Result<Self, String> {
        let mut facts = Self::default();
        for line in text.lines() {
            let mut words: Vec<&str> = line.split_whitespace().collect();
            let name = take_name(&mut words);
            let at = |mark| words.iter().position(|word| *word == mark);
            let sides = match (at("/"), at("+")) {
                (Some(at), _) => [words[..at].to_vec(), words[at + 1..].to_vec()],
                (None, Some(at)) => [
                    words[..at].to_vec(),
                    [&words[..at], &words[at + 1..]].concat(),
                ],
                (None, None) => [words.clone(), words],
            };
            let own = [&mut facts.callee, &mut facts.caller].into_iter();
            for (side, words) in own.zip(sides).filter(|(_, words)| *words != [NONE]) {
                side.read(name, words).ok_or_else(|| wrong(line))?;
            }
        }
        Ok(facts)
    }

    /// Reads the lines that the probe prints of a callee, and of a caller.
    ///
    /// # Errors
    /// A line that is not in the format.
    pub(crate) fn of_sides(texts: [&str; 2]) -> Result<Self, String> {
        let mut facts = Self::default();
        for (side, text) in [&mut facts.callee, &mut facts.caller]
            .into_iter()
            .zip(texts)
        {
            for line in text.lines() {
                let mut words = line.split_whitespace().collect();
                let name = take_name(&mut words);
                side.read(name, words).ok_or_else(|| wrong(line))?;
            }
        }
        Ok(facts)
    }
}

fn wrong(line: &str) -> String {
    format!("not a line of facts: {line}")
}

/// Takes the name off that begins a line which is not an argument's.
fn take_name<'w>(words: &mut Vec<&'w str>) -> &'w str {
    match words.first() {
        Some(&("result" | "state")) => words.remove(0),
        _ => "",
    }
}

impl Side {
    fn read(&mut self, name: &str, words: Vec<&str>) -> Option<()> {
        let words = words.into_iter();
        match name {
            "state" => self.state = words.map(Note::read).collect::<Option<_>>()?,
            "result" => self.result = Some(ValuePlace::read(words)?),
            _ => self.args.push(ValuePlace::read(words)?),
        }
        Some(())
    }
}

/// Returns the line of a value, which begins with `name`: none if neither side has it.
fn line(name: &str, sides: [Option<ValuePlace>; 2]) -> String {
    let text = |side: &Option<ValuePlace>| match side {
        Some(place) => place.to_string(),
        None => format!(" {NONE}"),
    };
    let [callee, caller] = sides.each_ref().map(text);
    let line = match (caller.strip_prefix(&callee), sides) {
        (_, [None, None]) => return String::new(),
        (Some(""), _) => format!("{name}{callee}"),
        (Some(more), [Some(own), _]) if more.starts_with(' ') && own != ValuePlace::default() => {
            format!("{name}{callee} +{more}")
        }
        _ => format!("{name}{callee} /{caller}"),
    };
    line.trim_start().to_owned() + "\n"
}
