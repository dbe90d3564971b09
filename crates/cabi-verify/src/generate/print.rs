//! A signature as C: declarations under names with a prefix, or a block of the `.abi` corpus.

use std::fmt::Write as _;

use cabi::{DataModel, Error, Type, X86_64_WIN64};

use super::types::Types;
use super::{CMember, CRecord, CSignature, CType, Form};
use crate::case::{Case, SpelledType, convention_attribute, parameter_list};

/// A signature's declarations, in the order in which C needs them.
#[derive(Clone, Debug)]
pub struct CDeclarations {
    /// The types.
    pub types: String,
    /// The types that have a name, as C spells it, but for those that `cabi` refuses.
    pub named: Vec<(String, Type)>,
    /// The function's prototype.
    pub prototype: String,
    /// Spelling of the types of the unnamed arguments, if it is variadic.
    pub unnamed: Option<Vec<String>>,
    /// The function as a case, with the types that `cabi` builds, on x86-64 Linux.
    pub case: Result<Case, Error>,
}

impl CSignature {
    /// Returns its declarations, with names that start with `prefix`; the function is called
    /// `<prefix>f`.
    pub fn declared(&self, prefix: &str, model: &DataModel) -> CDeclarations {
        let mut text = Text {
            prefix,
            declared: String::new(),
            known: Vec::new(),
        };
        let result = self.ret.as_ref().map(|ty| text.spell(ty));
        let result = result.unwrap_or("void".to_owned());
        let mut spell =
            |types: &[CType]| -> Vec<String> { types.iter().map(|ty| text.spell(ty)).collect() };
        let params = spell(&self.params);
        let unnamed = self.unnamed.as_deref().map(spell);
        let convention = self.ms_abi.then_some(&X86_64_WIN64);
        let name = format!("{prefix}f");
        let types = Types {
            known: &text.known,
            model,
        };
        let build = |texts: &[String], types_of: &[CType]| -> Result<Vec<SpelledType>, Error> {
            let built = types_of.iter().map(|ty| types.build(ty));
            let pairs = texts.iter().zip(built);
            pairs.map(|(text, ty)| Ok((text.clone(), ty?))).collect()
        };
        let case = || {
            let ret = self.ret.as_ref().map(|ty| types.build(ty));
            let ret = (result.clone(), ret.unwrap_or(Ok(Type::VOID))?);
            let of_unnamed = unnamed.as_ref().zip(self.unnamed.as_ref());
            let of_unnamed = of_unnamed.map(|(texts, types_of)| build(texts, types_of));
            let params = build(&params, &self.params)?;
            let unnamed = of_unnamed.transpose()?;
            Ok(Case::of_spelled(
                (&name, &name),
                convention,
                ret,
                params,
                unnamed,
            ))
        };
        let case = case();
        let list = parameter_list(&params, unnamed.is_some());
        let attribute = convention_attribute(convention);
        let names = text.known.iter();
        let names = names.filter_map(|(ty, name)| Some((name.clone(), types.build(ty).ok()?)));
        CDeclarations {
            named: names.collect(),
            case,
            types: text.declared,
            prototype: format!("{attribute}{result} {name}({list});\n"),
            unnamed,
        }
    }

    /// Returns the block called `name`, with `keys` (lines such as `features: avx`) after what it
    /// `proves`; its one function is `f`.
    ///
    /// # Example
    /// ```
    /// use cabi_verify::generate::{CType, CSignature};
    ///
    /// let signature = CSignature {
    ///     params: vec![CType::Name("int"), CType::Function],
    ///     ..CSignature::default()
    /// };
    /// let text = signature.block("two", "psABI 3.2.3", &[]);
    /// assert_eq!(
    ///     text,
    ///     "== two\nproves: psABI 3.2.3\ntypedef void (*t0)(void);\nvoid f(int, t0);\n"
    /// );
    /// ```
    pub fn block(&self, name: &str, proves: &str, keys: &[String]) -> String {
        let declared = self.declared("", &DataModel::LP64);
        let mut text = format!("== {name}\nproves: {proves}\n");
        for key in keys {
            let _ = writeln!(text, "{key}");
        }
        if let Some(unnamed) = &declared.unnamed {
            let _ = writeln!(text, "unnamed: {}", unnamed.join(", "));
        }
        text + &declared.types + &declared.prototype
    }
}

