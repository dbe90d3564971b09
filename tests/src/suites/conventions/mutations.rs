//! Mutations of conventions. A rule is dropped, its guard is dropped, its first two registers are
//! swapped, or its slots are twice as wide. One more is the convention without its own check of
//! results. The name of a mutation says what is broken.

use std::collections::BTreeSet;

use cabi::convention::{Convention, Features, Lists, PartType, PartTypes, Rule, Rules};
use cabi::{FnAbi, FnSig, Leaf, LeafKind, Reg, leaves};
use cabi_verify::question::Question;

use super::machines::Machine;
use crate::mutants::changed;

/// Signatures at the boundaries of registers for each mutation, on which it has a value elsewhere.
const DIRECTED: usize = 4;

/// A prime: signatures at this distance differ in all their components.
const STRIDE: usize = 619;

/// A convention with one rule broken, which its name says.
pub(in crate::suites) type Mutation = &'static Convention;

/// Returns all mutations of the lists that `convention` has for `features`.
pub(in crate::suites) fn of(convention: &'static Convention, features: Features) -> Vec<Mutation> {
    let rules = convention.rules;
    let lists = match rules.choose {
        Some(choose) => choose(features, false),
        None => Lists {
            args: rules.args,
            results: rules.results,
        },
    };
    let own = Rules {
        args: lists.args,
        results: lists.results,
        choose: None,
        ..rules
    };
    let mut mutations = Vec::new();
    let mut add = |name: String, rules| mutations.push(mutation(name, rules, convention));
    for (name, args) in of_list(lists.args) {
        add(format!("arguments, {name}"), Rules { args, ..own });
    }
    for (name, results) in of_list(lists.results) {
        add(format!("results, {name}"), Rules { results, ..own });
    }
    if rules.return_fits.is_some() {
        let return_fits = None;
        let rules = Rules { return_fits, ..own };
        add("results of any place".to_owned(), rules);
    }
    mutations
}

/// Returns `convention` without each of its rules for any signature, one at a time.
pub(in crate::suites) fn dropped(
    convention: &'static Convention,
) -> impl Iterator<Item = Mutation> {
    let mutations = of(convention, Features::default()).into_iter();
    mutations.filter(|one| one.name.contains("without `"))
}

/// Returns the mutations about unnamed arguments: those of each rule for them, and one without
/// registers.
pub(super) fn of_unnamed(convention: &'static Convention) -> Vec<Mutation> {
    let Convention { rules, frame, .. } = *convention;
    let word = frame.slot;
    let slot = keep(Rule::AssignToStack {
        size: word,
        align: word,
    });
    let parts = PartTypes::of(&[
        PartType::I8,
        PartType::I16,
        PartType::I32,
        PartType::I64,
        PartType::F64,
        PartType::V128,
    ]);
    let on_stack = Rule::IfUnnamed(keep(Rule::IfType(parts, slot)));
    let of_their_own = of_list(rules.args).into_iter();
    of_their_own
        .filter(|(what, _)| what.contains("if unnamed"))
        .chain([(
            "unnamed arguments on the stack".to_owned(),
            &*[&[on_stack], rules.args].concat().leak(),
        )])
        .map(|(what, args)| mutation(what, Rules { args, ..rules }, convention))
        .collect()
}

/// Returns the signatures at the boundaries of registers that are about the rules of `machine`. On
/// each mutation of the rules, some have a value elsewhere. Random ones alone would miss a rule now
/// and then. Their numbers start at `first`.
pub(super) fn directed(machine: &Machine, first: usize) -> Vec<Question> {
    let at_boundaries = (machine.signatures.boundaries)(&machine.absent, &machine.target, first);
    let with_abi = at_boundaries.into_iter().filter_map(|question| {
        let abi = machine.abi(machine.convention, &question).ok()?;
        Some((question, abi))
    });
    let all: Vec<(Question, FnAbi)> = with_abi.collect();
    let mut chosen = BTreeSet::new();
    let of_all = of(machine.convention, machine.features);
    for mutation in of_all.iter().chain(&of_unnamed(machine.convention)) {
        let moved = |i: usize| {
            let (question, abi) = &all[i];
            machine.moved(mutation, (question, abi))
        };
        // Another type or extension at the same place does not show in every function.
        let is_elsewhere = |i: usize| {
            moved(i).is_some_and(|abi| abi.is_ok_and(|abi| places(&abi) != places(&all[i].1)))
        };
        choose(&mut chosen, all.len(), is_elsewhere);
        choose(&mut chosen, all.len(), |i| moved(i).is_some());
    }
    // Each type of value, whatever its tag.
    let results = all.iter().map(|(case, _)| leaves(case.sig.result()));
    let results: Vec<Vec<Leaf>> = results.map(Iterator::collect).collect();
    for (i, result) in results.iter().enumerate() {
        if !results[..i].contains(result) {
            choose(&mut chosen, all.len(), |i| results[i] == *result);
        }
    }
    // No facts that are kept have these.
    if machine.runs.is_some() {
        choose(&mut chosen, all.len(), |i| passes_padding(&all[i].0.sig));
    }
    chosen.iter().map(|i| all[*i].0.clone()).collect()
}

/// Checks whether arguments follow an unnamed record of padding alone, for which `va_arg` has to
/// skip what callers write.
fn passes_padding(sig: &FnSig) -> bool {
    let n_followed = sig.params().len().saturating_sub(1);
    let followed = sig.params().iter().take(n_followed);
    followed.skip(sig.n_named()).any(|param| {
        let mut leaves = leaves(&param.ty);
        param.ty.size() > 0 && leaves.all(|leaf| leaf.unnamed || leaf.kind == LeafKind::Empty)
    })
}

