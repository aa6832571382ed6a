//! The names of answers, tiers and classes, as in verdict.json.

use crate::model::verdict::{Answer, Class, Tier};

/// A tier's name, as in verdict.json.
pub(crate) const fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::Fail => "fail",
        Tier::NonStrict => "non_strict",
        Tier::Platform => "platform",
        Tier::Info => "info",
    }
}

/// A class's name, as in verdict.json.
pub(crate) const fn class_name(class: Class) -> &'static str {
    match class {
        Class::Proxy => "proxy",
        Class::Routing => "routing",
        Class::Static => "static",
        Class::Session => "session",
        Class::Realtime => "realtime",
        Class::Data => "data",
        Class::Runtime => "runtime",
        Class::Serverless => "serverless",
    }
}

/// The answer in a word.
pub(crate) const fn answer_name(answer: Answer) -> &'static str {
    match answer {
        Answer::Equivalent => "equivalent",
        Answer::Different => "different",
        Answer::Inconclusive => "inconclusive",
    }
}
