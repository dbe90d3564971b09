//! Results of reading a header. Errors of a whole header are in `header_error.rs`, reasons for
//! leaving single declarations out are in `reason.rs`.

use cabi::{Convention, DataModel, FnSig, Type, VectorLevel};

use crate::location::Location;
use crate::reason::Reason;
use crate::written_type::WrittenType;

/// Everything this crate understood of a header.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Header {
    /// The target's triple as clang spells it, `x86_64-pc-linux-gnu`.
    pub target: String,
    /// Widths and layout rules of C under the arguments given.
    pub model: DataModel,
    /// Functions in the order of their first declaration. Each name is there once, or each symbol
    /// where several functions may have one name.
    pub prototypes: Vec<Prototype>,
    /// Structures and unions that have a name, in the order in which their definitions end.
    pub records: Vec<NamedType>,
    /// Typedefs in order, of all types: pointers to functions, vectors, arrays and others.
    pub typedefs: Vec<NamedType>,
    /// Enumerations that have a tag.
    pub enums: Vec<NamedType>,
    /// Structures and unions that are declared and never defined, as C spells them. Only pointers
    /// to them can be used.
    pub incomplete: Vec<String>,
    /// Enumeration constants in order, those of enumerations without a tag among them.
    pub constants: Vec<Constant>,
    /// Macros without parameters whose value is an integer constant expression, by name.
    pub macros: Vec<Constant>,
    /// Declarations that were not understood, or have no place in a table of C functions, with the
    /// reasons. Variables, constants and what is not C come first, then types, then functions.
    pub skipped: Vec<SkippedDeclaration>,
    /// Macros of the header and of the files that it includes whose value is no integer.
    pub other_macros: Vec<SkippedDeclaration>,
    /// Declarations of the text itself in order, understood or not. Function types with a name are
    /// also listed from the files that the text includes.
    pub declared: Vec<DeclaredName>,
}

impl Header {
    /// Returns a header without declarations, for a program that adds functions and types of its
    /// own.
    #[must_use]
    pub fn empty(target: &str, model: DataModel) -> Self {
        Self {
            target: target.to_owned(),
            model,
            prototypes: Vec::new(),
            records: Vec::new(),
            typedefs: Vec::new(),
            enums: Vec::new(),
            incomplete: Vec::new(),
            declared: Vec::new(),
            constants: Vec::new(),
            macros: Vec::new(),
            skipped: Vec::new(),
            other_macros: Vec::new(),
        }
    }

    /// Returns the prototype of the only function `name`. Returns none if several functions have
    /// the name, those left out among them: see [`overloads`](Self::overloads).
    #[must_use]
    pub fn prototype(&self, name: &str) -> Option<&Prototype> {
        let mut overloads = self.overloads(name);
        let first = overloads.next()?;
        let is_left_out = |skipped: &SkippedDeclaration| skipped.name == name && !skipped.is_record;
        let is_only = overloads.next().is_none() && !self.skipped.iter().any(is_left_out);
        is_only.then_some(first)
    }

    /// Returns the prototypes of all functions `name`, whose symbols differ. Several may have one
    /// name in C++, and in C by clang's attribute `overloadable`.
    ///
    /// # Example
    /// ```
    /// use cabi_header::{HeaderError, Options, parse};
    ///
    /// let text = "__attribute__((overloadable)) int f(int); __attribute__((overloadable)) double \
    ///     f(double);";
    /// let header = match parse(text, &Options::new().arg("--target=x86_64-linux-gnu")) {
    ///     Err(HeaderError::NoLibclang { .. }) => return Ok(()),
    ///     read => read?,
    /// };
    /// assert!(header.prototype("f").is_none());
    /// let symbols: Vec<&str> = header.overloads("f").map(|f| f.symbol.as_str()).collect();
    /// assert_eq!(symbols, ["_Z1fi", "_Z1fd"]);
    /// # Ok::<(), HeaderError>(())
    /// ```
    pub fn overloads(&self, name: &str) -> impl Iterator<Item = &Prototype> {
        let all = self.prototypes.iter();
        all.filter(move |prototype| prototype.name == name)
    }

    /// Returns the declarations of the text itself, without those of included files.
    pub fn declared_in_text(&self) -> impl DoubleEndedIterator<Item = &DeclaredName> {
        self.declared.iter().filter(|declared| declared.in_text)
    }

    /// Returns the prototype of the function or function type that `declared` declares.
    ///
    /// # Errors
    /// The reason if `declared` is no function, or if the function was left out.
    pub fn function<'h>(&'h self, declared: &'h DeclaredName) -> Result<&'h Prototype, Reason> {
        match &declared.kind {
            DeclaredKind::Function { symbol } => {
                let is_declared = |p: &&Prototype| {
                    p.name == declared.name && symbol.as_ref().is_none_or(|s| p.symbol == *s)
                };
                let prototype = self.prototypes.iter().find(is_declared);
                prototype.ok_or_else(|| {
                    let reason = self.reason(&declared.name).cloned();
                    reason.unwrap_or(Reason::Unsupported {
                        ty: declared.name.clone(),
                        why: "the function could not be read",
                    })
                })
            }
            DeclaredKind::FunctionType(prototype) => {
                prototype.as_ref().map(AsRef::as_ref).map_err(Clone::clone)
            }
            DeclaredKind::Other(ty) => Err(Reason::Unsupported {
                ty: ty.clone(),
                why: "this is not a function type",
            }),
        }
    }

