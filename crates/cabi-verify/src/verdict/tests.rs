//! Known refusals: of a property that the signature has, in the direction that is not lowered.

use cabi::{FnSig, Target, Type};

use super::*;

#[test]
fn each_kind_is_known_of_what_has_it_only() {
    let sig = FnSig::new([Type::PTR], Type::I32);
    let [plain, variadic] =
        [sig.clone(), sig.variadic()].map(|sig| FnAbi::new(&sig, &Target::X86_64_LINUX).unwrap());
    let known = |kind, abi| {
        let refused = Fault::NotLowered(kind);
        Direction::ALL.map(|direction| is_known(&refused, abi, direction))
    };
    assert_eq!(known(NotLowered::VaArg(""), &variadic), [false, true]);
    assert_eq!(known(NotLowered::VaArg(""), &plain), [false, false]);
    assert_eq!(known(NotLowered::Convention(""), &variadic), [false, false]);
}
