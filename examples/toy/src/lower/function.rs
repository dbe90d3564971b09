//! Use of clif-cabi, second part: a function that C may call. [`Session::function_body`] begins it,
//! [`Lowerer::body`] takes its parameters and ends it, and [`Lowerer::leave`] returns. A function
//! in a function captures the variables around it by their addresses. The first part is `call.rs`,
//! the third `jit.rs`.

use super::value::{Operand, Place, Val, ssa_type};
use super::{CLOSURE, CompiledFunction, Function, Session};
use crate::ast::{FnDecl, Ident, Uses};
use crate::diag::{AtPlace, Check};
use crate::types::{FnTy, Ty};
use clif_cabi::{Arg, Entry};
use cranelift_codegen::ir::{Block, InstBuilder, TrapCode, types};
use cranelift_frontend::{FuncInstBuilder, FunctionBuilder, FunctionBuilderContext};
use std::collections::HashMap;
use std::rc::Rc;

/// Control never gets here.
const UNREACHABLE: TrapCode = TrapCode::unwrap_user(1);

/// One function, and the state that all of its lowering shares.
pub(super) struct Lowerer<'s, 'p, 'f> {
    pub(super) s: &'s mut Session<'p>,
    pub(super) builder: FunctionBuilder<'f>,
    pub(super) entry: Entry,
    pub(super) uses: &'p Uses,
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
    pub(super) scopes: Vec<HashMap<Rc<str>, Place>>,
}

impl<'p> Session<'p> {
    /// Compiles a function. A closure finds what it captures by its static chain.
    pub(super) fn function_body(&mut self, id: usize, captures: &[(Rc<str>, Ty)]) -> Check<()> {
        let decl = self.functions[id].decl.ok_or("this function has no body")?;
        let Function { name, ty, .. } = &self.functions[id];
        let (name, ty) = (name.to_string(), Rc::clone(ty));
        let func = self.declare(id)?.body;
        let sig = self.signature(id)?;
        let mut context = self.module.make_context();
        let mut frontend = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
        // The CLIF signature, and the first block with its parameters.
        let (_, entry) = self.lowering.begin(&mut builder, &sig)?;
        let lowerer = Lowerer {
            s: self,
            builder,
            entry,
            uses: &decl.uses,
            ty,
            id,
            frame: 0,
            loops: Vec::new(),
            handlers: Vec::new(),
            scopes: Vec::new(),
        };
        lowerer.body(decl, captures).at(decl.name.start)?;
        if self.is_main(id) {
            self.made.main = Some(func);
        }
        self.made.functions.push(CompiledFunction {
            name,
            func,
            context,
        });
        Ok(())
    }
}

