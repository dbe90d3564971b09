//! A header read: one [`Case`] per prototype, and for each record type one per position in which it
//! can be passed.
//!
//! The cases' functions are not the header's own, which belong to some library. Each is declared
//! under a name of ours, in the header's words (`div_t cabi_f0(int, int);`). A compiler thus sees
//! the header's types as its flags make them.

use std::collections::BTreeSet;

use cabi::{
    Convention, FnAbi, FnSig, Kind, LongDouble, Policy, Scalar, Target, Type, VectorLevel,
    X86_64_WIN64,
};
use cabi_header::{Header, HeaderError, Location, NamedType, Options, Prototype, tag};

use crate::case::{Case, Subject, portable};
use crate::emit::c::undefine;
use crate::generate::argument_positions::{long, positions};

/// The largest record that is passed, in bytes: larger ones are no case for a call.
pub const MAX_RECORD: u64 = 1 << 14;

/// More arguments than any function is called with here: each has a buffer of its own.
pub(crate) const MAX_ARGUMENTS: usize = 255;

/// A header with its cases.
#[derive(Clone, Debug)]
pub struct ReadHeader {
    /// As it was named, if it was.
    pub name: String,
    /// The text that was read: the directive that includes it. After it, macros with the name of a
    /// type are undefined.
    pub text: String,
    /// Types and cases. The block's text is the directive that includes the header, and the
    /// declarations that our own spellings need; it declares no function of a case.
    pub subject: Subject,
    /// Prototypes the header declares, those left out among them.
    pub n_prototypes: usize,
    /// Record types of which cases were made.
    pub n_records: usize,
    /// Declarations without a case.
    pub skipped: Vec<OmittedDeclaration>,
}

/// Declaration of a header without a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OmittedDeclaration {
    /// The function or type.
    pub name: String,
    /// A word for the kind of reason: a [`Reason::key`](cabi_header::Reason::key), or another one
    /// of this module.
    pub key: &'static str,
    /// The reason.
    pub why: String,
    /// Place of its declaration, if that is known.
    pub location: Option<Location>,
}

impl OmittedDeclaration {
    pub(crate) fn new(name: &str, location: Option<&Location>, (key, why): Omission) -> Self {
        Self {
            name: name.to_owned(),
            key,
            why,
            location: location.cloned(),
        }
    }
}

/// Kind of reason: the convention of the target has no place for it, by no profile.
pub const NO_PLACE: &str = "no place";
/// Kind of reason: it has too many bytes or arguments to be compared.
pub(crate) const TOO_LARGE: &str = "too large";

/// Kind of reason: a convention beside `ms_abi` that is not the target's own, as `sysv_abi` on
/// Windows. It may hide a difference.
pub const OTHER_CONVENTION: &str = "another convention";

/// Reads what `include`, a text of directives, declares for `target`. Each record type gets its
/// positions in functions of the convention `convention`, if there is one; `only` chooses functions
/// and types by name and place.
///
/// # Errors
/// [`HeaderError`]: no libclang, or a header that is wrong as a whole.
pub fn read(
    include: &str,
    options: &Options,
    (target, convention): (&Target, Option<&'static Convention>),
    only: impl Fn(&str, &Location) -> bool,
) -> Result<ReadHeader, HeaderError> {
    let mut header = cabi_header::parse(include, options)?;
    let mut declared = HeaderCases {
        declared: Vec::new(),
        header: &header,
        target,
    };
    let mut skipped = Vec::new();
    let mut skip = |name: &str, location: &Location, omission| {
        skipped.push(OmittedDeclaration::new(name, Some(location), omission));
    };
    for declaration in &header.skipped {
        if only(&declaration.name, &declaration.location) {
            let omission = (declaration.reason.key(), declaration.reason.to_string());
            skip(&declaration.name, &declaration.location, omission);
        }
    }
    for prototype in &header.prototypes {
        if only(&prototype.name, &prototype.location)
            && let Err(omission) = declared.prototype(prototype)
        {
            skip(&prototype.name, &prototype.location, omission);
        }
    }
    let text = format!("{include}{}", without_macros(&header));
    let records = convention.map_or_else(Vec::new, |_| records(&header, &only));
    for (i, record) in records.iter().enumerate() {
        if let Err(omission) = declared.positions(i + 1, record, convention) {
            skip(&record.name, &record.location, omission);
        }
    }
    let n_records = records.len();
    let (cases, preamble) = (declared.declared, format!("{text}{POINTER}"));
    let n_prototypes = count_prototypes(&header, &only);
    // Questions about their members come with the cases.
    for list in [&mut header.records, &mut header.typedefs, &mut header.enums] {
        list.retain(|named| only(&named.name, &named.location));
    }
    Ok(ReadHeader {
        name: String::new(),
        text,
        subject: Subject {
            header,
            cases,
            ..Subject::of_types("", target, preamble, Vec::new())
        },
        n_prototypes,
        n_records,
        skipped,
    })
}

/// Returns the record types that `only` chooses, once each.
fn records<'h>(header: &'h Header, only: &impl Fn(&str, &Location) -> bool) -> Vec<&'h NamedType> {
    let mut records: Vec<&NamedType> = Vec::new();
    for record in header.records.iter().chain(&header.typedefs) {
        let is_known = records.iter().any(|other| other.ty == record.ty);
        let is_chosen = only(&record.name, &record.location);
        if record.ty.as_record().is_some() && !is_known && is_chosen {
            records.push(record);
        }
    }
    records
}

