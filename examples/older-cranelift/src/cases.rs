//! Signatures, chosen and random, and their C text: functions that JIT code calls, and functions that call JIT code.

use std::fmt::Write;

use clif_cabi_plan::cabi::{DataModel, FnSig, Kind, LeafKind, RecordBuilder, Scalar, Type, leaves};

use crate::emit::Result;

/// One signature, as a call of it has it: with its unnamed arguments.
pub struct Case {
    pub name: String,
    pub sig: FnSig,
}

/// A signature for each place that a value can have: name, result, parameters; unnamed arguments after the dots. No integer follows the `int128` that
/// has one register left: compilers disagree where it goes.
const CHOSEN: &str = "\
scalars        char        char bool ushort float uint half
registers      mixed       mixed odd floats packed halves
rollback       pair        long long long long long pair long mixed
stack          odd         long long long long long long char three odd double
floats         floats      double double double double double double double double float mixed vector long
sret           three       mixed three long
large          huge        large huge three long
x87            f80         f80 long f80 f80record
x87_complex    f80complex  int
x87_record     f80record   f80record
wide           quad        int128 vector quad complex
wide_stack     vector      double double double double double double double quad float quad half vector
rollback_wide  int128      long long long long long int128 complex
aligned        aligned     long aligned f80
nothing        void
variadic       mixed       char double ... double mixed pair f80 large int odd double
variadic_sret  large       three ... long double
variadic_x87   f80         aligned ... double aligned";

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

    /// The types of `CHOSEN` by their names.
    fn named(&mut self) -> Result<Vec<(&'static str, Type)>> {
        let (long, f80) = (Type::I64, Type::F80);
        let bytes = |n| Type::array(&Type::I8, n);
        let (packed, aligned) = (self.builder().packed(), self.builder().aligned(32));
        Ok(vec![
            ("void", Type::VOID),
            ("char", Type::I8),
            ("bool", Type::BOOL),
            ("ushort", Type::U16),
            ("int", Type::I32),
            ("uint", Type::U32),
            ("float", Type::F32),
            ("double", Type::F64),
            ("half", Type::F16),
            ("quad", Type::F128),
            ("int128", Type::I128),
            ("vector", Type::vector(&Type::I32, 4)?),
            ("complex", Type::complex(&Type::F32)?),
            ("f80complex", Type::complex(&f80)?),
            ("pair", self.record(&[long.clone(), long.clone()])?),
            ("mixed", self.record(&[Type::F64, long.clone()])?),
            ("odd", self.record(&[bytes(11)?])?),
            ("floats", self.record(&[Type::F32, Type::F32, Type::F32])?),
            ("halves", self.record(&[Type::F16, Type::F16, Type::F16])?),
            ("packed", self.build(packed, &[Type::I8, Type::I32])?),
            ("three", self.record(&[long.clone(), Type::F64, Type::U8])?),
            ("large", self.record(&[bytes(75)?, Type::I16])?),
            ("huge", self.record(&[bytes(203)?])?),
            ("f80record", self.record(&[f80.clone(), Type::I8])?),
            ("aligned", self.build(aligned, &[long.clone(), Type::F32])?),
            ("long", long),
            ("f80", f80),
        ])
    }

    /// The signatures of `CHOSEN`.
    pub fn chosen(&mut self) -> Result<Vec<Case>> {
        let named = self.named()?;
        let find = |word: &str| {
            let found = named.iter().find(|(name, _)| *name == word);
            found
                .map(|(_, ty)| ty.clone())
                .ok_or(format!("no type {word}"))
        };
        let mut cases = Vec::new();
        for line in CHOSEN.lines() {
            let mut words = line.split_whitespace();
            let name = words.next().ok_or("a line without a name")?.to_string();
            let result = find(words.next().ok_or("no result")?)?;
            let mut params = words.by_ref().take_while(|word| *word != "...");
            let params = params
                .by_ref()
                .map(find)
                .collect::<std::result::Result<Vec<_>, _>>()?;
            let unnamed = words
                .map(find)
                .collect::<std::result::Result<Vec<_>, _>>()?;
            let sig = FnSig::new(params, result);
            let sig = match unnamed.is_empty() {
                true => sig,
                false => sig.variadic().at_call(unnamed)?,
            };
            cases.push(Case { name, sig });
        }
        Ok(cases)
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
/// result. With unnamed arguments also `NAME_rest`, which sees those that a `va_list` has. `has_sret`: the result is returned in memory.
pub fn c_text(case: &Case, has_sret: bool, text: &mut String) -> Result<()> {
    let params = case.sig.params().iter().map(|param| &param.ty);
    for ty in params.chain([case.sig.result()]) {
        define(text, ty)?;
    }
    callee(case, text)?;
    caller(case, has_sret, text)
}

fn callee(case: &Case, text: &mut String) -> Result<()> {
    let (name, sig) = (&case.name, &case.sig);
    let (mut params, mut named, mut unnamed) = (Vec::new(), String::new(), String::new());
    for (i, param) in sig.params().iter().enumerate() {
        let ty = spelled(&param.ty);
        if i < sig.n_named() {
            params.push(format!("{ty} a{i}"));
            write!(named, "SEE({i}, a{i}); ")?;
        } else {
            write!(unnamed, "{ty} a{i} = va_arg(*list, {ty}); SEE({i}, a{i}); ")?;
        }
    }
    if sig.is_variadic() {
        writeln!(text, "void {name}_rest(va_list *list) {{ {unnamed}}}")?;
        let last = sig.n_named() - 1;
        write!(
            named,
            "va_list l; va_start(l, a{last}); {name}_rest(&l); va_end(l); "
        )?;
        params.push("...".into());
    }
    let (result, params) = (spelled(sig.result()), params.join(", "));
    let give = match *sig.result() {
        Type::VOID => "",
        _ => &format!("{result} r; GIVE(RESULT, r); return r;"),
    };
    writeln!(text, "{result} {name}({params}) {{ {named}{give} }}")?;
    Ok(())
}

fn caller(case: &Case, has_sret: bool, text: &mut String) -> Result<()> {
    let (name, sig) = (&case.name, &case.sig);
    let types = sig.params().iter().map(|param| spelled(&param.ty));
    let types: Vec<String> = types.collect();
    let mut body = String::new();
    for (i, ty) in types.iter().enumerate() {
        write!(body, "{ty} a{i}; GIVE({i}, a{i}); ")?;
    }
    let args = (0..types.len()).map(|i| format!("a{i}"));
    let args = args.collect::<Vec<_>>().join(", ");
    let mut types = types[..sig.n_named()].join(", ");
    if sig.is_variadic() {
        types.push_str(", ...");
    }
    let result = spelled(sig.result());
    let call = format!("(({result} (*)({types}))f)({args});");
    match *sig.result() {
        Type::VOID => write!(body, "{call} check_x87();")?,
        _ => write!(body, "{result} r = {call} SEE(RESULT, r); check_x87();")?,
    }
    if has_sret {
        // As one that is given a pointer and returns it.
        let comma = if args.is_empty() { "" } else { ", " };
        let call = format!("((void *(*)(void *{comma}{types}))f)(&r{comma}{args})");
        write!(body, " board->lost_sret |= {call} != &r;")?;
    }
    writeln!(text, "void {name}_caller(void *f) {{ {body} }}")?;
    Ok(())
}
