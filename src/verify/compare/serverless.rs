//! What only functions do to an answer: several cookies joined to one header, a binary body left
//! in base64, work that waits because the process is frozen once it has answered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::difference::{Difference, Kind, Scene};
use super::value::What;
use crate::model::verdict::{Class, Tier};
use crate::verify::coding::decode;
use crate::verify::observation::Answer;

const FAIL: (Tier, Class) = (Tier::Fail, Class::Serverless);

/// `Set-Cookie` headers of the original that arrive as fewer, joined by commas.
pub(super) fn joined(
    scene: &Scene<'_>,
    original: &[&str],
    migrated: &[&str],
) -> Option<Difference> {
    if original.len() < 2 || migrated.len() >= original.len() {
        return None;
    }
    let name = |text: &str| text.split('=').next().unwrap_or("").trim().to_owned();
    let swallowed = migrated.iter().any(|header| {
        original.iter().map(|one| name(one)).any(|cookie| {
            !cookie.is_empty()
                && name(header) != cookie
                && header.split(',').skip(1).any(|part| name(part) == cookie)
        })
    });
    swallowed.then(|| {
        scene.difference(
            Kind::Joined,
            "set-cookie joined",
            FAIL,
            "several Set-Cookie headers arrive as one, joined by commas",
            (
                format!("{} Set-Cookie headers", original.len()),
                format!("{} of them", migrated.len()),
            ),
        )
    })
}

/// A body that arrives as the base64 text of what the original sends.
pub(super) fn encoded(
    scene: &Scene<'_>,
    original: &Answer,
    migrated: &Answer,
) -> Option<Difference> {
    let (one, mine) = (decode(original)?, decode(migrated)?);
    if one.is_empty() || one == mine || STANDARD.decode(mine.trim_ascii()).ok()? != one {
        return None;
    }
    Some(scene.difference(
        Kind::Encoded,
        "body in base64",
        FAIL,
        "bodies are left encoded in base64",
        (format!("{} bytes", one.len()), format!("{} bytes of base64 text of them", mine.len())),
    ))
}

/// On functions, rows and entries that are not there yet, with nothing refused before them, are
/// work that the application does after its answer.
pub(crate) fn frozen(differences: &mut [Difference]) {
    let refused: Vec<(usize, usize)> = differences
        .iter()
        .filter(|one| {
            one.tier == Tier::Fail
                && matches!(
                    one.kind,
                    Kind::Status(..) | Kind::Failed(_) | Kind::Skipped | Kind::Copied(..)
                )
        })
        .map(|one| (one.scenario, one.order))
        .collect();
    for one in differences.iter_mut() {
        let late = match one.kind {
            Kind::Rows(_) => true,
            Kind::Value(What::Missing, false) => one.class == Class::Data,
            _ => false,
        };
        let follows =
            refused.iter().any(|(scenario, order)| *scenario == one.scenario && *order < one.order);
        if late && one.tier == Tier::Fail && !follows {
            one.kind = Kind::Frozen;
            one.class = Class::Serverless;
            "work after the answer".clone_into(&mut one.group);
        }
    }
}
