//! The arguments of a typed call: a tuple of values, or a list whose length the program finds out.

use core::mem::MaybeUninit;

use crate::value::{CValue, CallArg};

/// Arguments whose addresses need no memory from the heap.
pub(crate) const FEW: usize = 16;

/// Arguments of [`CallInterface::call`](crate::CallInterface::call): a tuple of up to twelve
/// values, `(3.0, 4.0)` and `(n,)` and `()`, or a list of [`CallArg`]s.
pub trait CallArgs: sealed::Sealed {
    /// Gives the list to `call`.
    fn with<R>(&self, call: impl FnOnce(&[CallArg<'_>]) -> R) -> R;

    /// Gives the addresses of the values to `call`, if they are few, and each is of its kind.
    #[doc(hidden)]
    #[inline(always)]
    fn of_kinds<R>(&self, kinds: &[u32], call: impl FnOnce(Option<&[*const u8]>) -> R) -> R {
        self.with(|args| {
            let mut pointers = [const { MaybeUninit::<*const u8>::uninit() }; FEW];
            if args.len() != kinds.len() || args.len() > FEW {
                return call(None);
            }
            for ((arg, kind), to) in args.iter().zip(kinds).zip(&mut pointers) {
                if arg.kind != *kind {
                    return call(None);
                }
                to.write(arg.bytes);
            }
            // SAFETY: as many are written as there are arguments.
            call(Some(unsafe {
                core::slice::from_raw_parts(pointers.as_ptr().cast(), args.len())
            }))
        })
    }
}

/// A call may rely on the arguments without a check, because nobody else implements the trait.
mod sealed {
    pub trait Sealed {}
}

macro_rules! lists {
    ($([$($generic:tt)*] $list:ty,)*) => {
        $(
            impl<$($generic)*> sealed::Sealed for $list {}
            impl<$($generic)*> CallArgs for $list {
                #[inline(always)]
                fn with<R>(&self, call: impl FnOnce(&[CallArg<'_>]) -> R) -> R {
                    call(self)
                }
            }
        )*
    };
}

lists! {
    [] [CallArg<'_>],
    [] Vec<CallArg<'_>>,
    [const N: usize] [CallArg<'_>; N],
}

impl<T: CallArgs + ?Sized> sealed::Sealed for &T {}
impl<T: CallArgs + ?Sized> CallArgs for &T {
    #[inline(always)]
    fn with<R>(&self, call: impl FnOnce(&[CallArg<'_>]) -> R) -> R {
        (**self).with(call)
    }

    #[inline(always)]
    fn of_kinds<R>(&self, kinds: &[u32], call: impl FnOnce(Option<&[*const u8]>) -> R) -> R {
        (**self).of_kinds(kinds, call)
    }
}

macro_rules! tuples {
    ($($value:ident)*) => {
        impl<$($value: CValue),*> sealed::Sealed for ($($value,)*) {}

        #[allow(non_snake_case, reason = "each value has the name of its type")]
        impl<$($value: CValue),*> CallArgs for ($($value,)*) {
            #[inline(always)]
            fn with<R>(&self, call: impl FnOnce(&[CallArg<'_>]) -> R) -> R {
                let ($($value,)*) = self;
                call(&[$(CallArg::new($value)),*])
            }

            #[inline(always)]
            fn of_kinds<R>(&self, kinds: &[u32], call: impl FnOnce(Option<&[*const u8]>) -> R) -> R {
                let ($($value,)*) = self;
                let own: &[u32] = const { &[$($value::KIND),*] };
                if kinds != own {
                    return call(None);
                }
                call(Some(&[$((&raw const *$value).cast()),*]))
            }
        }
    };
}

up_to_twelve!(tuples);