/// Returns the number of functions that `only` chooses, those left out among them.
fn count_prototypes(header: &Header, only: &impl Fn(&str, &Location) -> bool) -> usize {
    let read = header.prototypes.iter();
    let read = read.map(|one| (&one.name, &one.location));
    let skipped = header.skipped.iter().filter(|one| one.is_function);
    read.chain(skipped.map(|one| (&one.name, &one.location)))
        .filter(|(name, location)| only(name, location))
        .count()
}

/// Spelling of a pointer to a function: which function does not matter to a call.
const POINTER: &str = "typedef void (*cabi_function_pointer)(void);\n";

/// Words of our own text that a header may have macros of.
const KEYWORDS: [&str; 33] = [
    "_Alignof",
    "_Atomic",
    "_Bool",
    "_Complex",
    "__alignof__",
    "__asm__",
    "__attribute__",
    "__builtin_offsetof",
    "__typeof__",
    "char",
    "const",
    "double",
    "enum",
    "extern",
    "float",
    "for",
    "if",
    "inline",
    "int",
    "long",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "typedef",
    "union",
    "unsigned",
    "void",
    "volatile",
    "while",
];

/// Undefines each macro with the name of a type (`#define mpf_t mpfr_t`), and of a keyword:
/// libclang spells types by their own names.
fn without_macros(header: &Header) -> String {
    let integers = header.macros.iter().map(|one| &*one.name);
    let others = header.other_macros.iter().map(|one| &*one.name);
    let macros: BTreeSet<&str> = integers.chain(others).collect();
    let named = [&header.records, &header.typedefs, &header.enums];
    let named = named.into_iter().flatten().map(|one| &*one.name);
    let names = named.chain(header.incomplete.iter().map(|name| &**name));
    let names = names.map(|name| tag(name).unwrap_or(name));
    let names: BTreeSet<&str> = names.chain(KEYWORDS).collect();
    names
        .intersection(&macros)
        .map(|name| undefine(name))
        .collect()
}

impl Case {
    /// Returns the case under compilers whose vectors are passed as `level` says.
    pub fn at_level(mut self, level: VectorLevel) -> Self {
        self.vectors = level;
        self.prototype.vectors = level;
        self
    }
}

/// The kind of reason for which there is no case, and the reason.
pub(crate) type Omission = (&'static str, String);

struct HeaderCases<'a> {
    declared: Vec<Case>,
    header: &'a Header,
    target: &'a Target,
}

