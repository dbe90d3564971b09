//! A signature as C: declarations under names with a prefix, or a block of the `.abi` corpus; and the types they declare, as `cabi` builds
//! them, so that nothing has to read the text back.

use std::fmt::Write as _;

use cabi::{DataModel, Error, Member, Type, X86_64_WIN64};

use super::types;
use super::{CMember, CRecord, CType, Form, Signature};
use crate::case::{Case, convention_attribute};
use crate::corpus::c_text::Function;

/// A signature's declarations, in the order in which C needs them.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The types.
    pub types: String,
    /// Those of them that have a name, as C spells it. A type that `cabi` refuses is not among them.
    pub named: Vec<(String, Type)>,
    /// The function, which is not among them.
    pub function: Function,
    /// How the types of the unnamed arguments are spelled, if it is variadic.
    pub unnamed: Option<Vec<String>>,
    /// The function as a case, with the types that `cabi` builds, on x86-64 Linux.
    pub case: Result<Case, Error>,
}

impl Declared {
    /// The function's prototype.
    pub fn prototype(&self) -> String {
        self.function.prototype()
    }
}

impl Signature {
    /// Its declarations, with names that start with `prefix`; the function is called `<prefix>f`.
    pub fn declared(&self, prefix: &str, model: &DataModel) -> Declared {
        let mut declarations = Declarations::new(prefix, model);
        let mut declared = declarations.function(&format!("{prefix}f"), self);
        (declared.types, declared.named) = (declarations.text, declarations.named);
        declared
    }

    /// The block called `name`, with `keys` (lines such as `features: avx`) after what it `proves`; its one function is `f`.
    ///
    /// # Example
    /// ```
    /// use cabi_verify::generate::{CType, Signature};
    ///
    /// let signature = Signature { ret: None, params: vec![CType::Name("int"), CType::Function], unnamed: None, ms_abi: false };
    /// let text = signature.block("two", "psABI 3.2.3", &[]);
    /// assert_eq!(text, "== two\nproves: psABI 3.2.3\ntypedef void (*t0)(void);\nvoid f(int, t0);\n");
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
        text + &declared.types + &declared.prototype()
    }
}

/// Declarations of many functions that share types: each type is declared once, before it is used.
#[derive(Clone, Debug)]
pub struct Declarations {
    prefix: String,
    model: DataModel,
    text: String,
    named: Vec<(String, Type)>,
    known: Vec<(CType, Spelled)>,
}

/// How C spells a type, and what it is.
#[derive(Clone, Debug)]
struct Spelled {
    text: String,
    ty: Result<Type, Error>,
}

impl Declarations {
    /// None yet; the names of types will start with `prefix`.
    pub fn new(prefix: &str, model: &DataModel) -> Self {
        Self {
            prefix: prefix.to_owned(),
            model: *model,
            text: String::new(),
            named: Vec::new(),
            known: Vec::new(),
        }
    }

    /// The types declared so far, as C.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The function `name`; the types it needs are declared here, and `types` and `named` of the answer are empty.
    pub fn function(&mut self, name: &str, signature: &Signature) -> Declared {
        let void = Spelled {
            text: "void".to_owned(),
            ty: Ok(Type::VOID),
        };
        let result = signature.ret.as_ref().map_or(void, |ty| self.spell(ty));
        let mut spelled = |types: &[CType]| -> (Vec<String>, Result<Vec<Type>, Error>) {
            let spelled = types.iter().map(|ty| self.spell(ty));
            let (texts, types): (_, Vec<_>) = spelled.map(|one| (one.text, one.ty)).unzip();
            (texts, types.into_iter().collect())
        };
        let (params, param_types) = spelled(&signature.params);
        let (unnamed, unnamed_types) = spelled(signature.unnamed.as_deref().unwrap_or_default());
        let unnamed = signature.unnamed.as_ref().map(|_| unnamed);
        let convention = signature.ms_abi.then_some(&X86_64_WIN64);
        let attribute = convention_attribute(convention);
        let function = Function::new(name, attribute, (result.text, params), unnamed.is_some());
        let case = || {
            let (ret, params, types) = (result.ty?, param_types?, unnamed_types?);
            let unnamed = unnamed.clone().map(|spelled| (types, spelled));
            let mut case = Case::of_types(name, function.clone(), params, ret, unnamed);
            case.prototype.convention = convention;
            Ok(case)
        };
        Declared {
            types: String::new(),
            named: Vec::new(),
            case: case(),
            function,
            unnamed,
        }
    }

