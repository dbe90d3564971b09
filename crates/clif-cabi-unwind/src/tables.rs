//! [`UnwindTables`]: the functions and stubs of a module with their rules, and the two sections
//! that say them to an unwinder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clif_cabi::cabi::Triple;
use clif_cabi::cabi::target_lexicon::{BinaryFormat, Endianness, OperatingSystem};
use clif_cabi::{StubCode, stub_code, stubs_of};

use crate::cranelift::codegen::CompiledCode;
use crate::cranelift::codegen::gimli::write::{
    CieId, CommonInformationEntry, EhFrame, FrameTable, Writer,
};
use crate::cranelift::codegen::gimli::{self, RunTimeEndian};
use crate::cranelift::codegen::ir::Function;
use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::codegen::settings;
use crate::cranelift::module::{FuncId, ModuleDeclarations};
use crate::error::{OTHER_TABLES, UnwindError};
use crate::format::{Format, stub_cie};
use crate::frame::Frame;
use crate::lsda::Lsda;
use crate::personality::Personality;
use crate::section::{AddressTarget, Section};
use crate::tail_calls::TailCalls;
use crate::{windows, windows_arm};

/// Unwind tables of the functions and stubs of a module, for an unwinder of the Itanium C++ ABI:
/// libgcc's or LLVM's.
///
/// A function is added when it is compiled, a stub with its code. Then the tables are written into
/// an object file (`write_object`, with the feature `object`), or [for code in
/// memory](Self::in_memory).
pub struct UnwindTables {
    format: Format,
    order: RunTimeEndian,
    personality: Option<Personality>,
    functions: Vec<UnwindFunction>,
    /// Words for the addresses that handlers on Windows read, by the names of the symbols.
    words: BTreeMap<String, Word>,
    tail_calls: TailCalls,
}

/// A word for an address that is not known when code is written.
pub(crate) type Word = Arc<AtomicU64>;

#[derive(Debug)]
pub(crate) struct UnwindFunction {
    pub(crate) id: FuncId,
    /// Bytes of its code.
    pub(crate) len: usize,
    pub(crate) frame: Frame,
    lsda: Option<Lsda>,
}

impl UnwindFunction {
    /// Checks whether a personality enters it.
    pub(crate) fn has_handlers(&self) -> bool {
        self.lsda.is_some()
    }

    /// Returns its UNWIND_INFO; none for a leaf, and none but on Windows.
    pub(crate) fn unwind_info(&self) -> Option<&[u8]> {
        match &self.frame {
            Frame::Windows(info) => Some(&**info).filter(|info| !info.is_empty()),
            _ => None,
        }
    }
}

/// Encodings of addresses.
#[derive(Clone, Copy)]
pub(crate) struct Encodings {
    /// Encoding of the addresses of functions and landing pads.
    pub(crate) address: gimli::DwEhPe,
    /// Encoding of the personality and of types.
    pub(crate) symbol: gimli::DwEhPe,
}

impl UnwindTables {
    /// Makes tables without functions. Without a personality a handler of `try_call` is an error.
    ///
    /// # Errors
    /// [`UnwindError::Target`] for machines that Cranelift has no such tables for, and for signed
    /// return addresses in ELF. [`UnwindError::NoRules`] without Cranelift's flag `unwind_info`.
    /// [`UnwindError::Symbol`] for a personality or a type whose name is empty, or has a zero in
    /// it.
    pub fn new(isa: &dyn TargetIsa, personality: Option<Personality>) -> Result<Self, UnwindError> {
        if !isa.flags().unwind_info() {
            return Err(UnwindError::NoRules);
        }
        if let Some(name) = personality.as_ref().and_then(Personality::unusable_name) {
            let name = format!("{name:?}");
            return Err(UnwindError::Symbol { name });
        }
        let target = isa.triple();
        let signs = |flag: &settings::Value| {
            flag.name == "sign_return_address" && flag.as_bool() == Some(true)
        };
        if target.binary_format == BinaryFormat::Elf && isa.isa_flags().iter().any(signs) {
            let target = target.to_string();
            let why = "libgcc ignores Cranelift's unwind rules for signed return addresses (sign_return_address)";
            return Err(UnwindError::Target { target, why });
        }
        // Windows has no common entry, and Cranelift panics at one with the B key.
        let cie = match target.operating_system {
            OperatingSystem::Windows => None,
            _ => isa.create_systemv_cie(),
        };
        Self::of_parts(target, cie, personality)
    }

    /// Makes tables of stubs alone, which need no ISA: for a program that compiles nothing.
    ///
    /// # Errors
    /// [`UnwindError::Target`] as in [`UnwindTables::new`].
    pub fn of_stubs(target: &Triple) -> Result<Self, UnwindError> {
        Self::of_parts(target, stub_cie(target.architecture), None)
    }

