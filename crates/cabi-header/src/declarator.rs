//! C's declarators: the place of a name in a type as C spells it (C17 6.7.6 and 6.7.7). Every
//! declaration that this crate writes is made here.

use crate::header::Prototype;

/// Words whose parentheses belong to them, and after which none begins a declarator.
pub(crate) const WITH_PARENTHESES: [&str; 22] = [
    "__attribute__",
    "__attribute",
    "__extension__",
    "_Atomic",
    "_BitInt",
    "typeof",
    "__typeof__",
    "__typeof",
    "typeof_unqual",
    "__typeof_unqual__",
    "decltype",
    "alignas",
    "_Alignas",
    "__declspec",
    "noexcept",
    "__underlying_type",
    "__ptrauth",
    "__vector",
    "struct",
    "union",
    "enum",
    "class",
];

/// Declares `name` to have the type that C spells `ty`: `int (*)(void)` and `f` give
/// `int (*f)(void)`. Returns the type itself if `name` is empty.
///
/// The name may be a declarator in turn, such as `*`, `f[3]` or `f(int)`, which then derives from
/// `ty`.
///
/// # Example
/// ```
/// use cabi_header::declared;
///
/// assert_eq!(declared("const char *", "text"), "const char *text");
/// assert_eq!(declared("void (*(*)(int))(void)", "f"), "void (*(*f)(int))(void)");
/// assert_eq!(declared("int (*)[3]", "f(long)"), "int (*f(long))[3]");
/// assert_eq!(declared("int[3]", "*"), "int (*)[3]");
/// ```
#[must_use]
pub fn declared(ty: &str, name: &str) -> String {
    let (before, after) = ty.split_at_checked(place(ty)).unwrap_or((ty, ""));
    if name.is_empty() {
        return ty.to_owned();
    }
    // A suffix binds more tightly than a star.
    let is_pointer = name.starts_with(['*', '&']);
    let (open, close) = match is_pointer && after.starts_with(['[', '(']) {
        true => ("(", ")"),
        false => ("", ""),
    };
    let before = before.trim_end();
    let blank = match before.ends_with(['*', '&', '^', '(']) || before.is_empty() {
        true => "",
        false => " ",
    };
    format!("{before}{blank}{open}{name}{close}{after}")
}

/// Returns the byte at which the name of a declaration of the type `ty` stands.
fn place(ty: &str) -> usize {
    let rest = |at: usize| ty.get(at..).unwrap_or("");
    let mut at = 0;
    let mut word = "";
    while let Some(next) = rest(at).chars().next() {
        let closed = |brackets| balanced(rest(at), brackets).unwrap_or(rest(at).len());
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        at += match next {
            '(' if WITH_PARENTHESES.contains(&word) => closed(('(', ')')),
            '(' if is_declarator(rest(at + 1)) => 1,
            '(' | '[' | ')' => return at,
            '<' => closed(('<', '>')),
            '{' => closed(('{', '}')),
            c if is_word(c) => {
                let end = rest(at).find(|c| !is_word(c));
                word = rest(at).get(..end.unwrap_or(rest(at).len())).unwrap_or("");
                word.len()
            }
            c => c.len_utf8(),
        };
        if !matches!(next, ' ') && !is_word(next) {
            word = "";
        }
    }
    at
}

/// Returns whether `text`, which follows a parenthesis, is a declarator and no list of parameters.
fn is_declarator(text: &str) -> bool {
    let of_member = text
        .split_once('*')
        .is_some_and(|(before, _)| before.ends_with("::") && !before.contains([',', '(', ')']));
    text.trim_start().starts_with(['*', '&', '^', '(', '[']) || of_member
}

/// Returns the text between the parenthesis that starts `text`, if one does, and its counterpart.
pub(crate) fn parenthesized(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?;
    inner.get(..balanced(text, ('(', ')'))? - 2)
}

/// Returns the bytes of `text` up to the bracket that closes the one it begins with.
fn balanced(text: &str, (open, close): (char, char)) -> Option<usize> {
    let mut depth = 0_u32;
    let end = text.char_indices().find(|(_, c)| {
        if *c == open {
            depth += 1;
        } else if *c == close {
            depth = depth.saturating_sub(1);
        }
        depth == 0
    });
    end.map(|(at, c)| at + c.len_utf8())
}

impl Prototype {
    /// Writes the function as C declares it, without attributes and semicolon.
    ///
    /// # Example
    /// ```
    /// use cabi_header::{HeaderError, Options, parse};
    ///
    /// let text = "void (*signal(int number, void (*)(int)))(int);";
    /// let header = match parse(text, &Options::new()) {
    ///     Err(HeaderError::NoLibclang { .. }) => return Ok(()),
    ///     read => read?,
    /// };
    /// let signal = header.prototype("signal").unwrap();
    /// assert_eq!(signal.declaration(), "void (*signal(int number, void (*)(int)))(int)");
    /// assert_eq!(signal.parameter(0), "int number");
    /// # Ok::<(), HeaderError>(())
    /// ```
    #[must_use]
    pub fn declaration(&self) -> String {
        let function = format!("{}{}", self.name, self.parameters());
        declared(&self.spelled_ret, &function)
    }

    /// Writes the parameters as C declares them, in parentheses.
    #[must_use]
    pub fn parameters(&self) -> String {
        let all = (0..self.params.len()).map(|i| self.parameter(i));
        let mut params: Vec<String> = all.collect();
        if self.variadic {
            params.push("...".into());
        } else if params.is_empty() && !self.unprototyped {
            params.push("void".into());
        }
        format!("({})", params.join(", "))
    }

    /// Writes parameter `i` as C declares it; nothing if there is none.
    #[must_use]
    pub fn parameter(&self, i: usize) -> String {
        let Some((name, ty)) = self.params.get(i) else {
            return String::new();
        };
        let ty = match self.spelled_params.get(i) {
            // The declaration does not spell the pointer that C++ passes for a class.
            Some(spelling) if self.by_reference.contains(&i) => declared(spelling, "&"),
            Some(spelling) => spelling.clone(),
            None => ty.to_string(),
        };
        declared(&ty, name.as_deref().unwrap_or_default())
    }
}
