//! From an argument in JSON to the bytes of an object.
//!
//! No number is changed silently: an integer fits the bits of its object, with a sign or without,
//! and a number with a fraction is no integer.

use cabi::{Declaration, Kind, Record, Scalar, Type};
use cabi_header::{Header, Written, declared};
use serde_json::{Map, Value};

use super::invoke::{Memory, Object};
use super::parts::{self, Content, elements};
use super::{bits, float};

/// An argument.
pub(crate) enum Arg {
    Json(Value),
    /// A word that is no JSON: the name of a constant, or several with `|` between them.
    Word(String),
}

/// Arguments that are accepted for a pointer, in messages.
const POINTER: &str =
    "null, a string in quotes ('\"text\"'), an object that it points to or {\"&type\": ..}";

impl Arg {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match serde_json::from_str(text) {
            Ok(value) => Ok(Self::Json(value)),
            Err(why) if text.trim_start().starts_with(['{', '[', '"']) => {
                Err(format!("{text}: {why}"))
            }
            Err(_) => Ok(Self::Word(text.to_owned())),
        }
    }
}

/// Writes arguments of one call.
pub(crate) struct Filler<'a> {
    pub(crate) header: &'a Header,
    pub(crate) memory: &'a mut Memory,
    /// Name of the objects that the argument points to.
    pub(crate) name: String,
}