    fn of_parts(
        target: &Triple,
        cie: Option<CommonInformationEntry>,
        personality: Option<Personality>,
    ) -> Result<Self, UnwindError> {
        let format = Format::of(target, cie)?;
        let order = match target.endianness() {
            Ok(Endianness::Big) => RunTimeEndian::Big,
            _ => RunTimeEndian::Little,
        };
        Ok(Self {
            format,
            order,
            personality,
            functions: Vec::new(),
            words: BTreeMap::new(),
            tail_calls: TailCalls::default(),
        })
    }

    /// Adds the tail calls in `func`, and the calls with handlers: for a module with functions of
    /// `CallConv::Tail`, before [`add_function`](Self::add_function). Tables know only the
    /// functions of their own module: call no function of another module that makes such tail
    /// calls.
    ///
    /// # Errors
    /// [`UnwindError::Handlers`] if a handler is that of a call of such a function, and one calls
    /// another with other arguments in memory. Nothing is added then.
    pub fn add_tail_calls(
        &mut self,
        isa: &dyn TargetIsa,
        func: &Function,
    ) -> Result<(), UnwindError> {
        let mut tail_calls = self.tail_calls;
        tail_calls.add(isa, func);
        if self.personality_name().is_some() && tail_calls.lose_stack_pointer() {
            let why = "a tail call to a function with other arguments in memory changes the stack pointer in a handler of a call of a `tail` function: pass the arguments in registers, or use another convention";
            return Err(UnwindError::Handlers { why });
        }
        self.tail_calls = tail_calls;
        Ok(())
    }

    /// Adds the function `id`, which was compiled to `code`: after
    /// `Module::define_function(id, &mut ctx)`, `ctx.compiled_code()`.
    ///
    /// # Errors
    /// [`UnwindError::NoPersonality`], [`UnwindError::Tag`] and [`UnwindError::Handlers`] for
    /// handlers of `try_call` that no table can express, or that the personality does not enter.
    /// Nothing is added then.
    pub fn add_function(
        &mut self,
        isa: &dyn TargetIsa,
        id: FuncId,
        code: &CompiledCode,
    ) -> Result<(), UnwindError> {
        let lsda = Lsda::new(code, self.personality.as_ref())?;
        if lsda.is_some() && matches!(self.format, Format::WindowsArm) {
            let why = "they are not supported for Windows on AArch64; exceptions pass through functions without handlers";
            return Err(UnwindError::Handlers { why });
        }
        if let (Some(lsda), true) = (&lsda, self.is_windows()) {
            let personality = self.personality_name().unwrap_or_default().to_owned();
            windows::check_handlers(&personality, lsda)?;
            for name in lsda.types().chain([&*personality]) {
                self.words.entry(name.to_owned()).or_default();
            }
        }
        let frame = match self.format {
            Format::EhFrame(_) => Frame::compiled(isa, code)?,
            Format::WindowsX64 => windows::compiled(isa, code)?.map(Frame::Windows),
            Format::WindowsArm => Some(Frame::WindowsArm(windows_arm::compiled(isa, code)?)),
        };
        if let Some(frame) = frame {
            let len = code.code_buffer().len();
            self.functions.push(UnwindFunction {
                id,
                len,
                frame,
                lsda,
            });
        }
        Ok(())
    }

    /// Adds the stub `id`. Code without rows is that of a function which changes no register that
    /// is preserved, nor the stack pointer.
    ///
    /// # Errors
    /// [`UnwindError::Table`] for rows that no table of the target can express.
    pub fn add_stub(&mut self, id: FuncId, code: &StubCode) -> Result<(), UnwindError> {
        let frame = match self.format {
            Format::EhFrame(_) => Frame::stub(code),
            Format::WindowsX64 => windows::stub(code).map(Frame::Windows),
            Format::WindowsArm => windows_arm::stub(code).map(Frame::WindowsArm),
        }?;
        self.functions.push(UnwindFunction {
            id,
            len: code.bytes.len(),
            frame,
            lsda: None,
        });
        Ok(())
    }

    /// Adds all stubs that lowering has defined in a module.
    ///
    /// # Errors
    /// As [`add_stub`](Self::add_stub).
    pub fn add_stubs(
        &mut self,
        isa: &dyn TargetIsa,
        declarations: &ModuleDeclarations,
    ) -> Result<(), UnwindError> {
        for (id, stub) in stubs_of(declarations) {
            let code = stub_code(isa, &stub);
            let code = code.map_err(|error| UnwindError::Table(error.to_string()))?;
            self.add_stub(id, &code)?;
        }
        Ok(())
    }

    /// Takes out the function or stub `id`: its definition has failed.
    pub fn remove(&mut self, id: FuncId) {
        self.functions.retain(|function| function.id != id);
    }

    /// Takes out all functions and stubs. Functions that are added from now on are for other
    /// tables.
    pub fn clear(&mut self) {
        self.functions.clear();
    }

    /// Returns the names that the tables need addresses of: the personality, if a function has
    /// handlers, and the types that are caught.
    #[must_use]
    pub fn symbols(&self) -> BTreeSet<&str> {
        let pads = self.functions.iter().filter_map(|own| own.lsda.as_ref());
        let personality = self.personality_name();
        pads.flat_map(|lsda| lsda.types().chain(personality))
            .collect()
    }

