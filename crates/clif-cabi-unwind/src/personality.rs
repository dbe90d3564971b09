//! The personality: the function by which a language takes part in unwinding, and what the tags of handlers mean to it.

use std::collections::BTreeMap;

/// Decides at a frame whether an exception is caught there: `__gxx_personality_v0` of C++, `rust_eh_personality` of Rust, or a function of the
/// front end's own. All functions of one [`UnwindTables`](crate::UnwindTables) that have handlers share it; a function without handlers needs none.
///
/// A handler without a tag (`default`) catches every exception: C++'s `catch (...)`. It gets the exception and the selector as its two
/// values, and owns the exception: it ends it by `__cxa_begin_catch` and `__cxa_end_catch`, or for one of another language by `_Unwind_DeleteException`. A handler that
/// goes on unwinding by `_Unwind_Resume` is a *cleanup*, and has a tag that says so: an exception that was caught cannot be resumed.
///
/// # Example
/// ```
/// use clif_cabi_unwind::Personality;
///
/// // try_call fn0(), sig0, block1, [ tag0: block2(exn0, exn1) ]: block2 is a cleanup; tag1: catch (int).
/// let gxx = Personality::new("__gxx_personality_v0").cleanup(0).catches(1, "_ZTIi");
/// assert_eq!(gxx.symbol(), Some("__gxx_personality_v0"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Personality {
    symbol: Option<String>,
    tags: BTreeMap<u32, Meaning>,
}

/// What a handler does with an exception.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Meaning {
    Cleanup,
    CatchAll,
    /// Of this type: the symbol of its `std::type_info`.
    Catch(String),
}

impl Personality {
    /// The function `symbol`, and no tags.
    #[must_use]
    pub fn new(symbol: &str) -> Self {
        Self {
            symbol: Some(symbol.to_owned()),
            tags: BTreeMap::new(),
        }
    }

    /// None: handlers are entered by an unwinder of the front end's own, which reads the call sites of Cranelift's code itself. The exceptions of C++ and Rust
    /// pass by every handler.
    #[must_use]
    pub fn own_unwinder() -> Self {
        Self {
            symbol: None,
            tags: BTreeMap::new(),
        }
    }

    /// Handlers of `tag` are cleanups: each runs when an exception passes through, and ends by `_Unwind_Resume` of its first value.
    #[must_use]
    pub fn cleanup(mut self, tag: u32) -> Self {
        self.tags.insert(tag, Meaning::Cleanup);
        self
    }

    /// Handlers of `tag` catch exceptions of the type whose `std::type_info` is the symbol `type_info`: `_ZTIi` for `int`.
    #[must_use]
    pub fn catches(mut self, tag: u32, type_info: &str) -> Self {
        self.tags.insert(tag, Meaning::Catch(type_info.to_owned()));
        self
    }

    /// The name of the function; none for [`own_unwinder`](Self::own_unwinder).
    #[must_use]
    pub fn symbol(&self) -> Option<&str> {
        self.symbol.as_deref()
    }

    pub(crate) fn meaning(&self, tag: u32) -> Option<&Meaning> {
        self.tags.get(&tag)
    }
}