impl HeaderCases<'_> {
    /// Adds the case of a function of the header.
    fn prototype(&mut self, prototype: &Prototype) -> Result<(), Omission> {
        let omit = |key, why: &str| Err((key, why.to_owned()));
        if !prototype.target_features.is_empty() {
            return omit("own target", "the function has a target attribute");
        }
        if self.header.prototype(&prototype.name).is_none() {
            return omit("overloaded", "several functions have this name");
        }
        let convention = prototype.convention;
        if let Some(other) = convention.filter(|other| **other != X86_64_WIN64) {
            return omit(OTHER_CONVENTION, other.name);
        }
        no_room(prototype.params.iter().map(|(_, ty)| ty), &prototype.ret)?;
        places(&prototype.signature(), self.target)?;
        let params = prototype.params.iter().zip(&prototype.spelled_params);
        let params = params.map(|((_, ty), text)| Ok((spell(ty, text)?, ty.clone())));
        let params = params.collect::<Result<_, Omission>>()?;
        let result = spell(&prototype.ret, &prototype.spelled_ret)?;
        let result = match prototype.noreturn {
            true => format!("__attribute__((noreturn)) {result}"),
            false => result,
        };
        let unnamed = [
            ("int", Type::I32),
            ("double", Type::F64),
            (long(self.target.data_model()), Type::I64),
        ];
        let is_f80 = self.target.data_model().long_double == LongDouble::F80;
        let exact = is_f80.then_some(("long double", Type::F80)).into_iter();
        // gcc's va_arg of Win64 reads an argument that is passed by reference from the wrong place.
        // A function with one would be left out as a whole.
        let exact = exact.filter(|_| convention.is_none());
        let unnamed = unnamed.into_iter().chain(exact);
        let unnamed = unnamed.map(|(text, ty)| (text.to_owned(), ty));
        let unnamed = prototype.variadic.then(|| unnamed.collect());
        let symbol = format!("cabi_f{}", self.declared.len());
        let names = (&*prototype.name, &*symbol);
        let ret = (result, prototype.ret.clone());
        let mut case = Case::of_spelled(names, convention, ret, params, unnamed);
        case.prototype.noreturn = prototype.noreturn;
        self.add(case, &prototype.location);
        Ok(())
    }

    /// Adds the case of a declaration at `location`.
    fn add(&mut self, mut case: Case, location: &Location) {
        case.prototype.location = location.clone();
        case.target = self.target.clone();
        self.declared.push(case);
    }

    /// Adds the cases of one record type in functions of `convention`.
    fn positions(
        &mut self,
        number: usize,
        record: &NamedType,
        convention: Option<&'static Convention>,
    ) -> Result<(), Omission> {
        let (name, ty) = (record.name.as_str(), &record.ty);
        no_room([].into_iter(), ty)?;
        let alone = FnSig::new([ty.clone()], Type::VOID);
        let alone = convention.into_iter().fold(alone, FnSig::convention);
        let abi = &places(&alone, self.target)?;
        let is_own = self.target.convention() == Some(abi.convention);
        let convention = (!is_own).then_some(abi.convention);
        let positions = positions((name, ty), abi, convention, self.target.data_model());
        for (i, mut case) in positions.into_iter().enumerate() {
            case.name = format!("{name}{OF_RECORD}{}", case.name);
            case.prototype.name = format!("cabi_t{number}_{i}");
            self.add(case, &record.location);
        }
        Ok(())
    }
}

/// Returns the spelling of `ty`, which clang spells `text`, for every compiler. A type without a
/// name has none.
fn spell(ty: &Type, text: &str) -> Result<String, Omission> {
    match ty.kind() {
        Kind::Scalar(Scalar::Ptr) => Ok("void *".to_owned()),
        Kind::Scalar(Scalar::FnPtr) => Ok("cabi_function_pointer".to_owned()),
        _ if is_unnamed(text) => Err(("spelling", format!("{text} has no name"))),
        _ => Ok(portable(text)),
    }
}

/// Checks whether clang spells a type by the place of its declaration, `struct (unnamed struct at
/// header.h:1:9)`.
pub(crate) fn is_unnamed(spelled: &str) -> bool {
    let mut places = ["(unnamed ", "(anonymous "].into_iter();
    places.any(|place| spelled.contains(place))
}

/// Returns the places of `sig` under gcc's policy, or else under clang's. Each compiler is compared
/// under its own policy, so a signature that one policy places is a case.
fn places(sig: &FnSig, target: &Target) -> Result<FnAbi, Omission> {
    let of = |policy| FnAbi::new(&sig.clone().policy(policy), target);
    let abi = of(Policy::GCC).or_else(|_| of(Policy::CLANG));
    abi.map_err(|error| (NO_PLACE, error.to_string()))
}

/// Between a record's name and that of the position it is tried in.
pub const OF_RECORD: &str = ", ";

/// Refuses functions of these types if there is no room for their values.
fn no_room<'t>(
    args: impl ExactSizeIterator<Item = &'t Type>,
    ret: &'t Type,
) -> Result<(), Omission> {
    let n = args.len();
    let large = args.chain([ret]).find(|ty| ty.size() > MAX_RECORD);
    let why = match large.map(Type::size) {
        _ if n > MAX_ARGUMENTS => format!("{n} arguments, a case may have {MAX_ARGUMENTS}"),
        Some(size) => format!("{size} bytes, a value of a case may have {MAX_RECORD}"),
        None => return Ok(()),
    };
    Err((TOO_LARGE, why))
}
