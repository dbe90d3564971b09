//! A signature in, the place of every piece out. [`FnAbi`] is computed once and then only read: by callers, callees, explanations, tests.

use alloc::string::ToString;
use core::fmt;

use smallvec::SmallVec;

use crate::assign::{Assigner, MAX_AREA, NoPlace, TOO_MUCH_STACK};
use crate::error::Error;
use crate::explain::Tracer;
use crate::reg::{Bank, Reg};
use crate::rules::{ArgFlags, Classify, Convention, Group, GroupKind, Part, PartType, Role, Rule};
use crate::sig::{FnSig, Param};
use crate::target::Target;
use crate::types::{Kind, Type, check_align};

/// Where a part is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Loc {
    /// In a register.
    Reg(Reg),
    /// In both registers, the same bits.
    Both(Reg, Reg),
    /// In the argument area, bytes from its start.
    Stack(u64),
}

/// A part with its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PlacedPart {
    /// Which bytes of the object it holds, and how.
    pub part: Part,
    /// Where it is.
    pub loc: Loc,
}

/// The parts of one value with their places.
pub type Placed = SmallVec<[PlacedPart; 2]>;

/// Where a value travels.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Place {
    /// Nowhere: nothing of it travels.
    Ignore,
    /// Part by part.
    Parts(Placed),
    /// As a whole in the argument area.
    Stack {
        /// Bytes from the start of the area.
        offset: u64,
        /// Bytes of the value; the slots behind it are padding.
        size: u64,
        /// Bytes; the offset is a multiple of it.
        align: u32,
    },
    /// In a copy of the caller's, whose address travels.
    Indirect {
        /// Where the address is.
        pointer: Loc,
        /// Bytes of the copy.
        size: u64,
        /// Alignment the caller gives the copy, in bytes.
        align: u32,
    },
    /// A vector of bools, one location per lane: first the registers, then slots.
    PerElement {
        /// Number of lanes.
        lanes: u16,
        /// The registers of the first lanes.
        regs: &'static [Reg],
        /// Bytes from the start of the area to the slot of the next lane.
        offset: u64,
        /// Bytes from one slot to the next.
        slot: u32,
    },
}

/// An argument and its place.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ArgAbi {
    /// Where it travels.
    pub place: Place,
    /// Whether a parameter names it.
    pub named: bool,
}

/// What becomes of the result.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RetAbi {
    /// There is none.
    Void,
    /// The call never returns, and nothing is passed for a result.
    NoReturn,
    /// There is one, but nothing of it travels.
    Ignore,
    /// Part by part, in registers or after the arguments.
    Parts(Placed),
    /// As a whole in the argument area, after the arguments.
    Stack {
        /// Bytes from the start of the area.
        offset: u64,
        /// Bytes of the value.
        size: u64,
        /// Bytes; the offset is a multiple of it.
        align: u32,
    },
    /// Through a hidden pointer (sret). It is passed even to a function that never returns: the arguments behind it are where they would be
    /// otherwise.
    Indirect {
        /// Where the caller passes the pointer.
        pointer: Loc,
        /// The register in which the callee hands it back.
        echo: Option<Reg>,
    },
}

/// Where everything in a call is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FnAbi {
    /// One per parameter.
    pub args: SmallVec<[ArgAbi; 8]>,
    /// The result.
    pub ret: RetAbi,
    /// Bytes of the argument area, shadow space and a result on the stack included; a multiple of the slot.
    pub area_bytes: u64,
    /// Alignment of the argument area, in bytes: the stack pointer's where the call is made.
    pub area_align: u32,
    /// How many integer registers the arguments use up, those taken as shadows included.
    pub n_gp: u8,
    /// How many vector registers the arguments use up, those taken as shadows included.
    pub n_sse: u8,
    /// The register in which the caller states `n_sse`, if this is a call of a variadic function.
    pub variadic_count: Option<Reg>,
    /// The convention.
    pub convention: &'static Convention,
}

