//! Mistakes of the runner itself, which would blind every suite. Each is made on purpose, or input
//! that would hide it is given. Each must be noticed.

use cabi_header::Options;
use cabi_verify::build::Reference;
use cabi_verify::case::Direction;
use cabi_verify::facts::Facts;
use cabi_verify::fuzz::{self, Campaign};
use cabi_verify::run::HERE;
use cabi_verify::tally::{Results, Span};
use cabi_verify::threads::at_once;
use cabi_verify::verdict::{Difference, Value, Verdict};
use cabi_verify::verify::units::{self, CaseVerdict};
use cabi_verify::verify::{Compiler, Mistake, PreparedRun, ReadHeader, Verification, VerifyError};

use crate::suite::{Result, Suite};

/// A mistake, and whether it was noticed.
type Control = (&'static str, fn() -> bool);

/// Every n-th transition is run.
const FEW_TRANSITIONS: usize = 1000;

/// A wrong treatment of the verdicts of a unit.
type WrongVerdicts = (&'static str, fn(&mut Vec<CaseVerdict>));

const OF_VERDICTS: [WrongVerdicts; 6] = [
    ("a case is not run", |verdicts| drop(verdicts.remove(0))),
    ("a result is not compared", |verdicts| {
        verdicts[0].verdict = Verdict::Passed(0);
    }),
    ("one direction is left out", |verdicts| {
        let direction = verdicts[0].direction;
        verdicts.retain(|one| one.direction == direction);
    }),
    ("one direction is run twice", |verdicts| {
        let direction = verdicts[0].direction;
        verdicts
            .iter_mut()
            .for_each(|one| one.direction = direction);
    }),
    ("a verdict is counted twice", |verdicts| {
        verdicts.push(verdicts[0].clone())
    }),
    ("a verdict is another case's", |verdicts| {
        verdicts.swap(0, 1)
    }),
];

const OF_LISTS: [Control; 3] = [
    ("a self-inconsistency hides a difference", || {
        let all = |value| {
            vec![Difference {
                value,
                ..Difference::default()
            }]
        };
        let verdict = |callee: &str, caller: &str, all: &[Difference]| {
            let facts = Facts::of_stored(&format!("8:rdi\n{callee} / {caller}\n")).ok()?;
            Some(facts.verdict(Direction::Call, all, |_| true))
        };
        let [first, second] = [0, 1].map(|i| all(Some(Value::Argument(i))));
        let both = [second.clone(), first.clone()].concat();
        let is_theirs = |verdict| matches!(verdict, Some(Verdict::SelfInconsistent(_)));
        let is_ours = |verdict| matches!(verdict, Some(Verdict::Differs(_)));
        is_theirs(verdict("8:rsi", "8:xmm0", &second))
            && is_ours(verdict("8:rsi", "8:rsi", &second))
            && is_ours(verdict("8:rsi", "8:xmm0", &first))
            && is_ours(verdict("8:rsi", "8:xmm0", &both))
    }),
    ("counts are added twice", || {
        let span = |first| Span {
            seed: 1,
            first,
            end: first + 10,
        };
        let results = |first| Results {
            spans: vec![span(first)],
            compilers: Vec::new(),
        };
        let mut all = results(0);
        all.join(results(10)).is_ok() && all.join(results(15)).is_err()
    }),
    ("an empty source of cases passes", || {
        let none = Verification::new(Vec::new(), Vec::new(), Vec::new());
        let run = none.run(&|_, _, _| {});
        let fuzzed = Results::default().report(true, false);
        run.is_ok_and(|run| !run.report(false).is_clean()) && !fuzzed.is_clean()
    }),
];

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    for (what, is_noticed) in &OF_LISTS {
        note(suite, what, is_noticed());
    }
    let Some(reference) = suite.references().into_iter().next() else {
        return Ok(());
    };
    note(
        suite,
        "a stale object is used",
        objects_are_new(&reference)?,
    );
    let compiler = Compiler::new(reference, None)?;
    // A type that is incomplete without this reader's macro: the compiler refuses the second
    // function and no other.
    let text = "#ifdef READ\ntypedef struct { long a; } s;\n#else\ntypedef struct absent s;\n#endif\nint one(int);\nint two(s);\ndouble three(double, long);\n";
    let options = Options::new().arg("-DREAD");
    let header = ReadHeader::text("own.h", text, &options, (&HERE, None), |_, _| true);
    let header = match header {
        Ok(header) => header,
        Err(VerifyError::Header { source, .. }) => {
            suite.report.absent("runner", &source.to_string());
            return Ok(());
        }
        Err(why) => return Err(why.into()),
    };
    let plan = Verification::new(vec![header], vec![compiler.clone()], Vec::new());
    let prepared = plan.prepare(&|_, _, _| {})?;
    let right = prepared.run(Mistake::NONE, &|_, _, _| {})?;
    let names: Vec<&str> = right.parts[0]
        .verdicts
        .iter()
        .map(|one| &*one.case.name)
        .collect();
    let others_are_left = names == ["one", "three", "one", "three"];
    note(
        suite,
        "a refused case takes others with it",
        others_are_left,
    );
    let is_noticed = !right.report(false).is_clean();
    note(suite, "a refused case counts as agreement", is_noticed);
    of_verdicts(&prepared, &compiler, suite)
}

fn note(suite: &mut Suite, what: &str, noticed: bool) {
    suite.report.check("runner", what, noticed, "not noticed");
}

/// Makes each mistake with the verdicts of each source of cases, and none.
fn of_verdicts(prepared: &PreparedRun<'_>, compiler: &Compiler, suite: &mut Suite) -> Result<()> {
    let fuzzed = Campaign {
        seed: 1,
        numbers: 0..4,
        stride: None,
        time: None,
        at_once: at_once(),
        shrinks: 0,
        mistake: Mistake::NONE,
    };
    let transitions = Campaign {
        stride: Some(FEW_TRANSITIONS),
        ..fuzzed.clone()
    };
    let campaigns = [("random signatures", fuzzed), ("transitions", transitions)];
    let headers = |mistake| prepared.run(mistake, &|_, _, _| {}).map(drop);
    note(suite, "no mistake, headers", headers(Mistake::NONE).is_ok());
    let mut compiled = Vec::new();
    for (source, plan) in &campaigns {
        let right = fuzz::run(plan, std::slice::from_ref(compiler), |_, _| Ok(()));
        note(suite, &format!("no mistake, {source}"), right.is_ok());
        compiled.push((*source, fuzz::compile(plan, compiler)?));
    }
    for (what, wrong) in OF_VERDICTS {
        let mistake = Mistake {
            runner: Some(wrong),
            ..Mistake::NONE
        };
        let of = |units| units::compare(units, mistake, at_once()).map(drop);
        let results = compiled.iter().map(|(source, units)| (*source, of(units)));
        for (source, result) in [("headers", headers(mistake))].into_iter().chain(results) {
            let is_noticed = result.is_err_and(|why| matches!(why, VerifyError::Runner(_)));
            note(suite, &format!("{what}, {source}"), is_noticed);
        }
    }
    Ok(())
}

/// Checks whether the object of a changed text is another one.
fn objects_are_new(reference: &Reference) -> Result<bool> {
    let [one, two] =
        [1, 2].map(|n| reference.build(&format!("int f(void) {{ return {n}; }}"), &[]));
    let (one, two) = (one?, two?);
    Ok(std::fs::read(&one.object)? != std::fs::read(&two.object)?)
}
