//! From the text of a header to a [`Header`]: runs clang, walks the declarations, and decides which are left out.
//!
//! A wrong declaration costs itself and what depends on it, never the header. What types mean is in `types.rs`, records are in `records.rs`.

use std::collections::HashMap;
use std::ffi::CString;
use std::path::{Path, PathBuf};

use cabi::Type;
use clang_sys::{
    CX_SC_Extern, CX_SC_Static, CXCallingConv_C, CXCallingConv_PreserveAll,
    CXCallingConv_PreserveMost, CXCallingConv_PreserveNone, CXCallingConv_X86_64Win64,
    CXCallingConv_X86RegCall, CXCallingConv_X86VectorCall, CXCursor_AsmLabelAttr,
    CXCursor_EnumDecl, CXCursor_FunctionDecl, CXCursor_StructDecl, CXCursor_TypedefDecl,
    CXCursor_UnionDecl, CXType_FunctionNoProto, CXType_FunctionProto,
};

use crate::clang::{Cursor, Diagnostic, LoadError, Place, Session, Ty, Unit};
use crate::header::{Header, HeaderError, Location, NamedType, Prototype, Reason, Skipped};
use crate::prelude;
use crate::types::{Reader, is_unnamed};

/// How a header is read.
///
/// # Example
/// ```
/// use cabi_header::Options;
///
/// let options = Options::new().name("point.h").arg("-std=c11").args(["-I", "include", "-DNDEBUG"]);
/// # let _ = options;
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    name: PathBuf,
    args: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: PathBuf::from("header.h"),
            args: Vec::new(),
        }
    }
}

impl Options {
    /// No arguments; text in memory is called `header.h`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What text in memory is called in messages and locations; quoted includes are searched next to it.
    #[must_use]
    pub fn name(mut self, name: impl Into<PathBuf>) -> Self {
        self.name = name.into();
        self
    }

    /// One argument for clang: `-Idir`, `-DNAME`, `-std=c11`, `--target=aarch64-linux-gnu`.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Several arguments for clang.
    #[must_use]
    pub fn args<I: IntoIterator<Item: Into<String>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }
}

/// Reads the header or source file `path`, as [`parse`] reads text.
///
/// # Errors
/// [`HeaderError::File`], and those of [`parse`].
pub fn parse_file(path: &Path, options: &Options) -> Result<Header, HeaderError> {
    let text = std::fs::read_to_string(path).map_err(|error| HeaderError::File {
        path: path.to_owned(),
        message: error.to_string(),
    })?;
    parse(&text, &options.clone().name(path))
}

/// Reads declarations from C text, everything it includes among them.
///
/// Declarations that cannot be had are in [`Header::skipped`], each with its [`Reason`].
///
/// # Errors
/// [`HeaderError`]: no libclang, arguments clang does not take, a missing include file, and errors in the text outside of any declaration.
///
/// # Example
/// ```
/// use cabi_header::{HeaderError, Options, parse};
///
/// let text = "struct vec2 { double x, y; }; struct vec2 rotate(struct vec2 v, float by); void gone(struct nowhere w);";
/// let header = match parse(text, &Options::new()) {
///     Err(HeaderError::NoLibclang { .. }) => return Ok(()), // the message names what to install
///     read => read?,
/// };
/// let rotate = header.prototype("rotate").unwrap();
/// assert_eq!((rotate.params.len(), rotate.ret.size()), (2, 16));
/// assert_eq!(header.reason("gone").unwrap().to_string(), "parameter 1 (w): struct nowhere is incomplete here");
/// # Ok::<(), HeaderError>(())
/// ```
pub fn parse(text: &str, options: &Options) -> Result<Header, HeaderError> {
    let session = Session::new().map_err(|error| match error {
        LoadError::Missing(searched) => HeaderError::NoLibclang { searched },
        LoadError::TooOld { path, function } => HeaderError::OldLibclang { path, function },
    })?;
    let source = Source::new(&session, text, options)?;
    let unit = source.run("")?;
    let (header, unknown) = read(&unit, HashMap::new())?;
    if unknown.is_empty() {
        return Ok(header);
    }
    // libclang shows the expression of an `aligned` attribute, not its value: clang computes it in a second run.
    let alignments = source.evaluate(&unknown)?;
    Ok(read(&unit, alignments)?.0)
}

