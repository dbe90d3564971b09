//! Functions with another target than the rest of the text: `target` attributes, and the pragmas
//! that stand for them.
//!
//! Attributes and pragmas decide which registers pass floats and vectors. To gcc the function's own
//! target counts, to clang that of the command line. A function that they would call differently is
//! read only if the options name one of them. Flags that disable vector registers are refused, as
//! they are among the arguments for clang.

use cabi::{Kind, Scalar, Type, VectorLevel};

use crate::clang::{Cursor, between_quotes_blank, without_strings};
use crate::header::Prototype;
use crate::parse::attributes::has_attribute;
use crate::parse::ignored::Subject;
use crate::parse::pragmas::WITHOUT_SSE;
use crate::parse::types::Reader;
use crate::reason::Reason;

/// `target` attributes of a function.
pub(crate) struct OwnTarget {
    /// The attributes' words, empty without one.
    pub(crate) features: String,
    /// The widest vectors that gcc passes in registers by these words.
    pub(crate) vectors: VectorLevel,
    /// `true` if the function is compiled once for each of several targets.
    is_cloned: bool,
}

impl OwnTarget {
    /// Reads the attributes of a function that clang has printed as `printed`, strings included.
    /// `base` is the vector level of the arguments for clang.
    pub(crate) fn new(printed: &str, base: VectorLevel) -> Result<Self, Reason> {
        let attributes = without_strings(printed);
        let features = features(printed, &attributes);
        if attributes == printed
            && features != self::features(printed, &between_quotes_blank(printed))
        {
            let attribute = "target, beside an attribute with quotes in its string,";
            return Err(Reason::Attribute(attribute.to_owned()));
        }
        let clones = ["target_clones", "cpu_specific", "cpu_dispatch"];
        Ok(Self {
            vectors: vectors(&features, base)?,
            features,
            is_cloned: clones.iter().any(|name| has_attribute(&attributes, name)),
        })
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.features.split(',').map(str::trim)
    }
}

impl<'u> Reader<'u> {
    /// Refuses `function` if the types alone do not decide how it is called, or if compilers
    /// differ. `cursor` declares the function, with `own` target.
    pub(crate) fn check_target(
        &mut self,
        cursor: Cursor<'u>,
        own: &OwnTarget,
        function: &mut Prototype,
    ) -> Result<(), Reason> {
        let refuse = |attribute: String| Err(Reason::Attribute(attribute));
        self.check_ignored(cursor, Subject::Function)?;
        if self.errors.ignored_targets.is_in(cursor) {
            return refuse("target, which clang ignores here,".to_owned());
        }
        for feature in own.words() {
            let is_without_x87 = feature == "no-x87" && has(function, is_x87);
            if WITHOUT_SSE.contains(&feature) || is_without_x87 {
                return refuse(format!("target(\"{feature}\")"));
            }
        }
        let pragmas = self.pragmas;
        let is_sse_or_x87 = |ty: &Type| is_sse(ty) || is_x87(ty);
        if pragmas.may_hide_target() && has(function, is_sse_or_x87) {
            return refuse(
                "target, which clang may ignore without a warning because of a pragma,".to_owned(),
            );
        }
        // gcc alone follows the pragma.
        if pragmas.without_sse && has(function, is_sse) {
            return refuse("#pragma GCC target".to_owned());
        }
        if !has(function, is_wide) {
            return Ok(());
        }
        if pragmas.target {
            return refuse("#pragma GCC target".to_owned());
        }
        if own.is_cloned {
            return refuse("target_clones".to_owned());
        }
        if self.is_as_gcc() {
            return Ok(());
        }
        let base = self.facts.vectors;
        // LLVM's dependencies between features are not gcc's. Without a feature that LLVM needs, a
        // vector is split.
        let takes_away = |word: &str| word.starts_with("no-") || word.starts_with("arch=");
        let may_split = base > VectorLevel::Baseline && own.words().any(takes_away);
        let reason = match self.is_as_clang() {
            true if may_split => "for which clang may split wide vectors",
            false if may_split || own.vectors != base => {
                "for which gcc and clang pass wide vectors differently"
            }
            _ => {
                function.vectors = base;
                return Ok(());
            }
        };
        refuse(format!("target(\"{}\"), {reason},", own.features))
    }
}

