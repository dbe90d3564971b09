//! From text to the tree, by a grammar of the crate `peg`. The first error ends the parse.

use crate::ast::BinaryOp::*;
use crate::ast::{
    BinaryOp, Expr, ExprKind, FnDecl, Ident, Linkage, Number, Program, RecordDecl, Signature, Stmt,
    StmtKind, TypeExpr, TypeKind, UnaryOp, Uses,
};
use crate::diag::{AtPlace, Check, fail};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Levels to which a program may nest. Every later pass recurses over the tree.
const MAX_DEPTH: u32 = 64;

/// Names that mean something to the language.
const WORDS: [&str; 23] = [
    "as", "become", "break", "catch", "complex", "continue", "else", "extern", "false", "fn",
    "for", "if", "in", "let", "null", "return", "sizeof", "struct", "true", "try", "union", "use",
    "while",
];

/// Returns the tree of `source`.
pub(crate) fn parse(source: &str) -> Check<Program> {
    let state = State::default();
    let parsed = grammar::program(source, &state);
    if let Some(at) = state.too_deep.get() {
        let message = format!("this is nested deeper than {MAX_DEPTH} levels: name a part of it");
        return fail(message).at(at);
    }
    let Err(error) = parsed else {
        return Ok(state.program.into_inner());
    };
    let at = error.location.offset;
    let expected = error.expected.tokens().filter(|token| !token.is_empty());
    let mut expected: Vec<&str> = expected.collect();
    expected.sort_unstable();
    fail(format!("expected {}", expected.join(" or "))).at(at)
}

/// Declarations read so far, and the state of the construct being read.
#[derive(Default)]
struct State {
    program: RefCell<Program>,
    /// Uses of names in the functions being read, the innermost last.
    uses: RefCell<Vec<Uses>>,
    /// Depth of the construct being read: blocks, expressions and types together.
    depth: Cell<u32>,
    too_deep: Cell<Option<usize>>,
}

impl State {
    /// Goes one level deeper, or refuses; returns the depth before.
    fn deeper(&self, at: usize) -> Result<u32, &'static str> {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH {
            self.too_deep.set(self.too_deep.get().or(Some(at)));
            return Err("");
        }
        self.depth.set(depth + 1);
        Ok(depth)
    }

    /// Returns a node of the tree. A node on top of earlier ones counts as a level until the
    /// construct around it ends.
    fn node(&self, kind: ExprKind, start: usize) -> Expr {
        use ExprKind::{Binary, Call, Cast, Field, Index};
        let is_on_top = matches!(
            kind,
            Binary(..) | Call(..) | Index(..) | Field(..) | Cast(..)
        );
        let is_refused = is_on_top && self.deeper(start).is_err();
        let kind = if is_refused { ExprKind::Null } else { kind };
        Expr { kind, start }
    }

    fn name(&self, name: &str, is_called: bool) -> ExprKind {
        let name: Rc<str> = name.into();
        if let Some(uses) = self.uses.borrow_mut().last_mut() {
            uses.names.insert(Rc::clone(&name));
        }
        if !is_called {
            self.program.borrow_mut().values.insert(Rc::clone(&name));
        }
        ExprKind::Name(name)
    }

    /// Notes that something points to `place`, in the function being read.
    fn point_to(&self, place: &Expr) {
        let mut stack = self.uses.borrow_mut();
        let Some(uses) = stack.last_mut() else {
            return;
        };
        let mut root = place;
        while let ExprKind::Index(base, _) | ExprKind::Field(base, _) = &root.kind {
            root = base;
        }
        if let ExprKind::Name(name) = &root.kind {
            uses.addressed.insert(Rc::clone(name));
        }
    }

    /// Returns a function in another one, which captures the variables that it uses by their
    /// addresses.
    fn closure(&self, function: FnDecl) -> ExprKind {
        if let Some(around) = self.uses.borrow_mut().last_mut() {
            let uses = &function.uses;
            around.addressed.extend(uses.names.iter().cloned());
            around.names.extend(uses.names.iter().cloned());
        }
        ExprKind::Closure(Box::new(function))
    }
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> ExprKind {
    ExprKind::Binary(op, Box::new(left), Box::new(right))
}

fn number(digits: &str, radix: u32, suffix: &str) -> Result<Number, &'static str> {
    let (mut digits, suffix) = (digits.replace('_', ""), suffix.to_owned());
    if radix == 16 || digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let value = u128::from_str_radix(&digits, radix);
        digits = value.map_err(|_| "a number of up to 128 bits")?.to_string();
    }
    Ok(Number { digits, suffix })
}

