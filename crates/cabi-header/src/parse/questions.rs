//! What declarations do not say themselves, and a further run of clang finds out: values of expressions and macros.

use std::collections::{HashMap, HashSet};

use clang_sys::CXTypeKind;

/// What a further run says of a macro: its value and its type's kind.
pub(crate) type MacroValue = (i128, CXTypeKind);

/// What reading the declarations needs to know beyond them.
#[derive(Clone, Default, Debug)]
pub(crate) struct Answers {
    /// Values of expressions, as in `aligned` attributes; `None` for those that have none.
    pub(crate) values: HashMap<String, Option<u32>>,
    /// Values of macros; `None` for those that are no integers.
    pub(crate) macros: HashMap<String, Option<MacroValue>>,
}

/// What is to be found out for [`Answers`].
#[derive(Default, Debug)]
pub(crate) struct Questions {
    pub(crate) values: Vec<String>,
    pub(crate) macros: Vec<String>,
    /// What was left out for errors: an expression that refers to it has no value.
    pub(crate) spoilt: HashSet<String>,
}

impl Questions {
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.macros.is_empty()
    }
}
