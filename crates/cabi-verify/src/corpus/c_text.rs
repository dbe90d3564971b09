//! C text cut into declarations: which names it declares, and the parts of each prototype.
//!
//! The reference compiler's own text is what a compiler must be asked with, so prototypes are not printed anew from types. To put many blocks into one
//! file, the names each declares are renamed by macros ([`CText::names`]); to declare variables for the arguments, the text of each
//! parameter is needed ([`Function::params`]). That takes C's brackets and a few keywords, not its grammar; what types mean, libclang says.

/// What a C text declares.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CText {
    /// Its names, each once: of what it declares, of members and parameters too.
    pub names: Vec<String>,
    /// The prototypes in order.
    pub functions: Vec<Function>,
}

/// A prototype as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Function {
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

impl Function {
    /// The function `name` with these attributes, result and parameters, as C spells them.
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

    /// The prototype, on a line of its own.
    pub(crate) fn prototype(&self) -> String {
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

/// What stands between the parentheses of a function with these parameters.
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
/// let text = cabi_verify::corpus::c_text::read("typedef int n; struct s { n a; };\nstruct s f(n, struct s x, ...);");
/// assert_eq!(text.names, ["n", "s", "a", "f", "x"]);
/// assert_eq!((text.functions[0].result.as_str(), text.functions[0].list.as_str()), ("struct s", "n, struct s x, ..."));
/// assert_eq!(text.functions[0].params, ["n", "struct s x"]);
/// ```
pub fn read(text: &str) -> CText {
    let tokens = tokens(text);
    let mut out = CText::default();
    for token in without_attributes(&tokens) {
        let is_of_c = token.text.starts_with('_') || KEYWORDS.contains(&token.text);
        if token.is_name() && !is_of_c && !out.names.iter().any(|known| known == token.text) {
            out.names.push(token.text.to_owned());
        }
    }
    let (mut start, mut depth) = (0, 0_i32);
    for (i, token) in tokens.iter().enumerate() {
        depth += token.nesting();
        if depth == 0 && token.text == ";" {
            prototype(text, tokens.get(start..i).unwrap_or_default(), &mut out);
            start = i + 1;
        }
    }
    out
}

/// Words of C that declarations are made of, but those that begin with `_`.
const KEYWORDS: [&str; 20] = [
    "char", "const", "double", "enum", "extern", "float", "inline", "int", "long", "restrict",
    "short", "signed", "sizeof", "static", "struct", "typedef", "union", "unsigned", "void",
    "volatile",
];

/// Cuts a list at its top-level commas: the types of unnamed arguments.
pub fn split_list(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    list(text, &tokens)
}

/// A token and its place in the text.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    text: &'a str,
    at: usize,
}

impl Token<'_> {
    fn nesting(&self) -> i32 {
        match self.text {
            "(" | "[" | "{" => 1,
            ")" | "]" | "}" => -1,
            _ => 0,
        }
    }

    fn is_name(&self) -> bool {
        self.text
            .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    }

    fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

/// Words, numbers and single characters; comments, strings' insides and preprocessor lines are left out.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let up_to = |end: &str| rest.find(end).map_or(rest.len(), |i| i + end.len());
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let first = rest.chars().next().unwrap_or(' ');
        let line_start = text.get(..at).is_none_or(|before| {
            before.trim_end_matches([' ', '\t']).ends_with('\n') || before.trim().is_empty()
        });
        let len = if rest.starts_with("/*") {
            up_to("*/")
        } else if rest.starts_with("//") || (first == '#' && line_start) {
            up_to("\n")
        } else if first.is_whitespace() {
            first.len_utf8()
        } else {
            let len = if word(first) {
                rest.find(|c| !word(c)).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            out.push(Token {
                text: rest.get(..len).unwrap_or_default(),
                at,
            });
            len
        };
        at += len;
    }
    out
}

/// `tokens` without `__attribute__((...))` and `_Alignas(...)`.
fn without_attributes<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut out = Vec::new();
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        if matches!(token.text, "__attribute__" | "_Alignas" | "__asm__") {
            i = group_end(tokens, i + 1);
        } else {
            out.push(*token);
            i += 1;
        }
    }
    out
}

/// The index after the bracketed group that starts at `i`.
fn group_end(tokens: &[Token<'_>], i: usize) -> usize {
    let mut depth = 0;
    for (j, token) in tokens.iter().enumerate().skip(i) {
        depth += token.nesting();
        if depth == 0 {
            return j + 1;
        }
    }
    tokens.len()
}

/// Which token is the name of a declared function: outside of brackets, before a parenthesis.
fn function_name(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate() {
        let call = tokens.get(i + 1).is_some_and(|next| next.text == "(");
        let keyword = matches!(token.text, "_BitInt" | "_Atomic" | "__typeof__" | "typeof");
        if depth == 0 && call && token.is_name() && !keyword {
            return Some(i);
        }
        depth += token.nesting();
    }
    None
}

/// Notes the function that one declaration, without its `;`, declares.
fn prototype(text: &str, all: &[Token<'_>], out: &mut CText) {
    let tokens = without_attributes(all);
    let name = function_name(&tokens)
        .filter(|_| tokens.first().is_some_and(|first| first.text != "typedef"));
    let Some(i) = name else { return };
    let ends = (all.first(), tokens.first());
    let (Some(first), Some(bare), Some(name), Some(open)) =
        (ends.0, ends.1, tokens.get(i), tokens.get(i + 1))
    else {
        return;
    };
    let Some(close) = tokens.get(group_end(&tokens, i + 1).saturating_sub(1)) else {
        return;
    };
    let inside = all
        .iter()
        .filter(|t| t.at > open.at && t.at < close.at)
        .copied()
        .collect::<Vec<_>>();
    let slice = |from: usize, to: usize| text.get(from..to).unwrap_or_default().trim().to_owned();
    let mut params = list(text, &inside);
    params.retain(|param| param != "..." && param != "void");
    out.functions.push(Function {
        name: name.text.to_owned(),
        attributes: slice(first.at, bare.at),
        result: slice(bare.at, name.at),
        list: slice(open.end(), close.at),
        params,
    });
}

fn list(text: &str, tokens: &[Token<'_>]) -> Vec<String> {
    let mut out = Vec::new();
    let mut depth = 0;
    let mut from = None;
    let mut to = 0;
    for token in tokens {
        if depth == 0 && token.text == "," {
            out.extend(
                from.take()
                    .and_then(|from| text.get(from..to))
                    .map(str::to_owned),
            );
            continue;
        }
        depth += token.nesting();
        from = from.or(Some(token.at));
        to = token.end();
    }
    out.extend(from.and_then(|from| text.get(from..to)).map(str::to_owned));
    out
}
