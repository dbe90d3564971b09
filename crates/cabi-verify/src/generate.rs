//! Random signatures as C text, for differential runs against compilers.
//!
//! A seed and an index give one signature on any machine: the numbers come from `random`, and no
//! property of the host is used. Signatures are weighted towards properties that compilers and ABIs
//! find hard. These are sizes around the eightbyte limits, registers nearly used up, bit-fields,
//! packing, explicit alignments, floats of two bytes, and small records in arrays.
//!
//! A [`CSignature`] is a tree, not text, so that [`CSignature::smaller`] can take parts away.
//! [`CSignature::block`] prints it as a block of the `.abi` corpus, and `cabi` builds its types as
//! it is printed. The compiler decides whether a type is legal C.

pub mod argument_positions;
mod draw;
mod for_machine;
mod for_zig;
mod print;
mod random;
mod rare;
mod shrink;
#[cfg(test)]
mod tests;
mod types;

pub use draw::{signature, signature_from};
pub use for_machine::{Absent, boundaries_for_machine, signature_for_machine, states_for_machine};
pub use for_zig::signature_for_zig;
pub use print::CDeclarations;
pub use random::Random;
pub(crate) use rare::add_rare;
pub(crate) use shrink::smallest;

/// Features of C that a compiler supports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dialect {
    /// `_BitInt(N)`.
    pub bit_int: bool,
    /// `__bf16`.
    pub bf16: bool,
    /// `_Decimal32`, `_Decimal64`, `_Decimal128`.
    pub decimal: bool,
    /// `ext_vector_type`: vectors of three lanes and of bools.
    pub ext_vector: bool,
    /// Vectors of one `__int128`, of which gcc loses half inside a record.
    pub one_int128: bool,
    /// Functions of Win64, all of them.
    pub ms_abi: bool,
    /// Registers for vectors of 32 bytes, and many such parameters of variadic functions. Compilers
    /// count and pass these parameters each in its own way.
    pub wide_vectors: bool,
}

impl Dialect {
    /// Features that gcc 12 and clang 19 both have.
    pub const COMMON: Self = Self {
        bit_int: false,
        bf16: false,
        decimal: false,
        ext_vector: false,
        one_int128: false,
        ms_abi: false,
        wide_vectors: false,
    };
    /// gcc 12.
    pub const GCC: Self = Self {
        decimal: true,
        ..Self::COMMON
    };
    /// clang 19.
    pub const CLANG: Self = Self {
        bit_int: true,
        bf16: true,
        ext_vector: true,
        one_int128: true,
        ..Self::COMMON
    };
    /// Every feature that some compiler has.
    pub const EVERYTHING: Self = Self {
        decimal: true,
        ..Self::CLANG
    };
}

/// Type of a function; for a variadic one, of a call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CSignature {
    /// The result, if there is one.
    pub ret: Option<CType>,
    /// The named parameters.
    pub params: Vec<CType>,
    /// The unnamed arguments of a variadic function.
    pub unnamed: Option<Vec<CType>>,
    /// `true` if the function is one of Win64, by `__attribute__((ms_abi))`.
    pub ms_abi: bool,
}

/// A type of C.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum CType {
    /// A name of keywords: `unsigned long`, `_Complex float`, `void *`; and `_Complex __float128`,
    /// which C spells otherwise.
    Name(&'static str),
    /// A pointer to a function.
    Function,
    /// An enumeration with this as its one value.
    Enum(&'static str),
    /// The same with the attribute `packed`.
    PackedEnum(&'static str),
    /// `_BitInt(bits)`.
    BitInt {
        /// Width in bits.
        bits: u16,
        /// `true` if it is signed.
        signed: bool,
    },
    /// A vector by `vector_size`.
    Vector {
        /// The lanes' type.
        lane: &'static str,
        /// All bytes.
        bytes: u32,
    },
    /// A vector by `ext_vector_type`.
    ExtVector {
        /// The lanes' type.
        lane: &'static str,
        /// Number of them.
        lanes: u32,
    },
    /// An array by a typedef, only in a member.
    Array(Box<CType>, u32),
    /// `_Atomic`.
    Atomic(Box<CType>),
    /// A typedef with an `aligned` attribute, which can lower an alignment too.
    Aligned(Box<CType>, u32),
    /// A structure or union.
    Record(Box<CRecord>),
}

/// A structure or union.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct CRecord {
    /// `true` if it is a union.
    pub is_union: bool,
    /// In order.
    pub members: Vec<CMember>,
    /// `packed` on the record.
    pub packed: bool,
    /// `aligned` on the record.
    pub aligned: Option<u32>,
    /// `#pragma pack` around it.
    pub pack: Option<u32>,
    /// `ms_struct` on the record.
    pub ms_struct: bool,
    /// `transparent_union` on the union.
    pub transparent: bool,
}

/// A member.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CMember {
    /// Its declaration.
    pub form: Form,
    /// `packed` on the member.
    pub packed: bool,
    /// `aligned` on the member.
    pub aligned: Option<u32>,
}

