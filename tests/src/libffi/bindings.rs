//! libffi, loaded at run time: `ffi.h` of versions 3.4 to 3.6 on x86-64 System V.

use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void};
use std::ptr;

use cabi::{FnSig, Kind, Scalar, Type};

use super::Result;

/// `FFI_UNIX64`.
const ABI: c_int = 2;
/// `FFI_TYPE_STRUCT`.
const STRUCT: u16 = 13;
/// At least `sizeof(ffi_closure)`.
const CLOSURE_BYTES: usize = 64;

/// `ffi_type`.
#[repr(C)]
struct FfiType {
    size: usize,
    alignment: u16,
    kind: u16,
    elements: *const *const FfiType,
}

/// `ffi_cif`.
#[repr(C)]
struct RawCif {
    abi: c_int,
    n_args: c_uint,
    args: *const *const FfiType,
    result: *const FfiType,
    bytes: c_uint,
    flags: c_uint,
}

type Prepare = unsafe extern "C" fn(
    *mut RawCif,
    c_int,
    c_uint,
    *const FfiType,
    *const *const FfiType,
) -> c_int;
type PrepareVariadic = unsafe extern "C" fn(
    *mut RawCif,
    c_int,
    c_uint,
    c_uint,
    *const FfiType,
    *const *const FfiType,
) -> c_int;
type Handler = unsafe extern "C" fn(*mut RawCif, *mut u8, *const *const u8, *const c_void);
type Allocate = unsafe extern "C" fn(usize, *mut *mut c_void) -> *mut c_void;
type PrepareClosure =
    unsafe extern "C" fn(*mut c_void, *mut RawCif, Handler, *const c_void, *mut c_void) -> c_int;

/// libffi.
pub struct Libffi {
    library: libloading::Library,
    prepare: Prepare,
    prepare_variadic: PrepareVariadic,
}

/// A signature that is prepared: libffi's call interface.
pub struct Cif<'a> {
    libffi: &'a Libffi,
    raw: Box<RawCif>,
    // What the interface points to.
    types: Types<'a>,
    n_named: Option<c_uint>,
}

/// The descriptions of types.
struct Types<'a> {
    libffi: &'a Libffi,
    #[allow(clippy::vec_box, reason = "their addresses are kept")]
    own: Vec<Box<FfiType>>,
    lists: Vec<Box<[*const FfiType]>>,
}

/// A function pointer of libffi's. Dropping it frees it.
pub struct FfiClosure<'a> {
    libffi: &'a Libffi,
    closure: *mut c_void,
    code: *mut c_void,
}

impl Libffi {
    /// The file that `CABI_LIBFFI` names, else the installed one.
    pub fn load() -> Result<Self> {
        // SAFETY: libffi's own routines are made to be run when it is loaded.
        let open = |name: &OsStr| unsafe { libloading::Library::new(name) };
        let library = match std::env::var_os("CABI_LIBFFI") {
            Some(file) => open(&file)
                .map_err(|why| format!("CABI_LIBFFI={} does not load: {why:?}", file.display()))?,
            None => {
                let names = ["libffi.so.8", "libffi.so", "libffi.so.7"].map(OsStr::new);
                let library = names.into_iter().find_map(|name| open(name).ok());
                library.ok_or("libffi is not installed (Debian: libffi-dev)")?
            }
        };
        // SAFETY: these are the types of the functions in `ffi.h`, which stay where they are with the library.
        unsafe {
            let (prepare, prepare_variadic) = (
                *library.get::<Prepare>(b"ffi_prep_cif")?,
                *library.get::<PrepareVariadic>(b"ffi_prep_cif_var")?,
            );
            Ok(Self {
                library,
                prepare,
                prepare_variadic,
            })
        }
    }

    /// Its version, if it is one that can say it: 3.5 or newer.
    pub fn version(&self) -> Option<String> {
        type Version = unsafe extern "C" fn() -> *const c_char;
        // SAFETY: this is the function's type in `ffi.h`, and what it returns is a constant.
        unsafe {
            let version = self.function::<Version>("ffi_get_version").ok()?;
            Some(CStr::from_ptr(version()).to_string_lossy().into_owned())
        }
    }

    /// # Safety
    /// `F` is the type of the function `name`.
    unsafe fn function<F: Copy>(&self, name: &str) -> Result<F> {
        // SAFETY: as the caller says.
        Ok(unsafe { *self.library.get::<F>(name.as_bytes())? })
    }

    /// The description of a scalar or complex type.
    fn known(&self, name: &str) -> Result<*const FfiType> {
        // SAFETY: a symbol of this type is the address of a variable.
        unsafe { self.function(name) }
    }