impl FnAbi {
    /// Where everything in a call of `sig` is, on `target`. Does not allocate for up to eight arguments.
    ///
    /// # Errors
    /// [`Error::DataModel`] for a type that was laid out for another data model than the target's and would be laid out otherwise for it,
    /// [`Error::Unsupported`] for a type the convention has no place for, [`Error::NoKnownRule`] for one the policy's compiler places by none,
    /// [`Error::InvalidSignature`] for what is no signature of C, [`Error::InvalidAlign`] for a stack alignment that is none, [`Error::StackAlign`] for one
    /// below the convention's.
    ///
    /// # Example
    /// ```
    /// use cabi::{DataModel, FnAbi, FnSig, RecordBuilder, Target, Type};
    ///
    /// let pair = RecordBuilder::structure("pair").field("x", Type::F64).field("n", Type::I64).build(&DataModel::LP64)?;
    /// let abi = FnAbi::new(&FnSig::new([pair.clone()], pair), &Target::X86_64_LINUX)?;
    /// assert_eq!(abi.args[0].place.to_string(), "xmm0 rdi");
    /// assert_eq!(abi.ret.to_string(), "xmm0 rax");
    ///
    /// let refused = FnAbi::new(&FnSig::new([Type::VOID], Type::I32), &Target::X86_64_LINUX);
    /// assert_eq!(refused.unwrap_err().to_string(), "void: an argument needs a complete object type (x86_64-unknown-linux-gnu)");
    /// # Ok::<(), cabi::Error>(())
    /// ```
    pub fn new(sig: &FnSig, target: &Target) -> Result<Self, Error> {
        Self::traced(sig, target, &mut Tracer::off())
    }

    pub(crate) fn traced(
        sig: &FnSig,
        target: &Target,
        tracer: &mut Tracer<'_>,
    ) -> Result<Self, Error> {
        let convention = convention_of(sig, target)?;
        let stack_align = stack_align(sig, convention)?;
        let pointer = match target.data_model().pointer {
            ..=4 => PartType::I32,
            _ => PartType::I64,
        };
        let mut walk = Walk {
            sig,
            target,
            convention,
            assigner: Assigner::new(convention, sig.variadic, pointer, tracer),
            args: SmallVec::new(),
            result_area: (0, 1),
        };
        let mut ret = walk.result()?;
        walk.args.reserve(sig.params.len());
        for (i, param) in sig.params.iter().enumerate() {
            walk.argument(param, i < sig.n_named)?;
        }
        let (area_bytes, area_align) = walk.close_area(&mut ret)?;
        let Walk { assigner, args, .. } = walk;
        Ok(Self {
            args,
            ret,
            area_bytes,
            area_align: area_align.max(stack_align),
            n_gp: assigner.state.count(Bank::Int),
            n_sse: assigner.state.count(Bank::Vector),
            variadic_count: convention.variadic_count.filter(|_| sig.variadic),
            convention,
        })
    }

    /// The classes and parts of a value of type `ty` in a function like `sig`, before any register is counted: what `va_arg` asks, for one.
    /// Arrays and functions are classified as the pointers that they are as arguments.
    ///
    /// # Errors
    /// [`Error`] for what the convention has no place for, `void` and types of another data model.
    ///
    /// # Example
    /// ```
    /// use cabi::rules::Role;
    /// use cabi::{Class, DataModel, FnAbi, FnSig, RecordBuilder, Target, Type};
    ///
    /// let pair = RecordBuilder::structure("pair").field("x", Type::F64).field("n", Type::I64).build(&DataModel::LP64)?;
    /// let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    /// let group = FnAbi::classify(&printf, &pair, Role::Unnamed, &Target::X86_64_LINUX)?;
    /// let classes: Vec<Class> = group.parts.iter().map(|part| part.class).collect();
    /// assert_eq!(classes, [Class::Sse, Class::Integer]);
    /// # Ok::<(), cabi::Error>(())
    /// ```
    pub fn classify(sig: &FnSig, ty: &Type, role: Role, target: &Target) -> Result<Group, Error> {
        let convention = convention_of(sig, target)?;
        target.check(ty)?;
        let model = target.data_model();
        let ty = &match role {
            Role::Result => ty.clone(),
            Role::Named | Role::Unnamed => model.decay(ty),
        };
        if !ty.is_object() || matches!(ty.kind(), Kind::Array(_)) {
            return Err(Error::Unsupported {
                ty: ty.to_string(),
                why: "a value needs a complete object type, and is no array",
                target: target.name().into(),
            });
        }
        let mut tracer = Tracer::off();
        (convention.classify)(ty, &mut Classify::new(sig, model, role, &mut tracer))
    }

