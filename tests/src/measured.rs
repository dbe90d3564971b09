//! The signatures that performance is measured with. Each has a name, and most the same call written by hand as CLIF.

use cabi::{DataModel, Error, FnSig, RecordBuilder, Type};

use crate::hand::Hand;

/// A signature that is measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Its name.
    pub name: &'static str,
    /// Of a variadic function, one call's.
    pub sig: FnSig,
    /// The same call by hand.
    pub hand: Option<Hand>,
    /// The one by hand that compiles to the instructions of the lowered one, where Cranelift copies records of `hand`.
    pub same_code: Option<Hand>,
    /// Whether libffi has its types: it has no `__int128`.
    pub in_libffi: bool,
}

/// What is by hand where a call takes longer to write than a line: parts of three bytes are never read as four.
const C3: &str = "
    sig0 = (i64) -> i64 system_v
block0(v0: i64, v1: i64, v2: i64):
    v3 = uload16.i64 v0
    v4 = uload8.i64 v0+2
    v5 = iconst.i64 16
    v6 = ishl v4, v5
    v7 = bor v3, v6
    v8 = call_indirect sig0, v2(v7)
    istore16 v8, v1
    v9 = ushr v8, v5
    istore8 v9, v1+2
    return
";

const LONGS: &str = "i64@0 i64@8 i64@16 i64@24 i64@32 i64@40 i64@48 i64@56 -> i64@0";
const DOUBLES: &str =
    "f64@0 f64@8 f64@16 f64@24 f64@32 f64@40 f64@48 f64@56 f64@64 f64@72 -> f64@0";
const FLOATS: &str = "f32@0 f32@4 f32@8 f32@12 f32@16 f32@20 f32@24 f32@28 f32@32 -> f32@0";
const MIX10: &str = "i32@0 f64@8 f64@16 i64@24 i64@32 f32@40 sload8@44 sload16@46 sarg(16)@48 sarg(16)@64 i32@80 -> f64@0";

/// What is by hand in words and pairs of words, where it is shorter to write as a record that Cranelift copies.
const SAME_CODE: [(&str, &str); 3] = [
    (
        "s_l4",
        "sret pad pad pad pad pad pad pad pad pair@0 pair@16 ->",
    ),
    (
        "s_l9",
        "sret pad pad pad pad pad pad pad pad wide@0 wide@16 wide@32 wide@48 f64@64 ->",
    ),
    (
        "mix10",
        "i32@0 f64@8 f64@16 i64@24 i64@32 f32@40 sload8@44 sload16@46 i32@80 i64@48 i64@56 i64@64 i64@72 -> f64@0",
    ),
];

/// A signature whose call by hand is these loads and stores, if there are any.
type Row = (&'static str, FnSig, &'static str);

fn record(fields: &[Type]) -> Result<Type, Error> {
    let members = fields.iter().enumerate();
    let record = members.fold(RecordBuilder::structure("s"), |record, (i, ty)| {
        record.field(&format!("f{i}"), ty.clone())
    });
    record.build(&DataModel::LP64)
}

fn many(elem: &Type, n: u64) -> Result<Type, Error> {
    record(&[Type::array(elem, n)?])
}

/// A value in, the same out.
fn one(ty: &Type) -> FnSig {
    FnSig::new([ty.clone()], ty.clone())
}

fn two(ty: &Type) -> FnSig {
    FnSig::new([ty.clone(), ty.clone()], ty.clone())
}

fn scalars() -> Vec<Row> {
    use Type as T;
    let six = [T::I32, T::F64, T::I64, T::F32, T::U8, T::I16];
    vec![
        ("i32_2", two(&T::I32), "i32@0 i32@4 -> i32@0"),
        ("f64_2", two(&T::F64), "f64@0 f64@8 -> f64@0"),
        ("f32_2", two(&T::F32), "f32@0 f32@4 -> f32@0"),
        ("ptr", one(&T::PTR), "i64@0 -> i64@0"),
        ("i8_2", two(&T::I8), "sload8@0 sload8@1 -> i8@0"),
        (
            "u16_mixed",
            FnSig::new([T::U16, T::I8, T::U8], T::U16),
            "uload16@0 sload8@2 uload8@3 -> i16@0",
        ),
        ("u8_of_u64", FnSig::new([T::U64], T::U8), "i64@0 -> i8@0"),
        ("i64_8", FnSig::new(vec![T::I64; 8], T::I64), LONGS),
        ("f64_10", FnSig::new(vec![T::F64; 10], T::F64), DOUBLES),
        ("f32_9", FnSig::new(vec![T::F32; 9], T::F32), FLOATS),
        (
            "scalars",
            FnSig::new(six, T::F64),
            "i32@0 f64@8 i64@16 f32@24 uload8@28 sload16@30 -> f64@0",
        ),
        (
            "no_result",
            FnSig::new([T::PTR, T::I64], T::VOID),
            "i64@0 i64@8 ->",
        ),
        ("nothing", FnSig::new([], T::I64), "-> i64@0"),
        (
            "i128",
            two(&T::I128),
            "i64@0 i64@8 i64@16 i64@24 -> i64@0 i64@8",
        ),
        ("ld_2", two(&T::F80), ""),
    ]
}

