//! The SAM tree: functions for the application and its jobs, CloudFront and a bucket in place of
//! the web server, and all that `sam` and `make` need.

mod edge;
mod function;
mod site;

use std::collections::BTreeMap;

use serde::Serialize;

use super::unit::{SCRIPTS, Unit};
use super::{Tree, config, docker, templates};
use crate::error::{Error, Result};
use crate::model::finding::{Finding, Severity};
use crate::model::inventory::Inventory;
use crate::model::plan::{Plan, Workload, WorkloadKind};

pub(crate) use edge::Content;
use edge::{Behaviour, CHARSET_TYPES, Edge, Origin, Rule};
use function::Function;
pub(crate) use function::image;
use site::Node;

/// The largest function that CloudFront takes.
const EDGE_LIMIT: usize = 10 * 1024;

/// What is found on the way.
#[derive(Debug, Default)]
struct Found {
    service: Option<String>,
    findings: Vec<Finding>,
}

fn note(
    found: &mut Found,
    severity: Severity,
    at: Option<&Node>,
    message: impl Into<String>,
    remedy: &str,
) {
    let finding = Finding {
        id: "sam".to_owned(),
        severity,
        service: found.service.clone(),
        message: message.into(),
        remedy: remedy.to_owned(),
        evidence: at.map(Node::evidence).into_iter().collect(),
    };
    if !found.findings.contains(&finding) {
        found.findings.push(finding);
    }
}

/// The tree, and what a person should know about it.
pub(crate) struct Outcome {
    pub(crate) tree: Tree,
    pub(crate) findings: Vec<Finding>,
}

/// For `sam/template.yaml.tera` and `sam/Makefile.tera`.
#[derive(Debug, Serialize)]
struct Template<'a> {
    name: &'a str,
    description: String,
    architecture: &'static str,
    database: Option<Database>,
    has_secrets: bool,
    has_api: bool,
    has_static: bool,
    functions: &'a [Function],
    types: Vec<MediaType>,
    default_type: String,
    policies: Vec<Policy>,
    behaviours: Vec<BehaviourView>,
    error_pages: Vec<ErrorPage>,
    edge: String,
}

#[derive(Debug, Clone, Serialize)]
struct Database {
    workload: String,
    number: u16,
}

#[derive(Debug, Serialize)]
struct MediaType {
    ending: String,
    pattern: String,
    media: String,
}

#[derive(Debug, Serialize)]
struct ErrorPage {
    code: u16,
    path: String,
}

#[derive(Debug, Serialize)]
struct BehaviourView {
    pattern: String,
    origin: Origin,
    cached: bool,
    compress: &'static str,
    policy: Option<String>,
    comment: String,
}

/// Headers of every answer: CloudFront has a place of its own for those of security.
#[derive(Debug, Default, Serialize)]
struct Policy {
    logical: String,
    security: bool,
    content_type_options: bool,
    frame_option: Option<String>,
    referrer: Option<String>,
    content_security: Option<String>,
    transport: Option<Transport>,
    custom: Vec<Header>,
}

#[derive(Debug, Serialize)]
struct Transport {
    seconds: u64,
    subdomains: &'static str,
    preload: &'static str,
}

#[derive(Debug, Serialize)]
struct Header {
    name: String,
    value: String,
}

/// For `sam/edge.js.tera`.
#[derive(Debug, Serialize)]
struct EdgeScript {
    first: String,
    rules: String,
    hosts: String,
    charset_types: String,
    site: String,
}

/// The site, the workloads that become functions, and what was found.
struct Parts<'a> {
    edge: Edge,
    apps: Vec<(&'a Workload, &'a Unit, Vec<String>)>,
    jobs: Vec<(&'a Workload, &'a Unit)>,
    found: Found,
}

