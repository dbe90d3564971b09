//! Writing of an argument in JSON into the bytes of an object.
//!
//! No number is changed silently. An integer fits the bits of its object, with a sign or without,
//! and a number with a fraction is no integer.

use std::ops::Range;

use cabi::{Kind, Scalar, Type, promote};
use cabi_header::{Header, Prototype, WrittenType};
use serde_json::Value;

use super::float;
use super::invoke::{Memory, Object, zeros};
use super::value::{Slot, get, set, signed};
use crate::reading::questions::{Answers, Questions};

/// Writer of the arguments of one call.
pub(crate) struct Filler<'a> {
    pub(crate) header: &'a Header,
    pub(crate) memory: Memory,
    /// The types and constants that the arguments name.
    pub(crate) answers: Answers<'a>,
    pub(crate) is_big: bool,
    /// Name of the argument being written.
    pub(crate) name: String,
    /// Path in the argument to the value being written, also after an error: `.p[1]`.
    pub(crate) path: String,
}

impl Filler<'_> {
    /// Returns the type and the bytes of argument `i` of `prototype`, which the user writes as
    /// `text`. A word that is no JSON is a constant.
    ///
    /// # Errors
    /// Values that do not fit, in words that follow the parameter's name.
    pub(crate) fn argument(
        &mut self,
        text: &str,
        prototype: &Prototype,
        i: usize,
    ) -> Result<(Type, Vec<u8>), String> {
        let param = prototype.params.get(i);
        let name = param.and_then(|(name, _)| name.clone());
        self.name = name.unwrap_or_else(|| format!("argument {}", i + 1));
        self.path.clear();
        let is_pointer = param.is_some_and(|(_, ty)| ty.as_scalar() == Some(Scalar::Ptr));
        let (value, stated) = match serde_json::from_str(text) {
            Ok(value) => (value, None),
            Err(_) if float::is_name(text) && !is_pointer => (Value::from(text), Some(Type::F64)),
            Err(why) if text.trim_start().starts_with(['{', '[', '"']) => {
                return Err(format!("{text}: {why}"));
            }
            Err(_) => {
                let answer = self.answers.value(text)?;
                let value = serde_json::from_str(&answer.value.to_string());
                (value.map_err(|e| e.to_string())?, Some(promote(&answer.ty)))
            }
        };
        let written = prototype.written_params.get(i);
        match param {
            Some((_, ty)) => Ok((ty.clone(), self.object(Slot::object(ty, written), &value)?)),
            None => self.unnamed(&value, stated),
        }
    }

    /// Returns the promoted type and the bytes of an argument after the `...`. The type before
    /// promotion is `stated`, or the one that `value` has by itself.
    fn unnamed(&mut self, value: &Value, stated: Option<Type>) -> Result<(Type, Vec<u8>), String> {
        let ty = match (stated, value, typed(value)) {
            (Some(ty), ..) => ty,
            (_, Value::Number(n), _) if is_integer(&n.to_string()) => match n.as_i64() {
                Some(n) if i32::try_from(n).is_ok() => Type::I32,
                Some(_) => Type::I64,
                None => return Err(format!("{n} needs its type: {{\"(unsigned long)\": {n}}}")),
            },
            (_, Value::Number(_), _) => Type::F64,
            (_, Value::Bool(_), _) => Type::I32,
            (_, Value::Null | Value::String(_), _) | (.., Some(('&', ..))) => {
                self.header.model.pointer()
            }
            (.., Some((_, name, value))) => return self.value_of_type(name, value),
            _ => return Err("write the value with a type: {\"(struct vec2)\": {\"x\": 1}}".into()),
        };
        // A string is a `char *`.
        let written = WrittenType::Pointer(Box::new(WrittenType::Char));
        let bytes = self.object(Slot::object(&ty, Some(&written)), value)?;
        Ok((ty, bytes))
    }

    /// Returns the promoted type and the bytes of a `value` that is stated to be of type `name`.
    /// The value has to fit that type before it is promoted.
    fn value_of_type(&mut self, name: &str, value: &Value) -> Result<(Type, Vec<u8>), String> {
        let own = self.answers.named(name)?;
        let slot = Slot::object(&own.ty, Some(&own.written));
        let (ty, bytes) = (own.written.promoted(&own.ty), self.object(slot, value)?);
        if ty == own.ty {
            return Ok((ty, bytes));
        }
        let scalar = slot.scalar(self.is_big);
        let scalar = scalar.filter(|(scalar, _)| !scalar.is_float() || *scalar == Scalar::F32);
        let (scalar, place) = scalar.ok_or_else(|| format!("{name} is not {ty}"))?;
        let raw = get(&bytes, place, self.is_big);
        let promoted = match u32::try_from(raw) {
            Ok(bits) if scalar == Scalar::F32 => f64::from(f32::from_bits(bits)).to_bits().into(),
            _ if scalar.is_signed() => signed(raw, place.1).cast_unsigned(),
            _ => raw,
        };
        let mut bytes = zeros(&ty)?;
        set(&mut bytes, (0, ty.size() * 8), promoted, self.is_big);
        Ok((ty, bytes))
    }

    /// Returns the bytes of an object with `value`.
    fn object(&mut self, slot: Slot<'_>, value: &Value) -> Result<Vec<u8>, String> {
        let mut bytes = zeros(slot.ty)?;
        self.put(&mut bytes, slot, value).map(|()| bytes)
    }

    /// Writes `value` into `slot` of `bytes`.
    fn put(&mut self, bytes: &mut [u8], slot: Slot<'_>, value: &Value) -> Result<(), String> {
        if let Some((scalar, place)) = slot.scalar(self.is_big) {
            let number = match scalar {
                _ if value.is_null() && matches!(scalar, Scalar::Ptr | Scalar::FnPtr) => 0,
                Scalar::Ptr => self.address(slot.written, value)? as u128,
                Scalar::FnPtr => return Err(format!("must be null, not {value}")),
                _ => self.number(scalar, place.1, value)?,
            };
            set(bytes, place, number, self.is_big);
            return Ok(());
        }
        let ty = slot.ty;
        match (ty.kind(), value) {
            (Kind::Array(array), Value::String(text)) => {
                let units = units(text, &array.elem);
                let units = units.ok_or_else(|| format!("{ty} is not an array of characters"))?;
                self.put(bytes, slot, &Value::from(units))
            }
            (Kind::Record(_), Value::Object(members)) => {
                let slots = slot.members(self.header);
                let mut ranges: Vec<Range<u64>> = Vec::new();
                for (name, value) in members {
                    let member = slots.iter().find(|(own, _)| own == name);
                    let (_, member) = *member.ok_or_else(|| no_member(ty, name))?;
                    let range = member.range();
                    if ranges
                        .iter()
                        .any(|other| other.start < range.end && range.start < other.end)
                    {
                        return Err(format!("{name} overlaps another member with a value"));
                    }
                    let len = self.path.len();
                    self.path += &format!(".{name}");
                    self.put(bytes, member, value)?;
                    self.path.truncate(len);
                    ranges.push(range);
                }
                Ok(())
            }
            (Kind::Array(_) | Kind::Vector(_) | Kind::Complex(_), Value::Array(items)) => {
                let mut elements = slot.elements();
                for (i, item) in items.iter().enumerate() {
                    let too_many = || format!("{ty} has {i} elements, not {}", items.len());
                    let element = elements.next().ok_or_else(too_many)?;
                    let len = self.path.len();
                    self.path += &format!("[{i}]");
                    self.put(bytes, element, item)?;
                    self.path.truncate(len);
                }
                Ok(())
            }
            // A real number has the imaginary part 0.
            (Kind::Complex(_), Value::Number(_) | Value::String(_)) => {
                self.put(bytes, slot, &Value::from(vec![value.clone()]))
            }
            (Kind::Scalar(_) | Kind::Enum(_), _) => Err(format!("{ty} cannot be written in JSON")),
            _ => {
                let how = "write a record as {\"member\": ..}, other values as [1, 2]";
                Err(format!("{value} is not a value of {ty}: {how}"))
            }
        }
    }

    /// Returns the bits of a number that has `width` of them.
    fn number(&self, scalar: Scalar, width: u64, value: &Value) -> Result<u128, String> {
        let is_float = scalar.is_float();
        let kind = if is_float { "a number" } else { "an integer" };
        let wrong = || format!("{kind} is expected, not {value}");
        let digits = match value {
            Value::Number(number) => number.to_string(),
            Value::Bool(is) => u8::from(*is).to_string(),
            Value::String(text) if is_float && float::from_text(text, scalar).is_some() => {
                text.clone()
            }
            Value::String(text) => self.answers.value(text)?.value.to_string(),
            _ => return Err(wrong()),
        };
        if is_float {
            let bits = float::from_text(&digits, scalar);
            return bits.ok_or_else(|| format!("{digits} is too large"));
        }
        if !is_integer(&digits) {
            return Err(wrong());
        }
        let max = u128::MAX >> (128 - width.clamp(1, 128));
        let is_negative = digits.starts_with('-');
        let raw = digits
            .parse()
            .or_else(|_| digits.parse().map(i128::cast_unsigned));
        match raw {
            Ok(raw) if scalar == Scalar::Bool => Ok(u128::from(raw != 0)),
            // As in C an unsigned type takes `-1`, and a signed one `0xffffffff`.
            Ok(raw) if raw <= max || is_negative && raw >= !(max / 2) => Ok(raw),
            _ => Err(format!("{digits} does not fit {width} bits")),
        }
    }

    /// Returns the address of an object with `value`, which is not null.
    fn address(&mut self, written: Option<&WrittenType>, value: &Value) -> Result<usize, String> {
        if let Some(('&', name, inner)) = typed(value) {
            let stated = self.answers.named(name)?;
            return self.keep(Slot::object(&stated.ty, Some(&stated.written)), inner, true);
        }
        let Some(WrittenType::Pointer(to)) = written else {
            let why = "the type of the object is not known here";
            return Err(format!("{why}: write null or {{\"&type\": ..}}"));
        };
        let array = |element: &Type, n| Type::array(element, n).map_err(|error| error.to_string());
        let pointee = self.header.written_type(to);
        let (ty, written) = match (value, pointee.filter(|ty| *ty != Type::VOID)) {
            (Value::String(text), pointee) => {
                let of_void = || (**to == WrittenType::Void).then_some(Type::U8);
                let unit = pointee.or_else(of_void).unwrap_or(Type::VOID);
                let units = units(text, &unit).ok_or("the pointee is not a character")?;
                (array(&unit, units.len() as u64 + 1)?, None)
            }
            (Value::Array(items), Some(element)) => {
                let ty = array(&element, items.len() as u64)?;
                (ty, Some(WrittenType::Array(to.clone(), None)))
            }
            (Value::Object(_), Some(ty)) if ty.as_record().is_some() => (ty, Some((**to).clone())),
            _ => {
                let forms = "null, a string in quotes ('\"text\"'), an object or {\"&type\": ..}";
                return Err(format!("{forms} is expected, not {value}"));
            }
        };
        let slot = Slot::object(&ty, written.as_ref());
        self.keep(slot, value, !value.is_string())
    }

    /// Returns the address of an object that an argument points to. The object is shown after the
    /// call if `is_shown`. Null stands for zeros.
    fn keep(&mut self, slot: Slot<'_>, value: &Value, is_shown: bool) -> Result<usize, String> {
        let bytes = match value {
            Value::Null => zeros(slot.ty)?,
            _ => self.object(slot, value)?,
        };
        let address = self.memory.keep(&bytes, slot.ty.align())?;
        self.memory.objects.extend(is_shown.then(|| Object {
            name: format!("*{}{} = ", self.name, self.path),
            ty: slot.ty.clone(),
            written: slot.written.cloned(),
            address,
        }));
        Ok(address)
    }
}

