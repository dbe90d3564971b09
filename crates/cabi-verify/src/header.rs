//! A header read: one [`Case`] per prototype, and for each record type one per position in which it
//! can be passed.
//!
//! The cases' functions are not the header's own, which belong to some library: each is declared
//! again under a name of ours, in the header's words (`div_t cabi_f0(int, int);`), so that a
//! compiler sees the header's types as its flags make them. libclang reads these declarations back,
//! and a case is made only if its types are those of the header.
use cabi::{Convention, FnAbi, FnSig, Kind, LongDouble, Policy, Scalar, Target, Type, VectorLevel};
use cabi_header::{Emitter, Header, HeaderError, Location, NamedType, Options, Prototype, Written};

use crate::case::{Case, Subject};
use crate::generate::argument_positions::{long, positions};

/// The largest record that is sent, in bytes: larger ones are no case for a call.
pub const MAX_RECORD: u64 = 1 << 14;

/// More arguments than any function is called with here: each has a buffer of its own.
pub(crate) const MAX_ARGUMENTS: usize = 255;

/// A header with its cases.
#[derive(Clone, Debug)]
pub struct Read {
    /// As it was named, if it was.
    pub name: String,
    /// The text that was read: the directive that includes it.
    pub text: String,
    /// Types and cases. The block's text is the directive that includes the header, and the
    /// declarations that our own spellings need; it declares no function of a case.
    pub subject: Subject,
    /// Prototypes the header declares, those left out among them.
    pub n_prototypes: usize,
    /// Record types of which cases were made.
    pub n_records: usize,
    /// Declarations without a case.
    pub skipped: Vec<Omitted>,
}

/// Declaration of a header without a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Omitted {
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

impl Omitted {
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

/// Kind of reason: declared again in the header's words, it has other types. It hides a difference.
pub const READ_OTHERWISE: &str = "read otherwise";

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
) -> Result<Read, HeaderError> {
    let mut header = cabi_header::parse(include, options)?;
    retain_records(&mut header);
    let mut declared = Declaring {
        emitter: Emitter::new(&header.model),
        declared: Vec::new(),
        header: &header,
        target,
    };
    let mut skipped = Vec::new();
    for one in &header.skipped {
        if only(&one.name, &one.location) {
            let left = (one.reason.key(), one.reason.to_string());
            skipped.push(Omitted::new(&one.name, Some(&one.location), left));
        }
    }
    for prototype in &header.prototypes {
        if only(&prototype.name, &prototype.location)
            && let Err(left) = declared.prototype(prototype)
        {
            skipped.push(Omitted::new(
                &prototype.name,
                Some(&prototype.location),
                left,
            ));
        }
    }
    let records = convention.map_or_else(Vec::new, |_| records(&header, &only));
    for (i, named) in records.iter().enumerate() {
        if let Err(left) = declared.positions(i + 1, named, convention) {
            skipped.push(Omitted::new(&named.name, Some(&named.location), left));
        }
    }
    let n_records = records.len();
    let Declaring {
        emitter, declared, ..
    } = declared;
    // A compiler for which the header does not declare some type must not stumble over the
    // functions that take it.
    let preamble = format!("{include}{POINTER}{}", emitter.definitions());
    let (cases, unlike) = read_again(declared, &preamble, options)?;
    skipped.extend(unlike);
    let n_prototypes = count_prototypes(&header, &only);
    // Questions about their members come with the cases.
    for named in [&mut header.records, &mut header.typedefs, &mut header.enums] {
        named.retain(|named| only(&named.name, &named.location));
    }
    Ok(Read {
        name: String::new(),
        text: include.to_owned(),
        subject: Subject {
            header,
            ..Subject::of_cases("", target, preamble, Vec::new(), cases)
        },
        n_prototypes,
        n_records,
        skipped,
    })
}

