//! From [`Type`]s to C that gcc and clang give the same layout: declarations, prototypes, and the
//! definitions they need.
//!
//! Records and enumerations become definitions with a tag, once each. Vectors and types with an
//! alignment of their own become typedefs, since C has no other place for their attributes. Record
//! bodies are in `to_c/record.rs`. A type for which C has no word is an error.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use cabi::{BoolVector, DataModel, Kind, LongDouble, Record, RecordRules, Scalar, Type, Vector};

use crate::declarator::declared;

mod record;

/// Reason why a type cannot be written in C.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ToCError {
    /// C has no such type, or not in this place.
    NotC {
        /// The type, as `cabi` prints it.
        ty: String,
        /// Description of what C lacks.
        why: &'static str,
    },
    /// A name that is not an identifier of C.
    Name {
        /// The name.
        name: String,
    },
}

impl ToCError {
    fn not_c(ty: &Type, why: &'static str) -> Self {
        Self::NotC {
            ty: ty.to_string(),
            why,
        }
    }
}

impl fmt::Display for ToCError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotC { ty, why } => write!(f, "{ty}: {why}"),
            Self::Name { name } => write!(f, "{name:?} is not an identifier of C"),
        }
    }
}

impl std::error::Error for ToCError {}

/// Returns the definitions that `ty` needs, and a declaration of `name`, ended by a semicolon.
///
/// # Errors
/// [`ToCError`] for types that C does not have.
///
/// # Example
/// ```
/// use cabi::{DataModel, Member, RecordBuilder, Type};
/// use cabi_header::declaration;
///
/// let flags = RecordBuilder::structure("flags")
///     .member(Member::bit_field("kind", Type::U32, 3))
///     .member(Member::named("at", Type::FN_PTR).packed())
///     .build(&DataModel::LP64)?;
/// let text = declaration(&Type::array(&flags, 2)?, "all", &DataModel::LP64).unwrap();
/// assert_eq!(text, "struct flags {
///     unsigned int kind : 3;
///     void (*at)(void) __attribute__((packed));
/// };
/// struct flags all[2];
/// ");
/// # Ok::<(), cabi::Error>(())
/// ```
pub fn declaration(ty: &Type, name: &str, model: &DataModel) -> Result<String, ToCError> {
    let mut emitter = Emitter::new(model);
    let declaration = emitter.declaration(ty, name)?;
    Ok(format!("{}{declaration};\n", emitter.definitions()))
}

/// Writer of declarations, which collects the definitions that they need, each once.
///
/// C's compilers lay these types out alike. A record with a layout of its own
/// ([`RecordBuilder::build_at`](cabi::RecordBuilder::build_at)) may be passed otherwise: its
/// padding is unnamed bit-fields, which gcc for x86-64 takes for integers.
///
/// # Example
/// ```
/// use cabi::{DataModel, RecordBuilder, Type};
/// use cabi_header::Emitter;
///
/// let vec2 = RecordBuilder::structure("vec2")
///     .field("x", Type::F64)
///     .field("y", Type::F64)
///     .build(&DataModel::LP64)?;
/// let mut emitter = Emitter::new(&DataModel::LP64);
/// let prototype = emitter.prototype("rotate", &[vec2.clone(), Type::F32], &vec2, false).unwrap();
/// assert_eq!(prototype, "struct vec2 rotate(struct vec2 a0, float a1)");
/// assert_eq!(emitter.definitions(), "struct vec2 {\n    double x;\n    double y;\n};\n");
/// assert_eq!(
///     emitter
///         .prototype("f", &[], &Type::VOID, true)
///         .unwrap_err()
///         .to_string(),
///     "void: C needs a parameter before `...`"
/// );
/// # Ok::<(), cabi::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Emitter {
    model: DataModel,
    definitions: String,
    /// Records and typedefs defined so far, as C spells them.
    records: HashMap<Arc<Record>, String>,
    typedefs: HashMap<String, String>,
    taken: HashSet<String>,
}

impl Emitter {
    /// Returns an emitter without definitions. `model` is that of the compiler that will read the
    /// text.
    #[must_use]
    pub fn new(model: &DataModel) -> Self {
        Self {
            model: *model,
            definitions: String::new(),
            records: HashMap::new(),
            typedefs: HashMap::new(),
            taken: HashSet::new(),
        }
    }

