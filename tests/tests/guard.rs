//! Objects against a page that cannot be touched, on either side: nothing reads or writes a byte outside them.
//!
//! Records of every size from 1 to 80 bytes, of elements of 1 to 8 bytes, integers and floats, travel as arguments in registers and on the
//! stack, and as results. The argument, the copy the callee makes of it, the result's source and its destination all lie against a guard
//! page; what lies on their other side is compared too. Both sides of the call are Cranelift's, so this needs no C compiler.
//!
//! Negative controls: a load and a store of one byte too many, which must kill their child.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
fn main() -> ExitCode {
    suite::run().unwrap_or_else(|why| {
        eprintln!("guard: {why}");
        ExitCode::FAILURE
    })
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn main() -> ExitCode {
    println!("guard: not run: the engine needs x86-64 with Unix");
    ExitCode::SUCCESS
}

#[cfg(all(target_arch = "x86_64", unix))]
mod suite {
    use std::process::ExitCode;

    use cabi::{DataModel, FnSig, RecordBuilder, Type};
    use cabi_judge::child::{self, Outcome};
    use cabi_judge::graffiti::Painter;
    use cabi_judge::guard::{Rooms, Side};
    use cabi_judge::interop::all_settings;
    use cabi_judge::jit::{self, Places, Stop, Target, Twist, VARIANTS, keeps_result};
    use cabi_judge::report::Report;
    use clif_cabi::Lowering;
    use clif_cabi::cranelift_module::{FuncId, Module};
    use clif_cabi_jit::{Engine, Settings};

    /// The rooms: the argument, the callee's copy of it, the result's source, its destination, and an argument that only fills registers.
    const ARGUMENT: usize = 0;
    const SEEN: usize = 1;
    const GIVEN: usize = 2;
    const RETURNED: usize = 3;
    const FILLER: usize = 4;
    /// Bytes of a room, as the mapping has them.
    const ROOM: usize = 4096;
    const POISON: u8 = 0xcc;

    /// A type, and how many integer and float arguments stand before it.
    struct Case {
        name: String,
        ty: Type,
        before: usize,
    }

    pub(crate) fn run() -> Result<ExitCode, String> {
        let mut report = Report::new("guard");
        let cases = cases().map_err(|error| error.to_string())?;
        let rooms = Rooms::new(5, ROOM).map_err(|error| error.to_string())?;
        // The extremes: what is optimized most, and what moves most through memory.
        let settings: Vec<(String, Settings)> = all_settings()
            .into_iter()
            .filter(|(name, _)| {
                ["backtracking speed host", "single_pass none sse2"].contains(&name.as_str())
            })
            .collect();
        let jobs: Vec<usize> = settings.iter().map(|_| cases.len()).collect();
        let outcomes = child::run(&jobs, 2, |job, index| {
            match one(&cases[index], &settings[job].1, &rooms) {
                Ok(calls) => Outcome::Passed(calls),
                Err(Stop::Refused(why)) => Outcome::Failed(why.to_string()),
                Err(Stop::Failed(why)) => Outcome::Failed(why),
            }
        })
        .map_err(|error| error.to_string())?;
        let mut calls = 0;
        for ((setting, _), outcomes) in settings.iter().zip(&outcomes) {
            for (case, outcome) in cases.iter().zip(outcomes) {
                let outcome = match outcome {
                    Outcome::Passed(n) => {
                        calls += n;
                        Ok(())
                    }
                    Outcome::Refused(why) | Outcome::Failed(why) | Outcome::Crashed(why) => {
                        Err(format!("{setting}: {why}"))
                    }
                };
                report.outcome("guard", &case.name, outcome);
            }
        }
        controls(&rooms, &mut report)?;
        children(&mut report);
        report.note(format!(
            "{} types and places x {} engine settings, {calls} calls",
            cases.len(),
            settings.len()
        ));
        let n_failed = report.failures().len();
        let code = report.finish(true);
        let word = if code == ExitCode::SUCCESS {
            "ok"
        } else {
            "FAILED"
        };
        let passed = (cases.len() * settings.len() + 7).saturating_sub(n_failed);
        println!(
            "test result: {word}. {passed} passed; {n_failed} failed; 0 ignored; 0 measured; 0 filtered out"
        );
        Ok(code)
    }

    fn cases() -> Result<Vec<Case>, cabi::Error> {
        let elements = [
            ("char", Type::I8),
            ("short", Type::I16),
            ("int", Type::I32),
            ("long", Type::I64),
            ("float", Type::F32),
            ("double", Type::F64),
            ("half", Type::F16),
        ];
        let mut cases = Vec::new();
        let mut add = |name: String, ty: Type| {
            for before in [0, 8] {
                let name = format!("{name}, {before} arguments before");
                let ty = ty.clone();
                cases.push(Case { name, ty, before });
            }
        };
        for (name, elem) in elements {
            let mut n = 1;
            while n * elem.size() <= 80 {
                let array = Type::array(&elem, n)?;
                let record = RecordBuilder::structure("s").field("a", array);
                add(format!("{name}[{n}]"), record.build(&DataModel::LP64)?);
                n += 1;
            }
        }
        // A tail behind something of another class, at an address that nothing aligns.
        for (name, head) in [
            ("double", Type::F64),
            ("long", Type::I64),
            ("float", Type::F32),
        ] {
            for n in 1..=9 {
                let tail = Type::array(&Type::I8, n)?;
                let record = RecordBuilder::structure("s").field("h", head.clone());
                let record = record.field("t", tail).packed();
                add(
                    format!("packed {name} and char[{n}]"),
                    record.build(&DataModel::LP64)?,
                );
            }
        }
        Ok(cases)
    }

    fn one(case: &Case, settings: &Settings, rooms: &Rooms) -> Result<usize, Stop> {
        let mut engine = Engine::new(settings)?;
        let lower = Lowering::new(engine.isa())?;
        let before = (0..case.before).flat_map(|_| [Type::I64, Type::F64]);
        let params: Vec<Type> = before.chain([case.ty.clone()]).collect();
        let n_before = params.len() - 1;
        let sig = FnSig::new(params, case.ty.clone());
        let size = usize::try_from(case.ty.size()).unwrap_or(ROOM);
        let mut pairs = Vec::new();
        for side in [Side::Start, Side::End] {
            let at = |room| rooms.object(room, size, side);
            let (Some(seen), Some(given)) = (at(SEEN), at(GIVEN)) else {
                return Err(Stop::Failed("too large for a room".to_owned()));
            };
            for variant in 0..VARIANTS {
                // What stands before is not looked at: it goes where the filler is.
                let filler = rooms.object(FILLER, 8, Side::Start).unwrap_or(seen);
                let offset = (filler as usize).wrapping_sub(seen as usize);
                let mut offsets = vec![offset; n_before];
                offsets.push(0);
                let places = Places {
                    seen,
                    offsets: &offsets,
                    given,
                    escape: std::ptr::null(),
                };
                let twist = Twist::default();
                let callee = jit::function(&mut engine, &lower, &sig, places, variant, twist)?;
                let target = Target::Function(callee);
                let shim = jit::shim(&mut engine, &lower, &sig, target, variant + 1, twist)?;
                pairs.push((side, variant + 1, shim));
            }
        }
        engine.finalize()?;
        for (side, variant, shim) in &pairs {
            call(case, rooms, &engine, *shim, *side, *variant, n_before)
                .map_err(|why| Stop::Failed(format!("variant {variant}, {side:?}: {why}")))?;
        }
        Ok(pairs.len())
    }

    fn call(
        case: &Case,
        rooms: &Rooms,
        engine: &Engine,
        shim: FuncId,
        side: Side,
        variant: usize,
        n_before: usize,
    ) -> Result<(), String> {
        let mut painter = Painter::default();
        let argument = painter.paint(&case.ty).bytes;
        let result = painter.paint(&case.ty).bytes;
        for room in [ARGUMENT, SEEN, GIVEN, RETURNED, FILLER] {
            let _ = rooms.put(room, &[POISON; ROOM], Side::Start);
        }
        let place = |room, bytes: &[u8]| rooms.put(room, bytes, side).ok_or("no room");
        let from = place(ARGUMENT, &argument)?;
        place(GIVEN, &result)?;
        let to = place(RETURNED, &vec![POISON; result.len()])?;
        let filler = rooms.object(FILLER, 8, Side::End).ok_or("no room")?;
        let mut pointers = vec![filler; n_before];
        pointers.push(from);
        let code = engine.code(shim).map_err(|error| error.to_string())?;
        // SAFETY: compiled as such by `one`; each pointer leads to an object of its parameter's type.
        unsafe {
            type Shim = unsafe extern "C" fn(*const *mut u8, *mut u8, *const u8);
            let shim = code.typed::<Shim>();
            shim(pointers.as_ptr(), to, std::ptr::null());
        }
        check(rooms, SEEN, side, &argument).map_err(|why| format!("argument: {why}"))?;
        if keeps_result(variant) {
            check(rooms, RETURNED, side, &result).map_err(|why| format!("result: {why}"))?;
        }
        Ok(())
    }

    /// The object is there, and the rest of the room untouched.
    fn check(rooms: &Rooms, room: usize, side: Side, object: &[u8]) -> Result<(), String> {
        let all = rooms.get(room, ROOM, Side::Start).ok_or("no room")?;
        let (got, rest) = match side {
            Side::Start => all.split_at(object.len()),
            Side::End => {
                let (rest, got) = all.split_at(ROOM - object.len());
                (got, rest)
            }
        };
        if got != object {
            return Err(format!("{got:02x?}, expected {object:02x?}"));
        }
        match rest.iter().position(|byte| *byte != POISON) {
            Some(at) => Err(format!("byte {at} beside the object was written")),
            None => Ok(()),
        }
    }

    /// What [`child::run`] promises of children that do not end as they should, and of what is not its own.
    fn children(report: &mut Report) {
        let mut check = |name: &str, found: Result<(), String>| {
            report.outcome("guard child", name, found);
        };
        let exits = child::run(&[3], 1, |_, index| {
            if index == 1 {
                std::process::exit(0);
            }
            Outcome::Passed(1)
        });
        let expected = [
            Outcome::Passed(1),
            Outcome::Crashed("exit code 0".to_owned()),
            Outcome::Passed(1),
        ];
        check(
            "a case ends its process early",
            match exits {
                Ok(found) if found == [expected] => Ok(()),
                other => Err(format!("{other:?}")),
            },
        );

        let foreign = std::process::Command::new("true").spawn();
        let run = child::run(&[1, 1], 2, |_, _| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            Outcome::Passed(1)
        });
        let waited = foreign.and_then(|mut foreign| foreign.wait());
        check(
            "a child of somebody else's is left to him",
            match (run, waited) {
                (Ok(_), Ok(status)) if status.success() => Ok(()),
                other => Err(format!("{other:?}")),
            },
        );

        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || stopped.recv());
        let refused = child::run(&[1], 1, |_, _| Outcome::Passed(1));
        drop(stop);
        let _ = thread.join();
        let again = child::run(&[1], 1, |_, _| Outcome::Passed(1));
        check(
            "several threads are refused",
            match (refused, again) {
                (Err(why), Ok(_)) if why.to_string().contains("2 threads") => Ok(()),
                other => Err(format!("{other:?}")),
            },
        );
    }

    /// One byte too many, read and written, behind and before an object: each must end its child.
    fn controls(rooms: &Rooms, report: &mut Report) -> Result<(), String> {
        let names = ["read behind", "read before", "write behind", "write before"];
        let outcomes = child::run(&[1, 1, 1, 1], 2, |job, _| {
            let (side, step) = if job % 2 == 0 {
                (Side::End, 0)
            } else {
                (Side::Start, -1)
            };
            let Some(object) = rooms.object(ARGUMENT, 3, side) else {
                return Outcome::Failed("no room".to_owned());
            };
            // SAFETY: none: four bytes of an object of three are touched on purpose, in a child that dies of it.
            unsafe {
                let wide = object.offset(step).cast::<u32>();
                if job < 2 {
                    std::hint::black_box(wide.read_unaligned());
                    // A volatile read cannot be left out.
                    let last = object.offset(if step < 0 { -1 } else { 3 });
                    std::hint::black_box(last.read_volatile());
                } else {
                    let last = object.offset(if step < 0 { -1 } else { 3 });
                    last.write_volatile(1);
                }
            }
            Outcome::Passed(1)
        })
        .map_err(|error| error.to_string())?;
        for (name, outcomes) in names.iter().zip(&outcomes) {
            let outcome = match outcomes.first() {
                Some(Outcome::Crashed(why)) if why == "SIGSEGV" => Ok(()),
                other => Err(format!("was not noticed: {other:?}")),
            };
            report.outcome("guard control", name, outcome);
        }
        Ok(())
    }
}