    /// Returns the type that C spells `name`: `struct node`, `union word`, `enum color`, or a
    /// typedef's name.
    #[must_use]
    pub fn ty(&self, name: &str) -> Option<&Type> {
        let types = [&self.typedefs, &self.records, &self.enums];
        types
            .into_iter()
            .flatten()
            .find(|named| named.name == name)
            .map(|named| &named.ty)
    }

    /// Returns the type that `written` stands for, if it has a size or is `void`.
    #[must_use]
    pub fn written_type(&self, written: &WrittenType) -> Option<Type> {
        match written {
            WrittenType::Void => Some(Type::VOID),
            WrittenType::Char => Some(self.model.char()),
            WrittenType::Named(name) => self.ty(name).cloned(),
            WrittenType::Pointer(_) => Some(self.model.pointer()),
            WrittenType::Float32 => Some(Type::F32),
            WrittenType::Half => Some(Type::F16),
            WrittenType::Type(ty) => Some(ty.clone()),
            WrittenType::Array(element, Some(n)) => {
                Type::array(&self.written_type(element)?, *n).ok()
            }
            _ => None,
        }
    }

    /// Returns the enumeration constant or integer macro `name`.
    #[must_use]
    pub fn constant(&self, name: &str) -> Option<&Constant> {
        let mut all = self.constants.iter().chain(&self.macros);
        all.find(|constant| constant.name == name)
    }

    /// Returns why the declaration or macro `name` is missing.
    #[must_use]
    pub fn reason(&self, name: &str) -> Option<&Reason> {
        let mut all = self.skipped.iter().chain(&self.other_macros);
        all.find(|skipped| skipped.name == name)
            .map(|skipped| &skipped.reason)
    }
}

/// A declared function. Parameters have decayed: an array is a pointer. An object that a C++
/// compiler passes by invisible reference is the pointer that is passed.
///
/// The types alone do not determine the ABI. [`signature`](Self::signature) adds the convention and
/// the vector level.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Prototype {
    /// The name in C; in C++ with its namespaces, `space::name`.
    pub name: String,
    /// The name the linker knows. An assembler label (`__asm__("name")`) changes it, and C++
    /// mangles it.
    pub symbol: String,
    /// Name, if it has one, and type of each parameter.
    pub params: Vec<(Option<String>, Type)>,
    /// The result, [`Type::VOID`] for none.
    pub ret: Type,
    /// Each parameter as it was written, what pointers point to included.
    pub written_params: Vec<WrittenType>,
    /// The result as it was written.
    pub written_ret: WrittenType,
    /// The type of each parameter as clang spells it, typedefs and qualifiers included:
    /// `const char *`, `size_t`.
    pub spelled_params: Vec<String>,
    /// The result's type as clang spells it.
    pub spelled_ret: String,
    /// Indices of C++ parameters that are pointers because their class is passed by invisible
    /// reference. The caller makes the copy, and destroys it after the call (Itanium C++ ABI
    /// 3.1.2).
    pub by_reference: Vec<usize>,
    /// `true` if the result is a C++ class returned by invisible reference. The first of the
    /// parameters here is the address it is made at, and [`ret`](Self::ret) is that address.
    pub returns_by_reference: bool,
    /// A convention other than the target's own, which `ms_abi` and `sysv_abi` ask for.
    pub convention: Option<&'static Convention>,
    /// `true` if the parameters end with `...`.
    pub variadic: bool,
    /// `true` if the declaration has no parameters, `int f();` before C23: callers promote
    /// arguments as for `...`.
    pub unprototyped: bool,
    /// `true` if the function never returns.
    pub noreturn: bool,
    /// Features of the `target("avx2")` attributes, which decide how wide vectors are passed. Empty
    /// without such an attribute.
    pub target_features: String,
    /// The widest vectors that are passed in registers, by these attributes and by the arguments
    /// given to clang.
    pub vectors: VectorLevel,
    /// The function's type as clang spells it, `int (size_t, const char *)`, for a C compiler that
    /// has read the same header. Typedefs keep their names, attributes of the function are left
    /// out. Empty where no header was read, and where clang's spelling is another type.
    pub spelled: String,
    /// Location of the declaration.
    pub location: Location,
}

impl Prototype {
    /// Returns the prototype `ret name(params)` of the target's own convention, without attributes
    /// and names of parameters.
    #[must_use]
    pub fn new(name: &str, params: Vec<Type>, ret: Type) -> Self {
        Self {
            name: name.to_owned(),
            symbol: name.to_owned(),
            written_params: params.iter().cloned().map(WrittenType::Type).collect(),
            spelled_params: params.iter().map(ToString::to_string).collect(),
            spelled_ret: ret.to_string(),
            params: params.into_iter().map(|ty| (None, ty)).collect(),
            written_ret: WrittenType::Type(ret.clone()),
            ret,
            by_reference: Vec::new(),
            returns_by_reference: false,
            convention: None,
            variadic: false,
            unprototyped: false,
            noreturn: false,
            target_features: String::new(),
            vectors: VectorLevel::Baseline,
            spelled: String::new(),
            location: Location::none(),
        }
    }

