//! The last gate before facts are written: a value that is a secret in one place is one in all.

use crate::inspect::parse::shell::REDACTED;
use crate::inspect::recognise::Facts;

/// Shorter values (`shop`, `admin`) are also names of things and cannot be told from them.
const LEAST: usize = 6;

/// Takes every known secret's value out of what is about to be written.
pub(super) fn enforce(facts: &mut Facts) {
    let mut secrets: Vec<String> = Vec::new();
    for service in &facts.services {
        for variable in service.environment.iter().filter(|variable| variable.secret) {
            if let Some(value) = facts.values.get(&service.id, &variable.name) {
                secrets.push(value.to_owned());
                secrets.extend(password_in_url(value));
            }
        }
    }
    secrets.retain(|value| value.len() >= LEAST && !is_a_name(value, facts));
    // Longer ones first, so that a part of one does not break it.
    secrets.sort_by_key(|value| std::cmp::Reverse(value.len()));
    secrets.dedup();
    if secrets.is_empty() {
        return;
    }
    let holds = |text: &str| secrets.iter().any(|secret| text.contains(secret.as_str()));
    facts.captured.retain(|path, text| {
        let secret = holds(text);
        if secret {
            for service in &mut facts.services {
                for file in service.configuration.iter_mut().filter(|file| file.path == *path) {
                    file.secret = true;
                }
            }
        }
        !secret
    });
    for service in &mut facts.services {
        for variable in &mut service.environment {
            if variable.default.as_deref().is_some_and(holds) {
                variable.secret = true;
                variable.default = None;
            }
        }
        if let Some(command) = &mut service.command {
            *command = without(command, &secrets);
        }
    }
    for finding in &mut facts.findings {
        finding.message = without(&finding.message, &secrets);
    }
    for question in &mut facts.questions {
        question.question = without(&question.question, &secrets);
    }
}

fn without(text: &str, secrets: &[String]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED))
}

fn password_in_url(value: &str) -> Option<String> {
    let url = url::Url::parse(value).ok()?;
    let password = url.password()?;
    Some(percent_encoding::percent_decode_str(password).decode_utf8_lossy().into_owned())
}

/// A password that equals a user's, a database's or a service's name is no secret to keep from a
/// file that must hold that name.
fn is_a_name(value: &str, facts: &Facts) -> bool {
    facts.users.contains_key(value)
        || facts.services.iter().any(|service| {
            service.id == value || service.databases.iter().any(|database| database == value)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::recognise::Facts;
    use crate::model::inventory::{ConfigFile, Role, Runtime, Service, Variable};

    #[test]
    fn a_secret_is_one_everywhere() {
        let runtime = Runtime { name: "shell".into(), version: None };
        let mut service = Service::new("a", Role::App, runtime);
        let variable = |name: &str, default: Option<&str>| Variable {
            name: name.into(),
            secret: default.is_none(),
            default: default.map(str::to_owned),
            set_in: None,
            read_in: None,
        };
        service.environment =
            vec![variable("DB_PASSWORD", None), variable("COPY", Some("x-hunter22"))];
        service.command = Some("run --p hunter22".into());
        service.configuration = vec![ConfigFile { path: "/etc/x".into(), secret: false, mode: 0 }];
        let mut facts = Facts { services: vec![service], ..Facts::default() };
        facts.values.set("a", "DB_PASSWORD", "hunter22");
        facts.captured.insert("/etc/x".into(), "key: hunter22".into());
        facts.captured.insert("/etc/y".into(), "key: other".into());
        enforce(&mut facts);
        assert_eq!(facts.captured.len(), 1);
        let service = &facts.services[0];
        assert!(service.configuration[0].secret);
        assert!(service.environment[1].secret && service.environment[1].default.is_none());
        assert_eq!(service.command.as_deref(), Some("run --p [secret]"));
    }
}