    /// Prepares calls of `sig`, of which the first `n_named` arguments are named.
    pub fn prepare(&self, sig: &FnSig, n_named: Option<usize>) -> Result<Cif<'_>> {
        let mut types = Types {
            libffi: self,
            own: Vec::new(),
            lists: Vec::new(),
        };
        let mut args = Vec::new();
        for param in sig.params() {
            args.push(types.of(&param.ty)?);
        }
        let n = c_uint::try_from(args.len())?;
        let args = types.list(args);
        let result = types.of(sig.result())?;
        let mut raw = Box::new(RawCif {
            abi: 0,
            n_args: 0,
            args: ptr::null(),
            result: ptr::null(),
            bytes: 0,
            flags: 0,
        });
        (raw.n_args, raw.args, raw.result) = (n, args, result);
        let mut cif = Cif {
            libffi: self,
            raw,
            types,
            n_named: None,
        };
        cif.n_named = n_named.map(c_uint::try_from).transpose()?;
        match cif.prepare() {
            0 => Ok(cif),
            status => Err(format!("libffi refuses {sig}: status {status}").into()),
        }
    }
}

impl Types<'_> {
    fn of(&mut self, ty: &Type) -> Result<*const FfiType> {
        let known = match ty.kind() {
            Kind::Void => "void".to_owned(),
            Kind::Scalar(Scalar::Ptr) => "pointer".to_owned(),
            Kind::Scalar(Scalar::Int { bits, signed }) if *bits <= 64 => {
                format!("{}int{bits}", if *signed { "s" } else { "u" })
            }
            Kind::Scalar(scalar) => float(*scalar)?.to_owned(),
            Kind::Complex(scalar) => format!("complex_{}", float(*scalar)?),
            Kind::Record(record) => {
                let mut elements = Vec::new();
                for field in record.fields() {
                    match field.ty().kind() {
                        // libffi has no arrays.
                        Kind::Array(array) => {
                            let element = self.of(&array.elem)?;
                            let n = usize::try_from(field.ty().size() / array.elem.size())?;
                            elements.extend(std::iter::repeat_n(element, n));
                        }
                        _ => elements.push(self.of(field.ty())?),
                    }
                }
                elements.push(ptr::null());
                let elements = self.list(elements);
                let own = Box::new(FfiType {
                    size: 0,
                    alignment: 0,
                    kind: STRUCT,
                    elements,
                });
                let address = &raw const *own;
                self.own.push(own);
                return Ok(address);
            }
            _ => return Err(format!("libffi has no {ty}").into()),
        };
        self.libffi.known(&format!("ffi_type_{known}"))
    }

    fn list(&mut self, types: Vec<*const FfiType>) -> *const *const FfiType {
        let list = types.into_boxed_slice();
        let address = list.as_ptr();
        self.lists.push(list);
        address
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

impl Cif<'_> {
    /// Prepares the interface, and lays the structures out. Returns libffi's status.
    pub fn prepare(&mut self) -> c_int {
        for structure in &mut self.types.own {
            (structure.size, structure.alignment) = (0, 0);
        }
        let raw = &raw mut *self.raw;
        let (n, args, result) = (self.raw.n_args, self.raw.args, self.raw.result);
        let Libffi {
            prepare,
            prepare_variadic,
            ..
        } = self.libffi;
        // SAFETY: the descriptions live as long as the interface.
        unsafe {
            match self.n_named {
                None => prepare(raw, ABI, n, result, args),
                Some(named) => prepare_variadic(raw, ABI, named, n, result, args),
            }
        }
    }

    /// `ffi_call`, and its first argument.
    pub(super) fn raw(&self) -> (*const c_void, *mut c_void) {
        // SAFETY: only the address is taken. It was there when the interface was prepared: the same library has both.
        let call = unsafe { self.libffi.function::<*const c_void>("ffi_call") };
        let cif = (&raw const *self.raw).cast_mut().cast();
        (call.unwrap_or(ptr::null()), cif)
    }

    /// A function pointer that does nothing.
    pub(super) fn closure(&self) -> Result<FfiClosure<'_>> {
        let mut code = ptr::null_mut();
        let cif = (&raw const *self.raw).cast_mut();
        // SAFETY: these are the types of the functions in `ffi.h`; the interface lives as long as the closure.
        unsafe {
            let allocate: Allocate = self.libffi.function("ffi_closure_alloc")?;
            let prepare: PrepareClosure = self.libffi.function("ffi_prep_closure_loc")?;
            let closure = allocate(CLOSURE_BYTES, &raw mut code);
            let status = prepare(closure, cif, ignore, ptr::null(), code);
            let own = FfiClosure {
                libffi: self.libffi,
                closure,
                code,
            };
            match status {
                0 => Ok(own),
                status => Err(format!("libffi makes no closure: status {status}").into()),
            }
        }
    }
}

/// What libffi calls.
///
/// # Safety
/// None is needed.
unsafe extern "C" fn ignore(_: *mut RawCif, _: *mut u8, _: *const *const u8, _: *const c_void) {}

impl FfiClosure<'_> {
    pub(super) fn code(&self) -> *const c_void {
        self.code
    }
}

impl Drop for FfiClosure<'_> {
    fn drop(&mut self) {
        // SAFETY: the closure is libffi's own, and not called any more.
        unsafe {
            let free = self
                .libffi
                .function::<unsafe extern "C" fn(*mut c_void)>("ffi_closure_free");
            if let Ok(free) = free {
                free(self.closure);
            }
        }
    }
}
