//! How clif-cabi is used, second part: a function that C may call. [`Session::function_body`] begins it, [`Lowerer::body`] takes its parameters and ends it;
//! [`Lowerer::leave`] returns. A function in a function captures the variables around it by their addresses. The first part is `call.rs`, the third `jit.rs`.

use super::value::{Address, Place, Target, Typed, Val, ssa_type};
use super::{Compiled, Session};
use crate::ast::{Expr, FnDecl, Ident, Linkage, TypeExpr, Uses};
use crate::diag::{At, Check, Diagnostic, Span, fail};
use crate::types::{FnTy, Ty};
use cabi::{FnSig, Type};
use clif_cabi::Entry;
use cranelift_codegen::ir::{Block, InstBuilder, TrapCode, Value, types};
use cranelift_frontend::{FuncInstBuilder, FunctionBuilder, FunctionBuilderContext, Variable};
use std::collections::HashMap;
use std::rc::Rc;

/// Control never gets here.
const UNREACHABLE: TrapCode = TrapCode::unwrap_user(1);

/// A function being compiled, as closures in it see it.
#[derive(Default)]
pub(super) struct Frame {
    scopes: Vec<HashMap<Rc<str>, usize>>,
    locals: Vec<Local>,
    /// The variables of the function around that it uses, by their numbers there.
    captures: Vec<usize>,
}

/// A parameter or variable.
#[derive(Clone)]
struct Local {
    ty: Ty,
    home: Home,
}

/// Where a variable lives.
#[derive(Clone)]
enum Home {
    /// The variables of its scalars.
    Variables(Rc<[Variable]>),
    /// At an address in this frame, or where the caller has put it.
    Memory(Value),
    /// In the frame of a function around: the n-th address at the static chain.
    Captured(usize),
}

impl Frame {
    fn find(&self, name: &str) -> Option<usize> {
        let mut scopes = self.scopes.iter().rev();
        scopes.find_map(|scope| scope.get(name)).copied()
    }
}

/// One function, and the state that all of its lowering shares.
pub(super) struct Lowerer<'s, 'p, 'f> {
    pub(super) s: &'s mut Session<'p>,
    pub(super) builder: FunctionBuilder<'f>,
    pub(super) entry: Entry,
    pub(super) uses: Uses,
    pub(super) ty: Rc<FnTy>,
    /// Into `Session::functions`.
    pub(super) id: usize,
    /// Bytes of variables and temporaries.
    pub(super) frame: u64,
    /// Targets of `continue` and `break`, innermost last.
    pub(super) loops: Vec<(Block, Block)>,
    /// Where the addresses of captured variables are.
    chain: Option<Value>,
    /// Whether a call took the place of the frame.
    pub(super) has_tail_calls: bool,
}

impl<'p> Session<'p> {
    /// Compiles a function. The result are the variables that it captures, by their numbers in the function around.
    pub(super) fn function_body(&mut self, id: usize) -> Check<Vec<usize>> {
        let Some(decl) = self.functions[id].decl else {
            return fail(self.functions[id].span, "this function has no body");
        };
        let compiled = self.compiled.len();
        let mut uses = decl.uses.clone();
        loop {
            let has_tail_calls;
            let captures;
            (captures, uses, has_tail_calls) = self.function_with(id, decl, uses)?;
            if !(uses.has_pointers && has_tail_calls) {
                return Ok(captures);
            }
            // An array has become a pointer after a call had taken the place of the frame: such calls are made otherwise.
            self.compiled.truncate(compiled);
        }
    }

    fn function_with(
        &mut self,
        id: usize,
        decl: &'p FnDecl,
        uses: Uses,
    ) -> Check<(Vec<usize>, Uses, bool)> {
        let (span, name) = (self.functions[id].span, self.functions[id].name.to_string());
        let ty = Rc::clone(&self.functions[id].ty);
        let func = self.declare(id)?.body;
        let sig = self.signature(id)?;
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
            frame: 0,
            loops: Vec::new(),
            chain: None,
            has_tail_calls: false,
        };
        let lowered = lowerer.body(decl);
        let frame = self.frames.pop().unwrap_or_default();
        let (uses, has_tail_calls) = lowered?;
        self.compiled.push(Compiled {
            name,
            func,
            context,
        });
        Ok((frame.captures, uses, has_tail_calls))
    }
}

