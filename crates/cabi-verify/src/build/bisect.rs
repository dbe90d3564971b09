//! One file of many items, some of which a compiler refuses. All others are still built together.
//!
//! A compiler's messages mostly name the items that it refuses. If they name none (it crashes,
//! or its output cannot be loaded) the file is cut in halves until the items are found.

use std::collections::BTreeMap;

use super::ReferenceError;

/// Most items of a file that are found by halves. The rest is refused together.
pub(crate) const MOST_FOUND: usize = 16;

/// Outcome of building the items of a file, which are cases unless stated otherwise.
#[derive(Debug)]
pub(crate) struct Bisection<B> {
    /// The file of the cases that are left. `None` if nothing could be built.
    pub built: Option<B>,
    /// The cases that are in it, by their indices.
    pub cases: Vec<usize>,
    /// The others, and why.
    pub refused: Vec<Rejection>,
}

/// Cases that cannot be built: one, unless the same reason is about several.
#[derive(Debug)]
pub(crate) struct Rejection {
    /// Their indices.
    pub cases: Vec<usize>,
    /// The compiler's words.
    pub why: ReferenceError,
}

/// Returns each of `chosen` whose file, by the name in the compiler's messages, has errors, with
/// its own messages.
pub(crate) fn rejected_files(
    error: &ReferenceError,
    chosen: &[usize],
    file: impl Fn(usize) -> String,
) -> Vec<Rejection> {
    let mut messages: BTreeMap<&str, String> = BTreeMap::new();
    for line in error.messages().unwrap_or_default().lines() {
        if let Some((file, _)) = line.split_once(':') {
            let words = messages.entry(file).or_default();
            words.push_str(line);
            words.push('\n');
        }
    }
    let rejections = chosen.iter().filter_map(|&at| {
        let words = messages.get(&*file(at))?;
        let is_error = words.contains("error:");
        is_error.then(|| Rejection {
            cases: vec![at],
            why: error.with_messages(words),
        })
    });
    rejections.collect()
}

/// Builds `items` in one file without those that are refused. `blame` returns the items that an
/// error names, each for its own reason. If it names none, any item may be the reason.
///
/// # Errors
/// A failure that says nothing about any item.
pub(crate) fn build_without_refused<B>(
    items: Vec<usize>,
    mut build: impl FnMut(&[usize]) -> Result<B, ReferenceError>,
    blame: impl Fn(&ReferenceError, &[usize]) -> Vec<Rejection>,
) -> Result<Bisection<B>, ReferenceError> {
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
            Err(error) if error.is_about_the_system() => return Err(error),
            Err(error) => error,
        };
        let mut rejections = blame(&error, &parts.cases);
        // A file that cannot be built without items either is no fault of theirs.
        if rejections.is_empty() && parts.cases.len() > 1 && build(&[]).is_ok() {
            search(&parts.cases, &mut build, &blame, &mut rejections)?;
        }
        if rejections.is_empty() {
            let cases = std::mem::take(&mut parts.cases);
            parts.refused.push(Rejection { cases, why: error });
        }
        for rejection in rejections {
            parts.cases.retain(|case| !rejection.cases.contains(case));
            parts.refused.push(rejection);
        }
    }
    Ok(parts)
}

/// Finds the items that cannot be built in halves of `items`, up to [`MOST_FOUND`].
fn search<B>(
    items: &[usize],
    build: &mut impl FnMut(&[usize]) -> Result<B, ReferenceError>,
    blame: &impl Fn(&ReferenceError, &[usize]) -> Vec<Rejection>,
    rejections: &mut Vec<Rejection>,
) -> Result<(), ReferenceError> {
    let (first, second) = items.split_at(items.len() / 2);
    for half in [first, second] {
        let Err(why) = build(half) else { continue };
        if why.is_about_the_system() {
            return Err(why);
        }
        let blamed = blame(&why, half);
        if !blamed.is_empty() {
            rejections.extend(blamed);
        } else if half.len() == 1 || rejections.len() >= MOST_FOUND {
            let cases = half.to_vec();
            rejections.push(Rejection { cases, why });
        } else {
            search(half, build, blame, rejections)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(messages: impl ToString) -> ReferenceError {
        ReferenceError::Refused {
            reference: String::new(),
            messages: messages.to_string(),
            crashed: false,
        }
    }

    /// Builds items below 100; a message names only those that are odd.
    fn of(items: &[usize]) -> Bisection<Vec<usize>> {
        let build = |items: &[usize]| match items.iter().find(|item| **item >= 100) {
            Some(item) => Err(refused(item)),
            None => Ok(items.to_vec()),
        };
        let blame = |error: &ReferenceError, _: &[usize]| {
            let item = error.messages().unwrap().parse().unwrap();
            let named = Rejection {
                cases: vec![item],
                why: refused(item),
            };
            Vec::from_iter((item % 2 == 1).then_some(named))
        };
        build_without_refused(items.to_vec(), build, blame).unwrap()
    }

    fn sorted(refused: Vec<Rejection>) -> Vec<usize> {
        let mut cases: Vec<usize> = refused.into_iter().flat_map(|one| one.cases).collect();
        cases.sort_unstable();
        cases
    }

    #[test]
    fn a_refused_function_is_refused_alone() {
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
            match items {
                [] => Ok(()),
                _ => Err(refused("it crashes")),
            }
        };
        let parts = build_without_refused((0..256).collect(), build, |_, _| Vec::new()).unwrap();
        assert_eq!(sorted(parts.refused), (0..256).collect::<Vec<_>>());
        assert!(n < 4 * MOST_FOUND, "{n} builds");
    }

    #[test]
    fn a_file_that_fails_without_items_is_nobodys_fault() {
        let mut n = 0;
        let build = |_: &[usize]| -> Result<(), _> {
            n += 1;
            Err(refused("the header is wrong"))
        };
        let parts = build_without_refused((0..64).collect(), build, |_, _| Vec::new()).unwrap();
        assert_eq!(parts.refused.len(), 1);
        assert_eq!(parts.refused[0].cases.len(), 64);
        assert_eq!(n, 2, "it is not cut in halves");
    }
}
