//! Path patterns of CloudFront: `*` is any run of characters, `?` one; case counts.

/// Whether a path fits a pattern. A pattern may leave out the first slash.
pub(crate) fn fits(pattern: &str, path: &str) -> bool {
    let pattern = pattern.strip_prefix('/').unwrap_or(pattern).as_bytes();
    let path = path.strip_prefix('/').unwrap_or(path).as_bytes();
    // Linear: on a mismatch only the last star is tried again.
    let (mut at, mut of) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while of < path.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(b'?') => {
                at += 1;
                of += 1;
            }
            Some(byte) if *byte == path[of] => {
                at += 1;
                of += 1;
            }
            _ => match star {
                Some((star_at, star_of)) => {
                    star = Some((star_at, star_of + 1));
                    at = star_at + 1;
                    of = star_of + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, path) in [
            ("*", "/"),
            ("/static/*", "/static/a/b.css"),
            ("static/*", "/static/"),
            ("*.jpg", "/a/b.jpg"),
            ("/a?c", "/abc"),
            ("/exact", "/exact"),
            ("*a*b*", "/xxaxxbxx"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/static/*", "/static"),
            ("*.jpg", "/a.JPG"),
            ("/a?c", "/ac"),
            ("/exact", "/exact/"),
            ("*a*b", "/ab/c"),
        ] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
        let long = "a".repeat(20_000);
        assert!(!fits(&"*a".repeat(200), &(long + "b")));
    }
}
