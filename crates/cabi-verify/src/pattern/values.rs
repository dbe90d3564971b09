//! The values of one call.

use super::{Painter, Pattern};
use crate::case::Case;

/// The values of one call: its arguments and its result.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    /// The arguments as C declares them.
    pub(crate) declared: Vec<Pattern>,
    /// The arguments as they are passed: unnamed ones are promoted.
    pub(crate) promoted: Vec<Pattern>,
    pub(crate) result: Pattern,
}

impl Values {
    /// Values of a call of `case`: leaves of arguments are numbered from 1, those of its result
    /// from 9.
    pub(crate) fn of(case: &Case) -> Self {
        let (types, mut painter) = (case.argument_types(), Painter::starting_at(1));
        let declared: Vec<Pattern> = types.iter().map(|ty| painter.paint(ty)).collect();
        let arguments = declared.iter().zip(&types).enumerate();
        let n_named = case.prototype.params.len();
        let promoted = arguments.map(|(i, (pattern, ty))| match i < n_named {
            true => pattern.clone(),
            false => pattern.promoted(ty).1,
        });
        Self {
            promoted: promoted.collect(),
            result: Painter::starting_at(9).paint(&case.prototype.ret),
            declared,
        }
    }
}
