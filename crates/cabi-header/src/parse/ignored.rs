//! Attributes of gcc and of newer clangs that change layouts or calls, and that this clang ignores
//! with a warning.
//!
//! After the warning, clang goes on with another layout or call than the other compiler. If a
//! pragma may hide the warning, every declaration may have an attribute whose name occurs.

use Relevance::{Always, ToGcc, ToGccForWindows};
use Subject::{Function, Record, Typedef};

/// Kinds of declarations that have attributes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Record,
    Typedef,
    Function,
}

/// Rules of a header by which an ignored attribute makes a difference.
#[derive(Clone, Copy)]
pub(crate) enum Relevance {
    Always,
    /// By gcc's rules only: clang has no such attribute.
    ToGcc,
    /// By gcc's rules where bit-fields are laid out as Microsoft does.
    ToGccForWindows,
}

/// Attributes, each with the declarations and the rules to which it matters, and a preprocessor
/// condition for the machines whose compilers have it. The last three are calling conventions of
/// clang 19 and later, which an older libclang ignores.
pub(crate) const IGNORED: [(&str, &[Subject], Relevance, &str); 8] = [
    ("scalar_storage_order", &[Record], Always, "1"),
    ("gcc_struct", &[Record], ToGccForWindows, "1"),
    ("copy", &[Record, Typedef, Function], ToGcc, "1"),
    ("strub", &[Function], ToGcc, "1"),
    (
        "no_callee_saved_registers",
        &[Function],
        ToGcc,
        "defined(__x86_64__) || defined(__i386__)",
    ),
    (
        "preserve_none",
        &[Typedef, Function],
        Always,
        "defined(__x86_64__) || defined(__i386__) || defined(__aarch64__)",
    ),
    (
        "riscv_vector_cc",
        &[Typedef, Function],
        Always,
        "defined(__riscv)",
    ),
    (
        "riscv_vls_cc",
        &[Typedef, Function],
        Always,
        "defined(__riscv)",
    ),
];

/// Returns a constant for each attribute that compilers of the machine have and this clang lacks.
pub(crate) fn constants() -> String {
    let constant = |(name, _, _, machines)| {
        let is_ignored = format!("({machines}) && !__has_attribute(__{name}__)");
        format!("#if {is_ignored}\nenum {{ __cabi_ignores_{name} = 1 }};\n#endif\n")
    };
    IGNORED.map(constant).concat()
}

/// Returns whether `text` may use the attribute `name`, as a whole word apart from underscores.
/// `copy`, also a name of functions, has to stand before an argument, as an attribute does.
pub(crate) fn occurs(text: &str, name: &str) -> bool {
    let is_attribute = |(at, _): (usize, &str)| {
        let before = text.get(..at).unwrap_or("").trim_end_matches('_');
        let after = text.get(at + name.len()..).unwrap_or("");
        let after = after.trim_start_matches('_');
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let is_begun = || {
            let before = before.trim_end();
            before.ends_with(['(', ',']) || before.ends_with("gnu::")
        };
        let is_used = name != "copy" || after.trim_start().starts_with('(') && is_begun();
        is_used && !is_word(before.chars().next_back()) && !is_word(after.chars().next())
    };
    // glibc's <sys/cdefs.h> has a macro with the word.
    let has_macro = name == "copy" && text.contains("__attribute_copy__");
    let is_hidden = name == "copy" && text.contains("#undef __attribute_copy__");
    !is_hidden && (has_macro || text.match_indices(name).any(is_attribute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_texts_are_no_attributes() {
        for text in [
            "/* to use, copy, modify (copy of it) */",
            "std::copy(first, last, to);",
            "#define M(to, copy)",
            "memcopy (x)",
        ] {
            assert!(!occurs(text, "copy"), "{text}");
        }
        assert!(!occurs("instrubbing", "strub"));
        for text in [
            "__attribute__((copy (f)))",
            "__attribute__((cold, __copy__(f)))",
            "[[gnu::copy(f)]]",
            "__attribute_copy__",
        ] {
            assert!(occurs(text, "copy"), "{text}");
        }
        assert!(occurs("[[gnu::strub]]", "strub"));
    }
}