/// Returns the cases whose declarations, read again after `preamble`, have the same types; and
/// those that have not.
fn read_again(
    declared: Vec<Case>,
    preamble: &str,
    options: &Options,
) -> Result<(Vec<Case>, Vec<Omitted>), HeaderError> {
    let declarations = declared.iter().map(Case::declaration);
    let code = preamble.to_owned() + &declarations.collect::<String>();
    let again = cabi_header::parse(&code, options)?;
    let (mut cases, mut unlike) = (Vec::new(), Vec::new());
    for case in declared {
        match read_back(case, &again) {
            Ok(case) => cases.push(case),
            Err(omitted) => unlike.push(omitted),
        }
    }
    Ok((cases, unlike))
}

/// `typedef struct {..} name __attribute__((aligned))`: to C the name is the typedef with its
/// alignment, not the record.
fn retain_records(header: &mut Header) {
    let typedefs = &header.typedefs;
    header.records.retain(|record| {
        let mut same = typedefs.iter().filter(|one| one.name == record.name);
        same.all(|typedef| typedef.ty == record.ty)
    });
}

/// The record types that `only` chooses, once each.
fn records<'h>(header: &'h Header, only: &impl Fn(&str, &Location) -> bool) -> Vec<&'h NamedType> {
    let mut records: Vec<&NamedType> = Vec::new();
    for named in header.records.iter().chain(&header.typedefs) {
        let is_known = records.iter().any(|other| other.ty == named.ty);
        let is_chosen = only(&named.name, &named.location);
        if named.ty.as_record().is_some() && !is_known && is_chosen {
            records.push(named);
        }
    }
    records
}

/// Returns the number of functions that `only` chooses, those left out among them.
fn count_prototypes(header: &Header, only: &impl Fn(&str, &Location) -> bool) -> usize {
    let read = header.prototypes.iter();
    let read = read.map(|one| (&one.name, &one.location));
    let skipped = header.skipped.iter().map(|one| (&one.name, &one.location));
    read.chain(skipped.filter(|(name, _)| !is_type(name)))
        .filter(|(name, location)| only(name, location))
        .count()
}

/// Spelling of a pointer to a function: which function does not matter to a call.
const POINTER: &str = "typedef void (*cabi_function_pointer)(void);\n";

fn is_type(name: &str) -> bool {
    let words = ["struct ", "union ", "enum "];
    words.iter().any(|word| name.starts_with(word))
}

/// `case`, if libclang reads its declaration as it was meant.
fn read_back(case: Case, again: &Header) -> Result<Case, Omitted> {
    let own = &case.prototype;
    let left = |key, why: String| Omitted::new(&case.name, Some(&own.location), (key, why));
    let Some(read) = again.prototype(&case.prototype.name) else {
        let why = again.reason(&case.prototype.name);
        return Err(match why {
            Some(reason) => left(reason.key(), reason.to_string()),
            None => left("spelling", "its declaration was not understood".to_owned()),
        });
    };
    let types = |one: &Prototype| -> Vec<Type> {
        let params = one.params.iter().map(|(_, ty)| ty);
        params.chain([&one.ret]).cloned().collect()
    };
    let is_alike = read.variadic == own.variadic && read.convention == own.convention;
    if types(read) != types(own) || !is_alike {
        let why = "declared again, it has other types or another convention".to_owned();
        return Err(left(READ_OTHERWISE, why));
    }
    let mut case = case;
    (case.prototype.noreturn, case.prototype.vectors) = (read.noreturn, read.vectors);
    Ok(case)
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

struct Declaring<'a> {
    emitter: Emitter,
    /// Not read back yet.
    declared: Vec<Case>,
    header: &'a Header,
    target: &'a Target,
}

