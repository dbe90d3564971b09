//! Targets: a data model and the convention C uses there. Each convention is a file of its own
//! below this one.

pub mod aarch64;
pub mod csky;
pub(crate) mod known;
mod machine_registers;
mod parts;
pub mod riscv;
pub mod s390x;
mod systems;
pub(crate) mod x86_64;
pub mod xcore;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};

use target_lexicon::{Architecture, Triple};

use crate::Reg;
use crate::convention::{Convention, VaField, VaListType, VectorLevel};
use crate::policy::{Policy, Profile};
use crate::record_builder::RecordBuilder;
use crate::types::data_model::{DataModel, RecordRules};
use crate::types::error::Error;
use crate::types::model_facts::{ModelFacts, of_another_model};
use crate::types::{Kind, Type};

/// A machine and system: how its C types are laid out and how its C functions are called.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    name: Cow<'static, str>,
    data_model: DataModel,
    /// Facts of the data model, with which those of types are compared.
    facts: ModelFacts,
    convention: Option<&'static Convention>,
    /// Policy of the system's own compiler.
    policy: Policy,
    /// Policy of clang.
    clang: Policy,
    /// `true` if a vector is aligned at most to the widest vector register that its unit is
    /// compiled for (clang on x86-64 Darwin).
    aligns_vectors_to_registers: bool,
}

