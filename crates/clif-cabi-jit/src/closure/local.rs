//! Closures of one thread: they may own and change values that are neither `Send` nor `Sync`. Each
//! call checks its thread.

use core::cell::RefCell;
use core::marker::PhantomData;
use core::ops::Deref;

use super::enter::end;
use super::{Closure, ClosureArgs, ClosureInterface, ClosureResult, running};
use crate::error::Result;

/// A [`Closure`] that only the thread that made it may call and drop. A call by another thread ends
/// the process with a message that names the closure.
///
/// ```compile_fail,E0277
/// # use clif_cabi_jit::LocalClosure;
/// # fn send(closure: LocalClosure<'static>) {
/// std::thread::spawn(move || drop(closure)); // not `Send`
/// # }
/// ```
#[derive(Debug)]
pub struct LocalClosure<'a> {
    closure: Closure<'a>,
    not_send: PhantomData<*mut ()>,
}

impl<'a> Deref for LocalClosure<'a> {
    type Target = Closure<'a>;

    fn deref(&self) -> &Closure<'a> {
        &self.closure
    }
}

impl ClosureInterface {
    /// Makes a closure as [`ClosureInterface::closure`] does, for this thread alone: a call on
    /// another one ends the process with a message that names the closure.
    ///
    /// # Errors
    /// As [`ClosureInterface::closure`].
    pub fn local<'a, F>(&self, name: &str, closure: F) -> Result<LocalClosure<'a>>
    where
        F: Fn(&ClosureArgs<'_>, &mut ClosureResult<'_>) + 'a,
    {
        let (closure_name, thread) = (name.to_owned(), running::thread());
        let checked = move |args: &ClosureArgs<'_>, result: &mut ClosureResult<'_>| {
            if running::thread() != thread {
                let message = "was called by another thread than the one that made it";
                end(&closure_name, message);
            }
            closure(args, result);
        };
        Ok(LocalClosure {
            closure: self.with(name, checked)?,
            not_send: PhantomData,
        })
    }

    /// Makes a closure as [`ClosureInterface::local`] does, which may change values it owns or
    /// borrows. If C calls it while it runs, that ends the process too.
    ///
    /// # Errors
    /// As [`ClosureInterface::closure`].
    ///
    /// # Example
    /// ```
    /// # #[cfg(not(all(has_engine, unix)))]
    /// # return Ok(()); // no JIT on this machine
    /// use clif_cabi_jit::{Closures, Settings, clif_cabi::cabi::{FnSig, Type}};
    ///
    /// let closures = Closures::new(&Settings::default())?;
    /// let interface = closures.interface(&FnSig::new([Type::I32], Type::VOID))?;
    /// let mut seen = Vec::new();
    /// let note = interface.local_mut("note", |args, _| seen.push(args.get::<i32>(0).unwrap()))?;
    /// let code = note.as_fn::<unsafe extern "C" fn(i32)>()?;
    /// // SAFETY: the closure lives, and does not run.
    /// unsafe { (code(1), code(2)) };
    /// drop(note);
    /// assert_eq!(seen, [1, 2]);
    /// # Ok::<(), clif_cabi_jit::Error>(())
    /// ```
    ///
    /// Nobody else can use the values that it borrows until it is dropped:
    ///
    /// ```compile_fail,E0502
    /// # use clif_cabi_jit::{ClosureInterface, Error};
    /// # fn f(interface: &ClosureInterface) -> Result<(), Error> {
    /// let mut seen = Vec::new();
    /// let note = interface.local_mut("note", |args, _| seen.push(args.get::<i32>(0).unwrap()))?;
    /// println!("{}", seen.len());
    /// drop(note);
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_mut<'a, F>(&self, name: &str, closure: F) -> Result<LocalClosure<'a>>
    where
        F: FnMut(&ClosureArgs<'_>, &mut ClosureResult<'_>) + 'a,
    {
        let (own, closure) = (name.to_owned(), RefCell::new(closure));
        self.local(name, move |args, result| match closure.try_borrow_mut() {
            Ok(mut closure) => closure(args, result),
            Err(_) => end(
                &own,
                "was called while it was running, which an `FnMut` does not allow",
            ),
        })
    }
}
