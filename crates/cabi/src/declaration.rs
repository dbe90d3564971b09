//! Signatures from text: C's plain language of declarations, `double hypot(double, double)`,
//! without a preprocessor and without libclang.
//!
//! The text may have these parts of C17 6.7:
//! - the names of scalar types, and those of `stdint.h` and `stddef.h` that are the same
//!   everywhere;
//! - pointers, arrays, and functions with a prototype;
//! - structures and unions with their members and bit-fields;
//! - typedefs of the text itself.
//!
//! The rest of C is refused by its name: attributes, enumerations, `_Atomic`, `_Alignas`,
//! expressions, names of other headers. No text is therefore read differently than by a compiler.
//! The crate `cabi-header` is for these.

mod declarator;
mod lex;
mod record;
mod specifiers;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use self::lex::Tokens;
use self::specifiers::NO_RESTRICT;
use crate::sig::FnSig;
use crate::types::data_model::DataModel;
use crate::types::error::Error;
use crate::types::{Kind, Type};

/// Depth to which parentheses, records and parameter lists may nest in a text.
const MAX_NESTING: u32 = 64;

/// A function's declaration, read from C text.
///
/// # Example
/// ```
/// use cabi::{DataModel, Declaration};
///
/// let text = "struct pair { double x; long n : 40; } swap(const struct pair *, union { float f; \
///     int i; } u, ...)";
/// let swap = Declaration::parse(text, &DataModel::LP64)?;
/// assert_eq!(swap.name.as_deref(), Some("swap"));
/// assert_eq!(swap.sig.to_string(), "struct pair (void *, union <anonymous>, ...)");
///
/// let refused = Declaration::parse(
///     "int puts(const char *) __attribute__((nonnull))",
///     &DataModel::LP64,
/// );
/// assert_eq!(
///     refused.unwrap_err().to_string(),
///     "byte 23, `__attribute__`: an attribute is read only from a header (cabi-header)",
/// );
/// # Ok::<(), cabi::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Declaration {
    /// The function's name, if it has one: `double (double)` has none.
    pub name: Option<String>,
    /// Its signature.
    pub sig: FnSig,
}

impl Declaration {
    /// Reads the function that `text` declares, its types laid out as `model` says.
    ///
    /// Definitions of structures and unions, and typedefs, may come before it:
    /// `typedef struct { int quot, rem; } div_t; div_t div(int, int);`. Parameters need no names.
    ///
    /// # Errors
    /// [`Error::Text`] with the byte at which reading stops, the token there, and what could be
    /// there.
    pub fn parse(text: &str, model: &DataModel) -> Result<Self, Error> {
        let mut parser = Parser::new(text, model);
        loop {
            while parser.tokens.eat("__extension__") {}
            parser.in_typedef = parser.tokens.eat("typedef");
            parser.takes_extern = !parser.in_typedef;
            let start = parser.tokens.at();
            let base = parser.specifiers()?;
            if parser.in_typedef {
                parser.typedefs(&base)?;
                continue;
            }
            if !parser.noreturn && parser.tokens.eat(";") {
                continue;
            }
            let (name, derived) = parser.declarator()?;
            let built = parser.derive(base, derived, start)?;
            let Built::Function(sig) = built else {
                let why = "expected a function, like `double hypot(double, double)`";
                return Err(parser.refused(start, why));
            };
            parser.tokens.eat(";");
            parser.end()?;
            let name = name.map(ToString::to_string);
            let sig = if parser.noreturn {
                sig.noreturn()
            } else {
                *sig
            };
            return Ok(Self { name, sig });
        }
    }
}

impl FnSig {
    /// Reads the signature of the function that `text` declares: [`Declaration::parse`] without the
    /// name.
    ///
    /// # Errors
    /// As [`Declaration::parse`].
    ///
    /// # Example
    /// ```
    /// use cabi::{DataModel, FnSig, Type};
    ///
    /// let hypot = FnSig::parse("double hypot(double, double)", &DataModel::LP64)?;
    /// assert_eq!(hypot, FnSig::new([Type::F64, Type::F64], Type::F64));
    /// let refused = FnSig::parse("int main()", &DataModel::LP64);
    /// assert_eq!(
    ///     refused.unwrap_err().to_string(),
    ///     "byte 9, `)`: the parameters are missing: write `(void)` for none"
    /// );
    /// # Ok::<(), cabi::Error>(())
    /// ```
    pub fn parse(text: &str, model: &DataModel) -> Result<Self, Error> {
        Declaration::parse(text, model).map(|declared| declared.sig)
    }
}

