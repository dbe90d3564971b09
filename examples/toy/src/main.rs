//! `toy`: a small language whose functions are C functions.

mod ast;
mod check;
mod decimal;
mod diag;
mod lex;
mod parse;
mod typed;
mod types;

use ariadne::Source;
fn main() {
    let path = std::env::args().nth(1).unwrap_or_default();
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let source = Source::from(text.as_str());
    let prelude = parse::parse(include_str!("prelude.toy")).unwrap_or_else(|d| { eprint!("{}", d.render("prelude", &Source::from(include_str!("prelude.toy")), false)); Default::default() });
    match parse::parse(&text).map_err(|e| vec![e]).and_then(|p| check::check(&prelude, &p)) {
        Ok(c) => println!("ok {} functions {:?}", c.functions.len(), c.main),
        Err(all) => for d in all { eprint!("{}", d.render(&path, &source, false)); },
    }
}
