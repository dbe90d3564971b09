//! The option `--policy`: a profile, and after commas policy bits that are added or removed.

use std::fmt;
use std::str::FromStr;

use cabi::{Policy, Profile, RecordRules, Target};

/// Choices where compilers disagree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PolicyOption {
    profile: Option<Profile>,
    with: Policy,
    without: Policy,
}

impl PolicyOption {
    /// Returns the choices on `target`.
    pub(crate) fn on(self, target: &Target) -> Policy {
        let profile = self.profile.unwrap_or(Profile::PSABI).on(target);
        profile.without(self.without) | self.with
    }

    /// Returns the compiler whose record layout belongs to the profile.
    pub(crate) fn records(self) -> Option<RecordRules> {
        self.profile.and_then(Profile::records)
    }
}

impl From<Profile> for PolicyOption {
    fn from(profile: Profile) -> Self {
        Self {
            profile: Some(profile),
            with: Policy::NONE,
            without: Policy::NONE,
        }
    }
}

impl FromStr for PolicyOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut policy = Self {
            profile: None,
            ..Profile::PSABI.into()
        };
        for item in text.split(',') {
            if let Some(profile) = Profile::named(item) {
                if let Some(first) = policy.profile.replace(profile) {
                    return Err(format!(
                        "{first} and {profile} are two profiles: a call follows one, so name only one"
                    ));
                }
                continue;
            }
            let name = item.strip_prefix(['+', '-']).unwrap_or(item);
            let bit = Policy::named(name).filter(|_| Profile::named(name).is_none());
            let bit = bit.ok_or_else(|| unknown(item))?;
            let (to, from) = match item.starts_with('-') {
                true => (&mut policy.without, &mut policy.with),
                false => (&mut policy.with, &mut policy.without),
            };
            // If a bit is given twice, the last one counts.
            (*to, *from) = (*to | bit, from.without(bit));
        }
        match policy.without != Policy::NONE && policy.profile.is_none() {
            true => Err(format!(
                "{text}: name the profile from which the bit is removed, as in gcc,-BIT"
            )),
            false => Ok(policy),
        }
    }
}

/// Returns why `item` is no part of a policy.
fn unknown(item: &str) -> String {
    let version = item.rsplit_once('-');
    let measured = version.and_then(|(name, version)| {
        let profile = Profile::of_version(name, version.parse().ok()?)?;
        Some(format!("{item} was not measured; use {profile} instead"))
    });
    measured.unwrap_or_else(|| {
        let known: Vec<String> = Profile::MEASURED.iter().map(ToString::to_string).collect();
        let known = known.join(", ");
        format!("unknown policy bit or profile {item}; the profiles are {known}, gcc, clang, zig")
    })
}

/// The profile with its version, and the bits.
impl fmt::Display for PolicyOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profile = self.profile.unwrap_or(Profile::PSABI);
        write!(f, "{profile}")?;
        for (sign, bits) in [('+', self.with), ('-', self.without)] {
            bits.names().try_for_each(|bit| write!(f, ",{sign}{bit}"))?;
        }
        Ok(())
    }
}
