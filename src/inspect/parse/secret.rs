//! What is a secret: by the name of a variable, and by the look of a value.
//!
//! When in doubt it is one: a secret too many is an inconvenience, one too few a leak.

/// Words that make a name a secret's.
const WORDS: [&str; 18] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASS",
    "PWD",
    "PW",
    "SECRET",
    "SECRETS",
    "TOKEN",
    "APIKEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "SALT",
    "PEPPER",
    "HMAC",
    "PRIVATEKEY",
    "SECRETKEY",
    "ACCESSKEY",
];

/// Last words that say the value is something about a secret and not one.
const ABOUT: [&str; 37] = [
    "LENGTH",
    "LEN",
    "TTL",
    "DAYS",
    "HOURS",
    "MINUTES",
    "SECONDS",
    "MS",
    "COUNT",
    "MAX",
    "MIN",
    "LIMIT",
    "ENABLED",
    "DISABLED",
    "EXPIRES",
    "EXPIRY",
    "EXPIRATION",
    "EXPIRE",
    "TIMEOUT",
    "ROUNDS",
    "NAME",
    "HEADER",
    "ISSUER",
    "AUDIENCE",
    "FILE",
    "PATH",
    "DIR",
    "ALGORITHM",
    "TYPE",
    "REQUIRED",
    "POLICY",
    "PREFIX",
    "AGE",
    "LIFETIME",
    "URL",
    "URI",
    "ENDPOINT",
];

/// How the well-known kinds of token begin.
const PREFIXES: [&str; 16] = [
    "-----BEGIN",
    "eyJ",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "sk-",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "AIza",
    "SG.",
];

/// Whether a variable of this name and value is a secret.
pub(crate) fn is_secret(name: &str, value: &str) -> bool {
    is_secret_value(value) || (!is_harmless(value) && is_secret_name(name))
}

/// Whether variables of this name hold secrets.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    let Some(last) = words.last() else { return false };
    if ABOUT.contains(&last.as_str()) {
        return false;
    }
    // The shell's own.
    if matches!(name, "PWD" | "OLDPWD") {
        return false;
    }
    let public = words.iter().any(|word| word == "PUBLIC" || word == "PUBLISHABLE");
    words.iter().any(|word| {
        WORDS.contains(&word.as_str())
            || word.ends_with("PASSWORD")
            || word.ends_with("PASSWD")
            || (word.ends_with("SECRET") && word.len() < 16)
            || (word.ends_with("TOKEN") && word.len() < 16)
    }) || (!public && (last == "KEY" || last == "KEYS" || last.ends_with("APIKEY")))
}

/// Whether a value looks like a secret, whatever its name.
pub(crate) fn is_secret_value(value: &str) -> bool {
    let value = value.trim();
    PREFIXES.iter().any(|prefix| value.len() >= prefix.len() + 8 && value.starts_with(prefix))
        || has_password(value)
        || has_password_field(value)
        || is_random(value)
}

/// Whether a value is a secret beyond doubt: a token of a well-known kind, or a URL with a password.
pub(crate) fn is_certain(value: &str) -> bool {
    let known = PREFIXES.iter().filter(|prefix| !matches!(**prefix, "sk-" | "SG." | "eyJ"));
    known.into_iter().any(|prefix| value.len() >= prefix.len() + 8 && value.starts_with(prefix))
        || (value.contains("://") && has_password(value))
}

/// `scheme://user:password@host`, `user:password@tcp(host)`.
fn has_password(value: &str) -> bool {
    let after = value.split_once("://").map_or(value, |(_, rest)| rest);
    let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
    // A `/` in a password is an error in a URL but found in real life.
    let user = authority.rsplit_once('@').or_else(|| after.rsplit_once('@')).map(|(user, _)| user);
    user.and_then(|user| user.split_once(':')).is_some_and(|(name, password)| {
        !password.is_empty() && !password.starts_with("${") && !name.contains(char::is_whitespace)
    })
}

/// `…;Password=…` and `?password=…` in connection strings.
fn has_password_field(value: &str) -> bool {
    let lower = value.to_lowercase();
    ["password=", "passwd=", "pwd=", "secret=", "token=", "access_key=", "apikey=", "api_key="]
        .iter()
        .any(|field| {
            lower.split_once(field).is_some_and(|(_, rest)| {
                !rest.is_empty() && !rest.starts_with([';', '&', ' ', '$', '<'])
            })
        })
}