impl Type {
    /// Reads the type that C calls `text`: `unsigned long`, `const char *`,
    /// `struct { int a; double b[3]; }`. The type `int []` is that of a flexible array member.
    ///
    /// # Errors
    /// As [`Declaration::parse`]; [`Error::Text`] also for a function, and for an object that has a
    /// name.
    ///
    /// # Example
    /// ```
    /// use cabi::{DataModel, Type};
    ///
    /// let ty = Type::parse("struct { int a; double b[3]; }", &DataModel::LP64)?;
    /// assert_eq!((ty.size(), ty.align()), (32, 8));
    /// # Ok::<(), cabi::Error>(())
    /// ```
    pub fn parse(text: &str, model: &DataModel) -> Result<Self, Error> {
        let mut parser = Parser::new(text, model);
        let base = parser.specifiers()?;
        let (name, derived) = parser.declarator()?;
        let built = parser.derive(base, derived, 0)?;
        parser.end()?;
        match built {
            Built::Object(ty) if name.is_none() && !parser.noreturn => Ok(ty),
            Built::Object(_) if name.is_some() => {
                Err(parser.refused(0, "expected a type: remove the name of the object"))
            }
            _ => Err(parser.refused(0, "expected the type of an object, like `const char *`")),
        }
    }
}

/// Result of a declarator.
#[derive(Clone, PartialEq)]
enum Built<'t> {
    /// An object, or `void`.
    Object(Type),
    Function(Box<FnSig>),
    /// The structure or union of this tag, without its members.
    Incomplete(&'t str),
}

/// One step of a declarator from its name outwards.
enum Derivation {
    Pointer {
        /// Position of `restrict`, if there is one.
        restrict: Option<usize>,
    },
    Array {
        /// Position of `[`.
        at: usize,
        len: Option<u64>,
        /// `[static 3]`, `[const]`, `[*]`: a parameter's.
        only_param: bool,
    },
    Function {
        at: usize,
        params: Vec<Type>,
        variadic: bool,
    },
}

