//! From an argument as C writes it to the bytes of an object (C17 6.7.9, Initialization).
//!
//! Stricter than C where C would quietly lose something: a number must fit the bits of its object, with a sign or
//! without, and a floating constant is no integer.

use std::iter::Peekable;
use std::slice::Iter;

use cabi::{Array, Kind, Scalar, Type};

use super::bits;
use super::float;
use super::invoke::Memory;
use super::literal::{Designator, Init, Item, Value, with_unit};
use super::number::NumberKind;
use super::parts::{self, Content, Part};
use crate::output::count;
use crate::reading::questions::Answers;

/// The bytes of one argument of type `ty`.
///
/// # Errors
/// What does not fit, in words that stand after the parameter's name.
pub(crate) fn fill(
    init: &Init,
    ty: &Type,
    answers: &Answers<'_>,
    memory: &mut Memory,
) -> Result<Vec<u8>, String> {
    // Nothing sensible is larger, and it must fit on the stack.
    let size = usize::try_from(ty.size()).ok().filter(|n| *n <= 1 << 20);
    let size = size.ok_or_else(|| format!("{ty} is too large to be passed from here"))?;
    let mut writer = Writer {
        bytes: vec![0; size],
        answers,
        memory,
    };
    writer.content(Content::Object(ty), 0, init)?;
    Ok(writer.bytes)
}

/// Why an initialiser does not fit, in words that follow the name of what it is for.
type Filled = Result<(), String>;

/// Items that are still to find their place.
type Items<'i> = Peekable<Iter<'i, Item>>;

struct Writer<'a> {
    bytes: Vec<u8>,
    answers: &'a Answers<'a>,
    memory: &'a mut Memory,
}

