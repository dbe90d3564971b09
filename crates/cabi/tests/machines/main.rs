//! Conventions of other machines in miniature: each word of the rules that x86-64 has no use for places values as the ABI document of some
//! machine says, and as clang's code for it reads them. A mutated convention for each word shows that its cases can fail.
//!
//! Without `clang-19` only the places written here are compared, and the test says so; `CABI_REQUIRE_ORACLES=1` makes that a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets an unexpected error stops there"
)]

mod aarch64;
mod assembly;
mod i386;
mod page;
mod s390x;
mod values;

use cabi::convention::{Features, FloatLevel};
use cabi::{ArgFlags, Convention, Error, FnAbi, FnSig, Target};

use assembly::Assembly;
use values::Value;

/// The registers of a machine, as constants.
macro_rules! registers {
    ($($bank:ident $bits:literal: $($name:ident $text:literal $index:literal)*;)*) => {
        $($(
            const $name: cabi::Reg = cabi::Reg(&cabi::Register {
                name: $text,
                bank: cabi::Bank::$bank,
                index: $index,
                bits: $bits,
            });
        )*)*
    };
}
pub(crate) use registers;

/// A machine, its convention in miniature, and the compiler that is asked.
struct Machine {
    target: Target,
    convention: &'static Convention,
    floats: FloatLevel,
    /// How clang is called, and how its code is read; `None` where it has no such machine.
    compiler: Option<(&'static [&'static str], Assembly)>,
    cases: &'static [Case],
}

/// A signature and its places. The signature is names of [`values`]: the result, then the arguments; `regparm` before an argument asks for
/// registers. The places are those of the arguments, then of the result, as they are displayed.
struct Case(&'static str, &'static str);

impl Case {
    fn sig(&self, machine: &Machine) -> (Vec<Value>, Value, FnSig) {
        let mut words = self.0.split(' ').filter(|word| *word != "regparm");
        let value = |word: &str| Value::of(word, machine.target.data_model());
        let result = value(words.next().unwrap());
        let args: Vec<Value> = words.map(value).collect();
        let mut sig = FnSig::new(args.iter().map(|arg| arg.ty.clone()), result.ty.clone());
        if self.0.contains("regparm") {
            sig = (0..args.len()).fold(sig, |sig, i| sig.flags(i, ArgFlags::IN_REG));
        }
        (args, result, sig)
    }

    fn abi(&self, machine: &Machine, convention: &'static Convention) -> Result<FnAbi, Error> {
        let sig = self.sig(machine).2.convention(convention);
        let sig = sig.features(Features::from(machine.floats));
        FnAbi::new(&sig, &machine.target)
    }

    /// Its places under `convention`, or why it has none.
    fn places(&self, machine: &Machine, convention: &'static Convention) -> String {
        match self.abi(machine, convention) {
            Ok(abi) => {
                let args = abi.args.iter().map(|arg| arg.place.to_string());
                let places: Vec<String> = args.chain([abi.ret.to_string()]).collect();
                places.join(", ")
            }
            Err(error) => error.to_string(),
        }
    }
}

impl Machine {
    /// The cases whose places are not those written.
    fn unexpected(&self, convention: &'static Convention) -> Vec<String> {
        let wrong = self.cases.iter().filter_map(|case| {
            let places = case.places(self, convention);
            (places != case.1).then(|| format!("{}: {places}, expected {}", case.0, case.1))
        });
        wrong.collect()
    }

    /// The convention places all cases as expected and as clang does; each mutation, named by what it breaks, is noticed both ways.
    fn prove(&self, mutations: &[(&str, &'static Convention)]) {
        assert_eq!(self.unexpected(self.convention), [""; 0]);
        for (word, mutation) in mutations {
            assert!(
                !self.unexpected(mutation).is_empty(),
                "{word} is not tested"
            );
        }
        let Some((options, assembly)) = &self.compiler else {
            return;
        };
        let Some(read) = assembly::compile(self, options, assembly) else {
            return;
        };
        let (compared, wrong) = assembly::compare(self, self.convention, &read);
        assert_eq!(wrong, [""; 0], "{options:?}");
        assert!(
            compared > self.cases.len(),
            "{options:?}: {compared} values"
        );
        println!("{options:?}: {compared} values are where clang reads them");
        for (word, mutation) in mutations {
            let (_, wrong) = assembly::compare(self, mutation, &read);
            assert!(
                !wrong.is_empty(),
                "{options:?}: clang does not notice {word}"
            );
        }
    }
}

/// What `va_list` is on each machine, to clang: its size, its alignment, and its size as a parameter, where an array is a pointer.
#[test]
fn lists_of_unnamed_arguments() {
    let mut compared = 0;
    for machine in [aarch64::machine(), i386::machine(), s390x::machine()] {
        let target = machine.target.clone().with_convention(machine.convention);
        let va_list = target.va_list().unwrap();
        let check = |size: u64| {
            let passed = target.data_model().decay(&va_list).size();
            let c = format!(
                "#include <stdarg.h>\n_Static_assert(sizeof(va_list) == {size} && _Alignof(va_list) == {}, \"\"); \
                 void f(va_list list) {{ _Static_assert(sizeof list == {passed}, \"\"); }}",
                va_list.align()
            );
            let options = machine.compiler.as_ref().unwrap().0;
            assembly::compiles(&c, options)
        };
        let (size, machine) = (va_list.size(), machine.convention.name);
        let Some(accepted) = check(size) else {
            return;
        };
        assert!(accepted, "{machine}: {va_list}");
        assert_eq!(
            check(size + 8),
            Some(false),
            "{machine}: clang does not notice"
        );
        compared += 1;
    }
    println!("va_list of {compared} machines is clang's");
}