/// Long, of letters and digits mixed, and without the order that words have.
fn is_random(value: &str) -> bool {
    const LEAST: usize = 20;
    if value.len() < LEAST
        || value.len() > 4096
        || value.starts_with(['/', '.', '-'])
        || !value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-'))
    {
        return false;
    }
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let letters = value.chars().filter(char::is_ascii_alphabetic).count();
    if digits < 2 || letters < 4 {
        return false;
    }
    let hexadecimal = value.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    entropy(value) >= if hexadecimal { 2.9 } else { 3.5 }
}

/// Shannon entropy in bits a character.
fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 128];
    let mut total = 0_u32;
    for byte in value.bytes().filter(u8::is_ascii) {
        counts[usize::from(byte)] += 1;
        total += 1;
    }
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / f64::from(total);
            -share * share.log2()
        })
        .sum()
}

/// Switches, small numbers and paths are no secrets, whatever their name.
fn is_harmless(value: &str) -> bool {
    let value = value.trim();
    matches!(
        value.to_ascii_lowercase().as_str(),
        "" | "true" | "false" | "yes" | "no" | "on" | "off" | "none" | "null"
    ) || value.starts_with('/')
        || (value.starts_with("${") && value.ends_with('}'))
}

/// `dbPassword_v2` → `DB`, `PASSWORD`, `V2`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for character in name.chars().take(256) {
        if !character.is_ascii_alphanumeric() {
            words.push(String::new());
            before_lower = false;
            continue;
        }
        if character.is_ascii_uppercase() && before_lower {
            words.push(String::new());
        }
        before_lower = character.is_ascii_lowercase();
        if let Some(word) = words.last_mut() {
            word.push(character.to_ascii_uppercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets() {
        for (name, value) in [
            ("DB_PASSWORD", "x"),
            ("dbPassword", "abc"),
            ("PGPASSWORD", "abc"),
            ("MYSQL_PWD", "abc"),
            ("SESSION_SECRET", "short"),
            ("STRIPE_API_KEY", "abc"),
            ("APP_KEY", "base64:abc"),
            ("JWT_TOKEN", "abc"),
            ("DATABASE_URL", "mysql://app:pw@db.example.org:3306/app"),
            ("REDIS", "redis://:pw@10.0.0.1:6379/0"),
            ("GO_DSN", "app:pw@tcp(127.0.0.1:3306)/app"),
            ("CONNECTION", "Server=db;User=app;Password=pw"),
            ("HARMLESS_NAME", "q7Rk2mVx9TzLp4WnB8sD"),
            ("HASH", "9f86d081884c7d659a2feaa0c55ad015"),
            ("CERT", "-----BEGIN PRIVATE KEY-----\nabc"),
            ("SMTP_PASS", "12345678"),
        ] {
            assert!(is_secret(name, value), "{name}");
        }
    }

    #[test]
    fn no_secrets() {
        for (name, value) in [
            ("PORT", "3000"),
            ("DB_HOST", "127.0.0.1"),
            ("DATABASE_URL", "mysql://app@db.example.org:3306/app"),
            ("UPLOAD_DIR", "/var/lib/app/uploads"),
            ("PASSWORD_MIN_LENGTH", "8"),
            ("SESSION_SECRET_FILE", "/etc/app/secret"),
            ("TOKEN_TTL", "3600"),
            ("PUBLIC_KEY", "abc"),
            ("PWD", "/srv/app"),
            ("TLS_KEY", "/etc/ssl/private/app.pem"),
            ("MAIL", "ops@example.org"),
            ("KEYBOARD", "de"),
            ("NODE_OPTIONS", "--max-old-space-size=256"),
            ("SITE", "https://shop.example.org/a/b?c=d"),
            ("HOSTNAME", "database-01.internal.example.org"),
            ("USE_PASSWORD", "true"),
            ("SENTENCE", "one-two-three-four-five-six"),
        ] {
            assert!(!is_secret(name, value), "{name}={value}");
        }
    }
}
