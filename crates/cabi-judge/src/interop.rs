//! One case in one direction under one engine: a shim calls the C half, or the C half calls a function.
//!
//! Every argument of a shim lies against a guard page, first behind it and then before it, and so does the result. Two rounds differ in
//! every byte. A thunk between the two sides sees `al`, the alignment of the stack, `rax` after a result in memory, and what the callee
//! must preserve; the x87 stack must be empty behind each call.

use std::collections::BTreeMap;

use crate::case::{Case, Subject};
use crate::corpus::Profile;
use crate::graffiti::{Painter, Pattern};
use crate::half::{Images, argument_types, has_result};
use crate::judge::Judge;
use cabi::{FnAbi, FnSig, Loc, PartType, Place, PlacedPart, Reg, RetAbi, Type};
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi::{Lowering, NotLowered};
use clif_cabi_jit::{Engine, Settings};

use crate::case::Entry;
use crate::guard::{Rooms, Side};
use crate::halves::{BUFFER, Halves, Promise, is_widened};
use crate::jit::{Refusal, Stop, Twist, VARIANTS, keeps_result};

mod around;
mod code;
mod difference;
mod settings;
#[cfg(test)]
mod tests;
mod together;

use around::{check_call, check_return, check_widened};
use code::{Code, Import};
pub use difference::{Difference, Fault, Value};
pub use settings::all_settings;
pub use together::Together;

/// Who calls whom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    /// Cranelift's code calls C's.
    Call,
    /// C's code calls Cranelift's.
    Callee,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Call, Self::Callee];

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Callee => "callee",
        }
    }
}

/// What the cases of one process share.
#[derive(Debug)]
pub struct Ground<'a> {
    /// The C side.
    pub halves: &'a Halves,
    /// The Cranelift side.
    pub settings: &'a Settings,
    /// Objects of shims.
    pub rooms: &'a Rooms,
}

/// The rooms that any case needs: its arguments, and the result.
pub const N_ROOMS: usize = 64;

/// One case's subject matter.
#[derive(Clone, Debug)]
struct Plan {
    types: Vec<Type>,
    images: Images,
    /// What C and Cranelift are to make of it.
    abi: FnAbi,
    /// What Cranelift is told, which is the same unless a suite wants it wrong.
    told: FnSig,
    n_named: usize,
    index: usize,
    has_result: bool,
}

impl Plan {
    fn new(
        case: &Case,
        sig: FnSig,
        tell: impl FnOnce(FnSig) -> FnSig,
        index: usize,
    ) -> Result<Self, Fault> {
        let abi = FnAbi::new(&sig, &case.target).map_err(clif_cabi::LowerError::from)?;
        let types = argument_types(case);
        let plan = Self {
            images: Images::of(&types),
            types,
            abi,
            told: tell(sig),
            n_named: case.prototype.params.len(),
            index,
            has_result: has_result(case),
        };
        let large = plan.told.result().size() > BUFFER as u64;
        if plan.images.size > BUFFER || large || plan.types.len() >= N_ROOMS {
            return Err(Difference::from("too large for the buffers").into());
        }
        Ok(plan)
    }
}

/// What a round sends and gives back.
struct Round {
    /// As C declares them.
    declared: Vec<Pattern>,
    /// As they travel.
    promoted: Vec<Pattern>,
    result: Pattern,
    side: Side,
}

/// Runs case `index` of the halves; `tell` changes what Cranelift is told. Returns the number of calls made.
///
/// # Errors
/// [`Stop`].
pub fn run(
    ground: &Ground<'_>,
    case: &Case,
    profile: Profile,
    index: usize,
    direction: Direction,
    tell: impl FnOnce(FnSig) -> FnSig,
    twist: Twist,
) -> Result<usize, Stop> {
    let sig = case.sig(profile);
    let sig = sig.map_err(|error| Stop::Failed(error.to_string()))?;
    Ok(observe(ground, case, sig, index, direction, tell, twist)?)
}

/// As [`run`], for `sig` as the case's signature; tells bytes and values apart where they differ.
///
/// # Errors
/// [`Fault`].
pub fn observe(
    ground: &Ground<'_>,
    case: &Case,
    sig: FnSig,
    index: usize,
    direction: Direction,
    tell: impl FnOnce(FnSig) -> FnSig,
    twist: Twist,
) -> Result<usize, Fault> {
    let plan = Plan::new(case, sig, tell, index)?;
    let mut engine = Engine::new(ground.settings)?;
    let lower = Lowering::new(engine.isa())?;
    let made = every_variant(ground, &plan, &mut engine, &lower, direction, twist);
    made.map_err(|fault| needed(fault, &plan, direction))
}

/// Builds the code of each variant, and plays all of them in each round.
fn every_variant(
    ground: &Ground<'_>,
    plan: &Plan,
    engine: &mut Engine,
    lower: &Lowering,
    direction: Direction,
    twist: Twist,
) -> Result<usize, Fault> {
    let import = Import::declare(ground, plan, engine, lower, direction)?;
    let mut all = Vec::new();
    for variant in 0..VARIANTS {
        let code = Code::build(ground, plan, engine, lower, import, variant, twist)?;
        all.push(code);
    }
    engine.finalize()?;
    let mut n = 0;
    for round in rounds(plan) {
        for code in &all {
            code.play(ground, plan, engine, &round)?;
            n += 1;
        }
    }
    Ok(n)
}