/// The tree of a plan.
pub(crate) fn files(
    plan: &Plan,
    inventory: &Inventory,
    units: &[Unit],
    captured: &dyn Fn(&str) -> Result<Option<String>>,
) -> Result<Outcome> {
    let Parts { edge, apps, jobs, mut found } = parts(plan, inventory, units, captured)?;
    let database =
        plan.workloads.iter().find(|workload| workload.kind == WorkloadKind::Database).map(
            |workload| Database {
                workload: workload.id.clone(),
                number: workload.ports.first().map_or(3306, |port| port.port),
            },
        );
    for other in
        plan.workloads.iter().filter(|workload| workload.kind == WorkloadKind::Database).skip(1)
    {
        found.service = Some(other.service.clone());
        note(
            &mut found,
            Severity::Blocker,
            None,
            "is a second database, and the template has parameters for one",
            "add parameters for it, and give the functions its address",
        );
    }
    let mut tree = Tree::new();
    let mut functions = Vec::new();
    let compress = edge.behaviours.iter().any(|one| one.origin == Origin::Api && one.compress);
    for (workload, unit, prefixes) in &apps {
        functions.push(function::app(
            plan,
            inventory,
            workload,
            unit,
            prefixes,
            (edge.timeout, compress),
            database.as_ref().map(|d| d.workload.as_str()),
            &mut found,
        )?);
    }
    for (workload, unit) in &jobs {
        functions.push(function::job(
            plan,
            inventory,
            workload,
            unit,
            database.as_ref().map(|d| d.workload.as_str()),
            &mut found,
        )?);
    }
    let mut owners: Vec<&str> = Vec::new();
    for function in &functions {
        function::tree(function, plan, inventory, captured, &mut tree)?;
        owners.push(&function.owner);
    }
    let images = docker::files(plan, inventory, units)?;
    tree.extend(images.into_iter().filter(|(path, _)| {
        owners.iter().any(|owner| path.starts_with(&format!("images/{owner}/")))
    }));
    let script = script(&edge)?;
    let compact = compact(&script);
    if compact.len() > EDGE_LIMIT {
        return Err(Error::refused(format!(
            "the CloudFront function for nginx's rules would have {} bytes, and CloudFront takes {EDGE_LIMIT}",
            compact.len()
        ))
        .help("carry redirects and rewrites into the application, then analyze again"));
    }
    let template = template(plan, inventory, &edge, &functions, database, compact);
    tree.insert("functions/edge.js".into(), script);
    tree.insert("template.yaml".into(), templates::render("sam/template.yaml.tera", &template)?);
    tree.insert("samconfig.toml".into(), templates::render("sam/samconfig.toml.tera", &template)?);
    tree.insert("Makefile".into(), templates::render("sam/Makefile.tera", &template)?);
    found.findings.sort_by(|a, b| {
        (a.severity, &a.service, &a.evidence, &a.message).cmp(&(
            b.severity,
            &b.service,
            &b.evidence,
            &b.message,
        ))
    });
    Ok(Outcome { tree, findings: found.findings })
}

/// What the tree does otherwise than the server did.
pub(crate) fn findings(
    plan: &Plan,
    inventory: &Inventory,
    captured: &dyn Fn(&str) -> Result<Option<String>>,
) -> Result<Vec<Finding>> {
    Ok(files(plan, inventory, &super::unit::units(plan)?, captured)?.findings)
}

/// The files of the server that the bucket holds.
pub(crate) fn content(
    plan: &Plan,
    inventory: &Inventory,
    captured: &dyn Fn(&str) -> Result<Option<String>>,
) -> Result<Vec<Content>> {
    let units = super::unit::units(plan)?;
    Ok(parts(plan, inventory, &units, captured)?.edge.content)
}

/// The workloads that become functions: their image is built for this target.
pub(crate) fn functions(
    plan: &Plan,
    inventory: &Inventory,
    captured: &dyn Fn(&str) -> Result<Option<String>>,
) -> Result<Vec<String>> {
    let units = super::unit::units(plan)?;
    let parts = parts(plan, inventory, &units, captured)?;
    let apps = parts.apps.iter().map(|(workload, ..)| workload.id.clone());
    Ok(apps.chain(parts.jobs.iter().map(|(workload, _)| workload.id.clone())).collect())
}

