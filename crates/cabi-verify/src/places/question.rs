//! A signature whose places are asked for, as C: the two sides of a call.

use std::fmt::Write as _;

use cabi::FnSig;

use crate::corpus::c_text::{Function, parameter_list};
use crate::generate::Declared;

/// A signature whose places are asked for.
#[derive(Clone, Debug)]
pub struct Question {
    pub(crate) number: usize,
    /// Types, globals and the two functions, as C.
    pub text: String,
    /// The result and the arguments, unnamed ones promoted.
    pub sig: FnSig,
}

impl Question {
    /// The question `number` about what is declared; `None` if `cabi` refuses one of its types.
    ///
    /// Of a variadic function what is read is asked about the call only: where `va_arg` looks is decided as it runs.
    pub fn new(number: usize, declared: &Declared) -> Option<Self> {
        let case = declared.case.as_ref().ok()?;
        let params = case.prototype.params.iter().map(|(_, ty)| ty.clone());
        let sig = FnSig::new(params, case.prototype.ret.clone());
        let sig = match &declared.unnamed {
            Some(_) => sig.variadic().at_call(case.unnamed.iter().cloned()).ok()?,
            None => sig,
        };
        Some(Self {
            number,
            text: text(number, declared),
            sig,
        })
    }

    /// The question `number` about a signature, whose functions and globals have the names that those of [`Question::new`] have.
    pub fn of_text(number: usize, text: String, sig: FnSig) -> Self {
        Self { number, text, sig }
    }
}

/// What the caller of a question and its callee showed: of how many values each had the right ones, or the first one that was elsewhere.
#[derive(Clone, Debug)]
pub struct Outcome(pub(crate) [Result<usize, String>; 2]);

impl Outcome {
    /// The values of both.
    ///
    /// # Errors
    /// The first value that was elsewhere.
    pub fn n_values(&self) -> Result<usize, String> {
        let side = |side: &str, shown: &Result<usize, String>| {
            shown.clone().map_err(|why| format!("{side}, {why}"))
        };
        Ok(side("caller", &self.0[0])? + side("callee", &self.0[1])?)
    }

    /// Whether the compiler's caller has values where `FnAbi` says, and its callee does not.
    pub fn is_self_inconsistent(&self) -> bool {
        self.0[0].is_ok() && self.0[1].is_err()
    }

    /// Whether the callee read its arguments and returned its result where `FnAbi` says.
    pub fn callee_agrees(&self) -> bool {
        self.0[1].is_ok()
    }
}

/// Globals, a function that calls with them as arguments, and one that copies its arguments to them, unnamed ones by `va_arg`.
fn text(n: usize, declared: &Declared) -> String {
    let mut text = declared.types.clone();
    for (name, ty) in &declared.named {
        let (size, align) = (ty.size(), ty.align());
        let _ = writeln!(
            text,
            "_Static_assert(sizeof({name}) == {size} && _Alignof({name}) == {align}, \"layout\");"
        );
    }
    let Function {
        params,
        result,
        list,
        ..
    } = &declared.function;
    let global = |i: usize| format!("g{n}_{i}");
    let unnamed = declared.unnamed.as_deref().unwrap_or_default();
    for (i, ty) in params.iter().chain(unnamed).enumerate() {
        let _ = writeln!(text, "extern {ty} {};", global(i));
    }
    let (mut to, mut end) = (String::new(), String::new());
    if result != "void" {
        let _ = writeln!(text, "extern {result} out{n};");
        (to, end) = (format!("out{n} = "), format!("return out{n}; "));
    }
    let globals: Vec<String> = (0..params.len() + unnamed.len()).map(global).collect();
    let mut copies: String = (0..params.len())
        .map(|i| format!("{} = a{i}; ", global(i)))
        .collect();
    if declared.unnamed.is_some() {
        let last = params.len().saturating_sub(1);
        copies += &format!("__builtin_va_list ap; __builtin_va_start(ap, a{last}); ");
        for (i, ty) in (params.len()..).zip(unnamed) {
            copies += &format!("{} = __builtin_va_arg(ap, {ty}); ", global(i));
        }
        copies += "__builtin_va_end(ap); ";
    }
    let own = params.iter().enumerate();
    let own: Vec<String> = own.map(|(i, ty)| format!("{ty} a{i}")).collect();
    let own = parameter_list(&own, declared.unnamed.is_some());
    let globals = globals.join(", ");
    format!(
        "{text}{result} f{n}({list});\nvoid c{n}(void) {{ {to}f{n}({globals}); }}\n{result} d{n}({own}) {{ {copies}{end}}}\n"
    )
}
