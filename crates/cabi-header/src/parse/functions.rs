//! Declared functions: parameters, result, convention and attributes.

use clang_sys::{
    CX_SC_Extern, CX_SC_Static, CXCallingConv_C, CXCallingConv_X86_64SysV,
    CXCallingConv_X86_64Win64, CXCursor_AsmLabelAttr, CXCursor_FunctionDecl, CXCursor_ParmDecl,
    CXLinkage_Internal, CXType_FunctionNoProto,
};

use cabi::{Convention, Type, X86_64_SYSV, X86_64_WIN64};

use crate::clang::{Cursor, Ty};
use crate::declarator::{declared, parenthesized};
use crate::header::Prototype;
use crate::parse::attributes::has_attribute;
use crate::parse::classes::qualified_name;
use crate::parse::kinds::{is_array, is_function, is_pointer};
use crate::parse::prelude;
use crate::parse::targets::OwnTarget;
use crate::parse::types::{Reader, unsupported};
use crate::parse::written_types::{decayed, desugared, without_place};
use crate::reason::Reason;
use crate::written_type::WrittenType;

/// Returns the type of a function in C that other compilers read too. In clang's spelling,
/// attributes of the function follow the type, where gcc takes none. It has qualifiers that gcc
/// lacks, and the prelude's names for types that clang lacks.
///
/// Returns an empty text if the spelling is another type. The spelling loses the place of an
/// attribute where a function returns a pointer to a function. The spelling of an old definition
/// has parameters, which gcc's and clang's `__typeof__` of it may lack.
fn spelled_function(cursor: Cursor<'_>) -> String {
    let mut text = cursor.ty().spelling();
    let returns_function = cursor.ty().canonical().spelling().contains("))(");
    if returns_function && text.contains("__attribute__((") || is_old_definition(cursor) {
        return String::new();
    }
    while let Some(at) = text.rfind(" __attribute__((")
        && let group = text.get(at + " __attribute__".len()..).unwrap_or("")
        && parenthesized(group).is_some_and(|inner| inner.len() + 2 == group.len())
    {
        text.truncate(at);
    }
    for word in [" _Nonnull", " _Nullable", " _Null_unspecified"] {
        text = text.replace(word, "");
    }
    // A `va_list` has decayed to a pointer to clang's record, whose tag other compilers do not
    // know; as a parameter it decays again.
    let text = text.replace("struct __va_list_tag *", "__builtin_va_list");
    prelude::names_of_c(&text)
}

/// Checks whether `function` has its parameters after the parentheses (C17 6.9.1).
fn is_old_definition(function: Cursor<'_>) -> bool {
    function.arg(0).place().offset > function.extent().1.offset
}

/// Most types that one function type may be made of, typedefs resolved. Each is spelled out by
/// clang, so functions that take functions that take functions grow without bound.
const MAX_TYPES: usize = 1 << 12;

/// Checks whether `function` is made of more than [`MAX_TYPES`] types.
fn has_many_types(function: Ty<'_>) -> bool {
    let mut types = vec![function.canonical()];
    let mut n = 0;
    while let Some(ty) = types.pop() {
        n += 1;
        if n + types.len() > MAX_TYPES {
            return true;
        }
        match ty.kind() {
            kind if is_function(kind) => {
                types.push(ty.result());
                types.extend((0..n_params(ty)).map(|i| ty.param(i).canonical()));
            }
            kind if is_pointer(kind) => types.push(ty.pointee()),
            kind if is_array(kind) => types.push(ty.array_element()),
            _ => {}
        }
    }
    false
}

