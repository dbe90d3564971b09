//! Debug information of compiled functions: DWARF 5, with a line table, and for each function its
//! name, line and extent. Addresses are those of functions, as in unwind tables.

use crate::cranelift::codegen::gimli::write::{
    Address, AttributeValue, DwarfUnit, FileId, LineProgram, LineString, Range, RangeList,
    RangeListId, RelocationTarget, Sections, UnitEntryId,
};
use crate::cranelift::codegen::gimli::{
    DW_AT_comp_dir, DW_AT_decl_file, DW_AT_decl_line, DW_AT_external, DW_AT_high_pc,
    DW_AT_language, DW_AT_low_pc, DW_AT_name, DW_AT_producer, DW_AT_prototyped, DW_AT_ranges,
    DW_LANG_C11, DW_TAG_subprogram, Encoding, Format, LineEncoding, RunTimeEndian,
};
use crate::cranelift::codegen::{CompiledCode, ir};
use crate::cranelift::module::FuncId;
use crate::cranelift::source_locations;
use crate::error::UnwindError;
use crate::section::Section;

/// The source files of functions, and the places in them that `SourceLoc`s of CLIF stand for.
///
/// # Example
/// ```
/// use clif_cabi_unwind::Sources;
///
/// let mut sources = Sources::new("/home/me", "program.toy");
/// let place = sources.place(0, 12, 5); // line 12 of program.toy: builder.set_srcloc(place)
/// assert_eq!(sources.line(place), Some(("program.toy", 12)));
/// ```
#[derive(Clone, Debug)]
pub struct Sources {
    directory: String,
    files: Vec<String>,
    places: Vec<SourcePlace>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SourcePlace {
    file: usize,
    line: u32,
    column: u32,
}

impl Sources {
    /// Files are in `directory`, or below it, or have an absolute path. The first file is `file`,
    /// which has the number 0.
    #[must_use]
    pub fn new(directory: &str, file: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            files: vec![file.to_owned()],
            places: Vec::new(),
        }
    }

    /// Adds a file, and returns its number.
    pub fn file(&mut self, path: &str) -> usize {
        self.files.push(path.to_owned());
        self.files.len() - 1
    }

    /// Returns the location that stands for a place, for `FunctionBuilder::set_srcloc`. Lines and
    /// columns begin at 1; a column of 0 is none.
    pub fn place(&mut self, file: usize, line: u32, column: u32) -> ir::SourceLoc {
        let place = SourcePlace { file, line, column };
        if self.places.last() != Some(&place) {
            self.places.push(place);
        }
        let last = self.places.len() - 1;
        u32::try_from(last).map_or_else(|_| ir::SourceLoc::default(), ir::SourceLoc::new)
    }

    /// Returns the file and line of a place.
    #[must_use]
    pub fn line(&self, at: ir::SourceLoc) -> Option<(&str, u32)> {
        let place = self.get(at)?;
        Some((self.files.get(place.file)?, place.line))
    }

    fn get(&self, at: ir::SourceLoc) -> Option<SourcePlace> {
        let index = usize::try_from(at.bits()).ok()?;
        self.places.get(index).copied()
    }
}

/// Functions with the places that their instructions are from.
#[derive(Clone, Debug, Default)]
pub struct DebugInfo {
    functions: Vec<Subprogram>,
}

/// A function that was compiled.
#[derive(Clone, Debug)]
struct Subprogram {
    id: FuncId,
    name: String,
    at: ir::SourceLoc,
    len: u64,
    /// From which byte on the code is from which place.
    rows: Vec<(u64, ir::SourceLoc)>,
}

impl DebugInfo {
    /// No functions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function that was compiled to `code`; debuggers call it `name`. It stands where its
    /// first instruction with a place is from.
    pub fn add_function(
        &mut self,
        id: FuncId,
        name: &str,
        func: &ir::Function,
        code: &CompiledCode,
    ) {
        self.functions.push(Subprogram {
            id,
            name: name.replace('\0', ""),
            at: func.params.base_srcloc(),
            len: code.code_buffer().len() as u64,
            rows: source_locations(code)
                .map(|(start, at)| (start.into(), at))
                .collect(),
        });
    }

    /// Returns the functions that were added, with their names, and where each byte of their code
    /// is from, from its first byte on.
    pub fn functions(&self) -> impl Iterator<Item = (FuncId, &str, &[(u64, ir::SourceLoc)])> {
        let functions = self.functions.iter();
        functions.map(|own| (own.id, &*own.name, &*own.rows))
    }

    /// Returns the sections by their names, for functions that are where `function` says: for a
    /// debugger of this process.
    ///
    /// # Errors
    /// [`UnwindError::Symbol`] for a function that has no address.
    pub fn in_memory(
        &self,
        sources: &Sources,
        function: impl Fn(FuncId) -> Option<u64>,
    ) -> Result<Vec<(&'static str, Vec<u8>)>, UnwindError> {
        let mut found = Vec::new();
        self.sections(sources)?.for_each(|id, section| {
            let bytes = section.resolved(|target| match target {
                RelocationTarget::Symbol(index) => self.address(index, &function),
                // Offsets in sections that are complete.
                RelocationTarget::Section(_) => Ok(0),
            })?;
            if !bytes.is_empty() {
                found.push((id.name(), bytes));
            }
            Ok::<(), UnwindError>(())
        })?;
        Ok(found)
    }

