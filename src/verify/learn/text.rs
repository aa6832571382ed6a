//! A text that varies: which parts of it may, and how.

use std::net::IpAddr;

use super::name;
use super::time::{self, Fit, Moments};
use super::token::{self, Kind};

/// What a comparison of three texts says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// The migrated's is as it must be.
    Good,
    /// An id, to be mapped one to one.
    Id,
    /// An address in place of another.
    Address,
    /// Made by verify runs, which the two sides have seen different ones of.
    Made,
    /// A recent time, after the data was copied.
    Recent,
    /// A time that does not fit.
    Time(Fit),
    /// Otherwise different.
    Different,
}

/// What is known around a value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    /// The moments of the passes.
    pub(crate) moments: &'a Moments,
    /// Where the value stands.
    pub(crate) pointer: &'a str,
}

/// Longest text that is taken apart.
const LONGEST: usize = 256 * 1024;

/// Compares three texts.
pub(crate) fn compare(texts: [&str; 3], around: &Around<'_>) -> Word {
    let [first, again, migrated] = texts;
    if first == again && first == migrated {
        return Word::Good;
    }
    if first == again { fixed(first, migrated, around) } else { varying(texts, around) }
}

/// The original never varied: the migrated must be the same, but for ids, addresses and what
/// verify runs left behind.
fn fixed(first: &str, migrated: &str, around: &Around<'_>) -> Word {
    if token::is_foreign(first) || token::is_foreign(migrated) {
        return Word::Made;
    }
    if first.is_empty() || migrated.is_empty() || first.len().max(migrated.len()) > LONGEST {
        return Word::Different;
    }
    let id = name::is_id(name::last(around.pointer));
    if id && token::is_random(first) && token::fits(first, first, migrated) {
        return Word::Id;
    }
    if address_list(first, migrated) {
        return Word::Address;
    }
    let (one, mine) = (token::parts(first), token::parts(migrated));
    if one.len() != mine.len() {
        return Word::Different;
    }
    let mut worst = Word::Good;
    for ((kind, text), (other, mine)) in one.into_iter().zip(mine) {
        if text == mine {
            continue;
        }
        let word = match (kind, other) {
            (Kind::Time, Kind::Time) => times([text, text, mine], around),
            (Kind::Uuid, Kind::Uuid) => Word::Id,
            (Kind::Address, Kind::Address) => Word::Address,
            (Kind::Integer, Kind::Integer) if id => Word::Id,
            _ => Word::Different,
        };
        worst = worse(worst, word);
    }
    worst
}

/// The original varied: the migrated must vary in the same way.
fn varying(texts: [&str; 3], around: &Around<'_>) -> Word {
    let [first, again, migrated] = texts;
    if migrated == first || migrated == again {
        // One of a set; a time that stands still must still be near its own request.
        if let [Some(one), Some(two), Some(mine)] = texts.map(time::parse) {
            return as_time([&one, &two, &mine], around);
        }
        return if token::is_random(migrated) { Word::Id } else { Word::Good };
    }
    if let [Some(one), Some(two)] = [first, again].map(time::parse) {
        return match time::parse(migrated) {
            Some(mine) => as_time([&one, &two, &mine], around),
            None => Word::Time(Fit::Notation),
        };
    }
    if texts.iter().any(|text| token::is_foreign(text)) {
        return if migrated.is_empty() { Word::Different } else { Word::Made };
    }
    if token::is_uuid(first) && token::is_uuid(again) {
        return if token::is_uuid(migrated) { Word::Id } else { Word::Different };
    }
    if token::is_random(first) && token::is_random(again) {
        return if token::fits(first, again, migrated) { Word::Id } else { Word::Different };
    }
    if texts.iter().any(|text| text.len() > LONGEST) {
        return free(texts);
    }
    let [one, two, mine] = texts.map(token::parts);
    let aligned = one.len() == two.len()
        && one.iter().zip(&two).all(|(left, right)| {
            left == right || (left.0 != Kind::Between && right.0 != Kind::Between)
        });
    if !aligned {
        return free(texts);
    }
    if mine.len() != one.len() {
        // A path of one token may be longer by chance letters; text around it must be the same.
        return Word::Different;
    }
    let mut worst = Word::Good;
    for index in 0..one.len() {
        let (kind, text) = one[index];
        let (other, second) = two[index];
        let (own, third) = mine[index];
        let word = if text == second {
            if text == third { Word::Good } else { fixed(text, third, around) }
        } else {
            match (kind, other) {
                (Kind::Time, Kind::Time) if own == Kind::Time => {
                    times([text, second, third], around)
                }
                (Kind::Time, Kind::Time) => Word::Time(Fit::Notation),
                (Kind::Uuid, Kind::Uuid) if own == Kind::Uuid => Word::Id,
                (Kind::Integer, Kind::Integer) if own == Kind::Integer => Word::Good,
                (Kind::Uuid, Kind::Uuid) | (Kind::Integer, Kind::Integer) => Word::Different,
                (Kind::Address, Kind::Address) if own == Kind::Address => Word::Address,
                _ if token::is_random(text) && token::is_random(second) => {
                    if token::fits(text, second, third) { Word::Good } else { Word::Different }
                }
                _ if own == Kind::Between => Word::Different,
                _ => Word::Good,
            }
        };
        worst = worse(worst, word);
    }
    worst
}

