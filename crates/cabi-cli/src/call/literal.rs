//! Arguments as C writes them: constants, strings, and initialisers in braces (C17 6.4.4, 6.4.5, 6.7.9).
//!
//! What is neither is kept as text for clang, which knows the header's enumerators and macros.

use std::fmt;
use std::sync::LazyLock;

use regex_lite::Regex;

use super::number::{Number, NumberKind, constant, is_word, without_i};
use super::quoted::{Text, is_string, strings};

/// An argument.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Init {
    /// `{...}`.
    List(Vec<Item>),
    /// Anything without braces around it.
    Value(Value),
}

/// What stands between two commas of a list.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Item {
    /// `.x[2] =`, outermost first; empty without one.
    pub(crate) at: Vec<Designator>,
    pub(crate) init: Init,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Designator {
    Member(String),
    Element(u64),
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Number(Number),
    /// `1.0 + 2.0i`: real and imaginary part.
    Complex(Number, Number),
    /// A string.
    Text(Text),
    /// `NULL`.
    Null,
    /// `(struct vec2){1, 2}`: the type as written, and the object.
    Compound(String, Vec<Item>),
    /// `&(int){0}`: the address of such an object.
    Address(String, Vec<Item>),
    /// An expression for clang.
    Other(String),
}

impl Init {
    /// The argument `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text };
        let init = parser.init(0)?;
        parser.skip_space();
        if parser.rest.is_empty() {
            Ok(init)
        } else {
            Err(format!("unexpected `{}` at the end", parser.rest))
        }
    }
}

/// What it is, in a message.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => {
                let sign = if number.negative { "-" } else { "" };
                match &number.kind {
                    NumberKind::Int(magnitude) => write!(f, "the integer {sign}{magnitude}"),
                    NumberKind::Float(text) => write!(f, "the floating constant {sign}{text}"),
                }
            }
            Value::Complex(..) => f.write_str("a complex number"),
            Value::Text(_) => f.write_str("a string"),
            Value::Null => f.write_str("NULL"),
            Value::Compound(ty, _) => write!(f, "a {ty}"),
            Value::Address(ty, _) => write!(f, "the address of a {ty}"),
            Value::Other(text) => f.write_str(text),
        }
    }
}

/// Deeper braces are an error, never a stack overflow.
const MAX_DEPTH: u16 = 128;

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: char) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn init(&mut self, depth: u16) -> Result<Init, String> {
        if depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} braces inside each other"));
        }
        self.skip_space();
        if self.rest.starts_with('{') {
            return Ok(Init::List(self.list(depth)?));
        }
        let text = self.expression()?;
        Ok(Init::Value(value(text, depth)?))
    }

    /// `{...}`, a trailing comma allowed.
    fn list(&mut self, depth: u16) -> Result<Vec<Item>, String> {
        let mut items = Vec::new();
        if !self.eat('{') {
            return Err("`{` expected".into());
        }
        loop {
            if self.eat('}') {
                return Ok(items);
            }
            let at = self.designators()?;
            let init = self.init(depth + 1)?;
            items.push(Item { at, init });
            if !self.eat(',') {
                return if self.eat('}') {
                    Ok(items)
                } else {
                    Err("`}` is missing".into())
                };
            }
        }
    }

    fn designators(&mut self) -> Result<Vec<Designator>, String> {
        let mut at = Vec::new();
        loop {
            self.skip_space();
            // `.5` is a number.
            let member = self.rest.strip_prefix('.').map(str::trim_start);
            if let Some(rest) = member.filter(|rest| rest.starts_with(is_word_start)) {
                let (name, rest) = rest.split_at(word_len(rest));
                at.push(Designator::Member(name.to_owned()));
                self.rest = rest;
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                let Some((index, rest)) = rest.split_once(']') else {
                    return Err("`]` is missing".into());
                };
                let index = index.trim();
                let index = index
                    .parse()
                    .map_err(|_| format!("[{index}] is not the number of an element"))?;
                at.push(Designator::Element(index));
                self.rest = rest;
            } else if at.is_empty() || self.eat('=') {
                return Ok(at);
            } else {
                return Err("`=` expected after a designator".into());
            }
        }
    }

    /// The text up to a comma or closing brace that is not inside quotes or brackets.
    fn expression(&mut self) -> Result<&'a str, String> {
        let mut depth = 0usize;
        let mut quote = None;
        let mut escaped = false;
        let mut end = self.rest.len();
        for (at, c) in self.rest.char_indices() {
            match (quote, c) {
                (Some(_), _) if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(q), _) if q == c => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '(' | '[' | '{') => depth += 1,
                (None, '}' | ',') if depth == 0 => {
                    end = at;
                    break;
                }
                (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        if let Some(quote) = quote {
            return Err(format!("the closing {quote} is missing"));
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        match text.trim() {
            "" => Err("it is empty".into()),
            text => Ok(text),
        }
    }
}