struct Parser<'t> {
    tokens: Tokens<'t>,
    model: &'t DataModel,
    /// Structures and unions by their tags: `struct` or `union`, and the type, `None` until it has
    /// members.
    tags: BTreeMap<&'t str, (&'t str, Option<Type>)>,
    typedefs: BTreeMap<&'t str, Built<'t>>,
    nesting: u32,
    in_typedef: bool,
    /// `true` where `extern` may be among the specifiers, unless they are nested.
    takes_extern: bool,
    /// `true` if `_Noreturn` was read.
    noreturn: bool,
    /// `true` if a qualifier is among the specifiers that were read last.
    qualified: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, model: &'t DataModel) -> Self {
        Self {
            tokens: Tokens::new(text),
            model,
            tags: BTreeMap::new(),
            typedefs: BTreeMap::new(),
            nesting: 0,
            in_typedef: false,
            takes_extern: false,
            noreturn: false,
            qualified: false,
        }
    }

    /// Returns the error for the token at byte `at`.
    fn refused(&self, at: usize, why: impl Into<String>) -> Error {
        Error::Text {
            at,
            found: self.tokens.token_at(at).to_string(),
            why: why.into(),
        }
    }

    /// Returns the error for the next token, where `wanted` should be.
    fn unexpected(&self, wanted: &'static str) -> Error {
        let why = specifiers::not_read(self.tokens.peek());
        self.refused(self.tokens.at(), why.unwrap_or(wanted))
    }

    /// Returns an error of the types that were read from byte `at` on.
    fn invalid(&self, at: usize) -> impl Fn(Error) -> Error + use<'_, 't> {
        move |error| self.refused(at, error.to_string())
    }

    fn expect(&mut self, symbol: &str, message: &'static str) -> Result<(), Error> {
        match self.tokens.eat(symbol) {
            true => Ok(()),
            false => Err(self.unexpected(message)),
        }
    }

    fn end(&self) -> Result<(), Error> {
        match self.tokens.peek() {
            "" => Ok(()),
            _ => Err(self.unexpected("expected the end: only one declaration is read")),
        }
    }

    /// Reads a construct that may contain itself.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.nesting == MAX_NESTING {
            return Err(self.unexpected("the text nests deeper than 64 levels"));
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }

    /// Reads the names that a typedef of `base` gives, and the semicolon after them.
    fn typedefs(&mut self, base: &Built<'t>) -> Result<(), Error> {
        loop {
            let start = self.tokens.at();
            let (name, derived) = self.declarator()?;
            let built = self.derive(base.clone(), derived, start)?;
            let name = name.ok_or_else(|| self.refused(start, "a typedef needs a name"))?;
            let earlier = self.typedefs.contains_key(name).then(|| self.named(name));
            if earlier.is_some_and(|earlier| earlier.as_ref() != Some(&built)) {
                return Err(self.refused(start, "a typedef of this name is another type"));
            }
            self.typedefs.insert(name, built);
            if self.noreturn {
                return Err(self.refused(start, "only a function can be `_Noreturn`"));
            }
            if !self.tokens.eat(",") {
                return self.expect(";", "expected `,` or `;` after the name of a typedef");
            }
        }
    }

    /// Returns the type of an object; an error for `void`, functions, and records without members.
    fn object(&self, built: Built<'t>, at: usize) -> Result<Type, Error> {
        match built {
            Built::Object(ty) if !matches!(ty.kind(), Kind::Void) => Ok(ty),
            Built::Object(_) => Err(self.refused(at, "an object cannot be `void`")),
            Built::Function(_) => {
                Err(self.refused(at, "a function is not an object: write a pointer to it"))
            }
            Built::Incomplete(_) => Err(self.refused(
                at,
                "the members of this type are not known: declare them, as in `struct s { int a; }`, or write a pointer to the type",
            )),
        }
    }

    /// Applies `derived` to `base`, read from `start` on.
    fn derive(
        &self,
        base: Built<'t>,
        derived: Vec<Derivation>,
        start: usize,
    ) -> Result<Built<'t>, Error> {
        derived.into_iter().rev().try_fold(base, |of, step| {
            Ok(match (step, of) {
                (Derivation::Pointer { restrict: Some(at) }, Built::Function(_)) => {
                    return Err(self.refused(at, NO_RESTRICT));
                }
                (Derivation::Pointer { .. }, Built::Function(_)) => {
                    Built::Object(self.model.fn_pointer())
                }
                (Derivation::Pointer { .. }, _) => Built::Object(self.model.pointer()),
                (Derivation::Array { at, only_param, .. }, _) if only_param => {
                    return Err(self.refused(at, "only an array parameter can have `static`, `*` or a qualifier in its brackets"));
                }
                (Derivation::Array { at, len, .. }, of) => {
                    let element = self.object(of, start)?;
                    let array = match len {
                        Some(len) => Type::array(&element, len),
                        None => Type::flexible_array(&element),
                    };
                    Built::Object(array.map_err(self.invalid(at))?)
                }
                (
                    Derivation::Function {
                        at,
                        params,
                        variadic,
                    },
                    of,
                ) => Built::Function(Box::new(self.function(at, params, variadic, of, start)?)),
            })
        })
    }

    fn function(
        &self,
        at: usize,
        params: Vec<Type>,
        variadic: bool,
        result: Built<'t>,
        start: usize,
    ) -> Result<FnSig, Error> {
        let result = match result {
            Built::Object(ty) if ty == Type::VOID => ty,
            result => self.object(result, start)?,
        };
        if matches!(result.kind(), Kind::Array(_)) {
            return Err(self.refused(at, "a function cannot return an array: write a pointer"));
        }
        let sig = FnSig::new(params, result);
        Ok(if variadic { sig.variadic() } else { sig })
    }
}
