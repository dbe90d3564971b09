//! Holds the table of `docs/policy.md` to the code: every bit has a row, its profiles are the ones the code has, and the example
//! is passed where the row says, with the bit and without it.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use cabi::{
    DataModel, FnAbi, FnSig, Member, Policy, RecordBuilder, Target, Type, VectorLevel, X86_64_WIN64,
};

/// A row: the bit's name and the cells after it.
struct Row<'a> {
    name: &'a str,
    cells: Vec<&'a str>,
}

/// The rows of the table of bits, which are the only ones whose first cell is a name in capitals.
fn rows(page: &str) -> Vec<Row<'_>> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"))
        .filter_map(|line| {
            let (name, rest) = line.split_once("` | ")?;
            let capitals = name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            capitals.then(|| Row {
                name,
                cells: rest.split(" | ").collect(),
            })
        })
        .collect()
}

/// What is wrong with `rows`.
fn objections(rows: &[Row<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    let names: Vec<&str> = rows.iter().map(|row| row.name).collect();
    let expected: Vec<&str> = Policy::NAMES.iter().map(|(_, name)| *name).collect();
    for name in expected.iter().filter(|name| !names.contains(name)) {
        found.push(format!("{name} has no row"));
    }
    for name in names.iter().filter(|name| !expected.contains(name)) {
        found.push(format!("{name} is no bit"));
    }
    for row in rows {
        let Some((bit, _)) = Policy::NAMES.iter().find(|(_, name)| *name == row.name) else {
            continue;
        };
        let [_, _, set, not_set, profiles @ ..] = row.cells.as_slice() else {
            found.push(format!("{}: too few cells", row.name));
            continue;
        };
        let answer = |policy: Policy| if policy.has(*bit) { "yes" } else { "no" };
        let in_code = [Policy::GCC, Policy::CLANG, Policy::ZIG].map(answer);
        if profiles != in_code {
            found.push(format!(
                "{}: gcc, clang, zig are {in_code:?}, not {profiles:?}",
                row.name
            ));
        }
        for (policy, cell) in [(*bit, set), (Policy::NONE, not_set)] {
            let place = place(row.name, policy);
            if place != **cell {
                found.push(format!(
                    "{}: {place} under {policy:?}, not {cell}",
                    row.name
                ));
            }
        }
    }
    found
}

/// Where the value of a row's example is passed under `policy`.
fn place(bit: &str, policy: Policy) -> String {
    let sig = example(bit).unwrap().policy(policy);
    let abi = match FnAbi::new(&sig, &Target::X86_64_LINUX) {
        Ok(abi) => abi,
        Err(cabi::Error::NoKnownRule { .. }) => return "refused".to_owned(),
        Err(error) => panic!("{bit}: {error}"),
    };
    abi.args
        .last()
        .map_or_else(|| abi.ret.to_string(), |arg| arg.place.to_string())
}

/// The signature of a row's example.
fn example(bit: &str) -> Result<FnSig, cabi::Error> {
    for examples in [whole_values, structures, unions_and_bit_fields, on_win64] {
        if let Some(sig) = examples(bit)? {
            return Ok(sig);
        }
    }
    panic!("{bit}: write an example for this bit, and its row in docs/policy.md")
}

/// Scalars and vectors that are in no record.
fn whole_values(bit: &str) -> Result<Option<FnSig>, cabi::Error> {
    let argument = |ty: Type| FnSig::new([ty], Type::VOID);
    let result = |ty: Type| FnSig::new([], ty);
    let v8f = Type::vector(&Type::F32, 8)?;
    Ok(Some(match bit {
        "WIDE_VECTOR_RESULTS_SPLIT" => result(v8f),
        "HALF_PAIRS_IN_SSE" => argument(Type::vector(&Type::F16, 2)?),
        "DOUBLE_VECTOR_RESULT_IN_SSE" => result(Type::vector(&Type::F64, 1)?),
        "INT128_USES_UP_INTEGER_REGISTERS" => {
            let mut params = vec![Type::I64; 5];
            params.extend([Type::I128, Type::I64]);
            FnSig::new(params, Type::VOID)
        }
        "INTEGER_VECTORS_IN_GPR" => argument(Type::vector(&Type::I64, 1)?),
        "NARROW_RESULTS_EXTENDED" => result(Type::I8),
        "WIDE_INT128_VECTORS_IN_MEMORY" => {
            argument(Type::vector(&Type::I128, 2)?).features(VectorLevel::Avx)
        }
        "WIDE_VECTORS_OF_VARIADICS_IN_MEMORY" => {
            argument(v8f).variadic().features(VectorLevel::Avx)
        }
        "ONE_FLOAT_VECTORS_IN_MEMORY" => argument(Type::vector(&Type::F32, 1)?),
        _ => return Ok(None),
    }))
}

/// Structures.
fn structures(bit: &str) -> Result<Option<FnSig>, cabi::Error> {
    let argument = |ty: Type| FnSig::new([ty], Type::VOID);
    let structure = || RecordBuilder::structure("s");
    let build = |record: RecordBuilder| record.build(&DataModel::LP64);
    let v8f = Type::vector(&Type::F32, 8)?;
    Ok(Some(match bit {
        "FLEXIBLE_ARRAY_IN_MEMORY" => {
            let rest = Type::flexible_array(&Type::I8)?;
            argument(build(
                structure().field("n", Type::I64).field("rest", rest),
            )?)
        }
        "MEMBERS_MUST_BE_ALIGNED" => {
            let inner = RecordBuilder::structure("in")
                .field("a", Type::I8)
                .aligned(2);
            let inner = build(inner)?;
            argument(build(
                structure().field("a", Type::I8).field("b", inner).packed(),
            )?)
        }
        "ATOMIC_MEMBERS_IN_MEMORY" => argument(build(structure().field("n", Type::I32.atomic()?))?),
        "EMPTY_MEMBERS_BAR_WIDE_VECTORS" => {
            let none = build(RecordBuilder::structure("none"))?;
            let s = build(structure().field("n", none).field("v", v8f))?;
            argument(s).features(VectorLevel::Avx)
        }
        "ARRAYS_GO_BY_FIRST_ELEMENT" => {
            let inner = RecordBuilder::structure("in")
                .field("s", Type::I16)
                .field("c", Type::I8);
            let inner = build(inner.packed())?;
            argument(build(structure().field("a", Type::array(&inner, 2)?))?)
        }
        "ZERO_LENGTH_ARRAYS_COUNT" => {
            let none = Type::array(&Type::I32, 0)?;
            argument(build(structure().field("x", Type::F32).field("n", none))?)
        }
        "ARRAYS_ARE_INTEGER" => {
            let xy = Type::array(&Type::F32, 2)?;
            argument(build(structure().field("xy", xy))?)
        }
        "HALF_MEMBERS_IN_MEMORY" => argument(build(structure().field("h", Type::F16))?),
        "UNALIGNED_MEMBERS_IN_REGISTERS" => {
            let packed = structure().field("c", Type::I8).field("n", Type::I32);
            argument(build(packed.packed())?)
        }
        "COMPLEX_HALVES_REACH_ON" => {
            let z = Type::complex(&Type::F16)?;
            let s = structure().field("c", Type::I8).field("z", z);
            argument(build(s.aligned(16))?)
        }
        _ => return Ok(None),
    }))
}

/// Unions, and structures with bit-fields.
fn unions_and_bit_fields(bit: &str) -> Result<Option<FnSig>, cabi::Error> {
    let argument = |ty: Type| FnSig::new([ty], Type::VOID);
    let structure = || RecordBuilder::structure("s");
    let build = |record: RecordBuilder| record.build(&DataModel::LP64);
    let v8f = Type::vector(&Type::F32, 8)?;
    Ok(Some(match bit {
        "UNNAMED_BIT_FIELDS_COUNT" => {
            let unnamed = Member::unnamed_bit_field(Type::I64, 64);
            argument(build(structure().member(unnamed).field("a", Type::I64))?)
        }
        "WHOLE_BIT_FIELDS_MUST_BE_ALIGNED" => {
            let inner = structure().member(Member::bit_field("n", Type::I32, 32));
            let inner = build(inner)?;
            argument(build(
                structure().field("c", Type::I8).field("in", inner).packed(),
            )?)
        }
        "LONE_X87UP_KEPT" => {
            let union = RecordBuilder::union("u")
                .field("x", Type::F80)
                .field("n", Type::I32);
            argument(build(union)?)
        }
        "WIDE_ARRAYS_IN_UNIONS_HAVE_NO_CLASS" => {
            let union = RecordBuilder::union("u")
                .field("v", v8f)
                .field("x", Type::array(&Type::F32, 8)?);
            argument(build(union)?).features(VectorLevel::Avx)
        }
        "UNNAMED_BIT_FIELDS_OF_UNIONS_COUNT" => {
            let unnamed = Member::unnamed_bit_field(Type::I32, 5);
            let union = RecordBuilder::union("u")
                .field("x", Type::F32)
                .member(unnamed);
            argument(build(union)?)
        }
        "UNIONS_GO_BY_FIRST_EIGHTBYTES" => {
            let wide = Type::vector(&Type::F32, 4)?.with_align(32)?;
            let union = build(RecordBuilder::union("u").field("v", wide))?;
            argument(union).features(VectorLevel::Avx)
        }
        "ODD_PAIRS_START_IN_GPR" => {
            let union = RecordBuilder::union("u")
                .field("q", Type::F128)
                .field("d", Type::array(&Type::F64, 2)?);
            argument(build(union)?)
        }
        "INT128_VECTOR_MEMBERS_LOSE_HALF" => {
            let union = RecordBuilder::union("u")
                .field("n", Type::I32)
                .field("v", Type::vector(&Type::I128, 1)?);
            argument(build(union)?)
        }
        _ => return Ok(None),
    }))
}

/// Functions of Win64.
fn on_win64(bit: &str) -> Result<Option<FnSig>, cabi::Error> {
    let argument = |ty: Type| FnSig::new([ty], Type::VOID);
    let result = |ty: Type| FnSig::new([], ty);
    let build = |record: RecordBuilder| record.build(&DataModel::LP64);
    Ok(Some(match bit {
        "WIN64_SMALL_VECTORS_BY_REFERENCE" => {
            argument(Type::vector(&Type::I32, 2)?).convention(&X86_64_WIN64)
        }
        "WIN64_FLOAT128_IN_SSE" => result(Type::F128).convention(&X86_64_WIN64),
        "WIN64_HALF_IN_SSE" => argument(Type::F16).convention(&X86_64_WIN64),
        "WIN64_EMPTY_RESULTS_IN_MEMORY" => {
            result(build(RecordBuilder::structure("none"))?).convention(&X86_64_WIN64)
        }
        "WIN64_ONE_LANE_VECTORS_AS_LANES" => {
            argument(Type::vector(&Type::F64, 1)?).convention(&X86_64_WIN64)
        }
        "WIN64_NAMED_FLOATS_IN_BOTH" => argument(Type::F64).variadic().convention(&X86_64_WIN64),
        "WIN64_X87_RESULT_IN_ST0" => result(Type::F80).convention(&X86_64_WIN64),
        _ => return Ok(None),
    }))
}

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy.md");
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_bit_has_its_row() {
    let page = page();
    let found = objections(&rows(&page));
    assert!(found.is_empty(), "docs/policy.md:\n{}", found.join("\n"));
}

#[test]
fn a_wrong_cell_or_a_missing_row_is_noticed() {
    let page = page();
    let of = |text: &str| objections(&rows(text));
    let swapped = page.replacen("| no | yes | yes |", "| yes | yes | yes |", 1);
    let moved = page.replacen("stack 0..8 align 8", "rsi", 1);
    let missing: String = page
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("| `HALF_"))
        .collect();
    for wrong in [swapped, moved, missing] {
        assert_ne!(wrong, page);
        assert_ne!(of(&wrong), of(&page));
    }
}