fn parts<'a>(
    plan: &'a Plan,
    inventory: &Inventory,
    units: &'a [Unit],
    captured: &dyn Fn(&str) -> Result<Option<String>>,
) -> Result<Parts<'a>> {
    let mut found = Found::default();
    let pairs: Vec<(&Workload, &Unit)> = plan.workloads.iter().zip(units).collect();
    let of = |kind: WorkloadKind| {
        pairs.iter().copied().filter(move |(workload, _)| workload.kind == kind)
    };
    let mut edge = Edge { timeout: 29, ..Edge::default() };
    let mut prefixes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (number, (proxy, _)) in of(WorkloadKind::Proxy).enumerate() {
        found.service = Some(proxy.service.clone());
        if number > 0 {
            note(
                &mut found,
                Severity::Risk,
                None,
                "is a second web server, and the template has one distribution",
                "generate a workspace of its own for it",
            );
            continue;
        }
        let configuration = site::load(proxy, captured)?;
        let Some(main) = site::main(&configuration, plan) else {
            note(
                &mut found,
                Severity::Risk,
                None,
                "has no server block that could be read",
                "write the behaviours of the distribution by hand",
            );
            continue;
        };
        let version = inventory
            .service(&proxy.service)
            .and_then(|service| service.runtime.version.as_deref());
        edge = edge::read(&configuration, main, version, &mut found);
        edge::others(&configuration, main, &mut edge, &mut found);
        written(plan, &mut edge, &mut found);
        let addresses = config::addresses(inventory, proxy);
        for (prefix, authority) in &edge.upstreams {
            let group: Vec<&str> = configuration
                .http
                .iter()
                .filter(|node| node.name == "upstream" && node.first() == authority)
                .flat_map(|node| node.block.iter().filter(|node| node.name == "server"))
                .map(Node::first)
                .collect();
            let named = if group.is_empty() { vec![authority.as_str()] } else { group };
            let to =
                named.iter().find_map(|name| addresses.iter().find(|address| address.names(name)));
            match to {
                Some(address) => {
                    prefixes.entry(address.to.clone()).or_default().push(prefix.clone());
                }
                None => note(
                    &mut found,
                    Severity::Blocker,
                    None,
                    format!(
                        "{prefix} is passed on to {authority}, which is no workload of the plan"
                    ),
                    "name it in connects_to of plan.yaml, or take the location out",
                ),
            }
        }
    }
    let mut apps = Vec::new();
    for (workload, unit) in of(WorkloadKind::App) {
        found.service = Some(workload.service.clone());
        let own = prefixes.remove(&workload.id).unwrap_or_default();
        let lone = edge.behaviours.is_empty();
        if workload.ports.is_empty() || own.is_empty() && !lone {
            note(
                &mut found,
                Severity::Blocker,
                None,
                "runs all the time and answers no request of the web server: no function does that",
                "leave it on Kubernetes, or make it a job by the clock or by a queue",
            );
            continue;
        }
        apps.push((workload, unit, own));
    }
    // The one that takes all that nobody else takes comes first.
    apps.sort_by_key(|(_, _, own)| !own.iter().any(|prefix| prefix == "/"));
    if edge.behaviours.is_empty() && !apps.is_empty() {
        edge.behaviours.push(Behaviour {
            pattern: "*".into(),
            origin: Origin::Api,
            headers: BTreeMap::new(),
            compress: false,
            comment: "all goes to the application".into(),
        });
    }
    let jobs: Vec<_> = of(WorkloadKind::Job).collect();
    if apps.is_empty() && jobs.is_empty() && edge.content.is_empty() {
        return Err(Error::refused("sam is refused for this application: no part of it answers requests, runs by the clock or serves files")
            .help("see fit.sam and the findings in inventory.yaml"));
    }
    Ok(Parts { edge, apps, jobs, found })
}