/// A refusal of what is not known to be refused is a failure: it hides a case.
fn needed(fault: Fault, plan: &Plan, direction: Direction) -> Fault {
    match fault {
        Fault::Refused(refusal) if !is_known(&refusal, &plan.abi, direction) => {
            Difference::from(format!("refused without need: {refusal}")).into()
        }
        fault => fault,
    }
}

/// Whether the lowering is known to refuse this of a signature that `cabi` has places for.
#[must_use]
pub fn is_known(refusal: &Refusal, abi: &FnAbi, direction: Direction) -> bool {
    match refusal {
        Refusal::NotLowered { kind, .. } => is_not_lowered_yet(*kind, abi, direction),
        // There is one for everything in `abi`.
        Refusal::NoKnownRule(_) => false,
        Refusal::Untried(_) => true,
    }
}

/// Whether the lowering is known to refuse this kind of thing, and the signature has it.
fn is_not_lowered_yet(kind: NotLowered, abi: &FnAbi, direction: Direction) -> bool {
    let wide = |placed: &PlacedPart| matches!(placed.part.ty, PartType::V256 | PartType::V512);
    let third = |placed: &PlacedPart| matches!(placed.loc, Loc::Reg(Reg::Xmm2 | Reg::Xmm3));
    let result = match &abi.ret {
        RetAbi::Parts(parts) => parts.as_slice(),
        _ => &[],
    };
    let wide_argument = || {
        let mut places = abi.args.iter().map(|arg| &arg.place);
        places.any(|place| matches!(place, Place::Parts(parts) if parts.iter().any(wide)))
    };
    match kind {
        NotLowered::OverAligned => abi.area_align > 16,
        NotLowered::WideVector => wide_argument() || result.iter().any(wide),
        NotLowered::ManyVectorResults => result.iter().any(third),
        NotLowered::VariadicDefinition => {
            direction == Direction::Callee && abi.variadic_count.is_some()
        }
        _ => false,
    }
}

/// Whether the judge's caller and callee agree with each other about case `index`: if not, nobody can agree with both.
///
/// # Errors
/// [`Fault::Failed`]: what its callee, or its caller, has otherwise than the other meant it. [`Fault::Refused`]: they could not be asked.
pub fn judge_agrees(
    ground: &Ground<'_>,
    case: &Case,
    profile: Profile,
    index: usize,
) -> Result<(), Fault> {
    let sig = case.sig(profile);
    let unasked = |why: String| Fault::Refused(Refusal::Untried(why));
    let sig = sig.map_err(|error| unasked(error.to_string()))?;
    judge_agrees_under(ground, case, sig, index)
}

/// As [`judge_agrees`], for `sig` as the case's signature.
///
/// # Errors
/// As [`judge_agrees`].
pub fn judge_agrees_under(
    ground: &Ground<'_>,
    case: &Case,
    sig: FnSig,
    index: usize,
) -> Result<(), Fault> {
    let unasked = |why: String| Fault::Refused(Refusal::Untried(why));
    let plan =
        Plan::new(case, sig, |sig| sig, index).map_err(|fault| unasked(fault.to_string()))?;
    let callee = ground.halves.callee(index);
    let callee = callee.ok_or_else(|| unasked("no callee".to_owned()))?;
    // Only values: what a side owes besides, it owes to everybody.
    let promise = Promise::of(&plan.abi).unfilled();
    for round in &rounds(&plan) {
        from_c(ground, &plan, callee, promise, round, &round.promoted)?;
    }
    Ok(())
}

fn rounds(plan: &Plan) -> [Round; 2] {
    [(1, Side::End), (9, Side::Start)].map(|(first, side)| {
        let mut painter = Painter::starting_at(first);
        let declared: Vec<Pattern> = plan.types.iter().map(|ty| painter.paint(ty)).collect();
        let promote = |(i, pattern): (usize, &Pattern)| match plan.types.get(i) {
            Some(ty) if i >= plan.n_named => pattern.promoted(ty).1,
            _ => pattern.clone(),
        };
        Round {
            promoted: declared.iter().enumerate().map(promote).collect(),
            declared,
            result: Painter::starting_at(first + 6).paint(plan.told.result()),
            side,
        }
    })
}

