//! Types and signatures as the tables of `tests/tables` write them: in C where C text can say it,
//! and in words for the rest.
//!
//! ```text
//! vector(float, 8)  bools(100, zig)  bitint(40)  unsigned-bitint(40)  complex(T)  enum(T)
//! atomic(T)  aligned(T, 16)  array(T, 4)  flexible(T)
//! function  slice  of(i686-unknown-linux-gnu, long)     a type of another data model
//! adapt(T)                                          x86-64's T as the data model has it
//! struct s(x: T, T, b: T :3, T :3, y: T at 4, z: T bit 33, w: T aligned 8, v: T packed,
//!     anonymous T, packed, pack 2, aligned 8, c++, transparent, given 16 8)
//!                                                   or `checked 16 8`, by `build_checked`
//! many(union, 40, T)  nested(9, T, struct s(@))    so many members; types around T, where `@` is
//! T, T flag byval, 5*T, ..., T -> T                 a signature
//! ```

use cabi::{
    ArgFlags, BoolVector, DataModel, Error, FnSig, Language, Member, RecordBuilder, Target, Type,
};

/// Returns the parts of `text` between commas that are in no brackets.
pub(crate) fn list(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    let read = text.parse().ok();
    read.unwrap_or_else(|| panic!("no number: {text}"))
}

pub(crate) fn ty(text: &str, model: &DataModel) -> Result<Type, Error> {
    let text = text.trim();
    let call = text.strip_suffix(')').and_then(|text| text.split_once('('));
    let Some((word, inner)) = call else {
        return match text {
            "function" => Ok(Type::FUNCTION),
            "slice" => Ok(model.slice()),
            _ => Type::parse(text, model),
        };
    };
    let args = list(inner);
    let first = || ty(args[0], model);
    match word {
        "vector" => Ok(model.adapt(&Type::vector(&first()?, number(args[1]))?)),
        "bools" => {
            let of = [BoolVector::Clang, BoolVector::Zig];
            Type::bool_vector(number(args[0]), of[usize::from(args[1] == "zig")])
        }
        "bitint" | "unsigned-bitint" => model.bit_int(number(args[0]), word == "bitint"),
        "complex" => Type::complex(&first()?),
        "enum" => Type::enumeration(&first()?),
        "atomic" => first()?.atomic(),
        "aligned" => first()?.with_align(number(args[1])),
        "array" => Type::array(&first()?, number(args[1])),
        "flexible" => Type::flexible_array(&first()?),
        "adapt" => Ok(model.adapt(&ty(args[0], &DataModel::LP64)?)),
        "many" => {
            let member = ty(args[2], model)?;
            let of = match args[0] {
                "union" => RecordBuilder::union("u"),
                _ => RecordBuilder::structure("s"),
            };
            let names = (0..number(args[1])).map(|i: usize| format!("m{i}"));
            let names = names.fold(of, |record, name| record.field(&name, member.clone()));
            names.build(model)
        }
        "nested" => {
            let around = |ty: String, _: usize| args[2].replace('@', &ty);
            ty(
                &(0..number(args[0])).fold(args[1].to_owned(), around),
                model,
            )
        }
        "of" => ty(args[1], Target::named(args[0])?.data_model()),
        _ => match word.split_once(' ') {
            Some(("struct", tag)) => record(RecordBuilder::structure(tag), &args, model),
            Some(("union", tag)) => record(RecordBuilder::union(tag), &args, model),
            _ => Type::parse(text, model),
        },
    }
}

fn record(mut record: RecordBuilder, args: &[&str], model: &DataModel) -> Result<Type, Error> {
    let (mut explicit, mut checked) = (None, None);
    for arg in args {
        let words: Vec<&str> = arg.split(' ').collect();
        record = match words[..] {
            ["packed"] => record.packed(),
            ["pack", n] => record.pack(number(n)),
            ["aligned", n] => record.aligned(number(n)),
            ["c++"] => record.language(Language::Cxx),
            ["transparent"] => record.transparent(),
            [kind @ ("given" | "checked"), size, align] => {
                let of = if kind == "given" {
                    &mut explicit
                } else {
                    &mut checked
                };
                *of = Some((number(size), number(align)));
                record
            }
            _ => record.member(member(arg, model)?),
        };
    }
    match (explicit, checked) {
        (Some((size, align)), _) => record.build_at(size, align),
        (_, Some((size, align))) => record.build_checked(model, size, Some(align)),
        _ => record.build(model),
    }
}

fn member(text: &str, model: &DataModel) -> Result<Member, Error> {
    let (name, text) = match text.split_once(": ") {
        Some((name, text)) if !name.contains(' ') => (Some(name), text),
        _ => (None, text),
    };
    // The suffixes of the type, the last first.
    let (mut text, mut after) = (text, Vec::new());
    while let Some((before, last)) = text.rsplit_once(' ') {
        let (before, word) = match last.parse::<u64>() {
            Ok(_) => before.rsplit_once(' ').unwrap_or(("", before)),
            Err(_) => (before, last),
        };
        let is_width = word
            .strip_prefix(':')
            .is_some_and(|n| n.parse::<u16>().is_ok());
        if !is_width && !["at", "bit", "aligned", "packed"].contains(&word) {
            break;
        }
        after.push((word, last));
        text = before;
    }
    let anonymous = text.strip_prefix("anonymous ");
    let of = ty(anonymous.unwrap_or(text), model)?;
    let width = after.iter().find_map(|(word, _)| word.strip_prefix(':'));
    let member = match (name, width) {
        (Some(name), Some(width)) => Member::bit_field(name, of, number(width)),
        (None, Some(width)) => Member::unnamed_bit_field(of, number(width)),
        (None, None) if anonymous.is_some() => Member::anonymous(of),
        (name, None) => Member::named(name.unwrap_or(""), of),
    };
    Ok(after.iter().fold(member, |member, (word, n)| match *word {
        "at" => member.at(number(n)),
        "bit" => member.at_bit(number(n)),
        "aligned" => member.aligned(number(n)),
        "packed" => member.packed(),
        _ => member,
    }))
}

/// Returns a signature with its flags; unnamed arguments are those of a call.
pub(crate) fn signature(text: &str, model: &DataModel) -> Result<FnSig, Error> {
    let (params, result) = text.split_once("->").unwrap_or((text, "void"));
    let (mut named, mut unnamed, mut flags) = (Vec::new(), None, Vec::new());
    for param in list(params) {
        if param == "..." {
            unnamed = Some(Vec::new());
            continue;
        }
        let of = unnamed.as_mut().unwrap_or(&mut named);
        let (param, flag) = param.split_once(" flag ").unwrap_or((param, ""));
        flags.extend(flag_of(flag).map(|flag| (of.len(), flag)));
        let (n, param) = match param.split_once('*') {
            Some((n, param)) if n.parse::<usize>().is_ok() => (number(n), param),
            _ => (1, param),
        };
        of.extend(std::iter::repeat_n(ty(param, model)?, n));
    }
    let sig = FnSig::new(named, ty(result, model)?);
    let sig = flags
        .into_iter()
        .fold(sig, |sig, (i, flag)| sig.flags(i, flag));
    match unnamed {
        Some(unnamed) => sig.variadic().at_call(unnamed),
        None => Ok(sig),
    }
}

fn flag_of(name: &str) -> Option<ArgFlags> {
    match name {
        "" => None,
        "byval" => Some(ArgFlags::BYVAL),
        "nest" => Some(ArgFlags::NEST),
        "inreg" => Some(ArgFlags::IN_REG),
        _ => panic!("{name}"),
    }
}
