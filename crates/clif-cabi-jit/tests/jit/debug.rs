//! Information for debuggers and profilers: gdb's images, perf's map, a jitdump; and the names of
//! addresses.

use clif_cabi_jit::symbol_at;
use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use crate::common::*;

/// Makes two functions that are final, the first called `name`. Returns the address and size of
/// each.
fn two(settings: &Settings, name: &str) -> (Engine, [(u64, usize); 2]) {
    let mut engine = Engine::new(settings).unwrap();
    let texts = [
        format!(
            "function %{name}(i64) -> i64 {{\nblock0(v0: i64):\n v1 = imul v0, v0\n v2 = bxor v1, v0\n return v2\n}}"
        ),
        "function %plain() {\nblock0:\n return\n}".to_owned(),
    ];
    let ids = texts
        .each_ref()
        .map(|text| engine.declare_local(&parse(text).signature).unwrap());
    for (id, text) in ids.iter().zip(&texts) {
        define(&mut engine, *id, text).unwrap();
    }
    engine.finalize().unwrap();
    let places = ids.map(|id| {
        let code = engine.code(id).unwrap();
        // SAFETY: the address is not called.
        (unsafe { code.as_ptr() }.addr() as u64, code.size())
    });
    (engine, places)
}

/// Without an option, as long as the code is there.
#[test]
fn an_address_has_a_name() {
    let (engine, [(start, size), (plain, _)]) = two(&Settings::default(), "named");
    let found = |address: u64| {
        let address = usize::try_from(address).unwrap();
        let found = symbol_at(core::ptr::without_provenance(address))?;
        Some((found.name, found.offset))
    };
    let first = Some(("named".to_owned(), 0));
    assert_eq!(found(start), first);
    let last = size - 1;
    assert_eq!(found(start + last as u64), Some(("named".to_owned(), last)));
    assert_eq!(found(plain), Some(("plain".to_owned(), 0)));
    // Not between functions, nor below all of them.
    assert!(found(start + size as u64).is_none_or(|(name, _)| name != "named"));
    assert_eq!(found(0), None);
    drop(engine);
    // Another test's code may be there by now.
    assert!(found(start).is_none_or(|(name, _)| name != "named"));
}

/// Also one that is a stub, whose symbol has another name.
#[test]
fn an_invoker_is_called_so() {
    let sig = FnSig::new([Type::F64, Type::F64], Type::F64);
    for mut invokers in [invokers(), invokers().without_stubs()] {
        let invoker = invokers.get(&sig).unwrap();
        // SAFETY: the address is not called.
        let address = unsafe { invoker.code().as_ptr() };
        assert_eq!(symbol_at(address.cast()).unwrap().name, "invoker");
    }
}

#[test]
fn perf_finds_names_in_its_map() {
    let path = format!("/tmp/perf-{}.map", std::process::id());
    let map = || fs::read_to_string(&path).unwrap_or_default();
    let line = |(address, size)| format!("{address:x} {size:x} ");
    // The map of an earlier process of this number.
    fs::write(&path, "1000 8 stale\n").unwrap();
    let file = fs::File::options().append(true).open(&path).unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    file.set_modified(yesterday).unwrap();
    // The control: the setting is off.
    let (_engine, places) = two(&Settings::default(), "twice");
    assert!(places.iter().all(|place| !map().contains(&line(*place))));
    let (_engine, first) = two(&Settings::default().perf_map(true), "twice");
    // Another writer of this process.
    (&file).write_all(b"2000 8 other\n").unwrap();
    let (_engine, places) = two(&Settings::default().perf_map(true), "twice");
    assert!(
        !map().contains("stale") && map().contains("other"),
        "{}",
        map()
    );
    let places = first.into_iter().chain(places);
    for place in places {
        let found = map();
        let found: Vec<&str> = found
            .lines()
            .filter(|own| own.starts_with(&line(place)))
            .collect();
        assert_eq!(found.len(), 1, "{place:?} in {}", map());
    }
    fs::remove_file(path).unwrap();
}