impl Filler<'_> {
    /// Returns the bytes of `arg` for an object of type `ty`.
    ///
    /// # Errors
    /// Values that do not fit, in words that follow the parameter's name.
    pub(crate) fn argument(
        &mut self,
        arg: &Arg,
        ty: &Type,
        written: Option<&Written>,
    ) -> Result<Vec<u8>, String> {
        match arg {
            Arg::Json(value) => self.object(ty, written, value),
            Arg::Word(word)
                if ty
                    .as_scalar()
                    .is_some_and(|scalar| !matches!(scalar, Scalar::Ptr | Scalar::FnPtr)) =>
            {
                self.object(ty, written, &Value::String(word.clone()))
            }
            Arg::Word(word) => Err(format!(
                "{word} is neither JSON nor a number of the header's"
            )),
        }
    }

    /// Returns the type that an argument after the `...` has by itself, after C's default argument
    /// promotions.
    pub(crate) fn own_type(&self, arg: &Arg) -> Result<Type, String> {
        let value = match arg {
            Arg::Word(word) if float::is_name(word) => return Ok(Type::F64),
            Arg::Word(word) => {
                let first = word.split('|').next().unwrap_or(word).trim();
                let ty = self
                    .header
                    .constant(first)
                    .map(|constant| cabi::promote(&constant.ty));
                return ty.ok_or_else(|| self.no_constant(first));
            }
            Arg::Json(value) => value,
        };
        match value {
            Value::Number(number) if is_integer(&number.to_string()) => match number.as_i64() {
                Some(n) if i32::try_from(n).is_ok() => Ok(Type::I32),
                Some(_) => Ok(Type::I64),
                None => Err(format!(
                    "{number} needs its type here: {{\"(unsigned long)\": {number}}}"
                )),
            },
            Value::Number(_) => Ok(Type::F64),
            Value::Bool(_) => Ok(Type::I32),
            Value::Null | Value::String(_) => Ok(self.header.model.pointer()),
            value => match typed(value) {
                Some(('&', ..)) => Ok(self.header.model.pointer()),
                Some((_, "_Float32", _)) => Ok(Type::F32),
                Some((_, name, _)) => Ok(cabi::promote(&self.named(name)?)),
                None => Err("its type is needed here: {\"(struct vec2)\": {\"x\": 1}}".to_owned()),
            },
        }
    }

    fn object(
        &mut self,
        ty: &Type,
        written: Option<&Written>,
        value: &Value,
    ) -> Result<Vec<u8>, String> {
        let mut bytes = zeros(ty)?;
        self.put(&mut bytes, (Content::Object(ty), written), 0, value)?;
        Ok(bytes)
    }

    /// Writes `value` at bit `at` of `bytes`.
    fn put(
        &mut self,
        bytes: &mut [u8],
        (content, written): (Content<'_>, Option<&Written>),
        at: u64,
        value: &Value,
    ) -> Result<(), String> {
        let ty = match content {
            Content::Bits(scalar, width) => {
                bits::set(bytes, at, width, self.number(scalar, width, value)?);
                return Ok(());
            }
            Content::Object(ty) => ty,
        };
        if let Some(('(', name, inner)) = typed(value) {
            return match self.named(name)? {
                own if own == *ty || cabi::promote(&own) == *ty => {
                    self.put(bytes, (content, written), at, inner)
                }
                _ => Err(format!("{name} is not {ty}")),
            };
        }
        let all = ty.size() * 8;
        match (ty.kind(), value) {
            (Kind::Scalar(Scalar::Ptr), _) => {
                bits::set(bytes, at, all, self.address(written, value)? as u128)
            }
            (Kind::Scalar(scalar) | Kind::Enum(scalar), _) => {
                let number = self.number(*scalar, scalar.value_bits(ty.size()), value)?;
                bits::set(bytes, at, all, number);
            }
            (Kind::Array(array), Value::String(text)) => {
                let units = encode(text, character(&array.elem));
                let units = units.ok_or_else(|| format!("{ty} has no characters"))?;
                let n = units.len();
                if n as u64 > ty.size() {
                    return Err(format!("a string of {n} bytes does not fit {ty}"));
                }
                for (i, byte) in (0..).zip(units) {
                    bits::set(bytes, at + i * 8, 8, byte.into());
                }
            }
            (Kind::Record(record), Value::Object(members)) => {
                self.members(bytes, (record, written), at, members)?
            }
            // A real number has the imaginary part 0.
            (Kind::Complex(_), Value::Number(_) | Value::String(_)) => {
                if let Some(parts) = elements(ty) {
                    self.put(bytes, (parts.content, None), at, value)?;
                }
            }
            (Kind::Array(_) | Kind::Vector(_) | Kind::Complex(_), Value::Array(items)) => {
                self.list(bytes, (ty, written), at, items)?
            }
            (Kind::Record(_), _) => {
                return Err(format!(
                    "{value} is no {ty}: write an object, {{\"member\": ..}}"
                ));
            }
            (Kind::Array(_) | Kind::Vector(_) | Kind::Complex(_), _) => {
                return Err(format!("{value} is no {ty}: write a list, [1, 2]"));
            }
            _ => return Err("no value of this type can be passed from here".to_owned()),
        }
        Ok(())
    }

    fn list(
        &mut self,
        bytes: &mut [u8],
        (ty, written): (&Type, Option<&Written>),
        at: u64,
        items: &[Value],
    ) -> Result<(), String> {
        let parts = elements(ty).ok_or("a flexible array member is not part of the value")?;
        let (n, given) = (parts.n, items.len());
        if given as u64 > n {
            return Err(format!("{ty} has {n} elements, not {given}"));
        }
        let written = parts::of_element(written);
        for (i, item) in (0..).zip(items) {
            let put = self.put(bytes, (parts.content, written), at + i * parts.step, item);
            put.map_err(|why| format!("[{i}]: {why}"))?;
        }
        Ok(())
    }

    fn members(
        &mut self,
        bytes: &mut [u8],
        (record, written): (&Record, Option<&Written>),
        at: u64,
        members: &Map<String, Value>,
    ) -> Result<(), String> {
        if record.kind() == cabi::RecordKind::Union && members.len() > 1 {
            return Err(format!("{record} has one member at a time"));
        }
        let all = parts::written(self.header, written, record);
        for (name, value) in members {
            let (field, start) = record
                .field(name)
                .ok_or_else(|| format!("{record} has no member {name}"))?;
            let i = record
                .fields()
                .iter()
                .position(|own| std::ptr::eq(own, field));
            let content = parts::member(field)
                .ok_or_else(|| format!("{name}: a flexible array is not part of the value"))?;
            let bit_field = match content {
                Content::Bits(_, width) => format!(", a bit-field of {width} bits"),
                Content::Object(_) => String::new(),
            };
            let put = self.put(
                bytes,
                (content, i.and_then(|i| all.get(i))),
                at + start,
                value,
            );
            put.map_err(|why| format!("{name}{bit_field}: {why}"))?;
        }
        Ok(())
    }

    /// Returns the bits of a scalar of which `width` count.
    fn number(&self, scalar: Scalar, width: u64, value: &Value) -> Result<u128, String> {
        let wrong = |expected: &str| Err(format!("{expected} is expected, not {value}"));
        let text = match value {
            Value::Null if scalar == Scalar::FnPtr => return Ok(0),
            _ if scalar == Scalar::FnPtr => return wrong("null"),
            Value::Number(number) => number.to_string(),
            Value::Bool(is) => u8::from(*is).to_string(),
            Value::String(text) => text.clone(),
            _ if scalar.is_float() => return wrong("a number"),
            _ => return wrong("an integer"),
        };
        if matches!(scalar, Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128) {
            return Err("decimal floating point is not supported".to_owned());
        }
        if scalar.is_float() {
            let read = float::from_text(&text, scalar);
            return match (read, value) {
                (Some(bits), _) => Ok(bits),
                (None, Value::String(name)) => {
                    let whole = self.constant(name)?.to_string();
                    float::from_text(&whole, scalar).ok_or_else(|| format!("{name} is too large"))
                }
                (None, _) => Err(format!("{text} is too large")),
            };
        }
        let (magnitude, negative) = match value {
            Value::String(names) => {
                let whole = self.constant(names)?;
                (whole.unsigned_abs(), whole < 0)
            }
            _ if !is_integer(&text) => return wrong("an integer"),
            _ => {
                let magnitude = text.strip_prefix('-').unwrap_or(&text).parse::<u128>();
                let magnitude = magnitude.map_err(|_| format!("{text} does not fit"))?;
                (magnitude, text.starts_with('-'))
            }
        };
        if scalar == Scalar::Bool {
            return Ok(u128::from(magnitude != 0));
        }
        bits::fit(magnitude, negative, width).ok_or_else(|| format!("{text} does not fit"))
    }

    /// Returns the value of the constants `names`, which have `|` between them.
    fn constant(&self, names: &str) -> Result<i128, String> {
        names.split('|').map(str::trim).try_fold(0, |all, name| {
            // To C a leading 0 means octal.
            let digits = name.trim_start_matches('-');
            let is_decimal = digits == "0" || !digits.starts_with('0');
            let number = name.parse().ok().filter(|_| is_decimal);
            let known = number.or_else(|| Some(self.header.constant(name)?.value));
            Ok(all | known.ok_or_else(|| self.no_constant(name))?)
        })
    }

    fn no_constant(&self, name: &str) -> String {
        match self.header.reason(name) {
            Some(reason) => format!("{name}: {reason}"),
            None => {
                format!("{name} is neither JSON nor an enumerator or integer macro of the header's")
            }
        }
    }

    fn address(&mut self, written: Option<&Written>, value: &Value) -> Result<usize, String> {
        let to = match written {
            Some(Written::Pointer(to)) => Some(&**to),
            _ => None,
        };
        if let Some(('&', name, inner)) = typed(value) {
            let ty = self.named(name)?;
            return self
                .keep(ty, to, inner)
                .map_err(|why| format!("{name}: {why}"));
        }
        match (value, to.and_then(|to| self.pointee(to))) {
            (Value::Null, _) => Ok(0),
            (Value::String(text), _) => {
                let unit = match to {
                    None | Some(Written::Void | Written::Char) => 1,
                    Some(Written::Type(ty)) => character(ty),
                    Some(_) => 0,
                };
                let units = encode(text, unit).ok_or("it points to no characters")?;
                // The NUL is as wide as any element.
                Ok(self.memory.keep(None, &[&units[..], &[0; 4]].concat()))
            }
            (Value::Array(items), Some(element)) => {
                let array = Type::array(&element, items.len() as u64).map_err(|e| e.to_string())?;
                let to =
                    to.map(|to| Written::Array(Box::new(to.clone()), Some(items.len() as u64)));
                self.keep(array, to.as_ref(), value)
            }
            (Value::Object(_), Some(record)) if record.as_record().is_some() => {
                self.keep(record, to, value)
            }
            _ => Err(format!("{POINTER} is expected, not {value}")),
        }
    }

    /// Keeps an object that an argument points to.
    fn keep(
        &mut self,
        ty: Type,
        written: Option<&Written>,
        value: &Value,
    ) -> Result<usize, String> {
        let bytes = match value {
            Value::Null => zeros(&ty)?,
            value => self.object(&ty, written, value)?,
        };
        let object = Object {
            name: self.name.clone(),
            ty,
            written: written.cloned(),
        };
        Ok(self.memory.keep(Some(object), &bytes))
    }

    /// Returns the type of an object that a pointer was written to point to.
    fn pointee(&self, to: &Written) -> Option<Type> {
        match to {
            Written::Char => Some(self.header.model.char()),
            Written::Named(name) => self.header.ty(name).cloned(),
            Written::Type(ty) => Some(ty.clone()),
            Written::Float32 => Some(Type::F32),
            Written::Pointer(_) => Some(self.header.model.pointer()),
            _ => None,
        }
    }

    /// Returns the type that is spelled `name`: of the header, or one of C's own, also an array of
    /// such.
    fn named(&self, name: &str) -> Result<Type, String> {
        let (base, lengths) = name.split_once('[').unwrap_or((name, ""));
        let base = base.trim();
        let own = || {
            let text = format!("void f({})", declared(base, "x"));
            let read = Declaration::parse(&text, &self.header.model).ok()?;
            Some(read.sig.params().first()?.ty.clone())
        };
        let none = || format!("{name}: the header has no type of this name");
        let mut ty = self
            .header
            .ty(base)
            .cloned()
            .or_else(own)
            .ok_or_else(none)?;
        for length in lengths
            .trim_end()
            .trim_end_matches(']')
            .rsplit("][")
            .filter(|text| !text.is_empty())
        {
            let length = length.trim().parse().map_err(|_| none())?;
            ty = Type::array(&ty, length).map_err(|e| e.to_string())?;
        }
        Ok(ty)
    }
}

