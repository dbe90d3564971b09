//! How clif-cabi is used, second part: a function that C may call. [`Session::function_body`] begins it, [`Lowerer::body`] takes its parameters and ends it;
//! [`Lowerer::leave`] returns. A function in a function captures the variables around it by their addresses. The first part is `call.rs`, the third `jit.rs`.

use super::signature::of_convention;
use super::value::{Address, Target, Val};
use super::{Compiled, Note, Origin, Session};
use crate::ast::{Convention, FnDecl, Ident};
use crate::diag::{At, Check, Diagnostic, Span, fail};
use crate::scan::Uses;
use crate::types::{FnTy, Ty};
use cabi::{FnSig, Place, Type};
use clif_cabi::Entry;
use cranelift_codegen::ir::{Block, InstBuilder, TrapCode, Value, types};
use cranelift_frontend::{FuncInstBuilder, FunctionBuilder, FunctionBuilderContext, Variable};
use std::collections::HashMap;
use std::rc::Rc;

/// Control never gets here.
const UNREACHABLE: TrapCode = TrapCode::unwrap_user(1);

/// A function being compiled, as those in it see it.
#[derive(Default)]
pub(super) struct Frame {
    scopes: Vec<HashMap<Rc<str>, usize>>,
    pub(super) locals: Vec<Local>,
    /// The variables of the function around that it uses, by their numbers there.
    captures: Vec<usize>,
}

/// A parameter or variable.
#[derive(Clone)]
pub(super) struct Local {
    pub(super) ty: Ty,
    home: Home,
    /// The nested function whose static chain it holds.
    pub(super) function: Option<usize>,
}

/// Where a variable lives.
#[derive(Clone)]
enum Home {
    Variable(Variable),
    /// The scalars of an aggregate.
    Fields(Rc<[Variable]>),
    /// At an address in this frame, or where the caller has put it.
    Memory(Value),
    /// In the frame of a function around: the n-th address at the static chain.
    Captured(usize),
}

impl Frame {
    fn find(&self, name: &str) -> Option<usize> {
        self.scopes
            .iter()
            .rev()
            .find_map(|scope| scope.get(name))
            .copied()
    }
}

/// One function, and the state that all of its lowering shares.
pub(super) struct Lowerer<'s, 'p, 'f> {
    pub(super) s: &'s mut Session<'p>,
    pub(super) builder: FunctionBuilder<'f>,
    pub(super) entry: Entry,
    pub(super) uses: Uses,
    pub(super) ty: Rc<FnTy>,
    /// Into `Session::functions` and `Session::notes`.
    pub(super) id: usize,
    pub(super) note: usize,
    /// Bytes of variables and temporaries.
    pub(super) frame: u64,
    /// Targets of `continue` and `break`, innermost last.
    pub(super) loops: Vec<(Block, Block)>,
    chain: Option<Value>,
}

impl<'p> Session<'p> {
    /// Compiles a function. The result are the variables that it captures, by their numbers in the function around.
    pub(super) fn function_body(&mut self, id: usize) -> Check<()> {
        self.function_with_captures(id).map(|_| ())
    }

    fn function_with_captures(&mut self, id: usize) -> Check<Vec<usize>> {
        let Some(decl) = self.functions[id].decl else {
            return fail(self.functions[id].span, "this function has no body");
        };
        let note = self.notes.len();
        let (captures, uses) = self.function_with(id, decl, Uses::of(decl))?;
        if !(uses.has_pointers && uses.has_tail_calls) {
            return Ok(captures);
        }
        // An array has become a pointer after a call had taken the place of the frame: such calls are made otherwise.
        self.notes.truncate(note);
        self.compiled.pop();
        let (captures, _) = self.function_with(id, decl, uses)?;
        Ok(captures)
    }

