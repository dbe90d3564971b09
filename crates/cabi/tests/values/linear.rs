//! Tests that each type within the limits is classified and explained in time and text that grow
//! with its members only: the table `linear`.

use std::time::{Duration, Instant};

use crate::notation::{signature, ty};
use crate::{LINUX, LP64};
use cabi::{Convention, Error, FnAbi, FnSig, Policy, Step, Target, Type, explain, leaves, members};

/// Limit for each case. A superlinear case takes far longer, and others take seconds, also on a
/// busy machine.
const LIMIT: Duration = Duration::from_secs(240);

/// Tests that a value that is passed and returned, or a signature, is explained quickly under each
/// profile, and in a text of readable length.
pub(crate) fn soon(
    text: &str,
    target: &Target,
    convention: Option<&'static Convention>,
) -> Result<String, Error> {
    let (start, model) = (Instant::now(), target.data_model());
    let sig = match text.contains("->") {
        true => signature(text, model)?,
        false => {
            let ty = ty(text, model)?;
            FnSig::new([ty.clone()], ty)
        }
    };
    let mut refused = String::new();
    let of = |policy| sig.clone().policy(policy);
    let mut profiles = [Policy::GCC, Policy::CLANG, Policy::ZIG].map(of).to_vec();
    if let Some(convention) = convention {
        profiles.push(sig.clone());
        profiles = profiles
            .into_iter()
            .map(|sig| sig.convention(convention))
            .collect();
    }
    for sig in profiles {
        match (FnAbi::new(&sig, target), explain(&sig, &[], target)) {
            (Ok(_), Ok(why)) => {
                let text = why.to_string();
                assert!(text.len() < 100_000, "{sig}: {} bytes", text.len());
            }
            (abi, why) => {
                refused = abi.unwrap_err().to_string();
                assert_eq!(refused, why.unwrap_err().to_string());
            }
        }
    }
    let took = start.elapsed();
    assert!(took < LIMIT, "{sig}: {took:?}");
    Ok(match refused.is_empty() {
        true => "soon".into(),
        false => refused,
    })
}

/// Tests [`soon`] with each convention. Returns `soon` if one of them has a place.
pub(crate) fn soon_everywhere(text: &str) -> Result<String, Error> {
    let all = cabi::conventions().iter().map(|known| {
        let target = Target::named(known.target).unwrap();
        soon(text, &target, Some(known.convention))
    });
    let all: Vec<_> = all.collect();
    let placed = all.iter().position(|one| one.as_deref() == Ok("soon"));
    all.into_iter().nth(placed.unwrap_or(0)).unwrap()
}

/// Tests an array that fills the address space.
#[test]
fn one_element_stands_for_all() {
    let padding = "struct s(array(struct p(signed char :3), 576460752303423488))";
    assert_eq!(leaves(&ty(padding, &LP64).unwrap()).take(3).count(), 3);
    let pairs = "struct s(array(struct s(int, signed char), 1099511627776))";
    assert_eq!(members(&ty(pairs, &LP64).unwrap(), "", 512).len(), 16);
}

/// Tests that steps that are not listed are counted.
#[test]
fn explanations_count_what_they_leave_out() {
    let ty = ty("many(union, 1000, int)", &LP64).unwrap();
    let why = explain(&FnSig::new([ty], Type::VOID), &[], &LINUX).unwrap();
    let steps = &why.args[0].steps;
    let count = |is: fn(&Step) -> bool| steps.iter().filter(|step| is(step)).count() as u64;
    let merges = count(|step| matches!(step, Step::Merge { .. }));
    let listed = merges + count(|step| matches!(step, Step::Policy { .. }));
    let n_unlisted = steps.iter().find_map(|step| match step {
        Step::More { steps } => Some(*steps),
        _ => None,
    });
    assert!(
        listed >= 256 && merges > 0,
        "{listed} steps, {merges} merges"
    );
    // A merge each, and the same choices for each.
    assert_eq!(n_unlisted, Some(1_000 * (listed / merges) - listed));
    let text = format!("and {} more steps of this kind", n_unlisted.unwrap());
    assert!(why.to_string().contains(&text), "{why}");
}
