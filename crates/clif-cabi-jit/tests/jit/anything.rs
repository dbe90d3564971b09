//! Whatever an engine is given, in whatever order: results and errors, no panic. Nothing that was compiled is run.

use clif_cabi_jit::cranelift_codegen::ir::{GlobalValue, KnownSymbol, LibCall};

use crate::common::*;

use proptest::prelude::*;
use proptest::sample::select;

/// Offset, kind, target, addend.
type Relocation = (u32, Reloc, ModuleRelocTarget, i64);

/// One use of an engine. Ids are small, so that they meet what is there, and sometimes do not.
#[derive(Clone, Debug)]
enum Use {
    Declare(&'static str, Linkage, &'static str),
    DeclareLocal(&'static str),
    DeclareData(Option<&'static str>, Linkage, bool, bool),
    DefineClif(u32, String),
    DefineBytes(u32, u64, usize, Vec<Relocation>),
    DefineData(u32, Box<DataDescription>),
    Bind(&'static str, usize),
    Finalize,
    Code(u32),
    Symbol(&'static str),
}

fn name() -> impl Strategy<Value = &'static str> {
    select(vec![
        "f", "g", "abs", "environ", "nowhere", "", "a\0b", "\0Memcpy",
    ])
}

fn linkage() -> impl Strategy<Value = Linkage> {
    select(vec![
        Linkage::Import,
        Linkage::Local,
        Linkage::Hidden,
        Linkage::Export,
        Linkage::Preemptible,
    ])
}

fn sig() -> impl Strategy<Value = &'static str> {
    select(vec![
        "() system_v",
        "(i64) -> i64 system_v",
        "(i128) system_v",
    ])
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

fn target() -> impl Strategy<Value = ModuleRelocTarget> {
    let index = prop_oneof![0u32..6, Just(u32::MAX)];
    prop_oneof![
        8 => (0u32..3, index).prop_map(|(namespace, index)| ModuleRelocTarget::user(namespace, index)),
        1 => select(LibCall::all_libcalls()).prop_map(ModuleRelocTarget::LibCall),
        1 => Just(ModuleRelocTarget::KnownSymbol(KnownSymbol::CoffTlsIndex)),
        1 => (0u32..6, any::<u32>()).prop_map(|(id, offset)| {
            ModuleRelocTarget::FunctionOffset(FuncId::from_u32(id), offset)
        }),
    ]
}

fn relocs() -> impl Strategy<Value = Vec<Relocation>> {
    let kind = select(vec![
        Reloc::Abs4,
        Reloc::Abs8,
        Reloc::Abs8,
        Reloc::X86PCRel4,
        Reloc::X86CallPCRel4,
        Reloc::X86CallPLTRel4,
        Reloc::X86GOTPCRel4,
        Reloc::ElfX86_64TlsGd,
        Reloc::Arm64Call,
        Reloc::Arm64Call,
        Reloc::Aarch64AdrPrelPgHi21,
        Reloc::Aarch64AddAbsLo12Nc,
    ]);
    let addend = prop_oneof![3 => Just(0i64), 1 => any::<i64>()];
    let offset = prop_oneof![8 => 0u32..40, 1 => any::<u32>()];
    proptest::collection::vec((offset, kind, target(), addend), 0..3)
}

fn align() -> impl Strategy<Value = u64> {
    prop_oneof![select(vec![1u64, 16, 64, 4096, 8192]), any::<u64>()]
}

fn content() -> impl Strategy<Value = DataDescription> {
    let init = prop_oneof![
        Just(Init::Uninitialized),
        (0usize..64).prop_map(|size| Init::Zeros { size }),
        (0usize..64).prop_map(|size| Init::Bytes {
            contents: vec![0; size].into()
        }),
        any::<usize>().prop_map(|size| Init::Zeros { size }),
    ];
    let parts = (
        init,
        proptest::option::of(align()),
        proptest::collection::vec(target(), 0..2),
        proptest::collection::vec((0u32..40, 0u32..2, any::<i64>()), 0..2),
    );
    parts.prop_map(|(init, align, targets, places)| {
        let mut content = DataDescription::new();
        (content.init, content.align) = (init, align);
        for target in targets {
            content.import_function(target.clone());
            content.import_global_value(target);
        }
        for (offset, index, addend) in places {
            content.write_function_addr(offset, FuncRef::from_u32(index));
            content.write_data_addr(offset, GlobalValue::from_u32(index), addend);
        }
        content
    })
}

fn any_use() -> impl Strategy<Value = Use> {
    prop_oneof![
        3 => (name(), linkage(), sig()).prop_map(|(name, linkage, sig)| Use::Declare(name, linkage, sig)),
        1 => sig().prop_map(Use::DeclareLocal),
        2 => (proptest::option::of(name()), linkage(), any::<bool>(), proptest::bool::weighted(0.1))
            .prop_map(|(name, linkage, writable, tls)| Use::DeclareData(name, linkage, writable, tls)),
        3 => (0u32..6, clif()).prop_map(|(id, clif)| Use::DefineClif(id, clif)),
        3 => (0u32..6, align(), 0usize..64, relocs())
            .prop_map(|(id, align, size, relocs)| Use::DefineBytes(id, align, size, relocs)),
        3 => (0u32..6, content()).prop_map(|(id, content)| Use::DefineData(id, Box::new(content))),
        1 => (name(), any::<usize>()).prop_map(|(name, address)| Use::Bind(name, address)),
        4 => Just(Use::Finalize),
        3 => (0u32..6).prop_map(Use::Code),
        1 => name().prop_map(Use::Symbol),
    ]
}

/// Does it, and says whether it worked.
fn run(engine: &mut Engine, one: Use) -> bool {
    match one {
        Use::Declare(name, linkage, sig) => engine
            .declare_function(name, linkage, &signature(sig))
            .is_ok(),
        Use::DeclareLocal(sig) => engine.declare_local(&signature(sig)).is_ok(),
        Use::DeclareData(Some(name), linkage, writable, tls) => {
            engine.declare_data(name, linkage, writable, tls).is_ok()
        }
        Use::DeclareData(None, _, writable, tls) => {
            engine.declare_anonymous_data(writable, tls).is_ok()
        }
        Use::DefineClif(id, clif) => define(engine, FuncId::from_u32(id), &clif).is_ok(),
        Use::DefineBytes(id, align, size, relocs) => {
            let relocs: Vec<_> = relocs
                .into_iter()
                .map(|(offset, kind, name, addend)| ModuleReloc {
                    offset,
                    kind,
                    name,
                    addend,
                })
                .collect();
            engine
                .define_function_bytes(FuncId::from_u32(id), align, &vec![0xcc; size], &relocs)
                .is_ok()
        }
        Use::DefineData(id, content) => engine.define_data(DataId::from_u32(id), &content).is_ok(),
        Use::Bind(name, address) => engine
            .bind(name, std::ptr::without_provenance(address))
            .is_ok(),
        Use::Finalize => engine.finalize().is_ok(),
        Use::Code(id) => engine.code(FuncId::from_u32(id)).is_ok(),
        Use::Symbol(name) => engine.symbol(name).is_ok(),
    }
}

#[test]
fn no_use_of_an_engine_panics() {
    use proptest::test_runner::{Config, TestRunner};
    // How often each use worked, and finalizing with something to finalize did: a run of errors alone proves nothing.
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
            for one in uses {
                let code = matches!(one, Use::Code(_));
                let mut counts = worked.get();
                let ok = u32::from(run(&mut engine, one));
                counts[usize::from(code)] += ok;
                worked.set(counts);
            }
            Ok(())
        })
        .unwrap();
    let [uses, finalized] = worked.get();
    assert!(uses > 5000 && finalized > 200, "{uses} {finalized}");
}