    /// Returns every definition needed so far, in order, as lines of C.
    #[must_use]
    pub fn definitions(&self) -> &str {
        &self.definitions
    }

    /// Returns the declaration of `name` as a `ty`, without semicolon: `double x[3]`,
    /// `void (*f)(void)`.
    ///
    /// # Errors
    /// [`ToCError`] for types that C does not have, and names that are no identifiers.
    pub fn declaration(&mut self, ty: &Type, name: &str) -> Result<String, ToCError> {
        check_identifier(name)?;
        self.declarator(ty, name)
    }

    /// Returns the prototype of `name`, without semicolon; parameters are called `a0`, `a1`, ...
    ///
    /// # Errors
    /// [`ToCError`] for types that C does not have or does not return, and for `...` without a
    /// parameter before it.
    pub fn prototype(
        &mut self,
        name: &str,
        params: &[Type],
        ret: &Type,
        variadic: bool,
    ) -> Result<String, ToCError> {
        check_identifier(name)?;
        if matches!(ret.kind(), Kind::Array(_) | Kind::Function) {
            return Err(ToCError::not_c(
                ret,
                "a function of C cannot return this type",
            ));
        }
        let mut list = Vec::new();
        for (i, param) in params.iter().enumerate() {
            if *param == Type::VOID {
                return Err(ToCError::not_c(param, "a parameter needs a complete type"));
            }
            list.push(self.declarator(param, &format!("a{i}"))?);
        }
        match (variadic, list.is_empty()) {
            (true, true) => {
                return Err(ToCError::not_c(ret, "C needs a parameter before `...`"));
            }
            (true, false) => list.push("...".to_owned()),
            (false, true) => list.push("void".to_owned()),
            (false, false) => {}
        }
        self.declarator(ret, &format!("{name}({})", list.join(", ")))
    }

    /// Declares `inner` to be a `ty`. Declarators read from the inside out, so an array declares
    /// its element around `inner[len]`.
    fn declarator(&mut self, ty: &Type, inner: &str) -> Result<String, ToCError> {
        self.check_pointer(ty)?;
        if !self.has_own_align(ty) && !ty.is_atomic() {
            match ty.kind() {
                Kind::Array(array) => {
                    let len = array.len.map_or_else(String::new, |len| len.to_string());
                    return self.declarator(&array.elem, &format!("{inner}[{len}]"));
                }
                Kind::Scalar(Scalar::FnPtr) => return Ok(declared("void (*)(void)", inner)),
                Kind::Function => return Ok(declared("void (void)", inner)),
                _ => {}
            }
        }
        Ok(declared(&self.spelling(ty)?, inner))
    }

    fn check_pointer(&self, ty: &Type) -> Result<(), ToCError> {
        let is_pointer = matches!(ty.kind(), Kind::Scalar(Scalar::Ptr | Scalar::FnPtr));
        match is_pointer && ty.size() != u64::from(self.model.pointer) {
            true => Err(ToCError::not_c(
                ty,
                "pointers have another size in this data model",
            )),
            false => Ok(()),
        }
    }

    /// Returns the type as it stands in a cast or `sizeof`, and before a declarator: `struct node`,
    /// `void *`. Arrays and pointers to functions get a typedef.
    ///
    /// # Errors
    /// [`ToCError`] for types that C does not have.
    pub fn spelling(&mut self, ty: &Type) -> Result<String, ToCError> {
        self.check_pointer(ty)?;
        if self.has_own_align(ty) {
            let natural = self.natural_align(ty);
            let plain = ty
                .without_typedef(natural)
                .map_err(|_| ToCError::not_c(ty, "its alignment is not a power of two"))?;
            return self.typedef(
                &plain,
                "aligned",
                &format!(" __attribute__((aligned({})))", ty.align()),
            );
        }
        let plain = self.plain_specifier(ty)?;
        Ok(if ty.is_atomic() {
            format!("_Atomic({plain})")
        } else {
            plain
        })
    }

