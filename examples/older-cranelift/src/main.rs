//! C calls and entries on Cranelift 0.108, from the plans of `clif-cabi-plan`. [`emit`] is the
//! emitter, to be copied: emit.rs and emit/. This program tests it. A function of ours with the
//! same signature calls each C function of `called.c`, and C calls ours in its place. All arguments
//! and results thus go through an entry and a call. If C sees a difference, the program ends with
//! an error.
//!
//! ```text
//! $ cargo run --manifest-path examples/older-cranelift/Cargo.toml
//! # Breaks one rule of a plan, and has to end with an error.
//! $ cargo run --manifest-path examples/older-cranelift/Cargo.toml padding
//! ```

mod emit;

use std::ffi::c_long;
use std::path::Path;
use std::process::{Command, ExitCode};

use cabi_header::{Header, Options, parse};
use clif_cabi_plan::cabi::{BoolVector, FnSig, Target, Type, VectorLevel, X86_64_WIN64};
use clif_cabi_plan::{CallPlan, ClifPlace, EntryPlan, Purpose, ResultPlan, Slot, What};
use cranelift_codegen::ir::{InstBuilder, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, default_libcall_names};
use emit::entry::{self, Entry};
use emit::{Callee, Emitter, Operand, Result, Stubs};
use libloading::Library;

/// Rules of a plan that can be broken. The program has to notice each.
const RULES: [&str; 6] = ["order", "padding", "results", "x87", "sret", "area"];

/// Calls each function by its name with values in memory, and by its address with values in parts.
fn main() -> Result<ExitCode> {
    let argument = std::env::args().nth(1);
    let broken = argument.as_deref();
    let text = include_str!("called.c");
    let relays = relays(&parse(text, &Options::new())?)?;
    let folder = tempfile::tempdir()?;
    let library = compile(folder.path(), text)?;
    let (mut n_calls, mut n_wrong) = (0, 0);
    for opt_level in ["none", "speed"] {
        refused(opt_level)?;
        for in_parts in [false, true] {
            let mut imports = Vec::new();
            for relay in &relays {
                imports.push((relay.callee.as_str(), address(&library, &relay.callee)?));
            }
            let disturb = ("disturb", address(&library, "disturb")?);
            let mut jit = Jit::new(opt_level, &[&imports[..], &[disturb]].concat())?;
            let mut ids = Vec::new();
            for (relay, (_, address)) in relays.iter().zip(&imports) {
                ids.push(jit.define(relay, (*address, in_parts), broken)?);
            }
            jit.module.finalize_definitions()?;
            for (relay, id) in relays.iter().zip(ids) {
                let code = jit.module.get_finalized_function(id);
                let check = address(&library, &format!("check_{}", relay.name))?;
                // SAFETY: `check_NAME` takes a function of the signature that this one was made
                // with.
                let is_wrong = unsafe {
                    std::mem::transmute::<*const u8, extern "C" fn(*const u8) -> c_long>(check)(
                        code,
                    )
                };
                n_calls += 1;
                if is_wrong != 0 {
                    n_wrong += 1;
                    println!(
                        "DIFFERS {} {opt_level}, in parts: {in_parts}: {}",
                        relay.name, relay.entry
                    );
                }
            }
        }
    }
    println!(
        "{} signatures, {n_calls} calls, {n_wrong} differ",
        relays.len()
    );
    if broken.is_some() || n_wrong > 0 {
        return Ok(ExitCode::from(u8::from(n_wrong > 0)));
    }
    each_rule_is_noticed()?;
    println!("noticed when broken: {}", RULES.join(", "));
    Ok(ExitCode::SUCCESS)
}

/// Returns an error for a rule that is broken without a difference.
fn each_rule_is_noticed() -> Result<()> {
    for rule in RULES {
        // A process of its own, because broken code may crash.
        let run = Command::new(std::env::current_exe()?).arg(rule).output()?;
        let text = String::from_utf8_lossy(&run.stdout);
        let noticed = text.contains("DIFFERS") || run.status.code().is_none();
        if run.status.success() || !noticed {
            return Err(format!("no check noticed the broken rule `{rule}`").into());
        }
    }
    Ok(())
}

/// A function of ours, and the one of C's that it calls with its arguments.
struct Relay {
    name: String,
    entry: FnSig,
    callee: String,
    call: FnSig,
}

