//! s390x: the shipped table. Big-endian: integers are extended to a doubleword, and what is smaller than its slot of the argument area is at the end
//! of it.

use cabi::convention::{FloatLevel, Frame, Rule, Rules};
use cabi::s390x::S390X;
use cabi::{Convention, Target};

use crate::assembly::Assembly;
use crate::{Case, Machine};

pub(crate) fn machine() -> Machine {
    Machine {
        target: Target::named("s390x-unknown-linux-gnu").unwrap(),
        convention: &S390X,
        floats: FloatLevel::Double,
        compiler: Some((
            &["--target=s390x-linux-gnu"],
            Assembly {
                comment: "#",
                returns: &["br\t%r14"],
                calls: &["brasl"],
                register: |word| {
                    let name = word.strip_prefix('%')?;
                    let all = ["r2", "r3", "r4", "r5", "r6", "f0", "f2", "f4", "f6"];
                    all.contains(&name).then(|| name.to_owned())
                },
                slot: ("", "(%r15)", 1),
                area: 0,
                results: ["r2", "f0", "f0"],
            },
        )),
        cases: &[
            Case("void int long float double", "r2, r3, f0, f2, void"),
            Case(
                "void float float float float float",
                "f0, f2, f4, f6, stack 164..168 align 4, void",
            ),
            Case(
                "void double double double double double float long",
                "f0, f2, f4, f6, stack 160..168 align 8, stack 172..176 align 4, r2, void",
            ),
            Case(
                "void long long long long long int char long",
                "r2, r3, r4, r5, r6, stack 160, stack 168, stack 176..184 align 8, void",
            ),
            Case(
                "void long long long long long narrow",
                "r2, r3, r4, r5, r6, stack 166..168 align 2, void",
            ),
            Case(
                "void large single pair",
                "r2, pointer to a copy aligned 8, f0, r3, pointer to a copy aligned 8, void",
            ),
            Case("long", "r2"),
            Case("double", "f0"),
            Case("single", "sret r2"),
        ],
    }
}

#[test]
fn big_endian_slots() {
    static LITTLE_ENDIAN: Convention = Convention {
        name: "little-endian",
        frame: Frame {
            big_endian: false,
            ..S390X.frame
        },
        ..S390X
    };
    const ARGS: &[Rule] = S390X.rules.args;
    const WITHOUT_PROMOTION: [Rule; 4] = [ARGS[0], ARGS[2], ARGS[3], ARGS[4]];
    static NOT_PROMOTED: Convention = Convention {
        name: "integers as they are",
        rules: Rules {
            args: const { &WITHOUT_PROMOTION },
            ..S390X.rules
        },
        ..S390X
    };
    machine().prove(&[
        ("big-endian slots", &LITTLE_ENDIAN),
        ("promotion on the stack", &NOT_PROMOTED),
    ]);
}
