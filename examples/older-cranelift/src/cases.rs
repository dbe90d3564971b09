//! Signatures, chosen and random, and their C text: functions that JIT code calls, and functions that call JIT code.

use std::fmt::Write;

use clif_cabi_plan::cabi::{DataModel, FnSig, Kind, LeafKind, RecordBuilder, Scalar, Type, leaves};

use crate::emit::Result;

/// One signature, as a call of it has it: with its unnamed arguments.
pub struct Case {
    pub name: String,
    pub sig: FnSig,
}

/// Makes types of a data model, with tags that no other one has.
pub struct Types {
    model: DataModel,
    n: usize,
}

impl Types {
    pub fn of(model: DataModel) -> Self {
        Self { model, n: 0 }
    }

    fn builder(&mut self) -> RecordBuilder {
        self.n += 1;
        RecordBuilder::structure(&format!("s{}", self.n))
    }

    fn build(&self, builder: RecordBuilder, fields: &[Type]) -> Result<Type> {
        let mut builder = builder;
        for (i, field) in fields.iter().enumerate() {
            builder = builder.field(&format!("f{i}"), field.clone());
        }
        Ok(builder.build(&self.model)?)
    }

    fn record(&mut self, fields: &[Type]) -> Result<Type> {
        let builder = self.builder();
        self.build(builder, fields)
    }

    /// A signature for each place that a value can have.
    pub fn chosen(&mut self) -> Result<Vec<Case>> {
        let (long, double, f80) = (Type::I64, Type::F64, Type::F80);
        let bytes = |n| Type::array(&Type::I8, n);
        let pair = self.record(&[long.clone(), long.clone()])?;
        let mixed = self.record(&[double.clone(), long.clone()])?;
        let odd = self.record(&[bytes(11)?])?;
        let floats = self.record(&[Type::F32, Type::F32, Type::F32])?;
        let three = self.record(&[long.clone(), double.clone(), Type::U8])?;
        let large = self.record(&[bytes(75)?, Type::I16])?;
        let huge = self.record(&[bytes(203)?])?;
        let with_f80 = self.record(&[f80.clone(), Type::I8])?;
        let packed = self.builder().packed();
        let packed = self.build(packed, &[Type::I8, Type::I32])?;
        let aligned = self.builder().aligned(32);
        let aligned = self.build(aligned, &[long.clone(), Type::F32])?;
        let halves = self.record(&[Type::F16, Type::F16, Type::F16])?;
        let void = Type::VOID;
        let (vector, complex) = (Type::vector(&Type::I32, 4)?, Type::complex(&Type::F32)?);
        let [five, six, eight] =
            [(&long, 5), (&long, 6), (&double, 8)].map(|(ty, n)| vec![ty.clone(); n]);
        let after = |before: &[Type], rest: &[&Type]| {
            let rest = rest.iter().map(|ty| (*ty).clone());
            before.iter().cloned().chain(rest).collect::<Vec<_>>()
        };
        let narrow = [
            Type::I8,
            Type::BOOL,
            Type::U16,
            Type::F32,
            Type::U32,
            Type::F16,
        ];
        let list = [
            ("scalars", narrow.to_vec(), Type::I8),
            (
                "registers",
                after(&[], &[&mixed, &odd, &floats, &packed, &halves]),
                mixed.clone(),
            ),
            // One integer register is left, which `pair` does not take and `long` does.
            (
                "rollback",
                after(&five, &[&pair, &long, &mixed]),
                pair.clone(),
            ),
            (
                "stack",
                after(&six, &[&Type::I8, &three, &odd, &double]),
                odd.clone(),
            ),
            (
                "floats",
                after(&eight, &[&Type::F32, &mixed, &vector, &long]),
                floats.clone(),
            ),
            ("sret", after(&[], &[&mixed, &three, &long]), three.clone()),
            (
                "large",
                after(&[], &[&large, &huge, &three, &long]),
                huge.clone(),
            ),
            (
                "x87",
                after(&[], &[&f80, &long, &f80, &with_f80]),
                f80.clone(),
            ),
            (
                "x87_complex",
                after(&[], &[&Type::I32]),
                Type::complex(&f80)?,
            ),
            ("x87_record", after(&[], &[&with_f80]), with_f80.clone()),
            (
                "wide",
                after(&[], &[&Type::I128, &vector, &Type::F128, &complex]),
                Type::F128,
            ),
            (
                "split_wide",
                after(&five, &[&Type::I128, &long, &complex]),
                Type::I128,
            ),
            (
                "aligned",
                after(&[], &[&long, &aligned, &f80]),
                aligned.clone(),
            ),
            ("nothing", Vec::new(), void.clone()),
        ];
        let mut cases = Vec::new();
        for (name, params, result) in list {
            cases.push((name, FnSig::new(params, result)));
        }
        let variadic = |named: &[&Type], unnamed: &[&Type], result: &Type| {
            let sig = FnSig::new(named.iter().map(|ty| (*ty).clone()), result.clone()).variadic();
            sig.at_call(unnamed.iter().map(|ty| (*ty).clone()))
        };
        let unnamed = [
            &double,
            &mixed,
            &pair,
            &f80,
            &large,
            &Type::I32,
            &odd,
            &double,
        ];
        cases.push((
            "variadic",
            variadic(&[&Type::I8, &double], &unnamed, &mixed)?,
        ));
        cases.push((
            "variadic_sret",
            variadic(&[&three], &[&long, &double], &large)?,
        ));
        cases.push((
            "variadic_x87",
            variadic(&[&aligned], &[&double, &aligned], &f80)?,
        ));
        let name = |(name, sig): (&str, FnSig)| Case {
            name: name.into(),
            sig,
        };
        Ok(cases.into_iter().map(name).collect())
    }

