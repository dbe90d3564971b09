//! One file of many items, some of which a compiler refuses: everything else is still built,
//! together.
//!
//! A compiler's messages mostly name the items that it refuses. If they name none (it crashes,
//! or its output cannot be loaded) the file is cut in halves until the items are found.

use std::collections::BTreeMap;

use super::ReferenceError;

/// Most items of a file that are found by halves. The rest is refused together.
pub(crate) const MOST_FOUND: usize = 16;

/// Items of a file that a failure blames.
pub(crate) enum Blame<E> {
    /// None: the disk is full, the compiler hangs, an interrupt.
    System,
    /// These are refused, each for its own reason. If the list is empty, any item may be the
    /// reason.
    Items(Vec<(usize, E)>),
}

impl Blame<ReferenceError> {
    /// Blames each of `chosen` whose file, as the compiler is told, has errors, for its own
    /// messages.
    pub(crate) fn of_files(
        error: &ReferenceError,
        chosen: &[usize],
        file: impl Fn(usize) -> String,
    ) -> Self {
        if error.is_about_the_system() {
            return Self::System;
        }
        let mut said: BTreeMap<&str, String> = BTreeMap::new();
        for line in error.messages().unwrap_or_default().lines() {
            if let Some((file, _)) = line.split_once(':') {
                let words = said.entry(file).or_default();
                words.push_str(line);
                words.push('\n');
            }
        }
        let named = chosen.iter().filter_map(|&at| {
            let words = said.get(&*file(at))?;
            let is_error = words.contains("error:");
            is_error.then(|| (at, error.with_messages(words)))
        });
        Self::Items(named.collect())
    }
}

/// Outcome of building the items of a file, which are cases unless stated otherwise.
#[derive(Debug)]
pub(crate) struct Bisection<B, E = ReferenceError> {
    /// The file of the cases that are left. `None` if nothing could be built.
    pub built: Option<B>,
    /// The cases that are in it, by their indices.
    pub cases: Vec<usize>,
    /// The others, and why.
    pub refused: Vec<Refused<E>>,
}

/// Cases that cannot be built: one, unless the same reason is about several.
#[derive(Debug)]
pub(crate) struct Refused<E = ReferenceError> {
    /// Their indices.
    pub cases: Vec<usize>,
    /// The compiler's words.
    pub why: E,
}

/// Builds `items` in one file without those that are refused.
///
/// # Errors
/// A failure that says nothing about any item.
pub(crate) fn build_without_refused<B, E>(
    items: Vec<usize>,
    mut build: impl FnMut(&[usize]) -> Result<B, E>,
    blame: impl Fn(&E, &[usize]) -> Blame<E>,
) -> Result<Bisection<B, E>, E> {
    let mut parts = Bisection {
        built: None,
        cases: items,
        refused: Vec::new(),
    };
    while parts.built.is_none() && !parts.cases.is_empty() {
        let error = match build(&parts.cases) {
            Ok(built) => {
                parts.built = Some(built);
                break;
            }
            Err(error) => error,
        };
        let named = match blame(&error, &parts.cases) {
            Blame::System => return Err(error),
            Blame::Items(named) => named,
        };
        let mut found = alone(named);
        // A file that cannot be built without items either is no fault of theirs.
        if found.is_empty() && parts.cases.len() > 1 && build(&[]).is_ok() {
            search(&parts.cases, &mut build, &blame, &mut found)?;
        }
        if found.is_empty() {
            let cases = std::mem::take(&mut parts.cases);
            parts.refused.push(Refused { cases, why: error });
        }
        for one in found {
            parts.cases.retain(|left| !one.cases.contains(left));
            parts.refused.push(one);
        }
    }
    Ok(parts)
}

fn alone<E>(named: Vec<(usize, E)>) -> Vec<Refused<E>> {
    let one = |(item, why)| Refused {
        cases: vec![item],
        why,
    };
    named.into_iter().map(one).collect()
}

/// Finds the items that cannot be built in halves of `items`, up to [`MOST_FOUND`].
fn search<B, E>(
    items: &[usize],
    build: &mut impl FnMut(&[usize]) -> Result<B, E>,
    blame: &impl Fn(&E, &[usize]) -> Blame<E>,
    found: &mut Vec<Refused<E>>,
) -> Result<(), E> {
    let (first, second) = items.split_at(items.len() / 2);
    for half in [first, second] {
        let Err(error) = build(half) else { continue };
        match (blame(&error, half), half) {
            (Blame::System, _) => return Err(error),
            (Blame::Items(named), _) if !named.is_empty() => found.extend(alone(named)),
            (_, half) if half.len() == 1 || found.len() >= MOST_FOUND => {
                let cases = half.to_vec();
                found.push(Refused { cases, why: error });
            }
            (_, half) => search(half, build, blame, found)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds items below 100; a message names only those that are odd.
    fn of(items: &[usize]) -> Bisection<Vec<usize>, String> {
        let build = |items: &[usize]| match items.iter().find(|item| **item >= 100) {
            Some(item) => Err(item.to_string()),
            None => Ok(items.to_vec()),
        };
        let blame = |error: &String, _: &[usize]| match error.parse::<usize>() {
            Ok(item) if item % 2 == 1 => Blame::Items(vec![(item, error.clone())]),
            _ => Blame::Items(Vec::new()),
        };
        build_without_refused(items.to_vec(), build, blame).unwrap()
    }

    fn sorted<E>(refused: Vec<Refused<E>>) -> Vec<usize> {
        let mut cases: Vec<usize> = refused.into_iter().flat_map(|one| one.cases).collect();
        cases.sort_unstable();
        cases
    }

    #[test]
    fn what_is_refused_is_refused_alone() {
        let parts = of(&[1, 101, 2, 102, 3, 104]);
        assert_eq!(parts.built, Some(vec![1, 2, 3]));
        assert_eq!(parts.cases, [1, 2, 3]);
        assert_eq!(sorted(parts.refused), [101, 102, 104]);
        assert!(of(&[104]).built.is_none());
    }

    #[test]
    fn a_file_of_many_that_are_refused_is_not_searched_to_the_end() {
        let mut n = 0;
        let build = |items: &[usize]| {
            n += 1;
            if items.is_empty() {
                Ok(())
            } else {
                Err("it crashes")
            }
        };
        let nobody = |_: &_, _: &[usize]| Blame::Items(Vec::new());
        let parts = build_without_refused((0..256).collect(), build, nobody).unwrap();
        assert_eq!(sorted(parts.refused), (0..256).collect::<Vec<_>>());
        assert!(n < 4 * MOST_FOUND, "{n} builds");
    }

    #[test]
    fn a_file_that_fails_without_items_is_nobodys_fault() {
        let mut n = 0;
        let build = |_: &[usize]| -> Result<(), &str> {
            n += 1;
            Err("the header is wrong")
        };
        let parts =
            build_without_refused((0..64).collect(), build, |_, _| Blame::Items(Vec::new()))
                .unwrap();
        assert_eq!(parts.refused.len(), 1);
        assert_eq!(parts.refused[0].cases.len(), 64);
        assert_eq!(n, 2, "it is not cut in halves");
    }
}
