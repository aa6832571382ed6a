//! One Lambda function: of the application behind the adapter, or of a job.

use serde::Serialize;

use super::{Found, PLACE, Severity, note};
use crate::error::{Error, Result};
use crate::generate::unit::{Unit, tree_path};
use crate::generate::{Tree, config, templates};
use crate::model::inventory::Inventory;
use crate::model::plan::{Plan, Workload};

/// A function as the templates see it.
#[derive(Debug, Serialize)]
pub(super) struct Function {
    pub(super) id: String,
    /// Name in the template.
    pub(super) logical: String,
    log_group: String,
    /// The workload whose image it is made from.
    pub(super) owner: String,
    pub(super) image: String,
    pub(super) reason: String,
    pub(super) memory: u64,
    pub(super) memory_reason: String,
    pub(super) timeout: u64,
    pub(super) timeout_reason: String,
    pub(super) database: bool,
    pub(super) variables: Vec<Variable>,
    pub(super) routes: Vec<Route>,
    pub(super) schedules: Vec<Clock>,
    pub(super) cron: String,
    pub(super) timezone: String,
    base: String,
    job: bool,
    /// Files and folders of the server in the image.
    paths: Vec<String>,
    directory: Option<String>,
    command: Vec<String>,
    folders: Vec<String>,
    secret_files: Vec<SecretFile>,
    /// Links in the image, to what the start script makes.
    links: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Clock {
    name: String,
    expression: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: Option<String>,
    /// A parameter.
    pub(super) reference: Option<String>,
    /// A dynamic reference.
    pub(super) secret: Option<String>,
    pub(super) reason: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Route {
    name: String,
    path: Option<String>,
}

#[derive(Debug, Serialize)]
struct SecretFile {
    variable: String,
    folder: String,
    place: String,
}

/// For `sam/Dockerfile.tera` and `sam/start.sh.tera`.
#[derive(Debug, Serialize)]
struct Image<'a> {
    id: &'a str,
    base: &'a str,
    job: bool,
    paths: &'a [String],
    links: &'a [String],
    has_files: bool,
    directory: Option<&'a str>,
    command: Vec<String>,
    folders: &'a [String],
    files: &'a [SecretFile],
    starts: bool,
    scripts: &'static str,
}

/// The function that answers requests.
#[expect(clippy::too_many_arguments, reason = "one call, with all that decides about a function")]
pub(super) fn app(
    plan: &Plan,
    inventory: &Inventory,
    workload: &Workload,
    unit: &Unit,
    prefixes: &[String],
    (timeout, compress): (u64, bool),
    database: Option<&str>,
    found: &mut Found,
) -> Result<Function> {
    let mut function = common(plan, inventory, workload, unit, database, found)?;
    function.timeout = timeout;
    function.timeout_reason = if timeout < 29 {
        "the web server waited no longer, either".to_owned()
    } else {
        "API Gateway gives up after 30 seconds: the function ends just before".to_owned()
    };
    let port = unit.ports.first().map_or(0, |port| port.port);
    let mut adapter = vec![
        plain("AWS_LWA_HOST", "127.0.0.1", "where the adapter finds the application"),
        plain("AWS_LWA_PORT", &port.to_string(), ""),
    ];
    if compress {
        adapter.push(plain(
            "AWS_LWA_ENABLE_COMPRESSION",
            "true",
            "the web server compressed; CloudFront compresses only what it keeps",
        ));
    }
    match &unit.probe {
        Some(probe) if probe.kind == "http" => {
            adapter.push(plain("AWS_LWA_READINESS_CHECK_PATH", &probe.path, &probe.reason));
        }
        _ => adapter.push(plain(
            "AWS_LWA_READINESS_CHECK_PROTOCOL",
            "tcp",
            "no path is known that tells whether it is ready",
        )),
    }
    function.variables.splice(0..0, adapter);
    if prefixes.is_empty()
        || prefixes.iter().any(|prefix| prefix == "/" || !prefix.starts_with('/'))
    {
        function.routes.push(Route { name: "Any".to_owned(), path: None });
    } else {
        for (number, prefix) in prefixes.iter().enumerate() {
            let stem = prefix.trim_end_matches('/');
            function
                .routes
                .push(Route { name: format!("Path{number}"), path: Some(stem.to_owned()) });
            function.routes.push(Route {
                name: format!("Below{number}"),
                path: Some(format!("{stem}/{{proxy+}}")),
            });
        }
    }
    if let Some(service) = inventory.service(&workload.service) {
        for state in service.in_process.iter().filter(|state| state.what != "broadcast") {
            found.findings.push(crate::model::finding::Finding {
                id: "sam".to_owned(),
                severity: Severity::Risk,
                service: Some(service.id.clone()),
                message: format!("keeps {} in the process: each instance of a function has its own, and loses it", state.what),
                remedy: "move it to the database or to DynamoDB before the move to functions".to_owned(),
                evidence: vec![state.evidence.clone()],
            });
        }
        for socket in &service.sockets {
            found.findings.push(crate::model::finding::Finding {
                id: "sam".to_owned(),
                severity: Severity::Blocker,
                service: Some(service.id.clone()),
                message: format!("WebSocket on {} is refused for Lambda: a function ends with its answer", socket.path.as_deref().unwrap_or("any path")),
                remedy: "the plan splits here: HTTP as a function, this part stays on Kubernetes (generate --to k8s)".to_owned(),
                evidence: vec![socket.evidence.clone()],
            });
        }
    }
    Ok(function)
}

/// The function that runs a job.
pub(super) fn job(
    plan: &Plan,
    inventory: &Inventory,
    workload: &Workload,
    unit: &Unit,
    database: Option<&str>,
    found: &mut Found,
) -> Result<Function> {
    let mut function = common(plan, inventory, workload, unit, database, found)?;
    function.timeout = 900;
    "Lambda's most: cron set no limit; a longer job belongs to Kubernetes"
        .clone_into(&mut function.timeout_reason);
    function.job = true;
    if let Some(clock) = &unit.schedule {
        function.cron = format!("cron said: {}", clock.cron);
        clock.timezone.clone_into(&mut function.timezone);
        match expressions(&clock.cron) {
            Some(list) => {
                for (number, expression) in list.into_iter().enumerate() {
                    let name = if number == 0 {
                        "Clock".to_owned()
                    } else {
                        format!("Clock{}", number + 1)
                    };
                    function.schedules.push(Clock { name, expression });
                }
            }
            None => note(
                found,
                Severity::Blocker,
                None,
                format!("runs at {}, which EventBridge cannot say", clock.cron),
                "write a schedule that names days of the month or days of the week, not both at once",
            ),
        }
    }
    Ok(function)
}

fn plain(name: &str, value: &str, reason: &str) -> Variable {
    Variable {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        reference: None,
        secret: None,
        reason: (!reason.is_empty()).then(|| reason.to_owned()),
    }
}

fn common(
    plan: &Plan,
    inventory: &Inventory,
    workload: &Workload,
    unit: &Unit,
    database: Option<&str>,
    found: &mut Found,
) -> Result<Function> {
    found.service = Some(workload.service.clone());
    let owner = workload.image.of.as_deref().unwrap_or(&workload.id).to_owned();
    let paths = plan.workload(&owner).map(|owner| owner.image.paths.clone()).unwrap_or_default();
    let mut variables = variables(inventory, workload, unit, database, found)?;
    let mut secret_files = Vec::new();
    let mut links = Vec::new();
    for (number, file) in unit.secret_files.iter().enumerate() {
        let variable = format!("MIGRATE_FILE_{}", number + 1);
        let place = format!("/tmp/migrate{}", file.target);
        let folder = place.rsplit_once('/').map_or("/tmp", |(folder, _)| folder).to_owned();
        variables.push(Variable {
            name: variable.clone(),
            value: None,
            reference: None,
            secret: Some(resolved(&file.name)),
            reason: Some(format!(
                "the text of {}, which start.sh writes; all variables have 4 KB together",
                file.target
            )),
        });
        links.push(file.target.clone());
        secret_files.push(SecretFile { variable, folder, place });
    }
    let mut folders = Vec::new();
    for scratch in unit.scratch.iter().filter(|scratch| scratch.path != "/tmp") {
        folders.push(format!("/tmp/migrate{}", scratch.path));
        links.push(scratch.path.clone());
    }
    for mount in unit.mounts.iter().filter(|mount| !mount.read_only) {
        note(
            found,
            Severity::Risk,
            None,
            format!(
                "writes to {}: a function's disk is read-only, and /tmp is lost with its instance",
                mount.path
            ),
            "mount an EFS access point there (FileSystemConfigs), or let the application write to a bucket",
        );
    }
    let (memory, memory_reason) = memory(&unit.memory_limit);
    let mut logical = String::new();
    for part in workload.id.split('-').filter(|part| !part.is_empty()) {
        let (first, rest) = part.split_at(1);
        logical.push_str(&first.to_ascii_uppercase());
        logical.push_str(rest);
    }
    // These are names of the template itself.
    if ["Api", "Static", "Edge", "Cdn"].contains(&logical.as_str())
        || logical.starts_with(|c: char| c.is_ascii_digit())
    {
        logical.insert_str(0, "Function");
    }
    Ok(Function {
        id: workload.id.clone(),
        log_group: format!("/aws/lambda/${{{logical}}}"),
        logical,
        base: crate::image::record::reference(plan, &workload.id),
        owner,
        image: image(plan, &workload.id),
        reason: workload.reason.clone(),
        memory,
        memory_reason,
        timeout: 29,
        timeout_reason: String::new(),
        database: unit.connects_to.iter().any(|to| Some(to.workload.as_str()) == database),
        variables,
        routes: Vec::new(),
        schedules: Vec::new(),
        cron: String::new(),
        timezone: String::new(),
        job: false,
        paths,
        directory: unit.directory.clone(),
        command: unit.command.clone(),
        folders,
        secret_files,
        links,
    })
}

/// The image of a function on the engine.
pub(crate) fn image(plan: &Plan, workload: &str) -> String {
    format!("{}/{workload}-lambda:1", plan.name)
}

fn resolved(secret: &str) -> String {
    format!("{{{{resolve:secretsmanager:${{SecretId}}:SecretString:{secret}}}}}")
}

/// Names that Lambda keeps for itself.
fn reserved(name: &str) -> bool {
    let own = [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    ];
    own.contains(&name) || name.starts_with("AWS_LAMBDA_")
}

fn variables(
    inventory: &Inventory,
    workload: &Workload,
    unit: &Unit,
    database: Option<&str>,
    found: &mut Found,
) -> Result<Vec<Variable>> {
    let service = inventory.service(&workload.service);
    let trust = service.and_then(|service| service.trust_proxy.as_ref());
    let edges = inventory
        .edges
        .iter()
        .filter(|edge| edge.from == workload.service && Some(edge.to.as_str()) == database);
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for edge in edges.filter_map(|edge| edge.variables.as_ref()) {
        hosts.extend(edge.host.as_deref());
        ports.extend(edge.port.as_deref());
    }
    let mut out = Vec::new();
    for variable in &unit.variables {
        let name = variable.name.as_str();
        let good = name.len() > 1
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !good || reserved(name) {
            note(
                found,
                Severity::Risk,
                None,
                format!("is given the variable {name}, which Lambda does not take"),
                "give it to the program by another name",
            );
            continue;
        }
        let mut one = Variable {
            name: name.to_owned(),
            value: variable.value.clone(),
            reference: None,
            secret: variable.secret.as_deref().map(resolved),
            reason: variable.reason.clone(),
        };
        if let Some(value) = &variable.value {
            if value.contains("{{resolve:") {
                return Err(Error::input(format!(
                    "plan.yaml: workloads[{}].environment[{name}]: a value with {{{{resolve: would be a reference of CloudFormation",
                    workload.id
                )));
            }
            if hosts.contains(&name) || Some(value.as_str()) == database {
                one.reference = Some("DatabaseHost".to_owned());
                one.reason = None;
            } else if ports.contains(&name) {
                one.reference = Some("DatabasePort".to_owned());
                one.reason = None;
            } else if let Some(database) = database
                && (value.contains(&format!("@{database}"))
                    || value.contains(&format!("//{database}")))
            {
                note(
                    found,
                    Severity::Risk,
                    None,
                    format!(
                        "is told the database's address inside {name}, and the template's parameters do not reach there"
                    ),
                    "write the address into this variable in template.yaml",
                );
            }
            if let Some(trust) = trust
                && trust.variable.as_deref() == Some(name)
            {
                one.value = Some(trust.value.clone());
                one.reason = Some(
                    "as on the server: the adapter speaks to it from the same machine".to_owned(),
                );
            }
        }
        out.push(one);
    }
    if trust.is_some() {
        note(
            found,
            Severity::Risk,
            None,
            "takes a client's address from X-Forwarded-For: behind CloudFront and API Gateway the client is the last but one there",
            "let it believe one proxy more, or read CloudFront-Viewer-Address",
        );
    }
    Ok(out)
}

/// A Kubernetes quantity in Lambda's megabytes.
fn memory(limit: &str) -> (u64, String) {
    let split = limit.find(|c: char| !c.is_ascii_digit()).unwrap_or(limit.len());
    let number: u64 = limit[..split].parse().unwrap_or(512);
    let bytes = match &limit[split..] {
        "Ki" => number.saturating_mul(1 << 10),
        "Mi" => number.saturating_mul(1 << 20),
        "Gi" => number.saturating_mul(1 << 30),
        "k" => number.saturating_mul(1_000),
        "M" => number.saturating_mul(1_000_000),
        "G" => number.saturating_mul(1_000_000_000),
        _ => number,
    };
    let memory = bytes.div_ceil(1 << 20).clamp(128, 10_240);
    (memory, format!("memory_limit of plan.yaml ({limit}); a whole processor comes with 1769 MB"))
}

/// Five cron fields as EventBridge says them: days of the month or of the week, not both.
fn expressions(cron: &str) -> Option<Vec<String>> {
    let fields = crate::plan::expand(cron)?;
    let list = |numbers: &[u32], all: usize| {
        if numbers.len() == all {
            "*".to_owned()
        } else {
            numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
        }
    };
    let (minutes, hours) = (list(&fields.minutes, 60), list(&fields.hours, 24));
    let (days, months) = (list(&fields.days, 31), list(&fields.months, 12));
    // EventBridge counts from Sunday as 1.
    let shifted: Vec<u32> = fields.weekdays.iter().map(|day| day + 1).collect();
    let weekdays = list(&shifted, 7);
    let by_day = format!("cron({minutes} {hours} {days} {months} ? *)");
    let by_week = format!("cron({minutes} {hours} ? {months} {weekdays} *)");
    match (days.as_str(), weekdays.as_str()) {
        (_, "*") => Some(vec![by_day]),
        ("*", _) => Some(vec![by_week]),
        _ if fields.either_day => Some(vec![by_day, by_week]),
        _ => None,
    }
}

/// The files of a function's image: `images/ID-lambda/`.
pub(super) fn tree(
    function: &Function,
    plan: &Plan,
    inventory: &Inventory,
    captured: &dyn Fn(&str) -> Result<Option<String>>,
    tree: &mut Tree,
) -> Result<()> {
    let folder = format!("images/{}-lambda", function.id);
    let all = config::files(plan, inventory, captured, |id| format!("images/{id}-lambda/files"))?;
    let prefix = format!("{folder}/files/");
    let own: Tree = all.into_iter().filter(|(path, _)| path.starts_with(&prefix)).collect();
    let odd = plan.workload(&function.id).into_iter().flat_map(|one| &one.files).find(|file| {
        file.secret.is_none() && tree_path(&file.path) != file.path.trim_start_matches('/')
    });
    if let Some(file) = odd {
        return Err(Error::input(format!(
            "plan.yaml: workloads[{}].files: {:?} cannot be named in a build context",
            function.id, file.path
        )));
    }
    let starts = !function.secret_files.is_empty() || !function.folders.is_empty();
    let mut command = Vec::new();
    if starts {
        command.extend(["/bin/sh".to_owned(), format!("{PLACE}/start.sh")]);
    }
    if function.job {
        command.extend(["/bin/bash".to_owned(), format!("{PLACE}/job.sh")]);
    }
    command.extend(function.command.iter().cloned());
    let image = Image {
        id: &function.id,
        base: &function.base,
        job: function.job,
        paths: &function.paths,
        links: &function.links,
        has_files: !own.is_empty(),
        directory: function.directory.as_deref(),
        command,
        folders: &function.folders,
        files: &function.secret_files,
        starts,
        scripts: PLACE,
    };
    tree.insert(format!("{folder}/Dockerfile"), templates::render("sam/Dockerfile.tera", &image)?);
    if starts {
        tree.insert(format!("{folder}/start.sh"), templates::render("sam/start.sh.tera", &image)?);
    }
    if function.job {
        tree.insert(format!("{folder}/job.sh"), templates::render("sam/job.sh.tera", &image)?);
    }
    tree.extend(own);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_becomes_what_eventbridge_says() {
        let one = |cron: &str| expressions(cron).unwrap_or_default();
        assert_eq!(one("5 0 * * *"), ["cron(5 0 * * ? *)"]);
        assert_eq!(one("0 6 * * 1-5"), ["cron(0 6 ? * 2,3,4,5,6 *)"]);
        assert_eq!(one("0 6 1 * 0"), ["cron(0 6 1 * ? *)", "cron(0 6 ? * 1 *)"]);
        assert!(expressions("0 6 */2 * 1").is_none());
    }

    #[test]
    fn memory_is_in_lambdas_bounds() {
        assert_eq!(memory("512Mi").0, 512);
        assert_eq!(memory("64Mi").0, 128);
        assert_eq!(memory("99999999999999999999Gi").0, 10_240);
    }
}