    fn plain_specifier(&mut self, ty: &Type) -> Result<String, ToCError> {
        match ty.kind() {
            Kind::Void => Ok("void".to_owned()),
            Kind::Scalar(scalar) => self.scalar(*scalar, ty),
            Kind::Enum(scalar) => self.enumeration(*scalar, ty),
            Kind::Complex(part) => self.complex(*part, ty),
            Kind::Vector(vector) => self.vector(*vector, ty),
            Kind::Slice => Ok(self.slice()),
            Kind::Record(record) => self.record(record, ty),
            Kind::Array(_) => self.typedef(ty, "array", ""),
            _ => Err(ToCError::not_c(ty, "C has no objects of this type")),
        }
    }

    /// Returns whether the alignment of `ty` comes from a typedef's attribute, which may also ask
    /// for the natural alignment.
    fn has_own_align(&self, ty: &Type) -> bool {
        !matches!(ty.kind(), Kind::Void | Kind::Function)
            && (ty.asks_align() || ty.align() != self.natural_align(ty))
    }

    fn is_msvc(&self) -> bool {
        self.model.records == RecordRules::Msvc
    }

    /// Returns the alignment that the compiler gives the type without attributes.
    fn natural_align(&self, ty: &Type) -> u32 {
        let bare = |constant: Type| self.model.adapt(&constant).align();
        let plain = match ty.kind() {
            Kind::Scalar(Scalar::BitInt { bits, signed }) => self
                .model
                .bit_int(*bits, *signed)
                .map_or(ty.align(), |known| known.align()),
            Kind::Scalar(_) | Kind::Enum(_) => bare(ty.clone()),
            // A part is aligned as other scalars of its size are; the x87 format may not be.
            Kind::Complex(Scalar::F80) => bare(Type::F80),
            Kind::Complex(_) if ty.size() == 16 => bare(Type::F64),
            Kind::Complex(_) if ty.size() == 32 => bare(Type::F128),
            Kind::Array(array) => array.elem.align(),
            Kind::Slice => u32::from(self.model.pointer),
            Kind::Record(record) => record.align(),
            _ => ty.canonical_align(),
        };
        match u32::try_from(ty.size()) {
            Ok(size) if ty.is_atomic() && size.is_power_of_two() && size <= 16 => plain.max(size),
            _ => plain,
        }
    }

    fn scalar(&mut self, scalar: Scalar, ty: &Type) -> Result<String, ToCError> {
        let spelling = match scalar {
            Scalar::FnPtr => return self.typedef(&self.model.fn_pointer(), "function", ""),
            Scalar::Ptr => "void *".to_owned(),
            Scalar::Int { bits: 64, signed } if self.model.long == 8 => {
                if signed { "long" } else { "unsigned long" }.to_owned()
            }
            Scalar::F80 if self.model.long_double != LongDouble::F80 => {
                return Err(ToCError::not_c(
                    ty,
                    "`long double` has another format in this data model",
                ));
            }
            Scalar::F128 if self.model.long_double == LongDouble::F128 => "long double".to_owned(),
            _ => scalar.to_string(),
        };
        Ok(spelling)
    }

    /// Returns an enumeration made of `scalar`. C chooses the integer by the values, and these
    /// leave no choice. To Microsoft's compilers the integer is `int` unless the enumeration names
    /// another.
    fn enumeration(&mut self, scalar: Scalar, ty: &Type) -> Result<String, ToCError> {
        let Scalar::Int {
            bits: bits @ (8 | 16 | 32 | 64),
            signed,
        } = scalar
        else {
            // C23's `enum : _Bool` has no equivalent before; it is passed as the integer.
            return self.scalar(scalar, ty);
        };
        let max = u64::MAX >> (64 - u32::from(bits) + u32::from(signed));
        let name = format!("{}{bits}", if signed { "i" } else { "u" });
        let low = if signed {
            format!("cabi_{name}_low = -{max} - 1, ")
        } else {
            String::new()
        };
        let suffix = if bits == 64 && !signed { "u" } else { "" };
        let (packed, fixed) = match self.is_msvc() {
            true => ("", format!(" : {scalar}")),
            false if bits < 32 => ("__attribute__((packed)) ", String::new()),
            false => ("", String::new()),
        };
        let text = format!(
            "enum {packed}cabi_enum_{name}{fixed} {{ {low}cabi_{name}_high = {max}{suffix} }};\n"
        );
        Ok(self.define_once(&format!("enum cabi_enum_{name}"), &text))
    }