/// Returns a relay for each `check_NAME`. A variadic one calls the function with a `va_list`, and
/// one with all parameters named calls the variadic function.
fn relays(header: &Header) -> Result<Vec<Relay>> {
    let signature = |name: &str| -> Result<FnSig> {
        let found = header.prototype(name).map(|found| found.signature());
        Ok(found.ok_or_else(|| format!("there is no function {name}"))?)
    };
    let checks = header.prototypes.iter();
    let names = checks.filter_map(|check| check.name.strip_prefix("check_"));
    let relay = |name: &str| {
        let mut entry = signature(name)?;
        if name == "chain" {
            entry = entry.static_chain(&header.model);
        }
        let (callee, call) = match name.strip_suffix("_fixed") {
            Some(variadic) => {
                let call = signature(variadic)?;
                let unnamed = entry.params()[call.n_named()..].iter();
                let call = call.at_call(unnamed.map(|param| param.ty.clone()))?;
                (variadic.to_string(), call)
            }
            None if entry.is_variadic() => {
                let list = format!("{name}_list");
                let call = signature(&list)?;
                (list, call)
            }
            None => (name.to_string(), entry.clone()),
        };
        let name = name.to_string();
        Ok(Relay {
            name,
            entry,
            callee,
            call,
        })
    };
    names.map(relay).collect()
}

/// Builds the C functions with `cc`.
fn compile(folder: &Path, text: &str) -> Result<Library> {
    let (source, library) = (folder.join("called.c"), folder.join("called.so"));
    std::fs::write(&source, text)?;
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-shared", "-fPIC", "-Wno-psabi", "-o"])
        .arg(&library);
    if !cc.arg(source).status()?.success() {
        return Err("cc failed".into());
    }
    // SAFETY: it has no constructors.
    Ok(unsafe { Library::new(library)? })
}

fn address(library: &Library, name: &str) -> Result<*const u8> {
    // SAFETY: the symbol is only used as an address, while the library is there.
    let raw = unsafe { library.get::<*const u8>(name)?.try_as_raw_ptr() };
    Ok(raw.ok_or("no address")?.cast())
}

/// A JIT module, and the stubs in it.
struct Jit {
    module: JITModule,
    stubs: Stubs,
    target: Target,
}

impl Jit {
    /// Creates a module whose code calls the functions `imports` by name.
    fn new(opt_level: &str, imports: &[(&str, *const u8)]) -> Result<Self> {
        let flags = [
            ("is_pic", "false"),
            ("use_colocated_libcalls", "false"),
            ("opt_level", opt_level),
        ];
        let mut builder = JITBuilder::with_flags(&flags, default_libcall_names())?;
        builder.symbols(imports.iter().copied());
        let (module, stubs, target) = (JITModule::new(builder), Stubs::new(), Target::host()?);
        Ok(Self {
            module,
            stubs,
            target,
        })
    }

    /// Defines a function that passes its arguments to another one, at `address`, and returns its
    /// result.
    fn define(
        &mut self,
        relay: &Relay,
        (address, in_parts): (*const u8, bool),
        broken: Option<&str>,
    ) -> Result<FuncId> {
        let mut plan = CallPlan::new(&relay.call, &self.target)?;
        let mut own = EntryPlan::new(&relay.entry, &self.target)?;
        if let Some(rule) = broken {
            break_rule(rule, &mut plan, &mut own);
        }
        let name = format!("relay_{}", relay.name);
        let (id, body) = entry::declare(&mut self.module, (&name, Linkage::Export), &own)?;
        let empty = self.module.make_signature();
        let module = &mut self.module;
        let callees = [
            module.declare_function(&relay.callee, Linkage::Import, &empty)?,
            module.declare_function("disturb", Linkage::Import, &empty)?,
        ];
        let mut ctx = self.module.make_context();
        let mut fn_ctx = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
        let (module, stubs) = (&mut self.module, &mut self.stubs);
        let mut e = Emitter {
            module,
            stubs,
            builder: &mut builder,
        };
        pass_on(&mut e, (&own, &plan), callees, in_parts.then_some(address))?;
        builder.finalize();
        self.module.define_function(body, &mut ctx)?;
        Ok(id)
    }
}

