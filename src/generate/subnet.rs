//! The addresses of a planned network: checked, as the plan is the user's to edit.

use std::net::Ipv4Addr;

use super::unit::wrong;
use crate::error::{Error, Result};
use crate::model::plan::{Network, Plan};

/// Checks a network; the lower half of its subnet, which the engine gives out by itself.
pub(super) fn check(plan: &Plan, network: &Network) -> Result<String> {
    let at = format!("networks[{}]", network.workload);
    if plan.workload(&network.workload).is_none() {
        return Err(wrong(&format!("{at}: workloads has no {}", network.workload)));
    }
    let (first, bits) = parse(&network.subnet).ok_or_else(|| {
        wrong(&format!(
            "{at}.subnet: {:?} is no IPv4 subnet of /16 to /28, such as 198.18.7.64/27",
            network.subnet
        ))
    })?;
    let half = 1_u32 << (31 - bits);
    for (id, address) in &network.addresses {
        let at = format!("{at}.addresses[{id}]");
        if plan.workload(id).is_none() {
            return Err(wrong(&format!("{at}: workloads has no {id}")));
        }
        let number = address.parse::<Ipv4Addr>().map(u32::from).unwrap_or_default();
        // The last one is the broadcast address.
        if !(first + half..first + 2 * half - 1).contains(&number) {
            return Err(wrong(&format!(
                "{at}: {address:?} does not lie in the upper half of {}: {} to {}",
                network.subnet,
                Ipv4Addr::from(first + half),
                Ipv4Addr::from(first + 2 * half - 2)
            )));
        }
        if network.addresses.iter().any(|(other, same)| other != id && same == address) {
            return Err(wrong(&format!("{at}: {address} is given twice")));
        }
        told(plan, network, id, address)?;
    }
    Ok(format!("{}/{}", Ipv4Addr::from(first), bits + 1))
}

/// A variable that does not name the address would leave the app believing somebody else.
fn told(plan: &Plan, network: &Network, id: &str, address: &str) -> Result<()> {
    let Some(name) = &network.believed_by else { return Ok(()) };
    let variables = plan.workload(&network.workload).map(|workload| &workload.environment);
    let mut named = variables.into_iter().flatten().filter(|variable| variable.name == *name);
    // One that is not here stands in a file.
    let Some(value) = named.next().and_then(|variable| variable.value.as_ref()) else {
        return Ok(());
    };
    if value.split(',').any(|part| part.trim() == address) {
        return Ok(());
    }
    Err(Error::input(format!(
        "plan.yaml: workloads[{}].environment[{name}] does not name {address}, the address of {id} \
         in networks[{}]",
        network.workload, network.workload
    ))
    .help("name it there, or take believed_by away where the app is to believe nobody"))
}

/// First address and length of the prefix.
fn parse(text: &str) -> Option<(u32, u32)> {
    let (address, bits) = text.split_once('/')?;
    let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
    let bits: u32 = bits.parse().ok().filter(|bits| (16..=28).contains(bits))?;
    (address & ((1_u32 << (32 - bits)) - 1) == 0).then_some((address, bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::from_yaml;

    fn plan(subnet: &str, address: &str, told: &str) -> Plan {
        let text = format!(
            "schema: migrate/plan/1\nname: a-b\nsource: x\nnetworks:\n- workload: app\n  subnet: {subnet}\n  \
             addresses: {{web: {address}}}\n  believed_by: TRUST\n  reason: r\nworkloads:\n- id: web\n  \
             service: web\n  kind: proxy\n  reason: r\n  image: {{strategy: carry, reason: r, upstream: x}}\n  \
             command: [x]\n  user: {{name: a, uid: 1, gid: 1}}\n- id: app\n  service: app\n  kind: app\n  \
             reason: r\n  image: {{strategy: carry, reason: r, upstream: x}}\n  command: [x]\n  user: {{name: \
             a, uid: 1, gid: 1}}\n  environment: [{{name: TRUST, value: \"loopback,{told}\"}}]\n"
        );
        from_yaml(&text, "plan.yaml").unwrap()
    }

    fn checked(subnet: &str, address: &str, told: &str) -> Result<String> {
        let plan = plan(subnet, address, told);
        check(&plan, &plan.networks[0])
    }

    #[test]
    fn the_engine_gives_out_the_lower_half() {
        let given = checked("198.18.7.64/27", "198.18.7.80", "198.18.7.80").unwrap();
        assert_eq!(given, "198.18.7.64/28");
        assert_eq!(checked("10.9.0.0/16", "10.9.200.1", "10.9.200.1").unwrap(), "10.9.0.0/17");
    }

    #[test]
    fn what_would_not_hold_together_is_an_error() {
        let says = |subnet: &str, address: &str, told: &str, word: &str| {
            let error = checked(subnet, address, told).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        };
        says("198.18.7.65/27", "198.18.7.80", "198.18.7.80", "no IPv4 subnet");
        says("198.18.7.64/30", "198.18.7.80", "198.18.7.80", "no IPv4 subnet");
        says("198.18.7.64/27", "198.18.7.70", "198.18.7.70", "198.18.7.80 to 198.18.7.94");
        says("198.18.7.64/27", "198.18.7.95", "198.18.7.95", "upper half");
        says("198.18.7.64/27", "198.18.7.80", "198.18.7.81", "does not name 198.18.7.80");
        says("198.18.7.64/27", "\"${X}\"", "x", "upper half");
    }
}
