//! The templates: embedded, strict on undefined values, and nothing reaches the output unquoted.

use std::sync::OnceLock;

use include_dir::{Dir, include_dir};
use serde::Serialize;
use tera::{Context, Kwargs, State, Tera, TeraResult, Value};

use super::quote;
use crate::error::{Error, Result};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// Renders a template of `templates/` with its context.
pub(crate) fn render(name: &str, context: &impl Serialize) -> Result<String> {
    let fail =
        |error: &dyn std::fmt::Display| Error::input(format!("failed to render {name}: {error}"));
    let context = Context::from_serialize(context).map_err(|error| fail(&error))?;
    let tera = engine().as_ref().map_err(|error| fail(error))?;
    #[cfg(test)]
    tests::note(name);
    let mut text = tera.render(name, &context).map_err(|error| fail(&whole(&error)))?;
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(text)
}

/// An error with what caused it.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn engine() -> &'static std::result::Result<Tera, String> {
    static ENGINE: OnceLock<std::result::Result<Tera, String>> = OnceLock::new();
    ENGINE.get_or_init(|| build().map_err(|error| error.to_string()))
}

fn build() -> TeraResult<Tera> {
    let mut tera = Tera::default();
    tera.autoescape_on([".tera"]);
    // A text that went through no filter of ours is an error, not a text.
    tera.set_escape_fn(|_, _| {
        Err(std::io::Error::other("a text reaches the output without a quoting filter"))
    });
    tera.register_filter("yaml", |value: &Value, _: Kwargs, _: &State| {
        each(value, |text| Some(quote::yaml(text)))
    });
    tera.register_filter("compose", |value: &Value, _: Kwargs, _: &State| {
        each(value, |text| Some(quote::compose(text)))
    });
    tera.register_filter("kubernetes", |value: &Value, _: Kwargs, _: &State| {
        each(value, |text| Some(quote::kubernetes(text)))
    });
    tera.register_filter("shell", |value: &Value, _: Kwargs, _: &State| {
        one(value, |text| Some(quote::shell(text)))
    });
    tera.register_filter("dockerfile", |value: &Value, _: Kwargs, _: &State| {
        each(value, quote::dockerfile)
    });
    tera.register_filter("dockerfile_word", |value: &Value, _: Kwargs, _: &State| {
        one(value, quote::dockerfile_word)
    });
    tera.register_filter("comment", |value: &Value, _: Kwargs, _: &State| {
        one(value, |text| Some(quote::comment(text)))
    });
    tera.register_filter("required", |value: &Value, _: Kwargs, _: &State| {
        one(value, quote::required)
    });
    tera.register_filter("decimal", |value: &Value, _: Kwargs, _: &State| {
        one(value, quote::decimal)
    });
    tera.register_filter("octal", |value: &Value, _: Kwargs, _: &State| one(value, quote::octal));
    tera.register_filter("tmpfs", |value: &Value, _: Kwargs, _: &State| {
        one(value, |text| Some(quote::inside_compose(text)))
    });
    tera.register_filter("rendered", |value: &Value, kwargs: Kwargs, _: &State| {
        rendered(value, &kwargs)
    });
    let templates: Vec<(String, &str)> = files(&FILES)
        .filter(|file| !file.path().starts_with("report"))
        .filter_map(|file| Some((file.path().to_str()?.to_owned(), file.contents_utf8()?)))
        .filter(|(name, _)| name.ends_with(".tera"))
        .collect();
    tera.add_raw_templates(templates)?;
    Ok(tera)
}

fn files<'a>(folder: &'a Dir<'a>) -> Box<dyn Iterator<Item = &'a include_dir::File<'a>> + 'a> {
    Box::new(folder.files().chain(folder.dirs().flat_map(files)))
}

/// The names of all templates.
#[cfg(test)]
pub(crate) fn names() -> Vec<String> {
    let tera = engine().as_ref().expect("templates");
    let mut names: Vec<String> = tera.get_template_names().map(str::to_owned).collect();
    names.sort();
    names
}

/// Quotes a text, or each text of a list, which becomes a list in brackets.
fn each(value: &Value, quoted: impl Fn(&str) -> Option<String>) -> TeraResult<Value> {
    let Some(list) = value.as_array() else { return one(value, quoted) };
    let mut parts = Vec::with_capacity(list.len());
    for item in list {
        parts.push(text(item).and_then(|text| quoted(&text)).ok_or_else(|| unsayable(item))?);
    }
    Ok(Value::safe_string(&format!("[{}]", parts.join(", "))))
}

fn one(value: &Value, quoted: impl Fn(&str) -> Option<String>) -> TeraResult<Value> {
    let quoted = text(value).and_then(|text| quoted(&text)).ok_or_else(|| unsayable(value))?;
    Ok(Value::safe_string(&quoted))
}

fn text(value: &Value) -> Option<String> {
    match value.as_str() {
        Some(text) => Some(text.to_owned()),
        None => value.as_i64().map(|number| number.to_string()),
    }
}

fn unsayable(value: &Value) -> tera::Error {
    tera::Error::message(format!("{value:?} cannot be written here"))
}

/// Text that another template has rendered, each line after the first indented.
fn rendered(value: &Value, kwargs: &Kwargs) -> TeraResult<Value> {
    let indent: usize = kwargs.must_get("indent")?;
    let text = value.as_str().ok_or_else(|| unsayable(value))?;
    let pad = " ".repeat(indent);
    let lines: Vec<String> = text
        .trim_end_matches('\n')
        .lines()
        .enumerate()
        .map(|(number, line)| match (number, line) {
            (0, line) => line.to_owned(),
            (_, "") => String::new(),
            (_, line) => format!("{pad}{line}"),
        })
        .collect();
    Ok(Value::safe_string(&lines.join("\n")))
}

#[cfg(test)]
pub(crate) use tests::was_rendered;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::*;

    static RENDERED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

    pub(super) fn note(name: &str) {
        RENDERED.lock().expect("a lock").insert(name.to_owned());
    }

    /// Whether a test has rendered this template.
    pub(crate) fn was_rendered(name: &str) -> bool {
        RENDERED.lock().expect("a lock").contains(name)
    }

    #[test]
    fn a_text_without_a_filter_is_an_error() {
        let mut tera = build().expect("templates");
        tera.add_raw_template("x.tera", "{{ a }}").expect("a template");
        let context = Context::from_serialize(&serde_json::json!({"a": "text"})).expect("context");
        assert!(tera.render("x.tera", &context).is_err());
        tera.add_raw_template("x.tera", "{{ a | yaml }} {{ b }}").expect("a template");
        assert!(tera.render("x.tera", &context).is_err(), "undefined values are errors");
        tera.add_raw_template("x.tera", "{{ a | yaml }}").expect("a template");
        assert_eq!(tera.render("x.tera", &context).expect("text"), "text");
    }
}