fn call(
    ground: &Ground<'_>,
    plan: &Plan,
    engine: &Engine,
    shim: FuncId,
    variant: usize,
    round: &Round,
) -> Result<(), Difference> {
    let (halves, rooms) = (ground.halves, ground.rooms);
    let mut pointers = Vec::new();
    for (i, pattern) in round.promoted.iter().enumerate() {
        let at = rooms.put(i + 1, &pattern.bytes, round.side);
        pointers.push(at.ok_or("too large for a room")?);
    }
    // A callee may count on the alignment of where its result goes, which a typedef can make larger than the size.
    let align = usize::try_from(plan.told.result().align()).map_err(|error| error.to_string())?;
    let size = round.result.bytes.len().next_multiple_of(align);
    // The room of the result is poisoned around it: a byte too many that hits no guard page shows.
    let poison = vec![0xcc; size.next_multiple_of(64)];
    let _ = rooms.put(0, &poison, round.side).ok_or("no room")?;
    let ret = rooms.object(0, size, round.side).ok_or("no room")?;
    halves.prepare(&round.result.bytes, plan.images.size);
    let callee = halves
        .callee(plan.index)
        .ok_or("the C half has no callee")?;
    let through = halves.through(callee, Promise::of(&plan.abi));
    let code = engine.code(shim).map_err(|error| error.to_string())?;
    // SAFETY: the shim was compiled as such, reads one object per pointer and writes one to `ret`; the engine is alive.
    unsafe { halves.run(code.as_ptr().cast(), pointers.as_ptr().cast(), ret, through) };
    halves.check_promises("our caller", "the C callee")?;
    halves.check_x87()?;
    for (i, (pattern, offset)) in round.promoted.iter().zip(&plan.images.offsets).enumerate() {
        let got = halves.seen_bytes(*offset, pattern.bytes.len());
        Difference::check(pattern, &got, Value::Argument(i), "in C")?;
        if i < plan.n_named && is_widened(&plan.types[i]) && is_whole(pattern) {
            check_widened(&plan.types[i], pattern, halves.widened(i))
                .map_err(|why| format!("argument {i} in C: {why}"))?;
        }
    }
    if plan.has_result && keeps_result(variant) {
        let got = rooms.get(0, size, round.side).ok_or("no room")?;
        Difference::check(&round.result, &got, Value::Result, "from C")?;
    }
    Ok(check_call(plan, halves)?)
}

fn is_whole(pattern: &Pattern) -> bool {
    !pattern.bytes.is_empty() && pattern.mask.iter().all(|mask| *mask == 0xff)
}

fn callee(
    ground: &Ground<'_>,
    plan: &Plan,
    engine: &Engine,
    function: FuncId,
    round: &Round,
) -> Result<(), Difference> {
    let code = engine.code(function).map_err(|error| error.to_string())?;
    // SAFETY: the address is only called by the C half, as the type it was compiled as; the engine is alive.
    let address = unsafe { code.as_ptr() }.cast();
    let promise = Promise::of(&plan.abi);
    from_c(ground, plan, address, promise, round, &round.declared)?;
    if plan.told.is_noreturn() {
        return Ok(());
    }
    Ok(check_return(plan, ground.halves)?)
}

/// Lets C call what is at `address`, which writes down arguments like `seen`.
fn from_c(
    ground: &Ground<'_>,
    plan: &Plan,
    address: *const u8,
    promise: Promise,
    round: &Round,
    seen: &[Pattern],
) -> Result<(), Difference> {
    let halves = ground.halves;
    let mut images = vec![0; plan.images.size];
    for (pattern, offset) in round.declared.iter().zip(&plan.images.offsets) {
        images[*offset..][..pattern.bytes.len()].copy_from_slice(&pattern.bytes);
    }
    halves.prepare(&round.result.bytes, plan.images.size);
    // A caller that is asked about itself is believed in what it keeps.
    let is_believed = promise == promise.unfilled();
    if !is_believed {
        halves.check_keeping("the C caller")?;
    }
    let _ = halves.through(address, promise);
    // SAFETY: the callers of this function give an address of the case's type.
    let called = unsafe { halves.call(plan.index, &images) };
    if !called {
        return Err("the C half has no caller".into());
    }
    if !is_believed {
        halves.check_promises("the C caller", "our callee")?;
        halves.check_x87()?;
    }
    for (i, (pattern, offset)) in seen.iter().zip(&plan.images.offsets).enumerate() {
        let got = halves.seen_bytes(*offset, pattern.bytes.len());
        Difference::check(pattern, &got, Value::Argument(i), "from C")?;
    }
    if plan.has_result {
        let got = halves.got_bytes(round.result.bytes.len());
        Difference::check(&round.result, &got, Value::Result, "in C")?;
    }
    Ok(())
}

/// The cases that `judge` can be asked, those of one vector level together; the others go to `not_run` with the reason.
pub fn admitted<'a>(
    subjects: &'a [Subject],
    judge: &Judge,
    mut not_run: impl FnMut(&str, &str),
) -> Vec<Vec<Entry<'a>>> {
    let mut levels: BTreeMap<&[String], Vec<Entry<'a>>> = BTreeMap::new();
    for subject in subjects {
        for case in &subject.cases {
            if subject.target != cabi::Target::X86_64_LINUX {
                not_run(&case.name, "not a signature of x86-64 System V");
            } else if let Err(why) = judge.admits(&subject.block) {
                not_run(&case.name, &why);
            } else {
                let level = levels.entry(&subject.block.features).or_default();
                level.push((subject, case));
            }
        }
    }
    levels.into_values().collect()
}