/// Returns the type that an object with one member, `(type)` or `&type`, states, its first
/// character, and the value.
fn typed(value: &Value) -> Option<(char, &str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let (key, inner) = members.iter().next()?;
    match key.strip_prefix('&') {
        Some(name) => Some(('&', name.trim(), inner)),
        None => Some(('(', key.strip_prefix('(')?.strip_suffix(')')?.trim(), inner)),
    }
}

fn is_integer(text: &str) -> bool {
    !text.contains(['.', 'e', 'E'])
}

/// Returns an object of zeros.
fn zeros(ty: &Type) -> Result<Vec<u8>, String> {
    // Nothing sensible is larger, and it must fit on the stack.
    let size = usize::try_from(ty.size()).ok().filter(|n| *n <= 1 << 20);
    let size = size.ok_or_else(|| format!("{ty} is too large to be passed from here"))?;
    Ok(vec![0; size])
}

/// Returns the size of a character, if `ty` may be the type of one, else 0.
fn character(ty: &Type) -> u64 {
    match ty.as_scalar() {
        Some(Scalar::Int { .. }) => ty.size(),
        _ => 0,
    }
}

/// Returns `text` in elements of `size` bytes, without a NUL at the end; nothing if there are no
/// such characters.
fn encode(text: &str, size: u64) -> Option<Vec<u8>> {
    match size {
        1 => Some(text.as_bytes().to_vec()),
        2 => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        4 => {
            let units = text.chars().map(u32::from);
            Some(units.flat_map(u32::to_le_bytes).collect())
        }
        _ => None,
    }
}