fn places(abi: &FnAbi) -> String {
    let args = abi.args.iter().map(|arg| arg.place.to_string());
    args.chain([abi.ret.to_string()])
        .collect::<Vec<_>>()
        .join(", ")
}

/// Adds of `n` those for which `is` holds, until [`DIRECTED`] are chosen.
fn choose(chosen: &mut BTreeSet<usize>, n: usize, is: impl Fn(usize) -> bool) {
    let n_chosen = chosen.iter().filter(|i| is(**i)).count();
    let candidates = (0..n).map(|i| i * STRIDE % n);
    let candidates = candidates.filter(|i| !chosen.contains(i) && is(*i));
    let added: Vec<usize> = candidates.take(DIRECTED.saturating_sub(n_chosen)).collect();
    chosen.extend(added);
}

fn mutation(what: String, rules: Rules, convention: &Convention) -> Mutation {
    changed(convention, what.leak(), |own| own.rules = rules)
}

fn of_list(list: &'static [Rule]) -> Vec<(String, &'static [Rule])> {
    let mut lists: Vec<(String, &'static [Rule])> = Vec::new();
    for (i, rule) in list.iter().enumerate() {
        let mut dropped = list.to_vec();
        dropped.remove(i);
        lists.push((format!("without `{rule}`"), dropped.leak()));
        for (what, broken) in of_rule(rule) {
            let mut changed = list.to_vec();
            changed[i] = broken;
            lists.push((format!("`{rule}` {what}"), changed.leak()));
        }
    }
    lists
}

pub(in crate::suites) fn keep(rule: Rule) -> &'static Rule {
    Box::leak(Box::new(rule))
}

fn swapped(regs: &[Reg]) -> Option<&'static [Reg]> {
    let mut regs = regs.to_vec();
    (regs.len() > 1).then(|| regs.swap(0, 1))?;
    Some(regs.leak())
}

/// Words for a rule without one of its guards, from the outermost on.
const GUARDS: [&str; 3] = [
    "without its guard",
    "without its inner guard",
    "without its innermost guard",
];

/// Returns the ways to break a rule but dropping it.
fn of_rule(rule: &Rule) -> Vec<(&'static str, Rule)> {
    let inside = |then: &'static Rule, around: &dyn Fn(&'static Rule) -> Rule| {
        let mut mutations = vec![(GUARDS[0], *then)];
        let inner = of_rule(then).into_iter();
        mutations.extend(inner.map(|(what, broken)| {
            let guard = GUARDS.iter().position(|guard| *guard == what);
            let deeper = guard.and_then(|depth| GUARDS.get(depth + 1));
            (*deeper.unwrap_or(&what), around(keep(broken)))
        }));
        mutations
    };
    match *rule {
        Rule::IfType(types, then) => inside(then, &|then| Rule::IfType(types, then)),
        Rule::IfWants(want, then) => inside(then, &|then| Rule::IfWants(want, then)),
        Rule::If(name, holds, then) => inside(then, &|then| Rule::If(name, holds, then)),
        Rule::IfFlag(flag, then) => inside(then, &|then| Rule::IfFlag(flag, then)),
        Rule::IfNotVariadic(then) => inside(then, &Rule::IfNotVariadic),
        Rule::IfUnnamed(then) => inside(then, &Rule::IfUnnamed),
        Rule::DelegateTo(list) => {
            let lists = of_list(list).into_iter();
            lists
                .map(|(what, list)| {
                    (
                        &*format!("in whose list {what}").leak(),
                        Rule::DelegateTo(list),
                    )
                })
                .collect()
        }
        _ => of_action(rule),
    }
}

const SWAPPED: &str = "with registers swapped";
const WIDER: &str = "with wider slots";

/// Returns the ways to break an action that places a part.
fn of_action(rule: &Rule) -> Vec<(&'static str, Rule)> {
    match *rule {
        Rule::AssignToReg(regs) => {
            let swapped = swapped(regs).map(Rule::AssignToReg).into_iter();
            swapped.map(|rule| (SWAPPED, rule)).collect()
        }
        Rule::AssignToRegPair(regs) => {
            let unpaired = ("without pairs", Rule::AssignToReg(regs));
            // An unnamed argument is not the first: the second pair.
            let mut reordered = regs.to_vec();
            (reordered.len() > 3).then(|| reordered.swap(2, 3));
            vec![(SWAPPED, Rule::AssignToRegPair(reordered.leak())), unpaired]
        }
        Rule::AssignToStack { size, align } => {
            let wide = Rule::AssignToStack {
                size: 2 * size.max(8),
                align: 2 * align.max(8),
            };
            vec![(WIDER, wide)]
        }
        Rule::AssignToStackWithShadow {
            size,
            align,
            shadow,
        } => {
            let plain = Rule::AssignToStack { size, align };
            let wide = Rule::AssignToStackWithShadow {
                size: 2 * size.max(8),
                align: 2 * align.max(8),
                shadow,
            };
            vec![("without its shadow", plain), (WIDER, wide)]
        }
        Rule::PassByVal { size, align } => {
            let wide = Rule::PassByVal {
                size: 2 * size,
                align: 2 * align,
            };
            vec![(WIDER, wide)]
        }
        _ => Vec::new(),
    }
}
