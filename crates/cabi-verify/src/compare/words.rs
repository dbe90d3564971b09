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
        "lost" => format!("the callee does not preserve {value}"),
        "backwards" => "the direction flag is set".to_owned(),
        "mxcsr" => "control bits of MXCSR are changed".to_owned(),
        "x87-control" => "the x87 control word is changed".to_owned(),
        "carried" => format!("the callee needs an address in {value}, which callers do not pass"),
        "spoils" => format!("the caller does not preserve {value}"),
        "relies" => format!(
            "the caller keeps a value in {value} during a call, which the callee may change"
        ),
        "leaves" => format!("the caller returns with another state of the machine: {value}"),
        "calls" => format!("{value} calls were made in 24 rounds"),
        "overwritten" => "the caller has variables in the callee's part of its frame".to_owned(),
        other => format!("{other} {value}"),
    }
}
