//! Images on the engine: built, pushed, saved.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::path::Path;

use base64::Engine as _;
use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::query_parameters::{
    BuildImageOptionsBuilder, PushImageOptionsBuilder, TagImageOptionsBuilder,
};
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::context::BuildContext;
use crate::connection::docker::{config_folder, reason};
use crate::error::{Context, Error, Result};
use crate::progress::Progress;

/// Lines of the builder's output that an error repeats.
const LAST_LINES: usize = 12;

/// Builds one image and gives its id and size.
pub(super) async fn build(
    docker: &Docker,
    name: &str,
    dockerfile: &str,
    context: BuildContext,
    labels: &HashMap<String, String>,
) -> Result<(String, u64)> {
    let options = BuildImageOptionsBuilder::new()
        .dockerfile(dockerfile)
        .t(name)
        .labels(labels)
        .rm(true)
        .forcerm(true)
        .build();
    let bar = std::sync::Arc::new(Progress::bytes(format!("send {name}"), context.bytes));
    let counter = std::sync::Arc::clone(&bar);
    let body = bollard::body_try_stream(context.stream(move |bytes| counter.advance(bytes)));
    let mut steps = docker.build_image(options, None, Some(body));
    let mut last = VecDeque::new();
    let mut step = String::new();
    while let Some(info) = steps.next().await {
        let info = info.map_err(|error| failed(name, &step, &reason(&error), &last))?;
        if let Some(text) = info.stream {
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                if line.starts_with("Step ") {
                    line.clone_into(&mut step);
                    bar.message(format!("build {name}: {line}"));
                }
                tracing::debug!("{line}");
                last.push_back(line.to_owned());
                if last.len() > LAST_LINES {
                    last.pop_front();
                }
            }
        }
        if let Some(error) = info.error_detail {
            return Err(failed(name, &step, &error.message.unwrap_or_default(), &last));
        }
    }
    let image = docker
        .inspect_image(name)
        .await
        .map_err(|error| failed(name, &step, &reason(&error), &last))?;
    Ok((image.id.unwrap_or_default(), u64::try_from(image.size.unwrap_or(0)).unwrap_or(0)))
}

fn failed(name: &str, step: &str, why: &str, last: &VecDeque<String>) -> Error {
    let mut message = format!("failed to build {name}");
    if !step.is_empty() {
        let _ = write!(message, " at {step}");
    }
    let _ = write!(message, ": {}", why.trim());
    for line in last {
        let _ = write!(message, "\n  {line}");
    }
    Error::remote(message)
        .help("correct the Dockerfile in the tree's images/ folder, or the plan, and build again")
}

/// Pushes an image and gives its name with the digest that the registry answered.
pub(super) async fn push(docker: &Docker, name: &str, registry: &str) -> Result<String> {
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
    let target = format!("{}/{repository}", registry.trim_end_matches('/'));
    let what = format!("push {target}:{tag}");
    let fail = |why: &str| {
        Error::remote(format!("failed to {what}: {}", why.trim())).help(format!(
            "see that the registry {registry} answers, that you are logged in (`docker login {registry}`), and, for plain http, that the engine lists it under insecure-registries"
        ))
    };
    let tagged = TagImageOptionsBuilder::new().repo(&target).tag(tag).build();
    docker.tag_image(name, Some(tagged)).await.map_err(|error| fail(&reason(&error)))?;
    let bar = Progress::spinner(what.clone());
    let options = PushImageOptionsBuilder::new().tag(tag).build();
    let mut parts = docker.push_image(&target, Some(options), credentials(registry));
    while let Some(info) = parts.next().await {
        let info = info.map_err(|error| fail(&reason(&error)))?;
        if let Some(error) = info.error_detail {
            return Err(fail(&error.message.unwrap_or_default()));
        }
        if let Some(status) = info.status {
            bar.message(format!("{what}: {status}"));
        }
    }
    let image =
        docker.inspect_image(&format!("{target}:{tag}")).await.map_err(|e| fail(&reason(&e)))?;
    image
        .repo_digests
        .unwrap_or_default()
        .into_iter()
        .find(|digest| digest.starts_with(&format!("{target}@")))
        .ok_or_else(|| fail("the registry gave no digest"))
}

