//! Three-way merge of one file: what was generated last time, what the user made of it, what is
//! generated now.

use diffy::{ConflictStyle, MergeOptions};

/// Longer than any run of `<` in a file that a person wrote, so that markers are ours.
const MARKER: usize = 23;

/// What came of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The text with both sides' changes; with markers where they contradict each other.
    pub text: String,
    /// Lines of the user's file, from 1, at which its edits and the new text contradict each
    /// other. Empty when the merge is clean; only then may `text` be written.
    pub conflicts: Vec<usize>,
}

/// Merges `new` into `mine`, which the user may have edited since `pristine` was written.
///
/// Without a pristine copy a file that differs was not written by us: one conflict at its start.
pub fn merge(pristine: Option<&str>, mine: &str, new: &str) -> Merged {
    if mine == new || pristine == Some(new) {
        return clean(mine);
    }
    let Some(pristine) = pristine else {
        return Merged { text: mine.to_owned(), conflicts: vec![1] };
    };
    if pristine == mine {
        return clean(new);
    }
    let merged = MergeOptions::new()
        .set_conflict_marker_length(MARKER)
        .set_conflict_style(ConflictStyle::Merge)
        .merge(pristine, mine, new);
    match merged {
        Ok(text) => Merged { text, conflicts: Vec::new() },
        Err(text) => {
            let conflicts = conflict_lines(&text, mine);
            Merged { text, conflicts }
        }
    }
}

fn clean(text: &str) -> Merged {
    Merged { text: text.to_owned(), conflicts: Vec::new() }
}

/// Where in `mine` the conflicts marked in `marked` lie.
fn conflict_lines(marked: &str, mine: &str) -> Vec<usize> {
    let (open, middle) = ("<".repeat(MARKER), "=".repeat(MARKER));
    let mine: Vec<&str> = mine.lines().collect();
    let marked: Vec<&str> = marked.lines().collect();
    let mut found = Vec::new();
    let mut from = 0;
    let mut at = 0;
    while at < marked.len() {
        if marked[at].starts_with(&open) {
            let block: Vec<&str> = marked[at + 1..]
                .iter()
                .copied()
                .take_while(|line| !line.starts_with(&middle))
                .collect();
            if !block.is_empty()
                && let Some(offset) =
                    mine[from..].windows(block.len()).position(|lines| lines == block.as_slice())
            {
                from += offset;
                found.push(from + 1);
                from += block.len();
            } else {
                // The user deleted the lines: the place where they stood.
                found.push((from + 1).min(mine.len().max(1)));
            }
            at += block.len() + 1;
        } else if let Some(offset) = mine[from..].iter().position(|line| *line == marked[at])
            && offset <= 1
        {
            from += offset + 1;
        }
        at += 1;
    }
    if found.is_empty() { vec![1] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "a\nb\nc\nd\ne\nf\ng\n";

    #[test]
    fn both_sides_survive_when_they_touch_different_lines() {
        let merged = merge(Some(OLD), "a\n# mine\nb\nc\nd\ne\nf\ng\n", "a\nb\nc\nd\ne\nF\ng\n");
        assert_eq!(
            merged,
            Merged { text: "a\n# mine\nb\nc\nd\ne\nF\ng\n".into(), conflicts: vec![] }
        );
    }

    #[test]
    fn a_conflict_names_the_line_in_the_users_file() {
        let merged =
            merge(Some(OLD), "a\n# mine\nb\nc\nd\nmine\nf\ng\n", "a\nb\nc\nd\nnew\nf\ng\n");
        assert_eq!(merged.conflicts, vec![6]);
    }

    #[test]
    fn a_deleted_line_that_changed_is_a_conflict() {
        assert_eq!(merge(Some(OLD), "a\nb\nc\nd\nf\ng\n", "a\nb\nc\nd\nE\nf\ng\n").conflicts, [5]);
    }

    #[test]
    fn an_unchanged_template_keeps_every_edit() {
        assert_eq!(merge(Some(OLD), "mine\n", OLD).text, "mine\n");
        assert_eq!(merge(Some(OLD), OLD, "new\n").text, "new\n");
    }

    #[test]
    fn a_file_of_unknown_origin_is_not_overwritten() {
        assert_eq!(merge(None, "theirs\n", "new\n").conflicts, [1]);
        assert!(merge(None, "new\n", "new\n").conflicts.is_empty());
    }
}
