//! The tokens of a declaration.

/// A token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token<'t> {
    /// A name or keyword.
    Word(&'t str),
    /// A number, and what stands against it.
    Number(&'t str),
    /// Any other character, and `...`.
    Symbol(&'t str),
    End,
}

/// A text from some token on.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'t> {
    text: &'t str,
    /// Where the next token starts, in bytes, and where it ends.
    at: usize,
    end: usize,
    next: Token<'t>,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut tokens = Self {
            text,
            at: 0,
            end: 0,
            next: Token::End,
        };
        tokens.advance();
        tokens
    }

    pub(super) fn peek(&self) -> Token<'t> {
        self.next
    }

    /// The byte at which the next token starts.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The token that starts at byte `at`.
    pub(super) fn found_at(&self, at: usize) -> &'t str {
        let token = token(self.text.get(at..).unwrap_or(""));
        if token.is_empty() { "the end" } else { token }
    }

    pub(super) fn advance(&mut self) {
        let rest = self.text.get(self.end..).unwrap_or("");
        let rest = after_space(rest);
        self.at = self.text.len() - rest.len();
        let token = token(rest);
        self.end = self.at + token.len();
        self.next = match token.bytes().next() {
            None => Token::End,
            Some(b'0'..=b'9') => Token::Number(token),
            Some(first) if is_of_word(char::from(first)) => Token::Word(token),
            Some(_) => Token::Symbol(token),
        };
    }

    /// The name after the brace that closes what has been opened.
    pub(super) fn name_after_braces(mut self) -> &'t str {
        let mut depth = 1;
        while depth > 0 && self.next != Token::End {
            match self.next {
                Token::Symbol("{") => depth += 1,
                Token::Symbol("}") => depth -= 1,
                _ => {}
            }
            self.advance();
        }
        match self.next {
            Token::Word(name) => name,
            _ => "",
        }
    }

    pub(super) fn eat(&mut self, symbol: &str) -> bool {
        let is_next = self.next == Token::Symbol(symbol);
        if is_next {
            self.advance();
        }
        is_next
    }

    pub(super) fn eat_if(&mut self, is: impl Fn(&str) -> bool) -> bool {
        let is_next = matches!(self.next, Token::Word(word) if is(word));
        if is_next {
            self.advance();
        }
        is_next
    }

    pub(super) fn eat_word(&mut self, wanted: &str) -> bool {
        self.eat_if(|word| word == wanted)
    }
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The token at the start of `rest`, which no space is before.
fn token(rest: &str) -> &str {
    let len = match rest.chars().next() {
        None => 0,
        Some(c) if is_of_word(c) => rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()),
        Some(_) if rest.starts_with("...") => 3,
        Some(c) => c.len_utf8(),
    };
    rest.get(..len).unwrap_or("")
}

/// What is after spaces and comments. A comment that does not end is left, and so is one with a backslash at the end of a line, where C joins two, or
/// a lone carriage return, which ends a line for some compilers.
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