    /// A random signature.
    pub fn random(&mut self, random: &mut Random, i: usize) -> Result<Case> {
        let mut params = Vec::new();
        for _ in 0..random.below(11) {
            params.push(self.any(random, 0)?);
        }
        let result = self.any(random, 0)?;
        let sig = FnSig::new(params.clone(), result.clone());
        let n_named = 1 + random.below(4);
        let sig = match random.below(4) {
            0 if n_named < params.len() => {
                let unnamed = params.split_off(n_named);
                let unnamed = unnamed.into_iter().filter(|ty| *ty != Type::F16);
                FnSig::new(params, result).variadic().at_call(unnamed)?
            }
            _ => sig,
        };
        Ok(Case {
            name: format!("random{i}"),
            sig,
        })
    }

    fn any(&mut self, random: &mut Random, depth: usize) -> Result<Type> {
        const SCALARS: [Type; 16] = [
            Type::I64,
            Type::F64,
            Type::F32,
            Type::I32,
            Type::I8,
            Type::U16,
            Type::I64,
            Type::F64,
            Type::BOOL,
            Type::U8,
            Type::I16,
            Type::U32,
            Type::F80,
            Type::I128,
            Type::F128,
            Type::F16,
        ];
        if depth == 3 || random.below(2) == 0 {
            // The first ones more often.
            let n = if random.below(3) == 0 {
                SCALARS.len()
            } else {
                8
            };
            return Ok(SCALARS[random.below(n)].clone());
        }
        if depth > 0 && random.below(3) == 0 {
            let elem = self.any(random, depth + 1)?;
            return Ok(Type::array(&elem, 1 + random.below(4) as u64)?);
        }
        let mut fields = Vec::new();
        for _ in 0..1 + random.below(4) {
            fields.push(self.any(random, depth + 1)?);
        }
        let builder = match random.below(12) {
            0 => self.builder().packed(),
            1 => self.builder().aligned(16),
            _ => self.builder(),
        };
        let ty = self.build(builder, &fields)?;
        // A board's place.
        if ty.size() > 256 {
            self.any(random, depth)
        } else {
            Ok(ty)
        }
    }
}

/// xorshift.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }
}

/// Which bits of an object are its value.
pub fn mask(ty: &Type) -> [u8; 256] {
    let mut mask = [0; 256];
    for leaf in leaves(ty) {
        for bit in leaf.offset_bits..leaf.offset_bits + leaf.width_bits {
            mask[bit as usize / 8] |= 1 << (bit % 8);
        }
    }
    mask
}

/// Bytes for an object: random ones, of which a `bool` has 0 or 1, and an x87 value its integer bit.
pub fn pattern(ty: &Type, random: &mut Random) -> [u8; 256] {
    let mut bytes = [0; 256].map(|_: u8| random.next() as u8);
    for leaf in leaves(ty) {
        let at = leaf.offset_bits as usize / 8;
        match leaf.kind {
            LeafKind::Scalar(Scalar::Bool) => bytes[at] &= 1,
            LeafKind::Scalar(Scalar::F80) => bytes[at + 7] |= 0x80,
            _ => {}
        }
    }
    bytes
}

