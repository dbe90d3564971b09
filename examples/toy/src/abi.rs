//! `toy emit abi`: where the parts of each function's arguments and result are passed, and why. The words are `cabi`'s.

use crate::diag::{At, Check};
use crate::lower::Note;
use cabi::{Target, explain};

pub(crate) fn emit(notes: &[Note], target: &Target) -> Check<String> {
    let mut text = String::new();
    for note in notes {
        let names: Vec<Option<&str>> = note.params.iter().map(|name| Some(&**name)).collect();
        let places = explain(&note.sig, &names, target).at(note.span)?;
        text += &format!("{}\n", note.heading);
        for line in places.to_string().lines() {
            text += format!("  {line}").trim_end();
            text += "\n";
        }
        text += "\n";
    }
    Ok(text)
}
