//! What `--json` prints is what the tables of docs/json.md say, field by field.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use super::DOCS;

/// The tables of the page: for each type its fields, each with its type.
pub(crate) struct Page(HashMap<String, Vec<(String, String)>>);

impl Page {
    pub(crate) fn read() -> Self {
        let page = std::fs::read_to_string(Path::new(DOCS).join("json.md")).expect("the page");
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

    /// What in `text`, an answer, is otherwise than the page says of a `ty`.
    pub(crate) fn difference(&self, text: &str, ty: &str) -> Option<String> {
        let value: Result<Value, _> = serde_json::from_str(text);
        let checked = value.map_err(|why| why.to_string());
        checked.and_then(|value| self.check("", &value, ty)).err()
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
}
