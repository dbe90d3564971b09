//! Ends of closures:
//! - those of one thread, which borrow and change values
//! - those that are dropped while they run, whose state and code stay just until they have returned
//! - those that end the process, with a message that names them

use core::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::of;
use crate::common::*;

type Step = unsafe extern "C" fn(i32) -> i32;

fn of_int() -> ClosureInterface {
    of(&[Type::I32], Type::I32)
}

/// Calls a closure of [`of_int`], which may be dropped while it runs.
fn call(code: *const c_void, n: i32) -> i32 {
    // SAFETY: it is of this signature, and lives until it has returned.
    unsafe { core::mem::transmute::<*const c_void, Step>(code)(n) }
}

/// An `Fn` runs again while it runs, with a value that no other thread may have.
#[test]
fn one_of_one_thread_may_call_itself() {
    let depth = Rc::new(Cell::new(0));
    let code = Cell::new(core::ptr::null());
    let interface = of_int();
    let down = interface.local("down", |args, result| {
        let n: i32 = args.get(0).unwrap();
        depth.set(depth.get() + 1);
        if n > 0 {
            result.set(n + call(code.get(), n - 1)).unwrap();
        }
    });
    let down = down.unwrap();
    code.set(down.code());
    assert_eq!(call(down.code(), 4), 10);
    assert_eq!(depth.get(), 5);
}

/// It is freed when it has returned, not before.
#[test]
fn one_that_changes_itself_may_drop_itself() {
    thread_local! {
        static OWN: RefCell<Option<LocalClosure<'static>>> = const { RefCell::new(None) };
    }
    let (alive, mut text) = (Rc::new(()), String::from("is "));
    let weak = Rc::downgrade(&alive);
    let watched = weak.clone();
    let closure = of_int().local_mut("drops", move |_, result| {
        OWN.take();
        text.push_str("alive");
        assert_eq!(watched.strong_count(), Rc::strong_count(&alive));
        result.set(i32::try_from(text.len()).unwrap()).unwrap();
    });
    let closure = closure.unwrap();
    let code = closure.code();
    OWN.set(Some(closure));
    assert_eq!(call(code, 0), 8);
    assert_eq!(weak.strong_count(), 0);
}

/// Owner of a closure that drops itself.
type SharedClosure = Arc<Mutex<Option<Closure<'static>>>>;

/// State of a closure: drops are counted, and its text is overwritten first, so that a later read
/// sees the drop.
struct State {
    text: [u8; 32],
    dropped: Arc<AtomicUsize>,
}

impl State {
    fn new(dropped: &Arc<AtomicUsize>) -> Self {
        Self {
            text: *b"still there, as the call goes on",
            dropped: Arc::clone(dropped),
        }
    }

