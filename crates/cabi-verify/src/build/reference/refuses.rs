//! A compiler that accepts everything is no reference: its refusals answer assertions.

use super::{Reference, ReferenceError};

/// An assertion that does not hold, in the words of those about prototypes.
const FALSE: &str = "\
extern int cabi_f(long);
typedef __typeof__(long (int)) cabi_other;
_Static_assert(__builtin_types_compatible_p(__typeof__(cabi_f) *, cabi_other *), \"cabi: to be refused\");
";

impl Reference {
    /// Checks that it refuses the assertion in each of the ways in which it reads assertions.
    ///
    /// # Errors
    /// The way in which it accepts the assertion, or why it cannot be run.
    pub(super) fn check_that_it_refuses(&self) -> Result<(), String> {
        let checked = self.check(FALSE, &[]).map(drop);
        let built = self.build(FALSE, &[]).map(drop);
        let check = match self.has_syntax_only {
            true => "-fsyntax-only",
            false => "-c",
        };
        for (how, answer) in [(check, checked), ("-shared", built)] {
            match answer {
                Err(ReferenceError::Io { what, source }) => {
                    return Err(format!("{what}: {source}"));
                }
                Err(_) => {}
                Ok(()) => {
                    return Err(format!(
                        "`{}` accepts a false static assertion (with {how}), so its answers prove nothing",
                        self.text
                    ));
                }
            }
        }
        Ok(())
    }
}