impl<'u> Reader<'u> {
    /// Returns the function that `cursor` declares, if it has a symbol and follows the C
    /// convention.
    pub(crate) fn prototype(&mut self, cursor: Cursor<'u>) -> Result<Prototype, Reason> {
        if cursor.is_invalid() {
            return Err(Reason::Invalid("the declaration is invalid".to_owned()));
        }
        if cursor.storage() == CX_SC_Static || cursor.linkage() == CXLinkage_Internal {
            return Err(Reason::Static);
        }
        if self.is_inline_alone(cursor) {
            return Err(Reason::Inline);
        }
        let ty = cursor.ty();
        let mut resolved = [ty, ty.canonical()].into_iter();
        let function = resolved.find(|ty| is_function(ty.kind()));
        let function = function.ok_or_else(|| unsupported(ty, "this is not a function type"))?;
        self.prototype_of(cursor, function)
    }

    /// Returns the function type `function` as `cursor` declares it: a function, or a declaration
    /// whose type leads to it.
    pub(crate) fn prototype_of(
        &mut self,
        cursor: Cursor<'u>,
        function: Ty<'u>,
    ) -> Result<Prototype, Reason> {
        if has_many_types(function) {
            return Err(Reason::Unsupported {
                ty: cursor.name(),
                why: "its type has more than 4096 parts once typedefs are resolved",
            });
        }
        let printed = cursor.printed();
        let target = (self.facts.x86_64, &*self.target);
        let convention = convention(function, &cursor.name(), &printed, target)?;
        let own_target = OwnTarget::new(&cursor.printed_with_strings(), self.facts.vectors)?;
        let unprototyped = function.kind() == CXType_FunctionNoProto;
        let mut prototype = Prototype {
            symbol: self.symbol(cursor),
            written_ret: self.written(function.result()),
            spelled_ret: without_place(&prelude::names_of_c(&function.result().spelling())),
            convention,
            variadic: function.is_variadic() && !unprototyped,
            unprototyped,
            noreturn: is_noreturn(function, &printed),
            target_features: own_target.features.clone(),
            vectors: own_target.vectors,
            spelled: spelled_function(cursor),
            location: cursor.place().location(),
            ..Prototype::new(&qualified_name(cursor), Vec::new(), Type::VOID)
        };
        self.params(cursor, function, &mut prototype)?;
        let result = self.result(function, &mut prototype);
        result.map_err(|reason| reason.inside("result".to_owned()))?;
        self.check_target(cursor, &own_target, &mut prototype)?;
        Ok(prototype)
    }

    /// Returns whether the declaration has an `inline` that gives the function no symbol: in C
    /// without `extern` (C17 6.7.4), in GNU's older C with it. In C++ no `inline` gives one.
    fn is_inline_alone(&self, cursor: Cursor<'u>) -> bool {
        if !cursor.is_inline() || self.facts.cxx {
            return cursor.is_inline();
        }
        // To libclang a declaration is inline too if an earlier one is.
        let printed = cursor.printed();
        let is_written = printed.split_whitespace().any(|word| word == "inline");
        let is_gnu = self.facts.gnu_inline || has_attribute(&printed, "gnu_inline");
        is_written && (cursor.storage() == CX_SC_Extern) == is_gnu
    }

    /// Returns the name in an assembler label, the mangled name of a function that may be
    /// overloaded, or else the declared name.
    pub(crate) fn symbol(&self, cursor: Cursor<'u>) -> String {
        let mut children = cursor.children().into_iter();
        match children.find(|child| child.kind() == CXCursor_AsmLabelAttr) {
            Some(label) => label.name(),
            None if self.is_overloadable(cursor) => cursor.mangled(),
            None => cursor.name(),
        }
    }

    /// Returns whether other functions may have the name of `cursor`: in C++, and by clang's
    /// attribute `overloadable`.
    pub(crate) fn is_overloadable(&self, cursor: Cursor<'u>) -> bool {
        let has_attributes = || cursor.children().into_iter().any(Cursor::is_attribute);
        self.facts.cxx || (has_attributes() && has_attribute(&cursor.printed(), "overloadable"))
    }