/// What `docker login` left in the clear for this registry. Credential helpers are not asked,
/// which is said.
fn credentials(registry: &str) -> Option<DockerCredentials> {
    let text = std::fs::read_to_string(config_folder()?.join("config.json")).ok()?;
    let found = login(&text, registry);
    if let (None, Some(helper)) = (&found, helper(&text, registry)) {
        tracing::warn!(
            "the login for {registry} is kept by docker-credential-{helper}, which is not asked: \
             pushing without one; where that is refused, log in with a DOCKER_CONFIG that names no \
             helper"
        );
    }
    found
}

/// The credential helper that docker would ask for this registry.
fn helper(config: &str, registry: &str) -> Option<String> {
    let config: serde_json::Value = serde_json::from_str(config).ok()?;
    let host = registry.split('/').next().unwrap_or(registry);
    let own = config.get("credHelpers").and_then(|helpers| helpers.get(host));
    let name = own.or_else(|| config.get("credsStore"))?.as_str()?;
    (!name.is_empty()).then(|| name.to_owned())
}

fn login(config: &str, registry: &str) -> Option<DockerCredentials> {
    let config: serde_json::Value = serde_json::from_str(config).ok()?;
    let host = registry.split('/').next().unwrap_or(registry);
    let entry = config.get("auths")?.as_object()?.iter().find(|(name, _)| {
        let plain = name.trim_start_matches("https://").trim_start_matches("http://");
        plain.split('/').next() == Some(host)
    })?;
    let encoded = entry.1.get("auth")?.as_str()?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(DockerCredentials {
        username: Some(user.to_owned()),
        password: Some(password.to_owned()),
        serveraddress: Some(entry.0.clone()),
        ..DockerCredentials::default()
    })
}

/// Saves images into one file that `docker load` reads, whole or not at all.
pub(super) async fn save(docker: &Docker, names: &[&str], path: &Path) -> Result<()> {
    let what = format!("save the images to {}", path.display());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let file = tempfile::NamedTempFile::new_in(folder).input(&what)?;
    let mut write = tokio::fs::File::from_std(file.reopen().input(&what)?);
    let bar = Progress::spinner(what.clone());
    let mut parts = Box::pin(docker.export_images(names));
    let mut bytes = 0;
    while let Some(part) = parts.next().await {
        let part =
            part.map_err(|error| Error::remote(format!("failed to {what}: {}", reason(&error))))?;
        write.write_all(&part).await.input(&what)?;
        bytes += part.len();
        bar.message(format!("{what}: {} MB", bytes >> 20));
    }
    write.flush().await.input(&what)?;
    file.persist(path).input(&what)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_found_by_the_registrys_host() {
        let config =
            r#"{"auths":{"https://registry.example:5000/v1/":{"auth":"dXNlcjpwYXNzOndvcmQ="}}}"#;
        let found = login(config, "registry.example:5000/team").unwrap();
        assert_eq!(found.username.as_deref(), Some("user"));
        assert_eq!(found.password.as_deref(), Some("pass:word"));
        assert!(login(config, "other.example").is_none());
        assert!(login("{}", "x").is_none());
    }

    #[test]
    fn a_credential_helper_is_named() {
        let config = r#"{"credsStore":"desktop","credHelpers":{"registry.example":"vault"}}"#;
        assert_eq!(helper(config, "registry.example/team").as_deref(), Some("vault"));
        assert_eq!(helper(config, "other.example").as_deref(), Some("desktop"));
        assert_eq!(helper(r#"{"credsStore":""}"#, "x"), None);
    }

    #[test]
    fn a_failed_step_is_named_with_the_last_lines() {
        let last = VecDeque::from(["Step 2/2 : RUN false".to_owned()]);
        let text = failed("x/y:1", "Step 2/2 : RUN false", "exit 1", &last).to_string();
        assert_eq!(
            text,
            "failed to build x/y:1 at Step 2/2 : RUN false: exit 1\n  Step 2/2 : RUN false"
        );
    }
}