impl Declaring<'_> {
    /// The cases of a function of the header.
    fn prototype(&mut self, prototype: &Prototype) -> Result<(), Omission> {
        let left = |key, why: &str| Err((key, why.to_owned()));
        if !prototype.target_features.is_empty() {
            return left("own target", "it has a target attribute");
        }
        if self.header.prototype(&prototype.name).is_none() {
            return left("overloaded", "several functions have this name");
        }
        no_room(prototype.params.iter().map(|(_, ty)| ty), &prototype.ret)?;
        places(&prototype.signature(), self.target)?;
        let params = prototype.params.iter().zip(&prototype.written_params);
        let params = params.map(|((_, ty), written)| Ok((self.spell(ty, written)?, ty.clone())));
        let params = params.collect::<Result<_, Omission>>()?;
        let result = self.spell(&prototype.ret, &prototype.written_ret)?;
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
        // gcc's va_arg of Win64 reads what is by reference from the wrong place: a function with
        // one would be left out as a whole.
        let exact = exact.filter(|_| prototype.convention.is_none());
        let unnamed = unnamed.into_iter().chain(exact);
        let unnamed = unnamed.map(|(text, ty)| (text.to_owned(), ty));
        let unnamed = prototype.variadic.then(|| unnamed.collect());
        let symbol = format!("cabi_f{}", self.declared.len());
        let names = (&*prototype.name, &*symbol);
        let ret = (result, prototype.ret.clone());
        let case = Case::of_spelled(names, prototype.convention, ret, params, unnamed);
        self.add(case, &prototype.location);
        Ok(())
    }

    /// Adds a case of what is declared at `location`.
    fn add(&mut self, mut case: Case, location: &Location) {
        case.prototype.location = location.clone();
        case.target = self.target.clone();
        self.declared.push(case);
    }

    /// Returns C's spelling of `ty`, which was `written` so. A record without a name has none.
    fn spell(&mut self, ty: &Type, written: &Written) -> Result<String, Omission> {
        let spelled = match (ty.kind(), written) {
            (Kind::Void, _) => Some("void".to_owned()),
            (Kind::Scalar(Scalar::Ptr), _) => Some("void *".to_owned()),
            (Kind::Scalar(Scalar::FnPtr), _) => Some("cabi_function_pointer".to_owned()),
            (Kind::Record(_), Written::Named(name)) => self.record(ty, name),
            (_, Written::Named(name)) => Some(name.clone()),
            // A typedef's alignment would be lost.
            (_, Written::Char) if ty.align() == 1 => Some("char".to_owned()),
            (Kind::Record(_), _) => None,
            _ => self.emitter.spelling(ty).ok(),
        };
        spelled.ok_or_else(|| ("spelling", format!("{ty} cannot be spelled")))
    }

    /// The name of `ty`, a record that was written `name`; or of a typedef that changes its
    /// alignment.
    fn record(&self, ty: &Type, name: &str) -> Option<String> {
        match self.header.ty(name) {
            Some(known) if known != ty => {
                let mut typedefs = self.header.typedefs.iter();
                let typedef = typedefs.find(|typedef| typedef.ty == *ty);
                typedef.map(|typedef| typedef.name.clone())
            }
            // AArch64's `va_list` is a record of the compiler's own: no text declares its tag.
            None if name == "struct __va_list" => Some("__builtin_va_list".to_owned()),
            // Or it was left out for a reason of its own, or has another name than the header's
            // list gives it.
            _ => Some(name.to_owned()),
        }
    }

    /// The cases of one record type in functions of `convention`.
    fn positions(
        &mut self,
        number: usize,
        named: &NamedType,
        convention: Option<&'static Convention>,
    ) -> Result<(), Omission> {
        let (name, ty) = (named.name.as_str(), &named.ty);
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
            self.add(case, &named.location);
        }
        Ok(())
    }
}

/// Returns the places of `sig` by some profile: each compiler is asked under its own, so a
/// signature that one of them places is a case.
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
        _ if n > MAX_ARGUMENTS => format!("{n} arguments, cases have up to {MAX_ARGUMENTS}"),
        Some(size) => format!("{size} bytes, cases are made up to {MAX_RECORD}"),
        None => return Ok(()),
    };
    Err(("too large", why))
}