    /// Returns how many have been dropped by now, and its first byte.
    fn counts(&self) -> (usize, u8) {
        (self.dropped.load(Ordering::SeqCst), self.text[0])
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.text = [0xdd; 32];
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// Observations of running closures of their state.
type Log = Arc<Mutex<Vec<(usize, u8)>>>;

/// Makes a closure that calls itself with less until it is called with 0, and is dropped by the
/// innermost call. Returns its address.
fn dropping(interface: &ClosureInterface, dropped: &Arc<AtomicUsize>, log: &Log) -> *const c_void {
    let slot = SharedClosure::default();
    let (inside, state, log) = (Arc::clone(&slot), State::new(dropped), Arc::clone(log));
    let closure = interface.closure("drops itself", move |args, result| {
        let n: i32 = args.get(0).unwrap();
        let below = if n == 0 {
            drop(inside.lock().unwrap().take());
            0
        } else {
            let code = inside.lock().unwrap().as_ref().map(Closure::code);
            call(code.unwrap(), n - 1)
        };
        log.lock().unwrap().push(state.counts());
        result.set(below + args.get::<i32>(0).unwrap()).unwrap();
    });
    let closure = closure.unwrap();
    let code = closure.code();
    *slot.lock().unwrap() = Some(closure);
    code
}

#[test]
fn a_closure_that_drops_itself() {
    let interface = of_int();
    // Deeper than what is noted without the heap.
    for depth in [0, 1, 3, 200] {
        let (dropped, log) = (Arc::default(), Log::default());
        let code = dropping(&interface, &dropped, &log);
        assert_eq!(call(code, depth), depth * (depth + 1) / 2);
        let log = log.lock().unwrap().clone();
        assert_eq!(log, vec![(0, b's'); log.len()]);
        assert_eq!(i32::try_from(log.len()).unwrap(), depth + 1);
        // And as soon as the outermost call has returned.
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }
}

/// A closure that another one drops, which it has called; and one that is not running is gone at
/// once.
#[test]
fn a_closure_that_is_dropped_below_itself() {
    let interface = of_int();
    let (outer_dropped, other_dropped, log) = (Arc::default(), Arc::default(), Log::default());
    let (outer, other) = (SharedClosure::default(), SharedClosure::default());
    let unrelated = State::new(&other_dropped);
    let unrelated = interface.closure("unrelated", move |_, _| {
        let _whole = &unrelated;
    });
    *other.lock().unwrap() = Some(unrelated.unwrap());
    let (drops, count) = ([Arc::clone(&outer), other], Arc::clone(&other_dropped));
    let dropper = interface.closure("dropper", move |_, result| {
        for slot in &drops {
            drop(slot.lock().unwrap().take());
        }
        let n = i32::try_from(count.load(Ordering::SeqCst));
        result.set(n.unwrap()).unwrap();
    });
    let dropper = dropper.unwrap();
    let (code, state) = (dropper.code().addr(), State::new(&outer_dropped));
    let inner_log = Arc::clone(&log);
    let closure = interface.closure("outer", move |_, result| {
        let n = call(core::ptr::with_exposed_provenance(code), 0);
        inner_log.lock().unwrap().push(state.counts());
        result.set(n).unwrap();
    });
    let closure = closure.unwrap();
    let code = closure.code();
    *outer.lock().unwrap() = Some(closure);
    assert_eq!(call(code, 0), 1, "what does not run is dropped at once");
    assert_eq!(*log.lock().unwrap(), [(0, b's')]);
    assert_eq!(outer_dropped.load(Ordering::SeqCst), 1);
}

/// The last owner of everything: the code that it returns to stays as well, until its thread is
/// gone.
#[test]
fn the_last_closure_of_an_engine() {
    let executable = || {
        let all = mappings();
        all.iter().filter(|(_, own)| own.contains('x')).count()
    };
    alone("closures::ends::the_last_closure_of_an_engine", || {
        let before = executable();
        let run = || {
            let (dropped, log) = (Arc::default(), Log::default());
            for _ in 0..20 {
                let code = dropping(&of_int(), &dropped, &log);
                assert_eq!(call(code, 2), 3);
            }
            assert_eq!(dropped.load(Ordering::SeqCst), 20);
        };
        thread::spawn(run).join().unwrap();
        assert_eq!(executable(), before);
    });
}

/// A function that is called when its thread ends.
struct AtEnd(RefCell<Option<Box<dyn FnOnce()>>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call();
        }
    }
}

/// A closure that runs deeper than what is noted without the heap, and drops itself after one that
/// it has called has returned.
fn dropped_below_many(log: &Log) {
    let (interface, slot, inner_log) = (of_int(), SharedClosure::default(), Arc::clone(log));
    let down = Arc::new(AtomicUsize::new(0));
    let calls = |code: &AtomicUsize, n| {
        let code = core::ptr::with_exposed_provenance(code.load(Ordering::SeqCst));
        call(code, n)
    };
    let (inside, state, leaf) = (slot.clone(), State::new(&Arc::default()), down.clone());
    let drops = interface.closure("drops", move |_, result| {
        result.set(calls(&leaf, -1)).unwrap();
        drop(inside.lock().unwrap().take());
        inner_log.lock().unwrap().push(state.counts());
    });
    let drops = drops.unwrap();
    let dropping = AtomicUsize::new(drops.code().expose_provenance());
    *slot.lock().unwrap() = Some(drops);
    let inside = down.clone();
    let goes_down = interface.closure("down", move |args, result| {
        let n = match args.get(0).unwrap() {
            -1 => 1,
            0 => calls(&dropping, 0),
            n => calls(&inside, n - 1),
        };
        result.set(n).unwrap();
    });
    let goes_down = goes_down.unwrap();
    down.store(goes_down.code().expose_provenance(), Ordering::SeqCst);
    assert_eq!(call(goes_down.code(), 40), 1);
}

