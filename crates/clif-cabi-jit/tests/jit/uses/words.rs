//! Words of the lines: settings, relocations, the content of data objects.

use clif_cabi_jit::cranelift_codegen::ir::{GlobalValue, KnownSymbol};

use super::{RELOCS, func};
use crate::common::*;

/// Returns the settings of these words.
pub(super) fn settings(words: &str) -> Settings {
    let add = |settings: Settings, word: &str| match word.split_once('=').unwrap_or((word, "")) {
        ("baseline", _) => settings.cpu(Cpu::Baseline),
        ("memory", bytes) => settings.memory(bytes.parse().unwrap()),
        ("personality", text) => settings.personality(personality(text)),
        ("own_unwinder", _) => settings.personality(Personality::own_unwinder()),
        (flag, value) => settings.flag(flag, value),
    };
    words.split_whitespace().fold(Settings::default(), add)
}

/// Reads `NAME,1:TYPE,2:TYPE`: handlers with tag 0 are cleanups, others catch a type.
fn personality(text: &str) -> Personality {
    let (name, caught) = text.split_once(',').unwrap_or((text, ""));
    let caught = caught.split(',').filter_map(|own| own.split_once(':'));
    let own = Personality::new(name).cleanup(0);
    caught.fold(own, |own, (tag, ty)| own.catches(tag.parse().unwrap(), ty))
}

/// Returns a target, and what is added to it.
fn target(engine: &Engine, text: &str) -> (ModuleRelocTarget, i64) {
    let (name, numbers) = text.split_once('+').unwrap_or((text, "0"));
    // The offset into a function is before the addend.
    let (offset, addend) = match name.starts_with('#') {
        true => numbers.split_once('+').unwrap_or((numbers, "0")),
        false => ("0", numbers),
    };
    let user = name.split_once(':').map(|(space, id)| {
        let id = id.parse().unwrap();
        ModuleRelocTarget::user(space.trim_start_matches('u').parse().unwrap(), id)
    });
    let routine = || name.parse().ok().map(ModuleRelocTarget::LibCall);
    let target = match (name, user.or_else(routine)) {
        (_, Some(target)) => target,
        ("CoffTlsIndex", _) => ModuleRelocTarget::KnownSymbol(KnownSymbol::CoffTlsIndex),
        ("ElfGlobalOffsetTable", _) => {
            ModuleRelocTarget::KnownSymbol(KnownSymbol::ElfGlobalOffsetTable)
        }
        (id, _) if id.starts_with('#') => {
            ModuleRelocTarget::FunctionOffset(func(engine, id), offset.parse().unwrap())
        }
        _ => match engine.get_name(name) {
            Some(FuncOrDataId::Func(id)) => id.into(),
            Some(FuncOrDataId::Data(id)) => id.into(),
            None => panic!("{text}"),
        },
    };
    (target, addend.parse().unwrap())
}

pub(super) fn reloc(engine: &Engine, text: &str) -> ModuleReloc {
    let (place, at) = text.split_once('=').unwrap();
    let (offset, kind) = place.split_once(':').unwrap();
    let (name, addend) = target(engine, at);
    let kind = RELOCS.into_iter().find(|own| format!("{own:?}") == kind);
    ModuleReloc {
        offset: offset.parse().unwrap(),
        kind: kind.unwrap(),
        name,
        addend,
    }
}

pub(super) fn content(engine: &Engine, words: &[&str]) -> DataDescription {
    let mut content = DataDescription::new();
    let [kind, size, align, addresses @ ..] = words else {
        panic!("{words:?}");
    };
    let size = size.parse().unwrap();
    content.init = match *kind {
        "none" => Init::Uninitialized,
        "zeros" => Init::Zeros { size },
        _ => Init::Bytes {
            contents: vec![0; size].into(),
        },
    };
    content.align = align.parse().ok();
    for text in addresses {
        let (place, at) = text.split_once('=').unwrap();
        let (offset, kind) = place.split_once(':').unwrap();
        let offset = offset.parse().unwrap();
        let (id, addend) = at.split_once('+').unwrap_or((at, "0"));
        let unknown = id.strip_prefix('?').map(|id| id.parse::<u32>().unwrap());
        let (own, addend) = match unknown {
            Some(id) => (
                (FuncRef::from_u32(id), GlobalValue::from_u32(id)),
                addend.parse().unwrap(),
            ),
            None => {
                let (target, addend) = target(engine, at);
                let own = (
                    content.import_function(target.clone()),
                    content.import_global_value(target),
                );
                (own, addend)
            }
        };
        match kind {
            "function" => content.write_function_addr(offset, own.0),
            "data" => content.write_data_addr(offset, own.1, addend),
            _ => panic!("{text}"),
        };
    }
    content
}
