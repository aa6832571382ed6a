//! From the text of configuration files to syntax: no I/O, never a panic.

pub(crate) mod accounts;
pub(crate) mod calendar;
pub(crate) mod crontab;
pub(crate) mod dpkg;
pub(crate) mod environment;
pub(crate) mod javascript;
pub(crate) mod mycnf;
pub(crate) mod nginx;
pub(crate) mod secret;
pub(crate) mod shell;
pub(crate) mod unit;

/// Longest line that is looked at: no configuration that a person wrote has longer ones.
pub(crate) const MAX_LINE: usize = 64 << 10;

/// Number of a line, from 1.
pub(crate) fn line_number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s)[ \\t\\n\\\\\"'=#;:@%*/,\\[\\]!$(){}|<>.a-cA-C0-9-]{0,200}|.{0,200}") {
            let settings = super::unit::parse("/x.service", &text);
            for setting in &settings {
                let _ = super::unit::words(&setting.value);
                let _ = super::unit::command(&setting.value);
                let _ = super::unit::specifiers(&setting.value, "a@b.service");
            }
            let _ = super::unit::words(&text);
            let _ = super::unit::command(&text);
            let _ = super::environment::parse(&text);
            let _ = super::crontab::parse(&text, true);
            let _ = super::crontab::parse(&text, false);
            let _ = super::accounts::users(&text);
            let _ = super::dpkg::status(&text);
            let _ = super::dpkg::upstream(&text);
            let _ = super::mycnf::parse(&text);
            let _ = super::calendar::to_cron(&text);
            let _ = super::shell::commands(&text);
            let _ = super::shell::redact(&text);
            let _ = super::secret::is_secret(&text, &text);
        }
    }
}