/// While a thread ends, the memory for notes may be gone: what is dropped then is never freed too
/// early.
#[test]
fn a_closure_that_drops_itself_while_its_thread_ends() {
    thread_local! {
        static AT_END: AtEnd = const { AtEnd(RefCell::new(None)) };
    }
    let log = Log::default();
    let inside = Arc::clone(&log);
    let run = move || {
        let last = Arc::clone(&inside);
        let at_end: Box<dyn FnOnce()> = Box::new(move || dropped_below_many(&last));
        // Thread-locals go in the reverse order of their first use: the notes go before.
        AT_END.with(|own| own.0.replace(Some(at_end)));
        dropped_below_many(&inside);
    };
    thread::spawn(run).join().unwrap();
    assert_eq!(*log.lock().unwrap(), [(0, b's'); 2]);
}

/// A closure that has outlived its thread, on the next one, which has its stack and its
/// thread-local variables where the first had them.
fn called_later() {
    let left = thread::spawn(|| {
        let closure = of_int().local("ends", |_, _| {}).unwrap();
        let code = closure.as_fn::<Step>().unwrap();
        core::mem::forget(closure);
        code
    });
    let code = left.join().unwrap();
    // SAFETY: the closure lives.
    let call = move || println!("came back with {}", unsafe { code(0) });
    thread::spawn(call).join().unwrap();
}

/// An `FnMut`, called once by its own thread, `again` while it runs, or by another `thread`.
fn called_wrongly(caller: &str) {
    let code_cell = Cell::new(core::ptr::null::<c_void>());
    let interface = of_int();
    let mut text = String::from("not moved");
    let closure = interface.local_mut("ends", |_, _| {
        let first = &text;
        if !code_cell.get().is_null() {
            call(code_cell.get(), 1);
        }
        println!("{first}");
        text = "changed".repeat(100);
    });
    let closure = closure.unwrap();
    if caller == "again" {
        code_cell.set(closure.code());
    }
    let code = closure.as_fn::<Step>().unwrap();
    // SAFETY: the closure lives.
    let call = move || println!("came back with {}", unsafe { code(0) });
    match caller {
        "thread" => thread::spawn(call).join().unwrap(),
        _ => call(),
    }
}

/// State whose end is a panic: there is C to return to, so the process ends.
fn state_that_panics() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("no end");
        }
    }
    let slot = SharedClosure::default();
    let (inside, state) = (Arc::clone(&slot), Panics);
    let closure = of_int().closure("ends", move |_, _| {
        let _state = &state;
        drop(inside.lock().unwrap().take());
    });
    let closure = closure.unwrap();
    let code = closure.code();
    *slot.lock().unwrap() = Some(closure);
    println!("came back with {}", call(code, 0));
}

#[test]
fn errors_that_c_cannot_receive_end_the_process_and_name_the_closure() {
    let name = "closures::ends::errors_that_c_cannot_receive_end_the_process_and_name_the_closure";
    let never = || FnSig::new([Type::I32], Type::I32).noreturn();
    let ends = |interface: ClosureInterface, panics: bool| {
        let closure = interface.closure("ends", move |_, result| {
            assert!(!panics, "no order");
            // There is no memory for the result of a function that never returns.
            assert!(result.set(7).is_err() && result.set_bytes(&[7; 4]).is_err());
        });
        println!("came back with {}", call(closure.unwrap().code(), 0));
    };
    match child_task().as_deref() {
        Some("panics") => return ends(of_int(), true),
        Some("returns") => return ends(closures().interface(&never()).unwrap(), false),
        Some("drops") => return state_that_panics(),
        Some("later") => return called_later(),
        Some(task) => return called_wrongly(task),
        None => {}
    }
    let other_thread = "was called by another thread than the one that made it";
    for (task, message) in [
        ("panics", "panicked: no order; it was called by C"),
        (
            "returns",
            "returned, although its signature says that it never does",
        ),
        (
            "drops",
            "panicked when it was dropped: no end; it was called by C",
        ),
        (
            "again",
            "was called while it was running, which an `FnMut` does not allow",
        ),
        ("thread", other_thread),
        ("later", other_thread),
    ] {
        let message = format!("closure ends {message}, so the process ends");
        aborts(name, task, &message);
    }
    // The control: on its own thread, once.
    let (child, text) = again(name, "once");
    let came_back = text.contains("came back");
    assert!(child.status.success() && came_back, "{text}");
}