impl Target {
    /// Checks whether C is laid out and called on both alike, whatever their names are.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        let Self {
            name: _,
            data_model,
            facts,
            convention,
            policy,
            clang,
            aligns_vectors_to_registers,
        } = self;
        let policies = (policy, clang, aligns_vectors_to_registers);
        (data_model, facts, convention) == (&other.data_model, &other.facts, &other.convention)
            && policies
                == (
                    &other.policy,
                    &other.clang,
                    &other.aligns_vectors_to_registers,
                )
    }

    /// x86-64 Linux, System V.
    pub const X86_64_LINUX: Self = Self::constant(
        "x86_64-unknown-linux-gnu",
        DataModel::LP64,
        &x86_64::sysv::X86_64_SYSV,
        Policy::GCC,
    );

    /// AArch64 Linux.
    pub const AARCH64_LINUX: Self = Self::constant(
        "aarch64-unknown-linux-gnu",
        DataModel::AARCH64,
        &aarch64::AAPCS64,
        Policy::GCC,
    );

    /// 64-bit Windows with GNU tools.
    pub const X86_64_WINDOWS_GNU: Self = Self::constant(
        "x86_64-pc-windows-gnu",
        DataModel::LLP64_GNU,
        &x86_64::win64::X86_64_WIN64,
        Policy::GCC,
    );

    /// XCore, as clang has it. target-lexicon has no triple for it.
    pub const XCORE: Self = Self::constant("xcore", DataModel::XCORE, &xcore::XCORE, Policy::CLANG);

    /// C-SKY Linux with soft floats. target-lexicon has no triple for it.
    pub const CSKY_LINUX: Self = Self::constant(
        "csky-unknown-linux-gnuabiv2",
        DataModel::CSKY,
        &csky::CSKY_SOFT,
        Policy::GCC,
    );

    /// C-SKY Linux with hard floats, those of a signature's features.
    pub const CSKY_LINUX_HF: Self = Self::constant(
        "csky-unknown-linux-gnuabiv2hf",
        DataModel::CSKY,
        &csky::CSKY,
        Policy::GCC,
    );

    const fn constant(
        name: &'static str,
        data_model: DataModel,
        convention: &'static Convention,
        policy: Policy,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            facts: ModelFacts::of(&data_model),
            data_model,
            convention: Some(convention),
            policy,
            clang: Policy::CLANG,
            aligns_vectors_to_registers: false,
        }
    }

    /// Returns the target called `name`: a triple, or the name of a target that target-lexicon has
    /// no triple for.
    ///
    /// # Errors
    /// As [`Target::new`].
    ///
    /// # Example
    /// ```
    /// use cabi::Target;
    /// assert_eq!(Target::named("xcore")?, Target::XCORE);
    /// assert!(Target::named("pdp11").is_err());
    /// # Ok::<(), cabi::Error>(())
    /// ```
    pub fn named(name: &str) -> Result<Self, Error> {
        match name {
            "xcore" | "xcore-unknown-unknown" => Ok(Self::XCORE),
            // Today's compilers have ABI version 2 alone, and soft floats by default.
            "csky" | "csky-linux-gnu" | "csky-unknown-linux-gnu" => Ok(Self::CSKY_LINUX),
            "csky-linux-gnuabiv2" | "csky-unknown-linux-gnuabiv2" => Ok(Self::CSKY_LINUX),
            "csky-linux-gnuabiv2hf" | "csky-unknown-linux-gnuabiv2hf" => Ok(Self::CSKY_LINUX_HF),
            // clang's names of Cygwin.
            "x86_64-pc-windows-cygnus" => Self::named("x86_64-pc-cygwin"),
            "x86_64-unknown-windows-cygnus" => Self::named("x86_64-unknown-cygwin"),
            // clang's name of simulators is longer.
            _ => match name.strip_suffix("ulator").unwrap_or(name).parse() {
                Ok(triple) => Self::new(&triple),
                Err(_) => Err(Error::UnknownTarget {
                    target: name.into(),
                }),
            },
        }
    }

    /// Returns the machine this runs on.
    ///
    /// # Errors
    /// As [`Target::new`].
    pub fn host() -> Result<Self, Error> {
        // A constant needs no memory for its name.
        let is_linux = cfg!(all(target_os = "linux", target_env = "gnu"));
        if is_linux && cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
            return Ok(Self::X86_64_LINUX);
        }
        Self::new(&target_lexicon::HOST)
    }

    /// Returns the target of a triple. For some targets only the data model is known; asking for an
    /// [`FnAbi`](crate::FnAbi) is then an error unless the signature brings its convention along.
    ///
    /// # Errors
    /// [`Error::UnknownTarget`] where not even the data model is known.
    pub fn new(triple: &Triple) -> Result<Self, Error> {
        let unknown = || Error::UnknownTarget {
            target: triple.to_string(),
        };
        let (data_model, convention) = systems::c_of(triple).ok_or_else(unknown)?;
        Ok(Self::of_system(triple, data_model, convention))
    }

    /// Returns the target of `triple` with its compiler's choices, and layout.
    fn of_system(
        triple: &Triple,
        data_model: DataModel,
        convention: Option<&'static Convention>,
    ) -> Self {
        let clang = systems::clang_policy(triple);
        let is_clang = systems::has_clang(triple);
        let data_model = match data_model.records {
            RecordRules::Gcc if is_clang => data_model.with_records(RecordRules::Clang),
            _ => data_model,
        };
        Self {
            name: Cow::Owned(triple.to_string()),
            facts: ModelFacts::of(&data_model),
            data_model,
            convention,
            policy: if is_clang { clang } else { Policy::GCC },
            clang,
            aligns_vectors_to_registers: triple.operating_system.is_like_darwin()
                && triple.architecture == Architecture::X86_64,
        }
    }

    /// Returns the triple, as messages name it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the register that code leaves to the system, although its convention has a use for
    /// it.
    #[cold]
    pub(crate) fn reserved_register(&self) -> Option<Reg> {
        systems::reserved_register(&self.name.parse().ok()?)
    }

    /// Returns the data model, by which C types are laid out.
    #[must_use]
    pub fn data_model(&self) -> &DataModel {
        &self.data_model
    }

    /// Refuses `ty` if it was laid out for another data model. Refuses vectors wider than those of
    /// `level` too, if the target's compiler aligns a vector at most to the widest vector register.
    #[inline]
    pub(crate) fn check(&self, ty: &Type, level: VectorLevel) -> Result<(), Error> {
        if !self.facts.cover(ty.facts()) {
            return Err(of_another_model(ty, self.facts, Some(&self.name)));
        }
        match self.aligns_vectors_to_registers {
            true => self.check_vectors(ty, level),
            false => Ok(()),
        }
    }

    #[cold]
    fn check_vectors(&self, ty: &Type, level: VectorLevel) -> Result<(), Error> {
        let is_wider =
            |ty: &Type, _: u64| matches!(ty.kind(), Kind::Vector(_)) && ty.size() > level.bytes();
        if ty.contains(&is_wider) {
            return Err(Error::Unsupported {
                ty: ty.to_string(),
                why: "clang aligns a vector to the widest vector register, and the signature's features have no register as wide as the vector",
                target: self.name.to_string(),
            });
        }
        Ok(())
    }

    /// Returns the convention of C functions, if it is known.
    #[must_use]
    pub fn convention(&self) -> Option<&'static Convention> {
        self.convention
    }

    /// Returns `va_list` as a declaration names it. On System V it is an array, which decays as a
    /// parameter; on Windows a pointer.
    ///
    /// # Errors
    /// [`Error::UnknownTarget`] where it is not known.
    ///
    /// # Example
    /// ```
    /// use cabi::{Target, Type};
    /// let linux = Target::X86_64_LINUX;
    /// let va_list = linux.va_list()?;
    /// assert_eq!(va_list.size(), 24);
    /// assert_eq!(linux.data_model().decay(&va_list), Type::PTR);
    /// # Ok::<(), cabi::Error>(())
    /// ```
    pub fn va_list(&self) -> Result<Type, Error> {
        let structure = |tag: &str, fields: &[VaField]| {
            let fields = fields.iter();
            let tag = fields.fold(RecordBuilder::structure(tag), |tag, (name, ty)| {
                tag.field(name, self.data_model.adapt(ty))
            });
            tag.build(&self.data_model)
        };
        match self.convention.map(|convention| convention.frame.va_list) {
            Some(VaListType::Pointer) => Ok(self.data_model.adapt(&Type::PTR)),
            Some(VaListType::Structure(tag, fields)) => structure(tag, fields),
            Some(VaListType::Array(tag, fields)) => Type::array(&structure(tag, fields)?, 1),
            _ => Err(Error::UnknownTarget {
                target: self.name().into(),
            }),
        }
    }

    /// Sets another convention, and keeps the data model: `ms_abi` on Linux is Linux's layout with
    /// Win64's passing.
    #[must_use]
    pub fn with_convention(mut self, convention: &'static Convention) -> Self {
        self.convention = Some(convention);
        self
    }
}