/// The text and the arguments as libclang takes them.
struct Source<'s> {
    session: &'s Session,
    text: &'s str,
    name: CString,
    args: Vec<CString>,
    given_args: &'s [String],
}

impl<'s> Source<'s> {
    fn new(session: &'s Session, text: &'s str, options: &'s Options) -> Result<Self, HeaderError> {
        let mut args = vec!["-xc".to_owned()];
        args.extend(options.args.iter().cloned());
        args.extend(["-include".to_owned(), prelude::NAME.to_owned()]);
        args.extend(fallback_includes(session.library_path()));
        let args = args
            .into_iter()
            .map(|arg| c_string(arg, "an argument"))
            .collect::<Result<_, _>>()?;
        let name = c_string(
            options.name.to_string_lossy().into_owned(),
            "the name of the header",
        )?;
        Ok(Self {
            session,
            text,
            name,
            args,
            given_args: &options.args,
        })
    }

    /// Parses the text with `more` behind it.
    fn run(&self, more: &str) -> Result<Unit<'s>, HeaderError> {
        let unsaved = [
            (
                self.name.clone(),
                c_string(format!("{}{more}", self.text), "the text")?,
            ),
            (
                c_string(prelude::NAME.to_owned(), "")?,
                c_string(prelude::TEXT.to_owned(), "")?,
            ),
        ];
        self.session
            .parse(&self.name, &self.args, &unsaved)
            .ok_or_else(|| HeaderError::Refused {
                args: self.given_args.to_vec(),
            })
    }

    /// The values of constant expressions or alignments of types; what has neither is left out.
    fn evaluate(&self, expressions: &[String]) -> Result<HashMap<String, u32>, HeaderError> {
        let mut more = String::from("\n");
        for (i, expression) in expressions.iter().enumerate() {
            // `_Alignas` takes either; one of the two lines is an error. `aligned` alone is the target's greatest alignment.
            let value = if expression.is_empty() {
                "__BIGGEST_ALIGNMENT__"
            } else {
                expression
            };
            more += &format!(
                "enum {{ __cabi_value_{i} = ({value}) }};\nenum {{ __cabi_type_{i} = _Alignof({value}) }};\n"
            );
        }
        let first_line = u32::try_from(self.text.lines().count()).unwrap_or(u32::MAX);
        let unit = self.run(&more)?;
        let main = self.name.to_string_lossy();
        let wrong: Vec<u32> = unit
            .diagnostics()
            .into_iter()
            .filter(|diagnostic| {
                diagnostic.is_error
                    && diagnostic.place.file == main
                    && diagnostic.place.line >= first_line
            })
            .map(|diagnostic| diagnostic.place.line)
            .collect();
        let mut found = HashMap::new();
        for constant in unit
            .cursor()
            .children()
            .into_iter()
            .flat_map(Cursor::children)
        {
            let (name, line) = (constant.name(), constant.place().line);
            let index = name
                .strip_prefix("__cabi_value_")
                .or_else(|| name.strip_prefix("__cabi_type_"));
            let expression = index
                .and_then(|i| i.parse().ok())
                .and_then(|i: usize| expressions.get(i));
            if let (Some(expression), Ok(value)) =
                (expression, u32::try_from(constant.enum_value()))
                && !wrong.contains(&line)
            {
                // The value's line comes first; `_Alignof` of an expression is clang's extension and means something else.
                found.entry(expression.clone()).or_insert(value);
            }
        }
        Ok(found)
    }
}

fn c_string(text: String, place: &str) -> Result<CString, HeaderError> {
    CString::new(text).map_err(|_| HeaderError::Nul {
        place: place.to_owned(),
    })
}