    /// Returns the name of the personality, if there is one.
    pub(crate) fn personality_name(&self) -> Option<&str> {
        self.personality.as_ref().and_then(Personality::symbol)
    }

    /// Returns the rules of `own` on Windows, with its handlers: none for a leaf. Types are encoded
    /// as `types`.
    pub(crate) fn windows_rules(
        &self,
        own: &UnwindFunction,
        types: gimli::DwEhPe,
    ) -> Result<Option<Section>, UnwindError> {
        let handlers = self.personality_name().zip(own.lsda.as_ref());
        let rules = |info| windows::with_handlers((own.id, info), handlers, types);
        own.unwind_info().map(rules).transpose()
    }

    /// Returns the address of the word for `symbol`, which handlers on Windows read.
    pub(crate) fn word_address(&self, symbol: &str) -> Result<u64, UnwindError> {
        let word = self.words.get(symbol);
        let word = word.ok_or_else(|| no_address(symbol))?;
        Ok(Arc::as_ptr(word).expose_provenance() as u64)
    }

    /// Writes the address of each symbol that handlers on Windows read to its word. Returns the
    /// words.
    pub(crate) fn fill_words(
        &self,
        symbol: impl Fn(&str) -> Option<u64>,
    ) -> Result<Vec<Word>, UnwindError> {
        let fill = |name| {
            let word = self.words.get(name).zip(symbol(name));
            let (word, address) = word.ok_or_else(|| no_address(name))?;
            word.store(address, Ordering::Relaxed);
            Ok(Arc::clone(word))
        };
        self.symbols().into_iter().map(fill).collect()
    }

    /// Checks whether the tables are those of Windows.
    pub(crate) fn is_windows(&self) -> bool {
        !matches!(self.format, Format::EhFrame(_))
    }

    /// Checks whether there is no function and no stub.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// Returns the functions, in the order in which they were added.
    pub(crate) fn functions(&self) -> &[UnwindFunction] {
        &self.functions
    }

    /// Returns the table of landing pads (`.gcc_except_table`), and where each function has its
    /// own.
    pub(crate) fn landing_pads(
        &self,
        encodings: Encodings,
    ) -> Result<(Section, Vec<Option<usize>>), UnwindError> {
        let mut section = Section::new(self.order);
        let mut targets = Vec::new();
        let mut starts = Vec::new();
        for function in &self.functions {
            let Some(lsda) = &function.lsda else {
                starts.push(None);
                continue;
            };
            section.align(4)?;
            starts.push(Some(section.len()));
            let symbol =
                |name: &str| Section::address(&mut targets, AddressTarget::Symbol(name.to_owned()));
            lsda.write(&mut section, encodings.symbol, symbol)?;
        }
        Ok((section.with_targets(targets), starts))
    }

    /// Returns the frame rules (`.eh_frame`) of the functions with these indices; `starts` is where
    /// each function has its landing pads.
    pub(crate) fn frames(
        &self,
        encodings: Encodings,
        starts: &[Option<usize>],
        indices: &[usize],
    ) -> Result<Section, UnwindError> {
        let mut table = FrameTable::default();
        let mut targets = Vec::new();
        let mut plain = self.format.cie().ok_or(UnwindError::Target {
            target: "Windows".to_owned(),
            why: OTHER_TABLES,
        })?;
        plain.fde_address_encoding = encodings.address;
        let plain = table.add_cie(plain);
        let with_pads = self.cie_with_personality(&mut table, &mut targets, encodings);
        for index in indices {
            let (Some(function), Some(start)) = (self.functions.get(*index), starts.get(*index))
            else {
                continue;
            };
            let address = Section::address(&mut targets, AddressTarget::Function(function.id));
            let mut fde = function.frame.fde(address);
            let cie = match (start, with_pads) {
                (Some(start), Some(with_pads)) => {
                    let pads = AddressTarget::LandingPads(*start);
                    fde.lsda = Some(Section::address(&mut targets, pads));
                    with_pads
                }
                _ => plain,
            };
            table.add_fde(cie, fde);
        }
        let mut section = EhFrame(Section::new(self.order));
        table.write_eh_frame(&mut section)?;
        Ok(section.0.with_targets(targets))
    }

    /// Returns the common entry of functions with landing pads.
    fn cie_with_personality(
        &self,
        table: &mut FrameTable,
        targets: &mut Vec<AddressTarget>,
        encodings: Encodings,
    ) -> Option<CieId> {
        // Without functions that need it, nobody has to have the personality.
        self.functions.iter().find(|own| own.lsda.is_some())?;
        let symbol = self.personality_name()?.to_owned();
        let mut cie = self.format.cie()?;
        cie.fde_address_encoding = encodings.address;
        cie.lsda_encoding = Some(encodings.address);
        let address = Section::address(targets, AddressTarget::Symbol(symbol));
        cie.personality = Some((encodings.symbol, address));
        Some(table.add_cie(cie))
    }
}

fn no_address(name: &str) -> UnwindError {
    let name = name.to_owned();
    UnwindError::Symbol { name }
}