impl Policy {
    /// Returns the choices of the compiler that a target's own libraries are built with: gcc on
    /// Linux, clang on Darwin, FreeBSD and others.
    ///
    /// # Example
    /// ```
    /// use cabi::{Policy, Target};
    ///
    /// let darwin = Target::named("x86_64-apple-darwin")?;
    /// assert!(Policy::of(&darwin).has(Policy::NARROW_RESULTS_EXTENDED));
    /// # Ok::<(), cabi::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn of(target: &Target) -> Self {
        target.policy
    }

    /// Returns the profile with the fewest other choices on `target`, with the bits that are added
    /// or taken away: `gcc-12`, `clang-19,-RECORDS_GO_BY_COUNT`.
    ///
    /// # Example
    /// ```
    /// use cabi::{Policy, Target};
    ///
    /// let linux = Target::X86_64_LINUX;
    /// let other = Policy::GCC.without(Policy::HALF_PAIRS_IN_SSE);
    /// assert_eq!(Policy::of(&linux).name_on(&linux), "gcc-12");
    /// assert_eq!(other.name_on(&linux), "gcc-12,-HALF_PAIRS_IN_SSE");
    /// ```
    #[must_use]
    pub fn name_on(self, target: &Target) -> String {
        let measured = Profile::MEASURED.iter();
        let nearest = measured.min_by_key(|profile| profile.on(target).distance(self));
        let profile = *nearest.unwrap_or(&Profile::PSABI);
        let own = profile.on(target);
        let mut name = profile.to_string();
        for (sign, bits) in [('+', self.without(own)), ('-', own.without(self))] {
            bits.names()
                .for_each(|bit| name += &format!(",{sign}{bit}"));
        }
        name
    }
}

impl Profile {
    /// Returns the compiler's choices on `target`. Those of clang depend on the system; other
    /// compilers make the same choices on every system.
    ///
    /// # Example
    /// ```
    /// use cabi::{Policy, Profile, Target};
    ///
    /// let freebsd = Target::named("x86_64-unknown-freebsd")?;
    /// assert!(Profile::CLANG.on(&freebsd).has(Policy::INTEGER_VECTORS_IN_GPR));
    /// assert_eq!(Profile::GCC.on(&freebsd), Policy::GCC);
    /// # Ok::<(), cabi::Error>(())
    /// ```
    #[must_use]
    pub fn on(self, target: &Target) -> Policy {
        let (default, clang) = (Policy::CLANG, target.clang);
        match self.is_clang() {
            true => self.policy().without(default.without(clang)) | clang.without(default),
            false => self.policy(),
        }
    }
}
