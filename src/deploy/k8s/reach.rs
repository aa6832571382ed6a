//! The address under which users reach a deployment.

use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Service};
use kube::api::{Api, ListParams};

use super::cluster::Cluster;
use crate::connection::pod::failed;
use crate::error::Result;
use crate::model::plan::{Plan, WorkloadKind};

/// The plan's own address, else a node's with the proxy's node port.
pub(super) async fn url(cluster: &Cluster, plan: &Plan) -> Result<Option<String>> {
    if let Some(url) = &plan.ingress.url {
        return Ok(Some(url.clone()));
    }
    let proxy = if plan.ingress.workload.is_empty() {
        plan.workloads
            .iter()
            .find(|workload| workload.kind == WorkloadKind::Proxy)
            .map(|workload| workload.id.as_str())
    } else {
        Some(plan.ingress.workload.as_str())
    };
    let Some(proxy) = proxy else { return Ok(None) };
    let services: Api<Service> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let service = services
        .get_opt(proxy)
        .await
        .map_err(|error| failed(format_args!("read Service/{proxy}"), &error))?;
    let ports = service.and_then(|service| service.spec).and_then(|spec| spec.ports);
    let ports = ports.unwrap_or_default();
    let wanted = i32::from(plan.ingress.port);
    let port = ports
        .iter()
        .filter(|port| port.node_port.is_some())
        .max_by_key(|port| port.port == wanted)
        .and_then(|port| u16::try_from(port.node_port?).ok());
    let Some(port) = port else { return Ok(None) };
    let addresses = addresses(cluster).await?;
    let mut first = None;
    for address in addresses {
        let authority = match address.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]:{port}"),
            _ => format!("{address}:{port}"),
        };
        let answers = tokio::time::timeout(
            Duration::from_secs(2),
            tokio::net::TcpStream::connect(&authority),
        )
        .await
        .is_ok_and(|connection| connection.is_ok());
        let url = format!("http://{authority}");
        if answers {
            return Ok(Some(url));
        }
        first = first.or(Some(url));
    }
    Ok(first)
}

/// Addresses on which a node port may answer. An API server on this machine stands for a cluster on
/// this machine, so its own address comes first; elsewhere it comes last.
async fn addresses(cluster: &Cluster) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    // Not every account may list nodes; the API server's own address is then all that is known.
    if let Ok(list) = nodes.list(&ListParams::default().limit(50)).await {
        for kind in ["ExternalIP", "InternalIP"] {
            for node in &list.items {
                let addresses = node.status.as_ref().and_then(|status| status.addresses.as_ref());
                found.extend(
                    addresses
                        .into_iter()
                        .flatten()
                        .filter(|address| address.type_ == kind)
                        .map(|address| address.address.clone()),
                );
            }
        }
    }
    let api = cluster.api_host.trim_matches(['[', ']']).to_owned();
    let local =
        api == "localhost" || api.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if local {
        found.insert(0, if api == "localhost" { "127.0.0.1".to_owned() } else { api });
    } else {
        found.push(api);
    }
    Ok(found)
}