/// Files that the application writes are no content of a bucket that `make sync` fills.
fn written(plan: &Plan, edge: &mut Edge, found: &mut Found) {
    edge.content.retain(|content| {
        let folder = plan.volumes.iter().find(|volume| {
            let rest = content.source.strip_prefix(volume.source.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if let Some(volume) = folder {
            note(
                found,
                Severity::Risk,
                None,
                format!(
                    "gives out {} at /{}, which the application writes to: the bucket does not get these files",
                    volume.source, content.key
                ),
                "let the application put them into the bucket, or give them out itself",
            );
        }
        folder.is_none()
    });
}

fn script(edge: &Edge) -> Result<String> {
    let lines = |rules: &[Rule]| -> Result<String> {
        let lines: Vec<String> = rules.iter().map(json).collect::<Result<_>>()?;
        Ok(if lines.is_empty() { String::new() } else { format!("\n  {}\n", lines.join(",\n  ")) })
    };
    let script = EdgeScript {
        first: lines(&edge.first)?,
        rules: lines(&edge.rules)?,
        hosts: json(&edge.hosts)?,
        charset_types: json(&CHARSET_TYPES)?,
        site: json(&edge.site)?,
    };
    templates::render("sam/edge.js.tera", &script)
}

/// JSON that is JavaScript, too, and one line of any YAML.
fn json(value: &impl Serialize) -> Result<String> {
    use std::fmt::Write as _;
    let text = serde_json::to_string(value)
        .map_err(|error| Error::input(format!("failed to write a rule: {error}")))?;
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() && character != '\u{7f}' {
            plain.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(plain, "\\u{unit:04x}");
            }
        }
    }
    Ok(plain)
}

/// The script without its comments: they count towards CloudFront's limit.
fn compact(script: &str) -> String {
    let lines =
        script.lines().filter(|line| !line.trim_start().starts_with("//") && !line.is_empty());
    lines.fold(String::new(), |text, line| text + line + "\n")
}

fn template<'a>(
    plan: &'a Plan,
    inventory: &Inventory,
    edge: &Edge,
    functions: &'a [Function],
    database: Option<Database>,
    script: String,
) -> Template<'a> {
    let mut policies: Vec<Policy> = Vec::new();
    let mut known: Vec<&BTreeMap<String, String>> = Vec::new();
    let mut behaviours = Vec::new();
    let has_api = functions.iter().any(|function| !function.routes.is_empty());
    for behaviour in &edge.behaviours {
        let policy = (!behaviour.headers.is_empty()).then(|| {
            let at = known.iter().position(|headers| **headers == behaviour.headers);
            let at = at.unwrap_or_else(|| {
                known.push(&behaviour.headers);
                policies.push(self::policy(known.len(), &behaviour.headers));
                known.len() - 1
            });
            policies[at].logical.clone()
        });
        let origin = if has_api { behaviour.origin } else { Origin::Static };
        behaviours.push(BehaviourView {
            pattern: behaviour.pattern.clone(),
            origin,
            cached: origin == Origin::Static,
            compress: if behaviour.compress { "true" } else { "false" },
            policy,
            comment: behaviour.comment.clone(),
        });
    }
    // The last one, for all that is left, stands first: it has a place of its own in the template.
    behaviours.rotate_right(1);
    let uses_static = !edge.content.is_empty() || behaviours.iter().any(|one| one.cached);
    let mut types = edge.types.clone();
    let default_type = types.remove("*").unwrap_or_else(|| "application/octet-stream".to_owned());
    Template {
        name: &plan.name,
        description: format!("{}, from a server to functions", plan.name),
        architecture: if inventory.os.architecture == "arm64" { "arm64" } else { "x86_64" },
        database,
        has_secrets: functions
            .iter()
            .any(|function| function.variables.iter().any(|one| one.secret.is_some())),
        has_api,
        has_static: uses_static,
        functions,
        types: types
            .into_iter()
            .map(|(ending, media)| MediaType { pattern: format!("*.{ending}"), ending, media })
            .collect(),
        default_type,
        policies,
        behaviours,
        error_pages: edge
            .error_pages
            .iter()
            .map(|(code, path)| ErrorPage { code: *code, path: path.clone() })
            .collect(),
        edge: script,
    }
}

fn policy(number: usize, headers: &BTreeMap<String, String>) -> Policy {
    let mut policy = Policy { logical: format!("Headers{number}"), ..Policy::default() };
    for (name, value) in headers {
        match (name.to_ascii_lowercase().as_str(), value.as_str()) {
            ("x-content-type-options", "nosniff") => policy.content_type_options = true,
            ("x-frame-options", "DENY" | "SAMEORIGIN") => policy.frame_option = Some(value.clone()),
            ("referrer-policy", _) => policy.referrer = Some(value.clone()),
            ("content-security-policy", _) => policy.content_security = Some(value.clone()),
            ("strict-transport-security", _) => policy.transport = transport(value),
            _ => policy.custom.push(Header { name: name.clone(), value: value.clone() }),
        }
    }
    policy.security = policy.content_type_options
        || policy.frame_option.is_some()
        || policy.referrer.is_some()
        || policy.content_security.is_some()
        || policy.transport.is_some();
    policy
}

fn transport(value: &str) -> Option<Transport> {
    let lower = value.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split(';').map(str::trim).collect();
    let seconds = parts
        .iter()
        .find_map(|part| part.strip_prefix("max-age=")?.trim_matches('"').parse().ok())?;
    let has = |name: &str| if parts.contains(&name) { "true" } else { "false" };
    Some(Transport { seconds, subdomains: has("includesubdomains"), preload: has("preload") })
}

/// Where the scripts of the functions lie in their images.
const PLACE: &str = SCRIPTS;

/// The function for one server's configuration, and the findings: for the engine's own tests.
#[cfg(test)]
pub(crate) fn function_of(text: &str) -> (String, Vec<Finding>) {
    let configuration = site::of_text(text);
    let mut found = Found::default();
    let main = &configuration.servers[0];
    let mut edge = edge::read(&configuration, main, Some("1.22.1"), &mut found);
    edge::others(&configuration, main, &mut edge, &mut found);
    (compact(&script(&edge).expect("a function")), found.findings)
}
