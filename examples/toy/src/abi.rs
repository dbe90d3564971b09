//! `toy emit abi`: where the parts of each function's arguments and result are passed, and why. The words are `cabi`'s.
//! `toy emit header`: the functions that C may call, as C declarations. The words are `cabi-header`'s.

use crate::diag::{At, Check};
use crate::lower::Note;
use cabi::{Target, Type, explain};
use cabi_header::Emitter;

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

/// Functions spelled `extern "C"`, and the records they take and return.
pub(crate) fn header(notes: &[Note], target: &Target) -> Check<String> {
    let (mut emitter, mut prototypes) = (Emitter::new(target.data_model()), String::new());
    for note in notes {
        if let Some(name) = &note.exported {
            let params = note.sig.params().iter().map(|param| param.ty.clone());
            let params: Vec<Type> = params.collect();
            let (result, variadic) = (note.sig.result(), note.sig.is_variadic());
            let prototype = emitter.prototype(name, &params, result, variadic);
            prototypes += &format!("{};\n", prototype.at(note.span)?);
        }
    }
    let definitions = emitter.definitions();
    let [open, close] =
        ["extern \"C\" {", "}"].map(|c| format!("#ifdef __cplusplus\n{c}\n#endif\n"));
    Ok(format!(
        "#pragma once\n{open}{definitions}{prototypes}{close}"
    ))
}
