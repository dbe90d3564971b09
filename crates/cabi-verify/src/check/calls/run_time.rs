//! Calls of signatures known at run time: an invoker calls C, and C calls a closure.

use cabi::{FnSig, promote};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi_jit::{Closure, ClosureArgs, Closures, Invoker, Invokers, VaArg};

use super::{CallCase, Direction, Fault, Harness, MEMORY};
use crate::emit::cranelift::CallVia;
use crate::run::guard::PageEnd;

/// Makers of the code of one direction; the cases of one process share one as a user would.
pub(super) enum Maker {
    /// Invokers as users have them, most of them stubs, and invokers that Cranelift compiles.
    Invokers(Box<[Invokers; 2]>),
    Closures(Box<Closures>),
}

/// Cranelift's side of a call.
pub(super) enum CraneliftSide {
    /// A shim that calls C.
    Shim(usize, CallVia, FuncId),
    /// A function that C calls, whose objects are at a side of their buffers.
    Function(usize, PageEnd, FuncId),
    Invoker(Invoker),
    Closure(Closure<'static>),
}

impl Maker {
    pub(super) fn new(harness: &Harness<'_>, direction: Direction) -> Result<Self, Fault> {
        let settings = harness.settings.clone().memory(MEMORY);
        Ok(match direction {
            Direction::Call => Self::Invokers(Box::new([
                Invokers::new(&settings)?,
                Invokers::new(&settings)?.without_stubs(),
            ])),
            Direction::Callee => Self::Closures(Box::new(Closures::new(&settings)?)),
        })
    }

    /// The codes for `plan`: none for a closure that must not return.
    pub(super) fn code(
        &mut self,
        harness: &Harness<'_>,
        plan: &CallCase,
    ) -> Result<Vec<CraneliftSide>, Fault> {
        let told = &plan.told;
        let closures = match self {
            Self::Invokers(invokers) => {
                let all = invokers.each_mut().map(|own| own.get(told));
                return all
                    .into_iter()
                    .map(|own| Ok(CraneliftSide::Invoker(own?)))
                    .collect();
            }
            Self::Closures(_) if told.is_noreturn() => return Ok(Vec::new()),
            Self::Closures(closures) => closures,
        };
        let (entered, va_args) = read_from_list(closures, told, plan.index)?;
        let [seen, given] = [harness.loaded.seen(), harness.loaded.given()].map(|at| at as usize);
        let offsets = plan.images.offsets.clone();
        let n_bytes = usize::try_from(told.result().size()).map_err(|error| error.to_string())?;
        let closure = closures
            .interface(&entered)?
            .closure("verified", move |args, result| {
                for (bytes, offset) in arguments(args, &va_args).iter().zip(&offsets) {
                    // SAFETY: the buffer of what was seen has room for the images of the case, and nobody else uses it during the call.
                    unsafe {
                        let to = (seen as *mut u8).add(*offset);
                        bytes.as_ptr().copy_to_nonoverlapping(to, bytes.len());
                    }
                }
                // SAFETY: the buffer of what is given back has room for the result of the case.
                let given = unsafe { core::slice::from_raw_parts(given as *const u8, n_bytes) };
                // C has compared what it was given back.
                result.set_bytes(given).unwrap_or_default();
            })?;
        Ok(vec![CraneliftSide::Closure(closure)])
    }
}

/// Returns how a closure of `told` is entered, and how it then reads its unnamed arguments one by
/// one. For every other case there are no such reads: its arguments are like the others. C has no
/// `va_arg` of a type that it promotes.
fn read_from_list(
    closures: &Closures,
    told: &FnSig,
    index: usize,
) -> Result<(FnSig, Vec<(VaArg, usize)>), Fault> {
    let decayed = told.clone().decayed(&cabi::DataModel::LP64);
    let types = decayed.params().iter().skip(told.n_named());
    let types: Vec<_> = types.map(|param| &param.ty).collect();
    let is_listed = index.is_multiple_of(2) && types.iter().all(|ty| promote(ty) == **ty);
    if !told.is_variadic() || !is_listed {
        return Ok((told.clone(), Vec::new()));
    }
    let entered = told.at_call([]).map_err(clif_cabi::LowerError::from)?;
    let mut va_args = Vec::new();
    for ty in types {
        let bytes = usize::try_from(ty.size()).map_err(|error| error.to_string())?;
        va_args.push((closures.va_arg(&entered, ty)?, bytes));
    }
    Ok((entered, va_args))
}

fn arguments(args: &ClosureArgs<'_>, va_args: &[(VaArg, usize)]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..)
        .map_while(|i| args.bytes(i).ok())
        .map(<[u8]>::to_vec)
        .collect();
    let mut list = args.va_list();
    for (va_arg, bytes) in va_args {
        let mut object = vec![0; *bytes];
        if let Some(list) = &mut list {
            // SAFETY: the C caller of the case passes arguments of these types.
            let read = unsafe { list.next_bytes(va_arg, &mut object) };
            // An argument that is not read differs.
            let _ = read;
        }
        all.push(object);
    }
    all
}