    /// Returns the function that an address in a section is of.
    fn function(&self, index: usize) -> Result<FuncId, UnwindError> {
        let function = self.functions.get(index).map(|own| own.id);
        let name = || format!("function {index} of the debug information");
        function.ok_or_else(|| UnwindError::Symbol { name: name() })
    }

    fn address(
        &self,
        index: usize,
        function: impl Fn(FuncId) -> Option<u64>,
    ) -> Result<u64, UnwindError> {
        let id = self.function(index)?;
        let name = || format!("function {}", id.as_u32());
        function(id).ok_or_else(|| UnwindError::Symbol { name: name() })
    }

    /// Returns all sections, for this process; addresses name functions by their indices.
    fn sections(&self, sources: &Sources) -> Result<Sections<Section>, UnwindError> {
        let encoding = Encoding {
            format: Format::Dwarf32,
            version: 5,
            address_size: 8,
        };
        let text = |text: &str| LineString::String(text.replace('\0', "").into_bytes());
        let mut dwarf = DwarfUnit::new(encoding);
        let directory = text(match sources.directory.as_str() {
            "" => ".",
            directory => directory,
        });
        let file = sources.files.first().map_or("", String::as_str);
        let line_encoding = LineEncoding::default();
        let mut program =
            LineProgram::new(encoding, line_encoding, directory, None, text(file), None);
        let directory = program.default_directory();
        let files = sources.files.iter();
        let files: Vec<FileId> = files
            .map(|file| program.add_file(text(file), directory, None))
            .collect();
        let (root, mut ranges) = (dwarf.unit.root(), Vec::new());
        for (index, function) in self.functions.iter().enumerate() {
            let start = Address::Symbol {
                symbol: index,
                addend: 0,
            };
            rows(&mut program, function, start, sources, &files);
            let entry = dwarf.unit.add(root, DW_TAG_subprogram);
            describe(
                &mut dwarf,
                entry,
                function,
                start,
                sources.get(function.at),
                &files,
            );
            ranges.push(Range::StartLength {
                begin: start,
                length: function.len,
            });
        }
        dwarf.unit.line_program = program;
        let ranges = dwarf.unit.ranges.add(RangeList(ranges));
        describe_unit(&mut dwarf, sources, ranges);
        let mut sections = Sections::new(Section::new(RunTimeEndian::default()));
        dwarf.write(&mut sections)?;
        Ok(sections)
    }
}

/// Adds the attributes of the unit.
fn describe_unit(dwarf: &mut DwarfUnit, sources: &Sources, ranges: RangeListId) {
    let file = sources.files.first().map_or("", String::as_str);
    let root = dwarf.unit.root();
    let root = dwarf.unit.get_mut(root);
    let string = |text: &str| AttributeValue::String(text.replace('\0', "").into_bytes());
    root.set(DW_AT_producer, string("clif-cabi"));
    root.set(DW_AT_name, string(file));
    root.set(DW_AT_comp_dir, string(&sources.directory));
    // Debuggers read expressions in its syntax.
    root.set(DW_AT_language, AttributeValue::Language(DW_LANG_C11));
    root.set(DW_AT_low_pc, AttributeValue::Address(Address::Constant(0)));
    root.set(DW_AT_ranges, AttributeValue::RangeListRef(ranges));
}

/// Adds the lines of a function. Its prologue, before the first place, is from where the
/// function stands; debuggers stop where the next place begins, when parameters are where they say.
fn rows(
    program: &mut LineProgram,
    function: &Subprogram,
    start: Address,
    sources: &Sources,
    files: &[FileId],
) {
    program.begin_sequence(Some(start));
    let mut before = None;
    for (offset, at) in [(0, function.at)].iter().chain(&function.rows) {
        let Some(place) = sources.get(*at).filter(|own| before != Some(*own)) else {
            continue;
        };
        before = Some(place);
        let row = program.row();
        row.address_offset = *offset;
        row.line = place.line.into();
        row.column = place.column.into();
        if let Some(file) = files.get(place.file) {
            row.file = *file;
        }
        program.generate_row();
    }
    program.end_sequence(function.len);
}

/// Adds the attributes of a function.
fn describe(
    dwarf: &mut DwarfUnit,
    entry: UnitEntryId,
    function: &Subprogram,
    start: Address,
    at: Option<SourcePlace>,
    files: &[FileId],
) {
    let entry = dwarf.unit.get_mut(entry);
    let name = function.name.clone().into_bytes();
    entry.set(DW_AT_name, AttributeValue::String(name));
    entry.set(DW_AT_external, AttributeValue::FlagPresent);
    entry.set(DW_AT_prototyped, AttributeValue::FlagPresent);
    entry.set(DW_AT_low_pc, AttributeValue::Address(start));
    entry.set(DW_AT_high_pc, AttributeValue::Udata(function.len));
    if let Some((place, file)) = at.and_then(|at| Some((at, *files.get(at.file)?))) {
        entry.set(DW_AT_decl_file, AttributeValue::FileIndex(Some(file)));
        entry.set(DW_AT_decl_line, AttributeValue::Udata(place.line.into()));
    }
}