impl<'p, 'f> Lowerer<'_, 'p, 'f> {
    /// Makes variables of the parameters, and code of the statements.
    fn body(mut self, decl: &'p FnDecl, captures: &[(Rc<str>, Ty)]) -> Check<()> {
        self.scopes.push(HashMap::new());
        let params = self.ty.params.clone();
        if !captures.is_empty() {
            let chain = self.entry.value(&mut self.builder, params.len())?;
            for (n, (name, ty)) in (0..).zip(captures) {
                let address = self.load_ssa(types::I64, chain, 8 * n);
                self.open(name, Place::memory(*ty, address));
            }
        }
        let names = &decl.signature.names;
        for (at, (Ident { name, .. }, ty)) in names.iter().zip(params).enumerate() {
            let value = self.param(at, name, ty)?;
            let place = match value.val {
                Val::Memory(address) => Place::memory(ty, address),
                Val::Scalars(_) => self.variable(&value, self.uses.addressed.contains(name))?,
            };
            self.open(name, place);
        }
        self.block(&decl.body)?;
        match self.ty.result {
            _ if self.builder.is_unreachable() => _ = self.ins().trap(UNREACHABLE),
            Ty::Void => self.leave(None)?,
            result => {
                let name = &decl.name.name;
                let text = format!("`{name}` returns `{{}}`, but can end without `return`");
                return self.wrong(result, &text);
            }
        }
        self.builder.seal_all_blocks();
        self.builder.finalize(self.s.module.target_config());
        Ok(())
    }

    /// Returns a parameter in the form that is needed, whatever its place is. A struct in registers
    /// is taken apart, unless a pointer points to it: then it is put together in memory.
    fn param(&mut self, at: usize, name: &str, ty: Ty) -> Check<Operand> {
        if ssa_type(ty).is_some() {
            return Ok(Operand::ssa(ty, self.entry.value(&mut self.builder, at)?));
        }
        let in_parts = matches!(self.entry.plan().abi.args[at].place, cabi::Place::Parts(_));
        if in_parts && !self.uses.addressed.contains(name) && self.fields(ty).is_some() {
            let values = self.entry.fields(&mut self.builder, at)?;
            return Ok(Operand::scalars(ty, &values[..]));
        }
        let address = self.entry.address(&mut self.builder, at)?;
        Ok(Operand::memory(ty, address))
    }

    /// Adds a variable to this block.
    pub(super) fn open(&mut self, name: &Rc<str>, place: Place) {
        let scope = self.scopes.last_mut();
        scope.map(|scope| scope.insert(Rc::clone(name), place));
    }

    /// Returns the variable called `name`.
    pub(super) fn local(&self, name: &str) -> Option<Place> {
        let mut scopes = self.scopes.iter().rev();
        scopes.find_map(|scope| scope.get(name)).cloned()
    }

    /// Returns a function in this one as a pointer that C can call: a closure, which passes the
    /// static chain on. The chain leads to the addresses of captured variables: those whose names
    /// the function, or a function in it, uses.
    pub(super) fn closure(&mut self, decl: &'p FnDecl) -> Check<Operand> {
        let mut names: Vec<&Rc<str>> = decl.uses.names.iter().collect();
        names.sort_unstable();
        let (mut captures, mut addresses) = (Vec::new(), Vec::new());
        for name in names {
            if let Some(place) = self.local(name)
                && let Val::Memory(address) = place.val
            {
                captures.push((Rc::clone(name), place.ty));
                addresses.push(address);
            }
        }
        let chain = self.temporary(8 * captures.len() as u64)?;
        for (n, address) in (0..).zip(addresses) {
            self.store_ssa(address, chain, 8 * n);
        }
        let name = format!("{}.{}", self.s.functions[self.id].name, decl.name.name);
        let id = self.s.add_function(decl, name.into())?;
        self.s.function_body(id, &captures)?;
        let code = self.function_value(id)?;
        let args = vec![self.arg(&code), Arg::value(chain)];
        self.s.made.has_closures = true;
        let pointer = self.call_c(CLOSURE, args, Ty::VOID_POINTER)?;
        Ok(Operand::ssa(code.ty, self.value_of(&pointer)?))
    }

    /// Returns `value`, and ends the block.
    pub(super) fn leave(&mut self, value: Option<&Operand>) -> Check<()> {
        let mut arg = value.map(|value| self.arg(value));
        if arg.is_none() && self.s.is_main(self.id) {
            arg = Some(Arg::value(self.ins().iconst(types::I32, 0)));
        }
        let (module, builder) = (&mut self.s.module, &mut self.builder);
        self.entry.ret(module, builder, arg.as_ref())?;
        self.unreachable();
        Ok(())
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

    /// Begins a block that is reached from nowhere.
    pub(super) fn unreachable(&mut self) {
        let nowhere = self.builder.create_block();
        self.begin(nowhere);
    }

    /// Ends a block by a jump to `target`, if control reaches its end.
    pub(super) fn go_on(&mut self, target: Block) {
        match self.builder.is_unreachable() {
            true => self.ins().trap(UNREACHABLE),
            false => self.ins().jump(target, &[]),
        };
    }
}
