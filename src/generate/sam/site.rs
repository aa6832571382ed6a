//! The site of a web server, read off the copies of its configuration: which server block, which
//! locations, and what holds in each of them by inheritance.

use crate::error::{Error, Result};
use crate::inspect::parse::nginx::{self, glob};
use crate::model::evidence::Evidence;
use crate::model::plan::{Plan, Workload};

/// Includes within includes.
const MAX_DEPTH: usize = 12;

/// A directive and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) block: Vec<Node>,
}

impl Node {
    pub(super) fn first(&self) -> &str {
        self.arguments.first().map_or("", String::as_str)
    }

    pub(super) fn evidence(&self) -> Evidence {
        Evidence::line(self.file.clone(), self.line)
    }
}

/// What holds for all servers, and the servers.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    pub(super) http: Vec<Node>,
    pub(super) servers: Vec<Node>,
}

/// Reads the configuration of a web server from its copies.
pub(super) fn load(
    workload: &Workload,
    captured: &dyn Fn(&str) -> Result<Option<String>>,
) -> Result<Configuration> {
    let paths: Vec<&str> = workload
        .files
        .iter()
        .filter(|file| file.secret.is_none())
        .map(|file| file.path.as_str())
        .collect();
    let folder = paths
        .iter()
        .find(|path| path.ends_with("/nginx.conf"))
        .and_then(|path| path.rsplit_once('/'))
        .map_or("/etc/nginx", |(folder, _)| folder);
    let mut parsed = Vec::new();
    for path in &paths {
        if let Some(text) = captured(path)? {
            parsed.push((*path, read(&text, path)?));
        }
    }
    let mut reader = Reader { folder, parsed: &parsed, inner: Vec::new() };
    let mut found = Configuration::default();
    for (_, nodes) in &parsed {
        // What stands within a server or location is not for all servers.
        for server in servers(nodes) {
            let server = Node { block: reader.expand(&server.block, 0), ..server.clone() };
            found.servers.push(server);
        }
    }
    let inner = reader.inner;
    for (path, nodes) in &parsed {
        if inner.iter().any(|one| one == path) {
            continue;
        }
        let blocks = nodes.iter().filter(|node| node.name == "http").flat_map(|node| &node.block);
        let main = path.ends_with("/nginx.conf");
        let top = nodes.iter().filter(|_| !main);
        let plain = |node: &&Node| !matches!(node.name.as_str(), "server" | "include" | "http");
        found.http.extend(blocks.chain(top).filter(plain).cloned());
    }
    Ok(found)
}

fn servers(nodes: &[Node]) -> Vec<&Node> {
    let inside = nodes.iter().filter(|node| node.name == "http").flat_map(|node| &node.block);
    nodes.iter().chain(inside).filter(|node| node.name == "server").collect()
}

fn read(text: &str, path: &str) -> Result<Vec<Node>> {
    let directives = nginx::parse(text)
        .map_err(|syntax| Error::input_at(path, u64::from(syntax.line), syntax.message))?;
    Ok(nodes(&directives, path))
}

fn nodes(directives: &[nginx::Directive], path: &str) -> Vec<Node> {
    let node = |directive: &nginx::Directive| Node {
        name: directive.name().to_owned(),
        arguments: directive.arguments().iter().map(|word| word.text.clone()).collect(),
        file: path.to_owned(),
        line: directive.line,
        block: directive.block.as_ref().map(|block| nodes(block, path)).unwrap_or_default(),
    };
    directives.iter().map(node).collect()
}

struct Reader<'a> {
    folder: &'a str,
    parsed: &'a [(&'a str, Vec<Node>)],
    /// Files that a server or location includes.
    inner: Vec<String>,
}

impl Reader<'_> {
    fn expand(&mut self, nodes: &[Node], depth: usize) -> Vec<Node> {
        let mut out = Vec::new();
        for node in nodes {
            if node.name != "include" || depth >= MAX_DEPTH {
                let block = self.expand(&node.block, depth);
                out.push(Node { block, ..node.clone() });
                continue;
            }
            let pattern = match node.first() {
                path if path.starts_with('/') => path.to_owned(),
                path => format!("{}/{path}", self.folder),
            };
            let parsed = self.parsed;
            let mut known = false;
            for (path, nodes) in parsed.iter().filter(|(path, _)| glob(&pattern, path)) {
                known = true;
                self.inner.push((*path).to_owned());
                out.extend(self.expand(nodes, depth + 1));
            }
            if !known {
                // Without a copy nobody can say what it holds: the findings name it.
                out.push(node.clone());
            }
        }
        out
    }
}

/// The server block that users mean: by its name, else the default one, else the first.
pub(super) fn main<'a>(configuration: &'a Configuration, plan: &Plan) -> Option<&'a Node> {
    let locations = |node: &&Node| node.block.iter().filter(|node| node.name == "location").count();
    let named = configuration.servers.iter().filter(|server| {
        plan.ingress.hosts.first().is_some_and(|host| names(server).contains(&host.as_str()))
    });
    named.max_by_key(locations).or_else(|| {
        let listens = |server: &&Node| {
            server.block.iter().any(|node| {
                node.name == "listen" && node.arguments.iter().any(|word| word == "default_server")
            })
        };
        let default = configuration.servers.iter().find(listens);
        default.or_else(|| configuration.servers.first())
    })
}

/// The names that a server block answers to.
pub(super) fn names(server: &Node) -> Vec<&str> {
    let lines = server.block.iter().filter(|node| node.name == "server_name");
    lines.flat_map(|node| node.arguments.iter().map(String::as_str)).collect()
}

/// The directives of a name that hold in the innermost block: a level that has one hides those
/// around it. `levels` goes from the outside in.
pub(super) fn effective<'a>(levels: &[&'a [Node]], name: &str) -> Vec<&'a Node> {
    let own = |level: &&'a [Node]| -> Vec<&'a Node> {
        level.iter().filter(|node| node.name == name).collect()
    };
    levels.iter().rev().map(own).find(|found| !found.is_empty()).unwrap_or_default()
}

/// A configuration of one file.
#[cfg(test)]
pub(super) fn of_text(text: &str) -> Configuration {
    let nodes = read(text, "/etc/nginx/sites-enabled/shop").expect("a configuration");
    let servers = servers(&nodes).into_iter().cloned().collect();
    let http = nodes.into_iter().filter(|node| node.name != "server").collect();
    Configuration { http, servers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_level_hides_the_others() {
        let outer = read("a 1; a 2; b 3;", "/x").unwrap();
        let inner = read("a 4;", "/x").unwrap();
        let texts = |name: &str| -> Vec<String> {
            effective(&[&outer, &inner], name).iter().map(|node| node.first().to_owned()).collect()
        };
        assert_eq!(texts("a"), ["4"]);
        assert_eq!(texts("b"), ["3"]);
        assert!(texts("c").is_empty());
    }
}
