//! Ids on one side stand for ids on the other, one to one, for the whole run.
//!
//! Two rules. Places that held the same fresh id in both passes over the original hold the same
//! id on the migrated, and places that held different ids in both hold different ones. An id that
//! did not vary on the original may be another on the migrated if it always is the same other.

use std::collections::BTreeMap;

use super::{name, token};

/// An id seen at one place in all three passes.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Where: pointer or header.
    pub(crate) pointer: String,
    /// What it was on the original, the original again, and the migrated.
    pub(crate) values: [String; 3],
    /// Index of the step's difference list that it belongs to.
    pub(crate) step: usize,
}

/// A place at which the ids do not map one to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The step of the place.
    pub(crate) step: usize,
    /// Where.
    pub(crate) pointer: String,
    /// What the original did.
    pub(crate) original: String,
    /// What the migrated did.
    pub(crate) migrated: String,
}

/// The kind under which an id is compared: long random ids with all others, integers with those
/// that name the same kind of thing.
fn kind(place: &Place) -> Option<String> {
    if place.values.iter().all(|value| token::is_random(value)) {
        return Some("random".to_owned());
    }
    let entity = name::entity(&place.pointer);
    (name::is_id(name::last(&place.pointer)) && !entity.is_empty()).then_some(entity)
}

/// Finds the places where the mapping breaks.
pub(crate) fn check(places: &[Place]) -> Vec<Broken> {
    let mut broken = Vec::new();
    // (kind, original, again) → (migrated, pointer)
    let mut forward: BTreeMap<(String, &str, &str), &Place> = BTreeMap::new();
    // (kind, migrated) → place
    let mut backward: BTreeMap<(String, &str), &Place> = BTreeMap::new();
    for place in places {
        let Some(kind) = kind(place) else { continue };
        let [original, again, migrated] = place.values.each_ref().map(String::as_str);
        let earlier = *forward.entry((kind.clone(), original, again)).or_insert(place);
        if earlier.values[2] != migrated {
            broken.push(Broken {
                step: place.step,
                pointer: place.pointer.clone(),
                original: format!("the same id as at {}", shown(&earlier.pointer)),
                migrated: "another id".to_owned(),
            });
            continue;
        }
        let earlier = *backward.entry((kind, migrated)).or_insert(place);
        let [first, second, _] = earlier.values.each_ref().map(String::as_str);
        if first != original && second != again {
            broken.push(Broken {
                step: place.step,
                pointer: place.pointer.clone(),
                original: format!("another id than at {}", shown(&earlier.pointer)),
                migrated: "the same id".to_owned(),
            });
        }
    }
    broken
}

fn shown(pointer: &str) -> &str {
    if pointer.is_empty() { "the top" } else { pointer }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(step: usize, pointer: &str, values: [&str; 3]) -> Place {
        Place { pointer: pointer.to_owned(), values: values.map(str::to_owned), step }
    }

    #[test]
    fn ids_from_another_start_map() {
        assert_eq!(
            check(&[
                place(0, "/user/id", ["11", "12", "901"]),
                place(1, "/message/userId", ["11", "12", "901"]),
                place(2, "/user/id", ["13", "14", "902"]),
                // A message may have the number of a user.
                place(3, "/message/id", ["11", "12", "40"]),
            ]),
            []
        );
    }

    #[test]
    fn an_id_that_is_not_reused_is_seen() {
        let broken = check(&[
            place(0, "/user/id", ["11", "12", "901"]),
            place(1, "/message/userId", ["11", "12", "902"]),
        ]);
        assert_eq!(broken.len(), 1);
        assert_eq!(broken[0].step, 1);
    }

    #[test]
    fn one_id_for_two_things_is_seen() {
        let broken = check(&[
            place(0, "/user/id", ["11", "12", "901"]),
            place(1, "/user/id", ["13", "14", "901"]),
        ]);
        assert_eq!(broken.len(), 1);
    }
}
