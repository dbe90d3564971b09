//! The C of the signatures.

use std::fmt::Write as _;

use cabi::{DataModel, Kind, Record, Scalar, Type};
use cabi_header::Emitter;

use crate::measured_signatures::{MeasuredSignature, offsets};
use crate::shims::first_like_result;
use crate::suite::Result;

/// Bytes of the buffers that arguments and results are in.
pub(super) const BUFFER: usize = 4096;

/// Shared text of all signatures: the loops. Each makes a call, and then zeroes the counts of
/// callgrind, if that runs the program. After `n` more calls it has callgrind write a file with its
/// `name`. `ffi_call` exchanges its stack, after which callgrind no longer knows the callers: there
/// are no counts by function.
const SHARED: &str = include_str!("loops.c");

/// Shared text of the descriptions of types for libffi.
const LIBFFI: &str = include_str!("libffi.c");

/// Returns the whole text. It needs no libffi if there are no signatures.
pub(super) fn source(signatures: &[MeasuredSignature]) -> Result<String> {
    let mut emitter = Emitter::new(&DataModel::LP64);
    let mut functions = String::new();
    for measured in signatures {
        one(&mut functions, &mut emitter, measured)?;
        if measured.in_libffi {
            functions += &Descriptions::of(measured)?;
        }
    }
    let libffi = if signatures.is_empty() { "" } else { LIBFFI };
    let buffers = format!("_Alignas(64) unsigned char cabi_given[{BUFFER}];");
    let definitions = emitter.definitions();
    Ok(format!(
        "{SHARED}{libffi}{buffers}\n{definitions}{functions}"
    ))
}

/// The descriptions of a signature's types, as libffi wants them.
struct Descriptions {
    text: String,
    signature: &'static str,
    structures: Vec<String>,
}

impl Descriptions {
    /// Makes `cif_NAME`, and `prepare_NAME`, which prepares it, lays the structures out and returns
    /// libffi's status.
    fn of(measured: &MeasuredSignature) -> Result<String> {
        let (name, sig) = (measured.name, &measured.sig);
        let mut own = Self {
            text: String::new(),
            signature: name,
            structures: Vec::new(),
        };
        let params = sig.params().iter().map(|param| own.name(&param.ty));
        let mut args = params.collect::<Result<Vec<_>>>()?;
        let (n, result) = (args.len(), own.name(sig.result())?);
        args.push("0".to_owned());
        let (prepare, named) = match measured.n_named() {
            Some(named) => ("ffi_prep_cif_var", format!("{named}, ")),
            None => ("ffi_prep_cif", String::new()),
        };
        let args = args.join(", ");
        writeln!(
            own.text,
            "static ffi_type *args_{name}[] = {{ {args} }};\nffi_cif cif_{name};\n\
             int prepare_{name}(void) {{ return {prepare}(&cif_{name}, FFI_DEFAULT_ABI, {named}{n}, {result}, args_{name}); }}"
        )?;
        Ok(own.text)
    }

    /// Returns the address of the description of `ty`.
    fn name(&mut self, ty: &Type) -> Result<String> {
        let known = match ty.kind() {
            Kind::Void => "void".to_owned(),
            Kind::Scalar(Scalar::Ptr) => "pointer".to_owned(),
            Kind::Scalar(Scalar::Int { bits, signed }) if *bits <= 64 => {
                format!("{}int{bits}", if *signed { "s" } else { "u" })
            }
            Kind::Scalar(scalar) => float(*scalar)?.to_owned(),
            Kind::Complex(scalar) => format!("complex_{}", float(*scalar)?),
            Kind::Record(record) => return self.structure(record),
            _ => return Err(format!("libffi has no {ty}").into()),
        };
        Ok(format!("&ffi_type_{known}"))
    }

    fn structure(&mut self, record: &Record) -> Result<String> {
        let mut members = Vec::new();
        for field in record.fields() {
            match field.ty().kind() {
                // libffi has no arrays.
                Kind::Array(array) => {
                    let n = usize::try_from(field.ty().size() / array.elem.size())?;
                    members.extend(std::iter::repeat_n(self.name(&array.elem)?, n));
                }
                _ => members.push(self.name(field.ty())?),
            }
        }
        let name = format!("{}_{}", self.signature, self.structures.len());
        writeln!(self.text, "STRUCTURE({name}, {})", members.join(", "))?;
        self.structures.push(name.clone());
        Ok(format!("&{name}"))
    }
}

