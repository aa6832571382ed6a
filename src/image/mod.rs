//! Build contexts and images.

mod context;
mod engine;
mod functions;
mod packages;
pub(crate) mod record;
mod rootfs;
mod rules;
mod select;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::Docker;

use crate::connection::docker;
use crate::error::{Context, Error, Result};
use crate::inspect::source::{self, Source};
use crate::model::inventory::Inventory;
use crate::model::plan::{Plan, Strategy, Workload};
use crate::model::target::Target;
use crate::progress::Progress;
use crate::secrets;
use crate::workspace::Workspace;

use context::{BuildContext, Taken};
use packages::Packages;
use record::{Built, Images};
use rootfs::{Rootfs, Search};
use rules::Rules;

/// What `build` made, and what its user should know.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The images.
    pub(crate) images: Images,
    /// What is worth saying and fails nothing.
    pub(crate) notes: Vec<String>,
}

/// An error when files that would become part of an image hold secrets.
fn refuse_leaks(leaks: &[String]) -> Result<()> {
    if leaks.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!(
        "{} would carry a secret into an image:\n  {}",
        if leaks.len() == 1 { "a file" } else { "files" },
        leaks.join("\n  ")
    ))
    .help("make each a secret of kind file in plan.yaml (secrets, and files of the workload), or name it under image.leave_out; then generate and build again"))
}

/// Builds the images that a target's tree needs.
pub(crate) async fn build(
    workspace: &Workspace,
    target: Target,
    push: Option<&str>,
    save: Option<&Path>,
) -> Result<Outcome> {
    let plan = Arc::new(workspace.plan()?);
    let inventory = workspace.inventory()?;
    let placed = crate::plan::placed(&inventory);
    let is_bare = matches!(placed, std::borrow::Cow::Owned(_));
    let inventory = Arc::new(placed.into_owned());
    let functions = match target {
        Target::Sam => Some(functions::workloads(workspace, &plan, &inventory)?),
        Target::Compose | Target::K8s => None,
    };
    let owners = owners(workspace, target, &plan, functions.as_deref(), is_bare)?;
    let docker = docker::connect().await?;
    let mut notes = Vec::new();
    let found = secrets::find(&plan, None).await?;
    if !found.missing.is_empty() {
        notes.push(format!(
            "not looked for in the images, because no value is known: {}",
            found.missing.join(", ")
        ));
    }
    let mut values = found.secrets;
    values.add_from_files(&plan, &inventory);
    let search = Arc::new(Search::new(&values)?);
    let reading = Progress::spinner(format!("read {}", plan.source));
    let source: Arc<dyn Source> = Arc::from(source::open_placed(&plan.source).await?);
    let packages = Arc::new(Packages::read(&*source)?);
    drop(reading);

    let mut images = Images { target: target.name().to_owned(), images: Vec::new() };
    let mut leaks = Vec::new();
    for owner in owners {
        let packed = {
            let (source, packages, plan, inventory, search, owner) = (
                Arc::clone(&source),
                Arc::clone(&packages),
                Arc::clone(&plan),
                Arc::clone(&inventory),
                Arc::clone(&search),
                owner.clone(),
            );
            let (path, text) = dockerfile(workspace, target, &owner)?;
            let _spinner = Progress::spinner(format!("pack {}", owner.id));
            tokio::task::spawn_blocking(move || {
                pack(&*source, &packages, &plan, &inventory, &search, &owner, &path, &text)
            })
            .await
            .input("pack the image")??
        };
        notes.extend(packed.notes);
        leaks.extend(packed.leaks.into_iter().map(|(path, secret)| {
            format!("{path} holds the value of secret {secret} (workload {})", owner.id)
        }));
        if !leaks.is_empty() {
            continue;
        }
        let name = record::reference(&plan, &owner.id);
        let labels = HashMap::from([("migrate.workload".to_owned(), owner.id.clone())]);
        let (id, bytes) =
            engine::build(&docker, &name, &packed.dockerfile, packed.context, &labels).await?;
        let pushed = match push.filter(|_| functions.is_none()) {
            Some(registry) => Some(engine::push(&docker, &name, registry).await?),
            None => None,
        };
        for workload in &plan.workloads {
            if workload.id == owner.id || workload.image.of.as_deref() == Some(&owner.id) {
                images.images.push(Built {
                    workload: workload.id.clone(),
                    image: name.clone(),
                    id: id.clone(),
                    bytes,
                    pushed: pushed.clone(),
                });
            }
        }
    }
    refuse_leaks(&leaks)?;
    if let Some(functions) = &functions {
        images.images = functions::build(workspace, &docker, &plan, functions, push).await?;
        notes.extend(static_files(workspace, &source, &plan, &inventory, &search).await?);
    }
    images.images.sort_by_key(|built| {
        plan.workloads.iter().position(|workload| workload.id == built.workload)
    });
    if let Some(path) = save {
        save_all(&docker, &images, path).await?;
    }
    // The other targets' deployments go by the images that were built for them.
    let record = if functions.is_some() { "images-sam" } else { "images" };
    workspace.write_json(&workspace.deployment(record), &images)?;
    Ok(Outcome { images, notes })
}

