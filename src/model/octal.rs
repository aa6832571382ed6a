//! Permission bits as people write them: `"0640"`. A plain number, as earlier versions wrote it,
//! is read as that number.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

/// No more bits than a file has.
const ALL: u32 = 0o7777;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference to the field")]
pub(super) fn serialize<S: Serializer>(mode: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{mode:04o}"))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_any(Mode)
}

struct Mode;

impl Visitor<'_> for Mode {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permission bits in octal and quotes, such as \"0640\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u32, E> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain
            .then(|| u32::from_str_radix(digits, 8).ok())
            .flatten()
            .filter(|mode| *mode <= ALL)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    // 640 without quotes is meant as octal and is another number: hence no more than `rwxrwxrwx`.
    fn visit_u64<E: Error>(self, number: u64) -> Result<u32, E> {
        let mode = u32::try_from(number).ok().filter(|mode| *mode <= 0o777);
        mode.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u32, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }
}

/// The same where there may be none.
pub(super) mod optional {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference to the field"
    )]
    pub(in crate::model) fn serialize<S: Serializer>(
        mode: &Option<u32>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match mode {
            Some(mode) => super::serialize(mode, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::model) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u32>, D::Error> {
        #[derive(Deserialize)]
        struct Octal(#[serde(with = "super")] u32);
        Ok(Option::<Octal>::deserialize(deserializer)?.map(|mode| mode.0))
    }
}

#[cfg(test)]
mod tests {
    use crate::model::inventory::ConfigFile;
    use crate::model::plan::Secret;

    #[test]
    fn modes_are_octal_strings_and_old_numbers_are_read() {
        let file = |mode: &str| {
            serde_saphyr::from_str::<ConfigFile>(&format!(
                "{{path: /x, secret: false, mode: {mode}}}"
            ))
        };
        for text in ["\"0640\"", "'640'", "416"] {
            assert_eq!(file(text).unwrap().mode, 0o640, "{text}");
        }
        for text in ["\"0999\"", "\"\"", "\"+640\"", "640", "-1"] {
            assert!(file(text).is_err(), "{text}");
        }
        let written = serde_saphyr::to_string(&file("416").unwrap()).unwrap();
        assert_eq!(serde_saphyr::from_str::<ConfigFile>(&written).unwrap().mode, 0o640);
        assert!(written.contains("0640\""), "{written}");
        let secret = |rest: &str| {
            serde_saphyr::from_str::<Secret>(&format!("{{name: A, kind: file{rest}}}"))
                .unwrap()
                .mode
        };
        assert_eq!(secret(", mode: \"0600\""), Some(0o600));
        assert_eq!(secret(""), None);
        assert_eq!(serde_json::to_value(file("416").unwrap()).unwrap()["mode"], "0640");
    }
}
