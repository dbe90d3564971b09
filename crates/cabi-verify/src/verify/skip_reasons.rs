//! Reasons for which a part of a header is left out, and those of them that are no failure.

use crate::build::{ReferenceError, first_error};
use crate::case::Case;
use crate::header::{NO_PLACE, TOO_LARGE};
use crate::layout::Reply;

/// Kind of reason: the code generator does not lower it yet, and says so.
pub const NOT_LOWERED: &str = "not lowered";
/// Kind of reason: the type needs a part of C that the compiler lacks, or the header does not
/// declare it for this compiler.
pub const REFERENCE_LACKS: &str = "not in this compiler";
/// Kind of reason: the type is one of the compiler's own headers, which name its members otherwise;
/// its size is compared all the same.
pub const OTHER_MEMBERS: &str = "other members";
/// Kind of reason: the compiler crashes at it. Not on the list.
pub const CRASHES: &str = "the compiler crashes";
/// Kind of reason: the compiler refuses it, though it needs no capability that the compiler is
/// known to lack. Not on the list.
pub const REFUSED: &str = "refused by the compiler";

/// Kinds of reasons for which a part of a header may be left out. Any other kind is a failure,
/// because it may hide a difference. With `mismatch` libclang's layout is not ours, and with
/// `invalid` libclang does not understand the declaration.
const MAY_BE_SKIPPED: [&str; 14] = [
    "static",
    "inline",
    "incomplete",
    "convention",
    "attribute",
    "unsupported",
    "own target",
    "overloaded",
    "spelling",
    TOO_LARGE,
    NO_PLACE,
    NOT_LOWERED,
    REFERENCE_LACKS,
    OTHER_MEMBERS,
];

/// Checks whether a part of a header may be left out for a reason of this kind.
pub fn may_be_skipped(key: &str) -> bool {
    MAY_BE_SKIPPED.contains(&key)
}

/// Returns the kind of reason for which a fact of layout was not compared, and the reason in words.
pub fn not_compared(reply: &Reply) -> Option<(&'static str, &str)> {
    match reply {
        Reply::Is(_) => None,
        Reply::NoMember(why) => Some((OTHER_MEMBERS, why)),
        Reply::Refuses(why) if undeclared(why).is_some() => Some((REFERENCE_LACKS, why)),
        Reply::Refuses(why) => Some((REFUSED, why)),
        Reply::TooLarge(why) => Some((TOO_LARGE, why)),
    }
}

/// Checks whether `case` names one of the types that the header does not declare for the compiler.
pub(super) fn names_one_of(case: &Case, undeclared: &[String]) -> bool {
    let (result, list) = (&case.prototype.spelled_ret, case.list());
    let text = format!("{result} {list} {}", case.unnamed_text.join(" "));
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| undeclared.iter().any(|name| name == word))
}

/// Returns the type that a compiler reports as not declared or, by its tag, as not defined. Only
/// some compilers may see the header's declaration, libclang among them.
pub(super) fn undeclared(why: &str) -> Option<&str> {
    if let Some(rest) = why.strip_prefix("unknown type name '") {
        return rest.split('\'').next();
    }
    let (_, rest) = why.split_once("incomplete type '")?;
    let (_, rest) = rest.split_once("aka '")?;
    cabi_header::tag(rest.split('\'').next()?)
}

/// Returns a compiler's first words, or why it gave none.
pub(super) fn refusal(error: &ReferenceError) -> String {
    match error {
        ReferenceError::Refused {
            messages,
            crashed: true,
            ..
        } => {
            format!("it crashes: {}", first_error(messages))
        }
        other => other.messages().map_or(other.to_string(), first_error),
    }
}

/// Returns a compiler's first words with file and line, where those are the user's.
pub(super) fn refusal_with_place(error: &ReferenceError) -> String {
    let why = refusal(error);
    let messages = error.messages().unwrap_or_default();
    let line = messages.lines().find(|line| line.contains("error:"));
    let place = line.and_then(|line| {
        let mut fields = line.split(':');
        let (file, number) = (fields.next()?, fields.next()?.parse::<u32>().ok()?);
        // Our own file has gone.
        (!file.ends_with("unit.c")).then(|| format!("{file}:{number}: "))
    });
    place.unwrap_or_default() + &why
}