    fn params(
        &mut self,
        cursor: Cursor<'u>,
        function: Ty<'u>,
        prototype: &mut Prototype,
    ) -> Result<(), Reason> {
        let declared = declared_params(cursor, function);
        for i in 0..n_params(function) {
            let n = i as usize;
            let declared = declared.get(n).map(|declared| declared.name());
            let name = declared.filter(|name| !name.is_empty());
            let (ty, by_reference) = self.param(function.param(i)).map_err(|reason| {
                let name = name.as_ref().map(|name| format!(" ({name})"));
                reason.inside(format!("parameter {}{}", n + 1, name.unwrap_or_default()))
            })?;
            if by_reference {
                prototype.by_reference.push(n);
            }
            prototype.params.push((name, ty));
            prototype.spelled_params.push(spelled(function.param(i)));
            let written = self.written(function.param(i));
            prototype.written_params.push(decayed(written));
        }
        Ok(())
    }

    fn result(&mut self, function: Ty<'u>, prototype: &mut Prototype) -> Result<(), Reason> {
        let ty = function.result();
        let (ret, by_reference) = self.passed(ty)?;
        prototype.ret = ret;
        if !by_reference {
            return Ok(());
        }
        if !self.facts.x86_64 {
            // Elsewhere the address has a register of its own.
            let why = "a result by invisible reference is supported only on x86-64";
            return Err(unsupported(ty, why));
        }
        // psABI 3.2.3, Returning of Values: passed as if it were the first argument, in rax on
        // return.
        let address = WrittenType::Pointer(Box::new(prototype.written_ret.clone()));
        prototype.returns_by_reference = true;
        prototype.params.insert(0, (None, self.model.pointer()));
        let spelling = declared(&prototype.spelled_ret, "*");
        prototype.spelled_params.insert(0, spelling.clone());
        prototype.spelled_ret = spelling;
        prototype.written_params.insert(0, address.clone());
        prototype.written_ret = address;
        prototype.by_reference.iter_mut().for_each(|i| *i += 1);
        Ok(())
    }

    /// Returns the type a parameter has after decay. The elements of an array do not matter then,
    /// and their number may be known at run time only.
    fn param(&mut self, ty: Ty<'u>) -> Result<(Type, bool), Reason> {
        if is_array(ty.canonical().kind()) {
            return Ok((self.model.pointer(), false));
        }
        let (declared, by_reference) = self.passed(ty)?;
        Ok((self.model.decay(&declared), by_reference))
    }
}

/// Returns how many parameters `function`, a function type, has.
fn n_params(function: Ty<'_>) -> u32 {
    debug_assert!(
        function.n_params() >= 0,
        "libclang counts none of a function type alone"
    );
    u32::try_from(function.n_params()).unwrap_or(0)
}

/// Returns the declarations of the parameters of `function`, the type that `cursor` has or leads
/// to. Returns none if the source declares other parameters too.
fn declared_params<'u>(cursor: Cursor<'u>, function: Ty<'u>) -> Vec<Cursor<'u>> {
    if cursor.kind() == CXCursor_FunctionDecl {
        let params = (0..n_params(function)).map(|i| cursor.arg(i));
        let params: Vec<_> = params.collect();
        let is_declared = params.iter().all(|param| !param.is_null());
        return if is_declared { params } else { Vec::new() };
    }
    let mut declared = cursor.children();
    declared.retain(|child| child.kind() == CXCursor_ParmDecl);
    if declared.len() != n_params(function) as usize {
        declared.clear();
    }
    declared
}

/// Returns the type of a parameter as clang spells it; an array as the pointer it decays to.
fn spelled(param: Ty<'_>) -> String {
    let canonical = param.canonical();
    let text = match is_array(canonical.kind()) {
        true => declared(&desugared(param).array_element().spelling(), "*"),
        false => param.spelling(),
    };
    without_place(&prelude::names_of_c(&text))
}

