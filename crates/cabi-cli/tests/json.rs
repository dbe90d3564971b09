//! What `--json` prints is what the tables of docs/json.md say, field by field.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(clippy::panic, reason = "an answer that is no JSON fails its test")]

mod support;

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;
use support::{cabi, libclang, printed};

/// The tables of the page: for each type its fields, each with its type.
struct Page(HashMap<String, Vec<(String, String)>>);

impl Page {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json.md");
        let page = std::fs::read_to_string(&path).expect("the page");
        let mut tables = HashMap::new();
        for section in page.split("\n## ").skip(1) {
            let (name, rest) = section.split_once('\n').expect("a heading");
            let rows = rest.lines().filter_map(|line| line.strip_prefix("| `"));
            let field = |row: &str| {
                let (name, rest) = row.split_once("` | ")?;
                let (ty, _) = rest.split_once(" |")?;
                Some((name.to_owned(), ty.to_owned()))
            };
            let fields = rows.map(|row| field(row).expect("a field and its type"));
            tables.insert(name.to_owned(), fields.collect());
        }
        Self(tables)
    }

    /// The first difference between `value`, which is at `path`, and what the page says of a `ty`.
    fn check(&self, path: &str, value: &Value, ty: &str) -> Result<(), String> {
        if let Some(ty) = ty.strip_prefix("null or ") {
            return match value {
                Value::Null => Ok(()),
                value => self.check(path, value, ty),
            };
        }
        if let (Some(ty), Value::Array(all)) = (ty.strip_prefix("list of "), value) {
            let mut all = all.iter().enumerate();
            return all.try_for_each(|(i, one)| self.check(&format!("{path}[{i}]"), one, ty));
        }
        let is_right = match (ty, value) {
            ("string", value) => value.is_string(),
            ("integer", value) => value.is_u64(),
            ("bool", value) => value.is_boolean(),
            ("pair", Value::Array(pair)) => {
                matches!(&pair[..], [Value::String(_), Value::Bool(_)])
            }
            (ty, Value::Object(object)) => {
                let tag = ty.to_lowercase();
                let variant = object.get(&tag).and_then(Value::as_str);
                let (ty, n_tags) = match variant {
                    Some(variant) => (format!("{ty} {variant}"), 1),
                    None => (ty.to_owned(), 0),
                };
                let fields = self.0.get(&ty).ok_or_else(|| format!("{path}: no {ty}"))?;
                for (name, ty) in fields {
                    let path = format!("{path}.{name}");
                    let value = object.get(name).ok_or_else(|| format!("{path}: missing"))?;
                    self.check(&path, value, ty)?;
                }
                object.len() == fields.len() + n_tags
            }
            _ => false,
        };
        match is_right {
            true => Ok(()),
            false => Err(format!("{path}: no {ty}: {value}")),
        }
    }

    /// What the command prints, checked.
    fn answer(&self, args: &[&str], ty: &str, status: i32) -> Value {
        let text = printed(&cabi(args), status);
        let value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}\n{text}"));
        let checked = self.check("", &value, ty);
        assert_eq!(checked, Ok(()), "{args:?}");
        value
    }
}

const TARGETS: [&str; 4] = [
    "x86_64-unknown-linux-gnu",
    "x86_64-pc-windows-gnu",
    "aarch64-unknown-linux-gnu",
    "riscv64gc-unknown-linux-gnu",
];

#[test]
fn explanations() {
    if !libclang() {
        return;
    }
    let page = Page::read();
    let text = "struct p { double x; char c[3]; long long n : 40; }; struct big { long a[9]; }; \
                struct big f(int i, struct p p, struct big b, long double _Complex z, float h, ...);";
    for target in TARGETS {
        let args = ["explain", "--json", "--target", target, text];
        let answer = page.answer(&args, "Explanation", 0);
        assert_eq!(answer["target"], target);
        let place = &answer["ret"]["place"];
        let part = &place["parts"][0];
        assert_eq!(place["kind"], "pointer", "{target}");
        assert_eq!(part["is_address"], true, "{target}");
        assert!(part["register"].is_string(), "{target}");
        assert_eq!(part["size"], answer["ret"]["size"], "{target}");
    }
    let text = "struct p { double x; long n; }; void f(struct p a);";
    let args = ["explain", "--json", "--target", TARGETS[0], text];
    let answer = page.answer(&args, "Explanation", 0);
    let parts = &answer["args"][0]["place"]["parts"];
    for (i, register, offset, member) in [(0, "xmm0", 0, "x"), (1, "rdi", 8, "n")] {
        let part = &parts[i];
        assert_eq!(part["register"], register);
        assert_eq!(
            (&part["offset"], &part["size"]),
            (&offset.into(), &8.into())
        );
        assert_eq!(part["members"], Value::from(vec![member]));
    }
    let args = ["explain", "--json", "-i", "stdlib.h", "abort"];
    let never = page.answer(&args, "Explanation", 0);
    assert_eq!(never["ret"]["place"]["kind"], "never");
}

#[test]
fn layouts_and_differences() {
    if !libclang() {
        return;
    }
    let page = Page::read();
    for header in ["stdio.h", "signal.h", "stdlib.h", "netinet/in.h"] {
        let answer = page.answer(&["layout", "--json", header], "Layouts", 0);
        assert_ne!(answer["types"], Value::Array(Vec::new()), "{header}");
    }
    let text = "struct s { char c; long double x; }; struct s f(struct s a); float _Complex g(float _Complex);";
    let targets = ["--target", TARGETS[0], "--target", TARGETS[2]];
    let args = [&["diff", "--json"], &targets[..], &[text]].concat();
    let answer = page.answer(&args, "Diff", 1);
    let differences = answer["differences"].as_array().expect("a list");
    let is_function = |one: &Value| one["is_function"] == true;
    assert!(differences.iter().any(is_function), "{answer}");
    for header in ["stdio.h", "signal.h", "complex.h", "stdlib.h"] {
        page.answer(&["diff", "--json", header], "Diff", 0);
    }
}

/// The control: a field too many, one too few and one of another type are noticed.
#[test]
fn another_field_is_noticed() {
    let page = Page::read();
    let is_right = |text: &str| {
        let value = serde_json::from_str(text).expect("JSON");
        page.check("", &value, "Counts").is_ok()
    };
    assert!(is_right(r#"{"compared":1,"differ":0}"#));
    assert!(!is_right(r#"{"compared":1,"differ":0,"more":2}"#));
    assert!(!is_right(r#"{"compared":1}"#) && !is_right(r#"{"compared":1,"differ":"0"}"#));
}
