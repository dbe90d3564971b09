//! Alignments that declarations ask for, whose expressions libclang shows as text only.

use cabi::{Error, MAX_ALIGN};

use crate::clang::Cursor;
use crate::declarator::parenthesized;
use crate::parse::kinds::has_own_names;
use crate::parse::questions::has_names;
use crate::parse::types::Reader;
use crate::reason::Reason;

impl<'u> Reader<'u> {
    /// Refuses an alignment in `printed`, the text of `declaration`, that is greater than gcc's
    /// greatest. clang ignores such an alignment without a message.
    pub(crate) fn check_greatest(
        &mut self,
        declaration: Cursor<'u>,
        printed: &str,
    ) -> Result<(), Reason> {
        let alignments = self.alignments(printed, declaration.parent());
        let alignments = match self.facts.cxx || self.is_as_clang() {
            // In C++ the value of an expression with names may not be known.
            true => alignments.unwrap_or_default(),
            false => alignments?,
        };
        let greatest = alignments.into_iter().max();
        match greatest.filter(|align| *align > MAX_ALIGN) {
            Some(align) => Err(Error::InvalidAlign { align }.into()),
            None => Ok(()),
        }
    }

    /// Returns the values of the `aligned` attributes in `printed`, the text of a declaration in
    /// `scope`.
    pub(crate) fn alignments(
        &mut self,
        printed: &str,
        scope: Cursor<'u>,
    ) -> Result<Vec<u32>, Reason> {
        let texts = aligned_expressions(printed);
        // All are looked at before one fails, so that one run evaluates each.
        let values: Vec<_> = texts
            .iter()
            .map(|text| self.alignment(text, scope))
            .collect();
        values.into_iter().collect()
    }

    /// Returns the value of the expression of an `aligned` attribute in `scope`.
    fn alignment(&mut self, expression: &str, scope: Cursor<'u>) -> Result<u32, Reason> {
        let digits = expression.trim_end_matches(['u', 'U', 'l', 'L']);
        if let Ok(value) = digits.parse::<u64>() {
            return Ok(u32::try_from(value).unwrap_or(u32::MAX));
        }
        // The question stands after the end of the text, where its names may have other meanings.
        let is_hidden = self.facts.cxx && has_names(expression) && has_own_names(scope);
        if !is_hidden && let Some(Some(value)) = self.value(expression) {
            return Ok(value);
        }
        Err(Reason::Attribute(format!(
            "aligned({expression}), whose value is not known,"
        )))
    }
}

/// Returns the expressions of the `aligned` attributes, `__declspec(align(..))` and `_Alignas`
/// specifiers in `printed`. The text is a member or record as clang prints it, `int x _Alignas(8)`.
/// `aligned` alone gives an empty expression.
fn aligned_expressions(printed: &str) -> Vec<String> {
    // A record defined in the member's own declaration is printed in front of them.
    let tail = printed.rsplit('}').next().unwrap_or(printed);
    let mut expressions = Vec::new();
    for start in [
        "__attribute__((aligned",
        "__declspec(align",
        "_Alignas",
        "alignas",
        "[[gnu::aligned",
    ] {
        for (at, _) in tail.match_indices(start) {
            let before = tail.get(..at).and_then(|before| before.chars().next_back());
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue; // the end of a longer word, as in `_Alignas`
            }
            let rest = tail.get(at + start.len()..).unwrap_or("");
            expressions.push(parenthesized(rest).unwrap_or("").to_owned());
        }
    }
    expressions
}