    /// Whether a result of `sig`'s type has a place of its own, in registers or after the arguments; otherwise it needs a hidden pointer.
    ///
    /// # Errors
    /// As [`FnAbi::new`].
    pub fn return_fits(sig: &FnSig, target: &Target) -> Result<bool, Error> {
        let only_result = FnSig {
            params: SmallVec::new(),
            n_named: 0,
            ..sig.clone()
        };
        Ok(!matches!(
            Self::new(&only_result, target)?.ret,
            RetAbi::Indirect { .. }
        ))
    }
}

/// The convention of `sig`, its own or the target's.
fn convention_of(sig: &FnSig, target: &Target) -> Result<&'static Convention, Error> {
    let unknown = || Error::UnknownTarget {
        target: target.name().into(),
    };
    sig.convention.or(target.convention()).ok_or_else(unknown)
}

/// The alignment of the stack at calls of `sig`, in bytes.
fn stack_align(sig: &FnSig, convention: &Convention) -> Result<u32, Error> {
    let least = check_align(convention.stack_align)?;
    match sig.stack_align {
        None => Ok(least),
        Some(align) if check_align(align)? >= least => Ok(align),
        Some(align) => Err(Error::StackAlign {
            align,
            least,
            convention: convention.name,
        }),
    }
}

/// One signature on its way through its convention.
struct Walk<'a, 't, 'v> {
    sig: &'a FnSig,
    target: &'a Target,
    convention: &'static Convention,
    assigner: Assigner<'t, 'v>,
    args: SmallVec<[ArgAbi; 8]>,
    /// Bytes and alignment of what the result takes of the stack.
    result_area: (u64, u32),
}

