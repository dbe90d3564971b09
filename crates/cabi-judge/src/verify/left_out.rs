//! For which reasons something of a header is left out, and which of them are no failure.

use crate::case::Case;
use crate::corpus::Block;
use crate::ctext::Function;
use crate::judge::{Judge, JudgeError, first_error, needs};

/// Kind of reason: the code generator does not lower it yet, and says so.
pub const NOT_LOWERED: &str = "not lowered";
/// Kind of reason: the type needs something of C that the compiler has not, or the header does not declare it for this compiler.
pub const JUDGE_LACKS: &str = "not in this compiler";
/// Kind of reason: the type is one of the compiler's own headers, which name its members otherwise; its size is compared all the same.
pub const OTHER_MEMBERS: &str = "other members";
/// Kind of reason: the compiler's own caller and callee disagree about it, which is its bug.
pub const AGAINST_ITSELF: &str = "compiler against itself";
/// Kind of reason: the compiler refuses it, though nothing it is known to lack is needed. Not on the list.
pub const REFUSED: &str = "refused by the compiler";

/// Kinds of reasons for which something of a header may be left out. Any other one is a failure: it may hide a difference, as `mismatch`
/// (libclang's layout is not ours) and `invalid` (libclang does not understand the declaration) do.
const MAY_BE_SKIPPED: [&str; 14] = [
    "static",
    "inline",
    "incomplete",
    "convention",
    "attribute",
    "unsupported",
    "own target",
    "own convention",
    "spelling",
    "too large",
    NOT_LOWERED,
    JUDGE_LACKS,
    OTHER_MEMBERS,
    AGAINST_ITSELF,
];

/// Whether a reason of this kind is on the list of those for which something may be left out.
#[must_use]
pub fn may_be_skipped(key: &str) -> bool {
    MAY_BE_SKIPPED.contains(&key)
}

/// Whether `case` needs what `judge` has not, or names one of the types that the header does not declare for it.
pub(super) fn lacks(judge: &Judge, case: &Case, undeclared: &[String]) -> bool {
    let Function { result, list, .. } = &case.function;
    let text = format!("{result} {list} {}", case.unnamed_text.join(" "));
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    if words.any(|word| undeclared.iter().any(|name| name == word)) {
        return true;
    }
    let mut block = Block::default();
    block.code = text;
    let mut needs = needs(&block).into_iter();
    needs.any(|capability| judge.has(capability).is_err())
}

/// The type of which a compiler says that it is not declared, though libclang has read it there: a header may declare it for some
/// compilers only.
pub(super) fn undeclared(why: &str) -> Option<&str> {
    let rest = why.strip_prefix("unknown type name '")?;
    rest.split('\'').next()
}

/// A compiler's first words, or why it could not be asked.
pub(crate) fn refusal(error: &JudgeError) -> String {
    match error {
        JudgeError::Refused { messages, .. } => first_error(messages),
        other => other.to_string(),
    }
}
