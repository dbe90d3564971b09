//! Signatures of LLVM IR, for what C cannot say: several results, a static chain among the arguments.

use std::fmt::Write as _;

use cabi::{ArgFlags, FnSig, RecordBuilder, Target, Type};
use cabi_verify::assembly::Question;
use cabi_verify::generate::{Absent, Random};

/// What is drawn: scalars, the first one most often; how many arguments and results at most; the calling convention as IR writes it; and whether
/// there are static chains and variadic functions.
struct Dialect {
    scalars: &'static [(&'static str, Type)],
    most: [u32; 2],
    convention: &'static str,
    is_c: bool,
}

const C: Dialect = Dialect {
    scalars: &[
        ("i32", Type::I32),
        ("i8", Type::I8),
        ("i16", Type::I16),
        ("i64", Type::I64),
        ("double", Type::F64),
        ("ptr", Type::PTR),
    ],
    most: [10, 11],
    convention: "",
    is_c: true,
};

const FAST: Dialect = Dialect {
    scalars: &[
        ("double", Type::F64),
        ("i32", Type::I32),
        ("i8", Type::I8),
        ("float", Type::F32),
        ("i64", Type::I64),
        ("ptr", Type::PTR),
    ],
    most: [90, 5],
    convention: "fastcc ",
    is_c: false,
};

/// Signature number `index` under `seed` for C's convention: up to ten arguments, one of them the static chain in one of three; up to ten results; variadic
/// in one of five, with all but the first arguments unnamed.
pub(super) fn question(_: &Absent, target: &Target, seed: u64, index: u64) -> Option<Question> {
    draw(&C, target, seed, index)
}

/// The same for `fastcc`, with as many arguments as fill both register files, and up to four results.
pub(super) fn fast(_: &Absent, target: &Target, seed: u64, index: u64) -> Option<Question> {
    draw(&FAST, target, seed, index)
}

fn draw(dialect: &Dialect, target: &Target, seed: u64, index: u64) -> Option<Question> {
    let mut random = Random::new(seed ^ 0x1f, index);
    let n = usize::try_from(index).ok()?;
    let scalar = |random: &mut Random| random.one_or(&[0, 0, 1, 2, 3, 4, 5], 0_usize);
    let [most_args, most_results] = dialect.most;
    let mut args: Vec<usize> = (0..1 + random.below(most_args))
        .map(|_| scalar(&mut random))
        .collect();
    let results: Vec<usize> = (0..random.below(most_results))
        .map(|_| scalar(&mut random))
        .collect();
    let variadic = random.chance(20) && dialect.is_c;
    if variadic {
        // What is unnamed has been promoted.
        args.iter_mut()
            .skip(1)
            .for_each(|arg| *arg = if *arg == 3 { 3 } else { 0 });
    }
    let nest = (random.chance(33) && dialect.is_c && !variadic && args.len() > 1).then_some(1);
    let name = |i: &usize| dialect.scalars[*i].0;
    let types: Vec<&str> = args.iter().map(name).collect();
    let result = match &results[..] {
        [] => "void".to_owned(),
        all => format!(
            "{{{}}}",
            all.iter().map(name).collect::<Vec<_>>().join(", ")
        ),
    };
    let text = text(dialect, n, &types, &result, nest, variadic);
    let ty = |i: &usize| target.data_model().adapt(&dialect.scalars[*i].1);
    let ret = match &results[..] {
        [] => Type::VOID,
        all => {
            let record = RecordBuilder::structure("results");
            let fields = all.iter().enumerate();
            let record = fields.fold(record, |record, (i, of)| {
                record.field(&format!("m{i}"), ty(of))
            });
            record.build(target.data_model()).ok()?
        }
    };
    let named = if variadic { 1 } else { args.len() };
    let sig = FnSig::new(args.iter().take(named).map(ty), ret);
    let sig = match variadic {
        true => sig.variadic().at_call(args.iter().skip(1).map(ty)).ok()?,
        false => nest
            .into_iter()
            .fold(sig, |sig, i| sig.flags(i, ArgFlags::NEST)),
    };
    Some(Question::of_text(n, text, sig))
}

fn text(
    dialect: &Dialect,
    n: usize,
    types: &[&str],
    result: &str,
    nest: Option<usize>,
    variadic: bool,
) -> String {
    let cc = dialect.convention;
    let flag = |i: usize| if nest == Some(i) { "nest " } else { "" };
    let all = types.iter().enumerate();
    let list = |name: &str| -> String {
        let all = all
            .clone()
            .map(|(i, ty)| format!("{ty} {}%{name}{i}", flag(i)));
        all.collect::<Vec<_>>().join(", ")
    };
    let mut globals = String::new();
    let (mut loads, mut stores) = (String::new(), String::new());
    for (i, ty) in all.clone() {
        let _ = writeln!(globals, "@g{n}_{i} = external global {ty}");
        let _ = writeln!(loads, "  %v{i} = load {ty}, ptr @g{n}_{i}");
        let _ = writeln!(stores, "  store {ty} %a{i}, ptr @g{n}_{i}");
    }
    let (keep, put, back) = match result {
        "void" => (String::new(), String::new(), "ret void".to_owned()),
        _ => {
            let _ = writeln!(globals, "@out{n} = external global {result}");
            let put = format!("  store {result} %r, ptr @out{n}\n");
            let back = format!("%r = load {result}, ptr @out{n}\n  ret {result} %r");
            ("%r = ".to_owned(), put, back)
        }
    };
    let declared: Vec<String> = all
        .clone()
        .map(|(i, ty)| format!("{ty} {}", flag(i)))
        .collect();
    let (declared, function) = match variadic {
        true => {
            let first = types.first().copied().unwrap_or_default();
            (format!("{first}, ..."), format!("{result} ({first}, ...)"))
        }
        false => (declared.join(", "), result.to_owned()),
    };
    let mut text = format!(
        "{globals}declare {cc}{result} @f{n}({declared})\n\
         define void @c{n}() {{\n{loads}  {keep}notail call {cc}{function} @f{n}({})\n{put}  ret void\n}}\n",
        list("v")
    );
    if !variadic {
        let _ = writeln!(
            text,
            "define {cc}{result} @d{n}({}) {{\n{stores}  {back}\n}}",
            list("a")
        );
    }
    text
}
