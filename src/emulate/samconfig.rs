//! `samconfig.toml`, as far as it says what the template is deployed with: `region` and
//! `parameter_overrides` of the default environment.

use std::collections::BTreeMap;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) region: Option<String>,
    pub(crate) parameters: BTreeMap<String, String>,
}

/// Reads the file's text. Only the few forms that SAM itself writes are understood; what is not
/// is left to the template's defaults, and a parameter without a value is an error there.
pub(crate) fn parse(text: &str) -> Config {
    let mut config = Config::default();
    let mut here = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if let Some(table) = line.strip_prefix('[') {
            let table = table.split(']').next().unwrap_or_default().trim();
            here = matches!(table, "default.global.parameters" | "default.deploy.parameters");
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| here) else { continue };
        let mut value = value.trim().to_owned();
        // An array may go over several lines.
        while value.starts_with('[') && !closes(&value) {
            match lines.next() {
                Some(more) => {
                    value.push(' ');
                    value.push_str(more.trim());
                }
                None => break,
            }
        }
        let texts = strings(&value);
        match key.trim() {
            "region" => config.region = texts.into_iter().next(),
            "parameter_overrides" => {
                let single = !value.starts_with('[');
                for text in texts {
                    let pairs: Vec<&str> =
                        if single { text.split_whitespace().collect() } else { vec![&text] };
                    for (name, value) in pairs.into_iter().filter_map(|pair| pair.split_once('=')) {
                        let value = value.trim_matches(['"', '\'']);
                        config.parameters.insert(name.trim().to_owned(), value.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    config
}

/// Whether an array ends outside of a string.
fn closes(value: &str) -> bool {
    let mut quote = None;
    let mut escaped = false;
    for c in value.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if c == ']' => return true,
            _ => {}
        }
    }
    false
}

/// The strings of a value, in either kind of quotes.
fn strings(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(char, String)> = None;
    let mut escaped = false;
    for c in value.chars() {
        match &mut open {
            Some((_, text)) if escaped => {
                text.push(c);
                escaped = false;
            }
            Some(('"', _)) if c == '\\' => escaped = true,
            Some((quote, text)) if c == *quote => {
                found.push(std::mem::take(text));
                open = None;
            }
            Some((_, text)) => text.push(c),
            None if matches!(c, '"' | '\'') => open = Some((c, String::new())),
            None if c == '#' => break,
            None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_overrides_are_read() {
        let config = parse(
            "version = 0.1\n[default.global.parameters]\nregion = \"eu-west-1\" # here\n[default.deploy.parameters]\ncapabilities = \"CAPABILITY_IAM\"\nparameter_overrides = [\n  \"A=1\",\n  'B=x]y',\n]\n[prod.deploy.parameters]\nregion = \"us-east-2\"\n",
        );
        assert_eq!(config.region.as_deref(), Some("eu-west-1"));
        assert_eq!(config.parameters["A"], "1");
        assert_eq!(config.parameters["B"], "x]y");
        let config =
            parse("[default.deploy.parameters]\nparameter_overrides = \"A=1 B=\\\"2\\\"\"\n");
        assert_eq!((config.parameters["A"].as_str(), config.parameters["B"].as_str()), ("1", "2"));
        assert_eq!(parse("parameter_overrides = \"A=1\"\n[default"), Config::default());
    }
}