/// Directories with `stddef.h` and its like, searched last: clang's own come first where they are installed next to libclang.
fn fallback_includes(library: &Path) -> Vec<String> {
    let mut roots: Vec<PathBuf> = library
        .parent()
        .into_iter()
        .map(|lib| lib.join("clang"))
        .collect();
    roots.extend(subdirectories(Path::new("/usr/lib/gcc")));
    let mut found = Vec::new();
    for root in roots {
        let newest = subdirectories(&root)
            .into_iter()
            .map(|version| version.join("include"))
            .rev();
        if let Some(dir) = newest
            .into_iter()
            .find(|dir| dir.join("stddef.h").is_file())
        {
            found.extend(["-idirafter".to_owned(), dir.to_string_lossy().into_owned()]);
        }
    }
    found
}

fn subdirectories(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

/// Walks the declarations. Also returns the alignment expressions that are not in `alignments`.
fn read(
    unit: &Unit<'_>,
    alignments: HashMap<String, u32>,
) -> Result<(Header, Vec<String>), HeaderError> {
    let target = unit.triple();
    let diagnostics = Diagnostics::new(unit)?;
    let model = prelude::data_model(unit).map_err(|why| HeaderError::Unsupported {
        target: target.clone(),
        why,
    })?;
    let header = Header {
        target,
        model,
        prototypes: Vec::new(),
        records: Vec::new(),
        typedefs: Vec::new(),
        enums: Vec::new(),
        skipped: Vec::new(),
    };
    let mut walk = Walk {
        reader: Reader::new(model, alignments, diagnostics.warnings),
        header,
        errors: diagnostics.errors,
    };
    for cursor in unit.cursor().children() {
        let file = cursor.place().file;
        if file != prelude::NAME && !file.is_empty() {
            walk.declaration(cursor, 0);
        }
    }
    let unknown = walk.reader.unknown_alignments();
    let unexplained: Vec<String> = walk
        .errors
        .iter()
        .filter(|(_, explained)| !explained)
        .map(|(error, _)| message_of(error))
        .collect();
    if unexplained.is_empty() {
        Ok((walk.header, unknown))
    } else {
        Err(HeaderError::Source {
            messages: unexplained,
        })
    }
}

struct Diagnostics {
    /// Each with whether a declaration was left out for it.
    errors: Vec<(Diagnostic, bool)>,
    warnings: Vec<Diagnostic>,
}

impl Diagnostics {
    fn new(unit: &Unit<'_>) -> Result<Self, HeaderError> {
        let all = unit.diagnostics();
        let fatal: Vec<String> = all
            .iter()
            .filter(|diagnostic| diagnostic.is_fatal)
            .map(message_of)
            .collect();
        if !fatal.is_empty() {
            return Err(HeaderError::Source { messages: fatal });
        }
        let (errors, warnings): (Vec<_>, Vec<_>) = all
            .into_iter()
            .filter(|diagnostic| diagnostic.place.file != prelude::NAME)
            .partition(|diagnostic| diagnostic.is_error);
        Ok(Self {
            errors: errors.into_iter().map(|error| (error, false)).collect(),
            warnings,
        })
    }
}

fn message_of(diagnostic: &Diagnostic) -> String {
    if diagnostic.place.file.is_empty() {
        return diagnostic.message.clone();
    }
    format!(
        "{}:{}: {}",
        diagnostic.place.file, diagnostic.place.line, diagnostic.message
    )
}

/// The walk over the declarations, and what it has found.
struct Walk<'u> {
    reader: Reader<'u>,
    header: Header,
    errors: Vec<(Diagnostic, bool)>,
}

impl<'u> Walk<'u> {
    fn declaration(&mut self, cursor: Cursor<'u>, depth: u16) {
        let kind = cursor.kind();
        let is_record = kind == CXCursor_StructDecl || kind == CXCursor_UnionDecl;
        // clang bounds the nesting of the source; this bounds ours.
        if is_record && depth < cabi::MAX_DEPTH {
            for child in cursor.children() {
                let is_type = [CXCursor_StructDecl, CXCursor_UnionDecl, CXCursor_EnumDecl]
                    .contains(&child.kind());
                if is_type {
                    self.declaration(child, depth + 1);
                }
            }
        }
        let error = self.error_within(cursor);
        let name = cursor.name();
        if kind == CXCursor_FunctionDecl {
            let read = error.map_or_else(|| self.prototype(cursor), Err);
            self.add_prototype(cursor, read);
        } else if kind == CXCursor_TypedefDecl {
            let read = error.map_or_else(|| self.reader.ty(cursor.ty()), Err);
            self.add_type(cursor, name, read);
        } else if is_record || kind == CXCursor_EnumDecl {
            let ty = cursor.ty();
            if cursor == cursor.definition_or_null() && !is_unnamed(&ty.canonical().spelling()) {
                let read = error.map_or_else(|| self.reader.ty(ty), Err);
                self.add_type(cursor, ty.canonical().spelling(), read);
            }
        }
    }