/// Returns the words of `target` in `attributes`, which are `printed` with or without its strings.
fn features(printed: &str, attributes: &str) -> String {
    let start = "target(\"";
    let words = attributes.match_indices(start).filter_map(|(at, _)| {
        let is_whole = attributes[..at].ends_with(['(', ':']);
        let rest = printed.get(at + start.len()..)?;
        rest.split('"').next().filter(|_| is_whole)
    });
    words.collect::<Vec<_>>().join(",")
}

/// Returns whether an argument or the result of `function` has a part that `is`.
fn has(function: &Prototype, is: fn(&Type) -> bool) -> bool {
    let params = function.params.iter().map(|(_, ty)| ty);
    let mut all = params.chain([&function.ret]);
    all.any(|ty| ty.contains(&|ty, _| is(ty)))
}

/// Returns whether `ty` is a vector that the vector levels pass differently.
fn is_wide(ty: &Type) -> bool {
    matches!(ty.kind(), Kind::Vector(_)) && ty.size() > 16
}

fn is_x87(ty: &Type) -> bool {
    matches!(
        ty.kind(),
        Kind::Scalar(Scalar::F80) | Kind::Complex(Scalar::F80)
    )
}

/// Returns whether `ty` is passed in vector registers, or may be.
fn is_sse(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Scalar(scalar) => !scalar.is_integer_like() && !is_x87(ty),
        Kind::Complex(_) | Kind::Vector(_) => !is_x87(ty),
        _ => false,
    }
}

/// Returns the widest vectors in registers, by what the `features` of `target` attributes add to
/// `base`. Refuses a name whose meaning is not known.
fn vectors(features: &str, base: VectorLevel) -> Result<VectorLevel, Reason> {
    let unknown = |feature: &str| Err(Reason::Attribute(format!("target(\"{feature}\")")));
    let mut level = base;
    for feature in features.split(',').map(str::trim) {
        // A processor replaces what was named before it.
        if let Some(cpu) = feature.strip_prefix("arch=") {
            match CPUS
                .iter()
                .find(|(_, cpus)| cpus.split(' ').any(|known| known == cpu))
            {
                Some((cpu, _)) => level = *cpu,
                None => return unknown(feature),
            }
            continue;
        }
        let (on, name) = feature
            .strip_prefix("no-")
            .map_or((true, feature), |name| (false, name));
        let needs = match name {
            // In these the width is an option of its own.
            _ if name.starts_with("avx10") || name.contains("evex512") => return unknown(feature),
            _ if name.starts_with("avx512") => VectorLevel::Avx512,
            _ if name.starts_with("avx") => VectorLevel::Avx,
            "fma" | "fma4" | "f16c" | "xop" | "vaes" | "vpclmulqdq" | "sha512" | "sm3" | "sm4" => {
                VectorLevel::Avx
            }
            // Features that AVX is built on.
            "sse3" | "ssse3" | "sse4" | "sse4.1" | "sse4.2" | "xsave" => VectorLevel::Baseline,
            _ => continue,
        };
        level = match (on, name) {
            (true, _) => level.max(needs),
            (false, "avx") => VectorLevel::Baseline,
            (false, "avx2" | "avx512f") => level.min(VectorLevel::Avx),
            (false, _) if needs == VectorLevel::Baseline => VectorLevel::Baseline,
            (false, _) => level,
        };
    }
    Ok(level)
}

/// Widest vectors that `target("arch=..")` enables, for processors by name.
const CPUS: [(VectorLevel, &str); 3] = [
    (
        VectorLevel::Baseline,
        "x86-64 x86-64-v2 core2 nehalem westmere silvermont goldmont btver1 k8 amdfam10",
    ),
    (
        VectorLevel::Avx,
        "x86-64-v3 sandybridge ivybridge haswell broadwell skylake alderlake bdver1 bdver2 \
         bdver3 bdver4 btver2 znver1 znver2 znver3",
    ),
    (
        VectorLevel::Avx512,
        "x86-64-v4 knl skylake-avx512 cascadelake cooperlake cannonlake icelake-client \
         icelake-server tigerlake rocketlake sapphirerapids graniterapids znver4 znver5",
    ),
];
