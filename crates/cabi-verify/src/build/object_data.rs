//! Data in the shared objects that compilers make, read from the file: nothing is loaded, so no
//! code of theirs runs.

use std::collections::HashMap;
use std::io;

use object::{Object, ObjectSection, ObjectSymbol, Symbol};

use super::{Built, ReferenceError};

/// Reads 8-byte integers, by symbol and number, and then the bytes of objects, by symbol and size,
/// from a shared object of data without addresses.
///
/// # Errors
/// [`ReferenceError::Io`] if they are not there.
pub(crate) fn read_table(
    built: &Built,
    numbers: (&str, usize),
    objects: &[(String, usize)],
) -> Result<(Vec<u64>, Vec<Vec<u8>>), ReferenceError> {
    let error = |why| ReferenceError::io("the table of layouts")(io::Error::other(why));
    table(built, numbers, objects).map_err(error)
}

fn table(
    built: &Built,
    (name, n): (&str, usize),
    objects: &[(String, usize)],
) -> Result<(Vec<u64>, Vec<Vec<u8>>), String> {
    let file = std::fs::read(&built.object).map_err(|error| error.to_string())?;
    let file = object::File::parse(&*file).map_err(|error| error.to_string())?;
    // Looked up once for all: a table has thousands of objects. Flags of a compiler may hide its
    // symbols: then they are dynamic only.
    let symbols = file.dynamic_symbols().chain(file.symbols());
    let symbols = symbols.filter(|symbol| !symbol.is_undefined());
    let symbols: Symbols<'_, '_> = symbols
        .filter_map(|symbol| Some((symbol.name().ok()?, symbol)))
        .collect();
    let numbers = bytes(&file, &symbols, name, n.saturating_mul(8))?;
    let (words, _) = numbers.as_chunks();
    let numbers = words.iter().map(|word| match file.is_little_endian() {
        true => u64::from_le_bytes(*word),
        false => u64::from_be_bytes(*word),
    });
    let objects = objects
        .iter()
        .map(|(name, size)| bytes(&file, &symbols, name, *size));
    Ok((numbers.collect(), objects.collect::<Result<_, _>>()?))
}

/// Symbols by their names.
type Symbols<'data, 'file> = HashMap<&'data str, Symbol<'data, 'file>>;

/// Returns the `size` bytes at symbol `name`.
fn bytes(
    file: &object::File<'_>,
    symbols: &Symbols<'_, '_>,
    name: &str,
    size: usize,
) -> Result<Vec<u8>, String> {
    let missing = |what: &str| format!("{what} {name}");
    let symbol = symbols.get(name);
    let symbol = symbol.ok_or_else(|| missing("there is no symbol"))?;
    let section = symbol
        .section_index()
        .and_then(|at| file.section_by_index(at).ok());
    let section = section.ok_or_else(|| missing("no section has"))?;
    let data = section.data_range(symbol.address(), size as u64);
    match data.map_err(|error| error.to_string())? {
        Some(data) => Ok(data.to_vec()),
        // Zeros are not in the file.
        None if section.kind() == object::SectionKind::UninitializedData => Ok(vec![0; size]),
        None => Err(missing("fewer bytes than in C:")),
    }
}
