//! An application that was given as a folder: where it lies in its image.

use std::borrow::Cow;

use crate::inspect::source::FOLDER;
use crate::model::inventory::{Inventory, Role};

/// Folders that a system has: a path below them is meant as it stands, also in an application's
/// folder that knows nothing of a system.
const SYSTEM: [&str; 12] = [
    "/var", "/srv", "/opt", "/etc", "/tmp", "/home", "/mnt", "/media", "/run", "/usr", "/dev",
    "/root",
];

/// Whether the source is an application's folder alone.
pub(super) fn is_bare(inventory: &Inventory) -> bool {
    inventory.os.id.is_empty()
        && inventory.services.iter().any(|service| {
            service.role == Role::App
                && service.directory.as_deref() == Some("/")
                && service.program.is_empty()
        })
}

/// The inventory with the paths that hold in the image. Evidence counts from the source's root as
/// before.
pub(crate) fn placed(inventory: &Inventory) -> Cow<'_, Inventory> {
    if !is_bare(inventory) {
        return Cow::Borrowed(inventory);
    }
    let mut inventory = inventory.clone();
    for service in &mut inventory.services {
        if service.role != Role::App || service.directory.as_deref() != Some("/") {
            continue;
        }
        service.directory = Some(FOLDER.to_owned());
        service.program = vec![FOLDER.to_owned()];
        for file in &mut service.configuration {
            file.path = in_image(&file.path);
        }
        for state in &mut service.state {
            state.path = in_image(&state.path);
        }
    }
    Cow::Owned(inventory)
}

fn in_image(path: &str) -> String {
    let system = SYSTEM
        .iter()
        .any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
    if system { path.to_owned() } else { format!("{FOLDER}{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inventory::{Runtime, Service, State, StateKind};
    use crate::model::plan::Strategy;

    #[test]
    fn an_apps_folder_gets_a_place_in_the_image() {
        let runtime = Runtime { name: "nodejs".into(), version: None };
        let mut app = Service::new("shop", Role::App, runtime);
        app.directory = Some("/".into());
        app.command = Some("node server.js".into());
        for path in ["/uploads", "/var/lib/shop"] {
            let kind = StateKind::Uploads;
            app.state.push(State { path: path.into(), kind, bytes: 0, path_from: None });
        }
        let mut inventory = Inventory { services: vec![app], ..Inventory::default() };
        let plan = crate::plan::plan(&inventory, "shop-abcd");
        let workload = &plan.workloads[0];
        assert_eq!(workload.directory.as_deref(), Some("/app"));
        assert_eq!(workload.image.paths, ["/app"]);
        assert_eq!(workload.image.strategy, Strategy::Upstream);
        let mounts: Vec<&str> = workload.mounts.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(mounts, ["/app/uploads", "/var/lib/shop"]);
        inventory.os.id = "debian".into();
        assert!(matches!(placed(&inventory), Cow::Borrowed(_)));
    }
}
