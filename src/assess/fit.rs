//! Whether the application would run on each target, with reasons taken from what was found.

use crate::model::finding::{Question, Severity};
use crate::model::inventory::{FitVerdict, Inventory, Role, Service, StateKind, TargetFit};

fn verdict(reasons: Vec<String>, refused: bool) -> TargetFit {
    let verdict = match (refused, reasons.is_empty()) {
        (true, _) => FitVerdict::Refused,
        (false, true) => FitVerdict::Ready,
        (false, false) => FitVerdict::Changes,
    };
    TargetFit { verdict, reasons }
}

fn nothing(inventory: &Inventory) -> Option<TargetFit> {
    let runs = inventory
        .services
        .iter()
        .any(|service| matches!(service.role, Role::App | Role::Proxy | Role::Job | Role::Static));
    if runs {
        return None;
    }
    let reason = if inventory.services.is_empty() {
        "nothing that runs was recognised".to_owned()
    } else {
        let ids: Vec<&str> = inventory.services.iter().map(|s| s.id.as_str()).collect();
        format!("only {} was found, and no application that uses it", ids.join(", "))
    };
    Some(verdict(vec![reason], true))
}

/// Kubernetes: ready when the plan takes care of all that was found. Only what people must change
/// or answer is a reason: blockers, and questions that deploy waits for. Risks are findings still.
pub(super) fn k8s(inventory: &Inventory) -> TargetFit {
    if let Some(fit) = nothing(inventory) {
        return fit;
    }
    let mut reasons: Vec<String> = inventory
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Blocker)
        .map(|finding| match &finding.service {
            Some(service) => format!("{service} {}", finding.message),
            None => finding.message.clone(),
        })
        .collect();
    reasons.extend(open(inventory));
    verdict(reasons, false)
}

/// Questions that must be answered before it runs anywhere, and those about a store that the
/// application is told of and nobody has found: it would not start without.
fn open(inventory: &Inventory) -> impl Iterator<Item = String> + '_ {
    inventory
        .questions
        .iter()
        .filter(|question| question.blocking || is_of_store(inventory, question))
        .map(|question| format!("open question: {}", question.question))
}

/// Whether a question asks for a store that the application uses and the source does not hold.
fn is_of_store(inventory: &Inventory, question: &Question) -> bool {
    !question.evidence.is_empty()
        && inventory.services.iter().any(|service| {
            matches!(service.role, Role::Database | Role::Cache)
                && service.command.is_none()
                && service.state.is_empty()
                && service.evidence == question.evidence
        })
}

/// AWS SAM: functions behind API Gateway, with managed services for what keeps state.
pub(super) fn sam(inventory: &Inventory) -> TargetFit {
    if let Some(fit) = nothing(inventory) {
        return fit;
    }
    let mut reasons = Vec::new();
    let apps: Vec<&Service> =
        inventory.services.iter().filter(|service| service.role == Role::App).collect();
    for app in &apps {
        of_app(app, &mut reasons);
    }
    for service in &inventory.services {
        match service.role {
            Role::Job => {
                let when = service.schedule.as_deref().unwrap_or("times yet to be said");
                reasons.push(format!(
                    "{} runs at {when}: it becomes a function on a schedule, which ends after 15 minutes",
                    service.id
                ));
            }
            Role::Database | Role::Cache => reasons.push(format!(
                "{} ({}) becomes a managed service in the functions' network",
                service.id, service.runtime.name
            )),
            Role::Proxy => {
                let sites = service.sites.iter().map(|site| site.locations.len()).sum::<usize>();
                if sites > 0 {
                    reasons.push(format!(
                        "the {sites} locations of {} are taken over by API Gateway, CloudFront and a bucket",
                        service.id
                    ));
                }
            }
            Role::App | Role::Static => {}
        }
    }
    reasons.extend(open(inventory));
    let refused = !apps.is_empty() && apps.iter().all(|app| sits_on_sockets(app));
    if refused {
        reasons.insert(
            0,
            "all that the application does sits on sockets with state in the process: no part of \
             it runs as functions"
                .to_owned(),
        );
    }
    verdict(reasons, refused)
}

/// Whether an app does nothing but hold sockets with state behind them.
fn sits_on_sockets(app: &Service) -> bool {
    !app.sockets.is_empty()
        && !app.in_process.is_empty()
        && app.routes.iter().all(|route| {
            route.events || ["/", "/health", "/healthz", "/ping"].contains(&route.path.as_str())
        })
}

fn of_app(app: &Service, reasons: &mut Vec<String>) {
    for socket in &app.sockets {
        let path = socket.path.as_deref().unwrap_or("any path");
        let state = app.in_process.iter().find(|state| state.what == "broadcast");
        reasons.push(match state {
            Some(state) => format!(
                "{}: WebSocket on {path} ({}) with {} in the process ({}): split it off, or move \
                 connections to API Gateway and a table",
                app.id, socket.evidence, state.what, state.evidence
            ),
            None => format!(
                "{}: WebSocket on {path} ({}): API Gateway holds the connections, each message calls \
                 a function",
                app.id, socket.evidence
            ),
        });
    }
    for route in app.routes.iter().filter(|route| route.events) {
        reasons.push(format!(
            "{}: {} {} streams events without end ({}): a function's answer ends after 15 minutes \
             at most",
            app.id, route.method, route.path, route.evidence
        ));
    }
    for state in app.state.iter().filter(|state| state.kind != StateKind::Logs) {
        reasons.push(format!(
            "{}: keeps files in {}: a function has no disk that lasts, they go to a bucket",
            app.id, state.path
        ));
    }
    for state in app.in_process.iter().filter(|state| state.what != "broadcast") {
        reasons.push(format!(
            "{}: keeps {} in the process ({}): functions come and go, it must live elsewhere",
            app.id, state.what, state.evidence
        ));
    }
    for listen in app.listens.iter().filter(|listen| listen.protocol == "udp") {
        reasons.push(format!("{}: listens on UDP port {}", app.id, listen.port));
    }
}
