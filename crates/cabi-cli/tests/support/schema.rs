//! Comparison of `--json` output with docs/cabi.schema.json. Only the words of JSON Schema that
//! this file uses are known.

use std::path::Path;

use serde_json::{Map, Value};

use super::DOCS;

pub(crate) struct Schema(Value);

impl Schema {
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(Path::new(DOCS).join("cabi.schema.json"));
        Self(serde_json::from_str(&text.expect("the schema")).expect("JSON"))
    }

    /// Returns the first difference between `text` and the definition `name`.
    pub(crate) fn difference(&self, text: &str, name: &str) -> Option<String> {
        let value: Result<Value, _> = serde_json::from_str(text);
        let checked = value.map_err(|why| why.to_string());
        let definition = serde_json::json!({ "$ref": format!("#/$defs/{name}") });
        checked
            .and_then(|value| self.check("", &value, &definition))
            .err()
    }

    /// Compares `value`, which is at `path`, with `schema`.
    fn check(&self, path: &str, value: &Value, schema: &Value) -> Result<(), String> {
        let differs = || Err(format!("{path}: no {schema}: {value}"));
        for (word, own) in schema.as_object().ok_or("the schema is not an object")? {
            let is_right = match word.as_str() {
                "description" | "required" | "additionalProperties" => true,
                "$ref" => {
                    let pointer = own.as_str().and_then(|link| link.strip_prefix('#'));
                    let target = pointer.and_then(|pointer| self.0.pointer(pointer));
                    let target = target.ok_or_else(|| format!("{path}: no {own}"))?;
                    self.check(path, value, target)?;
                    true
                }
                "anyOf" => {
                    let mut schemas = own.as_array().into_iter().flatten();
                    schemas.any(|own| self.check(path, value, own).is_ok())
                }
                "const" => value == own,
                "type" => match own.as_str() {
                    Some("null") => value.is_null(),
                    Some("string") => value.is_string(),
                    Some("boolean") => value.is_boolean(),
                    // No number here is negative: `minimum`.
                    Some("integer") => value.is_u64(),
                    Some("array") => value.is_array(),
                    Some("object") => value.is_object(),
                    _ => false,
                },
                "minimum" => own == 0,
                "minItems" => value.as_array().map(Vec::len).map(Value::from).as_ref() == Some(own),
                "prefixItems" => {
                    let pairs = own.as_array().into_iter().flatten();
                    let mut pairs = pairs.zip(value.as_array().into_iter().flatten());
                    pairs.all(|(own, one)| self.check(path, one, own).is_ok())
                }
                "items" => {
                    let items = value.as_array().into_iter().flatten().enumerate();
                    let mut items = items.filter(|_| own.is_object());
                    items.try_for_each(|(i, one)| self.check(&format!("{path}[{i}]"), one, own))?;
                    true
                }
                "properties" => {
                    let properties = own.as_object().ok_or("the properties are not an object")?;
                    self.check_fields(path, value, properties)?;
                    true
                }
                _ => return Err(format!("the schema says {word}, which is not known here")),
            };
            if !is_right {
                return differs();
            }
        }
        Ok(())
    }

    /// Compares the fields of `value` with `properties`: all of them are there, and no other.
    fn check_fields(
        &self,
        path: &str,
        value: &Value,
        properties: &Map<String, Value>,
    ) -> Result<(), String> {
        for (name, rule) in properties {
            let path = format!("{path}.{name}");
            let field = value.get(name).ok_or_else(|| format!("{path}: missing"))?;
            self.check(&path, field, rule)?;
        }
        let names = value.as_object().into_iter().flat_map(Map::keys);
        let mut unknown = names.filter(|name| !properties.contains_key(*name));
        match unknown.next() {
            None => Ok(()),
            Some(name) => Err(format!("{path}.{name}: not in the schema")),
        }
    }
}
