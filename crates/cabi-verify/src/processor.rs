//! Features that this processor has, detected in one place. `CABI_HIDE=avx,avx512f` hides some, as
//! the path hides tools. Then the same runs as on a processor without them.

struct Feature {
    /// Macro of a compiler whose code may use it.
    defined: &'static str,
    name: &'static str,
    /// Features that code with this one may use too.
    implied: &'static [&'static str],
    is_detected: fn() -> bool,
}

macro_rules! features {
    ($($defined:literal $name:tt $implied:expr;)*) => {
        const FEATURES: &[Feature] = &[$(Feature {
            defined: $defined,
            name: $name,
            implied: &$implied,
            #[cfg(target_arch = "x86_64")]
            is_detected: || std::arch::is_x86_feature_detected!($name),
            #[cfg(not(target_arch = "x86_64"))]
            is_detected: || false,
        }),*];
    };
}

features! {
    "__SSE3__" "sse3" [];
    "__SSSE3__" "ssse3" [];
    "__SSE4_1__" "sse4.1" [];
    "__SSE4_2__" "sse4.2" [];
    "__POPCNT__" "popcnt" [];
    "__LZCNT__" "lzcnt" [];
    "__BMI__" "bmi1" [];
    "__BMI2__" "bmi2" [];
    "__AVX__" "avx" [];
    "__F16C__" "f16c" ["avx"];
    "__FMA__" "fma" ["avx"];
    "__AVX2__" "avx2" ["avx"];
    "__AVX512F__" "avx512f" ["avx2", "f16c", "fma"];
    "__AVX512CD__" "avx512cd" ["avx512f"];
    "__AVX512BW__" "avx512bw" ["avx512f"];
    "__AVX512DQ__" "avx512dq" ["avx512f"];
    "__AVX512VL__" "avx512vl" ["avx512f"];
    "__AVX512IFMA__" "avx512ifma" ["avx512f"];
    "__AVX512VBMI__" "avx512vbmi" ["avx512bw"];
    "__AVX512VBMI2__" "avx512vbmi2" ["avx512bw"];
    "__AVX512VNNI__" "avx512vnni" ["avx512f"];
    "__AVX512BITALG__" "avx512bitalg" ["avx512bw"];
    "__AVX512VPOPCNTDQ__" "avx512vpopcntdq" ["avx512f"];
    "__AVX512BF16__" "avx512bf16" ["avx512bw"];
    "__AVX512FP16__" "avx512fp16" ["avx512bw"];
}

impl Feature {
    fn is_here(&self, hidden: &str) -> bool {
        let is_hidden = hidden.split(',').any(|name| name == self.name);
        let has = |name: &&str| {
            FEATURES
                .iter()
                .any(|one| one.name == *name && one.is_here(hidden))
        };
        !is_hidden && (self.is_detected)() && self.implied.iter().all(has)
    }
}

/// Names of hidden features, with commas between.
///
/// # Errors
/// A name that no feature has.
pub fn hidden() -> Result<String, String> {
    let hidden = std::env::var("CABI_HIDE").unwrap_or_default();
    let is_known = |name: &str| FEATURES.iter().any(|one| one.name == name);
    match hidden
        .split(',')
        .find(|name| !name.is_empty() && !is_known(name))
    {
        Some(name) => Err(format!("CABI_HIDE: unknown processor feature {name}")),
        None => Ok(hidden),
    }
}

/// Checks whether code that uses the feature `name` can run here.
pub fn has(name: &str) -> bool {
    // If a hidden name is no feature's, no code runs that needs a feature.
    let hidden = hidden().ok();
    let is_here = |hidden: String| {
        FEATURES
            .iter()
            .any(|one| one.name == name && one.is_here(&hidden))
    };
    hidden.is_some_and(is_here)
}

/// Names of the features that this processor lacks, of those whose macros are defined.
///
/// # Errors
/// The errors of `is_defined`.
pub(crate) fn lacking<E>(
    is_defined: impl Fn(&str) -> Result<bool, E>,
) -> Result<Vec<&'static str>, E> {
    let mut lacking = Vec::new();
    for one in FEATURES {
        if is_defined(one.defined)? && !has(one.name) {
            lacking.push(one.name);
        }
    }
    Ok(lacking)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_that_imply_a_hidden_one_are_hidden() {
        let here = |hidden: &str| -> Vec<&str> {
            let here = FEATURES.iter().filter(|one| one.is_here(hidden));
            here.map(|one| one.name).collect()
        };
        let all = here("");
        assert!(all.iter().all(|name| has(name)) || hidden().is_ok_and(|own| !own.is_empty()));
        for (hidden, start) in [("avx512f", "avx512"), ("avx", "avx"), ("bmi1,avx", "avx")] {
            let left = all.iter().filter(|name| {
                let implies = ["f16c", "fma"].contains(name) && start == "avx";
                !name.starts_with(start) && !implies && !hidden.split(',').any(|own| own == **name)
            });
            assert_eq!(here(hidden), left.copied().collect::<Vec<_>>(), "{hidden}");
        }
    }

    #[test]
    fn code_needs_each_feature_whose_macro_is_defined() {
        let all = FEATURES.iter().filter(|one| !has(one.name));
        let all: Vec<&str> = all.map(|one| one.name).collect();
        assert_eq!(lacking(|_| Ok::<_, ()>(true)), Ok(all));
        assert_eq!(lacking(|_| Ok::<_, ()>(false)), Ok(Vec::new()));
    }
}
