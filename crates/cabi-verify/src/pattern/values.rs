//! The values of one call.

use cabi::Type;

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
    /// Values of arguments of `types`, of which `n_named` are named, whose leaves are numbered from `first`, and of a result of type `ret`, whose leaves
    /// are numbered from `first_of_result`.
    pub(crate) fn new(
        types: &[Type],
        n_named: usize,
        ret: &Type,
        (first, first_of_result): (u8, u8),
    ) -> Self {
        let mut painter = Painter::starting_at(first);
        let declared: Vec<Pattern> = types.iter().map(|ty| painter.paint(ty)).collect();
        let arguments = declared.iter().zip(types).enumerate();
        let promoted = arguments.map(|(i, (pattern, ty))| match i < n_named {
            true => pattern.clone(),
            false => pattern.promoted(ty).1,
        });
        Self {
            promoted: promoted.collect(),
            declared,
            result: Painter::starting_at(first_of_result).paint(ret),
        }
    }

    /// Values of a call of `case`.
    pub(crate) fn of(case: &Case) -> Self {
        let n_named = case.prototype.params.len();
        let (types, ret) = (case.argument_types(), &case.prototype.ret);
        Self::new(&types, n_named, ret, (1, 9))
    }
}

/// `arguments`, each at its offset in `size` bytes, which are no values between them.
pub(crate) fn images(arguments: &[Pattern], offsets: &[usize], size: usize) -> Vec<u8> {
    let mut images = vec![0xee; size];
    for (pattern, offset) in arguments.iter().zip(offsets) {
        let to = images.iter_mut().skip(*offset);
        to.zip(&pattern.bytes).for_each(|(to, from)| *to = *from);
    }
    images
}