/// Asks for the types and constants that `value` names.
pub(crate) fn ask(value: &Value, questions: &mut Questions) -> Result<(), String> {
    match (value, typed(value)) {
        (_, Some((_, name, inner))) => {
            questions.add(name)?;
            ask(inner, questions)
        }
        (Value::Array(items), _) => items.iter().try_for_each(|item| ask(item, questions)),
        (Value::Object(members), _) => members.values().try_for_each(|own| ask(own, questions)),
        (Value::String(text), _) => {
            questions.add_value(text);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Returns the type that an object with one member, `(type)` or `&type`, states. The first
/// character comes before the type, the value after it.
fn typed(value: &Value) -> Option<(char, &str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let (key, inner) = members.iter().next()?;
    match key.strip_prefix('&') {
        Some(name) => Some(('&', name.trim(), inner)),
        None => Some(('(', key.strip_prefix('(')?.strip_suffix(')')?.trim(), inner)),
    }
}

/// Returns the reason to refuse a value for `name`. No member of `ty` with a size has this name.
fn no_member(ty: &Type, name: &str) -> String {
    let mut fields = ty
        .as_record()
        .into_iter()
        .flat_map(|record| record.fields());
    match fields.any(|field| field.name() == Some(name)) {
        true => format!(
            "{name} is a flexible array: write the whole object as an array, as in {{\"&int[3]\": [2, 10, 20]}}"
        ),
        false => format!("{ty} has no member {name}"),
    }
}

fn is_integer(text: &str) -> bool {
    !text.contains(['.', 'e', 'E'])
}

/// Returns `text` in characters of type `ty`, without a NUL at the end. Returns nothing if `ty` is
/// no type of characters.
fn units(text: &str, ty: &Type) -> Option<Vec<u32>> {
    match ty.as_scalar()? {
        Scalar::Int { bits: 8, .. } => Some(text.bytes().map(u32::from).collect()),
        Scalar::Int { bits: 16, .. } => Some(text.encode_utf16().map(u32::from).collect()),
        Scalar::Int { bits: 32, .. } => Some(text.chars().map(u32::from).collect()),
        _ => None,
    }
}
