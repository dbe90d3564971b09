//! Blocks that are read through libclang: one [`Case`] per prototype.
//!
//! Engines run cases: the probe, calls in both directions. A case carries the types that `cabi`
//! works on, and their spelling for compilers.

use cabi::{Convention, FnAbi, FnSig, Kind, Policy, Profile, Target, Type, VectorLevel};
use cabi_header::{Header, NamedType, Prototype};

use crate::corpus::Block;

mod read;

pub(crate) use read::portable;

/// A block and its meaning.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The block.
    pub block: Block,
    /// Its declarations as libclang reads them.
    pub header: Header,
    /// The names that its text declares, if it shares files with other blocks.
    pub names: Vec<String>,
    /// The target.
    pub target: Target,
    /// One per prototype.
    pub cases: Vec<Case>,
}

/// One prototype of a block; of a variadic function, one call.
#[derive(Clone, Debug)]
pub struct Case {
    /// The block's name, and after a slash the function's where the block has several.
    pub name: String,
    /// The function, under its name in the code of both sides, with its types and their text.
    pub prototype: Prototype,
    /// The types of the unnamed arguments, before promotion.
    pub unnamed: Vec<Type>,
    /// Their text.
    pub unnamed_text: Vec<String>,
    /// The widest vectors passed in registers.
    pub vectors: VectorLevel,
    /// The target.
    pub target: Target,
}

/// C's spelling of a type, and the type.
pub type SpelledType = (String, Type);

/// Returns the C attribute of a prototype's convention, and a space: `ms_abi` is the only one
/// beside the target's own.
pub(crate) fn convention_attribute(convention: Option<&'static Convention>) -> &'static str {
    match convention {
        Some(_) => "__attribute__((ms_abi)) ",
        None => "",
    }
}

/// Returns the text between the parentheses of a function with these parameters.
pub(crate) fn parameter_list(params: &[String], is_variadic: bool) -> String {
    match (params.is_empty(), is_variadic) {
        (true, true) => "...".to_owned(),
        (true, false) => "void".to_owned(),
        (false, true) => params.join(", ") + ", ...",
        (false, false) => params.join(", "),
    }
}

/// Caller and callee of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    /// Cranelift's code calls C's.
    Call,
    /// C's code calls Cranelift's.
    Callee,
}

impl Direction {
    /// Call and callee.
    pub const ALL: [Self; 2] = [Self::Call, Self::Callee];

    /// Returns the direction in which the sides are the other way round.
    pub(crate) fn opposite(self) -> Self {
        match self {
            Self::Call => Self::Callee,
            Self::Callee => Self::Call,
        }
    }

    /// Returns its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Callee => "callee",
        }
    }
}

/// A case with the subject it belongs to.
pub type SubjectCase<'a> = (&'a Subject, &'a Case);

impl Subject {
    /// Returns types that a program has made, without cases: `code` declares the types of `named`
    /// for `target`.
    pub fn of_types(name: &str, target: &Target, code: String, named: Vec<(String, Type)>) -> Self {
        let block = Block {
            name: name.to_owned(),
            target: target.name().to_owned(),
            code,
            ..Block::default()
        };
        let mut header = Header::empty(target.name(), *target.data_model());
        for (spelled, ty) in named {
            let list = match spelled.split_once(' ') {
                Some(("struct" | "union", _)) => &mut header.records,
                Some(("enum", _)) => &mut header.enums,
                _ => &mut header.typedefs,
            };
            list.push(NamedType::new(&spelled, ty));
        }
        Self {
            block,
            header,
            names: Vec::new(),
            target: target.clone(),
            cases: Vec::new(),
        }
    }

    /// Returns cases for x86-64 Linux of which there is no text.
    pub fn of_cases(name: &str, cases: Vec<Case>) -> Self {
        Self {
            cases,
            ..Self::of_types(name, &Target::X86_64_LINUX, String::new(), Vec::new())
        }
    }
}

impl Case {
    /// Returns the case `name` of the function `symbol`, on x86-64 Linux. `convention` is given if
    /// it is not the target's own. For a variadic function, the case is a call with `unnamed`.
    pub fn of_spelled(
        (name, symbol): (&str, &str),
        convention: Option<&'static Convention>,
        (result, ret): SpelledType,
        params: Vec<SpelledType>,
        unnamed: Option<Vec<SpelledType>>,
    ) -> Self {
        let (texts, types) = params.into_iter().unzip();
        let mut prototype = Prototype::new(symbol, types, ret);
        (prototype.variadic, prototype.convention) = (unnamed.is_some(), convention);
        (prototype.spelled_ret, prototype.spelled_params) = (result, texts);
        let (unnamed_text, unnamed) = unnamed.into_iter().flatten().unzip();
        Self {
            name: name.to_owned(),
            vectors: prototype.vectors,
            prototype,
            unnamed,
            unnamed_text,
            target: Target::X86_64_LINUX,
        }
    }

    /// Returns the signature under a profile; for a variadic function, that of the call. Without a
    /// profile it is gcc's, as cases are of x86-64 Linux.
    ///
    /// # Errors
    /// [`cabi::Error`] if the unnamed arguments cannot be.
    pub fn sig(&self, profile: Option<Profile>) -> Result<FnSig, cabi::Error> {
        self.sig_under(profile.unwrap_or(Profile::GCC).policy())
    }

    /// Returns the signature under a policy.
    ///
    /// # Errors
    /// [`cabi::Error`] if the unnamed arguments cannot be.
    pub fn sig_under(&self, policy: Policy) -> Result<FnSig, cabi::Error> {
        let mut sig = self.prototype.signature().policy(policy);
        if self.prototype.variadic {
            sig = sig.at_call(self.unnamed.iter().cloned())?;
        }
        Ok(sig)
    }

    /// Returns the places of [`sig_under`](Self::sig_under).
    ///
    /// # Errors
    /// [`cabi::Error`] for what the convention has no place for.
    pub fn abi_under(&self, policy: Policy) -> Result<FnAbi, cabi::Error> {
        FnAbi::new(&self.sig_under(policy)?, &self.target)
    }

    /// Returns the text between the parentheses of the function.
    pub(crate) fn list(&self) -> String {
        parameter_list(&self.prototype.spelled_params, self.prototype.variadic)
    }

    /// Returns the function's prototype, on a line of its own.
    pub fn declaration(&self) -> String {
        let (own, list) = (&self.prototype, self.list());
        let attribute = convention_attribute(own.convention);
        format!("{attribute}{} {}({list});\n", own.spelled_ret, own.name)
    }

    /// Returns the types of all arguments of a call, before promotion.
    pub fn argument_types(&self) -> Vec<Type> {
        let types = self.prototype.params.iter().map(|(_, ty)| ty.clone());
        types.chain(self.unnamed.iter().cloned()).collect()
    }

    /// Checks whether a call returns a value.
    pub fn has_result(&self) -> bool {
        !self.prototype.noreturn && *self.prototype.ret.kind() != Kind::Void
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Reads the block with this text; `None`, with a message once, without libclang.
    pub(crate) fn subject(text: &str) -> Option<Subject> {
        match Subject::parse(&format!("== one\nproves: x\n{text}\n")) {
            Err(error) if error.is_missing_libclang => {
                crate::report::missing(&error.why);
                None
            }
            subject => Some(subject.unwrap()),
        }
    }
}
