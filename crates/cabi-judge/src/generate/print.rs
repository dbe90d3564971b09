//! A signature as C: declarations under names with a prefix, or a block of the `.abi` corpus.

use std::fmt::Write as _;

use super::{CMember, CRecord, CType, Form, Signature};
use crate::ctext::Function;

/// A signature's declarations, in the order in which C needs them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Declared {
    /// The types.
    pub types: String,
    /// The function, which is not among them.
    pub function: Function,
    /// How the types of the unnamed arguments are spelled, if it is variadic.
    pub unnamed: Option<Vec<String>>,
}

impl Declared {
    /// The function's prototype.
    #[must_use]
    pub fn prototype(&self) -> String {
        let Function {
            name, result, list, ..
        } = &self.function;
        format!("{result} {name}({list});\n")
    }
}

impl Signature {
    /// Its declarations, with names that start with `prefix`; the function is called `<prefix>f`.
    #[must_use]
    pub fn declared(&self, prefix: &str) -> Declared {
        let mut printer = Printer::new(prefix);
        let result = match &self.ret {
            Some(ty) => printer.spell(ty),
            None => "void".to_owned(),
        };
        let mut spelled =
            |types: &[CType]| -> Vec<String> { types.iter().map(|ty| printer.spell(ty)).collect() };
        let params = spelled(&self.params);
        let unnamed = self.unnamed.as_deref().map(&mut spelled);
        let mut list = params.join(", ");
        if unnamed.is_some() {
            list.push_str(if list.is_empty() { "..." } else { ", ..." });
        } else if list.is_empty() {
            list.push_str("void");
        }
        Declared {
            types: printer.declarations,
            function: Function {
                name: format!("{prefix}f"),
                attributes: String::new(),
                result,
                list,
                params,
            },
            unnamed,
        }
    }

    /// The block called `name`, with `keys` (lines such as `features: avx`) behind what it `proves`; its one function is `f`.
    ///
    /// # Example
    /// ```
    /// use cabi_judge::generate::{CType, Signature};
    ///
    /// let signature = Signature { ret: None, params: vec![CType::Name("int"), CType::Function], unnamed: None };
    /// let text = signature.block("two", "psABI 3.2.3", &[]);
    /// assert_eq!(text, "== two\nproves: psABI 3.2.3\ntypedef void (*t0)(void);\nvoid f(int, t0);\n");
    /// ```
    #[must_use]
    pub fn block(&self, name: &str, proves: &str, keys: &[String]) -> String {
        let declared = self.declared("");
        let mut text = format!("== {name}\nproves: {proves}\n");
        for key in keys {
            let _ = writeln!(text, "{key}");
        }
        if let Some(unnamed) = &declared.unnamed {
            let _ = writeln!(text, "unnamed: {}", unnamed.join(", "));
        }
        text + &declared.types + &declared.prototype()
    }
}

/// Declares each type once, before it is used.
struct Printer<'a> {
    prefix: &'a str,
    declarations: String,
    declared: Vec<(CType, String)>,
}

impl<'a> Printer<'a> {
    fn new(prefix: &'a str) -> Self {
        Self {
            prefix,
            declarations: String::new(),
            declared: Vec::new(),
        }
    }

    /// The type as C spells it; what needs a declaration has got one.
    fn spell(&mut self, ty: &CType) -> String {
        if let Some((_, name)) = self.declared.iter().find(|(known, _)| known == ty) {
            return name.clone();
        }
        let text = match ty {
            CType::Name(name) => return (*name).to_owned(),
            CType::BitInt { bits, signed } => {
                let sign = if *signed { "" } else { "unsigned " };
                return format!("{sign}_BitInt({bits})");
            }
            CType::Atomic(inner) => return format!("_Atomic({})", self.spell(inner)),
            CType::Record(record) => return self.record(ty, record),
            CType::Enum(value) => {
                let (own, n) = (self.prefix, self.declared.len());
                let _ = writeln!(
                    self.declarations,
                    "enum {own}e{n} {{ {own}v{n} = {value} }};"
                );
                return self.declare(ty, format!("enum {own}e{n}"));
            }
            CType::Function => "typedef void (*@)(void)".to_owned(),
            CType::ComplexFloat128 => {
                "typedef _Complex float @ __attribute__((mode(TC)))".to_owned()
            }
            CType::Vector { lane, bytes } => {
                format!("typedef {lane} @ __attribute__((vector_size({bytes})))")
            }
            CType::ExtVector { lane, lanes } => {
                format!("typedef {lane} @ __attribute__((ext_vector_type({lanes})))")
            }
            CType::Aligned(inner, align) => {
                let inner = self.spell(inner);
                format!("typedef {inner} @ __attribute__((aligned({align})))")
            }
        };
        let name = format!("{}t{}", self.prefix, self.declared.len());
        let _ = writeln!(self.declarations, "{};", text.replacen('@', &name, 1));
        self.declare(ty, name)
    }

    fn declare(&mut self, ty: &CType, name: String) -> String {
        self.declared.push((ty.clone(), name.clone()));
        name
    }

    fn record(&mut self, ty: &CType, record: &CRecord) -> String {
        let mut n_members = 0;
        let members = self.members(record, &mut n_members);
        let (keyword, letter) = keyword(record);
        let name = format!("{}{letter}{}", self.prefix, self.declared.len());
        let attributes = attributes(record.packed, record.aligned);
        let text = format!("{keyword} {attributes}{name} {members};\n");
        self.declarations.push_str(&match record.pack {
            Some(pack) => format!("#pragma pack(push, {pack})\n{text}#pragma pack(pop)\n"),
            None => text,
        });
        self.declare(ty, format!("{keyword} {name}"))
    }

    /// The members in braces, named in the order in which `n_members` counts them.
    fn members(&mut self, record: &CRecord, n_members: &mut usize) -> String {
        let mut text = String::from("{ ");
        for member in &record.members {
            let declaration = self.member(member, n_members);
            let _ = write!(text, "{declaration} ");
        }
        text.push('}');
        text
    }

    fn member(&mut self, member: &CMember, n_members: &mut usize) -> String {
        let own = format!("m{n_members}");
        *n_members += 1;
        let attributes = attributes(member.packed, member.aligned);
        let text = match &member.form {
            Form::Plain { ty, lengths } => {
                let lengths: String = lengths.iter().map(|len| format!("[{len}]")).collect();
                format!("{} {own}{lengths}", self.spell(ty))
            }
            Form::Flexible(ty) => format!("{} {own}[]", self.spell(ty)),
            Form::Bits { ty, width, named } => {
                let name = if *named { own.as_str() } else { "" };
                format!("{} {name} : {width}", self.spell(ty))
            }
            Form::Anonymous(record) => {
                let body = self.members(record, n_members);
                let inner = self::attributes(record.packed, record.aligned);
                format!("{} {inner}{body}", keyword(record).0)
            }
        };
        format!("{text} {attributes};").replace(" ;", ";")
    }
}

fn keyword(record: &CRecord) -> (&'static str, &'static str) {
    if record.is_union {
        ("union", "u")
    } else {
        ("struct", "s")
    }
}

/// The attributes with a space behind them.
fn attributes(packed: bool, aligned: Option<u32>) -> String {
    let packed = packed.then(|| "packed".to_owned());
    let aligned = aligned.map(|align| format!("aligned({align})"));
    let list: Vec<String> = packed.into_iter().chain(aligned).collect();
    if list.is_empty() {
        String::new()
    } else {
        format!("__attribute__(({})) ", list.join(", "))
    }
}