    /// The first error inside the declaration's text; all of them count as explained.
    fn error_within(&mut self, cursor: Cursor<'u>) -> Option<Reason> {
        if self.errors.is_empty() {
            return None;
        }
        let (start, end) = cursor.extent();
        let mut first = None;
        for (error, explained) in &mut self.errors {
            if is_within(&error.place, &start, &end) {
                *explained = true;
                first.get_or_insert_with(|| Reason::Invalid(error.message.clone()));
            }
        }
        first
    }

    fn add_type(&mut self, cursor: Cursor<'u>, name: String, read: Result<Type, Reason>) {
        let location = location(cursor);
        match read {
            Ok(ty) => {
                let list = match cursor.kind() {
                    kind if kind == CXCursor_TypedefDecl => &mut self.header.typedefs,
                    kind if kind == CXCursor_EnumDecl => &mut self.header.enums,
                    _ => &mut self.header.records,
                };
                // C11 lets a typedef be repeated.
                if !list.iter().any(|known| known.name == name) {
                    list.push(NamedType { name, ty, location });
                }
            }
            Err(reason) => self.skip(name, reason, location),
        }
    }

    fn skip(&mut self, name: String, reason: Reason, location: Location) {
        if !self
            .header
            .skipped
            .iter()
            .any(|known| known.name == name && known.reason == reason)
        {
            self.header.skipped.push(Skipped {
                name,
                reason,
                location,
            });
        }
    }

    /// Adds a function, or joins what another declaration says about it.
    fn add_prototype(&mut self, cursor: Cursor<'u>, read: Result<Prototype, Reason>) {
        let new = match read {
            Ok(new) => new,
            Err(reason) => {
                let name = cursor.name();
                let is_known = self
                    .header
                    .prototypes
                    .iter()
                    .any(|known| known.name == name);
                if !(is_known && reason == Reason::Inline) {
                    self.header.prototypes.retain(|known| known.name != name);
                    self.skip(name, reason, location(cursor));
                }
                return;
            }
        };
        match self
            .header
            .prototypes
            .iter_mut()
            .find(|known| known.name == new.name)
        {
            None => {
                let inline = |skipped: &Skipped| {
                    skipped.name == new.name && skipped.reason == Reason::Inline
                };
                self.header.skipped.retain(|skipped| !inline(skipped));
                if !self
                    .header
                    .skipped
                    .iter()
                    .any(|skipped| skipped.name == new.name)
                {
                    self.header.prototypes.push(new);
                }
            }
            Some(known) => {
                known.noreturn |= new.noreturn;
                if new.symbol != new.name {
                    known.symbol.clone_from(&new.symbol);
                }
                if known.unprototyped && !new.unprototyped {
                    let (noreturn, symbol) = (known.noreturn, known.symbol.clone());
                    *known = Prototype {
                        noreturn,
                        symbol,
                        ..new
                    };
                }
            }
        }
    }

