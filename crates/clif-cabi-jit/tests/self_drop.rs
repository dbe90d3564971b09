//! Closures that are dropped while they run: by themselves, from calls nested in them, with all that made them. Their state and their code stay until
//! they have returned, and no longer.
#![cfg(all(has_engine, target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

mod common;

use core::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type};
use clif_cabi_jit::{Closure, ClosureInterface, Closures, Settings};
use common::again;

/// Where a closure is that drops itself.
type Own = Arc<Mutex<Option<Closure>>>;

/// State of a closure: what was dropped is counted, and its text is overwritten first, so that who reads it afterwards sees that.
struct State {
    text: [u8; 32],
    dropped: Arc<AtomicUsize>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.text = [0xdd; 32];
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn state(dropped: &Arc<AtomicUsize>) -> State {
    State {
        text: *b"still there, as the call goes on",
        dropped: Arc::clone(dropped),
    }
}

fn interface() -> ClosureInterface {
    let closures = Closures::new(&Settings::default()).unwrap();
    closures
        .interface(&FnSig::new([Type::I64], Type::I64))
        .unwrap()
}

/// Calls a `long f(long)`.
fn call(code: *const c_void, n: i64) -> i64 {
    // SAFETY: closures of this signature; they may be dropped while they run.
    let code: extern "C" fn(i64) -> i64 = unsafe { core::mem::transmute(code) };
    code(n)
}

/// What running closures saw of their state: how many were dropped by then, and its first byte.
type Seen = Arc<Mutex<Vec<(usize, u8)>>>;

/// A closure that calls itself with less until it is called with 0, and is dropped by the innermost call. Returns its address.
fn dropping(
    interface: &ClosureInterface,
    dropped: &Arc<AtomicUsize>,
    seen: &Seen,
) -> *const c_void {
    let own = Own::default();
    let (inside, state, seen) = (Arc::clone(&own), state(dropped), Arc::clone(seen));
    let closure = interface.closure("drops itself", move |args, result| {
        let n: i64 = args.get(0).unwrap();
        let below = if n == 0 {
            drop(inside.lock().unwrap().take());
            0
        } else {
            let code = inside.lock().unwrap().as_ref().map(Closure::code);
            call(code.unwrap(), n - 1)
        };
        let n_dropped = state.dropped.load(Ordering::SeqCst);
        seen.lock().unwrap().push((n_dropped, state.text[0]));
        result.set(below + args.get::<i64>(0).unwrap()).unwrap();
    });
    let closure = closure.unwrap();
    let code = closure.code();
    *own.lock().unwrap() = Some(closure);
    code
}

#[test]
fn a_closure_that_drops_itself() {
    let interface = interface();
    // Deeper than what is noted without the heap.
    for depth in [0, 1, 3, 200] {
        let (dropped, seen) = (Arc::default(), Seen::default());
        let code = dropping(&interface, &dropped, &seen);
        assert_eq!(call(code, depth), depth * (depth + 1) / 2);
        let seen = seen.lock().unwrap().clone();
        assert_eq!(seen.len() as i64, depth + 1);
        assert!(seen.iter().all(|seen| *seen == (0, b's')), "{seen:?}");
        // And as soon as the outermost call has returned.
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }
}

/// A closure that another one drops, which it has called; and one that is not running is gone at once.
#[test]
fn a_closure_that_is_dropped_below_itself() {
    let interface = interface();
    let (outer_dropped, other_dropped, seen) = (Arc::default(), Arc::default(), Seen::default());
    let (outer, other) = (Own::default(), Own::default());
    let unrelated = state(&other_dropped);
    let unrelated = interface.closure("unrelated", move |_, _| {
        let _whole = &unrelated;
    });
    *other.lock().unwrap() = Some(unrelated.unwrap());
    let (drops, count) = ([Arc::clone(&outer), other], Arc::clone(&other_dropped));
    let dropper = interface.closure("dropper", move |_, result| {
        for own in &drops {
            drop(own.lock().unwrap().take());
        }
        result.set(count.load(Ordering::SeqCst) as i64).unwrap();
    });
    let dropper = dropper.unwrap();
    let (code, state, kept) = (
        dropper.code().addr(),
        state(&outer_dropped),
        Arc::clone(&seen),
    );
    let closure = interface.closure("outer", move |_, result| {
        let n = call(core::ptr::with_exposed_provenance(code), 0);
        let n_dropped = state.dropped.load(Ordering::SeqCst);
        kept.lock().unwrap().push((n_dropped, state.text[0]));
        result.set(n).unwrap();
    });
    let closure = closure.unwrap();
    let code = closure.code();
    *outer.lock().unwrap() = Some(closure);
    assert_eq!(call(code, 0), 1, "what does not run is dropped at once");
    assert_eq!(*seen.lock().unwrap(), [(0, b's')]);
    assert_eq!(outer_dropped.load(Ordering::SeqCst), 1);
}

/// The last owner of everything: the code that it returns to stays as well, until its thread is gone.
#[test]
fn the_last_closure_of_an_engine() {
    let before = executable();
    thread::spawn(|| {
        let (dropped, seen) = (Arc::default(), Seen::default());
        for _ in 0..20 {
            let code = dropping(&interface(), &dropped, &seen);
            assert_eq!(call(code, 2), 3);
        }
        assert_eq!(dropped.load(Ordering::SeqCst), 20);
    })
    .join()
    .unwrap();
    // Other tests run at the same time.
    assert!(executable() < before + 20);
}

fn executable() -> usize {
    let executable = |(_, permissions): &(_, String)| permissions.contains('x');
    common::mappings()
        .iter()
        .filter(|mapping| executable(mapping))
        .count()
}

const CHILD: &str = "CLIF_CABI_JIT_SELF_DROP";

/// State whose end is a panic: there is C to return to, so the process ends.
#[test]
fn state_that_panics_when_it_is_dropped() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("no end");
        }
    }
    if std::env::var_os(CHILD).is_none() {
        let (child, text) = again("state_that_panics_when_it_is_dropped", CHILD, "1");
        assert!(!child.status.success(), "{text}");
        let expected = "closure ends panicked when it was dropped: no end; it was called by C, so the process ends";
        assert!(text.contains(expected), "{text}");
        return;
    }
    let own = Own::default();
    let (inside, state) = (Arc::clone(&own), Panics);
    let closure = interface().closure("ends", move |_, _| {
        let _state = &state;
        drop(inside.lock().unwrap().take());
    });
    let closure = closure.unwrap();
    let code = closure.code();
    *own.lock().unwrap() = Some(closure);
    call(code, 0);
}
