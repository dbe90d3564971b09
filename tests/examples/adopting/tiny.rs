//! tiny, a language of records, imported C functions and functions in postfix notation: a front end
//! after docs/adopting.md. A record and a `long double` are addresses; an array is a record that
//! has nothing else. The program is tiny.txt; tiny.c, which it imports, is compiled by `cc` when it
//! runs.

use std::collections::HashMap;
use std::ffi::{CStr, c_char};

use clif_cabi::cabi::{FnSig, Kind, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, MemFlagsData as Flags, Value, types};
use clif_cabi::cranelift_frontend::{FunctionBuilder as Builder, FunctionBuilderContext};
use clif_cabi::cranelift_module::Module;
use clif_cabi::{Arg, Function, Lowering, Ret, slot, value_type};
use clif_cabi_jit::{Engine, Library, Settings};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
type Operand = (Type, Value);

struct Tiny {
    module: Engine,
    lower: Lowering,
    types: HashMap<String, Type>,
    functions: HashMap<String, Function>,
}

impl Tiny {
    /// A name, or `element*length`: C passes no array, but a structure that has nothing else.
    fn ty(&self, text: &str) -> Result<Type> {
        let model = self.lower.target().data_model();
        if let Some((elem, len)) = text.split_once('*') {
            let array = Type::array(&self.ty(elem)?, len.parse()?)?;
            let record = RecordBuilder::structure("").field("at", array);
            return Ok(record.build(model)?);
        }
        Ok(match text {
            "i8" => Type::I8,
            "i32" => Type::I32,
            "i64" => Type::I64,
            "f32" => Type::F32,
            "f64" => Type::F64,
            "ptr" => model.pointer(),
            "longdouble" => model.long_double(),
            _ => self.types.get(text).ok_or("no such type")?.clone(),
        })
    }

    /// First pass: the types, and each function before any body.
    fn declare(&mut self, line: &str) -> Result<()> {
        let [kind, name, params, result, _] = parts(line);
        let mut record = match kind {
            "union" => RecordBuilder::union(name),
            _ => RecordBuilder::structure(name),
        };
        let mut types = Vec::new();
        for (name, ty) in named(params) {
            types.push(self.ty(ty)?);
            record = record.field(name, self.ty(ty)?);
        }
        if result.is_empty() {
            let record = record.build(self.lower.target().data_model())?;
            self.types.insert(name.to_string(), record);
            return Ok(());
        }
        let mut sig = FnSig::new(types, self.ty(result)?);
        if params.ends_with("...") {
            sig = sig.variadic();
        }
        let function = match kind {
            "import" => self.lower.declare_import(&mut self.module, name, &sig)?,
            _ => self.lower.declare_export(&mut self.module, name, &sig)?,
        };
        self.functions.insert(name.to_string(), function);
        Ok(())
    }

    /// Second pass: a body.
    fn define(&mut self, line: &str) -> Result<()> {
        let [kind, name, params, _, body] = parts(line);
        if kind != "fn" {
            return Ok(());
        }
        let function = self.functions[name].clone();
        let mut ctx = self.module.make_context();
        let mut fn_ctx = FunctionBuilderContext::new();
        let mut b = Builder::new(&mut ctx.func, &mut fn_ctx);
        let (_, entry) = self.lower.begin(&mut b, &function.sig)?;
        let mut stack = Vec::new();
        for word in body.split_whitespace() {
            let mut params = named(params).zip(function.sig.params()).enumerate();
            let param = params.find(|(_, ((name, _), _))| *name == word);
            let operand = match param.map(|(i, (_, param))| (i, param.ty.clone())) {
                Some((i, ty)) if value_type(&ty).is_some() => (ty, entry.value(&mut b, i)?),
                Some((i, ty)) => (ty, entry.address(&mut b, i)?),
                None => self.word(&mut b, word, &mut stack)?,
            };
            stack.push(operand);
        }
        let result = argument(pop(&mut stack)?, function.sig.result())?;
        entry.ret(&mut self.module, &mut b, Some(&result))?;
        b.seal_all_blocks();
        b.finalize(self.module.target_config());
        Ok(self.module.define_function(function.body, &mut ctx)?)
    }

    /// A function's address, a member, a sum, a number, a record of some members, or a call.
    fn word(&mut self, b: &mut Builder, word: &str, stack: &mut Vec<Operand>) -> Result<Operand> {
        Ok(if let Some(name) = word.strip_prefix('&') {
            let id = self.functions[name].id;
            let function = self.module.declare_func_in_func(id, b.func);
            (Type::PTR, b.ins().func_addr(types::I64, function))
        } else if let Some(path) = word.strip_prefix('.') {
            let (ty, address) = pop(stack)?;
            let (ty, at) = member(&ty, path)?;
            let clif = value_type(&ty).ok_or("a member that is no value")?;
            (ty, b.ins().load(clif, Flags::new(), address, at))
        } else if word == "+" {
            let ((ty, right), (_, left)) = (pop(stack)?, pop(stack)?);
            (ty, b.ins().iadd(left, right))
        } else if let Ok(n) = word.parse::<i64>() {
            (Type::I64, b.ins().iconst(types::I64, n))
        } else if let Ok(x) = word.parse::<f64>() {
            (Type::F64, b.ins().f64const(x))
        } else if let Some((name, paths)) = word.split_once('(') {
            let ty = self.ty(name)?;
            let object = slot(b, &ty)?;
            for path in paths.trim_end_matches(')').rsplit(',') {
                let (member, at) = member(&ty, path)?;
                let value = expect(pop(stack)?, &member)?;
                b.ins().store(Flags::new(), value, object, at);
            }
            (ty, object)
        } else {
            self.call(b, word, stack)?
        })
    }

