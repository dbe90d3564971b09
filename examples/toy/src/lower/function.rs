//! How clif-cabi is used, second part: a function that C may call. [`Session::function_body`]
//! begins it, [`Lowerer::body`] takes its parameters and ends it; [`Lowerer::leave`] returns. A
//! function in a function captures the variables around it by their addresses. The first part is
//! `call.rs`, the third `jit.rs`.

use super::value::{Address, Place, Target, Typed, Val, ssa_type};
use super::{Compiled, Session};
use crate::ast::{Expr, FnDecl, Ident, Linkage, TypeExpr, Uses};
use crate::diag::{At, Check, Span, fail};
use crate::types::{FnTy, Ty};
use cabi::{FnAbi, FnSig, Type};
use clif_cabi::{Arg, Entry};
use clif_cabi_unwind::Sources;
use cranelift_codegen::ir::{Block, InstBuilder, StackSlot, TrapCode, types};
use cranelift_frontend::{FuncInstBuilder, FunctionBuilder, FunctionBuilderContext};
use cranelift_module::FuncId;
use std::collections::HashMap;
use std::rc::Rc;

/// How debuggers are told of a variable.
pub(super) type Tell = fn(&mut Sources, FuncId, &str, &Type, StackSlot);

/// Control never gets here.
const UNREACHABLE: TrapCode = TrapCode::unwrap_user(1);

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
    /// Blocks in which exceptions are caught, innermost last.
    pub(super) handlers: Vec<Block>,
    /// The variables of the blocks around, innermost last.
    scopes: Vec<HashMap<Rc<str>, Place>>,
    /// `true` if a call took the place of the frame.
    pub(super) has_tail_calls: bool,
}

impl<'p> Session<'p> {
    /// Compiles a function. A closure finds the addresses of the variables that it captures at its
    /// static chain.
    pub(super) fn function_body(&mut self, id: usize, captures: &[(Rc<str>, Ty)]) -> Check<()> {
        let Some(decl) = self.functions[id].decl else {
            return fail(self.functions[id].span, "this function has no body");
        };
        let compiled = self.compiled.len();
        let (uses, has_tail_calls) = self.function_with(id, decl, decl.uses.clone(), captures)?;
        if uses.has_pointers && has_tail_calls {
            // An array has become a pointer after a call had taken the place of the frame: such
            // calls are made otherwise.
            self.compiled.truncate(compiled);
            self.function_with(id, decl, uses, captures)?;
        }
        Ok(())
    }

    fn function_with(
        &mut self,
        id: usize,
        decl: &'p FnDecl,
        uses: Uses,
        captures: &[(Rc<str>, Ty)],
    ) -> Check<(Uses, bool)> {
        let (span, name) = (self.functions[id].span, self.functions[id].name.to_string());
        let ty = Rc::clone(&self.functions[id].ty);
        let func = self.declare(id)?.body;
        let sig = self.signature(id)?;
        let mut context = self.module.make_context();
        let mut frontend = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
        if let Some(lines) = &mut self.lines {
            let place = lines.place(span);
            builder.func.params.ensure_base_srcloc(place);
            // Debuggers know how C returns values.
            let target = &self.types.target;
            if FnAbi::convention_of(&sig, target).ok() == target.convention() {
                lines.sources.function(func, sig.clone());
            }
            builder.set_srcloc(place);
        }
        // The CLIF signature and the first block, whose parameters are the registers that C callers
        // pass arguments in.
        let (_, entry) = self.lowering.begin(&mut builder, &sig).at(span)?;
        let lowerer = Lowerer {
            s: self,
            builder,
            entry,
            uses,
            ty,
            id,
            frame: 0,
            loops: Vec::new(),
            handlers: Vec::new(),
            scopes: Vec::new(),
            has_tail_calls: false,
        };
        let known = lowerer.body(decl, captures)?;
        self.compiled.push(Compiled {
            name,
            func,
            context,
        });
        Ok(known)
    }
}

