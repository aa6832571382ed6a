//! The variables of an execution environment, with secrets in their places.

use std::collections::BTreeMap;

use super::template::types::Function;
use crate::error::{Error, Result};
use crate::secrets::Secrets;

/// The variables of an execution environment: the template's, with secrets in their places, and
/// those that Lambda sets.
pub(super) fn environment(
    function: &Function,
    region: &str,
    secrets: &Secrets,
    missing: &[String],
) -> Result<Vec<String>> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &function.environment {
        all.insert(name.clone(), with_secrets(&function.name, value, secrets, missing)?);
    }
    let group = format!("/aws/lambda/{}", function.physical);
    let own = [
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.physical.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "emulated".to_owned()),
    ];
    all.extend(own.map(|(name, value)| (name.to_owned(), value)));
    all.entry("TZ".to_owned()).or_insert_with(|| ":UTC".to_owned());
    Ok(all.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
}

/// `{{resolve:secretsmanager:ID:SecretString:KEY}}` becomes the value of the plan's secret KEY;
/// without a key the last part of the id names it.
fn with_secrets(
    function: &str,
    text: &str,
    secrets: &Secrets,
    missing: &[String],
) -> Result<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{resolve:") {
        out.push_str(&rest[..at]);
        let after = &rest[at + "{{resolve:".len()..];
        let (reference, after) = after
            .split_once("}}")
            .ok_or_else(|| Error::input(format!("{function}: {{{{resolve: without }}}}")))?;
        rest = after;
        let Some(place) = reference.strip_prefix("secretsmanager:") else {
            return Err(Error::input(format!(
                "{function}: {{{{resolve:{reference}}}}} is not emulated"
            )));
        };
        let name = match place.split_once(":SecretString") {
            Some((id, key)) => match key.trim_start_matches(':').split(':').next() {
                Some(key) if !key.is_empty() => key,
                _ => last(id),
            },
            None => last(place),
        };
        let value = secrets.get(name).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let value = value.ok_or_else(|| {
            let place = missing.iter().find(|one| one.split(' ').next() == Some(name));
            Error::refused(format!(
                "an open question: {function} needs secret {}, which has no value",
                place.map_or(name, String::as_str)
            ))
            .help("give it with --secrets-from, or correct path and lookup under secrets in plan.yaml")
        })?;
        out.push_str(value);
    }
    out.push_str(rest);
    Ok(out)
}

fn last(id: &str) -> &str {
    id.rsplit(['/', ':']).next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_to_a_secret_that_has_no_value_is_an_open_question() {
        let none = Secrets::default();
        assert_eq!(with_secrets("F", "plain {{x}}", &none, &[]).unwrap(), "plain {{x}}");
        let text = "a{{resolve:secretsmanager:app:SecretString:DB_PASSWORD}}b";
        let error =
            with_secrets("F", text, &none, &["DB_PASSWORD (expected at /etc/x)".to_owned()])
                .unwrap_err();
        assert_eq!(error.exit(), crate::error::Exit::No);
        assert!(error.to_string().contains("DB_PASSWORD (expected at /etc/x)"), "{error}");
        assert!(with_secrets("F", "{{resolve:ssm:x}}", &none, &[]).is_err());
        assert_eq!(last("team/app/DB"), "DB");
    }
}