/// Declaration of a member.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Form {
    /// `type name[..][..]`.
    Plain {
        /// The type; for an array, that of the elements.
        ty: CType,
        /// Lengths, none if it is no array.
        lengths: Vec<u32>,
    },
    /// `type name[]`.
    Flexible(CType),
    /// A bit-field.
    Bits {
        /// The declared type.
        ty: CType,
        /// Bits.
        width: u16,
        /// `true` if it has a name.
        named: bool,
    },
    /// A record without tag and name.
    Anonymous(CRecord),
}

impl CSignature {
    /// Makes a function without parameters that returns a `ty`.
    pub fn returning(ty: &CType) -> Self {
        Self {
            ret: Some(ty.clone()),
            ..Self::default()
        }
    }

    /// Returns the types of all its values.
    pub fn types_mut(&mut self) -> impl Iterator<Item = &mut CType> {
        let types = self.ret.iter_mut().chain(&mut self.params);
        types.chain(self.unnamed.iter_mut().flatten())
    }
}

impl CType {
    /// Makes a structure of these members.
    pub fn structure(members: impl IntoIterator<Item = Form>) -> Self {
        CRecord::of(members).into()
    }

    /// Makes a union of these members.
    pub fn union(members: impl IntoIterator<Item = Form>) -> Self {
        let is_union = true;
        let record = CRecord::of(members);
        CRecord { is_union, ..record }.into()
    }

    /// Applies `change` to the type, and then to all parts of the changed type.
    pub fn visit(&mut self, change: &mut dyn FnMut(Node<'_>)) {
        change(Node::Type(self));
        match self {
            Self::Array(inner, _) | Self::Atomic(inner) | Self::Aligned(inner, _) => {
                inner.visit(change);
            }
            Self::Record(record) => record.visit(change),
            _ => {}
        }
    }
}

/// A part of a type.
pub enum Node<'t> {
    /// A type, the whole one too.
    Type(&'t mut CType),
    /// A record, also one without tag and name.
    Record(&'t mut CRecord),
    /// A member.
    Member(&'t mut CMember),
}

impl CRecord {
    /// Makes a structure of these members, without attributes.
    pub fn of(members: impl IntoIterator<Item = Form>) -> Self {
        Self {
            members: members.into_iter().map(CMember::of).collect(),
            ..Self::default()
        }
    }

    fn visit(&mut self, change: &mut dyn FnMut(Node<'_>)) {
        change(Node::Record(self));
        for member in &mut self.members {
            change(Node::Member(member));
            match &mut member.form {
                Form::Plain { ty, .. } | Form::Flexible(ty) | Form::Bits { ty, .. } => {
                    ty.visit(change);
                }
                Form::Anonymous(record) => record.visit(change),
            }
        }
    }
}

impl Form {
    /// Makes a member that is no array.
    pub fn plain(ty: CType) -> Self {
        Self::array(ty, &[])
    }

    /// Makes a member that is an array of arrays of these lengths.
    pub fn array(ty: CType, lengths: &[u32]) -> Self {
        let lengths = lengths.to_vec();
        Self::Plain { ty, lengths }
    }
}

impl From<CRecord> for CType {
    fn from(record: CRecord) -> Self {
        Self::Record(Box::new(record))
    }
}

impl From<&'static str> for CType {
    /// Makes the type that keywords spell.
    fn from(name: &'static str) -> Self {
        Self::Name(name)
    }
}

impl CMember {
    /// Makes a member declared as `form`, without attributes.
    pub fn of(form: Form) -> Self {
        Self {
            form,
            packed: false,
            aligned: None,
        }
    }
}
