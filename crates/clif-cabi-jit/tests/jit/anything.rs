//! An engine that is given anything, in any order: results and errors, no panic. Nothing that was
//! compiled is run.

use clif_cabi_jit::cranelift_codegen::ir::LibCall;

use crate::common::*;
use crate::uses::{RELOCS, run};

use proptest::prelude::*;
use proptest::sample::select;

/// Draws a function or data object, or none; ids are small, so that they meet what is there, and
/// sometimes do not.
fn target() -> impl Strategy<Value = String> {
    let index = prop_oneof![0u32..6, Just(u32::MAX)];
    prop_oneof![
        8 => (0u32..3, index).prop_map(|(space, index)| format!("u{space}:{index}")),
        1 => select(LibCall::all_libcalls()).prop_map(|call| call.to_string()),
        1 => Just("CoffTlsIndex".to_owned()),
        1 => (0u32..6, any::<u32>()).prop_map(|(id, offset)| format!("#{id}+{offset}")),
    ]
}

/// Draws an addend. The least and the greatest overflow with every address.
fn addend() -> impl Strategy<Value = i64> {
    prop_oneof![6 => Just(0), 2 => any::<i64>(), 1 => select(vec![i64::MIN, i64::MAX])]
}

fn relocs() -> impl Strategy<Value = String> {
    let offset = prop_oneof![8 => 0u32..40, 1 => any::<u32>()];
    let reloc = (offset, select(&RELOCS[..]), target(), addend());
    let reloc = reloc
        .prop_map(|(offset, kind, target, addend)| format!(" {offset}:{kind:?}={target}+{addend}"));
    proptest::collection::vec(reloc, 0..3).prop_map(|relocs| relocs.concat())
}

fn align() -> impl Strategy<Value = u64> {
    prop_oneof![select(vec![1u64, 16, 64, 4096, 8192]), any::<u64>()]
}

/// Draws addresses in the content of a data object. They are those of functions and data objects,
/// whatever the target is, and of ones that the content does not declare.
fn addresses() -> impl Strategy<Value = String> {
    let target = || {
        let unknown = (0u32..2).prop_map(|index| format!("?{index}"));
        prop_oneof![8 => target(), 1 => unknown]
    };
    let data = (0u32..40, target(), addend());
    let address = prop_oneof![
        (0u32..40, target()).prop_map(|(offset, target)| format!(" {offset}:function={target}")),
        data.prop_map(|(offset, target, addend)| format!(" {offset}:data={target}+{addend}")),
    ];
    proptest::collection::vec(address, 0..3).prop_map(|addresses| addresses.concat())
}

fn clif() -> impl Strategy<Value = String> {
    let callee = (0u32..6, any::<bool>()).prop_map(|(callee, colocated)| {
        let colocated = if colocated { "colocated " } else { "" };
        format!(
            "function %f() -> i64 system_v {{
                gv0 = symbol {colocated}u1:{callee}
                sig0 = () system_v
                fn0 = {colocated}u0:{callee} sig0
            block0:
                call fn0()
                v0 = symbol_value.i64 gv0
                return v0
            }}"
        )
    });
    let fixed = select(vec![
        "function %f() system_v {\nblock0:\n return\n}",
        "function %f(i128) system_v {\nblock0(v0: i128):\n return\n}",
        "function %f(f64) -> f64 system_v {\nblock0(v0: f64):\n v1 = ceil v0\n return v1\n}",
    ]);
    prop_oneof![callee, fixed.prop_map(str::to_owned)]
}

/// Draws one use of an engine, as `uses` reads it.
fn any_use() -> impl Strategy<Value = String> {
    let name = || {
        let names = r#"f g abs environ nowhere "" a\0b \0Memcpy"#.split(' ');
        select(names.map(str::to_owned).collect::<Vec<_>>())
    };
    let sig = || {
        select(vec![
            "() system_v",
            "(i64) -> i64 system_v",
            "(i128) system_v",
        ])
    };
    let linkage = || select(vec!["import", "local", "hidden", "export", "weak"]);
    let id = || 0u32..6;
    let data = (prop_oneof![name(), Just("_".to_owned())], linkage());
    let words = (any::<bool>(), proptest::bool::weighted(0.1));
    let content = (id(), select(vec!["none", "zeros", "bytes"]), 0usize..64);
    let huge = (id(), any::<usize>(), addresses());
    prop_oneof![
        3 => (linkage(), name(), sig()).prop_map(|(linkage, name, sig)| format!("{linkage} {name} {sig}")),
        1 => sig().prop_map(|sig| format!("local {sig}")),
        2 => (data, words).prop_map(|((name, linkage), (writable, tls))| {
            let words = [(writable, " writable"), (tls, " tls")];
            let words = words.map(|(is, word)| if is { word } else { "" });
            format!("data {name} {linkage}{}", words.concat())
        }),
        3 => (id(), clif()).prop_map(|(id, clif)| format!("define #{id} {clif}")),
        3 => (id(), 0usize..64, align(), relocs())
            .prop_map(|(id, size, align, relocs)| format!("bytes #{id} {size} {align}{relocs}")),
        2 => (content, proptest::option::of(align()), addresses()).prop_map(
            |((id, kind, size), align, addresses)| {
                let align = align.map_or("-".to_owned(), |align| align.to_string());
                format!("content #{id} {kind} {size} {align}{addresses}")
            }
        ),
        1 => huge.prop_map(|(id, size, addresses)| format!("content #{id} zeros {size} -{addresses}")),
        1 => (name(), any::<isize>()).prop_map(|(name, address)| format!("bind {name} {address}")),
        4 => Just("finalize".to_owned()),
        3 => id().prop_map(|id| format!("code #{id}")),
        1 => name().prop_map(|name| format!("symbol {name}")),
    ]
}

#[test]
fn no_use_of_an_engine_panics() {
    use proptest::test_runner::{Config, TestRunner};
    // Number of times that each use worked, and that finalizing worked with functions or data to
    // finalize: a run of errors alone proves nothing.
    let worked = std::cell::Cell::new([0u32; 2]);
    let config = Config {
        cases: 5000,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&proptest::collection::vec(any_use(), 1..40), |uses| {
            let mut engine = Engine::new(&Settings::default().memory(1 << 16)).unwrap();
            // Something to meet, in most cases.
            let sig = signature("() system_v");
            for (name, linkage) in [("f", Linkage::Export), ("abs", Linkage::Import)] {
                engine.declare_function(name, linkage, &sig).unwrap();
                engine.declare_local(&sig).unwrap();
                engine.declare_anonymous_data(name == "f", false).unwrap();
            }
            for line in uses {
                let mut counts = worked.get();
                let ok = u32::from(run(&mut engine, &line).is_ok());
                counts[usize::from(line.starts_with("code"))] += ok;
                worked.set(counts);
            }
            Ok(())
        })
        .unwrap();
    let [uses, finalized] = worked.get();
    println!("{uses} uses and {finalized} functions");
    assert!(uses > 5000 && finalized > 200, "{uses} {finalized}");
}
