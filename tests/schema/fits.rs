//! Whether JSON keeps to a schema.

use serde_json::Value;

/// Whether a value keeps to a schema, as far as the keywords go that ours uses; why not, and where.
pub(crate) fn fits(value: &Value, schema: &Value, root: &Value, at: &str) -> Result<(), String> {
    const KNOWN: [&str; 22] = [
        "$schema",
        "$defs",
        "$ref",
        "title",
        "description",
        "type",
        "properties",
        "required",
        "items",
        "anyOf",
        "oneOf",
        "allOf",
        "enum",
        "const",
        "additionalProperties",
        "format",
        "minimum",
        "maximum",
        "default",
        "minItems",
        "maxItems",
        "prefixItems",
    ];
    let Some(keywords) = schema.as_object() else {
        return if schema == &Value::Bool(true) {
            Ok(())
        } else {
            Err(format!("{at}: nothing may stand here"))
        };
    };
    for keyword in keywords.keys() {
        assert!(KNOWN.contains(&keyword.as_str()), "{at}: the keyword {keyword} is not checked");
    }
    if let Some(target) = schema["$ref"].as_str() {
        let target = root.pointer(target.trim_start_matches('#')).unwrap();
        fits(value, target, root, at)?;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_a(value, name)) {
        return Err(format!("{at}: {value} is no {types:?}"));
    }
    let allowed = schema["enum"].as_array().is_none_or(|all| all.contains(value));
    if !allowed || schema.get("const").is_some_and(|only| only != value) {
        return Err(format!("{at}: {value} is not among what may stand here"));
    }
    for (keyword, all) in [("allOf", true), ("anyOf", false), ("oneOf", false)] {
        let Some(parts) = schema[keyword].as_array() else { continue };
        let fitting = parts.iter().filter(|part| fits(value, part, root, at).is_ok()).count();
        if fitting == 0 || (all && fitting < parts.len()) {
            return Err(format!("{at}: {value} fits not {keyword}"));
        }
    }
    if let Some(elements) = value.as_array() {
        let length = elements.len() as u64;
        let least = schema["minItems"].as_u64().unwrap_or_default();
        let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        if !(least..=most).contains(&length) {
            return Err(format!("{at}: {length} elements"));
        }
        for (index, element) in elements.iter().enumerate() {
            let own = schema.get("prefixItems").and_then(|own| own.get(index));
            let items = own.or(schema.get("items")).unwrap_or(&Value::Bool(true));
            fits(element, items, root, &format!("{at}[{index}]"))?;
        }
    }
    let Some(members) = value.as_object() else { return Ok(()) };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required {
        if !members.contains_key(name) {
            return Err(format!("{at}: {name} is missing"));
        }
    }
    for (name, member) in members {
        let additional = schema.get("additionalProperties").unwrap_or(&Value::Bool(true));
        let part = schema["properties"].get(name).unwrap_or(additional);
        fits(member, part, root, &format!("{at}.{name}"))?;
    }
    Ok(())
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