peg::parser! { grammar grammar(state: &State) for str {
    rule _ = quiet! { ([' ' | '\t' | '\r' | '\n'] / "//" [^ '\n']*)* }
    rule letter() = ['a'..='z' | 'A'..='Z' | '0'..='9' | '_']
    rule letters() -> &'input str = $(quiet! { letter()* })
    rule word(text: &'static str) = is(text) letters() {}
    rule is(text: &'static str) -> () = w:&letters() {? if w == text { Ok(()) } else { Err(text) } }
    rule name() -> &'input str = is_name() n:letters() { n }
    rule is_name() = w:&letters() {?
        let is_name = !w.is_empty() && !w.starts_with(|c: char| c.is_ascii_digit());
        if is_name && !WORDS.contains(&w) { Ok(()) } else { Err("a name") }
    }
    rule ident() -> Ident = start:position!() name:name() {
        Ident { name: name.into(), start }
    }
    rule list<T>(item: rule<T>) -> Vec<T> = list:(item() ** (_ "," _)) (_ ",")? _ { list }
    /// One level deeper.
    rule nested<T>(inner: rule<T>) -> T = depth:enter() value:inner()? {?
        state.depth.set(depth);
        value.ok_or("")
    }
    rule enter() -> u32 = at:position!() {? state.deeper(at) }

    rule digits() = ['0'..='9'] ['0'..='9' | '_']*
    rule exponent() = ['e' | 'E'] ['+' | '-']? digits()
    rule number() -> Number
        = quiet! { "0x" } d:$(quiet! { ['0'..='9' | 'a'..='f' | 'A'..='F' | '_']+ })
            s:letters() {? number(d, 16, s) }
        / d:$(quiet! { digits() ("." digits())? exponent()? }) s:letters() {?
            number(d, 10, s)
        }
    rule part(quote: char) -> &'input str
        = quiet! {
            "\\n" { "\n" } / "\\t" { "\t" } / "\\0" { "\0" }
            / "\\" c:$(['\\' | '"' | '\'']) { c }
            / c:$([c if c != quote && c != '\\' && c != '\n']) { c }
        }
        / expected!("a character or one of the escapes \\n \\t \\0 \\\\ \\\" \\'")
    rule string() -> String = "\"" parts:part('"')* "\"" { parts.concat() }
    rule character() -> Number = "'" c:part('\'') "'" {?
        let [byte] = c.as_bytes() else { return Err("a character of one byte") };
        number(&byte.to_string(), 10, "")
    }
    rule file_name() -> Ident = start:position!() name:string() {?
        let is_bad = name.is_empty() || name.contains(['\0', '"', '\n', '\r', '\\']);
        let ident = Ident { name: name.into(), start };
        if is_bad { Err("the name of a file") } else { Ok(ident) }
    }
    rule library() = file:file_name() { state.program.borrow_mut().libraries.push(file.name) }

    pub(super) rule program() = _ (item() _)*
    rule item()
        = c:(word("extern") _ "\"C\"" _)? head:head() _ own:body() {
            let linkage = if c.is_some() { Linkage::C } else { Linkage::Own };
            let ((name, signature), (body, uses)) = (head, own);
            let function = FnDecl { name, signature, linkage, body, uses };
            state.program.borrow_mut().functions.push(function);
        }
        / word("extern") _ library()? _ "{" _ (import() _)* "}"
        / is_union:(word("struct") { false } / word("union") { true }) _ name:ident() _
            members:(";" { None } / "{" _ m:list(<member()>) "}" { Some(m) })
        { state.program.borrow_mut().records.push(RecordDecl { is_union, name, members }) }
        / word("use") _ word("c") _ header:file_name() _ (word("from") _ library() _)? ";" {
            state.program.borrow_mut().headers.push(header);
        }
    rule import() = head:head() _ ";" {
        let (name, signature) = head;
        let (linkage, body) = (Linkage::Import(Rc::clone(&name.name)), Vec::new());
        let function = FnDecl { name, signature, linkage, body, uses: Uses::default() };
        state.program.borrow_mut().functions.push(function);
    }

    rule member() -> (Ident, TypeExpr) = name:ident() _ ":" _ ty:ty() { (name, ty) }
    rule params<T>(param: rule<T>) -> (Vec<T>, bool)
        = "(" _ "..." _ ")" { (Vec::new(), true) }
        / "(" _ params:(param() ** (_ "," _)) more:(_ "," _ "...")? (_ ",")? _ ")" {
            (params, more.is_some())
        }
    rule result() -> Option<TypeExpr> = (_ "->" _ ty:ty() { ty })?
    rule signature() -> Signature = own:params(<member()>) result:result() {
        let (names, params) = own.0.into_iter().unzip();
        Signature { names, params, variadic: own.1, result }
    }
    rule head() -> (Ident, Signature) = word("fn") _ name:ident() _ own:signature() { (name, own) }
    rule begin() = { state.uses.borrow_mut().push(Uses::default()) }
    rule body() -> (Vec<Stmt>, Uses) = begin() body:block()? {?
        let uses = state.uses.borrow_mut().pop().unwrap_or_default();
        Ok((body.ok_or("a block")?, uses))
    }

    rule ty() -> TypeExpr = start:position!() kind:nested(<type_kind()>) {
        TypeExpr { kind, start }
    }
    rule type_kind() -> TypeKind
        = "*" _ to:ty() { TypeKind::Pointer(Box::new(to)) }
        / word("fn") _ own:params(<ty()>) result:result() {
            let (names, (params, variadic)) = (Vec::new(), own);
            TypeKind::Fn(Box::new(Signature { names, params, variadic, result }))
        }
        / "[" _ element:ty() _ ";" _ n:number() _ "]" {?
            let len = n.digits.parse().ok().filter(|_| n.suffix.is_empty());
            Ok(TypeKind::Array(Box::new(element), len.ok_or("a number of elements")?))
        }
        / word("complex") _ "<" _ part:ty() _ ">" { TypeKind::Complex(Box::new(part)) }
        / name:name() { TypeKind::Name(name.into()) }

    rule block() -> Vec<Stmt> = nested(<"{" _ stmts:(s:stmt() _ { s })* "}" { stmts }>)
    rule stmt() -> Stmt = start:position!() kind:stmt_kind() {
        Stmt { kind, start }
    }
    rule stmt_kind() -> StmtKind
        = nested(<if_stmt()>)
        / word("while") _ condition:expr(false) _ body:block() {
            StmtKind::While(condition, body)
        }
        / word("for") _ var:ident() _ word("in") _ low:expr(false) _ ".." _ high:expr(false) _
            body:block() { StmtKind::For(var, [low, high], body) }
        / word("try") _ body:block() _ word("catch") _ handler:block() {
            StmtKind::Try(body, handler)
        }
        / body:block() { StmtKind::Block(body) }
        / word("let") _ name:ident() ty:(_ ":" _ ty:ty() { ty })?
            value:(_ "=" _ value:expr(true) { value })? _ ";" { StmtKind::Let(name, ty, value) }
        / word("return") value:(_ value:expr(true) { value })? _ ";" { StmtKind::Return(value) }
        / word("become") _ call:expr(true) _ ";" { StmtKind::Become(call) }
        / word("break") _ ";" { StmtKind::Break }
        / word("continue") _ ";" { StmtKind::Continue }
        / place:expr(true) new:(_ op:assign() _ value:expr(true) { (op, value) })? _ ";" {
            match new {
                Some((op, value)) => StmtKind::Assign(place, op, value),
                None => StmtKind::Expr(place),
            }
        }
    rule if_stmt() -> StmtKind
        = word("if") _ condition:expr(false) _ then:block() otherwise:(_ s:otherwise() { s })? {
            StmtKind::If(condition, then, otherwise.unwrap_or_default())
        }
    rule otherwise() -> Vec<Stmt>
        = word("else") _ stmts:(block() / &word("if") s:stmt() { vec![s] }) { stmts }
    rule assign() -> Option<BinaryOp>
        = "=" { None } / "+=" { Some(Add) } / "-=" { Some(Sub) } / "*=" { Some(Mul) }
        / "/=" { Some(Div) } / "%=" { Some(Rem) } / "&=" { Some(BitAnd) } / "|=" { Some(BitOr) }
        / "^=" { Some(BitXor) } / "<<=" { Some(Shl) } / ">>=" { Some(Shr) }

    /// In a condition `name {` begins the block, not a record (`has_records`).
    rule op<T>(text: rule<T>) = _ quiet! { text() } _
    rule expr(has_records: bool) -> Expr = nested(<operators(has_records)>)
    rule operators(has_records: bool) -> Expr = precedence! {
        start:position!() kind:@ end:position!() { state.node(kind, start) }
        --
        a:(@) op(<"||">) b:@ { binary(Or, a, b) }
        --
        a:(@) op(<"&&">) b:@ { binary(And, a, b) }
        --
        a:(@) op(<"==">) b:@ { binary(Eq, a, b) }
        a:(@) op(<"!=">) b:@ { binary(Ne, a, b) }
        a:(@) op(<"<=">) b:@ { binary(Le, a, b) }
        a:(@) op(<">=">) b:@ { binary(Ge, a, b) }
        a:(@) op(<"<" !"<">) b:@ { binary(Lt, a, b) }
        a:(@) op(<">" !">">) b:@ { binary(Gt, a, b) }
        --
        a:(@) op(<"|" !['|' | '=']>) b:@ { binary(BitOr, a, b) }
        --
        a:(@) op(<"^" !"=">) b:@ { binary(BitXor, a, b) }
        --
        a:(@) op(<"&" !['&' | '=']>) b:@ { binary(BitAnd, a, b) }
        --
        a:(@) op(<"<<" !"=">) b:@ { binary(Shl, a, b) }
        a:(@) op(<">>" !"=">) b:@ { binary(Shr, a, b) }
        --
        a:(@) op(<"+" !"=">) b:@ { binary(Add, a, b) }
        a:(@) op(<"-" !"=">) b:@ { binary(Sub, a, b) }
        --
        a:(@) op(<"*" !"=">) b:@ { binary(Mul, a, b) }
        a:(@) op(<"/" !"=">) b:@ { binary(Div, a, b) }
        a:(@) op(<"%" !"=">) b:@ { binary(Rem, a, b) }
        --
        value:(@) op(<word("as") {}>) ty:ty() { ExprKind::Cast(Box::new(value), ty) }
        --
        prefix(<"-">) value:(@) { ExprKind::Unary(UnaryOp::Neg, Box::new(value)) }
        prefix(<"!">) value:(@) { ExprKind::Unary(UnaryOp::Not, Box::new(value)) }
        prefix(<"~">) value:(@) { ExprKind::Unary(UnaryOp::BitNot, Box::new(value)) }
        prefix(<"*">) value:(@) { ExprKind::Unary(UnaryOp::Deref, Box::new(value)) }
        prefix(<"&">) value:(@) {
            state.point_to(&value);
            ExprKind::Unary(UnaryOp::AddressOf, Box::new(value))
        }
        --
        callee:(@) op(<"(">) args:list(<expr(true)>) ")" {
            ExprKind::Call(Box::new(callee), args)
        }
        base:(@) op(<"[">) index:expr(true) _ "]" {
            ExprKind::Index(Box::new(base), Box::new(index))
        }
        base:(@) op(<"." !".">) member:ident() { ExprKind::Field(Box::new(base), member) }
        --
        "(" _ value:expr(true) _ ")" { value.kind }
        kind:primary(has_records) { kind }
    }
    rule prefix<T>(text: rule<T>) = at:position!() quiet! { text() } _ {? state.deeper(at).map(drop) }
    rule primary(has_records: bool) -> ExprKind
        = n:number() { ExprKind::Number(n) }
        / n:character() { ExprKind::Number(n) }
        / s:string() { ExprKind::Str(s.into_bytes()) }
        / word("true") { ExprKind::Bool(true) }
        / word("false") { ExprKind::Bool(false) }
        / word("null") { ExprKind::Null }
        / "[" _ elements:list(<expr(true)>) "]" { ExprKind::Array(elements) }
        / start:position!() word("fn") _ signature:signature() _ own:body() {
            let name = Ident { name: "closure".into(), start };
            let ((body, uses), linkage) = (own, Linkage::Closure);
            state.closure(FnDecl { name, signature, linkage, body, uses })
        }
        / word("sizeof") _ "(" _ ty:ty() _ ")" { ExprKind::SizeOf(ty) }
        / word("complex") _ "(" _ re:expr(true) _ "," _ im:expr(true) _ ")" {
            ExprKind::Complex(Box::new(re), Box::new(im))
        }
        / are_read(has_records) name:ident() _ "{" _ members:list(<given()>) "}" {
            ExprKind::Record(name, members)
        }
        / name:name() is_called:(&op(<"(">) { true } / { false }) { state.name(name, is_called) }
    rule are_read(records: bool) = {? if records { Ok(()) } else { Err("") } }
    rule given() -> (Ident, Expr) = name:ident() _ ":" _ value:expr(true) { (name, value) }
} }