/// Returns the records of a jitdump: kind and content. Their sizes lead from one to the next, and
/// to the end.
fn records(dump: &[u8]) -> Vec<(u32, &[u8])> {
    let number = |at: usize| u32::from_ne_bytes(dump[at..at + 4].try_into().unwrap());
    assert_eq!((number(0), number(4), number(8)), (0x4a69_5444, 1, 40));
    assert_eq!(number(20), std::process::id());
    let (mut at, mut records) = (40, Vec::new());
    while at < dump.len() {
        let size = number(at + 4) as usize;
        records.push((number(at), &dump[at + 16..at + size]));
        at += size;
    }
    assert_eq!(at, dump.len());
    records
}

#[test]
fn a_jitdump_has_code() {
    let folder = tempfile();
    let settings = Settings::default().jitdump(&folder);
    // Two engines write to the one file of the process.
    let engines = [two(&settings, "twice"), two(&settings, "twice")];
    let path = folder.join(format!("jit-{}.dump", std::process::id()));
    let dump = fs::read(&path).unwrap();
    // perf reads all of the file for each time that it was mapped.
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(maps.matches(path).count(), 1, "{maps}");
    fs::remove_dir_all(folder).unwrap();
    let records = records(&dump);
    let kinds: Vec<u32> = records.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [0; 4]);
    let mut numbers = Vec::new();
    for (loads, (_, places)) in records.chunks(2).zip(&engines) {
        let word = |(_, content): &(u32, &[u8]), at: usize| {
            u64::from_ne_bytes(content[at..at + 8].try_into().unwrap())
        };
        for (load, place) in loads.iter().zip(places) {
            assert_eq!(
                [8, 16, 24].map(|at| word(load, at)),
                [place.0, place.0, place.1 as u64]
            );
            numbers.push(word(load, 32));
            let code = &load.1[load.1.len() - place.1..];
            // SAFETY: the engine has this code.
            assert_eq!(code, unsafe {
                core::slice::from_raw_parts(place.0 as *const u8, place.1)
            });
        }
    }
    numbers.dedup();
    assert_eq!(numbers.len(), 4, "each code has a number of its own");
}

/// Code whose profile cannot be written is final all the same. A link may be another user's, to a
/// file of this one, and so may a lock.
#[test]
fn a_profile_that_cannot_be_written_leaves_the_code() {
    for (is_link, is_locked) in [(false, false), (true, false), (false, true)] {
        let folder = tempfile();
        let path = folder.join(format!("jit-{}.dump", std::process::id()));
        let linked = folder.join("linked");
        let mut lock = None;
        if is_link {
            fs::write(&linked, "own").unwrap();
            std::os::unix::fs::symlink(&linked, path).unwrap();
        } else if is_locked {
            lock.insert(fs::File::create(path).unwrap()).lock().unwrap();
        } else {
            fs::remove_dir_all(&folder).unwrap();
        }
        let mut engine = Engine::new(&Settings::default().jitdump(&folder)).unwrap();
        let text = "function %one() -> i64 {\nblock0:\n v0 = iconst.i64 1\n return v0\n}";
        let id = add(&mut engine, "one", text);
        let why = message(engine.finalize());
        assert!(why.contains("jit-"), "{why}");
        // SAFETY: it was compiled as such a function.
        let one = unsafe { function::<extern "C" fn() -> i64>(&engine, id) };
        assert_eq!(one(), 1);
        assert!(engine.finalize().is_ok());
        assert!(!is_link || fs::read(linked).unwrap() == b"own");
    }
}