    fn function_with(
        &mut self,
        id: usize,
        decl: &'p FnDecl,
        uses: Uses,
    ) -> Check<(Vec<usize>, Uses)> {
        let (span, name) = (self.functions[id].span, self.functions[id].name.to_string());
        let ty = self.fn_ty(id)?;
        let ty = self
            .types
            .as_fn(ty)
            .ok_or_else(|| Diagnostic::new(span, "no function"))?;
        let func = self.declare(id)?.body;
        let sig = self.signature(id)?;
        let note = self.notes.len();
        let (heading, params) = (self.heading(id), self.functions[id].params.clone());
        let calls = Vec::new();
        self.notes.push(Note {
            heading,
            params,
            sig: sig.clone(),
            span,
            calls,
        });
        let mut context = self.module.make_context();
        let mut frontend = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
        // The CLIF signature and the first block, whose parameters are the registers that C callers pass arguments in.
        let (_, entry) = self.lowering.begin(&mut builder, &sig).at(span)?;
        self.frames.push(Frame::default());
        let lowerer = Lowerer {
            s: self,
            builder,
            entry,
            uses,
            ty,
            id,
            note,
            frame: 0,
            loops: Vec::new(),
            chain: None,
        };
        let lowered = lowerer.body(decl);
        let frame = self.frames.pop().unwrap_or_default();
        let uses = lowered?;
        self.compiled.push(Compiled {
            name,
            func,
            context,
        });
        Ok((frame.captures, uses))
    }
}

