//! Functions that move their frame down, because a tail call needs more bytes of arguments than
//! they have.

use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind};

use crate::common::*;

thread_local! {
    static NOTED: Cell<i64> = const { Cell::new(0) };
}

extern "C" fn note(n: i64) {
    NOTED.set(NOTED.get() + n);
}

extern "C-unwind" fn panics(is_thrown: i64) -> i64 {
    match is_thrown {
        0 => 5,
        _ => resume_unwind(Box::new(7)),
    }
}

unsafe extern "C" {
    fn rust_eh_personality();
}

/// Returns a function that calls `callee`, with a cleanup that notes two values.
fn caller(name: &str, callee: &str, convention: &str) -> String {
    format!(
        "function %{name}(i64, i64, i64) -> i64 system_v {{
            sig0 = (i64) -> i64 {convention}
            fn0 = %{callee} sig0
            fn1 = %note(i64) system_v
            fn2 = %_Unwind_Resume(i64) system_v
        block0(v0: i64, v1: i64, v2: i64):
            v3 = isub v1, v2
            try_call fn0(v0), sig0, block1(ret0), [ tag0: block2(exn0) ]
        block1(v4: i64):
            v5 = iadd v4, v1
            v6 = iadd v5, v3
            return v6
        block2(v7: i64):
            call fn1(v1)
            call fn1(v3)
            call fn2(v7)
            trap user1
        }}\n"
    )
}

/// Returns `lowered`, whose tail call passes so many words in memory, and a function that calls it.
fn lowered(n_words: usize) -> String {
    // Six in registers.
    let words = vec!["i64"; 6 + n_words].join(", ");
    let params: Vec<String> = (0..6 + n_words).map(|i| format!("v{i}: i64")).collect();
    let (params, args) = (params.join(", "), vec!["v9"; 6 + n_words].join(", "));
    let last = 5 + n_words;
    let text = format!(
        "function %many{n_words}({words}) -> i64 tail {{
        block0({params}):
            v90 = iadd v0, v{last}
            return v90
        }}
        function %lowered{n_words}(i64) -> i64 tail {{
            fn0 = %panics(i64) -> i64 system_v
            fn1 = %many{n_words}({words}) -> i64 tail
        block0(v0: i64):
            v10 = iconst.i64 0
            v1 = call fn0(v10)
            v2 = call fn0(v10)
            v3 = call fn0(v10)
            v4 = call fn0(v10)
            v5 = call fn0(v0)
            v6 = iadd v5, v1
            v7 = iadd v6, v2
            v8 = iadd v7, v3
            v11 = iadd v8, v4
            v9 = iadd v11, v0
            return_call fn1({args})
        }}
        function %between{n_words}(i64) -> i64 system_v {{
            fn0 = %lowered{n_words}(i64) -> i64 tail
        block0(v0: i64):
            v1 = call fn0(v0)
            return v1
        }}\n"
    );
    text + &caller(
        &format!("caller{n_words}"),
        &format!("between{n_words}"),
        "system_v",
    )
}

/// The values of a handler are right, also those in registers that `lowered` saves: the handler is
/// that of a call of `between`. One of a call of `lowered` itself is refused, because it would have
/// another stack pointer.
#[test]
fn handlers_have_their_values() {
    let personality = Personality::new("rust_eh_personality").cleanup(0);
    let settings = Settings::default().personality(personality);
    let mut engine = Engine::new(&settings.flag("preserve_frame_pointers", "true")).unwrap();
    for (name, address) in [
        ("rust_eh_personality", rust_eh_personality as *const u8),
        ("panics", panics as *const u8),
        ("note", note as *const u8),
    ] {
        engine.bind(name, address).unwrap();
    }
    for n_words in [1, 40] {
        program(&mut engine, &lowered(n_words)).unwrap();
        engine.finalize().unwrap();
        type Caller = extern "C-unwind" fn(i64, i64, i64) -> i64;
        // SAFETY: compiled so just above.
        let call = unsafe { named::<Caller>(&engine, &format!("caller{n_words}")) };
        assert_eq!(call(0, 100, 20), 50 + 100 + 80);
        NOTED.set(0);
        assert!(catch_unwind(|| call(1, 100, 20)).is_err());
        assert_eq!(NOTED.get(), 180, "{n_words}");
        let text = caller(
            &format!("other{n_words}"),
            &format!("lowered{n_words}"),
            "tail",
        );
        let error = program(&mut engine, &text).unwrap_err().to_string();
        assert!(error.contains("changes the stack pointer"), "{error}");
    }
}