/// Declarations of types, each once, before it is used.
struct Text<'p> {
    prefix: &'p str,
    declared: String,
    /// The types that are declared, and how C spells them.
    known: Vec<(CType, String)>,
}

impl Text<'_> {
    /// Returns the type as C spells it; what needs a declaration has got one.
    fn spell(&mut self, ty: &CType) -> String {
        if let Some((_, spelled)) = self.known.iter().find(|(known, _)| known == ty) {
            return spelled.clone();
        }
        let prefix = self.prefix;
        // `@` stands for the name.
        let declaration = match ty {
            CType::Name("_Complex __float128") => {
                "typedef _Complex float @ __attribute__((mode(TC)))".to_owned()
            }
            CType::Name(name) => return (*name).to_owned(),
            CType::BitInt { bits, signed } => {
                let sign = if *signed { "" } else { "unsigned " };
                return format!("{sign}_BitInt({bits})");
            }
            CType::Atomic(inner) => return format!("_Atomic({})", self.spell(inner)),
            CType::Record(record) => self.record(record, "@ ", "m"),
            CType::Enum(value) => format!("enum @ {{ {prefix}v{} = {value} }}", self.known.len()),
            CType::PackedEnum(value) => {
                let n = self.known.len();
                format!("enum __attribute__((packed)) @ {{ {prefix}v{n} = {value} }}")
            }
            CType::Array(elem, len) => format!("typedef {} @[{len}]", self.spell(elem)),
            CType::Function => "typedef void (*@)(void)".to_owned(),
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
        let (keyword, letter) = match ty {
            CType::Record(record) if record.is_union => ("union ", "u"),
            CType::Record(_) => ("struct ", "s"),
            CType::Enum(_) | CType::PackedEnum(_) => ("enum ", "e"),
            _ => ("", "t"),
        };
        let name = format!("{prefix}{letter}{}", self.known.len());
        let text = declaration.replacen('@', &name, 1);
        let pack = match ty {
            CType::Record(record) => record.pack,
            _ => None,
        };
        self.declared += &match pack {
            Some(pack) => format!("#pragma pack(push, {pack})\n{text};\n#pragma pack(pop)\n"),
            None => format!("{text};\n"),
        };
        let spelled = format!("{keyword}{name}");
        self.known.push((ty.clone(), spelled.clone()));
        spelled
    }

    /// Returns the keyword and attributes of a record, and its members, whose names start with
    /// `prefix`.
    fn record(&mut self, record: &CRecord, name: &str, prefix: &str) -> String {
        let keyword = if record.is_union { "union" } else { "struct" };
        let attributes = attributes(record.packed, record.aligned, record.ms_struct);
        let members = (0..).zip(&record.members);
        let members = members.map(|(i, member)| self.member(member, &format!("{prefix}{i}")));
        let members: String = members.collect();
        // clang wants it after the members.
        let transparent = match record.transparent {
            true => " __attribute__((transparent_union))",
            false => "",
        };
        format!("{keyword} {attributes}{name}{{ {members}}}{transparent}")
    }

    fn member(&mut self, member: &CMember, name: &str) -> String {
        let text = match &member.form {
            Form::Plain { ty, lengths } => {
                let brackets: String = lengths.iter().map(|len| format!("[{len}]")).collect();
                format!("{} {name}{brackets}", self.spell(ty))
            }
            Form::Flexible(ty) => format!("{} {name}[]", self.spell(ty)),
            Form::Bits { ty, width, named } => {
                let name = if *named { name } else { "" };
                format!("{} {name} : {width}", self.spell(ty))
            }
            Form::Anonymous(record) => self.record(record, "", &format!("{name}_")),
        };
        let attributes = attributes(member.packed, member.aligned, false);
        format!("{text} {attributes}; ").replace(" ; ", "; ")
    }
}

/// Returns the attributes with a space after them.
fn attributes(packed: bool, aligned: Option<u32>, ms_struct: bool) -> String {
    let packed = packed.then(|| "packed".to_owned());
    let aligned = aligned.map(|align| format!("aligned({align})"));
    let ms_struct = ms_struct.then(|| "ms_struct".to_owned());
    let list: Vec<String> = [packed, aligned, ms_struct].into_iter().flatten().collect();
    match list.is_empty() {
        true => String::new(),
        false => format!("__attribute__(({})) ", list.join(", ")),
    }
}
