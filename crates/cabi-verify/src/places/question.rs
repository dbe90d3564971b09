//! A signature whose places are asked for, as C: the two sides of a call.

use std::fmt::Write as _;

use cabi::FnSig;

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

fn text(n: usize, declared: &Declared) -> String {
    let mut text = declared.types.clone();
    for (name, ty) in &declared.named {
        let (size, align) = (ty.size(), ty.align());
        let _ = writeln!(
            text,
            "_Static_assert(sizeof({name}) == {size} && _Alignof({name}) == {align}, \"layout\");"
        );
    }
    let function = &declared.function;
    let unnamed = declared.unnamed.as_deref().unwrap_or_default();
    let all: Vec<&String> = function.params.iter().chain(unnamed).collect();
    for (i, ty) in all.iter().enumerate() {
        let _ = writeln!(text, "extern {ty} g{n}_{i};");
    }
    let has_result = function.result != "void";
    if has_result {
        let _ = writeln!(text, "extern {} out{n};", function.result);
    }
    let globals: Vec<String> = (0..all.len()).map(|i| format!("g{n}_{i}")).collect();
    let to = if has_result {
        format!("out{n} = ")
    } else {
        String::new()
    };
    let (result, list) = (&function.result, &function.list);
    let _ = writeln!(text, "{result} f{n}({list});");
    let _ = writeln!(
        text,
        "void c{n}(void) {{ {to}f{n}({}); }}",
        globals.join(", ")
    );
    text.push_str(&callee(n, declared));
    text
}

/// A function that copies its arguments to globals, unnamed ones by `va_arg`.
fn callee(n: usize, declared: &Declared) -> String {
    let function = &declared.function;
    let n_named = function.params.len();
    let params = function.params.iter().enumerate();
    let mut params: Vec<String> = params.map(|(i, ty)| format!("{ty} a{i}")).collect();
    let mut copies: String = (0..n_named).map(|i| format!("g{n}_{i} = a{i}; ")).collect();
    if let Some(unnamed) = &declared.unnamed {
        params.push("...".to_owned());
        let last = n_named.saturating_sub(1);
        let _ = write!(
            copies,
            "__builtin_va_list ap; __builtin_va_start(ap, a{last}); "
        );
        for (i, ty) in (n_named..).zip(unnamed) {
            let _ = write!(copies, "g{n}_{i} = __builtin_va_arg(ap, {ty}); ");
        }
        copies.push_str("__builtin_va_end(ap); ");
    }
    let list = match params.is_empty() {
        true => "void".to_owned(),
        false => params.join(", "),
    };
    let result = &function.result;
    let end = match result.as_str() {
        "void" => String::new(),
        _ => format!("return out{n}; "),
    };
    format!("{result} d{n}({list}) {{ {copies}{end}}}\n")
}
