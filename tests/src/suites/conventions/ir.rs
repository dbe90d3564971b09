//! Signatures of LLVM IR, for what C cannot express: several results, a static chain among the
//! arguments.

use std::fmt::Write as _;

use cabi::{ArgFlags, FnSig, RecordBuilder, Target, Type};
use cabi_verify::generate::Random;
use cabi_verify::question::Question;

use super::Signatures;

/// Properties of drawn signatures. They are the scalars, those that are drawn more often, the most
/// arguments and results, and how many scalars fill all registers of a kind. The calling convention
/// is as IR writes it. C's has static chains and variadic functions, but no structures among the
/// arguments.
struct Dialect {
    scalars: &'static [(&'static str, Type)],
    often: &'static [usize],
    most: [u32; 2],
    fill: usize,
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
    often: &[0],
    most: [10, 11],
    fill: 5,
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
    // With enough of `float` to fill its registers where a `double` has none.
    often: &[0, 3, 3],
    most: [90, 5],
    fill: 20,
    convention: "fastcc ",
    is_c: false,
};

impl Dialect {
    /// Returns one scalar, as IR spells it and as `cabi` has it.
    fn scalar(&self, of: usize, target: &Target) -> (&'static str, Type) {
        let (name, ty) = &self.scalars[of];
        (name, target.data_model().adapt(ty))
    }

    /// Returns a structure of several.
    fn structure(&self, scalars: &[usize], target: &Target) -> Option<(String, Type)> {
        let (mut names, mut record) = (Vec::new(), RecordBuilder::structure("several"));
        for (i, of) in scalars.iter().enumerate() {
            let (name, ty) = self.scalar(*of, target);
            names.push(name);
            record = record.field(&format!("m{i}"), ty);
        }
        let record = record.build(target.data_model()).ok()?;
        Some((format!("{{{}}}", names.join(", ")), record))
    }
}

/// Signatures for C's convention. They have up to ten arguments, one of them the static chain in
/// one of three, and up to ten results. One of five is variadic, with all but the first arguments
/// unnamed.
pub(super) const VALUES: Signatures = Signatures {
    random: |_, target, seed, index| draw(&C, target, seed, index),
    boundaries: |_, target, first| boundaries(&C, target, first),
    unprototyped: |_, _, _| Vec::new(),
};

/// Signatures for `fastcc`. They have as many arguments as fill both register files, one in ten of
/// them a structure, and up to four results.
pub(super) const FASTCC: Signatures = Signatures {
    random: |_, target, seed, index| draw(&FAST, target, seed, index),
    boundaries: |_, target, first| boundaries(&FAST, target, first),
    unprototyped: |_, _, _| Vec::new(),
};

/// Contents of a question: scalars by their places in the dialect, several for a structure.
struct DrawnShape {
    args: Vec<Vec<usize>>,
    results: Vec<usize>,
    variadic: bool,
    nest: Option<usize>,
}

fn draw(dialect: &Dialect, target: &Target, seed: u64, index: u64) -> Option<Question> {
    let mut random = Random::new(seed ^ 0x1f, index);
    let choices: Vec<usize> = (0..dialect.scalars.len())
        .chain(dialect.often.iter().copied())
        .collect();
    let scalar = |random: &mut Random| random.one_or(&choices, 0);
    let [most_args, most_results] = dialect.most;
    let args: Vec<Vec<usize>> = (0..1 + random.below(most_args))
        .map(|_| {
            let extra = match !dialect.is_c && random.chance(10) {
                true => 1 + random.below(2),
                false => 0,
            };
            (0..=extra).map(|_| scalar(&mut random)).collect()
        })
        .collect();
    let results: Vec<usize> = (0..random.below(most_results))
        .map(|_| scalar(&mut random))
        .collect();
    let variadic = random.chance(20) && dialect.is_c;
    let nest = (random.chance(33) && dialect.is_c && !variadic && args.len() > 1).then_some(1);
    let shape = DrawnShape {
        args,
        results,
        variadic,
        nest,
    };
    build(dialect, target, usize::try_from(index).ok()?, shape)
}