impl<'p, 'f> Lowerer<'_, 'p, 'f> {
    /// Parameters become variables, and the statements code. The result is what the function does with names, of which more is known then.
    fn body(mut self, decl: &'p FnDecl) -> Check<Uses> {
        self.open_scope();
        let types = self.ty.params.clone();
        if let Origin::Nested = self.s.functions[self.id].origin {
            let chain = self.entry.value(&mut self.builder, types.len());
            self.chain = Some(chain.at(self.span())?);
        }
        for (at, ((name, _), ty)) in decl.params.iter().zip(types).enumerate() {
            let value = self.param(at, &name.name, ty)?;
            self.bind(name, ty, value)?;
        }
        let returns_nothing = self.ty.result == Ty::VOID;
        self.block(&decl.body, returns_nothing)?;
        if self.builder.is_unreachable() {
            self.abandon();
        } else if returns_nothing {
            self.leave(Val::None)?;
        } else {
            let (name, result) = (&decl.name.name, self.s.types.name(self.ty.result));
            return fail(
                self.span(),
                format!("`{name}` promises `{result}` and can end without `return`"),
            );
        }
        self.builder.seal_all_blocks();
        self.builder.finalize(self.s.module.target_config());
        Ok(self.uses)
    }

    /// A parameter is taken as it is needed, however it arrives. A struct in registers is taken apart, unless something points to it: then it is put together
    /// in memory.
    fn param(&mut self, at: usize, name: &str, ty: Ty) -> Check<Val> {
        let span = self.span();
        if self.ssa_type(ty).is_some() {
            return self
                .entry
                .value(&mut self.builder, at)
                .map(Val::Ssa)
                .at(span);
        }
        let in_parts = matches!(self.entry.plan().abi.args[at].place, Place::Parts(_));
        if in_parts && !self.is_pointed_to(name, ty) && self.fields(ty).is_some() {
            let values = self.entry.fields(&mut self.builder, at).at(span)?;
            return Ok(Val::Fields(values.iter().copied().collect()));
        }
        self.entry
            .address(&mut self.builder, at)
            .map(Val::Memory)
            .at(span)
    }

    /// A new variable of the value, if it has one.
    pub(super) fn bind(&mut self, name: &Ident, ty: Ty, value: Val) -> Check<usize> {
        let home = match (&value, self.ssa_type(ty), self.fields(ty)) {
            (Val::Memory(address), _, _) => Home::Memory(*address),
            (_, None, _) if self.s.types.layout(ty).is_none() => {
                return fail(name.span, self.s.incomplete(ty));
            }
            _ if self.is_pointed_to(&name.name, ty) => Home::Memory(self.temporary(ty)?),
            (_, Some(ssa), _) => Home::Variable(self.builder.declare_var(ssa)),
            (_, _, Some(fields)) => {
                let declare = |ssa| self.builder.declare_var(ssa);
                Home::Fields(fields.iter().map(|field| field.ssa).map(declare).collect())
            }
            _ => Home::Memory(self.temporary(ty)?),
        };
        let id = self.add_local(
            name,
            Local {
                ty,
                home,
                function: None,
            },
        );
        if !matches!(value, Val::Memory(_) | Val::None) {
            let target = self.variable(id);
            self.write(&target, value, ty, name.span)?;
        }
        Ok(id)
    }

    /// Whether a variable has to be in memory.
    pub(super) fn is_pointed_to(&self, name: &str, ty: Ty) -> bool {
        let is_pointer = self.s.types.is_pointer_like(ty);
        self.uses.addressed.contains(name) || !is_pointer && self.uses.parts.contains(name)
    }

    fn add_local(&mut self, name: &Ident, local: Local) -> usize {
        let Some(frame) = self.s.frames.last_mut() else {
            return 0;
        };
        frame.locals.push(local);
        let id = frame.locals.len() - 1;
        if let Some(scope) = frame.scopes.last_mut() {
            scope.insert(Rc::clone(&name.name), id);
        }
        id
    }

    pub(super) fn open_scope(&mut self) {
        if let Some(frame) = self.s.frames.last_mut() {
            frame.scopes.push(HashMap::new());
        }
    }

    pub(super) fn close_scope(&mut self) {
        if let Some(frame) = self.s.frames.last_mut() {
            frame.scopes.pop();
        }
    }

    /// The variable called `name`. One of a function around this one is captured, by those in between too.
    pub(super) fn local(&mut self, name: &str) -> Option<usize> {
        let frames = &mut self.s.frames;
        let at = frames
            .iter()
            .rposition(|frame| frame.find(name).is_some())?;
        let mut id = frames[at].find(name)?;
        for inner in at + 1..frames.len() {
            let outer = frames[inner - 1].locals[id].clone();
            let frame = &mut frames[inner];
            let home = Home::Captured(frame.captures.len());
            frame.captures.push(id);
            frame.locals.push(Local { home, ..outer });
            id = frame.locals.len() - 1;
            frame.scopes.first_mut()?.insert(name.into(), id);
        }
        Some(id)
    }

    pub(super) fn local_at(&self, id: usize) -> Option<&Local> {
        self.s.frames.last()?.locals.get(id)
    }

    /// The place of a variable or parameter.
    pub(super) fn variable(&mut self, id: usize) -> Target {
        match self.local_at(id).map(|local| local.home.clone()) {
            Some(Home::Variable(variable)) => Target::Variable(variable),
            Some(Home::Fields(variables)) => Target::Fields(variables),
            Some(Home::Memory(address)) => Target::Memory(address.into()),
            Some(Home::Captured(n)) => match self.chain {
                Some(chain) => {
                    let at = Address::from(chain).plus(8 * n as u64);
                    Target::Memory(self.load_ssa(types::I64, at).into())
                }
                None => Target::Value(Val::None),
            },
            None => Target::Value(Val::None),
        }
    }

    /// A function in the function: its name is a variable that holds the static chain.
    pub(super) fn nested(&mut self, decl: &'p FnDecl) -> Check<()> {
        let id = self.new_nested(decl)?;
        let home = Home::Memory(self.temporary(Ty::VOID_POINTER)?);
        let (ty, function) = (Ty::VOID_POINTER, Some(id));
        let local = self.add_local(&decl.name, Local { ty, home, function });
        let chain = self.captures(id)?;
        let target = self.variable(local);
        self.write(&target, Val::Ssa(chain), ty, decl.name.span)
    }

    /// A function of this function, which is not compiled yet.
    pub(super) fn new_nested(&mut self, decl: &'p FnDecl) -> Check<usize> {
        let name = format!("{}.{}", self.s.functions[self.id].name, decl.name.name);
        let id = self.s.new_function(decl, name.into(), Origin::Nested);
        self.s.fn_ty(id)?;
        Ok(id)
    }

    /// Compiles a nested function. The value is its static chain: the addresses of what it captures.
    pub(super) fn captures(&mut self, id: usize) -> Check<Value> {
        let captures = self.s.function_with_captures(id)?;
        let chain = self.temporary_of(8 * captures.len() as u64, 8)?;
        for (n, local) in (0..).zip(captures) {
            let target = self.variable(local);
            let Target::Memory(address) = target else {
                return fail(self.span(), "a variable that is captured has no address");
            };
            let address = self.address(address);
            self.store_ssa(address, Address::from(chain).plus(8 * n));
        }
        Ok(chain)
    }

    /// `va_start()`: a `va_list` of the arguments after the named ones.
    pub(super) fn va_start(&mut self, span: Span) -> Check<(Ty, Val)> {
        if !self.ty.variadic {
            return fail(span, "`va_start` in a function that takes no `...`");
        }
        let list = match self.ty.convention {
            Convention::Win64 => Ty::BYTES,
            _ => self.s.va_list,
        };
        let address = self.temporary(list)?;
        self.entry.va_start(&mut self.builder, address).at(span)?;
        Ok((list, self.load(address.into(), list)))
    }

    /// `va_arg`: the next argument of the `va_list` at `list`, which may be C's. Of a signature only the convention matters here.
    pub(super) fn va_arg(
        &mut self,
        (list, is_pointer): (Value, bool),
        ty: Ty,
        span: Span,
    ) -> Check<Val> {
        let layout = self.s.types.layout(ty).cloned().unwrap_or(Type::VOID);
        // On targets of System V a list that is a pointer is Windows's.
        let convention = match is_pointer && self.s.va_list != Ty::BYTES {
            true => Convention::Win64,
            false => Convention::C,
        };
        let sig = of_convention(FnSig::new([Type::PTR], Type::VOID).variadic(), convention);
        let address = self
            .s
            .lowering
            .va_arg(&mut self.builder, list, &sig, &layout)
            .at(span)?;
        Ok(self.load(address.into(), ty))
    }

    /// Returns `value`, and ends the block.
    pub(super) fn leave(&mut self, value: Val) -> Check<()> {
        let returned = self
            .entry
            .ret(&mut self.s.module, &mut self.builder, value.arg().as_ref());
        returned.at(self.span())?;
        self.unreachable();
        Ok(())
    }

    pub(super) fn span(&self) -> Span {
        self.s.functions[self.id].span
    }

    /// Where the next instruction goes.
    pub(super) fn ins(&mut self) -> FuncInstBuilder<'_, 'f> {
        self.builder.ins()
    }

    /// Goes on in a block that nothing else will jump to.
    pub(super) fn begin(&mut self, block: Block) {
        self.builder.switch_to_block(block);
        self.builder.seal_block(block);
    }

    /// Whatever follows is reached from nowhere.
    pub(super) fn unreachable(&mut self) {
        let nowhere = self.builder.create_block();
        self.begin(nowhere);
    }

    /// Ends a block that nothing leads to; one without instructions is no part of the function.
    pub(super) fn abandon(&mut self) {
        let is_begun = |block| self.builder.func.layout.is_block_inserted(block);
        if self.builder.current_block().is_some_and(is_begun) {
            self.ins().trap(UNREACHABLE);
        }
    }

    /// Ends a block that leads to `target`, if control gets so far.
    pub(super) fn go_on(&mut self, target: Block) {
        match self.builder.is_unreachable() {
            true => self.abandon(),
            false => _ = self.ins().jump(target, &[]),
        }
    }
}