    /// A call, `name` or `name/arguments` if it is variadic.
    fn call(&mut self, b: &mut Builder, word: &str, stack: &mut Vec<Operand>) -> Result<Operand> {
        let (name, n) = word.split_once('/').unwrap_or((word, ""));
        let function = self.functions.get(name).ok_or("no such function")?;
        let (mut sig, named) = (function.sig.clone(), function.sig.params().len());
        let start = stack.len().checked_sub(n.parse().unwrap_or(named));
        let mut operands = stack.split_off(start.ok_or("too few operands")?);
        for operand in operands.iter_mut().skip(named) {
            // C's promotions.
            *operand = match *operand {
                (Type::F32, value) => (Type::F64, b.ins().fpromote(types::F64, value)),
                (Type::I8, value) => (Type::I32, b.ins().sextend(types::I32, value)),
                _ => continue,
            };
        }
        if !n.is_empty() {
            sig = sig.at_call(operands.iter().skip(named).map(|(ty, _)| ty.clone()))?;
        }
        let args = operands.into_iter().zip(sig.params());
        let args = args.map(|(operand, param)| argument(operand, &param.ty));
        let args = args.collect::<Result<Vec<_>>>()?;
        let plan = self.lower.call_plan(&sig)?;
        let ret = Ret::easiest(&plan, || slot(b, sig.result()))?;
        let (module, id) = (&mut self.module, function.id);
        let returned = self.lower.call_planned(module, b, id, &plan, &args, ret)?;
        let value = match ret {
            Ret::Memory(address) => Some(address),
            _ => returned.value(),
        };
        Ok((sig.result().clone(), value.ok_or("no result")?))
    }
}

/// Kind, name, parameters or members, result and body.
fn parts(line: &str) -> [&str; 5] {
    let mut parts = line.split('|').map(str::trim);
    [(); 5].map(|()| parts.next().unwrap_or(""))
}

/// Parameters or members, each with the name of its type.
fn named(params: &str) -> impl Iterator<Item = (&str, &str)> {
    let words = params.split_whitespace();
    words.filter_map(|word| word.split_once(':'))
}

fn pop(stack: &mut Vec<Operand>) -> Result<Operand> {
    stack.pop().ok_or("too few operands".into())
}

/// A member `a.b` of a record, and where it is; elements of an array are numbers.
fn member(ty: &Type, path: &str) -> Result<(Type, i32)> {
    let (mut ty, mut bytes) = (ty.clone(), 0);
    for name in path.split('.') {
        let found = ty.as_record().and_then(|record| record.field(name));
        let (inner, at) = match (ty.kind(), found) {
            (Kind::Array(array), _) => (&array.elem, array.elem.size() * name.parse::<u64>()?),
            (_, Some((field, bits))) => (field.ty(), bits / 8),
            _ => return Err(format!("{ty} has no {name}").into()),
        };
        (bytes, ty) = (bytes + at, inner.clone());
    }
    Ok((ty, i32::try_from(bytes)?))
}

fn expect((ty, value): Operand, expected: &Type) -> Result<Value> {
    let is_right = ty == *expected;
    is_right.then_some(value).ok_or("another type".into())
}

fn argument(operand: Operand, ty: &Type) -> Result<Arg> {
    let value = expect(operand, ty)?;
    Ok(value_type(ty).map_or(Arg::memory(value), |_| Arg::value(value)))
}

/// Compiles tiny.c by `cc`, and loads it.
fn library() -> Result<Library> {
    let folder = tempfile::tempdir()?;
    let [text, library] = ["tiny.c", "tiny.so"].map(|name| folder.path().join(name));
    std::fs::write(&text, include_str!("tiny.c"))?;
    let mut cc = std::process::Command::new("cc");
    cc.args(["-O2", "-shared", "-fPIC", "-o"]);
    cc.args([&library, &text]).status()?;
    // SAFETY: nothing in it runs when it is opened or closed.
    Ok(unsafe { Library::open(library) }?)
}

pub(crate) fn main() -> Result<()> {
    let mut module = Engine::new(&Settings::default())?;
    module.add_library(&library()?);
    let mut tiny = Tiny {
        lower: Lowering::new(module.isa())?,
        module,
        types: HashMap::new(),
        functions: HashMap::new(),
    };
    for pass in [Tiny::declare, Tiny::define] {
        for line in include_str!("tiny.txt").lines() {
            pass(&mut tiny, line).map_err(|error| format!("{line}: {error}"))?;
        }
    }
    tiny.module.finalize()?;
    let code = tiny.module.code(tiny.functions["show"].id)?;
    let mut text = [0; 99];
    // SAFETY: compiled as `int show(char *, const char *)`.
    let show = unsafe { code.typed::<extern "C" fn(*mut u8, *const c_char) -> i32>() };
    let format = c"%ld %g %g %g %ld %ld %ld %d %ld %.3Lf";
    show(text.as_mut_ptr(), format.as_ptr());
    let expected = c"7654321 22 4.5 169 15 26 7 -24 -24 0.333";
    assert_eq!(CStr::from_bytes_until_nul(&text)?, expected);
    Ok(())
}