/// Returns each scalar after none, one, two of each scalar, until all registers are filled. It is
/// an argument, and one of several results. If there are structures, one of both scalars is an
/// argument too.
fn boundaries(dialect: &Dialect, target: &Target, first: usize) -> Vec<Question> {
    let n_scalars = dialect.scalars.len();
    let pairs = (0..n_scalars).flat_map(|before| (0..n_scalars).map(move |last| (before, last)));
    let mut questions = Vec::new();
    for (n, (before, last)) in
        (0..dialect.fill + 2).flat_map(|n| pairs.clone().map(move |pair| (n, pair)))
    {
        let mut args = vec![vec![before]; n];
        args.extend([vec![last], vec![before]]);
        if !dialect.is_c {
            args.push(vec![before, last]);
        }
        let shape = DrawnShape {
            args,
            results: vec![last; n % 6],
            variadic: dialect.is_c && n % 3 == 1,
            nest: (dialect.is_c && n % 3 == 2).then_some(1),
        };
        questions.extend(build(dialect, target, first + questions.len(), shape));
    }
    questions
}

/// Builds question number `n` of the drawn contents.
fn build(dialect: &Dialect, target: &Target, n: usize, shape: DrawnShape) -> Option<Question> {
    let DrawnShape {
        mut args,
        results,
        variadic,
        nest,
    } = shape;
    if variadic {
        // Unnamed values have been promoted.
        args.iter_mut()
            .skip(1)
            .flatten()
            .for_each(|arg| *arg = if *arg == 3 { 3 } else { 0 });
    }
    let mut types = Vec::new();
    let mut params = Vec::new();
    for arg in &args {
        let (text, ty) = match arg[..] {
            [scalar] => {
                let (name, ty) = dialect.scalar(scalar, target);
                (name.to_owned(), ty)
            }
            _ => dialect.structure(arg, target)?,
        };
        types.push(text);
        params.push(ty);
    }
    let (result, ret) = match &results[..] {
        [] => ("void".to_owned(), Type::VOID),
        scalars => dialect.structure(scalars, target)?,
    };
    let text = text(dialect, n, &types, &result, nest, variadic);
    let n_named = if variadic { 1 } else { args.len() };
    let unnamed = params.split_off(n_named);
    let sig = FnSig::new(params, ret);
    let sig = match variadic {
        true => sig.variadic().at_call(unnamed).ok()?,
        false => nest
            .into_iter()
            .fold(sig, |sig, i| sig.flags(i, ArgFlags::NEST)),
    };
    Some(Question::of_text(n, text, sig))
}

fn text(
    dialect: &Dialect,
    n: usize,
    types: &[String],
    result: &str,
    nest: Option<usize>,
    variadic: bool,
) -> String {
    let cc = dialect.convention;
    let list = |name: &dyn Fn(usize) -> String| -> String {
        let param = |(i, ty): (usize, &String)| {
            let nest = if nest == Some(i) { " nest" } else { "" };
            let extended = match ty.as_str() {
                "i8" | "i16" if dialect.is_c => " signext",
                _ => "",
            };
            format!("{ty}{extended}{nest}{}", name(i))
        };
        let params = types.iter().enumerate().map(param);
        params.collect::<Vec<_>>().join(", ")
    };
    let (mut globals, mut loads, mut stores) = (String::new(), String::new(), String::new());
    for (i, ty) in types.iter().enumerate() {
        let _ = writeln!(globals, "@g{n}_{i} = external global {ty}");
        let _ = writeln!(loads, "  %v{i} = load {ty}, ptr @g{n}_{i}");
        let _ = writeln!(stores, "  store {ty} %a{i}, ptr @g{n}_{i}");
    }
    let (keep, put, back) = match result {
        "void" => ("", String::new(), "ret void".to_owned()),
        _ => {
            let _ = writeln!(globals, "@out{n} = external global {result}");
            let put = format!("  store {result} %r, ptr @out{n}\n");
            let back = format!("%r = load {result}, ptr @out{n}\n  ret {result} %r");
            ("%r = ", put, back)
        }
    };
    let (declared, function) = match (variadic, types) {
        (true, [first, ..]) => (format!("{first}, ..."), format!("{result} ({first}, ...)")),
        _ => (list(&|_| String::new()), result.to_owned()),
    };
    let mut text = format!(
        "{globals}declare {cc}{result} @f{n}({declared})\n\
         define void @c{n}() {{\n{loads}  {keep}notail call {cc}{function} @f{n}({})\n{put}  ret void\n}}\n",
        list(&|i| format!(" %v{i}"))
    );
    if !variadic {
        let params = list(&|i| format!(" %a{i}"));
        let _ = writeln!(
            text,
            "define {cc}{result} @d{n}({params}) {{\n{stores}  {back}\n}}"
        );
    }
    text
}
