//! `cabi` reads declarations from text as libclang does: those of the corpus, and random ones. It
//! refuses text beyond its subset, and says so. `fuzz_bodies` has mutated text.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a difference stops a test, also outside the functions marked #[test]"
)]

use cabi::{DataModel, Declaration, Error, FnSig, RecordRules};
use cabi_header::{Header, Options, parse};
use cabi_tests::corpus;
use cabi_verify::corpus::{TESTED_LIBCLANG, libclang, read_folder};
use cabi_verify::generate::{CType, Dialect, Node, signature};
use cabi_verify::report::missing;

/// Words of `cabi`'s refusals.
const NOT_READ: [&str; 14] = [
    "an attribute",
    "an enumeration",
    "an atomic type",
    "a `_BitInt`",
    "expected a type: ",
    "the parameters are missing",
    "is not read in a declaration",
    "expressions are not read",
    "only a structure or union without a tag",
    "`va_list`",
    "`wchar_t`",
    "a symbol name",
    "expected a function",
    "a parameter before `...`",
];

/// Returns libclang's reading of `text` for `target`, laid out as gcc does; nothing without
/// libclang.
fn header(text: &str, target: &str) -> Option<Header> {
    let options = Options::new().arg(format!("--target={target}"));
    if let Err(why) = libclang(TESTED_LIBCLANG) {
        missing(&why);
        return None;
    }
    let header = parse(text, &options.records(RecordRules::Gcc));
    Some(header.unwrap_or_else(|_| Header::empty(target, DataModel::LP64)))
}

/// Compares both readings of the function that `text` declares last, if `cabi` reads it. Returns
/// whether it does.
fn compare(text: &str, header: &Header) -> bool {
    match Declaration::parse(text, &header.model) {
        Err(Error::Text { why, .. }) => {
            assert!(
                NOT_READ.iter().any(|own| why.contains(own)),
                "{why}\n{text}"
            );
            false
        }
        Err(error) => panic!("{error}\n{text}"),
        Ok(read) => {
            let name = read.name.unwrap();
            let Some(prototype) = header.prototype(&name) else {
                panic!("libclang: {:?}\n{text}", header.reason(&name));
            };
            let params = prototype.params.iter().map(|(_, ty)| ty.clone());
            let mut sig = FnSig::new(params, prototype.ret.clone());
            if prototype.variadic {
                sig = sig.variadic();
            }
            if prototype.noreturn {
                sig = sig.noreturn();
            }
            assert_eq!(read.sig, sig, "{text}");
            true
        }
    }
}

#[test]
fn the_corpus_is_read_alike() {
    let (mut n_read, mut n_refused) = (0, 0);
    let mut folders: Vec<_> = (corpus::folder().read_dir().unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    for folder in folders {
        let is_of_blocks = folder.is_dir() && !corpus::files(&folder, "abi").unwrap().is_empty();
        if !is_of_blocks {
            continue;
        }
        for block in read_folder(&folder).unwrap() {
            // Text that is refused without libclang is left out first: libclang is slow.
            if Declaration::parse(&block.code, &DataModel::LP64).is_err() {
                n_refused += 1;
                continue;
            }
            let Some(header) = header(&block.code, &block.target) else {
                return;
            };
            n_read += usize::from(compare(&block.code, &header));
        }
    }
    println!("{n_read} declarations of the corpus are read, {n_refused} are refused");
    assert!(n_read > 450, "{n_read} of {}", n_read + n_refused);
}

/// Leaves out parts that are not read: attributes, pragmas, enumerations and atomic types.
fn plain(ty: &mut CType) {
    fn change(ty: &mut CType) {
        match ty {
            CType::Aligned(inner, _) | CType::Atomic(inner) => {
                *ty = (**inner).clone();
                change(ty);
            }
            CType::Vector { lane, .. } => *ty = CType::Name(lane),
            CType::Name("_Complex __float128") => *ty = CType::Name("_Complex float"),
            CType::Enum(_) => *ty = CType::Name("int"),
            _ => {}
        }
    }
    ty.visit(&mut |node| match node {
        Node::Type(ty) => change(ty),
        Node::Record(record) => {
            (record.packed, record.aligned, record.pack) = (false, None, None);
        }
        Node::Member(member) => (member.packed, member.aligned) = (false, None),
    });
}

#[test]
fn random_declarations_are_read_alike() {
    const N: u64 = 1500;
    let mut n_read = 0;
    for target in [
        "x86_64-linux-gnu",
        "aarch64-linux-gnu",
        "x86_64-windows-gnu",
    ] {
        let model = *cabi::Target::named(target).unwrap().data_model();
        for batch in 0..10 {
            let texts = (batch * N / 10..(batch + 1) * N / 10).map(|i| {
                let mut signature = signature(25, i, Dialect::COMMON);
                signature.types_mut().for_each(plain);
                let declared = signature.declared(&format!("a{i}_"), &model);
                let text = format!("{}{}", declared.types, declared.prototype);
                // Clang has it on x86-64 only.
                match target.starts_with("x86_64") {
                    true => text,
                    false => text.replace("__float128", "long double"),
                }
            });
            // A text that `Declaration` refuses needs no libclang.
            let plain: Vec<String> = texts
                .filter(|text| Declaration::parse(text, &model).is_ok())
                .collect();
            let Some(header) = header(&plain.concat(), target) else {
                return;
            };
            n_read += plain.iter().filter(|text| compare(text, &header)).count();
        }
    }
    println!("{n_read} random declarations are read");
    assert!(n_read > 4_000, "{n_read}");
}

/// The control: under another data model the same text is another signature, and the comparison
/// sees it.
#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn another_long_is_noticed() {
    let text = "long f(struct { char c; long n; } *, struct s { long n; });";
    let Some(mut header) = header(text, "x86_64-linux-gnu") else {
        panic!("assertion `left == right` failed: without libclang there is nothing to notice");
    };
    header.model = DataModel::LLP64_GNU;
    compare(text, &header);
}
