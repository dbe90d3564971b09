//! Records with the attributes that compilers treat differently: each as C text, and as it is built by gcc's and by clang's rules.

use std::fmt::Write as _;

use cabi::{BitFieldStyle, DataModel, Error, Member, RecordBuilder, RecordRules, Type};
use cabi_verify::case::Subject;

/// The model of this machine's records.
pub(crate) const LINUX: DataModel = DataModel::LP64;

/// A record of the grid.
#[derive(Default)]
pub(crate) struct Record {
    /// Its tag, and the name of its case.
    pub(crate) tag: String,
    pub(crate) is_union: bool,
    pub(crate) packed: bool,
    pub(crate) pack: Option<u32>,
    pub(crate) align: Option<u32>,
    pub(crate) ms_struct: bool,
    pub(crate) members: Vec<Spec>,
}

/// A member of it.
#[derive(Clone)]
pub(crate) struct Spec {
    /// Empty for an unnamed bit-field.
    pub(crate) name: &'static str,
    pub(crate) ty: Type,
    /// The declaration without attributes and width; `@` is where an attribute of the declarator stands.
    pub(crate) text: String,
    pub(crate) width: Option<u16>,
    pub(crate) packed: bool,
    pub(crate) align: Option<u32>,
    /// What gcc makes of the attributes at `@`; after the declarator where this is `None`.
    pub(crate) place: Option<Place>,
}

/// To what of a member gcc gives an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Member,
    Type,
    Pointee,
}

impl Spec {
    /// A member `name` of a type that C calls `ty_text`.
    pub(crate) fn new(name: &'static str, ty_text: &str, ty: Type) -> Self {
        Self {
            name,
            ty,
            text: format!("{ty_text} {name}"),
            width: None,
            packed: false,
            align: None,
            place: None,
        }
    }

    pub(crate) fn bits(mut self, width: u16) -> Self {
        self.width = Some(width);
        self
    }

    fn member(&self, rules: RecordRules) -> Result<Member, Error> {
        let place = match (rules, self.place) {
            (RecordRules::Gcc, Some(place)) => place,
            _ => Place::Member,
        };
        let ty = match (place, self.align) {
            (Place::Type, Some(align)) => self.ty.with_align(align)?,
            _ => self.ty.clone(),
        };
        let mut member = match (self.name, self.width) {
            ("", width) => Member::unnamed_bit_field(ty, width.unwrap_or(0)),
            (name, Some(width)) => Member::bit_field(name, ty, width),
            (name, None) => Member::named(name, ty),
        };
        if place == Place::Member {
            if self.packed {
                member = member.packed();
            }
            member = self.align.into_iter().fold(member, Member::aligned);
        }
        Ok(member)
    }

    fn text(&self) -> String {
        let attributes = attributes(self.packed, self.align, false);
        let width = self
            .width
            .map_or(String::new(), |width| format!(" : {width}"));
        match self.place {
            Some(_) => format!("{}{width}", self.text.replace('@', &attributes)),
            None => format!("{}{width} {attributes}", self.text),
        }
    }
}

impl Record {
    /// C's name of the type.
    pub(crate) fn spelled(&self) -> String {
        let keyword = if self.is_union { "union" } else { "struct" };
        format!("{keyword} {}", self.tag)
    }

    /// Its definition.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let _ = self
            .pack
            .map(|pack| writeln!(text, "#pragma pack(push, {pack})"));
        let _ = writeln!(text, "{} {{", self.spelled());
        for member in &self.members {
            let _ = writeln!(text, "    {};", member.text());
        }
        let attributes = attributes(self.packed, self.align, self.ms_struct);
        let _ = writeln!(text, "}} {attributes};");
        if self.pack.is_some() {
            text.push_str("#pragma pack(pop)\n");
        }
        text
    }

    /// The type as `model` lays it out.
    pub(crate) fn build(&self, model: &DataModel) -> Result<Type, Error> {
        let mut model = *model;
        if self.ms_struct {
            model.bit_fields = BitFieldStyle::Ms;
        }
        let mut builder = if self.is_union {
            RecordBuilder::union(&self.tag)
        } else {
            RecordBuilder::structure(&self.tag)
        };
        if self.packed {
            builder = builder.packed();
        }
        builder = self.pack.into_iter().fold(builder, RecordBuilder::pack);
        builder = self.align.into_iter().fold(builder, RecordBuilder::aligned);
        for member in &self.members {
            builder = builder.member(member.member(model.records)?);
        }
        builder.build(&model)
    }

    /// What a reference compiler is asked with.
    pub(crate) fn subject(&self, rules: RecordRules) -> Result<Subject, Error> {
        let named = vec![(self.spelled(), self.build(&LINUX.with_records(rules))?)];
        Ok(Subject::of_cases(
            &self.tag,
            self.text(),
            named,
            &[],
            Vec::new(),
        ))
    }
}

fn attributes(packed: bool, align: Option<u32>, ms_struct: bool) -> String {
    let mut list = Vec::new();
    list.extend(packed.then(|| "packed".to_owned()));
    list.extend(align.map(|align| format!("aligned({align})")));
    list.extend(ms_struct.then(|| "ms_struct".to_owned()));
    if list.is_empty() {
        String::new()
    } else {
        format!("__attribute__(({}))", list.join(", "))
    }
}
