//! Members of a record by their names.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::types::field::Field;

/// A record of more members than this has an index.
const MAX_SEARCHED: usize = 16;

/// The index of a record of many members: for each, the hash of its name and its position, in this order. Members without a name are first, unnamed
/// bit-fields left out. Empty for a record of few members, which are compared one by one.
#[derive(Debug)]
pub(crate) struct Names(Box<[(u32, u32)]>);

impl Names {
    pub(crate) fn of(fields: &[Field]) -> Self {
        let mut all = Vec::new();
        if fields.len() > MAX_SEARCHED {
            all.reserve_exact(fields.len());
            let is_padding = |field: &Field| field.name().is_none() && field.bits.is_some();
            let places = (0..=u32::MAX).zip(fields);
            let places = places.filter(|(_, field)| !is_padding(field));
            all.extend(places.map(|(i, field)| (field.name().map_or(0, hash), i)));
            all.sort_unstable();
        }
        Self(all.into())
    }

    /// The members among which the first that is called `name`, or that has such a member inside, is the first of the record.
    pub(crate) fn candidates<'a>(
        &'a self,
        fields: &'a [Field],
        name: &str,
    ) -> impl Iterator<Item = &'a Field> + use<'a> {
        let few = match fields.len() {
            ..=MAX_SEARCHED => fields,
            _ => &[],
        };
        let unnamed = self.0.partition_point(|(own, _)| *own == 0);
        let (unnamed, named) = self.0.split_at(unnamed);
        let wanted = hash(name);
        let first = named.partition_point(|(own, _)| *own < wanted);
        let mut alike = named
            .iter()
            .skip(first)
            .take_while(move |(own, _)| *own == wanted);
        let found = alike.find(|(_, i)| field(fields, *i).and_then(Field::name) == Some(name));
        let before = unnamed.partition_point(|(_, i)| found.is_none_or(|(_, found)| i < found));
        let indexed = unnamed.iter().take(before).chain(found);
        few.iter()
            .chain(indexed.filter_map(|(_, i)| field(fields, *i)))
    }
}

fn field(fields: &[Field], i: u32) -> Option<&Field> {
    fields.get(usize::try_from(i).ok()?)
}

/// FNV-1a; never 0, which stands for no name.
fn hash(name: &str) -> u32 {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    name.bytes().fold(0x811c_9dc5, step).max(1)
}