fn value(text: &str, depth: u16) -> Result<Value, String> {
    if is_string(text) {
        return strings(text).map(Value::Text);
    }
    if text == "NULL" || text == "nullptr" {
        return Ok(Value::Null);
    }
    let pointee = text.strip_prefix('&').map(str::trim_start);
    if let Some((ty, object)) = compound(pointee.unwrap_or(text)) {
        let mut parser = Parser { rest: object };
        let items = parser.list(depth + 1)?;
        if !parser.rest.trim().is_empty() {
            return Ok(Value::Other(text.to_owned()));
        }
        let ty = ty.to_owned();
        return Ok(match pointee {
            Some(_) => Value::Address(ty, items),
            None => Value::Compound(ty, items),
        });
    }
    Ok(arithmetic(text).unwrap_or_else(|| Value::Other(text.to_owned())))
}

/// `(type){...}`: the type, and the rest from the brace on.
fn compound(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('(')?;
    let mut depth = 1usize;
    for (at, c) in inside.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let rest = inside.get(at + 1..)?.trim_start();
            return rest
                .starts_with('{')
                .then_some((inside.get(..at)?.trim(), rest));
        }
    }
    None
}

/// A constant with what follows it: the end of a preprocessing number is told as C17 6.4.8 does, and `* I`, as complex.h has it, makes it imaginary.
const CONSTANT: &str =
    r"(INFINITY|NAN|HUGE_VAL|0[xX](?:[pP][+-]|[\w.])*|\.?\d(?:[eE][+-]|[\w.])*)(\s*\*\s*I\b)?\s*";

/// One constant with its signs, or two.
static CONSTANTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let two = format!(r"^([-+\s]*){CONSTANT}(?:([-+][-+\s]*){CONSTANT})?$");
    Regex::new(&two).ok()
});

/// One constant, or a real and an imaginary one. `None` if it is something else.
fn arithmetic(text: &str) -> Option<Value> {
    let found = CONSTANTS.as_ref()?.captures(text)?;
    let group = |i: usize| found.get(i).map(|group| group.as_str());
    let number = |at: usize| {
        let negative = group(at)?.matches('-').count() % 2 == 1;
        let (own, imaginary) = without_i(group(at + 1)?);
        let kind = constant(&own)?;
        let times_i = group(at + 2).is_some();
        // `2i*I` is a product, which is real.
        let is_number = !(imaginary && times_i);
        is_number.then_some((Number { negative, kind }, imaginary || times_i))
    };
    let (first, imaginary) = number(1)?;
    if group(4).is_some() {
        let second = number(4).filter(|(_, is_second)| *is_second && !imaginary);
        return second.map(|(second, _)| Value::Complex(first, second));
    }
    // The minus sign is of the whole number: `-2.0i` has the real part -0.0.
    let (negative, kind) = (first.negative, NumberKind::Int(0));
    Some(match imaginary {
        true => Value::Complex(Number { negative, kind }, first),
        false => Value::Number(first),
    })
}

/// `I`, `1 - I`: an expression that ends in complex.h's imaginary unit, which headers may give other meanings.
pub(crate) fn with_unit(text: &str) -> Option<Value> {
    let before = text.strip_suffix('I').filter(|s| !s.ends_with(is_word))?;
    let value = arithmetic(&format!("{before}1.0fi"))?;
    matches!(value, Value::Complex(..)).then_some(value)
}

fn is_word_start(c: char) -> bool {
    is_word(c) && !c.is_ascii_digit()
}

fn word_len(text: &str) -> usize {
    text.find(|c| !is_word(c)).unwrap_or(text.len())
}
