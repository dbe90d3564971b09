//! The personality: the function by which a language takes part in unwinding, and the meaning of
//! the tags of handlers to it.

use std::collections::BTreeMap;

/// Function that decides at a frame whether an exception is caught there: `__gxx_personality_v0` of
/// C++, `rust_eh_personality` of Rust, or a function of the front end's own. All functions of one
/// [`UnwindTables`](crate::UnwindTables) that have handlers share it; a function without handlers
/// needs none.
///
/// A handler without a tag (`default`) catches every exception: C++'s `catch (...)`. It gets the
/// exception and the selector as its two values, and owns the exception. The handler ends the
/// exception by `__cxa_begin_catch` and `__cxa_end_catch`, or one of another language by
/// `_Unwind_DeleteException`. A handler that goes on unwinding by `_Unwind_Resume` is a *cleanup*,
/// and its tag says so. It has a tag because an exception that was caught cannot be resumed.
///
/// A call has one handler, because it has one landing pad. The tag of the handler may stand for
/// several types, which the handler tells apart by the selector.
///
/// On x86-64 Windows the personality of GNU's C++ is `__gxx_personality_seh0`. Microsoft's C has
/// `__C_specific_handler`, which enters handlers for the exceptions of every language and of the
/// system. Those of the system are faults of the callee, and a fault of the instruction that the
/// call returns to. Handlers of Microsoft's C have no tag, and do not read their values. Handlers
/// of Microsoft's C++ (`__CxxFrameHandler3`) are refused.
///
/// # Example
/// ```
/// use clif_cabi_unwind::Personality;
///
/// // try_call fn0(), sig0, block1, [ tag0: block2(exn0, exn1) ]: block2 is a cleanup.
/// let gxx = Personality::new("__gxx_personality_v0").cleanup(0);
/// // tag1: catch (int) and catch (double), and a cleanup for others.
/// let gxx = gxx.catches(1, "_ZTIi").catches(1, "_ZTId").cleanup(1);
/// assert_eq!(gxx.selector("_ZTId"), Some(3));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Personality {
    symbol: Option<String>,
    /// The types that are caught: the symbols of their `std::type_info`, from filter 2 on.
    types: Vec<String>,
    /// The filters of a tag, in the order in which they are tried.
    tags: BTreeMap<u32, Vec<i64>>,
}

/// The filter of a cleanup.
pub(crate) const CLEANUP: i64 = 0;
/// The filter that takes every exception.
pub(crate) const CATCH_ALL: i64 = 1;
/// The filter of the first type.
const FIRST_TYPE: i64 = 2;

impl Personality {
    /// Returns the function `symbol`, and no tags.
    #[must_use]
    pub fn new(symbol: &str) -> Self {
        let mut own = Self::own_unwinder();
        own.symbol = Some(symbol.to_owned());
        own
    }

    /// Returns no personality: an unwinder of the front end's own enters handlers. It reads the
    /// call sites of Cranelift's code itself. The exceptions of C++ and Rust pass by every handler.
    #[must_use]
    pub fn own_unwinder() -> Self {
        Self {
            symbol: None,
            types: Vec::new(),
            tags: BTreeMap::new(),
        }
    }

    /// Makes handlers of `tag` cleanups, for exceptions that they do not catch. Each runs when an
    /// exception passes through, and ends by `_Unwind_Resume` of its first value. The selector is
    /// 0.
    #[must_use]
    pub fn cleanup(self, tag: u32) -> Self {
        self.with(tag, CLEANUP)
    }

    /// Makes handlers of `tag` catch exceptions of the type whose `std::type_info` is the symbol
    /// `type_info`, `_ZTIi` for `int`. With several types, the first that fits is caught.
    #[must_use]
    pub fn catches(mut self, tag: u32, type_info: &str) -> Self {
        let filter = self.selector(type_info).unwrap_or_else(|| {
            self.types.push(type_info.to_owned());
            self.selector(type_info).unwrap_or(CATCH_ALL)
        });
        self.with(tag, filter)
    }

    /// Returns the selector that a handler gets for an exception of this type: 2 for the first type
    /// that [`catches`](Self::catches) has named, and so on.
    #[must_use]
    pub fn selector(&self, type_info: &str) -> Option<i64> {
        let index = self.types.iter().position(|own| own == type_info)?;
        Some(i64::try_from(index).ok()? + FIRST_TYPE)
    }

    /// Returns the name of the function; none for [`own_unwinder`](Self::own_unwinder).
    #[must_use]
    pub fn symbol(&self) -> Option<&str> {
        self.symbol.as_deref()
    }

    /// Returns the first name that is no symbol's.
    pub(crate) fn unusable_name(&self) -> Option<&str> {
        let mut names = self.symbol.iter().chain(&self.types).map(String::as_str);
        names.find(|name| name.is_empty() || name.contains('\0'))
    }

    fn with(mut self, tag: u32, filter: i64) -> Self {
        self.tags.entry(tag).or_default().push(filter);
        self
    }

    /// Returns the filters of handlers of `tag`, in the order in which they are tried.
    pub(crate) fn filters(&self, tag: u32) -> Option<&[i64]> {
        self.tags.get(&tag).map(Vec::as_slice)
    }

    /// Returns the type of a filter, if it has one.
    pub(crate) fn type_of(&self, filter: i64) -> Option<&str> {
        let index = usize::try_from(filter - FIRST_TYPE).ok()?;
        self.types.get(index).map(String::as_str)
    }
}
