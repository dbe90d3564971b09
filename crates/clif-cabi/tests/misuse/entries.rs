//! Entries and returns whose values do not fit.

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::{Arg, LowerError, Ret};

use super::{Any, building, bytes, entered, lowering, nowhere};

#[test]
fn an_entry_in_another_function() {
    let (entry, ..) = entered(&FnSig::new([Type::I64; 9], Type::I64), |_, entry| {
        entry.clone()
    });
    let ((), n, _) = building(|builder, address, _| {
        let errors = [
            entry.value(builder, 0).unwrap_err(),
            entry.address(builder, 8).unwrap_err(),
            entry.store(builder, 1, address).unwrap_err(),
            entry
                .ret(&mut Any(true), builder, Some(&Arg::value(address)))
                .unwrap_err(),
        ];
        for error in errors {
            let message = "the function being built: it is not the one that was entered";
            assert_eq!(error.cause().to_string(), message);
        }
    });
    assert_eq!(n, 0);
}

#[test]
fn returns_refused_emit_nothing() {
    for ty in [Type::F80, bytes(12), bytes(40), Type::I32] {
        let (_, n, _) = entered(
            &FnSig::new([Type::I64, Type::I32], ty.clone()),
            |builder, entry| {
                let [long, int] = [0, 1].map(|i| entry.value(builder, i).unwrap());
                let wrong = [
                    None,
                    Some(Arg::parts(&[long, int])),
                    Some(Arg::parts(&[nowhere()])),
                    Some(Arg::value(nowhere())),
                    Some(Arg::value(long)),
                    Some(Arg::memory(int)),
                    Some(Arg::memory(nowhere())),
                ];
                for value in wrong {
                    let done = entry.ret(&mut Any(true), builder, value.as_ref());
                    assert!(
                        matches!(&done, Err(e) if matches!(e.cause(), LowerError::Value { .. })),
                        "{ty}, {value:?}: {done:?}"
                    );
                }
                let to = entry.store(builder, 0, int).unwrap_err();
                let message = "where to store, long long: expected an address, found i32";
                assert_eq!(to.cause().to_string(), message);
            },
        );
        assert_eq!(n, 0, "{ty}");
    }
    let pointed = FnSig::new([Type::PTR], Type::F80);
    let (done, n, _) = entered(&pointed, |builder, entry| {
        let at = Arg::memory(entry.value(builder, 0).unwrap());
        entry.ret(&mut Any(false), builder, Some(&at))
    });
    assert!(done.is_err() && n == 0);
}

/// What decays is as large as a pointer, whatever it was: nothing else is written or copied.
#[test]
fn functions_are_pointers() {
    let param = Type::FUNCTION;
    let ((), _, func) = entered(
        &FnSig::new([param.clone()], Type::VOID),
        |builder, entry| {
            entry.address(builder, 0).unwrap();
        },
    );
    assert!(func.to_string().contains("explicit_slot 8"), "{func}");
    let params = (0..6).map(|_| Type::I64).chain([bytes(17), param]);
    let ((), _, func) = entered(&FnSig::new(params, Type::VOID), |builder, entry| {
        let to = entry.value(builder, 0).unwrap();
        entry.store(builder, 7, to).unwrap();
    });
    let text = func.to_string();
    assert!(
        text.contains("load.i64") && !text.contains("Memcpy"),
        "{text}"
    );
}

/// The pointer to a result is passed to a function that never returns, and there is a trap after the call.
#[test]
fn noreturn_with_a_result_in_memory() {
    let sig = FnSig::new([Type::F64], bytes(40)).noreturn();
    let (done, _, func) = building(|builder, address, double| {
        let args = [Arg::value(double)];
        let done = lowering().call_sig(&mut Any(true), builder, address, &sig, &args, Ret::Value);
        let next = builder.create_block();
        builder.switch_to_block(next);
        done
    });
    done.unwrap();
    let text = func.to_string();
    assert!(
        text.contains("(i64 sret, f64) system_v") && text.contains("trap"),
        "{text}"
    );
    let (done, n, _) = entered(&sig, |builder, entry| {
        let to = entry.sret().unwrap();
        entry.ret(&mut Any(true), builder, Some(&Arg::memory(to)))
    });
    let message =
        "_Noreturn struct bytes (double): the function being built: it is declared never to return";
    assert_eq!((done.unwrap_err().to_string().as_str(), n), (message, 0));
}
