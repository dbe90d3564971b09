//! Macros that a reference compiler defines by itself: its version, and the target and the features
//! it compiles for under its own flags.

use std::collections::BTreeMap;
use std::io;

use cabi::{Target, VectorLevel};

use super::{Reference, ReferenceError, scratch, write};
use crate::processor;

impl Reference {
    /// Returns the first number of its version, by the macro that gcc and clang each define.
    pub(super) fn major_version(&self) -> Result<u16, ReferenceError> {
        let name = match self.name {
            "clang" => "__clang_major__",
            _ => "__GNUC__",
        };
        let value = self.macros()?.get(name).and_then(|text| text.parse().ok());
        let none = || io::Error::other(format!("the macro {name} is not a number"));
        value.ok_or_else(|| ReferenceError::io(&self.text)(none()))
    }

    /// Returns the level of the widest vectors that are passed in registers under its own flags, by
    /// the macros it defines.
    ///
    /// # Errors
    /// [`ReferenceError`] if it cannot be run, or has AVX-512 without registers of 512 bits.
    pub fn vector_level(&self) -> Result<VectorLevel, ReferenceError> {
        Ok(if self.defines("__AVX512F__")? {
            // The macro is in clang 18 to 21 alone, of which `zig cc` 0.15 has `-mno-evex512` by
            // itself.
            let has_macro = self.name == "clang" && (18..22).contains(&self.major);
            if has_macro && !self.defines("__EVEX512__")? {
                let why = "it has AVX-512 without registers of 512 bits: add -mevex512";
                return Err(ReferenceError::io(&self.text)(io::Error::other(why)));
            }
            VectorLevel::Avx512
        } else if self.defines("__AVX__")? {
            VectorLevel::Avx
        } else {
            VectorLevel::Baseline
        })
    }

    /// Returns features of processors that its code may use under its own flags, and this processor
    /// lacks.
    ///
    /// # Errors
    /// [`ReferenceError`] if it cannot be run.
    pub fn features_lacking(&self) -> Result<Vec<&'static str>, ReferenceError> {
        processor::lacking(|name| self.defines(name))
    }

    /// Checks whether it compiles under its own flags for `target`, by the macros that it defines.
    ///
    /// # Errors
    /// [`ReferenceError`] if it cannot be run.
    pub fn is_for(&self, target: &Target) -> Result<bool, ReferenceError> {
        let name = target.name();
        let is_windows = name.contains("windows");
        // On macOS the host's own compilers stand in for those of Linux: System V is the same.
        let is_apple = name.contains("apple") || (!is_windows && cfg!(target_vendor = "apple"));
        let machines = ["x86_64", "riscv64", "s390x"];
        let [is_x86_64, is_riscv, is_s390x] = machines.map(|machine| name.starts_with(machine));
        let macros = [
            ("__x86_64__", is_x86_64),
            ("__aarch64__", !is_x86_64 && !is_riscv && !is_s390x),
            ("__riscv_float_abi_double", is_riscv),
            ("__s390x__", is_s390x),
            ("__APPLE__", is_apple),
            ("_WIN32", is_windows),
            ("__MINGW32__", is_windows && name.ends_with("gnu")),
            ("__LP64__", !is_windows),
        ];
        for (name, expected) in macros {
            if self.defines(name)? != expected {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Checks whether its object files are those of another system than this machine's: of Windows,
    /// or of macOS.
    pub(super) fn writes_foreign_objects(&self) -> Result<bool, ReferenceError> {
        let is_mac = self.defines("__MACH__")? && cfg!(not(target_vendor = "apple"));
        Ok((is_mac || self.defines("_WIN32")?) && !self.defines("__ELF__")?)
    }

    /// Checks whether it defines the macro `name` by itself.
    pub(super) fn defines(&self, name: &str) -> Result<bool, ReferenceError> {
        Ok(self.macros()?.contains_key(name))
    }

    /// Returns the macros that it defines by itself, with their text.
    pub(super) fn macros(&self) -> Result<&BTreeMap<String, String>, ReferenceError> {
        if let Some(macros) = self.macros.get() {
            return Ok(macros);
        }
        let folder = scratch()?;
        // The file's name gives the language, unless flags of the command give another one.
        let file = folder.path().join("macros.c");
        write(&file, "")?;
        let output = self.finish(&["-dM", "-E", &file.to_string_lossy()])?;
        let text = String::from_utf8_lossy(&output.stdout);
        let defined = text.lines().filter_map(|line| {
            let line = line.strip_prefix("#define ")?;
            let (name, text) = line.split_once(' ').unwrap_or((line, ""));
            let name = name.split('(').next().unwrap_or(name);
            Some((name.to_owned(), text.to_owned()))
        });
        Ok(self.macros.get_or_init(|| defined.collect()))
    }
}