impl<'p, 'f> Lowerer<'_, 'p, 'f> {
    /// Parameters become variables, and the statements code. The result is what is known then of pointers into the frame, and of calls that gave it up.
    fn body(mut self, decl: &'p FnDecl) -> Check<(Uses, bool)> {
        self.open_scope();
        let types = self.ty.params.clone();
        if self.s.functions[self.id].linkage == Linkage::Closure {
            let chain = self.entry.value(&mut self.builder, types.len());
            self.chain = Some(chain.at(self.span())?);
        }
        for (at, ((name, _), ty)) in decl.params.iter().zip(types).enumerate() {
            let value = self.param(at, &name.name, ty)?;
            self.bind(name, value)?;
        }
        let returns_nothing = self.ty.result == Ty::Void;
        self.block(&decl.body)?;
        if self.builder.is_unreachable() {
            self.abandon();
        } else if returns_nothing {
            self.leave(&Typed::void())?;
        } else {
            let text = format!(
                "`{}` promises `{{}}` and can end without `return`",
                decl.name.name
            );
            return self.wrong(self.span(), self.ty.result, &text);
        }
        self.builder.seal_all_blocks();
        self.builder.finalize(self.s.module.target_config());
        Ok((self.uses, self.has_tail_calls))
    }

    /// A parameter is taken as it is needed, however it arrives. A struct in registers is taken apart, unless something points to it: then it is put together
    /// in memory.
    fn param(&mut self, at: usize, name: &str, ty: Ty) -> Check<Typed> {
        let span = self.span();
        if ssa_type(ty).is_some() {
            let value = self.entry.value(&mut self.builder, at);
            return Ok(Typed::ssa(ty, value.at(span)?));
        }
        let in_parts = matches!(
            self.entry.plan().abi.args[at].place,
            cabi::Place::Parts(_)
        );
        if in_parts && !self.is_pointed_to(name, ty) && self.fields(ty).is_some() {
            let values = self.entry.fields(&mut self.builder, at).at(span)?;
            let val = Val::Scalars(values.iter().copied().collect());
            return Ok(Typed { ty, val });
        }
        let address = self.entry.address(&mut self.builder, at);
        Ok(Typed::memory(ty, address.at(span)?))
    }

    /// A new variable of the value.
    pub(super) fn bind(&mut self, name: &Ident, value: Typed) -> Check<Place> {
        let ty = value.ty;
        let home = match (&value.val, self.fields(ty)) {
            (Val::Memory(address), _) => Home::Memory(*address),
            (_, Some(fields)) if !self.is_pointed_to(&name.name, ty) => {
                let variables = fields
                    .iter()
                    .map(|field| self.builder.declare_var(field.ssa));
                Home::Variables(variables.collect())
            }
            _ => Home::Memory(self.temporary(ty)?),
        };
        if let Some(frame) = self.s.frames.last_mut() {
            let id = frame.locals.len();
            frame.locals.push(Local { ty, home });
            let scope = frame.scopes.last_mut();
            scope.map(|scope| scope.insert(Rc::clone(&name.name), id));
        }
        let place = self.local(&name.name);
        let place =
            place.ok_or_else(|| Diagnostic::new(name.span, "a variable without a place"))?;
        if let Val::Scalars(_) = value.val {
            self.write(&place, &value);
        }
        Ok(place)
    }

    /// Whether a variable has to be in memory.
    pub(super) fn is_pointed_to(&self, name: &str, ty: Ty) -> bool {
        let is_pointer = ty.is_pointer_like();
        self.uses.addressed.contains(name) || !is_pointer && self.uses.parts.contains(name)
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
    pub(super) fn local(&mut self, name: &str) -> Option<Place> {
        let frames = &mut self.s.frames;
        let mut around = frames.iter();
        let at = around.rposition(|frame| frame.find(name).is_some())?;
        let mut id = frames[at].find(name)?;
        for inner in at + 1..frames.len() {
            let ty = frames[inner - 1].locals[id].ty;
            let frame = &mut frames[inner];
            let home = Home::Captured(frame.captures.len());
            frame.captures.push(id);
            frame.locals.push(Local { ty, home });
            id = frame.locals.len() - 1;
            frame.scopes.first_mut()?.insert(name.into(), id);
        }
        self.local_at(id)
    }

    fn local_at(&mut self, id: usize) -> Option<Place> {
        let Local { ty, home } = self.s.frames.last()?.locals.get(id)?.clone();
        let target = match home {
            Home::Variables(variables) => Target::Variables(variables),
            Home::Memory(address) => Target::Memory(address.into()),
            Home::Captured(n) => {
                let at = Address::from(self.chain?).plus(8 * n as u64);
                Target::Memory(self.load_ssa(types::I64, at).into())
            }
        };
        Some(Place {
            ty,
            target,
            has_name: true,
        })
    }

    /// A function in this one, as a pointer that C can call: a closure, which passes the static chain on. The chain leads to the addresses of what is
    /// captured.
    pub(super) fn closure(&mut self, decl: &'p FnDecl, span: Span) -> Check<Typed> {
        let name = format!("{}.{}", self.s.functions[self.id].name, decl.name.name);
        let id = self.s.add_function(decl, name.into())?;
        let captures = self.s.function_body(id)?;
        let chain = self.temporary_of(8 * captures.len() as u64, 8)?;
        for (n, local) in (0..).zip(captures) {
            let Some(Target::Memory(address)) = self.local_at(local).map(|place| place.target)
            else {
                return fail(span, "a variable that is captured has no address");
            };
            let address = self.address(address);
            self.store_ssa(address, Address::from(chain).plus(8 * n));
        }
        self.bind_closure(id, chain, span)
    }

    /// `va_start()`: a `va_list` of the arguments after the named ones.
    pub(super) fn va_start(&mut self, span: Span) -> Check<Typed> {
        if !self.ty.variadic {
            return fail(span, "`va_start` in a function that takes no `...`");
        }
        let list = self.s.va_list;
        let address = self.temporary(list)?;
        self.entry.va_start(&mut self.builder, address).at(span)?;
        Ok(self.load(address.into(), list))
    }

    /// `va_arg(list, T)`: the next argument of a variable that is a list, or of one that is passed by its address because it is an array.
    pub(super) fn va_arg(&mut self, list: &'p Expr, ty: &'p TypeExpr) -> Check<Typed> {
        let place = self.place(list)?;
        let own = self.s.va_list;
        let passed = self.s.types.decayed(own);
        let address = match place.target {
            Target::Memory(address) if place.ty == own => self.address(address),
            _ if place.ty == passed && passed != own => {
                let value = self.read(&place);
                self.ssa(&value, list.span)?
            }
            _ => {
                let text = "`va_arg` needs a variable that is a `va_list`, not `{}`";
                return self.wrong(list.span, place.ty, text);
            }
        };
        let wanted = self.s.object_ty(ty)?;
        let layout = self.s.types.layout(wanted).cloned().unwrap_or(Type::VOID);
        // Of the signature only the convention matters.
        let sig = FnSig::new([Type::PTR], Type::VOID).variadic();
        let (lowering, builder) = (&self.s.lowering, &mut self.builder);
        let found = lowering.va_arg(builder, address, &sig, &layout);
        Ok(self.load(found.at(ty.span)?.into(), wanted))
    }

    /// Returns `value`, and ends the block.
    pub(super) fn leave(&mut self, value: &Typed) -> Check<()> {
        let arg = (value.ty != Ty::Void).then(|| self.arg(value));
        let (module, builder) = (&mut self.s.module, &mut self.builder);
        let returned = self.entry.ret(module, builder, arg.as_ref());
        returned.at(self.s.functions[self.id].span)?;
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
