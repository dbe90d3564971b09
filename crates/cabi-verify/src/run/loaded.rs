//! Compiled callers and callees, loaded: callees record their arguments, callers record the result.
//!
//! A callee copies each parameter into a buffer as a C object, and each narrow integer widened as well: a compiler that
//! relies on its caller's extension widens wrongly if there is none. Then it returns the bytes that the case gives. A caller calls through a
//! pointer, and keeps values of its own during the call, which are compared after it. A thunk between the two sides compares the registers that a callee
//! must preserve (`boundary.rs`).
//!
//! What a compiler made is loaded in children only ([`child`]): its constructors are code under test too. In any other process there is
//! nothing of it: no function, and no buffer.

use std::cell::{Cell, OnceCell, RefCell};

use crate::build::{Built, object_data};
use libloading::Library;

pub use super::boundary::{PHASES, Promise};

mod load;
use super::BUFFER;
use super::boundary::{self, Crossing, Image, Target};
use super::{Written, child};

/// The C callers and callees of many cases, compiled; loaded by each child that uses them.
#[derive(Debug)]
pub struct LoadedCode {
    built: Built,
    names: Vec<String>,
    loaded: OnceCell<Result<Box<Loaded>, String>>,
    /// What the thunk calls in the next call.
    target: Cell<Option<Target>>,
    crossing: RefCell<Option<Box<Crossing>>>,
}

/// The library, and the buffers of FRAME in it.
#[derive(Debug)]
struct Loaded {
    library: Library,
    at: Buffers,
}

/// Where the buffers are, as `cabi_places` lists them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Buffers {
    seen: *mut u8,
    got: *mut u8,
    given: *mut u8,
    images: *mut u8,
    wide: *mut i64,
    live: *mut u64,
    kept: *mut u64,
    /// The bits of a `double` each.
    live_double: *mut u64,
    kept_double: *mut u64,
    escape_at: *mut *const u8,
}

/// How many values a C caller keeps during a call: more than there are registers that calls leave as they are.
const N_LIVE: usize = 8;

impl LoadedCode {
    /// The library, loaded by this process, which is a child.
    fn loaded(&self) -> Result<&Loaded, &str> {
        if !child::is_child() {
            return Err("compiled code is only loaded in children");
        }
        let loaded = self.loaded.get_or_init(|| {
            // SAFETY: whatever the compiler made, this process is there for it, and may be lost.
            let opened = unsafe { Loaded::open(&self.built) };
            opened
                .map(Box::new)
                .map_err(|error| object_data::reason(&error))
        });
        match loaded {
            Ok(loaded) => Ok(loaded),
            Err(why) => Err(why),
        }
    }

    /// What the compiler warned of.
    pub fn warnings(&self) -> &str {
        &self.built.warnings
    }

    /// Where a callee writes what it was given; null where the code is not loaded.
    pub fn seen(&self) -> *mut u8 {
        self.loaded()
            .map_or(std::ptr::null_mut(), |loaded| loaded.at.seen)
    }

    /// Where a callee reads what it returns; null where the code is not loaded.
    pub fn given(&self) -> *mut u8 {
        self.loaded()
            .map_or(std::ptr::null_mut(), |loaded| loaded.at.given)
    }

    /// The address of the function of case `index`: of its symbol, or, where a language has none for it, what `<name>_address` returns.
    pub fn callee(&self, index: usize) -> Option<*mut u8> {
        let name = self.names.get(index)?;
        self.address(name).or_else(|| {
            let address = self.address(&format!("{name}_address"))?;
            // SAFETY: functions of this name are compiled with this type; this is a child, where what a compiler made may run.
            let address: extern "C" fn() -> *mut u8 = unsafe { std::mem::transmute(address) };
            Some(address())
        })
    }

    /// The address of a function without parameters which leaves a call that cannot return.
    pub fn escape(&self) -> *mut u8 {
        boundary::escape_address()
    }

    fn address(&self, name: &str) -> Option<*mut u8> {
        let library = &self.loaded().ok()?.library;
        // SAFETY: only the address is taken; its type is stated where it is called.
        unsafe {
            let symbol = library
                .get::<unsafe extern "C" fn()>(name.as_bytes())
                .ok()?;
            Some(*symbol as *mut u8)
        }
    }

    /// Clears what will be compared: `n_seen` bytes of what is seen, and a result as long as `given`, which is what callees return.
    pub fn prepare(&self, given: &[u8], n_seen: usize) {
        let Ok(loaded) = self.loaded() else {
            return;
        };
        // SAFETY: the buffers of FRAME have BUFFER bytes, 256 and N_LIVE words; nothing runs that uses them.
        unsafe {
            loaded.at.seen.write_bytes(0xee, n_seen.min(BUFFER));
            let len = given.len().min(BUFFER);
            loaded.at.got.write_bytes(0xee, len);
            loaded.at.wide.write_bytes(0x77, 256);
            std::ptr::copy_nonoverlapping(given.as_ptr(), loaded.at.given, len);
            for i in 0..N_LIVE {
                loaded.at.live.add(i).write(live(i));
                loaded.at.kept.add(i).write(0);
            }
            loaded.at.live_double.write(live(N_LIVE));
            loaded.at.kept_double.write(live(N_LIVE));
            loaded.at.escape_at.write(boundary::escape_address());
        }
    }

