//! Units compiled and loaded: a child tries first whether that works.

use std::cell::OnceCell;

use super::LoadedCode;
use crate::build::{Built, Reference, ReferenceError};
use crate::case::Case;
use crate::emit::c::FRAME;
use crate::run::child;
use crate::verdict::Verdict;

impl LoadedCode {
    /// Loads the code of `built`, which has the sides of `cases` under their functions' names. A
    /// child tries whether it can be loaded.
    ///
    /// # Errors
    /// [`ReferenceError::Unloadable`] if it cannot; [`ReferenceError::Io`] if no child can be made.
    pub(crate) fn of_built(built: &Built, cases: &[Case]) -> Result<Self, ReferenceError> {
        let names = cases.iter().map(|case| case.function.name.clone());
        Self::checked(built, names.collect(), |_| true)
    }

    /// The code, if a child can load them and `works` there.
    fn checked(
        built: &Built,
        names: Vec<String>,
        works: impl Fn(&Self) -> bool,
    ) -> Result<Self, ReferenceError> {
        let code = Self {
            built: built.clone(),
            names,
            loaded: OnceCell::new(),
        };
        let what = "the compiled C code".to_owned();
        let unloadable = |why| ReferenceError::Unloadable {
            what: what.clone(),
            why,
        };
        let tried = child::run(&[1], 1, |_, _| match code.loaded() {
            Ok(_) if works(&code) => Verdict::Passed(1),
            Ok(_) => Verdict::Differs("a function returns another value than it should".into()),
            Err(why) => Verdict::Differs(why.into()),
        });
        let tried = tried.map_err(ReferenceError::io(what.clone()))?;
        match tried.into_iter().flatten().next().map(Verdict::passed) {
            Some(Ok(_)) => Ok(code),
            Some(Err(why)) => Err(unloadable(why)),
            None => Err(unloadable("nothing became of it".to_owned())),
        }
    }

    /// Checks whether the compiler's code runs at all: loaded in a child, a function of FRAME
    /// returns the right value.
    ///
    /// # Errors
    /// The compiler's error, or how the child ended.
    pub(crate) fn try_out(reference: &Reference) -> Result<(), ReferenceError> {
        let built = reference.build(FRAME, &["-w"])?;
        match Self::checked(&built, Vec::new(), Self::finds_itself) {
            Ok(_) => Ok(()),
            Err(ReferenceError::Unloadable { why, .. }) => Err(ReferenceError::Unloadable {
                what: format!("code by {}", reference.command()),
                why,
            }),
            Err(other) => Err(other),
        }
    }

    fn finds_itself(&self) -> bool {
        let Ok(loaded) = self.loaded() else {
            return false;
        };
        // SAFETY: FRAME has this function with this type.
        let found = unsafe {
            let function = loaded
                .library
                .get::<extern "C" fn() -> *mut u8>(b"cabi_seen");
            function.map(|function| function())
        };
        found.is_ok_and(|at| at == loaded.at.seen)
    }
}
