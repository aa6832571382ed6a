//! How each image is made, and which jobs use an app's image.

use super::naming::within;
use super::{command, storage};
use crate::model::inventory::{Inventory, Role, Service};
use crate::model::plan::{Image, Strategy, Workload};

/// The image of a workload.
pub(super) fn decide(inventory: &Inventory, service: &Service) -> Image {
    if service.role == Role::Job
        && let Some(app) = owner(inventory, service)
    {
        return Image {
            of: Some(app.id.clone()),
            strategy: Strategy::Carry,
            reason: format!("it runs with the code of {}", app.id),
            upstream: String::new(),
            packages: Vec::new(),
            paths: Vec::new(),
            leave_out: Vec::new(),
            lock_directory: None,
        };
    }
    let mut packages = service.packages.clone();
    if !matches!(inventory.os.timezone.as_str(), "" | "UTC" | "Etc/UTC") {
        packages.push("tzdata".to_owned());
    }
    packages.sort();
    packages.dedup();
    let paths = paths(inventory, service);
    // An application's folder alone holds no runtime.
    let alone = inventory.os.id.is_empty()
        && service.directory.as_deref() == Some(crate::inspect::source::FOLDER);
    let (strategy, reason) = if alone {
        (Strategy::Upstream, "the source is the application's folder: it holds no runtime to carry")
    } else {
        (Strategy::Carry, "the same bits as on the server, and no registry is needed")
    };
    Image {
        of: None,
        strategy,
        reason: reason.to_owned(),
        upstream: upstream(inventory, service),
        packages,
        leave_out: leave_out(inventory, &paths),
        lock_directory: lock_directory(service),
        paths,
    }
}

/// The app whose code a job runs, or whose image can carry the job's own script.
pub(super) fn owner<'a>(inventory: &'a Inventory, job: &Service) -> Option<&'a Service> {
    let apps = || inventory.services.iter().filter(|service| service.role == Role::App);
    let command = job.command.as_deref().unwrap_or_default();
    let mentions = |app: &&Service| {
        let folders = app.program.iter().chain(&app.directory).filter(|path| path.len() > 1);
        let mut places = folders.map(String::as_str);
        places.any(|folder| {
            let folder = folder.trim_end_matches('/');
            let in_program = job.program.iter().any(|path| within(path, folder));
            let in_directory = job.directory.iter().any(|path| within(path, folder));
            let starts = |at: usize| {
                let rest = &command[at + folder.len()..];
                rest.is_empty() || rest.starts_with(['/', ' ', '\'', '"', ';', '&'])
            };
            in_program || in_directory || command.match_indices(folder).any(|(at, _)| starts(at))
        })
    };
    if let Some(app) = apps().find(mentions) {
        return Some(app);
    }
    // A script of its own that any shell runs, or a program for the same runtime, travels in the
    // image of the app it is configured with.
    let fits = |app: &&Service| {
        matches!(job.runtime.name.as_str(), "shell" | "") || job.runtime.name == app.runtime.name
    };
    let shares_files = |app: &&Service| {
        let set_in = |path: &str| {
            app.environment.iter().any(|variable| {
                matches!(&variable.set_in, Some(crate::model::evidence::Evidence::File { path: set, .. }) if set == path)
            })
        };
        job.configuration.iter().any(|file| {
            set_in(&file.path) || app.configuration.iter().any(|other| other.path == file.path)
        })
    };
    let candidates: Vec<&Service> = apps().filter(fits).collect();
    let related = candidates
        .iter()
        .copied()
        .find(|app| shares_files(app) || (job.user.is_some() && job.user == app.user));
    match (related, candidates.as_slice()) {
        (Some(app), _) => Some(app),
        (None, [app]) if !job.program.is_empty() => Some(app),
        _ => None,
    }
}

/// Lets each app's image carry what its jobs need.
pub(super) fn share(inventory: &Inventory, workloads: &mut [Workload]) {
    let jobs: Vec<(String, String)> = workloads
        .iter()
        .filter_map(|workload| Some((workload.image.of.clone()?, workload.service.clone())))
        .collect();
    for (app, job) in jobs {
        let Some(job) = inventory.service(&job) else { continue };
        let Some(app) = super::workload_mut(workloads, &app) else { continue };
        for path in &job.program {
            if !app.image.paths.iter().any(|known| within(path, known)) {
                app.image.paths.push(path.clone());
            }
        }
        for package in &job.packages {
            // cron itself stays behind: the platform is the clock.
            if package != "cron" && !app.image.packages.contains(package) {
                app.image.packages.push(package.clone());
            }
        }
        app.image.paths.sort();
        app.image.packages.sort();
        app.image.leave_out = leave_out(inventory, &app.image.paths);
    }
}

