//! Databases and accounts that must be there before an app starts.

use super::address;
use crate::model::inventory::{Inventory, Service};
use crate::model::plan::{Account, Plan};

/// One account for each app or job that logs in by variables.
pub(super) fn decide(inventory: &Inventory, database: &Service, plan: &Plan) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for service in &inventory.services {
        let Some(workload) = plan.workload(&service.id) else { continue };
        let links = address::links(inventory, service);
        for link in links.iter().filter(|link| link.to.id == database.id) {
            let Some(variables) = link.variables else { continue };
            // The value in force may stand in another service's environment, or in code only.
            let value = |name: &Option<String>| -> Option<String> {
                let name = name.as_ref()?;
                let services = std::iter::once(service).chain(&inventory.services);
                services
                    .flat_map(|service| &service.environment)
                    .filter(|variable| variable.name == *name)
                    .find_map(|variable| variable.default.clone())
            };
            let stated = value(&variables.database);
            let only = match database.databases.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            };
            let password = variables.password.as_ref().and_then(|name| {
                let variable = workload.environment.iter().find(|known| known.name == *name)?;
                variable.secret.clone()
            });
            if let (Some(database), Some(user), Some(password)) =
                (stated.or(only), value(&variables.user), password)
                && !accounts.iter().any(|known| known.database == database && known.user == user)
            {
                accounts.push(Account { database, user, password });
            }
        }
    }
    accounts
}
