//! C text cut into declarations: the names it declares, and the parts of each prototype.
//!
//! Compilers get the reference compiler's own text, so prototypes are not printed anew from types.
//! To put many blocks into one file, macros rename the names each declares ([`CText::names`]); to
//! declare variables for the arguments, the text of each parameter is needed
//! ([`PrototypeText::params`]). This needs C's brackets and a few keywords, not its grammar;
//! libclang reads the types.

/// Declarations of a C text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CText {
    /// Its names, each once: declared ones, and those of members and parameters.
    pub names: Vec<String>,
    /// The prototypes in order.
    pub functions: Vec<PrototypeText>,
}

/// A prototype as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PrototypeText {
    /// Its name.
    pub name: String,
    /// The attributes that it starts with.
    pub attributes: String,
    /// The text between them and the name.
    pub result: String,
    /// The text between the parentheses, `...` included.
    pub list: String,
    /// The text of each parameter, without `...`; none for `(void)`.
    pub params: Vec<String>,
}

impl PrototypeText {
    /// Makes the function `name` with these attributes, result and parameters, as C spells them.
    pub fn new(
        name: &str,
        attributes: &str,
        (result, params): (String, Vec<String>),
        is_variadic: bool,
    ) -> Self {
        Self {
            name: name.to_owned(),
            attributes: attributes.to_owned(),
            result,
            list: parameter_list(&params, is_variadic),
            params,
        }
    }

    /// Returns the prototype, on a line of its own.
    pub fn prototype(&self) -> String {
        let Self {
            name,
            attributes,
            result,
            list,
            ..
        } = self;
        format!("{attributes}{result} {name}({list});\n")
    }
}

/// Returns the text between the parentheses of a function with these parameters.
pub(crate) fn parameter_list(params: &[String], is_variadic: bool) -> String {
    match (params.is_empty(), is_variadic) {
        (true, true) => "...".to_owned(),
        (true, false) => "void".to_owned(),
        (false, true) => params.join(", ") + ", ...",
        (false, false) => params.join(", "),
    }
}

/// Cuts `text` into its declarations.
///
/// # Example
/// ```
/// let text = cabi_verify::corpus::c_text::read(
///     "typedef int n; struct s { n a; };\nstruct s f(n, struct s x, ...);",
/// );
/// assert_eq!(text.names, ["n", "s", "a", "f", "x"]);
/// assert_eq!(
///     (
///         text.functions[0].result.as_str(),
///         text.functions[0].list.as_str()
///     ),
///     ("struct s", "n, struct s x, ...")
/// );
/// assert_eq!(text.functions[0].params, ["n", "struct s x"]);
/// ```
pub fn read(text: &str) -> CText {
    let text = without_comments(text);
    CText {
        names: names(&text),
        functions: cut(&text, ';').into_iter().filter_map(prototype).collect(),
    }
}

/// Words of C that declarations are made of, but those that begin with `_`.
const KEYWORDS: [&str; 20] = [
    "char", "const", "double", "enum", "extern", "float", "inline", "int", "long", "restrict",
    "short", "signed", "sizeof", "static", "struct", "typedef", "union", "unsigned", "void",
    "volatile",
];

/// Words before brackets in which there are no names.
const ATTRIBUTES: [&str; 3] = ["__attribute__", "_Alignas", "__asm__"];

/// Other words of C before brackets.
const OPERATORS: [&str; 4] = ["_BitInt", "_Atomic", "__typeof__", "typeof"];

/// Cuts a list at its top-level commas: the types of unnamed arguments.
pub fn split_list(text: &str) -> Vec<String> {
    let items = cut(text, ',').into_iter();
    items.map(str::to_owned).collect()
}

fn without_comments(text: &str) -> String {
    let mut parts = text.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    let after = parts.filter_map(|part| Some(part.split_once("*/")?.1));
    let text = after.fold(first, |text, part| text + " " + part);
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let code = lines.filter_map(|line| line.split("//").next());
    code.collect::<Vec<_>>().join("\n")
}

pub(super) fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Returns by how many brackets a text is deeper after `c`.
fn nesting(c: char) -> i32 {
    match c {
        '(' | '[' | '{' => 1,
        ')' | ']' | '}' => -1,
        _ => 0,
    }
}

/// `text` cut at each `mark` that is in no brackets.
fn cut(text: &str, mark: char) -> Vec<&str> {
    let mut depth = 0;
    let parts = text.split(|c| {
        depth += nesting(c);
        depth == 0 && c == mark
    });
    parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

/// Returns the text in the brackets that `text` starts with, and the text after them.
fn group(text: &str) -> (&str, &str) {
    let (text, mut depth) = (text.trim_start(), 0);
    let end = text.find(|c| {
        depth += nesting(c);
        depth == 0
    });
    let end = end.unwrap_or(text.len());
    let inside = text.get(1..end).unwrap_or_default();
    (inside, text.get(end + 1..).unwrap_or_default())
}

/// Each name once, but those in attributes.
fn names(mut text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    while let Some(start) = text.find(is_of_word) {
        let rest = text[start..].trim_start_matches(is_of_word);
        let word = &text[start..text.len() - rest.len()];
        let is_of_c =
            word.starts_with(|c: char| c == '_' || c.is_ascii_digit()) || KEYWORDS.contains(&word);
        if !is_of_c && !names.iter().any(|known| known == word) {
            names.push(word.to_owned());
        }
        text = match ATTRIBUTES.contains(&word) {
            true => group(rest).1,
            false => rest,
        };
    }
    names
}

/// The function that a declaration, without its `;`, declares: its name is before a parenthesis
/// that is in no brackets.
fn prototype(text: &str) -> Option<PrototypeText> {
    let mut bare = text;
    while let Some(rest) = bare.strip_prefix("__attribute__") {
        bare = group(rest).1.trim_start();
    }
    if bare.starts_with("typedef") {
        return None;
    }
    let mut depth = 0;
    let (result, name, rest) = bare.char_indices().find_map(|(at, c)| {
        let is_outside = depth == 0;
        depth += nesting(c);
        let before = bare[..at].trim_end();
        let result = before.trim_end_matches(is_of_word);
        let name = &before[result.len()..];
        let is_of_c = ATTRIBUTES.contains(&name) || OPERATORS.contains(&name);
        let is_it = c == '(' && is_outside && !name.is_empty() && !is_of_c;
        is_it.then_some((result.trim(), name, &bare[at..]))
    })?;
    let list = group(rest).0.trim();
    let mut params = split_list(list);
    params.retain(|param| param != "..." && param != "void");
    Some(PrototypeText {
        name: name.to_owned(),
        attributes: text[..text.len() - bare.len()].trim().to_owned(),
        result: result.to_owned(),
        list: list.to_owned(),
        params,
    })
}