    /// The type as C spells it; what needs a declaration has got one.
    fn spell(&mut self, ty: &CType) -> Spelled {
        if let Some((_, spelled)) = self.known.iter().find(|(known, _)| known == ty) {
            return spelled.clone();
        }
        let (text, built) = match ty {
            CType::Name(name) => {
                let text = (*name).to_owned();
                let ty = types::of_name(name, &self.model);
                return Spelled { text, ty };
            }
            CType::BitInt { bits, signed } => {
                let sign = if *signed { "" } else { "unsigned " };
                let text = format!("{sign}_BitInt({bits})");
                let ty = self.model.bit_int(*bits, *signed);
                return Spelled { text, ty };
            }
            CType::Atomic(inner) => {
                let inner = self.spell(inner);
                let text = format!("_Atomic({})", inner.text);
                let ty = inner.ty.and_then(|ty| ty.atomic());
                return Spelled { text, ty };
            }
            CType::Record(record) => return self.record(ty, record),
            CType::Enum(value) => {
                let (own, n) = (&self.prefix, self.known.len());
                let name = format!("enum {own}e{n}");
                let _ = writeln!(self.text, "{name} {{ {own}v{n} = {value} }};");
                return self.declare(ty, name, types::of_enum(value, &self.model));
            }
            CType::Function => {
                let text = "typedef void (*@)(void)".to_owned();
                (text, Ok(self.model.fn_pointer()))
            }
            CType::ComplexFloat128 => {
                let text = "typedef _Complex float @ __attribute__((mode(TC)))".to_owned();
                (text, Type::complex(&self.model.adapt(&Type::F128)))
            }
            CType::Vector { lane, bytes } => {
                let text = format!("typedef {lane} @ __attribute__((vector_size({bytes})))");
                (text, types::of_vector(lane, *bytes, &self.model))
            }
            CType::ExtVector { lane, lanes } => {
                let text = format!("typedef {lane} @ __attribute__((ext_vector_type({lanes})))");
                (text, types::of_ext_vector(lane, *lanes, &self.model))
            }
            CType::Aligned(inner, align) => {
                let inner = self.spell(inner);
                let text = format!("typedef {} @ __attribute__((aligned({align})))", inner.text);
                (text, inner.ty.and_then(|ty| ty.with_align(*align)))
            }
        };
        let name = format!("{}t{}", self.prefix, self.known.len());
        let _ = writeln!(self.text, "{};", text.replacen('@', &name, 1));
        self.declare(ty, name, built)
    }

    fn declare(&mut self, ty: &CType, text: String, built: Result<Type, Error>) -> Spelled {
        if let Ok(built) = &built {
            self.named.push((text.clone(), built.clone()));
        }
        let spelled = Spelled { text, ty: built };
        self.known.push((ty.clone(), spelled.clone()));
        spelled
    }

    fn record(&mut self, ty: &CType, record: &CRecord) -> Spelled {
        let mut n_members = 0;
        let (members, built) = self.members(record, &mut n_members);
        let (keyword, letter) = keyword(record);
        let name = format!("{}{letter}{}", self.prefix, self.known.len());
        let attributes = attributes(record.packed, record.aligned, record.ms_struct);
        let text = format!("{keyword} {attributes}{name} {members};\n");
        self.text.push_str(&match record.pack {
            Some(pack) => format!("#pragma pack(push, {pack})\n{text}#pragma pack(pop)\n"),
            None => text,
        });
        let built = built
            .and_then(|members| types::of_record(record, &name, members, record.pack, &self.model));
        self.declare(ty, format!("{keyword} {name}"), built)
    }

    /// The members in braces, named in the order in which `n_members` counts them. A pragma around the outermost record holds for those inside.
    fn members(
        &mut self,
        record: &CRecord,
        n_members: &mut usize,
    ) -> (String, Result<Vec<Member>, Error>) {
        let members = record.members.iter();
        let all = members.map(|member| self.member(member, record.pack, n_members));
        let (texts, built): (Vec<String>, Vec<_>) = all.unzip();
        let text: String = texts.iter().map(|text| format!("{text} ")).collect();
        (format!("{{ {text}}}"), built.into_iter().collect())
    }

    fn member(
        &mut self,
        member: &CMember,
        pack: Option<u32>,
        n_members: &mut usize,
    ) -> (String, Result<Member, Error>) {
        let own = format!("m{n_members}");
        *n_members += 1;
        let attributes = attributes(member.packed, member.aligned, false);
        let (text, built) = match &member.form {
            Form::Plain { ty, lengths } => {
                let brackets: String = lengths.iter().map(|len| format!("[{len}]")).collect();
                let Spelled { text, ty } = self.spell(ty);
                let ty = ty.and_then(|ty| types::of_array(ty, lengths));
                let built = ty.map(|ty| Member::named(&own, ty));
                (format!("{text} {own}{brackets}"), built)
            }
            Form::Flexible(ty) => {
                let Spelled { text, ty } = self.spell(ty);
                let ty = ty.and_then(|ty| Type::flexible_array(&ty));
                (
                    format!("{text} {own}[]"),
                    ty.map(|ty| Member::named(&own, ty)),
                )
            }
            Form::Bits { ty, width, named } => {
                let Spelled { text, ty } = self.spell(ty);
                let built = ty.map(|ty| match named {
                    true => Member::bit_field(&own, ty, *width),
                    false => Member::unnamed_bit_field(ty, *width),
                });
                let name = if *named { own.as_str() } else { "" };
                (format!("{text} {name} : {width}"), built)
            }
            Form::Anonymous(record) => {
                let mut record = record.clone();
                record.pack = pack;
                let (body, members) = self.members(&record, n_members);
                let inner = self::attributes(record.packed, record.aligned, record.ms_struct);
                let ty = members
                    .and_then(|members| types::of_record(&record, "", members, pack, &self.model));
                (
                    format!("{} {inner}{body}", keyword(&record).0),
                    ty.map(Member::anonymous),
                )
            }
        };
        let built = built.map(|built| {
            let built = if member.packed { built.packed() } else { built };
            member.aligned.into_iter().fold(built, Member::aligned)
        });
        let text = format!("{text} {attributes};").replace(" ;", ";");
        (text, built)
    }
}

fn keyword(record: &CRecord) -> (&'static str, &'static str) {
    match record.is_union {
        true => ("union", "u"),
        false => ("struct", "s"),
    }
}

/// The attributes with a space after them.
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
