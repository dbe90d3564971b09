//! From an argument as C writes it to the bytes of an object (C17 6.7.9, Initialization).
//!
//! Stricter than C where C would quietly lose something: a number must fit the bits of its object, with a sign or
//! without, and a floating constant is no integer.

use std::iter::Peekable;
use std::slice::Iter;

use cabi::{Array, Field, Kind, Record, RecordKind, Scalar, Type};

use super::bits;
use super::float;
use super::invoke::Memory;
use super::literal::{Designator, Init, Item, Value, with_unit};
use super::number::NumberKind;
use crate::output::count;
use crate::reading::questions::Answers;

/// The bytes of one argument of type `ty`.
///
/// # Errors
/// What does not fit, in words that stand after the parameter's name.
pub(crate) fn fill(
    init: &Init,
    ty: &Type,
    answers: &Answers,
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
    writer.object(ty, 0, init)?;
    Ok(writer.bytes)
}

/// Why an initialiser does not fit, in words that follow the name of what it is for.
type Filled = Result<(), String>;

/// Items that are still to find their place.
type Items<'i> = Peekable<Iter<'i, Item>>;

struct Writer<'a> {
    bytes: Vec<u8>,
    answers: &'a Answers,
    memory: &'a mut Memory,
}

impl Writer<'_> {
    /// The object of type `ty` that starts at bit `at`, from an initialiser of its own.
    fn object(&mut self, ty: &Type, at: u64, init: &Init) -> Filled {
        match init {
            Init::List(items) => {
                let mut left = items.iter().peekable();
                self.take_items(ty, at, &mut left, true)?;
                match left.next() {
                    Some(_) => Err(format!("{ty} has fewer members than it is given")),
                    None => Ok(()),
                }
            }
            Init::Value(value) => self.value(ty, at, value),
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
            return self.object(ty, at, init);
        }
        match ty.kind() {
            Kind::Record(record) => self.record(record, at, items, braces),
            Kind::Array(array) => self.elements(array, at, items, braces),
            Kind::Vector(vector) => {
                let lanes = u64::from(vector.lanes);
                let lane_bits = match vector.bools {
                    Some(_) => 1,
                    None => ty.size() * 8 / lanes.next_power_of_two(),
                };
                self.lanes(vector.lane, lane_bits, lanes, at, items)
            }
            Kind::Complex(part) => self.lanes(*part, ty.size() * 4, 2, at, items),
            _ => match items.next() {
                Some(item) if item.at.is_empty() => self.object(ty, at, &item.init),
                Some(_) => Err(format!("{ty} has no members")),
                // `{}` is zero.
                None => Ok(()),
            },
        }
    }

    fn record(&mut self, record: &Record, at: u64, items: &mut Items<'_>, braces: bool) -> Filled {
        let fields = record.fields();
        let mut next = 0;
        while let Some(item) = items.peek() {
            if let [first, rest @ ..] = item.at.as_slice() {
                if !braces {
                    return Ok(());
                }
                let (idx, member, start) = designated(record, first)?;
                let init = &item.init;
                items.next();
                self.designated(member, at + start, rest, init)?;
                next = idx + 1;
                continue;
            }
            // Unnamed bit-fields take no value.
            let is_padding = |field: &Field| field.name().is_none() && field.bit_field().is_some();
            while fields.get(next).is_some_and(is_padding) {
                next += 1;
            }
            let union_is_full = record.kind() == RecordKind::Union && next > 0;
            let Some(field) = fields.get(next).filter(|_| !union_is_full) else {
                return Ok(());
            };
            self.member(field, at, items)?;
            next += 1;
        }
        Ok(())
    }

    /// A member from the next item, or from as many as its own members take.
    fn member(&mut self, field: &Field, at: u64, items: &mut Items<'_>) -> Filled {
        let start = at + field.offset_bits();
        if let Some(bits) = field.bit_field() {
            let Some(item) = items.next() else {
                return Ok(());
            };
            return self.bit_field(field, start, bits.width.into(), &item.init);
        }
        self.next(field.ty(), start, items)
            .map_err(|why| match field.name() {
                Some(name) => format!(".{name}: {why}"),
                None => why,
            })
    }

    /// An object from the next item, or, where that is no initialiser for it as a whole, from as many as it takes.
    fn next(&mut self, ty: &Type, at: u64, items: &mut Items<'_>) -> Filled {
        let Some(item) = items.peek() else {
            return Ok(());
        };
        let elided = match &item.init {
            Init::List(_) => false,
            Init::Value(Value::Text(text)) => {
                ty.is_aggregate() && !is_text(ty, self.answers.text_bits(text)?)
            }
            Init::Value(Value::Compound(..)) => matches!(ty.kind(), Kind::Array(_)),
            Init::Value(_) => ty.is_aggregate(),
        };
        if elided {
            return self.take_items(ty, at, items, false);
        }
        let init = &item.init;
        items.next();
        self.object(ty, at, init)
    }

    fn elements(&mut self, array: &Array, at: u64, items: &mut Items<'_>, braces: bool) -> Filled {
        let elem = &array.elem;
        let Some(len) = array.len else {
            return Err("a flexible array member is not part of the value".into());
        };
        let mut next = 0;
        while let Some(item) = items.peek() {
            if let [first, rest @ ..] = item.at.as_slice() {
                if !braces {
                    return Ok(());
                }
                let Designator::Element(idx) = first else {
                    return Err(format!("{elem}[{len}] has no members"));
                };
                if *idx >= len {
                    return Err(format!("[{idx}] is not one of {len} elements"));
                }
                let init = &item.init;
                items.next();
                let start = at + idx * elem.size() * 8;
                self.designated_in(elem, start, rest, init)?;
                next = idx + 1;
            } else if next < len {
                self.next(elem, at + next * elem.size() * 8, items)
                    .map_err(|why| format!("[{next}]: {why}"))?;
                next += 1;
            } else {
                return Ok(());
            }
        }
        Ok(())
    }

    fn designated(&mut self, member: &Field, at: u64, rest: &[Designator], init: &Init) -> Filled {
        let name = member.name().unwrap_or_default();
        match member.bit_field() {
            Some(bits) if rest.is_empty() => self.bit_field(member, at, bits.width.into(), init),
            Some(_) => Err(format!(".{name}: a bit-field has no members")),
            None => self
                .designated_in(member.ty(), at, rest, init)
                .map_err(|why| format!(".{name}: {why}")),
        }
    }

    /// The part of an object that the designators `rest` lead to.
    fn designated_in(&mut self, ty: &Type, at: u64, rest: &[Designator], init: &Init) -> Filled {
        let Some((first, rest)) = rest.split_first() else {
            return self.object(ty, at, init);
        };
        match (ty.kind(), first) {
            (Kind::Record(record), _) => {
                let (_, member, start) = designated(record, first)?;
                self.designated(member, at + start, rest, init)
            }
            (Kind::Array(array), Designator::Element(idx))
                if array.len.is_some_and(|len| *idx < len) =>
            {
                self.designated_in(&array.elem, at + idx * array.elem.size() * 8, rest, init)
            }
            _ => Err(format!("{ty} has no such member or element")),
        }
    }

    /// The lanes of a vector, the parts of a complex number.
    fn lanes(
        &mut self,
        lane: Scalar,
        lane_bits: u64,
        lanes: u64,
        at: u64,
        items: &mut Items<'_>,
    ) -> Filled {
        for i in 0..lanes {
            let Some(item) = items.next() else {
                return Ok(());
            };
            let Item {
                at: designators,
                init: Init::Value(value),
            } = item
            else {
                return Err(format!("a number is expected for lane {i}"));
            };
            if !designators.is_empty() {
                return Err("lanes have no designators".into());
            }
            let bits = self.scalar(lane, lane_bits, value)?;
            self.put(at + i * lane_bits, lane_bits, bits);
        }
        Ok(())
    }

    fn bit_field(&mut self, field: &Field, at: u64, width: u64, init: &Init) -> Filled {
        let name = field.name().unwrap_or_default();
        let (Init::Value(value), Some(scalar)) = (init, field.ty().as_scalar()) else {
            return Err(format!(".{name}: a bit-field takes one number"));
        };
        let bits = self
            .scalar(scalar, width, value)
            .map_err(|why| format!(".{name}, a bit-field of {width} bits: {why}"))?;
        self.put(at, width, bits);
        Ok(())
    }

    fn value(&mut self, ty: &Type, at: u64, value: &Value) -> Filled {
        let total_bits = ty.size() * 8;
        match (ty.kind(), value) {
            (_, Value::Compound(named, items)) => {
                let own = self.answers.ty(named)?;
                if own != *ty {
                    return Err(format!("{named} is not {ty}"));
                }
                self.object(ty, at, &Init::List(items.clone()))
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
            (Kind::Complex(part), _) => {
                let zero = Value::Other("0".into());
                let (re, im) = match value {
                    Value::Complex(re, im) => {
                        (Value::Number(re.clone()), Value::Number(im.clone()))
                    }
                    other => (other.clone(), zero),
                };
                let bits = part.value_bits(ty.size() / 2);
                let re = self.scalar(*part, bits, &re)?;
                // A real number has the imaginary part +0.
                let im = match im {
                    Value::Number(_) => self.scalar(*part, bits, &im)?,
                    _ => 0,
                };
                self.put(at, bits, re);
                self.put(at + total_bits / 2, bits, im);
                Ok(())
            }
            (Kind::Array(_), Value::Text(text)) if is_text(ty, self.answers.text_bits(text)?) => {
                let bytes = text.encode(self.answers.text_bits(text)?)?;
                if bytes.len() as u64 > ty.size() {
                    let size = count(bytes.len() as u64, "byte");
                    return Err(format!("a string of {size} does not fit {ty}"));
                }
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

/// The member a designator names, as an index into the members of the record itself, with its offset in bits.
fn designated<'r>(
    record: &'r Record,
    designator: &Designator,
) -> Result<(usize, &'r Field, u64), String> {
    let Designator::Member(name) = designator else {
        return Err(format!("{record} is not an array"));
    };
    let none = || format!("{record} has no member {name}");
    let (member, at) = record.field(name).ok_or_else(none)?;
    // Inside an anonymous member, what follows goes on after that one.
    let holds = |field: &Field| match (field.name(), field.ty().as_record()) {
        (Some(own), _) => own == name,
        (None, Some(inner)) => inner.field(name).is_some(),
        _ => false,
    };
    let idx = record.fields().iter().position(holds).ok_or_else(none)?;
    Ok((idx, member, at))
}

/// Whether a string whose elements have so many bits can initialise it.
fn is_text(ty: &Type, wide: u64) -> bool {
    let of = |array: &Array| matches!(array.elem.as_scalar(), Some(Scalar::Int { bits, .. }) if u64::from(bits) == wide);
    matches!(ty.kind(), Kind::Array(array) if of(array))
}