/// Makes a folder for one test.
fn tempfile() -> std::path::PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("clif-cabi-jitdump-{}-{count}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[cfg(not(feature = "gdb"))]
#[test]
fn gdb_is_told_with_the_feature_alone() {
    let refused = Engine::new(&Settings::default().gdb(true)).err().unwrap();
    assert!(refused.to_string().contains("feature"), "{refused}");
}

/// Code for the test below, which gdb knows unless `CABI_NOT_TOLD` is set.
#[cfg(feature = "gdb")]
#[test]
fn code_for_gdb() {
    let is_told = std::env::var_os("CABI_NOT_TOLD").is_none();
    let (_engine, [(address, _), _]) = two(&Settings::default().gdb(is_told), "twice");
    let code = core::ptr::with_exposed_provenance::<u8>(usize::try_from(address).unwrap());
    // SAFETY: the function that `two` defines so; its engine is there.
    let twice: extern "C" fn(i64) -> i64 = unsafe { core::mem::transmute(code) };
    assert_eq!(twice(3), 9 ^ 3);
}

/// Code of three rounds for gdb, for a test below. The second round begins on a page that the first
/// has left, and ends beyond data and the third.
#[cfg(feature = "gdb")]
#[test]
fn rounds_for_gdb() {
    let settings = Settings::default().gdb(std::env::var_os("CABI_NOT_TOLD").is_none());
    let mut engine = Engine::new(&settings).unwrap();
    let large = engine.declare_local(&signature("() -> i64")).unwrap();
    for name in ["first", "second", "third"] {
        let text =
            format!("function %{name}() -> i64 {{\nblock0:\n v0 = iconst.i64 1\n return v0\n}}");
        add(&mut engine, name, &text);
        if name == "first" {
            let mut data = DataDescription::new();
            data.define(Box::new([1]));
            let id = engine.declare_anonymous_data(false, false).unwrap();
            engine.define_data(id, &data).unwrap();
        }
        if name == "second" {
            engine.define_bytes(large, &[0; 100_000], &[]).unwrap();
        }
        engine.finalize().unwrap();
    }
    // SAFETY: compiled as such functions.
    let [second, third] =
        ["second", "third"].map(|name| unsafe { named::<extern "C" fn() -> i64>(&engine, name) });
    let places = [second.code(), third.code(), &engine.code(large).unwrap()];
    // SAFETY: only compared.
    let places = places.map(|code| unsafe { code.as_ptr() });
    // Larger pages are never left in part.
    assert!(places.is_sorted() || page() > 4096, "{places:?}");
    assert_eq!(third(), 1);
}

/// Runs the test `debug::{test}` in gdb, with these variables. Returns gdb's output until it has
/// stopped at the function `at` and shown the callers.
#[cfg(feature = "gdb")]
fn gdb_output(test: &str, at: &str, variables: &[(&str, &str)]) -> String {
    let mut gdb = std::process::Command::new("gdb");
    let commands =
        format!("set debuginfod enabled off;set breakpoint pending on;break {at};run;backtrace");
    gdb.args(["-batch", "-nx"]);
    gdb.args(commands.split(';').flat_map(|own| ["-ex", own]));
    gdb.arg("--args");
    gdb.arg(std::env::current_exe().unwrap());
    gdb.args(["--exact", &format!("debug::{test}"), "--test-threads=1"]);
    let output = gdb.envs(variables.iter().copied()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// gdb stops there by the function's name, and shows the callers. In the control, gdb does not know
/// the function.
#[cfg(feature = "gdb")]
#[test]
fn gdb_stops_at_a_function() {
    if programs_here(&["gdb"]).is_empty() {
        return;
    }
    for (test, at) in [("code_for_gdb", "twice"), ("rounds_for_gdb", "third")] {
        let output = gdb_output(test, at, &[]);
        let stop = output.find(&format!("in {at} ()"));
        let stop = stop.unwrap_or_else(|| panic!("{output}"));
        let frames = output[stop..].split_once("#0 ").unwrap().1;
        assert!(frames.contains(test), "{output}");
        let control = gdb_output(test, at, &[("CABI_NOT_TOLD", "1")]);
        assert!(
            !control.contains(&format!("in {at} ()")) && control.contains("exited normally"),
            "{control}"
        );
    }
}