    fn prototype(&mut self, cursor: Cursor<'u>) -> Result<Prototype, Reason> {
        let name = cursor.name();
        if cursor.is_invalid() {
            return Err(Reason::Invalid("the declaration is invalid".to_owned()));
        }
        if cursor.storage() == CX_SC_Static {
            return Err(Reason::Static);
        }
        if cursor.is_inline() && cursor.storage() != CX_SC_Extern {
            return Err(Reason::Inline);
        }
        let printed = cursor.printed();
        let function = self.function_type(cursor.ty())?;
        check_convention(function, &name, &printed)?;
        let n = u32::try_from(function.n_params()).unwrap_or(0);
        let mut params = Vec::new();
        for i in 0..n {
            let declared = cursor.arg(i);
            let param_name = (!declared.is_null())
                .then(|| declared.name())
                .filter(|name| !name.is_empty());
            let read = self
                .reader
                .ty(function.param(i))
                .map(|ty| self.reader.model.decay(&ty));
            let ty = read.map_err(|reason| {
                let part = param_name
                    .as_ref()
                    .map_or_else(String::new, |name| format!(" ({name})"));
                reason.inside(format!("parameter {}{part}", i + 1))
            })?;
            params.push((param_name, ty));
        }
        let ret = self
            .reader
            .ty(function.result())
            .map_err(|reason| reason.inside("result".to_owned()))?;
        let label = cursor
            .children()
            .into_iter()
            .find(|child| child.kind() == CXCursor_AsmLabelAttr);
        let unprototyped = function.kind() == CXType_FunctionNoProto;
        Ok(Prototype {
            symbol: label.map_or_else(|| name.clone(), Cursor::name),
            params,
            ret,
            variadic: function.is_variadic() && !unprototyped,
            unprototyped,
            noreturn: is_noreturn(function, &printed),
            target_features: quoted(&printed, "target(").unwrap_or_default(),
            location: location(cursor),
            name,
        })
    }

    /// The function type behind typedefs.
    fn function_type(&self, ty: Ty<'u>) -> Result<Ty<'u>, Reason> {
        let is_function =
            |ty: &Ty<'u>| [CXType_FunctionProto, CXType_FunctionNoProto].contains(&ty.kind());
        [ty, ty.canonical()]
            .into_iter()
            .find(is_function)
            .ok_or_else(|| Reason::Unsupported {
                ty: ty.spelling(),
                why: "this is no function type",
            })
    }
}

fn location(cursor: Cursor<'_>) -> Location {
    let Place { file, line, .. } = cursor.place();
    Location { file, line }
}

pub(crate) fn is_within(place: &Place, start: &Place, end: &Place) -> bool {
    place.file == start.file && (start.offset..=end.offset).contains(&place.offset)
}

/// Refuses by name what does not follow the target's C convention.
fn check_convention(function: Ty<'_>, name: &str, printed: &str) -> Result<(), Reason> {
    // clang knows these without an attribute; it prints none.
    const RETURNS_TWICE: [&str; 7] = [
        "setjmp",
        "_setjmp",
        "__sigsetjmp",
        "sigsetjmp",
        "savectx",
        "vfork",
        "getcontext",
    ];
    if RETURNS_TWICE.contains(&name) || printed.contains("returns_twice") {
        return Err(Reason::Attribute("returns_twice".to_owned()));
    }
    let convention = function.convention();
    let refused = match convention {
        c if c == CXCallingConv_C => return Ok(()),
        c if c == CXCallingConv_X86_64Win64 => "ms_abi",
        c if c == CXCallingConv_X86VectorCall => "vectorcall",
        c if c == CXCallingConv_X86RegCall => "regcall",
        c if c == CXCallingConv_PreserveMost => "preserve_most",
        c if c == CXCallingConv_PreserveAll => "preserve_all",
        c if c == CXCallingConv_PreserveNone => "preserve_none",
        _ => {
            // As clang prints it behind the function type: `int (int) __attribute__((swiftcall))`.
            let spelling = function.spelling();
            let attribute = spelling
                .split("__attribute__((")
                .nth(1)
                .and_then(|rest| rest.split(')').next());
            return Err(Reason::Convention(
                attribute.map_or_else(|| format!("number {convention}"), str::to_owned),
            ));
        }
    };
    Err(Reason::Convention(refused.to_owned()))
}

fn is_noreturn(function: Ty<'_>, printed: &str) -> bool {
    let declared = [
        "_Noreturn",
        "[[noreturn]]",
        "[[_Noreturn]]",
        "__attribute__((noreturn))",
    ];
    function.canonical().spelling().contains("noreturn")
        || declared.iter().any(|word| printed.contains(word))
}

/// The string literal behind `start` in `printed`.
fn quoted(printed: &str, start: &str) -> Option<String> {
    let rest = printed.split(start).nth(1)?.strip_prefix('"')?;
    rest.split('"').next().map(str::to_owned)
}
