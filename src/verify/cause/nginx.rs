//! Finds blocks and directives of nginx configuration in a generated tree, with their lines.
//!
//! Nothing is decided here but where to point.

use std::collections::BTreeMap;

use crate::inspect::parse::nginx::{Directive as Syntax, parse};

/// A directive with its line.
#[derive(Debug, Clone)]
pub(crate) struct Directive {
    /// Its name.
    pub(crate) name: String,
    /// What follows, without the semicolon.
    pub(crate) value: String,
    /// File in the workspace.
    pub(crate) file: String,
    /// Line, from 1.
    pub(crate) line: u32,
    /// Index of the innermost location or server around it.
    pub(crate) block: Option<usize>,
}

/// A `server` or `location` block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// `server` or `location`.
    pub(crate) kind: &'static str,
    /// Empty (prefix), `=`, `^~`, `~`, `~*` or `@`.
    pub(crate) modifier: String,
    /// Path or pattern.
    pub(crate) path: String,
    /// File in the workspace.
    pub(crate) file: String,
    /// Line, from 1.
    pub(crate) line: u32,
    /// Index of the block around it.
    pub(crate) parent: Option<usize>,
}

/// What was found in a tree.
#[derive(Debug, Default)]
pub(crate) struct Nginx {
    /// The blocks.
    pub(crate) blocks: Vec<Block>,
    /// The directives.
    pub(crate) directives: Vec<Directive>,
    /// Blocks, and the files that stand in them by `include`.
    included: Vec<(usize, String)>,
}

/// Lists that a block takes from around it only as long as it has none of its own.
const LISTS: [&str; 3] = ["add_header", "proxy_set_header", "limit_req"];

impl Nginx {
    /// Reads all files of a tree that look like nginx configuration.
    pub(crate) fn read(tree: &BTreeMap<String, String>) -> Self {
        let mut found = Self::default();
        for (file, text) in tree {
            let config = text.contains("server {")
                || text.contains("proxy_set_header")
                || text.contains("types {")
                || file.contains("nginx");
            if config && text.len() < 2 * 1024 * 1024 {
                found.file(file, text);
            }
        }
        found.includes();
        found
    }

    /// Finds the files that blocks include: by the end of their path, for a tree holds them in
    /// other folders.
    fn includes(&mut self) {
        let files: std::collections::BTreeSet<&str> =
            self.directives.iter().map(|one| one.file.as_str()).collect();
        self.included = self
            .directives
            .iter()
            .filter(|one| one.name == "include")
            .filter_map(|one| Some((one.block?, one)))
            .flat_map(|(block, one)| {
                let wanted = one.value.trim_start_matches('/');
                let (before, after) = wanted.split_once('*').unwrap_or((wanted, ""));
                let fits = move |file: &&&str| {
                    **file != one.file
                        && file.ends_with(after)
                        && file.rfind(before).is_some_and(|at| {
                            (at == 0 || file.as_bytes()[at - 1] == b'/')
                                && (wanted.contains('*') || at + before.len() == file.len())
                                && !file[at + before.len()..].contains('/')
                        })
                };
                files.iter().filter(fits).map(move |file| (block, (*file).to_owned()))
            })
            .collect();
    }

    /// Whether a directive stands in a block, by itself or in a file that is included there.
    fn stands(&self, one: &Directive, block: usize) -> bool {
        one.block == Some(block)
            || (one.block.is_none()
                && self.included.iter().any(|(at, file)| *at == block && *file == one.file))
    }

    /// The first of a list's directives that are in force at a location: what is missing there is
    /// missing beside it.
    pub(crate) fn beside(&self, location: Option<usize>, name: &str) -> Option<&Directive> {
        self.directive(location, name, "")
    }

    /// Takes in a file; one that nginx itself could not read is passed over.
    fn file(&mut self, file: &str, text: &str) {
        if let Ok(directives) = parse(text) {
            self.take(file, &directives, None);
        }
    }

    fn take(&mut self, file: &str, directives: &[Syntax], around: Option<usize>) {
        for directive in directives {
            let words: Vec<&str> =
                directive.arguments().iter().map(|word| word.text.as_str()).collect();
            let Some(children) = &directive.block else {
                self.add(file, directive, &words, around);
                continue;
            };
            let head = match (directive.name(), words.as_slice()) {
                ("server", []) => Some(("server", "", "")),
                ("location", [path]) if path.starts_with('@') => Some(("location", "@", *path)),
                ("location", [path]) => Some(("location", "", *path)),
                ("location", [modifier, path]) => Some(("location", *modifier, *path)),
                _ => None,
            };
            let within = if let Some((kind, modifier, path)) = head {
                self.blocks.push(Block {
                    kind,
                    modifier: modifier.to_owned(),
                    path: path.to_owned(),
                    file: file.to_owned(),
                    line: directive.line,
                    parent: around,
                });
                Some(self.blocks.len() - 1)
            } else {
                self.add(file, directive, &words, around);
                around
            };
            self.take(file, children, within);
        }
    }

    fn add(&mut self, file: &str, directive: &Syntax, words: &[&str], around: Option<usize>) {
        self.directives.push(Directive {
            name: directive.name().to_owned(),
            value: words.join(" "),
            file: file.to_owned(),
            line: directive.line,
            block: around,
        });
    }

    /// The location that answers a path.
    pub(crate) fn location(&self, path: &str) -> Option<usize> {
        let candidates: Vec<(usize, &str, &str)> = self
            .blocks
            .iter()
            .enumerate()
            .filter(|(_, block)| block.kind == "location" && block.modifier != "@")
            .map(|(index, block)| (index, block.modifier.as_str(), block.path.as_str()))
            .collect();
        choose(&candidates, path)
    }

