//! What a field's name says about its value.

/// The last key of a pointer, array indices left out.
pub(crate) fn last(pointer: &str) -> &str {
    pointer.rsplit('/').find(|part| !part.is_empty() && *part != "*").unwrap_or("")
}

/// Whether a field of this name holds an id.
pub(crate) fn is_id(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    matches!(lower.as_str(), "id" | "_id" | "uuid" | "guid" | "sid" | "key" | "token" | "etag")
        || lower.ends_with("_id")
        || lower.ends_with("-id")
        || lower.ends_with("_uuid")
        || lower.ends_with("token")
        || key.ends_with("Id")
        || key.ends_with("ID")
        || key.ends_with("Uuid")
}

/// Whether a field of this name points into a list (a page's cursor).
pub(crate) fn is_cursor(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    ["before", "after", "next", "prev", "previous", "cursor", "since", "offset"]
        .iter()
        .any(|name| lower == *name || lower.ends_with(&format!("_{name}")))
        || lower.ends_with("cursor")
}

/// Whether a field of this name holds a count of things that grow.
pub(crate) fn is_count(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    ["count", "total", "number", "size", "unread", "online", "members", "entries", "hits"]
        .iter()
        .any(|name| {
            lower == *name || lower.ends_with(name) || lower.starts_with(&format!("{name}_"))
        })
}

/// The kind of thing that an id at this pointer names: `user` for `/user/id`, `/users/*/id` and
/// `/message/userId`. Integer ids are only compared with those of the same kind.
pub(crate) fn entity(pointer: &str) -> String {
    let parts: Vec<&str> =
        pointer.split('/').filter(|part| !part.is_empty() && *part != "*").collect();
    let Some((key, parents)) = parts.split_last() else { return String::new() };
    let lower = key.to_ascii_lowercase();
    let stem = lower
        .strip_suffix("_id")
        .or_else(|| lower.strip_suffix("-id"))
        .or_else(|| key.ends_with("Id").then(|| &lower[..lower.len().saturating_sub(2)]))
        .unwrap_or("");
    let name = if stem.is_empty() { parents.last().copied().unwrap_or("") } else { stem };
    let name = name.to_ascii_lowercase().trim_end_matches('s').to_owned();
    // An envelope holds now one kind of thing, now another.
    let envelopes = [
        "data", "result", "item", "row", "record", "entry", "payload", "response", "body",
        "object", "resource", "value", "node", "element", "content", "list", "text", "reply",
        "created",
    ];
    if envelopes.contains(&name.as_str()) { String::new() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_ids_and_counts() {
        assert!(is_id("id") && is_id("user_id") && is_id("roomId") && is_id("csrfToken"));
        assert!(!is_id("paid") && !is_id("valid") && !is_id("body"));
        assert!(is_count("messageCount") && is_count("total") && !is_count("body"));
    }

    #[test]
    fn an_entity_is_the_same_by_either_spelling() {
        assert_eq!(entity("/users/*/id"), "user");
        assert_eq!(entity("/message/user_id"), "user");
        assert_eq!(entity("/message/userId"), "user");
        assert_eq!(entity("/id"), "");
        assert_eq!(entity("/data/id"), "");
    }
}