    fn complex(&mut self, part: Scalar, ty: &Type) -> Result<String, ToCError> {
        if part == Scalar::F128 && self.model.long_double != LongDouble::F128 {
            // gcc has no `_Complex __float128`, clang no `_Float128`.
            let text = "#ifdef __clang__\ntypedef _Complex __float128 cabi_complex_f128;\n#else\n\
                        typedef _Complex _Float128 cabi_complex_f128;\n#endif\n";
            return Ok(self.define_once("cabi_complex_f128", text));
        }
        Ok(format!("_Complex {}", self.scalar(part, ty)?))
    }

    fn vector(&mut self, vector: Vector, ty: &Type) -> Result<String, ToCError> {
        let lanes = vector.lanes;
        match vector.bools {
            Some(BoolVector::Clang) => {
                let name = format!("cabi_bool_x{lanes}");
                let text =
                    format!("typedef _Bool {name} __attribute__((ext_vector_type({lanes})));\n");
                Ok(self.define_once(&name, &text))
            }
            Some(_) => Err(ToCError::not_c(
                ty,
                "C has no vector of bools that is passed like this one",
            )),
            None => {
                let lane = self.scalar(vector.lane, ty)?;
                let name = format!(
                    "cabi_{}_x{lanes}",
                    lane.trim_start_matches('_').replace(' ', "_")
                );
                // gcc has vectors of 2^n lanes only, and states their bytes.
                let attribute = if lanes.is_power_of_two() {
                    format!("vector_size({})", ty.size())
                } else {
                    format!("ext_vector_type({lanes})")
                };
                let text = format!("typedef {lane} {name} __attribute__(({attribute}));\n");
                Ok(self.define_once(&name, &text))
            }
        }
    }

    /// Returns the structure of two words as which a slice is passed.
    fn slice(&mut self) -> String {
        let text = "struct cabi_slice {\n    void *ptr;\n    __SIZE_TYPE__ len;\n};\n";
        self.define_once("struct cabi_slice", text)
    }

    /// Returns the name of a typedef for `ty` with `attributes`.
    fn typedef(&mut self, ty: &Type, kind: &str, attributes: &str) -> Result<String, ToCError> {
        // Equal declarations get one typedef: `declarator` names records by their tags.
        let key = format!("{}{attributes}", self.declarator(ty, "@")?);
        if let Some(name) = self.typedefs.get(&key) {
            return Ok(name.clone());
        }
        let name = self.unused(&format!("cabi_{kind}"));
        let declared = self.declarator(ty, &name)?;
        self.definitions += &format!("typedef {declared}{attributes};\n");
        self.typedefs.insert(key, name.clone());
        Ok(name)
    }

    fn define_once(&mut self, name: &str, text: &str) -> String {
        if self.taken.insert(name.to_owned()) {
            self.definitions += text;
        }
        name.to_owned()
    }

    /// Returns `base`, followed by a number if the name is taken.
    fn unused(&mut self, base: &str) -> String {
        let numbered = (2_u64..).map(|i| format!("{base}_{i}"));
        let free = std::iter::once(base.to_owned())
            .chain(numbered)
            .find(|name| !self.taken.contains(name));
        let name = free.unwrap_or_else(|| base.to_owned());
        self.taken.insert(name.clone());
        name
    }
}

fn check_identifier(name: &str) -> Result<(), ToCError> {
    if is_identifier(name) {
        Ok(())
    } else {
        Err(ToCError::Name {
            name: name.to_owned(),
        })
    }
}

/// Returns whether `name` can be a name in C, up to C23 and with the extensions this module uses.
fn is_identifier(name: &str) -> bool {
    const KEYWORDS: &str = "
        alignas alignof asm auto bool break case char const constexpr continue default do double
        else enum extern false float for goto if inline int linux long nullptr register restrict
        return short signed sizeof static static_assert struct switch thread_local true typedef
        typeof typeof_unqual union unix unsigned void volatile while _Bool _Complex _Atomic
        _Alignas _Float16";
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && KEYWORDS.split_whitespace().all(|word| word != name)
}
