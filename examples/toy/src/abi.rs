//! `toy emit abi`: where each piece of each function's arguments and result travels, and of each call
//! that has a placement of its own. The words are `cabi`'s.

use crate::diag::Lines;
use crate::lower::{LowerError, call_signature, signature};
use crate::typed::{
    Callee, Checked, Expr, ExprKind, Function, Origin, Place, PlaceKind, Stmt, StmtKind,
};
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
        let ty =
            checked
                .types
                .name(function.ty)
                .replacen("fn", &format!("fn {}", function.name), 1);
        let names: Vec<Option<&str>> = function
            .param_names
            .iter()
            .map(|name| Some(&**name))
            .collect();
        let placed = placement(&sig, Some(&names)).map_err(|why| LowerError {
            span: Some(span),
            message: why,
        })?;
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
            let sig = call_signature(
                checked,
                callee,
                &args.iter().map(|arg| arg.ty).collect::<Vec<_>>(),
            )?;
            let name = callee_name(checked, callee);
            let at = lines.line(expr.span.start);
            let placed = placement(&sig, None).map_err(|why| LowerError {
                span: Some(expr.span),
                message: why,
            })?;
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
    Ok(match names {
        Some(_) => indented(&explanation.to_string()),
        None => indented(&explanation.summary()),
    })
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_string()
            } else {
                format!("  {line}\n")
            }
        })
        .collect()
}

fn callee_name(checked: &Checked, callee: &Callee) -> String {
    match callee {
        Callee::Direct(id) => checked
            .functions
            .get(id.0)
            .map_or(String::new(), |function: &Function| {
                function.name.to_string()
            }),
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
                StmtKind::Init(_, value) | StmtKind::Return(value) => {
                    value.iter().for_each(|value| self.expr(value))
                }
                StmtKind::Assign(place, value) | StmtKind::Update(place, value) => {
                    self.place(place);
                    self.expr(value);
                }
                StmtKind::Expr(value) => self.expr(value),
                StmtKind::If { arms, otherwise } => {
                    for (cond, then) in arms {
                        self.expr(cond);
                        self.stmts(then);
                    }
                    self.stmts(otherwise);
                }
                StmtKind::While { cond, body } => {
                    self.expr(cond);
                    self.stmts(body);
                }
                StmtKind::For {
                    low, high, body, ..
                } => {
                    self.expr(low);
                    self.expr(high);
                    self.stmts(body);
                }
                StmtKind::Block(stmts) => self.stmts(stmts),
                StmtKind::Break | StmtKind::Continue => {}
            }
        }
    }

    fn expr(&mut self, expr: &'c Expr) {
        for expr in expr.chain().into_iter().rev() {
            self.one(expr);
        }
    }

    /// An expression but for its first operand, which has been looked at.
    fn one(&mut self, expr: &'c Expr) {
        match &expr.kind {
            ExprKind::Bits(_) | ExprKind::Str(_) | ExprKind::Function(_) | ExprKind::Old => {}
            ExprKind::Load(place) | ExprKind::AddressOf(place) => self.place(place),
            ExprKind::Neg(_)
            | ExprKind::Not(_)
            | ExprKind::BitNot(_)
            | ExprKind::Convert(_)
            | ExprKind::NonZero(_) => {}
            ExprKind::Arith(_, _, right)
            | ExprKind::Compare(_, _, right)
            | ExprKind::Logic(_, _, right)
            | ExprKind::Offset { index: right, .. }
            | ExprKind::Distance { right, .. }
            | ExprKind::Repeat(right, _) => self.expr(right),
            ExprKind::Complex(left, right) => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Call { callee, args } => {
                let known = usize::from(expr.first_operand().is_some());
                args.iter().skip(known).for_each(|arg| self.expr(arg));
                match callee {
                    Callee::Indirect(pointer) => self.expr(pointer),
                    // What the language calls by itself is not the program's call.
                    Callee::Direct(id)
                        if self
                            .checked
                            .functions
                            .get(id.0)
                            .is_some_and(|f| f.span.is_none()) =>
                    {
                        return;
                    }
                    Callee::Direct(_) => {}
                }
                self.found.push((expr, callee, args));
            }
            ExprKind::Record(members) => members.iter().for_each(|(_, value)| self.expr(value)),
            ExprKind::Elements(values) => values.iter().for_each(|value| self.expr(value)),
        }
    }

    fn place(&mut self, place: &'c Place) {
        match &place.kind {
            PlaceKind::Local(_) => {}
            PlaceKind::Deref(value) | PlaceKind::Temporary(value) => self.expr(value),
            PlaceKind::Member(base, _) | PlaceKind::Real(base) | PlaceKind::Imaginary(base) => {
                self.place(base)
            }
            PlaceKind::Element(base, index) | PlaceKind::Lane(base, index) => {
                self.place(base);
                self.expr(index);
            }
        }
    }
}
