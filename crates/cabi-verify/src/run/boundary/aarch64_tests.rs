//! A callee that changes a register which is its caller's is named; one that changes another is not.

use super::*;

changers! {
    "x0" cabi_changes_x0: "mvn x0, x0";
    "x9" cabi_changes_x9: "mvn x9, x9";
    "x15" cabi_changes_x15: "mvn x15, x15";
    "x18" cabi_changes_x18: "mvn x18, x18";
    "x19" cabi_changes_x19: "mvn x19, x19";
    "x20" cabi_changes_x20: "mvn x20, x20";
    "x21" cabi_changes_x21: "mvn x21, x21";
    "x22" cabi_changes_x22: "mvn x22, x22";
    "x23" cabi_changes_x23: "mvn x23, x23";
    "x24" cabi_changes_x24: "mvn x24, x24";
    "x25" cabi_changes_x25: "mvn x25, x25";
    "x26" cabi_changes_x26: "mvn x26, x26";
    "x27" cabi_changes_x27: "mvn x27, x27";
    "x28" cabi_changes_x28: "mvn x28, x28";
    "x29" cabi_changes_x29: "mvn x29, x29";
    "d7" cabi_changes_d7: "fneg d7, d7";
    "d8" cabi_changes_d8: "fneg d8, d8";
    "d9" cabi_changes_d9: "fneg d9, d9";
    "d10" cabi_changes_d10: "fneg d10, d10";
    "d11" cabi_changes_d11: "fneg d11, d11";
    "d12" cabi_changes_d12: "fneg d12, d12";
    "d13" cabi_changes_d13: "fneg d13, d13";
    "d14" cabi_changes_d14: "fneg d14, d14";
    "d15" cabi_changes_d15: "fneg d15, d15";
    "d16" cabi_changes_d16: "fneg d16, d16";
}

#[test]
fn a_changed_register_is_named_where_it_is_the_callers() {
    let promise = Promise::nothing();
    let mut n_noticed = 0;
    for (name, function) in changers() {
        let code = function as *const u8;
        let target = Target { code, promise };
        // SAFETY: the function takes nothing, and the thunk brings back what it changes.
        let crossing = unsafe { call(thunk_address(), [std::ptr::null(); 3], target) };
        let vector = name.replace('d', "v");
        let mut kept = C.frame.callee_saved.iter();
        let is_callers = kept.any(|reg| reg.name() == name || reg.name() == vector);
        match crossing.check("the caller", "the callee") {
            Ok(()) => assert!(!is_callers, "{name} is not seen"),
            Err(why) => {
                let expected = format!("the callee changes {name}, which is its caller's");
                assert!(is_callers && why.starts_with(&expected), "{why}");
                n_noticed += 1;
            }
        }
    }
    assert_eq!(n_noticed, 19);
}