    /// A directive that holds for a location: its own, else that of a block around it, else one
    /// outside all blocks.
    pub(crate) fn directive(
        &self,
        location: Option<usize>,
        name: &str,
        word: &str,
    ) -> Option<&Directive> {
        let fits = |directive: &&Directive| directive.is(name, word);
        let mut block = location;
        while let Some(index) = block {
            if let Some(found) =
                self.directives.iter().filter(fits).find(|one| self.stands(one, index))
            {
                return Some(found);
            }
            let own = |one: &Directive| one.name == name && self.stands(one, index);
            if LISTS.contains(&name) && self.directives.iter().any(own) {
                return None;
            }
            block = self.blocks[index].parent;
        }
        let inside = |one: &Directive| self.included.iter().any(|(_, file)| *file == one.file);
        self.directives.iter().filter(fits).find(|one| one.block.is_none() && !inside(one))
    }

    /// A directive, whatever block it stands in.
    pub(crate) fn anywhere(&self, name: &str, word: &str) -> Option<&Directive> {
        self.directives.iter().find(|directive| directive.is(name, word))
    }
}

impl Directive {
    /// Whether it is of this name, with this first word when one is given.
    fn is(&self, name: &str, word: &str) -> bool {
        let first = self.value.split_whitespace().next().unwrap_or_default();
        self.name.eq_ignore_ascii_case(name)
            && (word.is_empty() || first.trim_matches('"').eq_ignore_ascii_case(word))
    }
}

/// nginx's own choice among locations, each an identity, a modifier and a path.
pub(crate) fn choose<T: Copy>(locations: &[(T, &str, &str)], path: &str) -> Option<T> {
    let path = path.split(['?', '#']).next().unwrap_or("");
    if let Some(exact) =
        locations.iter().find(|(_, modifier, own)| *modifier == "=" && *own == path)
    {
        return Some(exact.0);
    }
    let prefix = locations
        .iter()
        .filter(|(_, modifier, own)| matches!(*modifier, "" | "^~") && path.starts_with(own))
        .max_by_key(|(_, _, own)| own.len());
    if let Some((found, "^~", _)) = prefix {
        return Some(*found);
    }
    let pattern = locations.iter().find(|(_, modifier, own)| {
        let insensitive = match *modifier {
            "~" => false,
            "~*" => true,
            _ => return false,
        };
        regex::RegexBuilder::new(own)
            .case_insensitive(insensitive)
            .size_limit(1 << 20)
            .build()
            .is_ok_and(|regex| regex.is_match(path))
    });
    pattern.or(prefix).map(|found| found.0)
}

/// A size as nginx writes it, in bytes.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(['k', 'm', 'g']);
    let number: u64 = digits.parse().ok()?;
    match &text[digits.len()..] {
        "" => Some(number),
        "k" => number.checked_mul(1024),
        "m" => number.checked_mul(1024 * 1024),
        "g" => number.checked_mul(1024 * 1024 * 1024),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_chooses_as_nginx_does() {
        let locations = [
            (0, "", "/"),
            (1, "", "/api/"),
            (2, "=", "/ws"),
            (3, "~*", r"\.(?:js|css)$"),
            (4, "^~", "/static/"),
        ];
        assert_eq!(choose(&locations, "/x"), Some(0));
        assert_eq!(choose(&locations, "/api/orders?x=1"), Some(1));
        assert_eq!(choose(&locations, "/ws?order=1"), Some(2));
        assert_eq!(choose(&locations, "/a/app.JS"), Some(3));
        assert_eq!(choose(&locations, "/static/app.js"), Some(4));
    }

    #[test]
    fn included_files_count_where_they_are_included() {
        let site = "server {\n  add_header A 1;\n  location / {\n    include snippets/x.conf;\n  }\n  location /b {\n    add_header C 3;\n  }\n}\n";
        let tree = BTreeMap::from([
            ("compose/etc/nginx/site.conf".to_owned(), site.to_owned()),
            (
                "compose/etc/nginx/snippets/x.conf".to_owned(),
                "add_header B 2;\nproxy_set_header Host $host;\n".to_owned(),
            ),
        ]);
        let nginx = Nginx::read(&tree);
        let (top, other) = (nginx.location("/x"), nginx.location("/b"));
        let found = nginx.directive(top, "add_header", "B").unwrap();
        assert_eq!((found.file.as_str(), found.line), ("compose/etc/nginx/snippets/x.conf", 1));
        assert!(nginx.directive(top, "add_header", "A").is_none(), "own headers inherit none");
        assert!(nginx.directive(other, "proxy_set_header", "Host").is_none());
        assert_eq!(nginx.beside(top, "proxy_set_header").unwrap().line, 2);
    }

    #[test]
    fn directives_are_found_with_their_lines_also_in_a_manifest() {
        let text = "data:\n  site.conf: |\n    server {\n      client_max_body_size 8m;\n      location /api/ {\n        proxy_pass http://app;\n      }\n    }\n";
        let tree = BTreeMap::from([("k8s/base/config.yaml".to_owned(), text.to_owned())]);
        let nginx = Nginx::read(&tree);
        let location = nginx.location("/api/x");
        let found = nginx.directive(location, "client_max_body_size", "").unwrap();
        assert_eq!((found.line, found.value.as_str()), (4, "8m"));
        assert_eq!(bytes("8m"), Some(8 << 20));
    }
}
