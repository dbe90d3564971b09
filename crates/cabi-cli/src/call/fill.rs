//! From an argument in JSON to the bytes of an object.
//!
//! No number is changed silently: an integer fits the bits of its object, with a sign or without,
//! and a number with a fraction is no integer.

use std::ops::Range;

use cabi::{Kind, Scalar, Type, promote};
use cabi_header::{Header, Prototype, Written};
use serde_json::Value;

use super::float;
use super::invoke::{Memory, Object};
use super::value::{Slot, fit, get, set, signed};
use crate::reading::questions::{Answers, Questions};

/// Writes arguments of one call.
pub(crate) struct Filler<'a> {
    pub(crate) header: &'a Header,
    pub(crate) memory: Memory,
    /// The types that the arguments state.
    pub(crate) answers: Answers<'a>,
    pub(crate) is_big: bool,
    /// Path of the pointer that is written, from the parameter on: `a.p[1]`.
    pub(crate) path: String,
}

impl Filler<'_> {
    /// Returns the type and the bytes of argument `i` of `prototype`, which is written as `text`. A
    /// word that is no JSON is the name of a constant, or several with `|` between them.
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
        self.path = name.unwrap_or_else(|| format!("argument {}", i + 1));
        let read = serde_json::from_str::<Value>(text);
        let is_word = read.is_err() && !text.trim_start().starts_with(['{', '[', '"']);
        let value = match read {
            Err(_) if is_word => Value::String(text.to_owned()),
            read => read.map_err(|why| format!("{text}: {why}"))?,
        };
        // A string after the `...` is a `char *`.
        let of_string = Written::Pointer(Box::new(Written::Char));
        let written = prototype.written_params.get(i);
        let written = written.or(param.is_none().then_some(&of_string));
        let ty = match param {
            Some((_, ty)) => ty.clone(),
            None if is_word && float::is_name(text) => Type::F64,
            None if is_word => self.constant(text)?.1,
            None => self.own_type(&value)?,
        };
        if is_word && matches!(ty.as_scalar(), None | Some(Scalar::Ptr | Scalar::FnPtr)) {
            return Err(format!(
                "{text} is neither JSON nor a number of the header's"
            ));
        }
        let bytes = self.object(Slot::object(&ty, written), Some(&value))?;
        Ok((ty, bytes))
    }

    /// Returns the type that an argument after the `...` has by itself, after C's default argument
    /// promotions.
    fn own_type(&self, value: &Value) -> Result<Type, String> {
        Ok(match (value, typed(value)) {
            (Value::Number(number), _) if is_integer(&number.to_string()) => {
                let how = format!("needs its type here: {{\"(unsigned long)\": {number}}}");
                let value = number.as_i64().ok_or(format!("{number} {how}"))?;
                integer_type(value.into())
            }
            (Value::Number(_), _) => Type::F64,
            (Value::Bool(_), _) => Type::I32,
            (Value::Null | Value::String(_), _) | (_, Some(('&', ..))) => {
                self.header.model.pointer()
            }
            (_, Some((_, name, _))) => self.answers.promoted(name)?,
            _ => return Err("its type is needed here: {\"(struct vec2)\": {\"x\": 1}}".into()),
        })
    }

    /// Returns an object with `value`, or zeros.
    fn object(&mut self, slot: Slot<'_>, value: Option<&Value>) -> Result<Vec<u8>, String> {
        // Nothing sensible is larger, and it must fit on the stack.
        let size = usize::try_from(slot.ty.size()).ok();
        let size = size.filter(|size| *size <= 1 << 20);
        let too_large = || format!("{} is too large to be passed from here", slot.ty);
        let mut bytes = vec![0; size.ok_or_else(too_large)?];
        let put = value.map(|value| self.put(&mut bytes, slot, value));
        put.unwrap_or(Ok(())).map(|()| bytes)
    }

    /// Writes `value`, stated to be of type `name`, into `slot` of `bytes`, whose type is that, or
    /// the one after C's default argument promotions.
    fn put_stated(
        &mut self,
        bytes: &mut [u8],
        slot: Slot<'_>,
        (name, value): (&str, &Value),
    ) -> Result<(), String> {
        let own = self.answers.named(name)?;
        let stated = Slot::object(&own.ty, Some(&own.written));
        if own.ty == *slot.ty {
            let at = slot.at;
            return self.put(bytes, Slot { at, ..stated }, value);
        }
        let scalar = stated.scalar(self.is_big);
        let scalar = scalar.filter(|_| promote(&own.ty) == *slot.ty);
        let (scalar, place) = scalar.ok_or_else(|| format!("{name} is not {}", slot.ty))?;
        // It has to fit its own type before it is promoted.
        let narrow = self.object(stated, Some(value))?;
        let raw = get(&narrow, place, self.is_big);
        let promoted = match u32::try_from(raw) {
            Ok(bits) if scalar == Scalar::F32 => f64::from(f32::from_bits(bits)).to_bits().into(),
            _ if scalar.is_signed() => signed(raw, place.1).cast_unsigned(),
            _ => raw,
        };
        set(bytes, (slot.at, slot.ty.size() * 8), promoted, self.is_big);
        Ok(())
    }

    /// Writes `value` into `slot` of `bytes`.
    fn put(&mut self, bytes: &mut [u8], slot: Slot<'_>, value: &Value) -> Result<(), String> {
        if let Some(('(', name, inner)) = typed(value).filter(|_| slot.bits.is_none()) {
            return self.put_stated(bytes, slot, (name, inner));
        }
        if let Some((scalar, place)) = slot.scalar(self.is_big) {
            let number = match scalar {
                Scalar::Ptr => self.address(slot.written, value)? as u128,
                _ => self.number(scalar, place.1, value)?,
            };
            set(bytes, place, number, self.is_big);
            return Ok(());
        }
        let ty = slot.ty;
        match (ty.kind(), value) {
            (Kind::Array(array), Value::String(text)) => {
                let units = units(text, &array.elem);
                let units = units.ok_or_else(|| format!("{ty} has no characters"))?;
                self.put(bytes, slot, &Value::from(units))?;
            }
            (Kind::Record(record), Value::Object(members)) => {
                let all = slot.members(self.header);
                let mut done: Vec<Range<u64>> = Vec::new();
                for (name, value) in members {
                    let wrong = || match record.field(name) {
                        Some(_) => format!("{name}: a flexible array is not part of the value"),
                        None => format!("{ty} has no member {name}"),
                    };
                    let member = all.iter().find(|(own, _)| own == name);
                    let (_, member) = *member.ok_or_else(wrong)?;
                    let own = member.range();
                    if { done.iter() }.any(|other| other.start < own.end && own.start < other.end) {
                        return Err(format!("{name}: a union has one member at a time"));
                    }
                    self.part(bytes, (&format!(".{name}"), member), value)?;
                    done.push(own);
                }
            }
            (Kind::Record(_), _) => {
                return Err(format!(
                    "{value} is no {ty}: write an object, {{\"member\": ..}}"
                ));
            }
            (Kind::Array(_) | Kind::Vector(_) | Kind::Complex(_), _) => {
                let is_complex = matches!(ty.kind(), Kind::Complex(_));
                let items = match value {
                    Value::Array(items) => items,
                    // A real number has the imaginary part 0.
                    Value::Number(_) | Value::String(_) if is_complex => {
                        std::slice::from_ref(value)
                    }
                    _ => return Err(format!("{value} is no {ty}: write a list, [1, 2]")),
                };
                let mut elements = slot.elements();
                for (i, item) in items.iter().enumerate() {
                    let many = || format!("{ty} has {i} elements, not {}", items.len());
                    let element = elements.next().ok_or_else(many)?;
                    self.part(bytes, (&format!("[{i}]"), element), item)?;
                }
            }
            _ => return Err("no value of this type can be passed from here".to_owned()),
        }
        Ok(())
    }

    /// Writes `value` into a part of an object, which `path` leads to from there.
    fn part(
        &mut self,
        bytes: &mut [u8],
        (path, slot): (&str, Slot<'_>),
        value: &Value,
    ) -> Result<(), String> {
        let len = self.path.len();
        self.path += path;
        let put = self.put(bytes, slot, value);
        self.path.truncate(len);
        let bits = match slot.bits {
            Some((_, n)) if path.starts_with('.') => format!(", a bit-field of {n} bits"),
            _ => String::new(),
        };
        put.map_err(|why| format!("{}{bits}: {why}", path.trim_start_matches('.')))
    }

    /// Returns the bits of a scalar of which `width` count.
    fn number(&self, scalar: Scalar, width: u64, value: &Value) -> Result<u128, String> {
        let expected = match scalar {
            Scalar::FnPtr if value.is_null() => return Ok(0),
            Scalar::FnPtr => return Err(format!("null is expected, not {value}")),
            Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128 => {
                return Err("decimal floating point is not supported".to_owned());
            }
            _ if scalar.is_float() => "a number",
            _ => "an integer",
        };
        let wrong = || format!("{expected} is expected, not {value}");
        let read = |text: &str| float::from_text(text, scalar);
        let digits = match value {
            Value::Number(number) => number.to_string(),
            Value::Bool(is) => u8::from(*is).to_string(),
            Value::String(text) if scalar.is_float() && read(text).is_some() => text.clone(),
            Value::String(names) => self.constant(names)?.0.to_string(),
            _ => return Err(wrong()),
        };
        if scalar.is_float() {
            let why = match float::is_short(&digits) {
                true => "is too large",
                false => "has more than 4096 characters, or 6 digits of its exponent",
            };
            return read(&digits).ok_or_else(|| format!("{digits} {why}"));
        }
        if !is_integer(&digits) {
            return Err(wrong());
        }
        let magnitude = digits.strip_prefix('-').unwrap_or(&digits).parse().ok();
        let is_negative = digits.starts_with('-');
        if is_negative && width > 128 {
            return Err("a negative number of more than 128 bits cannot be written here".into());
        }
        let fitted = magnitude.and_then(|magnitude| match scalar {
            Scalar::Bool => Some(u128::from(magnitude != 0)),
            _ => fit(magnitude, is_negative, width),
        });
        fitted.ok_or_else(|| format!("{digits} does not fit"))
    }

    /// Returns the value and the type of the expression `names`, constants with `|` between them.
    fn constant(&self, names: &str) -> Result<(i128, Type), String> {
        let is_unsigned = |ty: &Type| !ty.as_scalar().is_some_and(Scalar::is_signed);
        let mut names = names.split('|').map(str::trim);
        names.try_fold((0, Type::I32), |(value, ty), name| {
            let (other, own) = self.known(name)?;
            // C converts both to the wider type, of two as wide to the unsigned one.
            let rank = |ty: &Type| (ty.size(), is_unsigned(ty));
            let ty = if rank(&own) > rank(&ty) { own } else { ty };
            let unsigned = i128::MAX >> 127_u64.saturating_sub(ty.size() * 8);
            let mask = if is_unsigned(&ty) { unsigned } else { -1 };
            Ok(((value | other) & mask, ty))
        })
    }

    /// Returns the value and the type of `name`, a decimal number or a constant of the header.
    fn known(&self, name: &str) -> Result<(i128, Type), String> {
        // To C a leading 0 means octal.
        let digits = name.trim_start_matches('-');
        let is_decimal = digits == "0" || !digits.starts_with('0');
        if let Some(number) = name.parse().ok().filter(|_| is_decimal) {
            return Ok((number, integer_type(number)));
        }
        match (self.header.constant(name), self.header.reason(name)) {
            (Some(constant), _) => Ok((constant.value, promote(&constant.ty))),
            (None, Some(reason)) => Err(format!("{name}: {reason}")),
            (None, None) => {
                let kinds = "a JSON number nor an enumerator or integer macro of the header";
                Err(format!("{name} is neither {kinds}"))
            }
        }
    }

    fn address(&mut self, written: Option<&Written>, value: &Value) -> Result<usize, String> {
        if value.is_null() {
            return Ok(0);
        }
        if let Some(('&', name, inner)) = typed(value) {
            let stated = self.answers.named(name)?;
            let kept = self.keep(Slot::object(&stated.ty, Some(&stated.written)), inner);
            return kept.map_err(|why| format!("{name}: {why}"));
        }
        let Some(Written::Pointer(to)) = written else {
            let why = "the type that it points to is not known here";
            return Err(format!("{why}: write null or {{\"&type\": ..}}"));
        };
        match (value, self.pointee(to)) {
            (Value::String(text), pointee) => {
                let of_void = || (**to == Written::Void).then_some(Type::U8);
                let unit = pointee.or_else(of_void).unwrap_or(Type::VOID);
                let units = units(text, &unit).ok_or("it points to no characters")?;
                let array = Type::array(&unit, units.len() as u64 + 1);
                let array = array.map_err(|e| e.to_string())?;
                let bytes = self.object(Slot::object(&array, None), Some(value))?;
                self.memory.keep(None, &bytes, unit.align())
            }
            (Value::Array(items), Some(element)) => {
                let n = items.len() as u64;
                let array = Type::array(&element, n).map_err(|e| e.to_string())?;
                let written = Written::Array(to.clone(), Some(n));
                self.keep(Slot::object(&array, Some(&written)), value)
            }
            (Value::Object(_), Some(ty)) if ty.as_record().is_some() => {
                self.keep(Slot::object(&ty, Some(to)), value)
            }
            _ => {
                let what = "an object that it points to or {\"&type\": ..}";
                let all = format!("null, a string in quotes ('\"text\"'), {what}");
                Err(format!("{all} is expected, not {value}"))
            }
        }
    }

    /// Keeps an object that an argument points to.
    fn keep(&mut self, slot: Slot<'_>, value: &Value) -> Result<usize, String> {
        let bytes = self.object(slot, Some(value).filter(|value| !value.is_null()))?;
        let object = Object {
            name: format!("*{}", self.path),
            ty: slot.ty.clone(),
            written: slot.written.cloned(),
        };
        self.memory.keep(Some(object), &bytes, slot.ty.align())
    }

    /// Returns the type of an object that a pointer was written to point to.
    fn pointee(&self, to: &Written) -> Option<Type> {
        match to {
            Written::Char => Some(self.header.model.char()),
            Written::Named(name) => self.header.ty(name).cloned(),
            Written::Type(ty) => Some(ty.clone()),
            Written::Float32 => Some(Type::F32),
            Written::Half => Some(Type::F16),
            Written::Pointer(_) => Some(self.header.model.pointer()),
            _ => None,
        }
    }
}

/// Asks for the types that `value` states.
pub(crate) fn ask(value: &Value, questions: &mut Questions) -> Result<(), String> {
    if let Some((_, name, inner)) = typed(value) {
        questions.add(name)?;
        return ask(inner, questions);
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| ask(item, questions)),
        Value::Object(members) => members.values().try_for_each(|own| ask(own, questions)),
        _ => Ok(()),
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

/// Returns the type of a decimal integer in C.
fn integer_type(number: i128) -> Type {
    match (i32::try_from(number), i64::try_from(number)) {
        (Ok(_), _) => Type::I32,
        (_, Ok(_)) => Type::I64,
        _ => Type::I128,
    }
}

/// Returns `text` in characters of type `ty`, without a NUL at the end; nothing if there are no
/// such characters.
fn units(text: &str, ty: &Type) -> Option<Vec<u32>> {
    let &Kind::Scalar(Scalar::Int { bits, .. }) = ty.kind() else {
        return None;
    };
    Some(match bits {
        8 => text.bytes().map(u32::from).collect(),
        16 => text.encode_utf16().map(u32::from).collect(),
        32 => text.chars().map(u32::from).collect(),
        _ => return None,
    })
}