    /// What was written down of the last call: `n_seen` bytes of what the callee saw, and a result of `n_got` bytes that a C caller got.
    pub(crate) fn written(&self, n_seen: usize, n_got: usize) -> Written {
        let Ok(loaded) = self.loaded() else {
            return Written::default();
        };
        let at = loaded.at;
        // SAFETY: inside the buffers of BUFFER bytes, and 256 words; nothing runs that uses them.
        let bytes = |from: *const u8, len: usize| unsafe { std::slice::from_raw_parts(from, len) };
        Written {
            seen: bytes(at.seen, n_seen.min(BUFFER)).to_vec(),
            got: bytes(at.got, n_got.min(BUFFER)).to_vec(),
            wide: bytes(at.wide.cast(), 8 * 256).to_vec(),
        }
    }

    /// The registers that the thunk saw at its last call, and after it, if there was one.
    pub(crate) fn registers(&self) -> Option<[Image; 2]> {
        Some(self.crossing.borrow().as_ref()?.images())
    }

    /// Makes the thunk call `target`, and compare what `target` keeps with `promise`. Returns the thunk's address, which the caller calls.
    pub fn through(&self, target: *const u8, promise: Promise) -> *mut u8 {
        let code = target;
        self.target.set(Some(Target { code, promise }));
        self.thunk()
    }

    /// The address of the thunk, which is the same for every target.
    pub fn thunk(&self) -> *mut u8 {
        boundary::thunk_address()
    }

    /// Runs `shim(args, ret, callee)`, which returns or escapes.
    ///
    /// # Safety
    /// `shim` is code of that type, sound with these arguments; it calls what [`LoadedCode::through`] gave, if anything.
    pub unsafe fn run(&self, shim: *const u8, args: *const u8, ret: *const u8, callee: *const u8) {
        let Some(target) = self.target.get() else {
            return;
        };
        // SAFETY: the caller's.
        let crossing = unsafe { boundary::call(shim, [args, ret, callee], target) };
        *self.crossing.borrow_mut() = Some(Box::new(crossing));
    }

    /// Lets the C caller of case `index` call, through the thunk, with the arguments whose images are given. Says whether there
    /// is such a case.
    ///
    /// # Safety
    /// What [`LoadedCode::through`] was given is code of the case's type.
    pub unsafe fn call(&self, index: usize, images: &[u8]) -> bool {
        let name = self.names.get(index);
        let call = name.and_then(|name| self.address(&format!("{name}_call")));
        let (Some(call), Ok(loaded)) = (call, self.loaded()) else {
            return false;
        };
        // SAFETY: the buffer of FRAME has BUFFER bytes; nothing runs that uses it. The function is of this type, reads `Images::of` of the case,
        // and the caller answers for the callee.
        unsafe {
            let len = images.len().min(BUFFER);
            std::ptr::copy_nonoverlapping(images.as_ptr(), loaded.at.images, len);
            self.run(call, self.thunk(), loaded.at.images, loaded.at.got);
        }
        true
    }

    /// Whether both sides of the last call, which have these names in messages, kept what they owe each other besides values.
    pub fn check_promises(&self, caller: &str, callee: &str) -> Result<(), String> {
        let crossing = self.crossing.borrow();
        (crossing.iter()).try_for_each(|crossing| crossing.check(caller, callee))
    }

    /// Whether what the machine has besides registers was as it should be after the last call: the x87 stack empty (psABI 3.2.1, Registers). It is now.
    pub fn check_machine(&self) -> Result<(), String> {
        let crossing = self.crossing.borrow();
        (crossing.iter()).try_for_each(|crossing| crossing.check_machine())
    }

    /// Lets a C function, called so in messages, keep values during a call that changes every register it may change. After
    /// [`prepare`](Self::prepare).
    ///
    /// # Errors
    /// Which value it lost, and in which register it was, if that is known; or what it did not keep for its own caller.
    pub fn check_keeping(&self, caller: &str) -> Result<(), String> {
        let keep = self.address("cabi_keep");
        let keep = keep.ok_or("the C code is incomplete")?;
        let thunk = self.through(boundary::nothing_address(), Promise::nothing());
        let null = std::ptr::null();
        // SAFETY: FRAME has this function with this type; what the thunk calls is of the type that it calls.
        unsafe { self.run(keep, thunk, null, null) };
        self.check_promises(caller, "a function")?;
        self.check_kept(caller)
    }

    /// Whether `cabi_keep` still had its values after its call.
    fn check_kept(&self, caller: &str) -> Result<(), String> {
        let loaded = self.loaded()?;
        // SAFETY: the array of N_LIVE words; nothing runs that uses it.
        let kept = unsafe { std::slice::from_raw_parts(loaded.at.kept, N_LIVE) };
        // SAFETY: a word of FRAME; nothing runs that uses it.
        let double = unsafe { loaded.at.kept_double.read() };
        for (i, kept) in kept.iter().chain([&double]).enumerate() {
            let relies = match boundary::filled(*kept) {
                _ if *kept == live(i) => continue,
                Some(register) => format!(": it relies on {register}, which the callee may change"),
                None => String::new(),
            };
            return Err(format!(
                "{caller} loses a value that it keeps during the call{relies}"
            ));
        }
        Ok(())
    }
}

/// A value that a C caller keeps; no two are the same.
fn live(i: usize) -> u64 {
    0x11fe_11fe_11fe_1100 + i as u64
}

impl Loaded {
    /// # Safety
    /// The library's constructors run.
    unsafe fn open(built: &Built) -> Result<Self, libloading::Error> {
        // SAFETY: the caller wants it to be loaded; `cabi_places` has this type in FRAME.
        unsafe {
            let library = Library::new(&built.object)?;
            let at = **library.get::<*const Buffers>(b"cabi_places")?;
            Ok(Self { library, at })
        }
    }
}
