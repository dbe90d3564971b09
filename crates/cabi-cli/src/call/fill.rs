//! From an argument in JSON to the bytes of an object.
//!
//! No number is changed silently: an integer fits the bits of its object, with a sign or without,
//! and a number with a fraction is no integer.

use cabi::{Declaration, Kind, Record, Scalar, Type, promote};
use cabi_header::{Constant, Header, Prototype, Written, declared};
use serde_json::{Map, Value};

use super::float;
use super::invoke::{Memory, Object};
use super::value::{Slot, fit, get, set};

type Bytes = Result<Vec<u8>, String>;

/// Writes arguments of one call.
pub(crate) struct Filler<'a> {
    pub(crate) header: &'a Header,
    pub(crate) memory: Memory,
    pub(crate) is_big: bool,
    /// Name of the objects that the argument points to.
    pub(crate) name: String,
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
        self.name = format!("*{}", name.unwrap_or_else(|| format!("argument {}", i + 1)));
        let read = serde_json::from_str::<Value>(text);
        let is_word = read.is_err() && !text.trim_start().starts_with(['{', '[', '"']);
        let value = match read {
            Err(_) if is_word => Value::String(text.to_owned()),
            read => read.map_err(|why| format!("{text}: {why}"))?,
        };
        let ty = match param {
            Some((_, ty)) => ty.clone(),
            None if is_word && float::is_name(text) => Type::F64,
            None if is_word => {
                let first = text.split('|').next().unwrap_or(text);
                promote(&self.known(first.trim())?.ty)
            }
            None => self.own_type(&value)?,
        };
        let is_number = |scalar| !matches!(scalar, Scalar::Ptr | Scalar::FnPtr);
        if is_word && !ty.as_scalar().is_some_and(is_number) {
            let why = "is neither JSON nor a number of the header's";
            return Err(format!("{text} {why}"));
        }
        let bytes = self.object(&ty, prototype.written_params.get(i), &value)?;
        Ok((ty, bytes))
    }

    /// Returns the type that an argument after the `...` has by itself, after C's default argument
    /// promotions.
    fn own_type(&self, value: &Value) -> Result<Type, String> {
        Ok(match (value, typed(value)) {
            (Value::Number(number), _) if is_integer(&number.to_string()) => {
                let typed = format!("{{\"(unsigned long)\": {number}}}");
                let value = number.as_i64();
                let value = value.ok_or(format!("{number} needs its type here: {typed}"))?;
                i32::try_from(value).map_or(Type::I64, |_| Type::I32)
            }
            (Value::Number(_), _) => Type::F64,
            (Value::Bool(_), _) => Type::I32,
            (Value::Null | Value::String(_), _) | (_, Some(('&', ..))) => {
                self.header.model.pointer()
            }
            (_, Some((_, "_Float32", _))) => Type::F32,
            (_, Some((_, name, _))) => promote(&self.named(name)?),
            _ => return Err("its type is needed here: {\"(struct vec2)\": {\"x\": 1}}".into()),
        })
    }

    fn object(&mut self, ty: &Type, written: Option<&Written>, value: &Value) -> Bytes {
        let mut bytes = zeros(ty)?;
        self.put(&mut bytes, Slot::object(ty, written), value)?;
        Ok(bytes)
    }

    /// Writes `value`, which is stated to be of type `name`, into `slot` of `bytes`, whose type is
    /// that, or what that is promoted to.
    fn put_typed(
        &mut self,
        bytes: &mut [u8],
        slot: Slot<'_>,
        (name, value): (&str, &Value),
    ) -> Result<(), String> {
        let (own, ty) = (self.named(name)?, slot.ty);
        if own == *ty {
            return self.put(bytes, slot, value);
        }
        if promote(&own) != *ty {
            return Err(format!("{name} is not {ty}"));
        }
        // It has to fit its own type before it is promoted.
        let narrow = self.object(&own, None, value)?;
        match u32::try_from(get(&narrow, (0, 32), self.is_big)) {
            Ok(bits) if own.as_scalar() == Some(Scalar::F32) => {
                let promoted = f64::from(f32::from_bits(bits)).to_bits();
                set(bytes, (slot.at, 64), promoted.into(), self.is_big);
                Ok(())
            }
            _ => self.put(bytes, slot, value),
        }
    }

    /// Writes `value` into `slot` of `bytes`.
    fn put(&mut self, bytes: &mut [u8], slot: Slot<'_>, value: &Value) -> Result<(), String> {
        let ty = slot.ty;
        if let Some((scalar, width)) = slot.bits {
            let number = self.number(scalar, width, value)?;
            set(bytes, (slot.at, width), number, self.is_big);
            return Ok(());
        }
        if let Some(('(', name, inner)) = typed(value) {
            return self.put_typed(bytes, slot, (name, inner));
        }
        let place = (slot.at, ty.size() * 8);
        match (ty.kind(), value) {
            (Kind::Scalar(Scalar::Ptr), _) => {
                let address = self.address(slot.written, value)?;
                set(bytes, place, address as u128, self.is_big);
            }
            (Kind::Scalar(scalar) | Kind::Enum(scalar), _) => {
                let number = self.number(*scalar, scalar.value_bits(ty.size()), value)?;
                set(bytes, place, number, self.is_big);
            }
            (Kind::Array(array), Value::String(text)) => {
                let units = encode(text, &array.elem, self.is_big);
                let units = units.ok_or_else(|| format!("{ty} has no characters"))?;
                let n = units.len();
                if n as u64 > ty.size() {
                    return Err(format!("a string of {n} bytes does not fit {ty}"));
                }
                for (i, byte) in (0..).zip(units) {
                    set(bytes, (slot.at + i * 8, 8), byte.into(), self.is_big);
                }
            }
            (Kind::Record(record), Value::Object(members)) => {
                self.members(bytes, (record, slot), members)?;
            }
            (Kind::Record(_), _) => {
                let how = "write an object, {\"member\": ..}";
                return Err(format!("{value} is no {ty}: {how}"));
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
                let mut elements = slot.elements().into_iter().flatten();
                for (i, item) in items.iter().enumerate() {
                    let many = || format!("{ty} has {i} elements, not {}", items.len());
                    let put = self.put(bytes, elements.next().ok_or_else(many)?, item);
                    put.map_err(|why| format!("[{i}]: {why}"))?;
                }
            }
            _ => return Err("no value of this type can be passed from here".to_owned()),
        }
        Ok(())
    }

    fn members(
        &mut self,
        bytes: &mut [u8],
        (record, slot): (&Record, Slot<'_>),
        members: &Map<String, Value>,
    ) -> Result<(), String> {
        if record.kind() == cabi::RecordKind::Union && members.len() > 1 {
            return Err(format!("{record} has one member at a time"));
        }
        let all = slot.members(self.header, record);
        for (name, value) in members {
            let wrong = || match record.field(name) {
                Some(_) => format!("{name}: a flexible array is not part of the value"),
                None => format!("{record} has no member {name}"),
            };
            let place = all.iter().find(|(own, _)| own == name);
            let (_, member) = *place.ok_or_else(wrong)?;
            let bits = member
                .bits
                .map(|(_, n)| format!(", a bit-field of {n} bits"));
            let bits = bits.unwrap_or_default();
            let put = self.put(bytes, member, value);
            put.map_err(|why| format!("{name}{bits}: {why}"))?;
        }
        Ok(())
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
            Value::String(names) => self.constant(names)?.to_string(),
            _ => return Err(wrong()),
        };
        if scalar.is_float() {
            return read(&digits).ok_or_else(|| format!("{digits} is too large"));
        }
        if !is_integer(&digits) {
            return Err(wrong());
        }
        let magnitude = digits.strip_prefix('-').unwrap_or(&digits).parse().ok();
        let fitted = magnitude.and_then(|magnitude| match scalar {
            Scalar::Bool => Some(u128::from(magnitude != 0)),
            _ => fit(magnitude, digits.starts_with('-'), width),
        });
        fitted.ok_or_else(|| format!("{digits} does not fit"))
    }

    /// Returns the value of the constants `names`, which have `|` between them.
    fn constant(&self, names: &str) -> Result<i128, String> {
        names.split('|').map(str::trim).try_fold(0, |all, name| {
            // To C a leading 0 means octal.
            let digits = name.trim_start_matches('-');
            let is_decimal = digits == "0" || !digits.starts_with('0');
            match name.parse::<i128>() {
                Ok(number) if is_decimal => Ok(all | number),
                _ => Ok(all | self.known(name)?.value),
            }
        })
    }

    /// Returns the constant `name` of the header.
    fn known(&self, name: &str) -> Result<&Constant, String> {
        let none = "is neither a JSON number nor an enumerator or integer macro of the header";
        let constant = self.header.constant(name);
        constant.ok_or_else(|| match self.header.reason(name) {
            Some(reason) => format!("{name}: {reason}"),
            None => format!("{name} {none}"),
        })
    }

    fn address(&mut self, written: Option<&Written>, value: &Value) -> Result<usize, String> {
        let to = match written {
            Some(Written::Pointer(to)) => Some(&**to),
            _ => None,
        };
        if let Some(('&', name, inner)) = typed(value) {
            let kept = self.keep(self.named(name)?, to, inner);
            return kept.map_err(|why| format!("{name}: {why}"));
        }
        match (value, to.and_then(|to| self.pointee(to))) {
            (Value::Null, _) => Ok(0),
            (Value::String(text), _) => {
                let unit = match to {
                    None | Some(Written::Void | Written::Char) => &Type::U8,
                    Some(Written::Type(ty)) => ty,
                    Some(_) => &Type::VOID,
                };
                let units = encode(text, unit, self.is_big).ok_or("it points to no characters")?;
                // The NUL is as wide as any element.
                self.memory.keep(None, &[&units[..], &[0; 4]].concat(), 1)
            }
            (Value::Array(items), Some(element)) => {
                let n = items.len() as u64;
                let array = Type::array(&element, n).map_err(|e| e.to_string())?;
                let to = to.map(|to| Written::Array(Box::new(to.clone()), Some(n)));
                self.keep(array, to.as_ref(), value)
            }
            (Value::Object(_), Some(ty)) if ty.as_record().is_some() => self.keep(ty, to, value),
            _ => {
                let what = "an object that it points to or {\"&type\": ..}";
                let all = format!("null, a string in quotes ('\"text\"'), {what}");
                Err(format!("{all} is expected, not {value}"))
            }
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
        let (name, written, align) = (self.name.clone(), written.cloned(), ty.align());
        self.memory
            .keep(Some(Object { name, ty, written }), &bytes, align)
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

    /// Returns the type that is spelled `name`: of the header, or one of C's own, also an array of
    /// such.
    fn named(&self, name: &str) -> Result<Type, String> {
        let (base, lengths) = name.split_once('[').unwrap_or((name, ""));
        let own = || {
            let text = format!("void f({})", declared(base.trim(), "x"));
            let read = Declaration::parse(&text, &self.header.model).ok()?;
            Some(read.sig.params().first()?.ty.clone())
        };
        let none = || format!("{name}: the header has no type of this name");
        let ty = self.header.ty(base.trim()).cloned().or_else(own);
        let lengths = lengths.trim_end().trim_end_matches(']').rsplit("][");
        let mut lengths = lengths.filter(|text| !text.is_empty());
        lengths.try_fold(ty.ok_or_else(none)?, |ty, length| {
            let length = length.trim().parse().map_err(|_| none())?;
            Type::array(&ty, length).map_err(|e| e.to_string())
        })
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
fn zeros(ty: &Type) -> Bytes {
    // Nothing sensible is larger, and it must fit on the stack.
    let size = usize::try_from(ty.size()).ok().filter(|n| *n <= 1 << 20);
    let size = size.ok_or_else(|| format!("{ty} is too large to be passed from here"))?;
    Ok(vec![0; size])
}

/// Returns `text` in characters of type `ty`, without a NUL at the end; nothing if there are no
/// such characters.
fn encode(text: &str, ty: &Type, is_big: bool) -> Option<Vec<u8>> {
    let is_integer = matches!(ty.as_scalar(), Some(Scalar::Int { .. }));
    let units: Vec<u32> = match ty.size() {
        1 if is_integer => return Some(text.as_bytes().to_vec()),
        2 if is_integer => text.encode_utf16().map(u32::from).collect(),
        4 if is_integer => text.chars().map(u32::from).collect(),
        _ => return None,
    };
    let unit = |unit: u32| {
        let mut bytes = vec![0; usize::try_from(ty.size()).unwrap_or(0)];
        set(&mut bytes, (0, ty.size() * 8), unit.into(), is_big);
        bytes
    };
    Some(units.into_iter().flat_map(unit).collect())
}
