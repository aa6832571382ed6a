//! The environment variables that an application reads, with their defaults.

use std::collections::BTreeMap;

use super::modules::{Modules, Place};
use super::values::Values;
use crate::inspect::parse::javascript::{Kind, Node, Pattern};
use crate::model::evidence::Evidence;

/// A variable that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// Where first.
    pub evidence: Evidence,
    /// The default that the code gives it.
    pub default: Option<String>,
}

/// Every variable that the code reads.
pub(super) fn read(values: &Values<'_>) -> BTreeMap<String, Reading> {
    let modules = values.modules;
    let mut readings = BTreeMap::new();
    modules.each(&mut |place| match &place.node.kind {
        // The default stands beside the variable: seen before the variable itself.
        Kind::Or(left, right) => {
            let at = |node| Place { module: place.module, node };
            // `Number(process.env.PORT) || 80` as well.
            let inner = match left.call() {
                Some((_, [argument])) => argument,
                _ => left,
            };
            if let Some(name) = values.variable(at(inner)) {
                let default = literal(values, at(right));
                add(&mut readings, modules, place, &name, default);
            }
        }
        Kind::Member(..) => {
            if let Some(name) = values.variable(place) {
                add(&mut readings, modules, place, &name, None);
            }
        }
        Kind::Declare(Pattern::Object(keys), Some(value))
            if values.is_environment(place.module, value) =>
        {
            for (key, pattern) in keys {
                let default = match pattern {
                    Pattern::Default(_, default) => {
                        values.value(Place { module: place.module, node: default }).text
                    }
                    _ => None,
                };
                add(&mut readings, modules, place, key, default);
            }
        }
        Kind::Call(callee, arguments) => {
            let target = Place { module: place.module, node: callee };
            if let Some((_, function)) = modules.function(target)
                && let Some((name, default)) = Values::reader(function)
                && let Some(name) = arguments.get(name).and_then(Node::text)
            {
                let default = default.and_then(|default| arguments.get(default));
                let default =
                    default.and_then(|node| literal(values, Place { module: place.module, node }));
                add(&mut readings, modules, place, name, default);
            }
        }
        _ => {}
    });
    readings
}

/// The worth of a default that is no variable itself.
fn literal<'m>(values: &Values<'m>, place: Place<'m>) -> Option<String> {
    let value = values.value(place);
    value.text.filter(|_| value.variable.is_none())
}

fn add(
    readings: &mut BTreeMap<String, Reading>,
    modules: &Modules,
    place: Place<'_>,
    name: &str,
    default: Option<String>,
) {
    let evidence = modules.evidence(place);
    let reading =
        readings.entry(name.to_owned()).or_insert_with(|| Reading { evidence, default: None });
    if reading.default.is_none() {
        reading.default = default;
    }
}
