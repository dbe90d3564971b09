//! From the typed program to CLIF. Functions are C functions: how they are called, entered and left is
//! clif-cabi's work (`lower/call.rs`); all else here is an ordinary front end for Cranelift.
//!
//! A value is an SSA value if it is an integer, a pointer, a bool, an `f32` or an `f64`, and lives in memory
//! otherwise. A variable of the first kind is a Cranelift variable unless something points to it.

mod arith;
mod bits;
mod call;
mod expr;
mod function;
mod memory;
mod place;
mod stmt;

use crate::diag::Span;
use crate::typed::{Callee, Checked, FnId, Function, Origin};
use crate::types::{FnTy, Ty, TyKind, Types};
use cabi::{FnSig, Scalar, Type};
use clif_cabi::SysVAggregateLowering;
use cranelift_codegen::Context;
use cranelift_codegen::ir::{self, TrapCode};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_module::{DataDescription, DataId, FuncId, Linkage, Module};
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
        LowerError {
            span: None,
            message: message.to_string(),
        }
    }

    fn at(span: Span, message: impl fmt::Display) -> LowerError {
        LowerError {
            span: Some(span),
            message: message.to_string(),
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
    reserve: Option<StackReserve>,
    mut sink: impl FnMut(&mut M, Compiled) -> Lower<()>,
) -> Lower<Declared> {
    let lowering = SysVAggregateLowering::new(module.isa()).map_err(LowerError::new)?;
    let mut declared = Declared::new(lowering);
    declared.reserve = reserve;
    let mut queue: VecDeque<FnId> = VecDeque::new();
    for (at, function) in checked.functions.iter().enumerate() {
        if function.span.is_some() && matches!(function.origin, Origin::Toy(_)) {
            declared.wanted.insert(FnId(at));
            queue.push_back(FnId(at));
        }
    }
    let mut frontend = FunctionBuilderContext::new();
    while let Some(id) = queue.pop_front() {
        let Some(function) = checked.functions.get(id.0) else {
            continue;
        };
        let Origin::Toy(body) = &function.origin else {
            continue;
        };
        let func = declared.function(checked, module, id)?;
        let mut context = module.make_context();
        function::lower(
            checked,
            function,
            body,
            module,
            &mut declared,
            &mut context,
            &mut frontend,
        )
        .map_err(|error| LowerError {
            span: error.span.or(function.span),
            ..error
        })?;
        for needed in declared.newly_wanted.drain(..) {
            queue.push_back(needed);
        }
        sink(module, Compiled { id, func, context })?;
    }
    Ok(declared)
}

/// What the module knows of the program.
pub(crate) struct Declared {
    pub(crate) lowering: SysVAggregateLowering,
    /// None: the stack is not checked.
    reserve: Option<StackReserve>,
    functions: HashMap<FnId, FuncId>,
    /// By symbol: two declarations of one function are one import. The first one's place, if it is the program's.
    imports: HashMap<Rc<str>, (FuncId, FnSig, Option<Span>)>,
    strings: HashMap<Rc<[u8]>, DataId>,
    /// Functions of the prelude and of the program that are compiled or will be.
    wanted: HashSet<FnId>,
    newly_wanted: Vec<FnId>,
}

impl Declared {
    fn new(lowering: SysVAggregateLowering) -> Declared {
        Declared {
            lowering,
            reserve: None,
            functions: HashMap::new(),
            imports: HashMap::new(),
            strings: HashMap::new(),
            wanted: HashSet::new(),
            newly_wanted: Vec::new(),
        }
    }

    /// The module's number of a function, which is declared when first needed.
    pub(crate) fn function<M: Module>(
        &mut self,
        checked: &Checked,
        module: &mut M,
        id: FnId,
    ) -> Lower<FuncId> {
        if let Some(&func) = self.functions.get(&id) {
            return Ok(func);
        }
        let Some(function) = checked.functions.get(id.0) else {
            return Err(LowerError::new("a function that does not exist is called"));
        };
        let wrong = |error: &dyn fmt::Display| LowerError {
            span: function.span,
            message: error.to_string(),
        };
        let sig = signature(&checked.types, function).map_err(|error| wrong(&error.message))?;
        let func = match &function.origin {
            Origin::Toy(_) => {
                if self.wanted.insert(id) {
                    self.newly_wanted.push(id);
                }
                // The dot keeps the program's names apart from those of C.
                let name = format!("toy.{}", function.name);
                let plan = self
                    .lowering
                    .entry_plan(&sig)
                    .map_err(|error| wrong(&error))?;
                module
                    .declare_function(&name, Linkage::Local, plan.signature())
                    .map_err(|error| wrong(&error))?
            }
            Origin::Extern { symbol, .. } => match self.imports.get(symbol) {
                Some((func, same, _)) if *same == sig => *func,
                Some((_, _, first)) => {
                    let message = format!(
                        "`{}` is declared with another signature than the language's own",
                        function.name
                    );
                    // One of both is the prelude's, whose places mean nothing in the program.
                    let span = function.span.or(*first);
                    return Err(LowerError { span, message });
                }
                None => {
                    let imported = self.lowering.declare_import(module, symbol, &sig);
                    let func = imported.map_err(|error| wrong(&error))?.id;
                    let import = (func, sig, function.span);
                    self.imports.insert(Rc::clone(symbol), import);
                    func
                }
            },
        };
        self.functions.insert(id, func);
        Ok(func)
    }

    /// Functions that were imported.
    pub(crate) fn imported<'c>(&self, checked: &'c Checked) -> Vec<&'c Function> {
        let mut ids: Vec<FnId> = self.functions.keys().copied().collect();
        ids.sort_by_key(|id| id.0);
        let functions = ids.iter().filter_map(|id| checked.functions.get(id.0));
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

/// The C signature of a function.
pub(crate) fn signature(types: &Types, function: &Function) -> Lower<FnSig> {
    let Some(ty) = types.as_fn(function.ty) else {
        return Err(LowerError::new(format!(
            "`{}` is no function",
            function.name
        )));
    };
    fn_signature(types, &ty)
}

/// The C signature of a function type.
pub(crate) fn fn_signature(types: &Types, ty: &FnTy) -> Lower<FnSig> {
    let object = |ty: Ty| match types.layout(ty) {
        Some(layout) => Ok(layout.clone()),
        None => Err(LowerError::new(format!(
            "`{}` is not complete",
            types.name(ty)
        ))),
    };
    let params = ty
        .params
        .iter()
        .map(|&param| object(param))
        .collect::<Lower<Vec<Type>>>()?;
    let sig = match ty.result {
        Ty::VOID => FnSig::new(params, Type::VOID),
        Ty::NEVER => FnSig::new(params, Type::VOID).noreturn(),
        result => FnSig::new(params, object(result)?),
    };
    Ok(if ty.variadic { sig.variadic() } else { sig })
}

/// The C signature of one call: unnamed arguments included.
pub(crate) fn call_signature(checked: &Checked, callee: &Callee, args: &[Ty]) -> Lower<FnSig> {
    let ty = match callee {
        Callee::Direct(id) => checked
            .functions
            .get(id.0)
            .map_or(Ty::ERROR, |function| function.ty),
        Callee::Indirect(pointer) => pointer.ty,
    };
    let Some(ty) = checked.types.as_fn(ty) else {
        return Err(LowerError::new("what is no function is called"));
    };
    let sig = fn_signature(&checked.types, &ty)?;
    if !ty.variadic {
        return Ok(sig);
    }
    let unnamed = args
        .iter()
        .skip(ty.params.len())
        .filter_map(|&arg| checked.types.layout(arg).cloned());
    sig.at_call(unnamed).map_err(LowerError::new)
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
