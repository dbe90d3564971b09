//! A convention in miniature that is not shipped, i386's: words of the rules that no shipped convention has place values as the ABI document says, and as clang's
//! code reads them. A mutated convention for each word shows that its cases can fail.
//!
//! Without `clang-19` only the places written here are compared, and the test says so; `CABI_REQUIRE_ORACLES=1` makes that a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets an unexpected error stops there"
)]

mod assembly;
mod i386;
mod page;
mod values;

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
    /// How clang is called, and how its code is read.
    options: &'static [&'static str],
    assembly: Assembly,
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
        FnAbi::new(&self.sig(machine).2.convention(convention), &machine.target)
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
        let options = self.options;
        let Some(read) = assembly::compile(self) else {
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
    let i386 = i386::machine();
    let i386 = i386.target.with_convention(i386.convention);
    for (options, target) in [
        ("--target=i686-linux-gnu", Ok(i386)),
        (
            "--target=aarch64-linux-gnu",
            Target::named("aarch64-unknown-linux-gnu"),
        ),
        (
            "--target=s390x-linux-gnu",
            Target::named("s390x-unknown-linux-gnu"),
        ),
    ] {
        let target = target.unwrap();
        let va_list = target.va_list().unwrap();
        let check = |size: u64| {
            let passed = target.data_model().decay(&va_list).size();
            let c = format!(
                "#include <stdarg.h>\n_Static_assert(sizeof(va_list) == {size} && _Alignof(va_list) == {}, \"\"); \
                 void f(va_list list) {{ _Static_assert(sizeof list == {passed}, \"\"); }}",
                va_list.align()
            );
            assembly::compiles(&c, &[options])
        };
        let Some(accepted) = check(va_list.size()) else {
            return;
        };
        assert!(accepted, "{options}: {va_list}");
        assert_eq!(
            check(va_list.size() + 8),
            Some(false),
            "{options}: clang does not notice"
        );
    }
}