/// The definitions of the records in `ty`, those inside first, unless `text` has them already.
fn define(text: &mut String, ty: &Type) -> Result<()> {
    match ty.kind() {
        Kind::Array(array) => define(text, &array.elem)?,
        Kind::Record(record) => {
            let mut own = String::new();
            for field in record.fields() {
                define(text, field.ty())?;
                let (mut elem, mut lengths) = (field.ty(), String::new());
                while let Kind::Array(array) = elem.kind() {
                    write!(lengths, "[{}]", array.len.unwrap_or(0))?;
                    elem = &array.elem;
                }
                write!(
                    own,
                    "{} {}{lengths}; ",
                    spelled(elem),
                    field.name().unwrap_or("")
                )?;
            }
            let mut fields = record.fields().iter();
            let packed = fields.any(|field| field.ty().align() > ty.align());
            let packed = if packed { "packed, " } else { "" };
            let align = ty.align();
            let definition =
                format!("{ty} {{ {own}}} __attribute__(({packed}aligned({align})));\n");
            if !text.contains(&definition) {
                text.push_str(&definition);
            }
        }
        _ => {}
    }
    Ok(())
}

/// A type that is no array, as C writes it.
fn spelled(ty: &Type) -> String {
    match ty.kind() {
        Kind::Vector(_) => "int __attribute__((vector_size(16)))".into(),
        Kind::Scalar(Scalar::F128) => "__float128".into(),
        _ => ty.to_string(),
    }
}

/// The C functions of one signature: `NAME`, which sees its arguments and gives a result, and `NAME_caller`, which gives arguments to a function and sees its
/// result. With unnamed arguments also `NAME_rest`, which sees those that a `va_list` has. `returns_address`: the result is returned in memory.
pub fn c_text(case: &Case, returns_address: bool, text: &mut String) -> Result<()> {
    let (name, sig) = (&case.name, &case.sig);
    for ty in sig
        .params()
        .iter()
        .map(|param| &param.ty)
        .chain([sig.result()])
    {
        define(text, ty)?;
    }
    let (mut params, mut types, mut named, mut unnamed) =
        <(String, String, String, String)>::default();
    let (mut given, mut args) = (String::new(), String::new());
    for (i, param) in sig.params().iter().enumerate() {
        let (ty, comma) = (spelled(&param.ty), if i == 0 { "" } else { ", " });
        if i < sig.n_named() {
            write!(params, "{comma}{ty} a{i}")?;
            write!(types, "{comma}{ty}")?;
            write!(named, "SEE({i}, a{i}); ")?;
        } else {
            write!(unnamed, "{ty} a{i} = va_arg(*list, {ty}); SEE({i}, a{i}); ")?;
        }
        write!(given, "{ty} a{i}; GIVE({i}, a{i}); ")?;
        write!(args, "{comma}a{i}")?;
    }
    let mut rest = String::new();
    if sig.is_variadic() {
        params.push_str(", ...");
        types.push_str(", ...");
        let last = sig.n_named() - 1;
        write!(
            rest,
            "va_list l; va_start(l, a{last}); {name}_rest(&l); va_end(l);"
        )?;
        writeln!(text, "void {name}_rest(va_list *list) {{ {unnamed}}}")?;
    }
    let result = spelled(sig.result());
    let (give, see) = match *sig.result() {
        Type::VOID => (
            String::new(),
            format!("(({result} (*)({types}))f)({args});"),
        ),
        _ => (
            format!("{result} r; GIVE(RESULT, r); return r;"),
            format!("{result} r = (({result} (*)({types}))f)({args}); SEE(RESULT, r);"),
        ),
    };
    writeln!(text, "{result} {name}({params}) {{ {named}{rest}{give} }}")?;
    // A function with a hidden pointer is one that is given a pointer and returns it.
    let comma = if args.is_empty() { "" } else { ", " };
    let hidden = format!(
        "{result} q; void *back = ((void *(*)(void *{comma}{types}))f)(&q{comma}{args}); board->lost_sret |= back != &q;"
    );
    let hidden = if returns_address {
        hidden
    } else {
        String::new()
    };
    writeln!(
        text,
        "void {name}_caller(void *f) {{ {given}{see} check_x87(); {hidden} }}"
    )?;
    Ok(())
}
