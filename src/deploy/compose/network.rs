//! The networks of a project on the engine, and their addresses.

use bollard::models::{Ipam, IpamConfig, Network as There, NetworkCreateRequest};
use bollard::query_parameters::{ListNetworksOptionsBuilder, RemoveContainerOptionsBuilder};

use super::engine::Project;
use super::file::{Network, Pool};
use crate::connection::docker::{is_missing, reason};
use crate::error::{Context, Error, Result};

impl Project<'_> {
    async fn networks(&self) -> Result<Vec<There>> {
        let options = ListNetworksOptionsBuilder::new().filters(&self.filter()).build();
        self.docker
            .list_networks(Some(options))
            .await
            .map_err(|error| reason(&error))
            .remote("list the engine's networks")
    }

    /// Makes a network of the project if it is not there. One with other addresses goes first, and
    /// with it the project's containers in it, which are made anew.
    pub(super) async fn network(&self, name: &str, wanted: Option<&Network>) -> Result<()> {
        let full = format!("{}_{name}", self.name);
        let subnets = wanted.map(|network| network.ipam.config.as_slice()).unwrap_or_default();
        let all = self.networks().await?;
        if let Some(there) = all.iter().find(|network| network.name.as_deref() == Some(&full)) {
            if same(there, subnets) {
                return Ok(());
            }
            self.empty(&full).await?;
            self.remove_network(&full).await?;
        }
        let mut labels = self.labels();
        labels.insert("com.docker.compose.network".to_owned(), name.to_owned());
        if !subnets.is_empty() {
            labels.insert(ADDRESSES.to_owned(), said(subnets));
        }
        let config = |subnet: &Pool| IpamConfig {
            subnet: Some(subnet.subnet.clone()),
            ip_range: subnet.ip_range.clone(),
            gateway: subnet.gateway.clone(),
            auxiliary_addresses: None,
        };
        let ipam = Ipam { config: Some(subnets.iter().map(config).collect()), ..Ipam::default() };
        let request = NetworkCreateRequest {
            name: full.clone(),
            driver: Some("bridge".to_owned()),
            internal: Some(wanted.is_some_and(|network| network.internal)),
            ipam: (!subnets.is_empty()).then_some(ipam),
            labels: Some(labels),
            ..NetworkCreateRequest::default()
        };
        self.docker.create_network(request).await.map_err(|error| {
            let why = reason(&error);
            let error = Error::remote(format!("failed to make network {full}: {why}"));
            if subnets.is_empty() || !why.to_ascii_lowercase().contains("overlap") {
                return error;
            }
            error.help(format!(
                "another network of the engine has some of the addresses {}: under networks in \
                 plan.yaml set another subnet, with the addresses in it, and name these in the \
                 variable that believed_by says; then `migrate generate --to compose` and deploy \
                 again",
                subnets.iter().map(|one| one.subnet.as_str()).collect::<Vec<_>>().join(", ")
            ))
        })?;
        Ok(())
    }

    /// Takes the project's containers out of a network by taking them away.
    async fn empty(&self, full: &str) -> Result<()> {
        let mut filter = self.filter();
        filter.insert("network".to_owned(), vec![full.to_owned()]);
        let options = bollard::query_parameters::ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filter)
            .build();
        let containers = self
            .docker
            .list_containers(Some(options))
            .await
            .map_err(|error| reason(&error))
            .remote("list the engine's containers")?;
        for id in containers.into_iter().filter_map(|container| container.id) {
            // As `remove` does: what it holds is written out first.
            let _ = self.docker.stop_container(&id, None).await;
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            match self.docker.remove_container(&id, Some(options)).await {
                Ok(()) => {}
                Err(error) if is_missing(&error) => {}
                Err(error) => {
                    return Err(Error::remote(format!(
                        "failed to take container {id} out of network {full}: {}",
                        reason(&error)
                    )));
                }
            }
        }
        Ok(())
    }

    async fn remove_network(&self, name: &str) -> Result<bool> {
        match self.docker.remove_network(name).await {
            Ok(()) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => {
                Err(Error::remote(format!("failed to remove network {name}: {}", reason(&error))))
            }
        }
    }

    /// Removes the project's networks.
    pub(super) async fn remove_networks(&self) -> Result<Vec<String>> {
        let mut removed = Vec::new();
        for name in self.networks().await?.into_iter().filter_map(|network| network.name) {
            if self.remove_network(&name).await? {
                removed.push(name);
            }
        }
        Ok(removed)
    }
}

/// Says on a network which addresses were asked for.
const ADDRESSES: &str = "migrate.addresses";

fn said(subnets: &[Pool]) -> String {
    let one = |subnet: &Pool| {
        let mut text = subnet.subnet.clone();
        for part in [&subnet.ip_range, &subnet.gateway].into_iter().flatten() {
            text.push(' ');
            text.push_str(part);
        }
        text
    };
    subnets.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Whether a network that is there has the addresses that are asked for, or any where none are.
fn same(there: &There, subnets: &[Pool]) -> bool {
    let label = there.labels.as_ref().and_then(|labels| labels.get(ADDRESSES));
    if let Some(label) = label {
        return *label == said(subnets);
    }
    // One that another program made, such as the compose plugin.
    let config = there.ipam.as_ref().and_then(|ipam| ipam.config.as_ref());
    let has = |subnet: &Pool| {
        config.into_iter().flatten().any(|one| {
            one.subnet.as_deref() == Some(&subnet.subnet)
                && one.ip_range.as_deref().filter(|range| !range.is_empty())
                    == subnet.ip_range.as_deref()
        })
    };
    subnets.iter().all(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(label: Option<&str>, subnet: &str, range: &str) -> There {
        There {
            labels: label.map(|label| [(ADDRESSES.to_owned(), label.to_owned())].into()),
            ipam: Some(Ipam {
                config: Some(vec![IpamConfig {
                    subnet: Some(subnet.into()),
                    ip_range: Some(range.into()),
                    ..IpamConfig::default()
                }]),
                ..Ipam::default()
            }),
            ..There::default()
        }
    }

    #[test]
    fn a_network_stays_while_its_addresses_do() {
        let wanted =
            |subnet: &str| vec![Pool { subnet: subnet.into(), ip_range: None, gateway: None }];
        let plain = there(None, "172.20.0.0/16", "");
        assert!(same(&plain, &[]), "any will do");
        assert!(same(&plain, &wanted("172.20.0.0/16")));
        assert!(!same(&plain, &wanted("198.18.7.64/27")));
        let ours = there(Some("198.18.7.64/27"), "198.18.7.64/27", "");
        assert!(same(&ours, &wanted("198.18.7.64/27")));
        assert!(!same(&ours, &wanted("198.18.7.96/27")));
        assert!(!same(&ours, &[]), "addresses are no longer asked for");
    }
}
