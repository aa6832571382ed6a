//! For the serverless target: the functions' images on the application's own, with the Lambda Web
//! Adapter, and the static files of the server in a folder beside the template.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bollard::Docker;

use super::context::{BuildContext, Taken};
use super::engine;
use super::record::Built;
use super::rootfs::Search;
use super::rules::{Rules, holds_private_key};
use crate::error::{Context, Error, Result};
use crate::generate::sam;
use crate::inspect::source::{Kind, Source};
use crate::model::inventory::Inventory;
use crate::model::plan::{Plan, WorkloadKind};
use crate::workspace::Workspace;

/// The program of the Lambda Web Adapter, as `cargo install lambda_web_adapter` calls it.
const ADAPTER: &str = "lambda-adapter";
/// Names it when it is not on PATH.
const ADAPTER_VARIABLE: &str = "MIGRATE_LAMBDA_ADAPTER";
/// Larger files are no part of a site.
const FILE_LIMIT: u64 = 256 << 20;
/// All files together.
const ALL_LIMIT: u64 = 2 << 30;
/// Objects of one site.
const COUNT_LIMIT: usize = 50_000;

/// The workloads that become functions.
pub(super) fn workloads(
    workspace: &Workspace,
    plan: &Plan,
    inventory: &Inventory,
) -> Result<Vec<String>> {
    sam::functions(plan, inventory, &|path| workspace.copy(path))
}

/// Builds the image of each function on the image that was built for its workload.
pub(super) async fn build(
    workspace: &Workspace,
    docker: &Docker,
    plan: &Plan,
    functions: &[String],
    push: Option<&str>,
) -> Result<Vec<Built>> {
    let mut built = Vec::new();
    for id in functions {
        let folder = workspace.path("sam").join("images").join(format!("{id}-lambda"));
        let dockerfile = folder.join("Dockerfile");
        let text = std::fs::read_to_string(&dockerfile)
            .input(format_args!("read {}", dockerfile.display()))
            .map_err(|error| error.help("run `migrate generate --to sam` first"))?;
        // Looked for only where the Dockerfile, which is the user's to edit, wants it.
        let copies =
            text.lines().any(|line| line.trim_start().starts_with(&format!("COPY {ADAPTER}")));
        if copies {
            put_adapter(&folder)?;
        }
        let name = sam::image(plan, id);
        let labels = HashMap::from([("migrate.workload".to_owned(), id.clone())]);
        let context = BuildContext::new(&folder, None, Taken::Not)?;
        let (image, bytes) = engine::build(docker, &name, "Dockerfile", context, &labels).await?;
        let pushed = match push {
            Some(registry) => Some(engine::push(docker, &name, registry).await?),
            None => None,
        };
        built.push(Built { workload: id.clone(), image: name, id: image, bytes, pushed });
    }
    Ok(built)
}

/// Puts the adapter beside the Dockerfile, unless a person has put one there.
fn put_adapter(folder: &Path) -> Result<()> {
    let place = folder.join(ADAPTER);
    if place.is_file() {
        return Ok(());
    }
    let found = adapter().ok_or_else(|| {
        Error::refused(format!("the Lambda Web Adapter ({ADAPTER}) is not on this machine")).help(format!(
            "`cargo install lambda_web_adapter`, or name the program in {ADAPTER_VARIABLE}, or put it at {}",
            place.display()
        ))
    })?;
    std::fs::copy(&found, &place).input(format_args!(
        "copy {} to {}",
        found.display(),
        place.display()
    ))?;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&place, mode)
        .input(format_args!("make {} executable", place.display()))
}

fn adapter() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(ADAPTER_VARIABLE) {
        return Some(PathBuf::from(path)).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(ADAPTER)).find(|path| path.is_file())
}

/// Writes the files of the server that the web server gave out into `sam/static/`, anew each time.
/// A file that holds a secret is refused, one with a private key or of state is left out and told.
pub(super) fn content(
    workspace: &Workspace,
    source: &dyn Source,
    plan: &Plan,
    inventory: &Inventory,
    search: &Search,
    notes: &mut Vec<String>,
) -> Result<()> {
    let wanted = sam::content(plan, inventory, &|path| workspace.copy(path))?;
    workspace.confined("sam/static")?;
    let target = workspace.path("sam/static");
    if target.exists() {
        std::fs::remove_dir_all(&target).input(format_args!("empty {}", target.display()))?;
    }
    let Some(proxy) = plan.workloads.iter().find(|workload| workload.kind == WorkloadKind::Proxy)
    else {
        return Ok(());
    };
    let rules = Rules::new(plan, inventory, proxy);
    let (mut count, mut bytes) = (0_usize, 0_u64);
    let mut leaks = Vec::new();
    for one in &wanted {
        let Some(real) = source.resolve(&one.source) else { continue };
        let mut files: Vec<(String, String)> = Vec::new();
        if source.is_file(&real) {
            files.push((real, one.key.clone()));
        } else {
            for (path, entry) in source.below(&real) {
                let rest = path.get(real.len()..).unwrap_or_default().trim_start_matches('/');
                let key = if one.key.is_empty() {
                    rest.to_owned()
                } else {
                    format!("{}/{rest}", one.key)
                };
                match &entry.kind {
                    Kind::File => files.push((path.to_owned(), key)),
                    // A link is the file that it leads to, as for the web server.
                    Kind::Link(_) => files.extend(
                        source.resolve(path).filter(|to| source.is_file(to)).map(|to| (to, key)),
                    ),
                    Kind::Folder | Kind::Other => {}
                }
            }
        }
        for (path, key) in files {
            if rules.refuses(&path) {
                notes.push(format!(
                    "{path} is no static file of the site and stays out of the bucket"
                ));
                continue;
            }
            let size = source.entry(&path).map_or(0, |entry| entry.size);
            count += 1;
            bytes = bytes.saturating_add(size);
            if count > COUNT_LIMIT || bytes > ALL_LIMIT || size > FILE_LIMIT {
                return Err(Error::refused(format!(
                    "the static files are too many or too large for the tree, at {path}"
                ))
                .help("copy them into the bucket by hand, and take their location out of the template"));
            }
            let text = source.read(&path, FILE_LIMIT)?;
            if let Some(secret) = search.find(&text) {
                leaks.push(format!("{path} holds the value of secret {secret}"));
                continue;
            }
            if holds_private_key(&text) {
                notes.push(format!("{path} holds a private key and stays out of the bucket"));
                continue;
            }
            let relative = format!("sam/static/{key}");
            if key.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
                notes.push(format!("{path} has no name that a bucket takes and stays out of it"));
                continue;
            }
            workspace.confined(&relative)?;
            workspace.write(&workspace.path(&relative), &text)?;
        }
    }
    if leaks.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!("the bucket would hold a secret:\n  {}", leaks.join("\n  ")))
        .help("take the file out of the folder that the web server gives out"))
}
