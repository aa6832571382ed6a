//! `passwd`, and the `KEY=value` of `os-release`.

use crate::model::inventory::UserIds;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// Name.
    pub(crate) name: String,
    /// Numbers.
    pub(crate) ids: UserIds,
    /// Home.
    pub(crate) home: String,
}

/// The users of a passwd file; lines that are none are left out.
pub(crate) fn users(text: &str) -> Vec<User> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            let home = fields.nth(1).unwrap_or("/").to_owned();
            Some(User { name: name.to_owned(), ids: UserIds { uid, gid }, home })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_passwd() {
        let users =
            users("root:x:0:0:root:/root:/bin/sh\nbad\napp:x:998:997::/srv/app:/bin/false\n");
        assert_eq!(users.len(), 2);
        assert_eq!(users[1].ids, UserIds { uid: 998, gid: 997 });
        assert_eq!(users[1].home, "/srv/app");
    }
}