/// Returns the function type that `ty` is, or is a pointer to.
pub(crate) fn function_type_of(ty: Ty<'_>) -> Option<Ty<'_>> {
    let bare = desugared(ty);
    let pointee = is_pointer(bare.kind()).then(|| bare.pointee());
    [
        Some(bare),
        pointee.map(desugared),
        pointee.map(Ty::canonical),
    ]
    .into_iter()
    .flatten()
    .find(|ty| is_function(ty.kind()))
}

/// Returns the convention if it is not the target's own. Refuses one without a table by name.
fn convention(
    function: Ty<'_>,
    name: &str,
    printed: &str,
    (is_x86_64, target): (bool, &str),
) -> Result<Option<&'static Convention>, Reason> {
    // clang knows these without an attribute; it prints none.
    const RETURN_TWICE: &str = "setjmp _setjmp __sigsetjmp sigsetjmp savectx vfork getcontext";
    if RETURN_TWICE.split(' ').any(|known| known == name) {
        return Err(Reason::Attribute("returns_twice".to_owned()));
    }
    // To clang these are no conventions, but they change calls: some add a hidden argument, some
    // change which registers a callee keeps.
    const CHANGE_CALLS: [&str; 5] = [
        "returns_twice",
        "interrupt",
        "no_caller_saved_registers",
        "pass_object_size",
        "pass_dynamic_object_size",
    ];
    let type_spelling = function.canonical().spelling();
    let has = |name: &str| has_attribute(printed, name) || has_attribute(&type_spelling, name);
    if let Some(attribute) = CHANGE_CALLS.into_iter().find(|name| has(name)) {
        return Err(Reason::Attribute(attribute.to_owned()));
    }
    // Streaming mode and the state `za` of Arm's SME are entered and left around a call.
    const SME: [&str; 6] = [
        "__arm_streaming",
        "__arm_in",
        "__arm_out",
        "__arm_inout",
        "__arm_preserves",
        "__arm_agnostic",
    ];
    let is_sme = |word: &&str| SME.contains(word);
    if let Some(attribute) = type_spelling.split([' ', '(', ')']).find(is_sme) {
        return Err(Reason::Attribute(attribute.to_owned()));
    }
    // `regparm` is no convention to clang either, but moves arguments to registers.
    if has("regparm") {
        return Err(Reason::Convention("regparm".to_owned()));
    }
    match function.convention() {
        CXCallingConv_C => Ok(None),
        CXCallingConv_X86_64Win64 if is_x86_64 => Ok(Some(&X86_64_WIN64)),
        CXCallingConv_X86_64Win64 => Err(Reason::from(cabi::Error::Unsupported {
            ty: "ms_abi".to_owned(),
            why: "supported only for the targets of Windows",
            target: target.to_owned(),
        })),
        CXCallingConv_X86_64SysV if is_x86_64 => Ok(Some(&X86_64_SYSV)),
        number => {
            // clang prints the attribute after the function type, after those of parameters:
            // `int (int) __attribute__((swiftcall))`.
            let spelling = function.spelling();
            let attributes = spelling.split("__attribute__((").skip(1);
            let names = attributes.filter_map(|rest| rest.split(')').next());
            let keyword = names.filter(|name| *name != "noreturn").last();
            let keyword = keyword.map_or_else(|| format!("number {number}"), str::to_owned);
            Err(Reason::Convention(keyword))
        }
    }
}

fn is_noreturn(function: Ty<'_>, printed: &str) -> bool {
    const ATTRIBUTE: &str = "__attribute__((noreturn))";
    let mut words = printed.split_whitespace();
    if words.any(|word| ["_Noreturn", "[[noreturn]]", "[[_Noreturn]]"].contains(&word)) {
        return true;
    }
    // As part of the type the attribute is printed last, unless it belongs to the function that a
    // returned pointer points to.
    let is_last = |ty: Ty<'_>| ty.canonical().spelling().ends_with(ATTRIBUTE);
    is_last(function) && !is_last(function.result())
}
