//! Words for an unusual state of the machine.

use crate::facts::{Note, Side};

/// Checks whether the state has only usual properties.
pub(super) fn unusual(
    compiler: &str,
    side: &Side,
    is_usual: impl Fn(&Note) -> bool,
) -> Result<(), String> {
    match side.state.iter().find(|note| !is_usual(note)) {
        None => Ok(()),
        Some(note) => Err(format!("{compiler}: {}", in_words(&note.name, &note.value))),
    }
}

fn in_words(name: &str, value: &str) -> String {
    match name {
        "lost" => format!("the callee changes {value}, which is its caller's"),
        "backwards" => "the direction flag is set".to_owned(),
        "mxcsr" => "control bits of MXCSR are changed".to_owned(),
        "x87-control" => "the x87 control word is changed".to_owned(),
        "carried" => format!("it needs an address in {value}, which has none"),
        "spoils" => format!("the caller changes {value}, which is its own caller's"),
        "relies" => format!(
            "a caller loses a value that it keeps during a call: it relies on {value}, which the callee may change"
        ),
        "leaves" => format!("the caller returns with another state of the machine: {value}"),
        "calls" => format!("{value} calls were made in 24 rounds"),
        "overwritten" => {
            "a callee's part of the caller's frame has variables of the caller".to_owned()
        }
        other => format!("{other} {value}"),
    }
}
