//! From the typed program to CLIF. Functions are C functions, or of the language's own convention where C has no pointer to them: how they are called
//! is in `lower/call.rs`, how they take their arguments and return in `lower/function.rs`, both by clif-cabi. All else here is an ordinary front end for Cranelift.
//!
//! A value is an SSA value if it is an integer, a pointer, a bool, an `f32` or an `f64`, several of them if it is an aggregate of a few of these (`lower/fields.rs`),
//! and lives in memory otherwise. A variable of the first two kinds is Cranelift variables unless something points to it.

mod arith;
mod bits;
mod call;
mod expr;
mod fields;
mod function;
mod memory;
mod place;
mod signature;
mod stmt;
mod value;
mod variable;

pub(crate) use signature::{call_signature, signature};

use crate::diag::Span;
use crate::typed::{Checked, FnId, Function, Origin};
use crate::types::{Ty, TyKind, Types};
use cabi::Scalar;
use clif_cabi::Lowering;
use cranelift_codegen::Context;
use cranelift_codegen::ir::{self, TrapCode};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{DataDescription, DataId, FuncId, Module};
use fields::Field;
use function::FnLowerer;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::rc::Rc;

/// Why a checked program cannot be compiled: a limit of the ABI or of Cranelift, or something amiss in the
/// module.
#[derive(Debug)]
pub(crate) struct LowerError {
    /// Where in the program, if it is the program's doing.
    pub(crate) span: Option<Span>,
    pub(crate) message: String,
}

impl LowerError {
    fn new(message: impl fmt::Display) -> LowerError {
        LowerError::at(None, message)
    }

    pub(crate) fn at(span: impl Into<Option<Span>>, message: impl fmt::Display) -> LowerError {
        LowerError {
            span: span.into(),
            message: message.to_string(),
        }
    }

    /// The same, with a place in the program if it has none.
    fn or_at(self, span: impl Into<Option<Span>>) -> LowerError {
        LowerError {
            span: self.span.or(span.into()),
            ..self
        }
    }
}

type Lower<T> = Result<T, LowerError>;

/// Control never gets here.
const UNREACHABLE: TrapCode = TrapCode::unwrap_user(1);
/// A call through a pointer that is null.
pub(crate) const NULL_CALL: TrapCode = TrapCode::unwrap_user(2);

/// The lowest addresses of the stack that programs run on: with less than that left, a function ends the program as it is entered.
#[derive(Clone, Copy)]
pub(crate) struct StackReserve {
    pub(crate) start: usize,
    pub(crate) size: usize,
}

/// A compiled function, before it is given to the module.
pub(crate) struct Compiled {
    pub(crate) id: FnId,
    pub(crate) func: FuncId,
    pub(crate) context: Context,
}

/// Lowers all functions of the program, and of the prelude what they need. `sink` takes each as it is done. Source locations in the code are
/// bytes of the program's text, in functions of the prelude of the prelude's.
pub(crate) fn lower<M: Module>(
    checked: &Checked,
    module: &mut M,
    (reserve, exports): (Option<StackReserve>, bool),
    mut sink: impl FnMut(&mut M, Compiled) -> Lower<()>,
) -> Lower<Declared> {
    let lowering = Lowering::new(module.isa()).map_err(LowerError::new)?;
    let mut declared = Declared {
        lowering,
        reserve,
        exports,
        functions: HashMap::new(),
        imports: HashMap::new(),
        strings: HashMap::new(),
        fields: HashMap::new(),
        wanted: HashSet::new(),
        newly_wanted: Vec::new(),
    };
    let mut queue: VecDeque<FnId> = VecDeque::new();
    for (at, function) in checked.functions.iter().enumerate() {
        if function.span.is_some() && matches!(function.origin, Origin::Toy(_)) {
            declared.wanted.insert(FnId(at));
            queue.push_back(FnId(at));
        }
    }
    let mut frontend = FunctionBuilderContext::new();
    while let Some(id) = queue.pop_front() {
        let function = &checked.functions[id.0];
        let Origin::Toy(body) = &function.origin else {
            continue;
        };
        let func = declared.function(checked, module, id)?.body;
        let mut context = module.make_context();
        let builder = FunctionBuilder::new(&mut context.func, &mut frontend);
        let lowered = FnLowerer::lower(checked, (function, body), module, &mut declared, builder);
        lowered.map_err(|error| error.or_at(function.span))?;
        queue.extend(declared.newly_wanted.drain(..));
        sink(module, Compiled { id, func, context })?;
    }
    Ok(declared)
}

/// What the module knows of the program.
pub(crate) struct Declared {
    pub(crate) lowering: Lowering,
    /// Whether C finds the program's C functions by their names, `main` among them.
    exports: bool,
    /// None: the stack is not checked.
    reserve: Option<StackReserve>,
    functions: HashMap<FnId, clif_cabi::Function>,
    /// By symbol: two declarations of one function are one import. The first one's place, if it is the program's.
    imports: HashMap<Rc<str>, (clif_cabi::Function, Option<Span>)>,
    strings: HashMap<Rc<[u8]>, DataId>,
    /// What `fields::fields` says of a type.
    fields: HashMap<Ty, Option<Rc<[Field]>>>,
    /// Functions of the prelude and of the program that are compiled or will be.
    wanted: HashSet<FnId>,
    newly_wanted: Vec<FnId>,
}

impl Declared {
    pub(crate) fn imported<'c>(&self, checked: &'c Checked) -> Vec<&'c Function> {
        let mut ids: Vec<FnId> = self.functions.keys().copied().collect();
        ids.sort_by_key(|id| id.0);
        let functions = ids.iter().map(|id| &checked.functions[id.0]);
        functions
            .filter(|function| matches!(function.origin, Origin::Extern { .. }))
            .collect()
    }

    fn string<M: Module>(&mut self, module: &mut M, bytes: &Rc<[u8]>) -> Lower<DataId> {
        if let Some(&data) = self.strings.get(bytes) {
            return Ok(data);
        }
        let data = module
            .declare_anonymous_data(false, false)
            .map_err(LowerError::new)?;
        let mut description = DataDescription::new();
        description.define(bytes.to_vec().into_boxed_slice());
        module
            .define_data(data, &description)
            .map_err(LowerError::new)?;
        self.strings.insert(Rc::clone(bytes), data);
        Ok(data)
    }
}

/// The CLIF type of what is an SSA value; None for what lives in memory, and for nothing at all.
fn ssa_type(types: &Types, ty: Ty) -> Option<ir::Type> {
    match types.kind(ty) {
        TyKind::Pointer(_) | TyKind::Fn(_) | TyKind::Null => Some(ir::types::I64),
        _ => match types.as_scalar(ty)? {
            Scalar::Bool => Some(ir::types::I8),
            Scalar::F32 => Some(ir::types::F32),
            Scalar::F64 => Some(ir::types::F64),
            Scalar::Int { bits, .. } => ir::Type::int(u16::from(bits)),
            Scalar::BitInt { bits, .. } if bits <= 128 => {
                ir::Type::int(bits.next_power_of_two().max(8))
            }
            _ => None,
        },
    }
}