impl Walk<'_, '_, '_> {
    /// Classifies a value and places it by `rules`; `None` if none of them has a place for it.
    fn place(
        &mut self,
        ty: &Type,
        role: Role,
        flags: ArgFlags,
        rules: &'static [Rule],
    ) -> Result<Option<Place>, Error> {
        let model = self.target.data_model();
        let mut cx = Classify::new(self.sig, model, role, self.assigner.tracer);
        // By reference: a group is too large to move about.
        match (self.convention.classify)(ty, &mut cx) {
            Ok(ref mut group) => {
                cx.tracer.group(group);
                group.flags = group.flags.and(flags);
                if group.flags.has(ArgFlags::BYVAL) && group.kind != GroupKind::Ignore {
                    group.kind = GroupKind::Memory;
                }
                let place = self.assigner.place(rules, group, role);
                place.map_err(|why| self.no_place(ty, &why))
            }
            Err(error) => Err(error),
        }
    }

    #[cold]
    fn no_place(&self, ty: &Type, why: &NoPlace) -> Error {
        match *why {
            NoPlace::Rules(why) => self.unsupported(ty, why),
            NoPlace::NoKnownRule(why) => Error::NoKnownRule {
                ty: ty.to_string(),
                why,
                target: self.target.name().into(),
            },
        }
    }

    #[cold]
    fn unsupported(&self, ty: &Type, why: &'static str) -> Error {
        Error::Unsupported {
            ty: ty.to_string(),
            why,
            target: self.target.name().into(),
        }
    }

    /// The result's place. A hidden pointer takes its register before any argument does.
    fn result(&mut self) -> Result<RetAbi, Error> {
        self.assigner.tracer.begin_result();
        let ty = &self.sig.result;
        self.target.check(ty)?;
        let noreturn = self.sig.noreturn;
        match ty.kind() {
            Kind::Void if noreturn => return Ok(RetAbi::NoReturn),
            Kind::Void => return Ok(RetAbi::Void),
            Kind::Function | Kind::Array(_) => {
                return Err(self.unsupported(ty, "a function cannot return this"));
            }
            _ => {}
        }
        let before = self.assigner.state;
        self.assigner.state = before.for_result();
        let rules = self.convention.results;
        let place = self.place(ty, Role::Result, ArgFlags::NONE, rules)?;
        // Results have registers of their own.
        let after = core::mem::replace(&mut self.assigner.state, before);
        match place {
            Some(Place::Ignore | Place::Parts(_) | Place::Stack { .. }) if noreturn => {
                Ok(RetAbi::NoReturn)
            }
            Some(Place::Ignore) => Ok(RetAbi::Ignore),
            Some(Place::Parts(parts)) => {
                self.result_area = after.area();
                Ok(RetAbi::Parts(parts))
            }
            Some(Place::Stack {
                offset,
                size,
                align,
            }) => {
                self.result_area = after.area();
                Ok(RetAbi::Stack {
                    offset,
                    size,
                    align,
                })
            }
            Some(Place::PerElement { .. }) => {
                let why = "no rule says how a result is returned lane by lane";
                Err(self.unsupported(ty, why))
            }
            Some(Place::Indirect { .. }) | None => {
                let pointer = self.sret()?;
                self.assigner.state.miscount_as(after);
                Ok(pointer)
            }
        }
    }

    /// The place of the hidden pointer to a result that finds no registers.
    fn sret(&mut self) -> Result<RetAbi, Error> {
        self.assigner
            .tracer
            .note("no registers for the result: the caller passes a pointer (sret)");
        let place = self.assigner.place_sret(self.convention.args);
        match place.map_err(|why| self.no_place(&self.sig.result, &why))? {
            Some(pointer) => Ok(RetAbi::Indirect {
                pointer,
                echo: self.convention.sret_echo,
            }),
            None => {
                let why = "the convention has no place for the pointer to the result";
                Err(self.unsupported(&self.sig.result, why))
            }
        }
    }

    /// Bytes and alignment of the argument area. What `ret` has of the stack is moved to where it lies, after the arguments.
    fn close_area(&self, ret: &mut RetAbi) -> Result<(u64, u32), Error> {
        let (mut bytes, mut align) = self.assigner.state.area();
        let (result_bytes, result_align) = self.result_area;
        let slot = u64::from(self.convention.slot.max(1));
        if result_bytes > 0 {
            let start = bytes.next_multiple_of(slot.max(u64::from(result_align)));
            ret.move_by(start);
            bytes = start + result_bytes;
            align = align.max(result_align);
        }
        if bytes == 0 {
            // What has no bytes asks for no alignment of an area without bytes.
            align = self.convention.stack_align;
        }
        if bytes > MAX_AREA.max(u64::from(self.convention.shadow_space)) {
            return Err(self.unsupported(&self.sig.result, TOO_MUCH_STACK));
        }
        Ok((bytes.next_multiple_of(slot), align))
    }

    /// Places the next argument.
    fn argument(&mut self, param: &Param, named: bool) -> Result<(), Error> {
        self.assigner.tracer.begin_arg();
        self.target.check(&param.ty)?;
        let decayed;
        let ty = match param.ty.kind() {
            Kind::Array(_) | Kind::Function => {
                decayed = self.target.data_model().decay(&param.ty);
                &decayed
            }
            Kind::Void => {
                return Err(self.unsupported(&param.ty, "an argument needs a complete object type"));
            }
            // An argument without a parameter is a value, and no value is atomic.
            _ if !named && param.ty.is_atomic() => {
                decayed = param.ty.non_atomic();
                &decayed
            }
            _ => &param.ty,
        };
        let role = if named { Role::Named } else { Role::Unnamed };
        match self.place(ty, role, param.flags, self.convention.args) {
            Ok(Some(place)) => {
                self.args.push(ArgAbi { place, named });
                Ok(())
            }
            Ok(None) => Err(self.unsupported(ty, "no rule of the convention has a place for it")),
            Err(error) => Err(error),
        }
    }
}

