//! Answers for the page `explorer.html`, as JSON. An answer has the places of each argument of a C
//! function on six systems, by gcc and by clang. Pictures, steps and CLIF signatures are with them.
//!
//! The page calls three functions of the WebAssembly module: [`input`] for a buffer, into which it
//! writes the declaration, [`answer`], and [`answer_len`].

#[path = "../../../crates/cabi-cli/src/svg/mod.rs"]
mod svg;

use std::sync::{Mutex, MutexGuard, PoisonError};

use cabi::{Declaration, ExplainedPart, ExplainedValue, Explanation, FnSig, Profile, Target, Type};
use clif_cabi_plan::{CallPlan, EntryPlan};
use serde_json::{Value, json};

/// Helpers that the pictures have from the command `cabi`.
mod output {
    pub(crate) fn count(n: u64, what: &str) -> String {
        format!("{n} {what}{}", if n == 1 { "" } else { "s" })
    }

    pub(crate) fn escape(text: &str) -> String {
        let entity = |c| match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            c if char::is_control(c) => " ".to_owned(),
            c => c.to_string(),
        };
        text.chars().map(entity).collect()
    }
}

/// Systems of the table, with their triples.
const SYSTEMS: [(&str, &str); 6] = [
    ("System V", "x86_64-unknown-linux-gnu"),
    ("Windows", "x86_64-pc-windows-gnu"),
    ("AArch64", "aarch64-unknown-linux-gnu"),
    ("Apple", "aarch64-apple-darwin"),
    ("RISC-V", "riscv64gc-unknown-linux-gnu"),
    ("s390x", "s390x-unknown-linux-gnu"),
];

/// The text that the page sends, then the answer.
static BUFFER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn buffer() -> MutexGuard<'static, Vec<u8>> {
    BUFFER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the address of `len` bytes for the text. A first line that starts with `...` has the
/// types of unnamed arguments.
#[unsafe(no_mangle)]
pub extern "C" fn input(len: usize) -> *mut u8 {
    let mut buffer = buffer();
    *buffer = vec![0; len];
    buffer.as_mut_ptr()
}

/// Replaces the text by its answer, and returns the address of that.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    let mut buffer = buffer();
    *buffer = answer_to(&String::from_utf8_lossy(&buffer))
        .to_string()
        .into_bytes();
    buffer.as_ptr()
}

/// Returns the length of the answer in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn answer_len() -> usize {
    buffer().len()
}

/// Returns an object for each system. The object is an error if the text is no declaration there.
#[must_use]
pub fn answer_to(text: &str) -> Value {
    SYSTEMS
        .iter()
        .map(|(name, triple)| system(name, triple, text))
        .collect()
}

/// A signature under one compiler's rules, and its explanation.
struct Call {
    target: Target,
    sig: FnSig,
    why: Explanation,
}

impl Call {
    fn new(triple: &str, text: &str, profile: Profile) -> Result<Self, cabi::Error> {
        let target = Target::named(triple)?;
        let mut model = *target.data_model();
        model.records = profile.records().unwrap_or(model.records);
        let (unnamed, text) = match text.strip_prefix("...") {
            Some(rest) => rest.split_once('\n').unwrap_or((rest, "")),
            None => ("", text),
        };
        let mut sig = Declaration::parse(text, &model)?.sig;
        if !unnamed.trim().is_empty() {
            let unnamed = FnSig::parse(&format!("void unnamed({unnamed})"), &model)?;
            sig = sig.at_call(unnamed.params().iter().map(|param| param.ty.clone()))?;
        }
        let sig = sig.policy(profile.on(&target));
        let why = cabi::explain(&sig, &[], &target)?;
        Ok(Self { target, sig, why })
    }

    /// Returns the picture of the call, and those of the structures and unions in it.
    fn pictures(&self, title: &str) -> Vec<String> {
        let picture = svg::Picture {
            sig: &self.sig,
            why: &self.why,
            title,
            target: &self.target,
        };
        let mut pictures: Vec<String> = picture.draw().into_iter().collect();
        let params = self.sig.params().iter().map(|param| &param.ty);
        let mut records: Vec<&Type> = Vec::new();
        for ty in params.chain([self.sig.result()]) {
            if ty.as_record().is_some() && !records.contains(&ty) {
                records.push(ty);
            }
        }
        pictures.extend(records.iter().map(|ty| {
            let remark = format!("{} bytes, alignment {}", ty.size(), ty.align());
            let tall = |pixels| format!("<p>{ty}: the picture would be {pixels} pixels tall.</p>");
            svg::layout(&ty.to_string(), &remark, ty).unwrap_or_else(tall)
        }));
        pictures
    }

    fn clif(&self) -> Value {
        let call = CallPlan::new(&self.sig, &self.target);
        let entry = EntryPlan::new(&self.sig, &self.target);
        let call = call.map_or_else(|e| e.to_string(), |plan| plan.plan.signature.to_string());
        let entry = entry.map_or_else(|e| e.to_string(), |plan| plan.plan.signature.to_string());
        json!({ "call": call, "entry": entry })
    }

    /// Returns the value of each row of the table: each argument, then the result.
    fn values(&self) -> impl Iterator<Item = &ExplainedValue> {
        self.why.args.iter().chain([&self.why.ret])
    }
}

fn system(name: &str, triple: &str, text: &str) -> Value {
    let [gcc, clang] =
        [Profile::GCC, Profile::CLANG].map(|profile| Call::new(triple, text, profile));
    let (gcc, clang) = match (gcc, clang) {
        (Ok(gcc), Ok(clang)) => (gcc, clang),
        (Err(why), _) | (_, Err(why)) => {
            return json!({ "name": name, "triple": triple, "error": why.to_string() });
        }
    };
    let values = gcc.values().zip(clang.values()).map(|(by_gcc, by_clang)| {
        let differs = places(by_gcc) != places(by_clang);
        json!({ "type": by_gcc.ty, "gcc": places(by_gcc), "clang": differs.then(|| places(by_clang)) })
    });
    let values: Vec<Value> = values.collect();
    let both = [("gcc", &gcc), ("clang", &clang)].map(|(compiler, call)| {
        let title = format!("{name}, {compiler}: {}", call.sig);
        json!({
            "compiler": compiler, "pictures": call.pictures(&title), "steps": call.why.to_string(), "clif": call.clif(),
            "deciding": call.why.deciding.iter().map(|(bit, _)| *bit).collect::<Vec<_>>(),
        })
    });
    json!({ "name": name, "triple": triple, "values": values, "compilers": both })
}

/// Returns a line for each place that holds bytes of `value`: `xmm0: bytes 0..8, x y`.
fn places(value: &ExplainedValue) -> Vec<String> {
    let line = |part: &ExplainedPart| {
        let place = match (part.register, part.stack) {
            (Some(register), _) => register.to_owned(),
            (None, Some(at)) => format!("stack+{at}"),
            (None, None) => String::new(),
        };
        let (from, to) = (part.offset, part.offset + part.size);
        match part.is_address {
            true => format!("{place}: address of all {} bytes", value.size),
            false => format!("{place}: bytes {from}..{to} {}", part.members.join(" ")),
        }
    };
    match value.place.parts.as_slice() {
        [] => vec![value.place.text.clone()],
        parts => parts
            .iter()
            .map(|part| line(part).trim_end().to_owned())
            .collect(),
    }
}
