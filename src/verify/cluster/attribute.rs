//! Which differences follow from others.

use crate::model::verdict::{Class, Tier};
use crate::verify::compare::{Difference, Kind, What};
use crate::verify::observation::{Outcome, Pass};

/// For each difference the index of the one that it follows from; its own when it is a root.
pub(super) fn roots(differences: &[Difference], passes: &[[Pass; 3]]) -> Vec<usize> {
    let mut roots: Vec<usize> = (0..differences.len()).collect();
    for (index, slot) in roots.iter_mut().enumerate() {
        if let Some(root) = root(differences, passes, index) {
            *slot = root;
        }
    }
    // What follows from something that follows itself has the same root.
    for index in 0..roots.len() {
        let mut root = roots[index];
        for _ in 0..4 {
            root = roots[root];
        }
        // A ring has no root: each stands for itself.
        roots[index] = if roots[root] == root { root } else { index };
    }
    roots
}

#[expect(clippy::too_many_lines, reason = "one arm for each kind of difference, read as a table")]
fn root(all: &[Difference], passes: &[[Pass; 3]], index: usize) -> Option<usize> {
    let one = &all[index];
    // What is made from a body follows it: its tag, and whether it is long enough to be compressed.
    let follows_body = matches!(&one.kind, Kind::Encoding)
        || matches!(&one.kind, Kind::Header(name) if matches!(name.as_str(), "etag" | "vary"));
    if follows_body
        && one.order != usize::MAX
        && let Some(body) = all.iter().position(|other| {
            other.scenario == one.scenario
                && other.order == one.order
                && matches!(other.kind, Kind::Value(_, false) | Kind::Body | Kind::ErrorPage)
        })
    {
        return Some(body);
    }
    if one.tier != Tier::Fail && !matches!(one.kind, Kind::Rows(_)) {
        return None;
    }
    let before = |fits: &dyn Fn(&Difference) -> bool| {
        all.iter()
            .enumerate()
            .filter(|(other, difference)| {
                *other != index
                    && difference.tier == Tier::Fail
                    && difference.scenario == one.scenario
                    && difference.order < one.order
                    && fits(difference)
            })
            .map(|(other, difference)| (other, difference.order))
            .collect::<Vec<_>>()
    };
    let nearest = |list: &[(usize, usize)]| {
        list.iter().max_by_key(|(_, order)| *order).map(|(other, _)| *other)
    };
    let anywhere = |fits: &dyn Fn(&Difference) -> bool| {
        all.iter().position(|difference| difference.tier == Tier::Fail && fits(difference))
    };
    let unanswered = |difference: &Difference| {
        matches!(difference.kind, Kind::Status(..) | Kind::Failed(_) | Kind::Handshake(..))
    };
    let defined = |kinds: &[&str]| {
        anywhere(
            &|difference| matches!(&difference.kind, Kind::Definition(kind, _) if kinds.contains(&kind.as_str())),
        )
    };
    let own_rows = one.original.contains("${unique}") || one.migrated.contains("${unique}");
    match &one.kind {
        Kind::Skipped => nearest(&before(&|difference| {
            unanswered(difference)
                || matches!(
                    difference.kind,
                    Kind::Cookie(_) | Kind::Value(What::Vanished | What::Type, _) | Kind::Lost
                )
        })),
        // A statement calls what is not there, or is refused by another mode.
        Kind::Status(_, 500) => defined(&["procedure", "function", "view", "setting", "trigger"]),
        // A key is taken, or no longer, by what counts as the same text.
        Kind::Status(_, 409 | 422) | Kind::Status(409 | 422, _) => {
            defined(&["collation", "index", "setting"])
        }
        // Not logged in: because of the cookie, or because logging in went wrong.
        Kind::Status(_, 401 | 403 | 302 | 303) | Kind::Handshake(_, 401 | 403) => {
            nearest(&before(&|difference| {
                matches!(difference.kind, Kind::Cookie(_))
                    || (unanswered(difference) && sets_cookie(passes, difference))
            }))
        }
        Kind::Status(200..=299, 404) => {
            let followed = nearest(&before(&|difference| {
                matches!(difference.kind, Kind::Status(_, 413 | 500..=599) | Kind::Failed(_))
            }));
            followed.or_else(|| {
                (one.class == Class::Routing && !one.path.contains('.'))
                    .then(|| anywhere(&|difference| is_copied(difference)))
                    .flatten()
            })
        }
        // Where no upgrade passes, the app refuses a stranger in another way, too.
        Kind::Status(_, to) if refused_alike(all, one, *to) => {
            anywhere(&|difference| matches!(difference.kind, Kind::Handshake(101, _)))
        }
        // Sockets that failed after their handshake was refused.
        Kind::Failed(_) if one.group == "socket failed" => {
            nearest(&before(&|difference| matches!(difference.kind, Kind::Handshake(..))))
        }
        Kind::Lost | Kind::Surplus | Kind::Closed => {
            nearest(&before(&unanswered)).or_else(|| defined(&["procedure", "function", "view"]))
        }
        Kind::Value(_, true) => {
            if one.class != Class::Realtime {
                return None;
            }
            all.iter()
                .position(|difference| {
                    difference.scenario == one.scenario && matches!(difference.kind, Kind::Lost)
                })
                .or_else(|| nearest(&before(&unanswered)))
        }
        Kind::Rows(_) => nearest(&before(&|difference| {
            unanswered(difference) || matches!(difference.kind, Kind::Skipped)
        }))
        .or_else(|| defined(&["trigger", "procedure", "function", "event"])),
        // The session store follows the session.
        Kind::Value(what, false) => {
            if matches!(what, What::Scheme) {
                return None;
            }
            if *what <= What::Order && one.class == Class::Data {
                if own_rows {
                    return nearest(&before(&unanswered))
                        .or_else(|| anywhere(&|difference| matches!(difference.kind, Kind::Lost)));
                }
                if matches!(what, What::Missing | What::Extra | What::Order | What::Changed) {
                    // A list lacks what an earlier write of the same pass was refused.
                    return nearest(&before(&|difference| {
                        matches!(
                            difference.kind,
                            Kind::Status(200..=299, 400..)
                                | Kind::Failed(_)
                                | Kind::Handshake(101, _)
                        )
                    }))
                    .or_else(|| anywhere(&|difference| is_copied(difference)))
                    .or_else(|| match what {
                        What::Changed => defined(&["trigger", "procedure", "function", "view"]),
                        _ => defined(&["collation", "setting"]),
                    });
                }
            }
            None
        }
        // The scheme that the app is told shows in cookies and redirects.
        Kind::Cookie(name) if name == "Secure" => anywhere(&|difference| {
            difference.group == "url scheme"
                || difference.group == "location scheme"
                || difference.group == "request header x-forwarded-proto"
        }),
        Kind::Location if one.group == "location scheme" => anywhere(&|difference| {
            difference.group == "url scheme"
                || difference.group == "request header x-forwarded-proto"
        }),
        Kind::Location if one.group == "location host or port" => {
            anywhere(&|difference| difference.group == "url host")
        }
        Kind::Header(name) if name == "vary" => {
            anywhere(&|difference| matches!(difference.kind, Kind::Encoding))
        }
        _ => None,
    }
}

/// Whether a handshake that the original took was refused on the same path with this status.
fn refused_alike(all: &[Difference], one: &Difference, status: u16) -> bool {
    all.iter().any(|difference| {
        matches!(difference.kind, Kind::Handshake(101, to) if to == status)
            && difference.path == one.path
    })
}

fn is_copied(difference: &Difference) -> bool {
    matches!(difference.kind, Kind::Copied(..))
}

/// Whether the original set a cookie at the step of a difference.
fn sets_cookie(passes: &[[Pass; 3]], difference: &Difference) -> bool {
    passes
        .get(difference.scenario)
        .and_then(|three| three[0].observations.get(difference.order))
        .is_some_and(|seen| match &seen.outcome {
            Outcome::Answer(answer) => answer.headers.iter().any(|(name, _)| name == "set-cookie"),
            _ => false,
        })
}
