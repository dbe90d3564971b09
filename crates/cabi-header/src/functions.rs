//! Declared functions: parameters, result, convention and attributes.

use clang_sys::{
    CX_SC_Extern, CX_SC_Static, CXCallingConv_C, CXCallingConv_PreserveAll,
    CXCallingConv_PreserveMost, CXCallingConv_PreserveNone, CXCallingConv_X86_64Win64,
    CXCallingConv_X86RegCall, CXCallingConv_X86VectorCall, CXCursor_AsmLabelAttr,
    CXType_ConstantArray, CXType_FunctionNoProto, CXType_FunctionProto, CXType_IncompleteArray,
    CXType_VariableArray,
};

use cabi::Type;

use crate::clang::{Cursor, Ty};
use crate::header::{Prototype, Reason};
use crate::types::Reader;
use crate::walk::location;

impl<'u> Reader<'u> {
    /// The function that `cursor` declares, if it has a symbol and follows the C convention.
    pub(crate) fn prototype(&mut self, cursor: Cursor<'u>) -> Result<Prototype, Reason> {
        let name = cursor.name();
        if cursor.is_invalid() {
            return Err(Reason::Invalid("the declaration is invalid".to_owned()));
        }
        if cursor.storage() == CX_SC_Static {
            return Err(Reason::Static);
        }
        if cursor.is_inline() && cursor.storage() != CX_SC_Extern {
            return Err(Reason::Inline);
        }
        let printed = cursor.printed();
        let function = self.function_type(cursor.ty())?;
        check_convention(function, &name, &printed)?;
        let n = u32::try_from(function.n_params()).unwrap_or(0);
        let mut params = Vec::new();
        for i in 0..n {
            let declared = cursor.arg(i);
            let param_name = (!declared.is_null())
                .then(|| declared.name())
                .filter(|name| !name.is_empty());
            let read = self.param(function.param(i));
            let ty = read.map_err(|reason| {
                let part = param_name
                    .as_ref()
                    .map_or_else(String::new, |name| format!(" ({name})"));
                reason.inside(format!("parameter {}{part}", i + 1))
            })?;
            params.push((param_name, ty));
        }
        let ret = self
            .ty(function.result())
            .map_err(|reason| reason.inside("result".to_owned()))?;
        let label = cursor
            .children()
            .into_iter()
            .find(|child| child.kind() == CXCursor_AsmLabelAttr);
        let unprototyped = function.kind() == CXType_FunctionNoProto;
        Ok(Prototype {
            symbol: label.map_or_else(|| name.clone(), Cursor::name),
            params,
            ret,
            variadic: function.is_variadic() && !unprototyped,
            unprototyped,
            noreturn: is_noreturn(function, &printed),
            target_features: quoted(&printed, "target(").unwrap_or_default(),
            location: location(cursor),
            name,
        })
    }

    /// The type a parameter has after decay. The elements of an array do not matter then, and may be of a length known at run time only.
    fn param(&mut self, ty: Ty<'u>) -> Result<Type, Reason> {
        let arrays = [
            CXType_ConstantArray,
            CXType_IncompleteArray,
            CXType_VariableArray,
        ];
        if arrays.contains(&ty.canonical().kind()) {
            return Ok(self.model.pointer());
        }
        let declared = self.ty(ty)?;
        Ok(self.model.decay(&declared))
    }

    /// The function type behind typedefs.
    fn function_type(&self, ty: Ty<'u>) -> Result<Ty<'u>, Reason> {
        let is_function =
            |ty: &Ty<'u>| [CXType_FunctionProto, CXType_FunctionNoProto].contains(&ty.kind());
        [ty, ty.canonical()]
            .into_iter()
            .find(is_function)
            .ok_or_else(|| Reason::Unsupported {
                ty: ty.spelling(),
                why: "this is no function type",
            })
    }
}

/// Refuses by name what does not follow the target's C convention.
fn check_convention(function: Ty<'_>, name: &str, printed: &str) -> Result<(), Reason> {
    // clang knows these without an attribute; it prints none.
    const RETURNS_TWICE: [&str; 7] = [
        "setjmp",
        "_setjmp",
        "__sigsetjmp",
        "sigsetjmp",
        "savectx",
        "vfork",
        "getcontext",
    ];
    if RETURNS_TWICE.contains(&name) || printed.contains("__attribute__((returns_twice))") {
        return Err(Reason::Attribute("returns_twice".to_owned()));
    }
    if printed.contains("__attribute__((interrupt") {
        return Err(Reason::Attribute("interrupt".to_owned()));
    }
    // No convention to clang, but it moves arguments to registers.
    if function.canonical().spelling().contains("regparm") {
        return Err(Reason::Convention("regparm".to_owned()));
    }
    let convention = function.convention();
    let refused = match convention {
        c if c == CXCallingConv_C => return Ok(()),
        c if c == CXCallingConv_X86_64Win64 => "ms_abi",
        c if c == CXCallingConv_X86VectorCall => "vectorcall",
        c if c == CXCallingConv_X86RegCall => "regcall",
        c if c == CXCallingConv_PreserveMost => "preserve_most",
        c if c == CXCallingConv_PreserveAll => "preserve_all",
        c if c == CXCallingConv_PreserveNone => "preserve_none",
        _ => {
            // As clang prints it behind the function type: `int (int) __attribute__((swiftcall))`.
            let spelling = function.spelling();
            let attribute = spelling
                .split("__attribute__((")
                .nth(1)
                .and_then(|rest| rest.split(')').next());
            return Err(Reason::Convention(
                attribute.map_or_else(|| format!("number {convention}"), str::to_owned),
            ));
        }
    };
    Err(Reason::Convention(refused.to_owned()))
}

fn is_noreturn(function: Ty<'_>, printed: &str) -> bool {
    const ATTRIBUTE: &str = "__attribute__((noreturn))";
    let mut words = printed.split_whitespace();
    if words.any(|word| ["_Noreturn", "[[noreturn]]", "[[_Noreturn]]"].contains(&word)) {
        return true;
    }
    // As part of the type it is printed last, unless it belongs to the function that a returned pointer points to.
    let is_last = |ty: Ty<'_>| ty.canonical().spelling().ends_with(ATTRIBUTE);
    is_last(function) && !is_last(function.result())
}

/// The string literal behind `start` in `printed`.
fn quoted(printed: &str, start: &str) -> Option<String> {
    let rest = printed.split(start).nth(1)?.strip_prefix('"')?;
    rest.split('"').next().map(str::to_owned)
}
