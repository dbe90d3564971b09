//! Signatures for measurements of performance, from `measured_signatures/signatures.txt`. Each has
//! a name, and most have the same call written by hand as CLIF.

use cabi::{DataModel, Error, FnSig};

use crate::hand::Hand;

/// A signature that is measured.
#[derive(Clone, Debug)]
pub struct MeasuredSignature {
    /// Its name.
    pub name: &'static str,
    /// The signature; for a variadic function, that of one call.
    pub sig: FnSig,
    /// The call in CLIF by hand.
    pub hand: Option<Hand>,
    /// The one by hand that compiles to the instructions of the lowered one, where Cranelift copies
    /// records of `hand`.
    pub same_code: Option<Hand>,
    /// `true` if libffi has its types: it has no `__int128`.
    pub in_libffi: bool,
}

const ROWS: &str = include_str!("measured_signatures/signatures.txt");

/// Calls that take more than a line by hand. Parts of three bytes are never read as four. Records
/// in memory are words and pairs of words; earlier arguments keep the vector registers from being
/// used.
const FILES: [(&str, &str); 3] = [
    ("s_c3.clif", include_str!("measured_signatures/s_c3.clif")),
    ("s_l4.clif", include_str!("measured_signatures/s_l4.clif")),
    ("s_l9.clif", include_str!("measured_signatures/s_l9.clif")),
];

/// Returns all of them.
pub fn measured() -> Result<Vec<MeasuredSignature>, Error> {
    let rows = ROWS.lines().filter(|line| !line.starts_with('#'));
    rows.map(row).collect()
}

fn row(line: &'static str) -> Result<MeasuredSignature, Error> {
    let mut cells = line.split('|').map(str::trim);
    let (name, c) = (cells.next().unwrap_or(""), cells.next().unwrap_or(""));
    let mut by_hand = || {
        let cell = cells.next()?;
        let file = FILES.iter().find(|(name, _)| *name == cell);
        Hand::of(file.map_or(cell, |(_, text)| text))
    };
    Ok(MeasuredSignature {
        name,
        sig: signature(c)?,
        hand: by_hand(),
        same_code: by_hand(),
        in_libffi: name != "i128",
    })
}

/// Returns the function that `c` declares; for a variadic one the call `with` unnamed arguments.
fn signature(c: &str) -> Result<FnSig, Error> {
    let parse = |text: &str| FnSig::parse(text, &DataModel::LP64);
    match c.split_once(" with ") {
        Some((declared, unnamed)) => {
            let unnamed = parse(&format!("void f{unnamed}"))?;
            let unnamed = unnamed.params().iter().map(|param| param.ty.clone());
            parse(declared)?.at_call(unnamed)
        }
        None => parse(c),
    }
}

impl MeasuredSignature {
    /// Returns the number of named arguments, in a call of a variadic function.
    pub fn n_named(&self) -> Option<usize> {
        self.sig.is_variadic().then(|| self.sig.n_named())
    }
}

/// Returns the offset of each argument of `sig`, in bytes, each aligned as its type.
pub fn offsets(sig: &FnSig) -> Vec<usize> {
    let mut next = 0_usize;
    let mut offsets = Vec::new();
    for param in sig.params() {
        let align = usize::try_from(param.ty.align()).unwrap_or(1);
        let at = next.next_multiple_of(align);
        offsets.push(at);
        next = at + usize::try_from(param.ty.size()).unwrap_or(0);
    }
    offsets
}
