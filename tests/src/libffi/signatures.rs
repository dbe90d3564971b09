//! The signatures that are compared.

use cabi::{DataModel, Error, FnSig, RecordBuilder, Type};

/// A signature that both call and are called with.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Its name.
    pub name: &'static str,
    /// Of a variadic function, one call's.
    pub sig: FnSig,
    /// How many arguments are named, in a variadic call.
    pub n_named: Option<usize>,
    /// What `ffi_call` is documented to do wrong.
    pub ffi_call_is_wrong: Option<&'static str>,
}

const GARBAGE: &str = "a structure of one long double comes back as garbage";

/// All of them: 40, and one that `ffi_call` is wrong about.
///
/// # Errors
/// [`Error`], which none of these types meets.
pub fn compared() -> Result<Vec<Compared>, Error> {
    use Type as T;
    let record = |fields: &[T]| {
        let members = fields.iter().enumerate();
        let record = members.fold(RecordBuilder::structure("s"), |record, (i, ty)| {
            record.field(&format!("f{i}"), ty.clone())
        });
        record.build(&DataModel::LP64)
    };
    let many = |elem: T, n: u64| record(&[T::array(&elem, n)?]);
    let one = |ty: &T| FnSig::new([ty.clone()], ty.clone());
    let two = |ty: &T| FnSig::new([ty.clone(), ty.clone()], ty.clone());
    let variadic = |named: &[T], unnamed: &[T], result| {
        let sig = FnSig::new(named.iter().cloned(), result).variadic();
        sig.at_call(unnamed.iter().cloned())
    };
    let (dd, ll) = (record(&[T::F64, T::F64])?, record(&[T::I64, T::I64])?);
    let (dl, ld) = (record(&[T::F64, T::I64])?, record(&[T::I64, T::F64])?);
    let (l4, c17) = (many(T::I64, 4)?, many(T::U8, 17)?);
    let ff = record(&[T::F32, T::F32])?;
    let longs = |n| vec![T::I64; n];
    let then = |mut first: Vec<T>, rest: &[T]| {
        first.extend(rest.iter().cloned());
        first
    };
    let mix10 = [T::I32, T::F64, dl.clone(), T::I64, T::F32, T::I8, T::I16];
    let mix10 = then(mix10.to_vec(), &[ll.clone(), ll.clone(), T::U32]);
    let plain = [
        ("i32_2", two(&T::I32)),
        ("f64_2", two(&T::F64)),
        ("f32_2", two(&T::F32)),
        ("ptr", one(&T::PTR)),
        ("i8_2", two(&T::I8)),
        ("u16_mixed", FnSig::new([T::U16, T::I8, T::U8], T::U16)),
        ("u8_of_u64", FnSig::new([T::U64], T::U8)),
        ("i64_8", FnSig::new(longs(8), T::I64)),
        ("f64_10", FnSig::new(vec![T::F64; 10], T::F64)),
        ("f32_9", FnSig::new(vec![T::F32; 9], T::F32)),
        (
            "scalars",
            FnSig::new([T::I32, T::F64, T::I64, T::F32, T::U8, T::I16], T::F64),
        ),
        ("no_result", FnSig::new([T::PTR, T::I64], T::VOID)),
        ("nothing", FnSig::new([], T::I64)),
        ("s_dd", one(&dd)),
        ("s_ll", one(&ll)),
        ("s_dl", one(&dl)),
        ("s_ld", one(&ld)),
        ("s_if", one(&record(&[T::I32, T::F32])?)),
        ("s_ff", one(&ff)),
        ("s_fff", one(&record(&[T::F32, T::F32, T::F32])?)),
        ("s_f4", one(&many(T::F32, 4)?)),
        ("s_fd", one(&record(&[T::F32, T::F64])?)),
        ("s_cs", one(&record(&[T::I8, T::I16])?)),
        ("s_d", one(&record(&[T::F64])?)),
        ("s_nested", one(&record(&[ff, T::I32])?)),
        ("s_i3", one(&many(T::I32, 3)?)),
        ("s_c3", one(&many(T::U8, 3)?)),
        ("s_c9", one(&many(T::U8, 9)?)),
        ("s_c17", one(&c17)),
        ("s_l4", one(&l4)),
        ("s_l9", one(&many(T::I64, 9)?)),
        ("ld_2", two(&T::F80)),
        ("cplx", one(&T::complex(&T::F64)?)),
        ("cplxf", one(&T::complex(&T::F32)?)),
        ("cplxl", one(&T::complex(&T::F80)?)),
        ("mix10", FnSig::new(mix10, T::F64)),
        (
            "pair_on_stack",
            FnSig::new(then(longs(5), &[ll.clone(), T::I64]), ll),
        ),
        ("memory", FnSig::new([l4, T::I32, c17, T::F80, T::F64], dd)),
    ];
    let mut all: Vec<Compared> = Vec::new();
    let mut push = |name, sig, n_named, ffi_call_is_wrong| {
        all.push(Compared {
            name,
            sig,
            n_named,
            ffi_call_is_wrong,
        });
    };
    for (name, sig) in plain {
        push(name, sig, None, None);
    }
    let vsum4 = variadic(&[T::I32], &[T::F64, T::F64, T::F64, T::F64], T::F64)?;
    push("vsum4", vsum4, Some(1), None);
    let vmixed = variadic(
        &[T::PTR, T::F64],
        &[T::I32, T::F64, T::I64, dl, T::PTR],
        T::I32,
    )?;
    push("vmixed", vmixed, Some(2), None);
    push("s_x87", one(&record(&[T::F80])?), None, Some(GARBAGE));
    Ok(all)
}