impl Place {
    /// Where the one part of a pointer is; `None` if this is no place for a pointer.
    pub(crate) fn as_pointer(&self) -> Option<Loc> {
        match self {
            Self::Parts(parts) => match &parts[..] {
                [part] => Some(part.loc),
                _ => None,
            },
            Self::Stack { offset, .. } => Some(Loc::Stack(*offset)),
            _ => None,
        }
    }

    /// Whether all of it that is on the stack lies in an argument area of `area` bytes.
    pub(crate) fn is_inside(&self, area: u64) -> bool {
        let ends_inside = |offset: u64, bytes: u64| {
            let end = offset.checked_add(bytes);
            end.is_some_and(|end| end <= area)
        };
        let loc = |loc: &Loc, bytes: u64| match loc {
            Loc::Stack(offset) => ends_inside(*offset, bytes),
            _ => true,
        };
        match self {
            Self::Ignore => true,
            Self::Parts(parts) => parts
                .iter()
                .all(|placed| loc(&placed.loc, u64::from(placed.part.size))),
            Self::Stack { offset, size, .. } => ends_inside(*offset, *size),
            Self::Indirect { pointer, .. } => loc(pointer, 1),
            Self::PerElement {
                lanes,
                regs,
                offset,
                slot,
            } => {
                let left = u64::from(*lanes).saturating_sub(regs.len() as u64);
                left == 0 || ends_inside(*offset, left * u64::from(*slot))
            }
        }
    }
}

impl RetAbi {
    /// Moves what is on the stack `bytes` bytes up.
    fn move_by(&mut self, bytes: u64) {
        match self {
            Self::Parts(parts) => {
                for placed in parts {
                    if let Loc::Stack(offset) = &mut placed.loc {
                        *offset += bytes;
                    }
                }
            }
            Self::Stack { offset, .. } => *offset += bytes,
            _ => {}
        }
    }
}

impl fmt::Display for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reg(reg) => reg.fmt(f),
            Self::Both(a, b) => write!(f, "{a}+{b}"),
            Self::Stack(offset) => write!(f, "stack {offset}"),
        }
    }
}

fn write_parts(f: &mut fmt::Formatter<'_>, parts: &[PlacedPart]) -> fmt::Result {
    parts
        .iter()
        .enumerate()
        .try_for_each(|(i, placed)| write!(f, "{}{}", if i == 0 { "" } else { " " }, placed.loc))
}

fn write_area(f: &mut fmt::Formatter<'_>, offset: u64, size: u64, align: u32) -> fmt::Result {
    let end = offset.saturating_add(size);
    write!(f, "stack {offset}..{end} align {align}")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignore => f.write_str("nothing"),
            Self::Parts(parts) => write_parts(f, parts),
            Self::Stack {
                offset,
                size,
                align,
            } => write_area(f, *offset, *size, *align),
            Self::Indirect { pointer, align, .. } => {
                write!(f, "{pointer}, pointer to a copy aligned {align}")
            }
            Self::PerElement {
                lanes,
                regs,
                offset,
                slot,
            } => {
                f.write_str("lanes")?;
                regs.iter().try_for_each(|reg| write!(f, " {reg}"))?;
                let left = u64::from(*lanes).saturating_sub(regs.len() as u64);
                if left > 0 {
                    let end = offset.saturating_add(left * u64::from(*slot));
                    write!(f, " stack {offset}..{end}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for RetAbi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Void => f.write_str("void"),
            Self::NoReturn => f.write_str("never"),
            Self::Ignore => f.write_str("nothing"),
            Self::Parts(parts) => write_parts(f, parts),
            Self::Stack {
                offset,
                size,
                align,
            } => write_area(f, *offset, *size, *align),
            Self::Indirect {
                pointer,
                echo: Some(echo),
            } => {
                write!(f, "sret {pointer}, echoed in {echo}")
            }
            Self::Indirect {
                pointer,
                echo: None,
            } => write!(f, "sret {pointer}"),
        }
    }
}
