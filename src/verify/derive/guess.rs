//! What people mean by a field's name, and something to put there.

use serde_json::{Map, Value, json};

/// The password of everyone who is made up.
const PASSWORD: &str = "Migrate-Probe-7";

/// The words of a field's name, in lower case (`displayName`: display, name).
fn words(field: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for character in field.chars() {
        let begins = character.is_uppercase() || !character.is_alphanumeric();
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn has(field: &str, any: &[&str]) -> bool {
    words(field).iter().any(|word| any.contains(&word.as_str()))
}

/// Whether a field holds a password.
pub(super) fn is_password(field: &str) -> bool {
    has(field, &["password", "passwd", "pass", "pwd", "passwort", "passphrase"])
}

/// Whether a field says who logs in.
pub(super) fn is_user(field: &str) -> bool {
    let words = words(field);
    let whole = words.concat();
    matches!(
        whole.as_str(),
        "name"
            | "user"
            | "username"
            | "login"
            | "nick"
            | "nickname"
            | "handle"
            | "email"
            | "mail"
            | "emailaddress"
            | "identifier"
            | "account"
            | "userid"
            | "loginname"
    )
}

/// What an account's field holds for a client: the same at registration and log-in.
pub(super) fn account(field: &str, client: &str) -> Value {
    if is_password(field) {
        return json!(PASSWORD);
    }
    if has(field, &["email", "mail"]) {
        return json!(format!("p${{unique}}{client}@example.org"));
    }
    if is_user(field) {
        return json!(format!("p${{unique}}{client}"));
    }
    if has(field, &["accept", "agree", "terms", "consent"]) {
        return json!(true);
    }
    if has(field, &["age"]) {
        return json!(30);
    }
    if has(field, &["confirm", "confirmation", "repeat", "again", "password2"]) {
        return json!(PASSWORD);
    }
    json!(format!("Probe {}", client.to_uppercase()))
}

/// Whether a field holds what someone says.
pub(super) fn is_text(field: &str) -> bool {
    has(
        field,
        &[
            "text",
            "body",
            "message",
            "msg",
            "content",
            "comment",
            "words",
            "note",
            "description",
            "data",
        ],
    )
}

/// What a field of something new holds; `None` for what cannot be told and is best left out.
pub(super) fn field(field: &str) -> Option<Value> {
    // A reference to something else, or a token.
    if words(field).len() > 1 && has(field, &["id", "ids", "token", "csrf"])
        || has(field, &["csrf", "token"])
    {
        return None;
    }
    if is_password(field) {
        return Some(json!(PASSWORD));
    }
    if has(field, &["email", "mail"]) {
        return Some(json!("p${unique}@example.org"));
    }
    if has(field, &["slug", "key", "code", "alias"]) {
        return Some(json!("probe-${unique}"));
    }
    if has(field, &["title", "subject", "topic", "label", "name", "caption", "summary"]) {
        return Some(json!("Probe ${unique}"));
    }
    if is_text(field) {
        // Accents and what takes four bytes: where character sets go wrong.
        return Some(json!("Grüße, ça va? 😀 ${unique}"));
    }
    if has(
        field,
        &["limit", "size", "count", "amount", "quantity", "qty", "number", "price", "page"],
    ) {
        return Some(json!(3));
    }
    if has(field, &["url", "link", "website"]) {
        return Some(json!("https://example.org/"));
    }
    if has(field, &["date", "day"]) {
        return Some(json!("2024-02-29"));
    }
    if has(field, &["enabled", "active", "public", "private", "done"]) {
        return Some(json!(true));
    }
    if has(field, &["tags", "labels"]) {
        return Some(json!(["probe"]));
    }
    None
}

/// A JSON object with the fields that can be told.
pub(super) fn object(fields: &[String]) -> Map<String, Value> {
    fields.iter().filter_map(|name| Some((name.clone(), field(name)?))).collect()
}

/// A query string with the parameters that can be told, with its `?`.
pub(super) fn query(parameters: &[String]) -> String {
    let pairs: Vec<String> = parameters
        .iter()
        .filter_map(|name| {
            let value = if has(name, &["q", "query", "search", "term", "s"]) {
                "the"
            } else if has(name, &["limit", "size", "count", "per", "pagesize", "take"]) {
                "5"
            } else if name == "page" {
                "1"
            } else if matches!(name.as_str(), "ms" | "delay" | "wait") {
                "120"
            } else {
                return None;
            };
            Some(format!("{name}={value}"))
        })
        .collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// One of several (`orders`: order).
pub(super) fn singular(word: &str) -> String {
    let word = word.to_lowercase();
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    word.strip_suffix('s').filter(|stem| stem.len() > 1).unwrap_or(&word).to_owned()
}
