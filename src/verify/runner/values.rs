//! Values that steps hand on: `${name}` in texts, and captures from answers.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::model::scenario::Capture;
use crate::verify::coding;
use crate::verify::observation::{Answer, Outcome};

/// The values known so far in a pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    known: BTreeMap<String, String>,
}

/// A text names a value that no earlier step gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown(pub(crate) String);

impl Values {
    pub(crate) fn new(variables: &BTreeMap<String, String>, unique: &str, base: &str) -> Self {
        let mut values = Self::default();
        values.set("unique", unique);
        values.set("base", base);
        for (name, text) in variables {
            // A variable may use a built-in or an earlier variable; an unknown name stays as it is.
            let text = values.fill(text).unwrap_or_else(|_| text.clone());
            values.set(name, &text);
        }
        values
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.known.insert(name.to_owned(), value.to_owned());
    }

    /// The text with every `${name}` filled in; `$$` stands for `$`.
    pub(crate) fn fill(&self, text: &str) -> Result<String, Unknown> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            filled.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(tail) = after.strip_prefix('$') {
                filled.push('$');
                rest = tail;
            } else if let Some((name, tail)) =
                after.strip_prefix('{').and_then(|inner| inner.split_once('}'))
            {
                filled.push_str(self.known.get(name).ok_or_else(|| Unknown(name.to_owned()))?);
                rest = tail;
            } else {
                filled.push('$');
                rest = after;
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// A JSON value with every text in it filled. A text that is nothing but one `${name}` whose
    /// value is a whole number becomes that number, so that ids keep their type.
    pub(crate) fn fill_json(&self, value: &Value) -> Result<Value, Unknown> {
        Ok(match value {
            Value::String(text) => {
                let filled = self.fill(text)?;
                let lone = text.starts_with("${") && text.find('}') == Some(text.len() - 1);
                match filled.parse::<i64>() {
                    Ok(number) if lone && number.to_string() == filled => number.into(),
                    _ => Value::String(filled),
                }
            }
            Value::Array(items) => Value::Array(
                items.iter().map(|item| self.fill_json(item)).collect::<Result<_, _>>()?,
            ),
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, field)| Ok((name.clone(), self.fill_json(field)?)))
                    .collect::<Result<_, Unknown>>()?,
            ),
            other => other.clone(),
        })
    }

    /// Keeps what `capture` names. An answer that does not hold it leaves the name unknown: an
    /// earlier value would make later steps ask for another thing than on the other side.
    pub(crate) fn capture(&mut self, capture: &Capture, outcome: &Outcome) {
        match find(capture, outcome) {
            Some(value) => self.set(&capture.name, &value),
            None => drop(self.known.remove(&capture.name)),
        }
    }
}

fn find(capture: &Capture, outcome: &Outcome) -> Option<String> {
    let text = match outcome {
        Outcome::Answer(answer) => {
            if let Some(name) = &capture.header {
                return header(answer, name).map(str::to_owned);
            }
            if let Some(name) = &capture.cookie {
                return cookie(answer, name);
            }
            String::from_utf8_lossy(&coding::decode(answer)?).into_owned()
        }
        Outcome::Messages(heard) => heard.first()?.messages.last()?.data.clone(),
        _ => return None,
    };
    if let Some(pointer) = &capture.json {
        return match serde_json::from_str::<Value>(&text).ok()?.pointer(pointer)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        };
    }
    let pattern = Regex::new(capture.regex.as_deref()?).ok()?;
    Some(pattern.captures(&text)?.get(1)?.as_str().to_owned())
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer
        .headers
        .iter()
        .find(|(header, _)| header.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn cookie(answer: &Answer, name: &str) -> Option<String> {
    answer.headers.iter().filter(|(header, _)| header == "set-cookie").find_map(|(_, value)| {
        let (found, value) = value.split(';').next()?.split_once('=')?;
        (found.trim() == name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn values() -> Values {
        let mut values = Values::new(&BTreeMap::new(), "mvabc123", "http://example.test");
        values.set("order", "42");
        values
    }

    #[test]
    fn fills_names_and_keeps_lone_dollars() {
        let filled = values().fill("${unique} costs $5 $$ ${order}").expect("all names are known");
        assert_eq!(filled, "mvabc123 costs $5 $ 42");
        assert_eq!(values().fill("/x/${nobody}"), Err(Unknown("nobody".to_owned())));
        assert_eq!(values().fill("open ${ end").expect("no name"), "open ${ end");
    }

    #[test]
    fn a_lone_number_keeps_its_type_in_json() {
        let value = serde_json::json!({"id": "${order}", "text": "order ${order}", "code": "007"});
        let filled = values().fill_json(&value).expect("all names are known");
        assert_eq!(filled, serde_json::json!({"id": 42, "text": "order 42", "code": "007"}));
    }

    fn answer(headers: &[(&str, &str)], body: &[u8]) -> Outcome {
        Outcome::Answer(Answer {
            method: "GET".into(),
            path: "/".into(),
            status: 200,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            body: body.to_vec(),
            body_bytes: body.len() as u64,
            digest: None,
            broken: None,
            first_byte: std::time::Duration::ZERO,
            total: std::time::Duration::ZERO,
        })
    }

    #[test]
    fn captures_from_a_body_that_came_compressed() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(br#"{"id":7}"#).unwrap();
        let outcome = answer(&[("content-encoding", "gzip")], &packed.finish().unwrap());
        let mut values = values();
        let capture = Capture { name: "id".into(), json: Some("/id".into()), ..Capture::default() };
        values.capture(&capture, &outcome);
        assert_eq!(values.fill("${id}").expect("captured"), "7");
    }

    #[test]
    fn captures_from_json_and_cookies() {
        let mut values = values();
        let headers = [("set-cookie", "sid=s3; Path=/; HttpOnly")];
        let outcome = answer(&headers, br#"{"order":{"id":9}}"#);
        for capture in [
            Capture { name: "id".into(), json: Some("/order/id".into()), ..Capture::default() },
            Capture { name: "sid".into(), cookie: Some("sid".into()), ..Capture::default() },
            Capture { name: "r".into(), regex: Some(r"id.:(\d)".into()), ..Capture::default() },
        ] {
            values.capture(&capture, &outcome);
        }
        assert_eq!(values.fill("${id} ${sid} ${r}").expect("captured"), "9 s3 9");
        let again = Capture { name: "id".into(), json: Some("/gone".into()), ..Capture::default() };
        values.capture(&again, &outcome);
        assert_eq!(values.fill("${id}"), Err(Unknown("id".to_owned())));
    }
}
