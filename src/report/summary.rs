//! The summary on the terminal: what a consultant would paste into a mail.

use std::fmt::Write;

use crate::model::choice::{Choice, Point, Side};
use crate::model::evidence::Evidence;
use crate::model::finding::Severity;
use crate::model::inventory::{Edge, FitVerdict, Inventory, Service, StateKind, TargetFit};
use crate::workspace::Workspace;

/// Longest line.
const WIDTH: usize = 98;

/// The summary.
pub(crate) fn text(inventory: &Inventory, workspace: &Workspace) -> String {
    let mut out = String::new();
    head(&mut out, inventory);
    services(&mut out, inventory);
    edges(&mut out, inventory);
    state(&mut out, inventory);
    secrets(&mut out, inventory);
    findings(&mut out, inventory);
    questions(&mut out, inventory);
    fit(&mut out, inventory);
    choice(&mut out, &inventory.choice);
    next(&mut out, inventory, workspace);
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn head(out: &mut String, inventory: &Inventory) {
    let os = &inventory.os;
    let mut about = vec![inventory.source.clone()];
    if !os.name.is_empty() {
        about.push(os.name.clone());
    } else if !os.id.is_empty() {
        about.push(format!("{} {}", os.id, os.version));
    }
    if !os.architecture.is_empty() {
        about.push(os.architecture.clone());
    }
    if !os.timezone.is_empty() {
        about.push(format!("time zone {}", os.timezone));
    }
    line(out, &about.join(" · "));
}

fn services(out: &mut String, inventory: &Inventory) {
    if inventory.services.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = inventory.services.iter().map(row).collect();
    line(out, "\nWhat runs");
    table(out, &rows);
}

fn row(service: &Service) -> Vec<String> {
    let runtime = match &service.runtime.version {
        Some(version) => format!("{} {version}", service.runtime.name),
        None => service.runtime.name.clone(),
    };
    let mut about = Vec::new();
    if let Some(schedule) = &service.schedule {
        about.push(format!("at {schedule}"));
    }
    let mut places: Vec<String> = Vec::new();
    for listen in &service.listens {
        let place = if listen.port == 0 {
            listen.address.clone()
        } else if listen.address.contains(':') {
            format!("[{}]:{}", listen.address, listen.port)
        } else {
            format!("{}:{}", listen.address, listen.port)
        };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if !places.is_empty() {
        about.push(places.join(", "));
    }
    if let Some(user) = &service.user {
        about.push(format!("user {user}"));
    }
    if let Some(directory) = &service.directory {
        about.push(directory.clone());
    }
    if !service.sites.is_empty() {
        let names: Vec<&str> = service
            .sites
            .iter()
            .filter_map(|site| site.server_names.first().map(String::as_str))
            .collect();
        about.push(names.join(", "));
    }
    if !service.routes.is_empty() {
        about.push(format!("{} routes", service.routes.len()));
    }
    if !service.sockets.is_empty() {
        about.push("WebSocket".to_owned());
    }
    if !service.databases.is_empty() {
        about.push(format!("databases {}", service.databases.join(", ")));
    }
    about.retain(|part| !part.is_empty());
    vec![service.id.clone(), service.role.name().to_owned(), runtime, about.join(" · ")]
}

fn edges(out: &mut String, inventory: &Inventory) {
    if inventory.edges.is_empty() {
        return;
    }
    line(out, "\nWho talks to whom");
    let rows: Vec<_> = inventory.edges.iter().map(edge).collect();
    table(out, &rows);
}

fn edge(edge: &Edge) -> Vec<String> {
    let place = match &edge.socket {
        Some(path) => path.clone(),
        None => format!("port {}", edge.port),
    };
    vec![format!("{} → {}", edge.from, edge.to), place, places(&edge.evidence)]
}

fn state(out: &mut String, inventory: &Inventory) {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for service in &inventory.services {
        for state in &service.state {
            match rows.iter_mut().find(|row| row[0] == state.path) {
                Some(row) => row[3] = format!("{}, {}", row[3], service.id),
                None => rows.push(vec![
                    state.path.clone(),
                    kind(state.kind).to_owned(),
                    size(state.bytes),
                    service.id.clone(),
                ]),
            }
        }
    }
    if !rows.is_empty() {
        line(out, "\nState on disk");
        table(out, &rows);
    }
}

const fn kind(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Database => "database",
        StateKind::Uploads => "files",
        StateKind::Sessions => "sessions",
        StateKind::Cache => "cache",
        StateKind::Logs => "logs",
    }
}

/// Bytes for people.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

fn secrets(out: &mut String, inventory: &Inventory) {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for service in &inventory.services {
        for variable in service.environment.iter().filter(|variable| variable.secret) {
            let seen = variable.set_in.as_ref().or(variable.read_in.as_ref());
            let place = seen.map(ToString::to_string).unwrap_or_default();
            match rows.iter_mut().find(|row| row[0] == variable.name && row[1] == place) {
                Some(row) => row[2] = format!("{}, {}", row[2], service.id),
                None => rows.push(vec![variable.name.clone(), place, service.id.clone()]),
            }
        }
        let in_variables: Vec<String> = rows.iter().map(|row| row[1].clone()).collect();
        for file in service.configuration.iter().filter(|file| file.secret) {
            let listed = in_variables
                .iter()
                .any(|place| place.rsplit_once(':').is_some_and(|(path, _)| path == file.path));
            if !listed {
                rows.push(vec!["(the file)".to_owned(), file.path.clone(), service.id.clone()]);
            }
        }
    }
    if !rows.is_empty() {
        line(out, "\nSecrets (names and places; no value is kept)");
        table(out, &rows);
    }
}

fn findings(out: &mut String, inventory: &Inventory) {
    if inventory.findings.is_empty() {
        return;
    }
    line(out, "\nFindings");
    for finding in &inventory.findings {
        let weight = match finding.severity {
            Severity::Blocker => "blocker",
            Severity::Risk => "risk",
            Severity::Advice => "advice",
        };
        let service = finding.service.as_deref().map(|id| format!("{id}: ")).unwrap_or_default();
        wrap(out, &format!("  {weight:<8} "), &format!("{service}{}", finding.message));
        wrap(out, "           → ", &finding.remedy);
        let places = places(&finding.evidence);
        if !places.is_empty() {
            wrap(out, "             ", &places);
        }
    }
}

fn questions(out: &mut String, inventory: &Inventory) {
    if inventory.questions.is_empty() {
        return;
    }
    line(out, "\nOpen questions (answers go into plan.yaml)");
    for question in &inventory.questions {
        let waits = if question.blocking { "deploy waits" } else { "" };
        wrap(out, "  ? ", &question.question);
        let mut about = vec![question.answer_in.clone()];
        about.extend((!waits.is_empty()).then(|| waits.to_owned()));
        about.extend(Some(places(&question.evidence)).filter(|places| !places.is_empty()));
        wrap(out, "      ", &about.join(" · "));
    }
}

fn fit(out: &mut String, inventory: &Inventory) {
    line(out, "\nFit");
    // What holds for one cluster of containers holds for the other.
    let fits = [("compose, Kubernetes", &inventory.fit.k8s), ("AWS SAM", &inventory.fit.sam)];
    for (name, fit) in fits {
        target(out, name, fit);
    }
}

fn target(out: &mut String, name: &str, fit: &TargetFit) {
    let verdict = match fit.verdict {
        FitVerdict::Ready => "ready",
        FitVerdict::Changes => "runs after changes",
        FitVerdict::Refused => "refused",
    };
    line(out, &format!("  {name:<19} {verdict}"));
    for reason in &fit.reasons {
        wrap(out, "    - ", reason);
    }
}

/// One line a point and target; below them for each the first reason that has a place.
fn choice(out: &mut String, choice: &Choice) {
    if choice.is_empty() {
        return;
    }
    line(out, "\nKubernetes or serverless, for this application");
    let mut rows = Vec::new();
    for point in &choice.points {
        for (target, side) in sides(point) {
            let title = if target == K8S { point.title.clone() } else { String::new() };
            rows.push(vec![title, target.to_owned(), side.summary.clone()]);
        }
    }
    table(out, &rows);
    line(out, "  Why");
    for point in &choice.points {
        for (target, side) in sides(point) {
            let placed = side.reasons.iter().find(|reason| !reason.evidence.is_empty());
            let Some(reason) = placed.or(side.reasons.first()) else { continue };
            let mut text = format!("{}, {target}: {}", point.title, reason.text);
            if let Some(place) = reason.evidence.first() {
                let _ = write!(text, " ({place}");
                if reason.evidence.len() > 1 {
                    let _ = write!(text, " and {} more", reason.evidence.len() - 1);
                }
                text.push(')');
            }
            wrap(out, "    - ", &text);
        }
    }
    let assumed: Vec<String> = choice
        .assumptions
        .iter()
        .map(|assumption| format!("{}: {}", assumption.what, assumption.figure))
        .collect();
    wrap(out, "  Assumed: ", &assumed.join("; "));
    wrap(out, "  Prices:  ", &choice.prices);
}

const K8S: &str = "Kubernetes";

fn sides(point: &Point) -> [(&'static str, &Side); 2] {
    [(K8S, &point.k8s), ("serverless", &point.sam)]
}

fn next(out: &mut String, inventory: &Inventory, workspace: &Workspace) {
    let root = workspace.root().display();
    line(out, &format!("\nWritten: {root}/inventory.yaml, plan.yaml, scenario/derived.yaml"));
    let command = if inventory.services.is_empty() {
        "migrate analyze SOURCE".to_owned()
    } else if root.to_string() == "migration" {
        "migrate generate --to compose   (or --to k8s)".to_owned()
    } else {
        format!("migrate -C {root} generate --to compose   (or --to k8s)")
    };
    line(out, &format!("Next:    {command}"));
}

/// Evidence, a few places at most.
fn places(evidence: &[Evidence]) -> String {
    const MOST: usize = 3;
    let mut shown: Vec<String> = evidence.iter().take(MOST).map(ToString::to_string).collect();
    if evidence.len() > MOST {
        shown.push(format!("and {} more", evidence.len() - MOST));
    }
    shown.join(", ")
}

/// Columns side by side; the last one is wrapped.
fn table(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> =
        (0..columns).map(|column| width(column).unwrap_or(0).min(44)).collect();
    for row in rows {
        let mut start = String::from("  ");
        let Some((last, cells)) = row.split_last() else { continue };
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(start, "{cell:<width$}  ");
        }
        wrap(out, &start, last);
    }
}

/// Text behind `start`, broken at blanks; later lines begin below its first word.
fn wrap(out: &mut String, start: &str, text: &str) {
    let indent = start.chars().count();
    let mut current = start.to_owned();
    let mut length = indent;
    let mut first = true;
    for word in text.split_whitespace() {
        let size = word.chars().count();
        if !first && length + 1 + size > WIDTH {
            line(out, &current);
            current = " ".repeat(indent.min(WIDTH / 2));
            length = indent.min(WIDTH / 2);
            first = true;
        }
        if !first {
            current.push(' ');
            length += 1;
        }
        current.push_str(word);
        length += size;
        first = false;
    }
    line(out, &current);
}