/// Text that has no common shape: only its presence is asked for.
fn free(texts: [&str; 3]) -> Word {
    let [first, again, migrated] = texts;
    let empty = migrated.trim().is_empty();
    if empty && !first.trim().is_empty() && !again.trim().is_empty() {
        Word::Different
    } else {
        Word::Good
    }
}

fn times(texts: [&str; 3], around: &Around<'_>) -> Word {
    match texts.map(time::parse) {
        [Some(one), Some(two), Some(mine)] => as_time([&one, &two, &mine], around),
        _ => Word::Different,
    }
}

fn as_time(stamps: [&time::Stamp; 3], around: &Around<'_>) -> Word {
    match time::fit(stamps, around.moments) {
        Fit::Good => Word::Good,
        Fit::Recent => Word::Recent,
        // A copy of the original's own value is what the original itself may answer.
        Fit::Far if stamps[2] == stamps[1] && stamps[0] != stamps[1] && !near(stamps, around) => {
            Word::Good
        }
        fit => Word::Time(fit),
    }
}

/// Whether both of the original's times were those of the request.
fn near(stamps: [&time::Stamp; 3], around: &Around<'_>) -> bool {
    (0..2).all(|index| {
        (stamps[index].seconds - time::seconds(around.moments.at[index])).abs() <= 60.0
    })
}

/// Whether both texts are lists of addresses, as `X-Forwarded-For` is.
fn address_list(first: &str, migrated: &str) -> bool {
    let addresses = |text: &str| {
        text.split(',')
            .all(|part| part.trim().trim_matches(['[', ']', '"']).parse::<IpAddr>().is_ok())
    };
    addresses(first) && addresses(migrated)
}

/// The heavier of two.
fn worse(left: Word, right: Word) -> Word {
    let weight = |word: &Word| match word {
        Word::Good => 0,
        Word::Id => 1,
        Word::Made => 2,
        Word::Address => 3,
        Word::Recent => 4,
        Word::Time(_) => 5,
        Word::Different => 6,
    };
    if weight(&right) > weight(&left) { right } else { left }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge_at(pointer: &str, texts: [&str; 3]) -> Word {
        let moments = Moments {
            at: ["2026-03-01T10:00:00Z", "2026-03-01T10:00:05Z", "2026-03-01T10:00:10Z"]
                .map(|text| text.parse().unwrap()),
            copied_at: None,
        };
        compare(texts, &Around { moments: &moments, pointer })
    }

    fn judge(texts: [&str; 3]) -> Word {
        judge_at("/text", texts)
    }

    #[test]
    fn a_fixed_text_must_be_the_same() {
        assert_eq!(judge(["hello", "hello", "hello"]), Word::Good);
        assert_eq!(judge(["hello", "hello", "Hello"]), Word::Different);
        assert_eq!(judge(["id 5", "id 5", "id 6"]), Word::Different);
        assert_eq!(
            judge(["caf\u{e9} \u{1f600}", "caf\u{e9} \u{1f600}", "caf? ????"]),
            Word::Different
        );
    }

    #[test]
    fn varying_parts_keep_their_type() {
        assert_eq!(judge(["order 12 of bob", "order 13 of bob", "order 99 of bob"]), Word::Good);
        assert_eq!(
            judge(["order 12 of bob", "order 13 of bob", "order x of bob"]),
            Word::Different
        );
        assert_eq!(
            judge(["order 12 of bob", "order 13 of bob", "order 14 of eve"]),
            Word::Different
        );
        assert_eq!(judge(["order 12 of bob", "order 13 of bob", ""]), Word::Different);
    }

    #[test]
    fn addresses_and_ids_are_told_apart() {
        assert_eq!(judge(["172.17.0.1", "172.17.0.1", "10.42.0.7"]), Word::Address);
        assert_eq!(judge(["172.17.0.1", "172.17.0.1", "172.17.0.1, 10.42.0.7"]), Word::Address);
        assert_eq!(
            judge_at("/id", ["a3f1a3f1a3f1a3f1", "a3f1a3f1a3f1a3f1", "00f1a3f1a3f1a3f1"]),
            Word::Id
        );
        assert_eq!(judge(["http", "http", "https"]), Word::Different);
    }

    #[test]
    fn what_other_runs_left_is_no_difference() {
        assert_eq!(judge(["last by mvabc123", "last by mvabc123", "last by nobody"]), Word::Made);
    }
}