impl Writer<'_> {
    /// The part that starts at bit `at`, from an initialiser of its own.
    fn content(&mut self, content: Content<'_>, at: u64, init: &Init) -> Filled {
        match (content, init) {
            (Content::Object(ty), Init::List(items)) => {
                // It takes the place of what an initialiser before it has left there.
                self.put(at, ty.size() * 8, 0);
                let mut left = items.iter().peekable();
                self.take_items(ty, at, &mut left, true)?;
                match left.next() {
                    Some(_) => Err(format!("{ty} has fewer members than it is given")),
                    None => Ok(()),
                }
            }
            (Content::Object(ty), Init::Value(value)) => self.value(ty, at, value),
            (Content::Bits(scalar, width), Init::Value(value)) => {
                let bits = self.scalar(scalar, width, value)?;
                self.put(at, width, bits);
                Ok(())
            }
            (Content::Bits(..), Init::List(_)) => Err("one number is expected".to_owned()),
        }
    }

    /// The object of type `ty` that starts at bit `at`, from as many of `items` as it takes: all between its braces, or without `braces` those of the list
    /// around it.
    fn take_items(&mut self, ty: &Type, at: u64, items: &mut Items<'_>, braces: bool) -> Filled {
        if braces
            && let Kind::Array(_) = ty.kind()
            && let Some(Item { at: none, init }) = items.peek()
            && let (Init::Value(Value::Text(text)), []) = (init, none.as_slice())
            && is_text(ty, self.answers.text_bits(text)?)
        {
            items.next();
            return self.content(Content::Object(ty), at, init);
        }
        if parts::count(ty)?.is_none() {
            return match items.next() {
                Some(item) if item.at.is_empty() => {
                    self.content(Content::Object(ty), at, &item.init)
                }
                Some(_) => Err(format!("{ty} has no members")),
                // `{}` is zero.
                None => Ok(()),
            };
        }
        let mut last = None;
        while let Some(item) = items.peek() {
            if let [first, rest @ ..] = item.at.as_slice() {
                if !braces {
                    return Ok(());
                }
                let init = &item.init;
                items.next();
                let (i, part) = parts::designated(ty, first)?;
                self.designated(&part, at, rest, init)?;
                last = Some(i);
            } else if let Some((i, part)) = parts::following(ty, last) {
                let taken = self.next(part.content, at + part.at, items);
                taken.map_err(|why| part.wrong(why))?;
                last = Some(i);
            } else {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A part from the next item, or, where that is no initialiser for it as a whole, from as many as it takes.
    fn next(&mut self, content: Content<'_>, at: u64, items: &mut Items<'_>) -> Filled {
        let Some(item) = items.peek() else {
            return Ok(());
        };
        if let (Content::Object(ty), Init::Value(value)) = (content, &item.init) {
            let elided = match value {
                Value::Text(text) => {
                    ty.is_aggregate() && !is_text(ty, self.answers.text_bits(text)?)
                }
                Value::Compound(..) => matches!(ty.kind(), Kind::Array(_)),
                _ => ty.is_aggregate(),
            };
            if elided {
                return self.take_items(ty, at, items, false);
            }
        }
        let init = &item.init;
        items.next();
        self.content(content, at, init)
    }

    /// What the designators `rest` lead to in a part of the object that starts at bit `at`.
    fn designated(&mut self, part: &Part<'_>, at: u64, rest: &[Designator], init: &Init) -> Filled {
        let at = at + part.at;
        let filled = match (rest.split_first(), part.content) {
            (None, content) => self.content(content, at, init),
            (Some((first, rest)), Content::Object(ty)) => parts::designated(ty, first)
                .and_then(|(_, inner)| self.designated(&inner, at, rest, init)),
            (Some(_), Content::Bits(..)) => Err("it has no members".to_owned()),
        };
        filled.map_err(|why| part.wrong(why))
    }

    fn value(&mut self, ty: &Type, at: u64, value: &Value) -> Filled {
        let total_bits = ty.size() * 8;
        match (ty.kind(), value) {
            (_, Value::Compound(named, items)) => {
                let own = self.answers.ty(named)?;
                if own != *ty {
                    return Err(format!("{named} is not {ty}"));
                }
                self.content(Content::Object(ty), at, &Init::List(items.clone()))
            }
            (Kind::Scalar(scalar) | Kind::Enum(scalar), _) => {
                let bits = self.scalar(*scalar, scalar.value_bits(ty.size()), value)?;
                self.put(at, total_bits, bits);
                Ok(())
            }
            (Kind::Complex(_), Value::Other(text))
                if self.answers.constant(text).is_err()
                    && let Some(value) = with_unit(text) =>
            {
                self.value(ty, at, &value)
            }
            (Kind::Complex(_), _) => {
                let (re, im) = match value {
                    Value::Complex(re, im) => {
                        (Value::Number(re.clone()), Some(Value::Number(im.clone())))
                    }
                    // A real number has the imaginary part +0.
                    other => (other.clone(), None),
                };
                self.put(at, total_bits, 0);
                for (i, number) in (0..).zip([re].into_iter().chain(im)) {
                    if let Some(part) = parts::part(ty, i) {
                        self.content(part.content, at + part.at, &Init::Value(number))?;
                    }
                }
                Ok(())
            }
            (Kind::Array(_), Value::Text(text)) if is_text(ty, self.answers.text_bits(text)?) => {
                let bytes = text.encode(self.answers.text_bits(text)?)?;
                if bytes.len() as u64 > ty.size() {
                    let size = count(bytes.len() as u64, "byte");
                    return Err(format!("a string of {size} does not fit {ty}"));
                }
                self.put(at, total_bits, 0);
                for (i, byte) in bytes.iter().enumerate() {
                    self.put(at + i as u64 * 8, 8, u128::from(*byte));
                }
                Ok(())
            }
            (Kind::Record(_) | Kind::Array(_) | Kind::Vector(_), _) => {
                Err(format!("{} cannot initialise {ty}: write {{...}}", value))
            }
            _ => Err("no value of this type can be passed from here".into()),
        }
    }

    /// The bits of a scalar of which `width` count.
    fn scalar(&mut self, scalar: Scalar, width: u64, value: &Value) -> Result<u128, String> {
        let wrong = |expected: &str| Err(format!("{expected} is expected, not {}", value));
        let of_clang;
        let number = match value {
            Value::Number(number) => number,
            Value::Other(text) => {
                of_clang = self.answers.constant(text)?;
                &of_clang
            }
            _ if matches!(scalar, Scalar::Ptr) => return self.pointer(value),
            Value::Null if scalar == Scalar::FnPtr => return Ok(0),
            _ if scalar == Scalar::FnPtr => return wrong("NULL"),
            _ if scalar.is_float() => return wrong("a number"),
            _ => return wrong("an integer"),
        };
        match (&number.kind, scalar) {
            (NumberKind::Int(0), Scalar::Ptr | Scalar::FnPtr) => Ok(0),
            (_, Scalar::Ptr) => wrong("NULL, a string or &(type){...}"),
            (_, Scalar::FnPtr) => wrong("NULL"),
            (NumberKind::Float(text), _) if scalar.is_float() => {
                let bits = float::from_text(text, number.negative, scalar);
                bits.ok_or_else(|| format!("{} is too large", value))
            }
            (NumberKind::Int(magnitude), _) if scalar.is_float() => {
                let bits = float::from_int(*magnitude, number.negative, scalar);
                bits.ok_or_else(|| format!("{} is too large", value))
            }
            (NumberKind::Float(_), _) => wrong("an integer"),
            (_, Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128) => {
                Err("decimal floating point is not supported".into())
            }
            (NumberKind::Int(magnitude), Scalar::Bool) => Ok(u128::from(*magnitude != 0)),
            (NumberKind::Int(magnitude), _) => bits::fit(*magnitude, number.negative, width)
                .ok_or_else(|| format!("{} does not fit", value)),
        }
    }

    fn pointer(&mut self, value: &Value) -> Result<u128, String> {
        let address = match value {
            Value::Null => 0,
            Value::Text(text) => {
                let bytes = text.encode(self.answers.text_bits(text)?)?;
                // The NUL is as wide as any element.
                self.memory
                    .keep(None, &[bytes.as_slice(), &[0; 4]].concat())
            }
            Value::Address(named, items) => {
                let ty = self.answers.ty(named)?;
                let bytes = fill(&Init::List(items.clone()), &ty, self.answers, self.memory)
                    .map_err(|why| format!("{named}: {why}"))?;
                self.memory.keep(Some(ty), &bytes)
            }
            _ => {
                return Err(format!(
                    "NULL, a string or &(type){{...}} is expected, not {}",
                    value
                ));
            }
        };
        Ok(address as u128)
    }

    fn put(&mut self, at: u64, width: u64, value: u128) {
        bits::set(&mut self.bytes, at, width, value);
    }
}

/// Whether a string whose elements have so many bits can initialise it.
fn is_text(ty: &Type, wide: u64) -> bool {
    let of = |array: &Array| matches!(array.elem.as_scalar(), Some(Scalar::Int { bits, .. }) if u64::from(bits) == wide);
    matches!(ty.kind(), Kind::Array(array) if of(array))
}