/// What goes into the image: the program, the files it serves, and folders of its configuration,
/// which may hold links that its files are found by.
fn paths(inventory: &Inventory, service: &Service) -> Vec<String> {
    let mut paths: Vec<String> = service.program.clone();
    if service.role == Role::Proxy {
        paths.extend(storage::served(service).map(str::to_owned));
        let fixed = inventory.services.iter().filter(|other| other.role == Role::Static);
        paths.extend(fixed.filter(|other| !super::moves(other)).flat_map(|other| {
            other.program.iter().chain(&other.directory).cloned().collect::<Vec<_>>()
        }));
    }
    let mains: &[&str] = match service.runtime.name.as_str() {
        "nginx" => &["nginx.conf"],
        "mariadb" => &["mariadb.cnf", "my.cnf"],
        _ => &[],
    };
    for file in &service.configuration {
        let folder = super::naming::folder(&file.path);
        if mains.contains(&super::naming::base(&file.path)) && folder != "/etc" {
            paths.push(folder.to_owned());
        }
    }
    let state: Vec<&str> = all_state(inventory).collect();
    let mut paths: Vec<String> = paths
        .into_iter()
        .map(|path| match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            path => path.to_owned(),
        })
        .filter(|path| path != "/" && !state.iter().any(|state| within(path, state)))
        .collect();
    paths.sort();
    paths.dedup();
    let all = paths.clone();
    paths.retain(|path| !all.iter().any(|other| other != path && within(path, other)));
    paths
}

fn all_state(inventory: &Inventory) -> impl Iterator<Item = &str> {
    inventory.services.iter().flat_map(|service| &service.state).map(|state| state.path.as_str())
}

/// State and secrets below the paths of an image; version control never enters one, wherever it
/// lies.
fn leave_out(inventory: &Inventory, paths: &[String]) -> Vec<String> {
    let secrets = inventory
        .services
        .iter()
        .flat_map(|service| &service.configuration)
        .filter(|file| file.secret)
        .map(|file| file.path.clone());
    let set_in = inventory
        .services
        .iter()
        .flat_map(|service| &service.environment)
        .filter(|variable| variable.secret)
        .filter_map(|variable| match &variable.set_in {
            Some(crate::model::evidence::Evidence::File { path, .. }) => Some(path.clone()),
            _ => None,
        });
    let state = all_state(inventory).map(|path| path.trim_end_matches('/').to_owned());
    let inside = |path: &String| paths.iter().any(|folder| within(path, folder));
    let mut out: Vec<String> = secrets.chain(set_in).chain(state).filter(inside).collect();
    out.sort();
    out.dedup();
    out
}

fn lock_directory(service: &Service) -> Option<String> {
    let has_modules = service.role == Role::App && service.runtime.name == "nodejs";
    if has_modules { service.directory.clone() } else { None }
}

/// The official image of the same version.
fn upstream(inventory: &Inventory, service: &Service) -> String {
    let version = service.runtime.version.as_deref().unwrap_or_default();
    let parts: Vec<&str> = version.split('.').collect();
    let major = parts.first().copied().unwrap_or_default();
    let minor = parts.iter().take(2).copied().collect::<Vec<_>>().join(".");
    let suite = match (inventory.os.id.as_str(), inventory.os.version.as_str()) {
        ("debian", "10") => "-buster",
        ("debian", "11") => "-bullseye",
        ("debian", "12") => "-bookworm",
        ("debian", "13") => "-trixie",
        _ => "",
    };
    let tag = |name: &str, version: &str, end: &str| {
        let version = if version.is_empty() { "latest" } else { version };
        let end = if version == "latest" { "" } else { end };
        format!("{name}:{version}{end}")
    };
    let slim = format!("{suite}-slim");
    match service.runtime.name.as_str() {
        "nodejs" => tag("node", major, &slim),
        "python" => tag("python", &minor, &slim),
        "ruby" => tag("ruby", &minor, &slim),
        "php" => tag("php", &minor, &format!("-fpm{suite}")),
        "java" => tag("eclipse-temurin", major, "-jre"),
        "nginx" => tag("nginx", &minor, ""),
        "mariadb" => tag("mariadb", &minor, ""),
        "redis" => tag("redis", &minor, ""),
        "valkey" => tag("valkey/valkey", &minor, ""),
        "memcached" => tag("memcached", &minor, ""),
        _ => match suite.trim_start_matches('-') {
            "" => "debian:stable-slim".to_owned(),
            suite => format!("debian:{suite}-slim"),
        },
    }
}

/// Whether a workload's command starts something at all.
pub(super) fn runs(service: &Service) -> bool {
    !command::decide(service).is_empty()
}