fn records() -> Result<Vec<Row>, Error> {
    use Type as T;
    let ff = record(&[T::F32, T::F32])?;
    let pair = "f64@0 f64@8 -> f64@0 f64@8";
    let rows = [
        ("s_dd", record(&[T::F64, T::F64])?, pair),
        (
            "s_ll",
            record(&[T::I64, T::I64])?,
            "i64@0 i64@8 -> i64@0 i64@8",
        ),
        (
            "s_dl",
            record(&[T::F64, T::I64])?,
            "f64@0 i64@8 -> f64@0 i64@8",
        ),
        (
            "s_i64_f64",
            record(&[T::I64, T::F64])?,
            "i64@0 f64@8 -> i64@0 f64@8",
        ),
        ("s_if", record(&[T::I32, T::F32])?, "i64@0 -> i64@0"),
        ("s_ff", ff.clone(), "f64@0 -> f64@0"),
        (
            "s_fff",
            record(&[T::F32, T::F32, T::F32])?,
            "f64@0 f32@8 -> f64@0 f32@8",
        ),
        ("s_f4", many(&T::F32, 4)?, pair),
        (
            "s_fd",
            record(&[T::F32, T::F64])?,
            "f32@0 f64@8 -> f32@0 f64@8",
        ),
        ("s_cs", record(&[T::I8, T::I16])?, "i32@0 -> i32@0"),
        ("s_d", record(&[T::F64])?, "f64@0 -> f64@0"),
        (
            "s_nested",
            record(&[ff, T::I32])?,
            "f64@0 i32@8 -> f64@0 i32@8",
        ),
        ("s_i3", many(&T::I32, 3)?, "i64@0 i32@8 -> i64@0 i32@8"),
        ("s_c3", many(&T::I8, 3)?, C3),
        ("s_c9", many(&T::I8, 9)?, "i64@0 i8@8 -> i64@0 i8@8"),
        ("s_c17", many(&T::I8, 17)?, ""),
        ("s_l4", many(&T::I64, 4)?, "sret sarg(32)@0 ->"),
        ("s_l9", many(&T::I64, 9)?, "sret sarg(72)@0 ->"),
        ("s_ld", record(&[T::F80])?, ""),
        ("cplx", T::complex(&T::F64)?, pair),
        ("cplxf", T::complex(&T::F32)?, "f64@0 -> f64@0"),
        ("cplxl", T::complex(&T::F80)?, ""),
    ];
    Ok(rows.map(|(name, ty, hand)| (name, one(&ty), hand)).into())
}

fn mixed() -> Result<Vec<Row>, Error> {
    use Type as T;
    let (dd, ll) = (record(&[T::F64, T::F64])?, record(&[T::I64, T::I64])?);
    let (dl, l4) = (record(&[T::F64, T::I64])?, many(&T::I64, 4)?);
    let mix10 = [T::I32, T::F64, dl.clone(), T::I64, T::F32, T::I8, T::I16];
    let mix10 = mix10.into_iter().chain([ll.clone(), ll.clone(), T::U32]);
    let on_stack = [T::I64, T::I64, T::I64, T::I64, T::I64, ll.clone(), T::I64];
    let memory = [l4, T::I32, many(&T::I8, 17)?, T::F80, T::F64];
    let variadic = |named: &[T], unnamed: &[T], result| {
        let sig = FnSig::new(named.iter().cloned(), result).variadic();
        sig.at_call(unnamed.iter().cloned())
    };
    let vmixed = [T::I32, T::F64, T::I64, dl, T::PTR];
    Ok(vec![
        ("mix10", FnSig::new(mix10, T::F64), MIX10),
        ("pair_on_stack", FnSig::new(on_stack, ll), ""),
        ("memory", FnSig::new(memory, dd), ""),
        (
            "vsum4",
            variadic(&[T::I32], &[T::F64, T::F64, T::F64, T::F64], T::F64)?,
            "",
        ),
        ("vmixed", variadic(&[T::PTR, T::F64], &vmixed, T::I32)?, ""),
    ])
}

/// All of them.
pub fn measured() -> Result<Vec<Measured>, Error> {
    let rows = [scalars(), records()?, mixed()?].concat();
    let measured = |(name, sig, hand): Row| Measured {
        name,
        sig,
        hand: Hand::of(hand),
        same_code: {
            let mut all = SAME_CODE.iter();
            all.find_map(|(own, text)| (*own == name).then(|| Hand::of(text))?)
        },
        in_libffi: name != "i128",
    };
    Ok(rows.into_iter().map(measured).collect())
}

impl Measured {
    /// How many arguments are named, in a call of a variadic function.
    pub fn n_named(&self) -> Option<usize> {
        self.sig.is_variadic().then(|| self.sig.n_named())
    }

    /// Where each argument is, in bytes, each aligned as its type.
    pub fn offsets(&self) -> Vec<usize> {
        offsets(&self.sig)
    }
}

/// Where each argument of `sig` is, in bytes, one after the other, each aligned as its type.
pub fn offsets(sig: &FnSig) -> Vec<usize> {
    let mut next = 0_usize;
    let mut offsets = Vec::new();
    for param in sig.params() {
        let align = usize::try_from(param.ty.align()).unwrap_or(1);
        let at = next.next_multiple_of(align);
        offsets.push(at);
        next = at + usize::try_from(param.ty.size()).unwrap_or(0);
    }
    offsets
}