impl<'p, 'f> Lowerer<'_, 'p, 'f> {
    /// Parameters become variables, and the statements code. The result is what is known then of
    /// pointers into the frame, and of calls that gave it up.
    fn body(mut self, decl: &'p FnDecl, captures: &[(Rc<str>, Ty)]) -> Check<(Uses, bool)> {
        self.open_scope();
        let params = self.ty.params.clone();
        if self.s.functions[self.id].linkage == Linkage::Closure {
            let chain = self.entry.value(&mut self.builder, params.len());
            let chain = Address::from(chain.at(self.span())?);
            for (n, (name, ty)) in (0..).zip(captures) {
                let address = self.load_ssa(types::I64, chain.plus(8 * n));
                self.open(name, Place::memory(*ty, address), Sources::variable)?;
            }
        }
        for (at, (Ident { name, .. }, ty)) in decl.params.iter().zip(params).enumerate() {
            let value = self.param(at, name, ty)?;
            let place = self.param_place(name, &value)?;
            self.open(name, place, Sources::parameter)?;
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

    /// A parameter is taken as it is needed, however it arrives. A struct in registers is taken
    /// apart, unless something points to it: then it is put together in memory.
    fn param(&mut self, at: usize, name: &str, ty: Ty) -> Check<Typed> {
        let span = self.span();
        if ssa_type(ty).is_some() {
            let value = self.entry.value(&mut self.builder, at);
            return Ok(Typed::ssa(ty, value.at(span)?));
        }
        let in_parts = matches!(self.entry.plan().abi.args[at].place, cabi::Place::Parts(_));
        if in_parts && !self.is_pointed_to(name, ty) && self.fields(ty).is_some() {
            let values = self.entry.fields(&mut self.builder, at).at(span)?;
            let val = Val::Scalars(values.iter().copied().collect());
            return Ok(Typed { ty, val });
        }
        let address = self.entry.address(&mut self.builder, at);
        Ok(Typed::memory(ty, address.at(span)?))
    }

    /// Returns the place of a parameter as a variable.
    fn param_place(&mut self, name: &str, value: &Typed) -> Check<Place> {
        // Debuggers find a copy. What the language's own functions get in memory stays there, so
        // that calls can take the place of their frames.
        let convention = self.s.types.target.convention();
        let is_own = Some(self.entry.plan().abi.convention) != convention;
        let stays = is_own || self.s.lines.is_none();
        match value.val {
            Val::Memory(address) if stays || self.slot(address).is_some() => {
                Ok(Place::memory(value.ty, address))
            }
            _ => {
                let place = self.new_place(value.ty, self.is_pointed_to(name, value.ty))?;
                self.write(&place, value);
                Ok(place)
            }
        }
    }

    /// A variable of this block, which debuggers are told of if it is in a stack slot: with `-g`
    /// all are.
    pub(super) fn open(&mut self, name: &Rc<str>, place: Place, tell: Tell) -> Check<()> {
        let function = self.s.declare(self.id)?.body;
        if let Target::Memory(address) = place.target
            && let Some(slot) = self.slot(address.base)
            && let (Some(lines), Some(layout)) = (&mut self.s.lines, self.s.types.layout(place.ty))
        {
            tell(&mut lines.sources, function, name, layout, slot);
        }
        let scope = self.scopes.last_mut();
        scope.map(|scope| scope.insert(Rc::clone(name), place));
        Ok(())
    }

    /// Returns whether a variable has to be in memory, where debuggers find it.
    pub(super) fn is_pointed_to(&self, name: &str, ty: Ty) -> bool {
        let is_pointer = ty.is_pointer_like();
        self.s.lines.is_some()
            || self.uses.addressed.contains(name)
            || !is_pointer && self.uses.parts.contains(name)
    }

    pub(super) fn open_scope(&mut self) {
        self.scopes.push(HashMap::new());
    }

    pub(super) fn close_scope(&mut self) {
        self.scopes.pop();
    }

    /// The variable called `name`.
    pub(super) fn local(&self, name: &str) -> Option<Place> {
        let mut scopes = self.scopes.iter().rev();
        scopes.find_map(|scope| scope.get(name)).cloned()
    }

    /// A function in this one, as a pointer that C can call: a closure, which passes the static
    /// chain on. The chain leads to the addresses of what is captured: variables by the names that
    /// the function uses, and the functions in it.
    pub(super) fn closure(&mut self, decl: &'p FnDecl, span: Span) -> Check<Typed> {
        let mut names: Vec<&Rc<str>> = decl.uses.names.iter().collect();
        names.sort_unstable();
        let (mut captures, mut addresses) = (Vec::new(), Vec::new());
        for name in names {
            if let Some(Place {
                ty,
                target: Target::Memory(address),
                ..
            }) = self.local(name)
            {
                captures.push((Rc::clone(name), ty));
                addresses.push(self.address(address));
            }
        }
        let chain = self.temporary_of(8 * captures.len() as u64, 8)?;
        for (n, address) in (0..).zip(addresses) {
            self.store_ssa(address, Address::from(chain).plus(8 * n));
        }
        let name = format!("{}.{}", self.s.functions[self.id].name, decl.name.name);
        let id = self.s.add_function(decl, name.into())?;
        self.s.function_body(id, &captures)?;
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

    /// `va_arg(list, T)`: the next argument of a variable that is a list, or of one that is passed
    /// by its address because it is an array.
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
        // Only the convention of the signature matters.
        let sig = FnSig::new([Type::PTR], Type::VOID).variadic();
        let (lowering, builder) = (&self.s.lowering, &mut self.builder);
        let found = lowering.va_arg(builder, address, &sig, &layout);
        Ok(self.load(found.at(ty.span)?.into(), wanted))
    }

    /// Returns `value`, and ends the block.
    pub(super) fn leave(&mut self, value: &Typed) -> Check<()> {
        let is_main = self.s.is_main(self.id);
        let arg = match value.ty {
            Ty::Void if is_main => Some(Arg::value(self.ins().iconst(types::I32, 0))),
            Ty::Void => None,
            _ => Some(self.arg(value)),
        };
        let (module, builder) = (&mut self.s.module, &mut self.builder);
        let returned = self.entry.ret(module, builder, arg.as_ref());
        returned.at(self.s.functions[self.id].span)?;
        self.unreachable();
        Ok(())
    }

    pub(super) fn span(&self) -> Span {
        self.s.functions[self.id].span
    }

    /// Returns the builder of the next instruction.
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