/// The workloads whose own images are built. Functions have images on those of their workloads;
/// nothing else is needed there.
fn owners<'a>(
    workspace: &Workspace,
    target: Target,
    plan: &'a Plan,
    functions: Option<&[String]>,
    is_bare: bool,
) -> Result<Vec<&'a Workload>> {
    let needed = |owner: &Workload| {
        functions.is_none_or(|functions| {
            plan.workloads.iter().any(|workload| {
                functions.contains(&workload.id)
                    && workload.image.of.as_deref().unwrap_or(&workload.id) == owner.id
            })
        })
    };
    let owners: Vec<&Workload> = plan
        .workloads
        .iter()
        .filter(|workload| workload.image.of.is_none() && needed(workload))
        .collect();
    for owner in &owners {
        dockerfile(workspace, target, owner)?;
        if is_bare && owner.image.strategy == Strategy::Carry {
            return Err(Error::refused(format!(
                "workload {}: the source {} is an application's folder, without a runtime that an \
                 image could carry",
                owner.id, plan.source
            ))
            .help(
                "set image.strategy of the workload to upstream in plan.yaml and generate again",
            ));
        }
    }
    Ok(owners)
}

/// The bucket's files beside the template, and what is worth saying of them.
async fn static_files(
    workspace: &Workspace,
    source: &Arc<dyn Source>,
    plan: &Arc<Plan>,
    inventory: &Arc<Inventory>,
    search: &Arc<Search>,
) -> Result<Vec<String>> {
    let (workspace, source, plan, inventory, search) = (
        workspace.clone(),
        Arc::clone(source),
        Arc::clone(plan),
        Arc::clone(inventory),
        Arc::clone(search),
    );
    let _spinner = Progress::spinner("copy the static files");
    let told = tokio::task::spawn_blocking(move || {
        let mut notes = Vec::new();
        functions::content(&workspace, &*source, &plan, &inventory, &search, &mut notes)?;
        Ok::<_, Error>(notes)
    });
    told.await.input("copy the static files")?
}

async fn save_all(docker: &Docker, images: &Images, path: &Path) -> Result<()> {
    let mut names: Vec<&str> = images.images.iter().map(|built| built.image.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    engine::save(docker, &names, path).await
}

/// The Dockerfile of a workload in a target's tree, by the plan's strategy, and its text.
fn dockerfile(
    workspace: &Workspace,
    target: Target,
    workload: &Workload,
) -> Result<(PathBuf, String)> {
    let name = match workload.image.strategy {
        Strategy::Carry => "Dockerfile.carry",
        Strategy::Upstream => "Dockerfile.upstream",
    };
    let path = workspace.path(target.name()).join("images").join(&workload.id).join(name);
    let read = std::fs::read_to_string(&path);
    let missing = read.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let text = read.input(format_args!("read {}", path.display())).map_err(|error| {
        if missing {
            error.help(format!("run `migrate generate --to {}` first", target.name()))
        } else {
            error
        }
    })?;
    Ok((path, text))
}

struct Packed {
    context: BuildContext,
    dockerfile: String,
    leaks: Vec<(String, String)>,
    notes: Vec<String>,
}

#[expect(clippy::too_many_arguments, reason = "it moves to a thread of its own with all it needs")]
fn pack(
    source: &dyn Source,
    packages: &Packages,
    plan: &Plan,
    inventory: &Inventory,
    search: &Search,
    workload: &Workload,
    dockerfile: &Path,
    text: &str,
) -> Result<Packed> {
    let taken = context::taken(text);
    let mut notes = Vec::new();
    let rootfs: Option<Rootfs> = if taken == Taken::Not {
        None
    } else {
        let rules = Rules::new(plan, inventory, workload);
        let mut selection = select::select(source, packages, plan, &rules, workload)?;
        notes.append(&mut selection.notes);
        let below = if taken == Taken::Folder { "rootfs/" } else { "" };
        Some(rootfs::write(source, &selection, search, below)?)
    };
    let leaks = rootfs.as_ref().map(|rootfs| rootfs.leaks.clone()).unwrap_or_default();
    for key in rootfs.iter().flat_map(|rootfs| &rootfs.keys) {
        notes.push(format!(
            "workload {}: {key} holds a private key and is left out; make it a secret file in plan.yaml if it is needed",
            workload.id
        ));
    }
    let folder = dockerfile.parent().unwrap_or(dockerfile).to_owned();
    let name = dockerfile.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Packed {
        context: BuildContext::new(&folder, rootfs, taken)?,
        dockerfile: name,
        leaks,
        notes,
    })
}