/// Emits the body of a function, which passes the arguments of the entry to the callee and returns
/// its result. With an `address`, values are in parts.
fn pass_on(
    e: &mut Emitter<'_, '_>,
    (own, plan): (&EntryPlan, &CallPlan),
    [callee, disturb]: [FuncId; 2],
    address: Option<*const u8>,
) -> Result<()> {
    let in_parts = address.is_some();
    let entry = Entry::new(e, own)?;
    let mut values = Vec::new();
    for i in 0..own.sig.params().len() {
        let [given, wanted] = [own.args.parts(i), plan.args.parts(i)];
        values.push(match in_parts && !wanted.is_empty() && given == wanted {
            true => (entry.parts(e, i)?, None),
            false => (Vec::new(), Some(entry.address(e, i)?)),
        });
    }
    if own.va_start.is_some() {
        let list = e.slot(24, 8)?;
        entry.va_start(e, list)?;
        values.push((vec![list], None));
    }
    let args = values.iter().map(|(parts, memory)| match memory {
        Some(from) => Operand::Memory(*from),
        None => Operand::Parts(parts),
    });
    let args: Vec<Operand<'_>> = args.collect();
    let callee = match address {
        Some(address) => Callee::Address(e.builder.ins().iconst(types::I64, address as i64)),
        None => Callee::Function(callee),
    };
    let ty = plan.sig.result();
    let to = match entry.sret() {
        None if !in_parts && *ty != Type::VOID => {
            Some(e.slot(u32::try_from(ty.size())?, ty.align())?)
        }
        sret => sret,
    };
    let results = e.call((callee, plan), &args, to)?;
    let disturbing = CallPlan::new(&FnSig::new([], Type::I64), &Target::host()?)?;
    e.call((Callee::Function(disturb), &disturbing), &[], None)?;
    match to {
        Some(to) => entry.ret(e, Some(Operand::Memory(to))),
        None => entry.ret(e, Some(Operand::Parts(&results))),
    }
}

/// Checks that a call or an entry that 0.108 or this emitter does not support is an error with the
/// reason.
fn refused(opt_level: &str) -> Result<()> {
    let sig = |ty: Type| FnSig::new([ty], Type::VOID);
    for (wrong, why) in [
        (
            sig(Type::vector(&Type::F64, 4)?).features(VectorLevel::Avx),
            "of more than 16 bytes",
        ),
        (sig(Type::bool_vector(128, BoolVector::Zig)?), "bool"),
        (sig(Type::I64).convention(&X86_64_WIN64), "windows_fastcall"),
    ] {
        for (entry, call) in [(wrong.clone(), sig(Type::PTR)), (sig(Type::PTR), wrong)] {
            let (name, callee) = ("f".to_string(), "g".to_string());
            let relay = Relay {
                name,
                entry,
                callee,
                call,
            };
            let mut jit = Jit::new(opt_level, &[])?;
            let found = jit.define(&relay, (std::ptr::null(), false), None);
            let found = found.err().ok_or("the relay is not refused")?.to_string();
            assert!(found.contains(why), "{found}");
        }
    }
    Ok(())
}

/// Breaks one rule where the plans have it.
fn break_rule(rule: &str, plan: &mut CallPlan, entry: &mut EntryPlan) {
    let signature = &mut plan.plan.signature;
    match rule {
        // Two parts change places.
        "order" => {
            let is_part = |slot: &&mut Slot| matches!(slot.what, What::Part { .. });
            let slots = plan.plan.args.slots.iter_mut();
            let mut own: Vec<&mut Slot> = slots.filter(is_part).collect();
            if let [a, .., b] = &mut own[..]
                && let (Some(at), Some(other)) = (a.param, b.param)
                && signature.params[at as usize] == signature.params[other as usize]
            {
                (a.param, b.param) = (b.param, a.param);
            }
        }
        // No padding arguments: values that belong on the stack are in the registers that are left.
        "padding" if plan.indirect.is_none() => {
            let slots = &mut plan.plan.args.slots;
            while let Some(i) = slots.iter().rposition(|slot| slot.what == What::Padding) {
                let own = slots.remove(i).param.unwrap();
                signature.params.remove(own as usize);
                for param in slots.iter_mut().filter_map(|slot| slot.param.as_mut()) {
                    *param -= u32::from(*param > own);
                }
            }
        }
        "results" => {
            if let ResultPlan::Parts { results, .. } = &mut plan.plan.result
                && signature.returns.windows(2).all(|two| two[0] == two[1])
            {
                results.reverse();
            }
        }
        // The x87 stack keeps its value.
        "x87" if matches!(plan.plan.result, ResultPlan::Stub { .. }) => {
            plan.plan.result = ResultPlan::Nothing;
        }
        // rax is not the address of the result.
        "sret" => {
            let params = entry.plan.signature.params.iter_mut();
            let sret = params.filter(|param| param.purpose == Purpose::StructReturn);
            sret.for_each(|param| param.purpose = Purpose::Normal);
        }
        "area" => {
            for slot in &mut entry.plan.args.slots {
                if let ClifPlace::Area { offset, .. } = &mut slot.place {
                    *offset += 8;
                }
            }
        }
        _ => {}
    }
}
