//! Names that follow from other names.

use std::collections::BTreeSet;

/// `shop-app` and `DB_PASSWORD` make `SHOP_APP_DB_PASSWORD`.
pub(super) fn secret(parts: &[&str]) -> String {
    let joined = parts.join("_");
    let mut name = String::with_capacity(joined.len());
    for character in joined.chars() {
        let character =
            if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' };
        if !(character == '_' && name.ends_with('_')) {
            name.push(character);
        }
    }
    let name = name.trim_matches('_').to_owned();
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("S_{name}") } else { name }
}

/// A DNS label of at most 50 characters.
pub(super) fn label(text: &str) -> String {
    let mut label = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            label.push(character.to_ascii_lowercase());
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
        if label.len() == 50 {
            break;
        }
    }
    label.trim_matches('-').to_owned()
}

/// `name`, or `name-2` and so on when it is taken.
pub(super) fn free(name: &str, separator: char, taken: &BTreeSet<String>) -> String {
    if !taken.contains(name) {
        return name.to_owned();
    }
    (2..1000)
        .map(|number| format!("{name}{separator}{number}"))
        .find(|candidate| !taken.contains(candidate))
        .unwrap_or_else(|| name.to_owned())
}

/// The last part of a path.
pub(super) fn base(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The folder of a path.
pub(super) fn folder(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

/// Whether `path` is `folder` or lies below it.
pub(super) fn within(path: &str, folder: &str) -> bool {
    let (path, folder) = (path.trim_end_matches('/'), folder.trim_end_matches('/'));
    path == folder
        || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') || folder.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_where_they_go() {
        assert_eq!(secret(&["shop-app", "DB_PASSWORD"]), "SHOP_APP_DB_PASSWORD");
        assert_eq!(secret(&["web", "FILE", ".env"]), "WEB_FILE_ENV");
        assert_eq!(secret(&["3d", "KEY"]), "S_3D_KEY");
        assert_eq!(label("Up loads!"), "up-loads");
        assert!(within("/srv/a/b", "/srv/a/"));
        assert!(!within("/srv/ab", "/srv/a"));
    }
}