    /// Returns the signature without arguments that no parameter declares: those after `...`, and
    /// those of a function without a prototype.
    ///
    /// # Example
    /// ```
    /// use cabi::{FnAbi, Target};
    /// use cabi_header::{HeaderError, Options, parse};
    ///
    /// let text = "__attribute__((ms_abi)) long f(long a, double b);";
    /// let header = match parse(text, &Options::new().arg("--target=x86_64-linux-gnu")) {
    ///     Err(HeaderError::NoLibclang { .. }) => return Ok(()),
    ///     read => read?,
    /// };
    /// let sig = header.prototype("f").unwrap().signature();
    /// let abi = FnAbi::new(&sig, &Target::X86_64_LINUX).unwrap();
    /// assert_eq!(abi.args[1].place.to_string(), "xmm1");
    /// # Ok::<(), HeaderError>(())
    /// ```
    #[must_use]
    pub fn signature(&self) -> FnSig {
        let params = self.params.iter().map(|(_, ty)| ty.clone());
        let mut sig = FnSig::new(params, self.ret.clone()).features(self.vectors);
        if self.variadic {
            sig = sig.variadic();
        }
        if self.unprototyped {
            sig = sig.unprototyped();
        }
        if self.noreturn {
            sig = sig.noreturn();
        }
        self.convention.into_iter().fold(sig, FnSig::convention)
    }
}

/// A declaration by its name.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DeclaredName {
    /// The name, a type's as C spells it.
    pub name: String,
    /// Kind of the declaration.
    pub kind: DeclaredKind,
    /// `true` if the text itself declares it, not a file it includes.
    pub(crate) in_text: bool,
    /// Location of the declaration.
    pub location: Location,
}

/// Kind of a declaration.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DeclaredKind {
    /// A function, which is among [`Header::prototypes`] or [`Header::skipped`].
    Function {
        /// Name that the linker knows, where several functions may have one name, as in C++.
        symbol: Option<String>,
    },
    /// The function type of a typedef or a variable, or the one that its type points to, with the
    /// declared name.
    FunctionType(Result<Box<Prototype>, Reason>),
    /// Anything else: its type as clang spells it.
    Other(String),
}

/// Returns the tag in the `name` of a type: `node` in `struct node`. Returns none for a typedef.
#[must_use]
pub fn tag(name: &str) -> Option<&str> {
    let mut words = ["struct ", "union ", "enum "].iter();
    words.find_map(|word| name.strip_prefix(word))
}

/// A type with its name in C.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NamedType {
    /// As C spells it: `struct node`, `union word`, or a typedef's name.
    pub name: String,
    /// The type.
    pub ty: Type,
    /// Type as a typedef's declaration has it; for an enumeration, its integer type.
    pub written: WrittenType,
    /// Members of a record as they were written, in the order of
    /// [`Record::fields`](cabi::Record::fields).
    pub members: Vec<WrittenType>,
    /// Types of a record's members as clang spells them, in the same order. A typedef has one
    /// entry, the type that it names.
    pub spelled: Vec<TypeSpelling>,
    /// Location of the declaration.
    pub location: Location,
}

/// The type of a member as clang spells it, typedefs and qualifiers included.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TypeSpelling {
    /// The type: `const char *`, `size_t`. A record without a name is `struct {..}`, also as the
    /// element of an array.
    pub ty: String,
    /// The type as it was written.
    pub written: WrittenType,
    /// Members of the record without a name; empty for other types.
    pub members: Vec<TypeSpelling>,
}

impl NamedType {
    /// Returns the entry for `ty` under the name by which C spells it.
    #[must_use]
    pub fn new(name: &str, ty: Type) -> Self {
        Self {
            name: name.to_owned(),
            written: WrittenType::Type(ty.clone()),
            ty,
            members: Vec::new(),
            spelled: Vec::new(),
            location: Location::none(),
        }
    }
}

/// An integer with a name: an enumeration constant or a macro.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Constant {
    /// As C spells it.
    pub name: String,
    /// Its value.
    pub value: i128,
    /// The integer type that the expression `name` has.
    pub ty: Type,
    /// Enumeration of the constant, as [`Header::enums`] names it, empty if it has no tag. Empty
    /// for a macro.
    pub enumeration: String,
    /// Location of the declaration.
    pub location: Location,
}

/// A declaration that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SkippedDeclaration {
    /// The function's name, or the type's as C spells it.
    pub name: String,
    /// Reason why it was left out.
    pub reason: Reason,
    /// `true` for a structure, union or class.
    pub is_record: bool,
    /// `true` for a function.
    pub is_function: bool,
    /// Location of the declaration.
    pub location: Location,
}
