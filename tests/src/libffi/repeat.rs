//! The loops: `n` calls of a kind, of which callgrind writes down the instructions under a name.

use std::ffi::{CString, c_char, c_long, c_void};

use clif_cabi_jit::Closures;

use super::{By, Pair, Program, Result};

/// What a loop begins with: the name under which callgrind writes its instructions down, and the number of calls.
type Name = *const c_char;

impl Program {
    /// Makes `n` calls of `body`.
    pub fn repeat(&self, name: &str, n: c_long, mut body: &mut dyn FnMut()) -> Result<()> {
        type Body<'b> = &'b mut dyn FnMut();
        type Repeat =
            unsafe extern "C" fn(Name, c_long, unsafe extern "C" fn(*mut c_void), *mut c_void);
        /// # Safety
        /// `body` points to a `Body` that nothing else uses.
        unsafe extern "C" fn once(body: *mut c_void) {
            // SAFETY: as the caller says.
            unsafe { (*body.cast::<Body<'_>>())() }
        }
        let name = CString::new(name)?;
        // SAFETY: `repeat_any` has this type, and calls `once` with the address of `body`.
        unsafe {
            let repeat: Repeat = self.function("repeat_any")?;
            repeat(name.as_ptr(), n, once, (&raw mut body).cast());
        }
        Ok(())
    }
}

impl Pair<'_> {
    /// The C function of this signature: `used` or `same`.
    pub fn c_function(&self, what: &str) -> Result<*const c_void> {
        Ok(self.own(what)?.cast_const())
    }

    /// The shim that the compiler of `program` has made.
    pub fn c_shim(&self, program: &Program) -> Result<*const c_void> {
        let shim = program.symbol(&format!("caller_{}", self.index))?;
        Ok(shim.cast_const())
    }

    /// Calls `target` in a loop of `program`.
    ///
    /// # Safety
    /// `target` is a function of this signature.
    pub unsafe fn repeat_inline(
        &mut self,
        program: &Program,
        what: (&str, c_long),
        target: *const c_void,
    ) -> Result<()> {
        let inline = self.inline(program, what)?;
        // SAFETY: the caller's promise.
        inline(target);
        Ok(())
    }

    /// The loop of `program` in which C calls a function of this signature that it has the address of.
    fn inline(
        &mut self,
        program: &Program,
        (name, n): (&str, c_long),
    ) -> Result<impl Fn(*const c_void) + use<>> {
        type Repeat = unsafe extern "C" fn(Name, c_long, *const u8, *mut u8, *const c_void);
        let name = CString::new(name)?;
        // SAFETY: `repeat_N` has this type.
        let repeat: Repeat = unsafe { program.function(&format!("repeat_{}", self.index))? };
        let (args, ret) = (self.sent.0.as_ptr(), self.returned.0.as_mut_ptr());
        // SAFETY: the loop makes calls of this signature; whoever calls this has a function of it.
        Ok(move |target| unsafe { repeat(name.as_ptr(), n, args, ret, target) })
    }

    /// Calls `used_N` by `shim`.
    ///
    /// # Safety
    /// `shim` is one of this signature.
    pub unsafe fn repeat_shim(
        &mut self,
        (name, n): (&str, c_long),
        shim: *const c_void,
    ) -> Result<()> {
        type Repeat =
            unsafe extern "C" fn(Name, c_long, *const c_void, *const u8, *mut u8, *const c_void);
        let (name, target) = (CString::new(name)?, self.c_function("used")?);
        // SAFETY: `repeat_shim` has this type; the rest is the caller's promise.
        unsafe {
            let repeat: Repeat = self.program.function("repeat_shim")?;
            let (args, ret) = (self.sent.0.as_ptr(), self.returned.0.as_mut_ptr());
            repeat(name.as_ptr(), n, shim, args, ret, target);
        }
        Ok(())
    }

    /// Calls `used_N` by an invoker or by `ffi_call`.
    ///
    /// # Errors
    /// What is not found, or what libffi has not.
    pub fn repeat_dynamic(&mut self, (name, n): (&str, c_long), by: By) -> Result<()> {
        type Ours = unsafe extern "C" fn(
            Name,
            c_long,
            *const c_void,
            *const c_void,
            *const *mut c_void,
            *mut u8,
        );
        type Theirs = unsafe extern "C" fn(
            Name,
            c_long,
            *const c_void,
            *mut c_void,
            *const c_void,
            *const *mut c_void,
            c_long,
            *mut u8,
        );
        let (name, target) = (CString::new(name)?, self.c_function("used")?);
        let mut pointers = self.pointers();
        // libffi writes to the table of addresses where an argument is a large record.
        let n_restored = match self.arguments.iter().any(|own| own.bytes.len() > 16) {
            true => c_long::try_from(pointers.len())?,
            false => 0,
        };
        // The loop of C copies as many.
        pointers.resize(16, std::ptr::null_mut());
        let (name, args) = (name.as_ptr(), pointers.as_ptr());
        let ret = self.returned.0.as_mut_ptr();
        // SAFETY: the loops have these types, `used_N` has this signature; the pointers lead to its arguments, and the buffer is larger than any result.
        unsafe {
            match by {
                By::Ours => {
                    let repeat: Ours = self.program.function("repeat_invoker")?;
                    let code = self.invoker.code();
                    repeat(name, n, code.as_ptr(), target, args, ret);
                }
                By::Libffi => {
                    let repeat: Theirs = self.program.function("repeat_ffi_call")?;
                    let (call, cif) = self.cif()?.raw();
                    repeat(name, n, call, cif, target, args, n_restored, ret);
                }
            }
        }
        Ok(())
    }

    /// Has C call a closure that does nothing.
    pub fn repeat_closure(
        &mut self,
        what: (&str, c_long),
        by: By,
        closures: &Closures,
    ) -> Result<()> {
        let inline = self.inline(self.program, what)?;
        match by {
            By::Ours => {
                let interface = closures.interface(self.sig)?;
                inline(interface.closure("nothing", |_, _| {})?.code());
            }
            By::Libffi => inline(self.cif()?.closure()?.code()),
        }
        Ok(())
    }
}
