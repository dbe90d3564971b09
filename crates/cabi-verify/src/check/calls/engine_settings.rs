//! Under which settings of the engine calls are made.

use clif_cabi_jit::{Cpu, OptLevel, RegisterAllocator, Settings};

/// Returns every combination of settings that calls run under, with its name: register allocation,
/// optimization, SSE2 only or all of this machine.
pub fn all_settings() -> Vec<(String, Settings)> {
    let mut all = Vec::new();
    for (cpu, cpu_name) in [(Cpu::Host, "host"), (Cpu::Baseline, "baseline")] {
        for (allocator, allocator_name) in [
            (RegisterAllocator::Backtracking, "backtracking"),
            (RegisterAllocator::SinglePass, "single_pass"),
        ] {
            for (level, level_name) in [(OptLevel::None, "none"), (OptLevel::Speed, "speed")] {
                let settings = Settings::default().memory(1 << 20).opt_level(level);
                let settings = settings.register_allocator(allocator).cpu(cpu);
                all.push((
                    format!("{allocator_name} {level_name} {cpu_name}"),
                    settings,
                ));
            }
        }
    }
    all
}

/// All settings without Cranelift's verifier, for runs that are measured in hundreds of thousands: every suite has it.
pub(crate) fn settings_without_verifier() -> Vec<(String, Settings)> {
    let all = all_settings().into_iter();
    all.map(|(name, settings)| (name, settings.flag("enable_verifier", "false")))
        .collect()
}
