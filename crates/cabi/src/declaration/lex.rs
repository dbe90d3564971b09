//! The tokens of a declaration.

/// A text from some token on.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'t> {
    text: &'t str,
    /// Position of the next token, in bytes.
    at: usize,
    /// A name or keyword, a number with the letters after it, `...`, or any other character; empty
    /// at the end.
    next: &'t str,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let (at, next) = (0, "");
        let mut tokens = Self { text, at, next };
        tokens.advance();
        tokens
    }

    pub(super) fn peek(&self) -> &'t str {
        self.next
    }

    /// Returns the next token, if it is a name or keyword.
    pub(super) fn word(&self) -> Option<&'t str> {
        let is_word = self.next.starts_with(is_of_word) && !self.is_number();
        is_word.then_some(self.next)
    }

    pub(super) fn is_number(&self) -> bool {
        self.next.starts_with(|c: char| c.is_ascii_digit())
    }

    /// Returns the byte at which the next token starts.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Returns the token that starts at byte `at`.
    pub(super) fn token_at(&self, at: usize) -> &'t str {
        let token = token(self.text.get(at..).unwrap_or(""));
        if token.is_empty() { "the end" } else { token }
    }

    pub(super) fn advance(&mut self) {
        let rest = self.text.get(self.at + self.next.len()..).unwrap_or("");
        let rest = after_space(rest);
        self.at = self.text.len() - rest.len();
        self.next = token(rest);
    }

    /// Returns the name after the brace that closes what has been opened.
    pub(super) fn name_after_braces(mut self) -> &'t str {
        let mut depth = 1;
        while depth > 0 && !self.next.is_empty() {
            match self.next {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            self.advance();
        }
        self.word().unwrap_or("")
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        self.eat_if(|next| next == token)
    }

    pub(super) fn eat_if(&mut self, is: impl Fn(&str) -> bool) -> bool {
        let is_next = is(self.next);
        if is_next {
            self.advance();
        }
        is_next
    }
}

/// Returns whether `c` is part of a name; gcc and clang allow `$`.
fn is_of_word(c: char) -> bool {
    c.is_alphabetic() || c.is_ascii_digit() || matches!(c, '_' | '$')
}

/// Returns the token at the start of `rest`, which no space is before.
fn token(rest: &str) -> &str {
    let len = match rest.chars().next() {
        None => 0,
        Some(c) if is_of_word(c) => rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()),
        Some(_) if rest.starts_with("...") => 3,
        Some(c) => c.len_utf8(),
    };
    rest.get(..len).unwrap_or("")
}

/// Returns the text after spaces and comments. Stops at a comment that
/// - does not end,
/// - has a backslash at the end of a line, where C joins two lines,
/// - has a lone carriage return, which ends a line for some compilers.
fn after_space(mut rest: &str) -> &str {
    loop {
        rest = rest.trim_ascii_start();
        let after = match (rest.strip_prefix("/*"), rest.strip_prefix("//")) {
            (Some(comment), _) => comment.split_once("*/"),
            (_, Some(comment)) => Some(comment.split_once('\n').unwrap_or((comment, ""))),
            _ => None,
        };
        let joins = |line: &str| {
            let line = line.trim_ascii_end();
            line.ends_with('\\') || line.contains('\r')
        };
        let after = after.filter(|(comment, _)| !comment.split('\n').any(joins));
        match after {
            Some((_, after)) => rest = after,
            None => return rest,
        }
    }
}