fn float(scalar: Scalar) -> Result<&'static str> {
    match scalar {
        Scalar::F32 => Ok("float"),
        Scalar::F64 => Ok("double"),
        Scalar::F80 => Ok("longdouble"),
        _ => Err(format!("libffi has no {scalar:?}").into()),
    }
}

/// Appends the functions of a signature: `used_NAME` returns a value that depends on all its
/// arguments, as far as C can express that in a line; `same_NAME` returns its first argument of the
/// result's type; `caller_NAME` is a shim; `repeat_NAME` makes that call in a loop.
fn one(text: &mut String, emitter: &mut Emitter, measured: &MeasuredSignature) -> Result<()> {
    let (name, sig) = (measured.name, &measured.sig);
    let mut types = Vec::new();
    for param in sig.params() {
        types.push(emitter.spelling(&param.ty)?);
    }
    let result = emitter.spelling(sig.result())?;
    let n_named = measured.n_named().unwrap_or(types.len());
    let named = types.iter().take(n_named).enumerate();
    let mut params: Vec<String> = named.map(|(j, ty)| format!("{ty} a{j}")).collect();
    let mut fetches = String::new();
    if measured.n_named().is_some() {
        params.push("...".to_owned());
        write!(fetches, "va_list list; va_start(list, a{}); ", n_named - 1)?;
    } else if params.is_empty() {
        params.push("void".to_owned());
    }
    for (j, ty) in types.iter().enumerate().skip(n_named) {
        write!(fetches, "{ty} a{j} = va_arg(list, {ty}); ")?;
    }
    let params = params.join(", ");
    let has_result = sig.result().size() > 0;
    let returned = match has_result {
        true => format!("{result} r; memcpy(&r, cabi_given, sizeof r); return r;"),
        false => String::new(),
    };
    let first = first_like_result(sig).map(|j| format!("return a{j};"));
    let same = first.unwrap_or_else(|| returned.clone());
    let used = match sum(measured) {
        Some(sum) => format!("return ({result})({sum});"),
        None => same.clone(),
    };
    writeln!(text, "{result} used_{name}({params}) {{ {fetches}{used} }}")?;
    writeln!(text, "{result} same_{name}({params}) {{ {fetches}{same} }}")?;

    let values = types.iter().zip(offsets(sig));
    let values: Vec<String> = values
        .map(|(ty, offset)| format!("*(const {ty} *)(args + {offset})"))
        .collect();
    let call = format!("(({result} (*)({params}))target)({})", values.join(", "));
    let call = match has_result {
        true => format!("*({result} *)ret = {call};"),
        false => format!("{call};"),
    };
    let shim = "const unsigned char *args, void *ret, void *target";
    writeln!(text, "void caller_{name}({shim}) {{ {call} }}")?;
    writeln!(text, "void repeat_{name} LOOP({call})")?;
    Ok(())
}

/// Returns the sum of all numbers in all arguments, if the result is a number: it depends on all of
/// them.
fn sum(measured: &MeasuredSignature) -> Option<String> {
    let is_number = |ty: &Type| match ty.kind() {
        Kind::Scalar(scalar) => !matches!(scalar, Scalar::Ptr),
        Kind::Complex(_) => true,
        _ => false,
    };
    let mut terms = Vec::new();
    for (j, param) in measured.sig.params().iter().enumerate() {
        match param.ty.as_record() {
            Some(record) => terms.extend(
                (record.fields().iter())
                    .filter(|field| is_number(field.ty()))
                    .filter_map(|field| Some(format!("a{j}.{}", field.name()?))),
            ),
            None if is_number(&param.ty) => terms.push(format!("a{j}")),
            None => {}
        }
    }
    let is_one = is_number(measured.sig.result()) && !terms.is_empty();
    is_one.then(|| terms.join(" + "))
}
