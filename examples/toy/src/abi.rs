//! `toy emit abi`: where the parts of each function's arguments and result are passed, and those of each call
//! of its body. The words are `cabi`'s.

use crate::diag::Lines;
use crate::lower::{LowerError, call_signature, signature};
use crate::typed::{Callee, Checked, Expr, ExprKind, Origin, Stmt, StmtKind};
use cabi::{FnSig, Target, explain};
use std::collections::HashSet;
use std::fmt::Write;

/// The whole text.
pub(crate) fn emit(checked: &Checked, lines: &Lines) -> Result<String, LowerError> {
    let mut text = String::new();
    for function in &checked.functions {
        let Some(span) = function.span else { continue };
        let sig = signature(&checked.types, function)?;
        let origin = match &function.origin {
            Origin::Extern {
                library: Some(library),
                ..
            } => format!("extern \"{library}\" "),
            Origin::Extern { library: None, .. } => "extern ".to_string(),
            Origin::Toy(_) => String::new(),
        };
        let ty = checked.heading(function);
        let names = function.param_names.iter().map(|name| Some(&**name));
        let names: Vec<Option<&str>> = names.collect();
        let placed = placement(&sig, Some(&names)).map_err(|why| LowerError::at(span, why))?;
        // Writing to a string does not fail.
        let _ = write!(text, "{origin}{ty}\n{placed}");
        let Origin::Toy(body) = &function.origin else {
            text.push('\n');
            continue;
        };
        let mut calls = Calls {
            checked,
            found: Vec::new(),
        };
        calls.stmts(&body.stmts);
        let mut seen = HashSet::new();
        for (expr, callee, args) in calls.found {
            let sig = call_signature(checked, callee, args)?;
            let name = callee_name(checked, callee);
            let at = lines.line(expr.span.start);
            let placed = placement(&sig, None).map_err(|why| LowerError::at(expr.span, why))?;
            let entry = format!("  line {at}: call of {name}\n{}", indented(&placed));
            if seen.insert(entry.clone()) {
                text.push_str(&entry);
            }
        }
        text.push('\n');
    }
    Ok(text)
}

/// Of a function all reasons are shown, of its calls only the outcome.
fn placement(sig: &FnSig, names: Option<&[Option<&str>]>) -> Result<String, String> {
    let explanation = explain(sig, names.unwrap_or(&[]), &Target::X86_64_LINUX);
    let explanation = explanation.map_err(|error| error.to_string())?;
    let text = match names {
        Some(_) => explanation.to_string(),
        None => explanation.summary(),
    };
    Ok(indented(&text))
}

/// Empty lines stay empty.
fn indented(text: &str) -> String {
    let indent = |line: &str| format!("{}{line}\n", if line.is_empty() { "" } else { "  " });
    text.lines().map(indent).collect()
}

fn callee_name(checked: &Checked, callee: &Callee) -> String {
    match callee {
        Callee::Direct(id) | Callee::Nested(id, _) => checked.functions[id.0].name.to_string(),
        Callee::Indirect(pointer) => format!("a pointer, {}", checked.types.name(pointer.ty)),
    }
}

/// Collects the calls of a body in the order of the source.
struct Calls<'c> {
    checked: &'c Checked,
    found: Vec<(&'c Expr, &'c Callee, &'c [Expr])>,
}

impl<'c> Calls<'c> {
    fn stmts(&mut self, stmts: &'c [Stmt]) {
        for stmt in stmts {
            match &stmt.kind {
                StmtKind::Init(_, value) | StmtKind::Return(value) => self.exprs(value),
                StmtKind::Assign(place, value) | StmtKind::Update(place, value) => {
                    self.exprs(place.operands());
                    self.exprs([value]);
                }
                StmtKind::Expr(value) => self.exprs([value]),
                StmtKind::If(arms, otherwise) => {
                    for (cond, then) in arms {
                        self.exprs([cond]);
                        self.stmts(then);
                    }
                    self.stmts(otherwise);
                }
                StmtKind::While(cond, body) => {
                    self.exprs([cond]);
                    self.stmts(body);
                }
                StmtKind::For {
                    low, high, body, ..
                } => {
                    self.exprs([low, high]);
                    self.stmts(body);
                }
                StmtKind::Block(stmts) => self.stmts(stmts),
                StmtKind::Break | StmtKind::Continue => {}
            }
        }
    }

    fn exprs(&mut self, exprs: impl IntoIterator<Item = &'c Expr>) {
        for expr in exprs {
            for link in expr.chain().into_iter().rev() {
                self.exprs(link.other_operands());
                if let ExprKind::Call(callee, args) = &link.kind
                    && !self.is_built_in(callee)
                {
                    self.found.push((link, callee, args));
                }
            }
        }
    }

    /// Whether the language calls it by itself: that is not the program's call.
    fn is_built_in(&self, callee: &Callee) -> bool {
        matches!(callee, Callee::Direct(id) if self.checked.functions[id.0].span.is_none())
    }
}
