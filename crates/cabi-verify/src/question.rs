//! Signatures whose places a compiler's code shows, as C: the two sides of a call.

use std::fmt::Write as _;

use cabi::{FnSig, Type};

use crate::case::{Case, parameter_list};
use crate::generate::CDeclarations;

/// A signature whose places a compiler's code shows.
#[derive(Clone, Debug)]
pub struct Question {
    pub(crate) number: usize,
    /// Its name in files of facts: its number, unless it has another.
    pub name: String,
    /// Types, globals and the two functions, as C.
    pub text: String,
    /// The result and the arguments, unnamed ones promoted.
    pub sig: FnSig,
}

impl Question {
    /// Makes question `number` about a declaration; `None` if `cabi` refuses one of its types.
    ///
    /// For a variadic function only the call is observed: `va_arg` decides at run time where it
    /// looks.
    pub fn new(number: usize, declared: &CDeclarations) -> Option<Self> {
        let case = declared.case.as_ref().ok()?;
        let params = case.prototype.params.iter().map(|(_, ty)| ty.clone());
        let sig = FnSig::new(params, case.prototype.ret.clone());
        let sig = match &declared.unnamed {
            Some(_) => sig.variadic().at_call(case.unnamed.iter().cloned()).ok()?,
            None => sig,
        };
        let text = text(number, declared, case, &case.list());
        Some(Self::of_text(number, text, sig))
    }

    /// Makes question `number` about a call of the function without a prototype; `None` as
    /// [`Question::new`]. Promotion leaves the declared parameters as they are.
    pub fn unprototyped(number: usize, declared: &CDeclarations) -> Option<Self> {
        let case = declared.case.as_ref().ok()?;
        let sig = FnSig::new([], case.prototype.ret.clone()).unprototyped();
        let sig = sig.at_call(case.argument_types()).ok()?;
        Some(Self::of_text(number, text(number, declared, case, ""), sig))
    }

    /// Returns its number.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Returns the types of the arguments and of the result.
    pub fn types(&self) -> (Vec<Type>, &Type) {
        let params = self.sig.params().iter();
        (
            params.map(|param| param.ty.clone()).collect(),
            self.sig.result(),
        )
    }

    /// Makes question `number` about a signature, whose functions and globals are named as in
    /// [`Question::new`].
    pub fn of_text(number: usize, text: String, sig: FnSig) -> Self {
        Self {
            number,
            name: number.to_string(),
            text,
            sig,
        }
    }
}

/// Checks whether an object of `ty`, a structure with bit-fields, is copied member by member. The
/// copy loses padding, and bits that the compiler has in other places.
fn takes_apart(ty: &Type) -> bool {
    let is_bits = |ty: &Type| {
        let fields = ty.as_record().map(cabi::Record::fields);
        fields.is_some_and(|fields| fields.iter().any(|field| field.bit_field().is_some()))
    };
    is_bits(ty) && !ty.is_union() && !ty.is_atomic()
}

/// Copies the object `from` of `ty` to `to`.
fn copy(ty: &Type, to: &str, from: &str) -> String {
    let members = ty.as_record().filter(|_| takes_apart(ty));
    let members = members.and_then(|record| {
        let members = record.fields().iter().map(|field| {
            let Some(name) = field.name() else {
                return field.bit_field().map(|_| String::new());
            };
            Some(match field.bit_field() {
                Some(_) => format!("{to}.{name} = {from}.{name}; "),
                None if field.ty().size() == 0 => String::new(),
                None => format!("__builtin_memcpy((void *)&{to}.{name}, (void *)&{from}.{name}, sizeof {to}.{name}); "),
            })
        });
        members.collect::<Option<String>>()
    });
    members.unwrap_or_else(|| format!("{to} = {from}; "))
}

/// Declares an object, no member of which is written yet.
fn object(ty: &str, name: &str) -> String {
    format!("{ty} {name}; __builtin_memset((void *)&{name}, 0xee, sizeof {name}); ")
}

/// Returns globals and two functions. The first passes the globals to a function that is declared
/// with `list`. The second copies its arguments to the globals, unnamed ones by `va_arg`.
fn text(n: usize, declared: &CDeclarations, case: &Case, list: &str) -> String {
    let mut text = declared.types.clone();
    for (name, ty) in &declared.named {
        let (size, align) = (ty.size(), ty.align());
        let _ = writeln!(
            text,
            "_Static_assert(sizeof({name}) == {size} && _Alignof({name}) == {align}, \"layout\");"
        );
    }
    let (params, result) = (&case.prototype.spelled_params, &case.prototype.spelled_ret);
    let unnamed = declared.unnamed.as_deref().unwrap_or_default();
    let types = case.argument_types();
    let (mut args, mut passes, mut takes) = (Vec::new(), String::new(), String::new());
    if declared.unnamed.is_some() {
        let last = params.len().saturating_sub(1);
        takes += &format!("__builtin_va_list ap; __builtin_va_start(ap, a{last}); ");
    }
    for (i, (spelled, ty)) in params.iter().chain(unnamed).zip(&types).enumerate() {
        let (global, local) = (format!("g{n}_{i}"), format!("a{i}"));
        let _ = writeln!(text, "extern {spelled} {global};");
        let fetched = format!("__builtin_va_arg(ap, {spelled})");
        match (takes_apart(ty), i < params.len()) {
            (true, false) => takes += &format!("{spelled} {local} = {fetched}; "),
            (false, false) => takes += &format!("{global} = {fetched}; "),
            (false, true) => takes += &format!("{global} = {local}; "),
            (true, true) => {}
        }
        if takes_apart(ty) {
            takes += &copy(ty, &global, &local);
            passes += &(object(spelled, &local) + &copy(ty, &local, &global));
        }
        args.push(if takes_apart(ty) { local } else { global });
    }
    if declared.unnamed.is_some() {
        takes += "__builtin_va_end(ap); ";
    }
    let (ret, out, call) = (&case.prototype.ret, format!("out{n}"), args.join(", "));
    let call = format!("f{n}({call}); ");
    if result == "void" {
        passes += &call;
    } else {
        let _ = writeln!(text, "extern {result} {out};");
        if takes_apart(ret) {
            passes += &(format!("{result} r = {call}") + &copy(ret, &out, "r"));
            takes += &(object(result, "r") + &copy(ret, "r", &out) + "return r; ");
        } else {
            passes += &format!("{out} = {call}");
            takes += &format!("return {out}; ");
        }
    }
    let parameters = params.iter().enumerate();
    let parameters: Vec<String> = parameters.map(|(i, ty)| format!("{ty} a{i}")).collect();
    let parameters = parameter_list(&parameters, declared.unnamed.is_some());
    format!(
        "{text}{result} f{n}({list});\nvoid c{n}(void) {{ {passes}}}\n{result} d{n}({parameters}) {{ {takes}}}\n"
    )
}
