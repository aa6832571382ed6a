//! `compose.yaml` as typed data: the keys that `generate` writes, and `scale`. Any other is an
//! error with its line, because what this program would ignore is not what the user asked for.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};

/// The file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComposeFile {
    pub(super) name: Option<String>,
    pub(super) services: BTreeMap<String, Service>,
    #[serde(default)]
    pub(super) networks: BTreeMap<String, Option<Network>>,
    #[serde(default)]
    pub(super) volumes: BTreeMap<String, Option<Empty>>,
    #[serde(default)]
    pub(super) configs: BTreeMap<String, Config>,
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, Secret>,
}

/// A mapping with nothing in it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Empty {}

/// A network.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Network {
    #[serde(default)]
    pub(super) internal: bool,
    #[serde(default)]
    pub(super) ipam: Ipam,
}

/// The addresses of a network, when they are given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ipam {
    #[serde(default)]
    pub(super) config: Vec<Pool>,
}

/// One range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pool {
    pub(super) subnet: String,
    /// What the engine gives out by itself.
    pub(super) ip_range: Option<String>,
    pub(super) gateway: Option<String>,
}

/// The networks of a service: a list of names, or a mapping from names to what holds there.
#[derive(Debug, Clone, Default)]
pub(super) struct Joined(pub(super) Vec<(String, Endpoint)>);

/// A service in a network.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Endpoint {
    pub(super) ipv4_address: Option<String>,
}

impl<'de> Deserialize<'de> for Joined {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JoinedVisitor)
    }
}

struct JoinedVisitor;

impl<'de> Visitor<'de> for JoinedVisitor {
    type Value = Joined;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a list or a mapping of networks")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Joined, A::Error> {
        let mut joined = Vec::new();
        while let Some(name) = names.next_element()? {
            joined.push((name, Endpoint::default()));
        }
        Ok(Joined(joined))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Joined, A::Error> {
        let mut joined = Vec::new();
        while let Some((name, endpoint)) = entries.next_entry::<String, Option<Endpoint>>()? {
            joined.push((name, endpoint.unwrap_or_default()));
        }
        Ok(Joined(joined))
    }
}

/// A configuration file of the tree.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) file: String,
}

/// A secret, named as the plan names it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secret {
    pub(super) environment: String,
}

/// A service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    pub(super) image: String,
    pub(super) user: Option<String>,
    #[serde(default)]
    pub(super) group_add: Vec<String>,
    pub(super) entrypoint: Option<Vec<String>>,
    pub(super) command: Option<Vec<String>>,
    pub(super) working_dir: Option<String>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) configs: Vec<Placed>,
    #[serde(default)]
    pub(super) secrets: Vec<Placed>,
    #[serde(default)]
    pub(super) volumes: Vec<Mount>,
    #[serde(default)]
    pub(super) read_only: bool,
    #[serde(default)]
    pub(super) tmpfs: Vec<String>,
    #[serde(default)]
    pub(super) networks: Joined,
    #[serde(default)]
    pub(super) ports: Vec<String>,
    #[serde(default)]
    pub(super) depends_on: BTreeMap<String, DependsOn>,
    pub(super) healthcheck: Option<Healthcheck>,
    pub(super) restart: Option<Restart>,
    pub(super) stop_grace_period: Option<String>,
    pub(super) mem_limit: Option<String>,
    #[serde(default)]
    pub(super) cap_drop: Vec<String>,
    #[serde(default)]
    pub(super) security_opt: Vec<String>,
    #[serde(default)]
    pub(super) sysctls: BTreeMap<String, String>,
    pub(super) scale: Option<u32>,
    pub(super) deploy: Option<Deploy>,
}

impl Service {
    /// How many containers of it run.
    pub(super) fn replicas(&self) -> u32 {
        let deploy = self.deploy.as_ref().and_then(|deploy| deploy.replicas);
        self.scale.or(deploy).unwrap_or(1)
    }
}

/// A configuration file or secret in its place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Placed {
    pub(super) source: String,
    pub(super) target: String,
    #[serde(default)]
    pub(super) uid: Option<String>,
    #[serde(default)]
    pub(super) gid: Option<String>,
    /// Octal digits, as they are written.
    #[serde(default)]
    pub(super) mode: Option<String>,
}

/// A volume in its place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mount {
    #[serde(rename = "type")]
    pub(super) kind: MountKind,
    pub(super) source: String,
    pub(super) target: String,
    #[serde(default)]
    pub(super) read_only: bool,
}

/// The one kind of mount that moves between machines.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MountKind {
    Volume,
}

/// What a service waits for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DependsOn {
    pub(super) condition: Condition,
}

/// When a dependency is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Condition {
    ServiceStarted,
    ServiceHealthy,
}

/// A health check.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Healthcheck {
    pub(super) test: Vec<String>,
    pub(super) interval: Option<String>,
    pub(super) timeout: Option<String>,
    pub(super) retries: Option<i64>,
    pub(super) start_period: Option<String>,
}

/// What the engine does with a container that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Restart {
    No,
    Always,
    UnlessStopped,
    OnFailure,
}

/// `deploy`, of which only the number of replicas means something to an engine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deploy {
    pub(super) replicas: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::from_yaml;

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let text = "name: a\nservices:\n  web:\n    image: a/web:1\n    privileged: true\n";
        let error = from_yaml::<ComposeFile>(text, "compose.yaml").unwrap_err();
        assert_eq!(error.exit(), crate::error::Exit::Input);
        let text = error.to_string();
        assert!(text.starts_with("compose.yaml:5:") && text.contains("privileged"), "{text}");
    }

    #[test]
    fn networks_are_a_list_or_a_mapping() {
        let text = "services:\n  a: {image: x, networks: [front, back]}\n  b:\n    image: x\n    networks:\n      front: {ipv4_address: 198.18.7.80}\n      back:\nnetworks:\n  front:\n    ipam:\n      config:\n        - {subnet: 198.18.7.64/27, ip_range: 198.18.7.64/28}\n  back: {}\n";
        let file: ComposeFile = from_yaml(text, "c").unwrap();
        let names = |service: &str| -> Vec<String> {
            file.services[service].networks.0.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names("a"), ["front", "back"]);
        assert_eq!(names("b"), ["front", "back"]);
        let endpoint = &file.services["b"].networks.0[0].1;
        assert_eq!(endpoint.ipv4_address.as_deref(), Some("198.18.7.80"));
        let front = file.networks["front"].as_ref().unwrap();
        assert_eq!(front.ipam.config[0].ip_range.as_deref(), Some("198.18.7.64/28"));
        let text = text.replace("ipv4_address", "mac_address");
        let error = from_yaml::<ComposeFile>(&text, "c").unwrap_err().to_string();
        assert!(error.contains("mac_address") && error.starts_with("c:6:"), "{error}");
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let text = "services:\n  web:\n    image: x\n    user: \"1:2\"\n    environment:\n      PORT: 8080\n      ON: \"true\"\n    secrets:\n      - {source: S, target: /s, uid: \"33\", mode: 0440}\n    scale: 2\nnetworks:\n  front: {}\nvolumes:\n  data:\n";
        let file: ComposeFile = from_yaml(text, "c").unwrap();
        let web = &file.services["web"];
        assert_eq!(web.environment["PORT"], "8080");
        assert_eq!(web.secrets[0].mode.as_deref(), Some("0440"));
        assert_eq!(web.replicas(), 2);
        assert!(file.volumes.contains_key("data"));
    }
}
