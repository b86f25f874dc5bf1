//! The API's description against the routes, the roles and what the server really answers.

use std::collections::BTreeSet;

use sensor_user::{
    control::{
        roles,
        routes::{self, Carries, ROUTES, Target},
    },
    model::Role,
};
use serde_json::Value;

use crate::fixture::Running;

fn description() -> Value {
    serde_json::from_str(routes::DESCRIPTION).expect("JSON")
}

/// Follows a reference.
fn resolve<'d>(document: &'d Value, node: &'d Value) -> &'d Value {
    match node["$ref"].as_str() {
        Some(reference) => document
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{reference} leads nowhere")),
        None => node,
    }
}

#[test]
fn it_has_every_route_and_no_other() {
    let document = description();
    let paths = document["paths"].as_object().expect("paths");
    let described: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let routed: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| (route.method.to_owned(), route.path.to_owned()))
        .collect();
    assert_eq!(described, routed);
}

#[test]
fn each_route_is_described_as_it_is() {
    let document = description();
    let all = [Role::Reader, Role::Operator, Role::Desk, Role::Oversight];
    for route in &ROUTES {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        let name = match route.target {
            Target::Ask(kind) => kind.name(),
            Target::Description => "openapi",
        };
        assert_eq!(operation["operationId"], name);
        let takes_body = route.body != Carries::Nothing;
        assert_eq!(operation["requestBody"].is_object(), takes_body, "{name}");
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let keys = |place: &str| -> Vec<String> {
            let resolved = parameters.iter().map(|p| resolve(&document, p));
            let here = resolved.filter(|p| p["in"] == place);
            here.map(|p| p["name"].as_str().expect("name").to_owned())
                .collect()
        };
        assert_eq!(keys("query"), route.query, "{name}");
        let in_path = keys("path");
        assert_eq!(in_path.len(), route.path.matches('{').count(), "{name}");
        assert!(
            in_path
                .iter()
                .all(|p| route.path.contains(&format!("{{{p}}}"))),
            "{name}"
        );
        let allowed: Vec<_> = all
            .iter()
            .filter(|role| match route.target {
                Target::Ask(kind) => roles::allows(**role, kind),
                Target::Description => true,
            })
            .map(|role| role.name())
            .collect();
        assert_eq!(operation["x-roles"], serde_json::json!(allowed), "{name}");
    }
}

#[test]
fn answers_are_what_it_says() {
    let door = Running::start();
    let document = description();
    for route in &ROUTES {
        if route.path.ends_with("/tail") || route.path.ends_with("/follow") {
            continue;
        }
        let line = format!("{} {}", route.method, route.path.replace(['{', '}'], ""));
        let body: &[u8] = match route.body {
            Carries::Nothing => b"",
            Carries::Document | Carries::File => b"ip 203.0.113.5\n",
        };
        let answer = door.ask(&line, body);
        assert_eq!(answer.status, 200, "{line}: {answer:?}");
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        conforms(&document, schema, &answer.json(), &line);
    }
    let event = serde_json::to_value(crate::samples::event("e")).expect("JSON");
    conforms(
        &document,
        &document["components"]["schemas"]["Event"],
        &event,
        "event",
    );
    let failure = door.ask("PUT /v1/markers", b"nonsense\n").json();
    conforms(
        &document,
        &document["components"]["schemas"]["Failure"],
        &failure,
        "failure",
    );
}

/// As much of JSON Schema as the description uses.
fn conforms(document: &Value, schema: &Value, value: &Value, at: &str) {
    let schema = resolve(document, schema);
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    assert!(types.contains(&is.into()), "{at} is {is}, not {types:?}");
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {value} is not listed");
    }
    for item in value.as_array().into_iter().flatten() {
        conforms(document, &schema["items"], item, &format!("{at}[]"));
    }
    let (Some(fields), Some(properties)) = (value.as_object(), schema["properties"].as_object())
    else {
        return;
    };
    for (name, field) in fields {
        let property = properties
            .get(name)
            .unwrap_or_else(|| panic!("{at}.{name} is not described"));
        conforms(document, property, field, &format!("{at}.{name}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().expect("name");
        assert!(fields.contains_key(name), "{at}.{name} is missing");
    }
}
