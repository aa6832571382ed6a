//! What it costs in a month: with no request at all, and with the busiest hour in every hour of
//! work. On hardware of one's own that is resources and no money.

use super::prices::{self, Price};
use super::server::{Server, ids, is_here, seen};
use super::{Sides, because, side};
use crate::model::choice::{Assumption, Reason, Side};
use crate::model::evidence::Evidence;
use crate::model::inventory::{Role, Service};
use crate::plan::resources;

/// Hours of a month.
const MONTH: f64 = 730.0;

/// Hours of a month that are like the busiest one: ten on 22 days.
const PEAK_HOURS: f64 = 220.0;

/// Requests in a second in such an hour, where no log tells.
const RATE: f64 = 5.0;

/// Seconds that a function works for one request.
const SECONDS: f64 = 0.1;

/// Requests in a second that one replica takes.
const REPLICA: f64 = 50.0;

/// Seconds of a job's run, and runs in a month.
const JOB: (f64, f64) = (60.0, 30.0);

/// Part of a node that its system needs, in percent.
const RESERVED: u64 = 20;

/// Smallest disk of a managed database, in GiB.
const SMALLEST_DISK: f64 = 20.0;

const GIB: f64 = 1_073_741_824.0;

#[expect(clippy::cast_precision_loss, reason = "figures are shown with two decimals")]
fn float(number: u64) -> f64 {
    number as f64
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    let bytes = float(bytes);
    if bytes >= GIB {
        format!("{:.1} GiB", bytes / GIB)
    } else {
        format!("{:.1} MiB", bytes / GIB * 1024.0)
    }
}

/// A line of a bill.
struct Item {
    usd: f64,
    reason: Reason,
}

fn item(price: Price, amount: f64, of: &str, evidence: Vec<Evidence>) -> Item {
    let usd = price.usd * amount;
    let text = format!(
        "{}{of}: {} {} × ${} = ${usd:.2}",
        price.what,
        short(amount),
        price.unit,
        price.usd
    );
    Item { usd, reason: because(text, evidence) }
}

/// A number without needless decimals.
fn short(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn total(items: &[Item]) -> f64 {
    // The sum of no floats is -0.
    items.iter().fold(0.0, |sum, item| sum + item.usd)
}

fn reasons(items: Vec<Item>) -> Vec<Reason> {
    items.into_iter().map(|item| item.reason).collect()
}

pub(super) fn idle(server: &Server) -> Sides {
    (cluster(server, 1), functions(server, 0.0))
}

pub(super) fn peak(server: &Server) -> Sides {
    let rate = rate(server).0;
    (cluster(server, replicas(server, rate)), functions(server, rate))
}

/// Requests in a second in the busiest hour, and where that was read.
fn rate(server: &Server) -> (f64, Vec<Evidence>) {
    match &server.inventory.traffic {
        Some(traffic) => (float(traffic.busiest_hour) / 3600.0, traffic.evidence.clone()),
        None => (RATE, Vec::new()),
    }
}

/// State in the process holds the application at one replica.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
fn replicas(server: &Server, rate: f64) -> u64 {
    if server.in_process().is_empty() { (rate / REPLICA).ceil().clamp(1.0, 1e6) as u64 } else { 1 }
}

/// Thousandths of a CPU and MiB that a service asks for, and the MiB it may use.
fn requested(server: &Server, service: &Service) -> (u64, u64, u64) {
    let amounts = resources::decide(server.inventory, service);
    let number = |text: &str| -> u64 {
        text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().unwrap_or(0)
    };
    (number(&amounts.cpu), number(&amounts.memory), number(&amounts.memory_limit))
}

/// Kubernetes with so many replicas of each app.
fn cluster(server: &Server, replicas: u64) -> Side {
    let held = server.held();
    let (mut cpu, mut memory) = (0, 0);
    for service in held.iter().filter(|service| service.role != Role::Job) {
        let copies = if service.role == Role::App { replicas } else { 1 };
        let (own_cpu, own_memory, _) = requested(server, service);
        cpu += own_cpu * copies;
        memory += own_memory * copies;
    }
    let bytes = server.database_bytes() + server.file_bytes();
    let usable = |amount: u64| (amount * (100 - RESERVED) / 100).max(1);
    let nodes = cpu
        .div_ceil(usable(prices::NODE_SIZE.0))
        .max(memory.div_ceil(usable(prices::NODE_SIZE.1)))
        .max(1);
    let mut items = vec![
        item(prices::EKS, MONTH, "", vec![]),
        item(prices::NODE, MONTH * float(nodes), &format!(" × {nodes}"), seen(&held)),
    ];
    if bytes > 0 {
        items.push(item(prices::EBS, float(bytes) / GIB, "", state_places(server)));
    }
    let proxies = server.of(Role::Proxy);
    if !proxies.is_empty() {
        let of = format!(" before {}", ids(&proxies));
        items.push(item(prices::BALANCER, MONTH, &of, seen(&proxies)));
    }
    let amounts = format!("{:.2} CPU, {memory} MiB", float(cpu) / 1000.0);
    let summary = format!("own: {amounts}; EKS: ${:.0} a month", total(&items));
    let copies =
        if replicas > 1 { format!(", {replicas} replicas of each app") } else { String::new() };
    let mut why = vec![because(
        format!(
            "on hardware of your own no money but {amounts} requested and {} of disk{copies}",
            size(bytes)
        ),
        seen(&held),
    )];
    let states = server.in_process();
    if !states.is_empty() {
        why.push(because(
            "state in the process holds the app at one replica, whatever the rate",
            states.into_iter().map(|(_, evidence)| evidence).collect(),
        ));
    }
    why.extend(reasons(items));
    side(summary, why)
}

fn state_places(server: &Server) -> Vec<Evidence> {
    let databases = server.of(Role::Database).into_iter().flat_map(|service| &service.state);
    databases.chain(server.files()).map(|state| Evidence::file(state.path.clone())).collect()
}

/// Serverless at a rate of requests in the hours of work.
fn functions(server: &Server, rate: f64) -> Side {
    if server.is_refused() {
        return side(
            "none: nothing of it runs as functions",
            vec![because("all of it sits on open connections", server.long_lived())],
        );
    }
    let mut items = standing(server);
    let apps = server.apps();
    if rate > 0.0 {
        items.extend(used(server, &apps, rate));
    }
    let long = server.long_lived();
    let mut summary = format!("${:.2} a month", total(&items));
    let mut why = Vec::new();
    if !long.is_empty() {
        let (cpu, memory) = apps.iter().fold((0, 0), |(cpu, memory), app| {
            let own = requested(server, app);
            (cpu + own.0, memory + own.1)
        });
        summary.push_str(" + the part on Kubernetes");
        why.push(because(
            format!(
                "what holds connections stays on Kubernetes: {:.2} CPU, {memory} MiB requested, and \
                 a cluster to run it",
                float(cpu) / 1000.0
            ),
            long,
        ));
    }
    let outside: Vec<&Service> =
        server.stores().into_iter().filter(|store| !is_here(store)).collect();
    if !outside.is_empty() {
        why.push(because(
            format!("{} is not on this source and in no sum", ids(&outside)),
            seen(&outside),
        ));
    }
    let mut lines = reasons(items);
    lines.append(&mut why);
    if lines.is_empty() {
        lines.push(because(
            format!("{} keeps nothing: without requests nothing is billed", ids(&server.held())),
            seen(&server.held()),
        ));
    }
    side(summary, lines)
}

/// What is billed whether anybody asks or not.
fn standing(server: &Server) -> Vec<Item> {
    let mut items = Vec::new();
    for database in server.of(Role::Database).into_iter().filter(|store| is_here(store)) {
        let bytes: u64 = database.state.iter().map(|state| state.bytes).sum();
        let places: Vec<Evidence> =
            database.state.iter().map(|state| Evidence::file(state.path.clone())).collect();
        let data = float(bytes) / GIB;
        let class = prices::DATABASES.iter().find(|(most, _)| data <= float(*most));
        let of = format!(" for {}", database.id);
        if let Some((_, class)) = class {
            items.push(item(*class, MONTH, &of, seen(&[database])));
        }
        items.push(item(prices::RDS_STORAGE, (data * 2.0).max(SMALLEST_DISK), &of, places));
    }
    for cache in server.of(Role::Cache).into_iter().filter(|store| is_here(store)) {
        items.push(item(prices::CACHE, MONTH, &format!(" for {}", cache.id), seen(&[cache])));
    }
    let mut secrets: Vec<(&str, Vec<Evidence>)> = Vec::new();
    for variable in server.inventory.services.iter().flat_map(|service| &service.environment) {
        if variable.secret && secrets.iter().all(|(name, _)| *name != variable.name) {
            let place = variable.set_in.clone().or_else(|| variable.read_in.clone());
            secrets.push((&variable.name, place.into_iter().collect()));
        }
    }
    if !secrets.is_empty() {
        let number = float(secrets.len() as u64);
        let places = secrets.into_iter().flat_map(|(_, places)| places).collect();
        items.push(item(prices::SECRET, number, "", places));
    }
    let files = server.files();
    if server.file_bytes() > 0 {
        let places = files.iter().map(|state| Evidence::file(state.path.clone())).collect();
        items.push(item(prices::S3, float(server.file_bytes()) / GIB, "", places));
    }
    let jobs = server.of(Role::Job);
    if !jobs.is_empty() {
        let gigabytes: f64 = jobs.iter().map(|job| float(requested(server, job).2) / 1024.0).sum();
        let of = format!(" of {}", ids(&jobs));
        items.push(item(prices::LAMBDA_TIME, JOB.0 * JOB.1 * gigabytes, &of, seen(&jobs)));
    }
    // Functions that reach a database sit in its network; from there the way outside is a gateway.
    let outgoing: Vec<Evidence> = server
        .apps()
        .into_iter()
        .flat_map(|app| &app.outgoing)
        .map(|outgoing| outgoing.evidence.clone())
        .collect();
    if !outgoing.is_empty() && !server.stores().is_empty() {
        items.push(item(prices::NAT, MONTH, " for what the app calls outside", outgoing));
    }
    items
}

/// What requests cost.
fn used(server: &Server, apps: &[&Service], per_second: f64) -> Vec<Item> {
    let mut items = Vec::new();
    let seen_in = rate(server).1;
    if !apps.is_empty() {
        let requests = per_second * 3600.0 * PEAK_HOURS;
        let memory = function_memory(server, apps);
        let evidence = |own: Vec<Evidence>| if own.is_empty() { seen(apps) } else { own };
        let of = format!(" at {}/s", short(per_second));
        items.push(item(prices::HTTP_API, requests / 1e6, &of, evidence(seen_in.clone())));
        items.push(item(prices::LAMBDA_REQUESTS, requests / 1e6, &of, evidence(seen_in)));
        let gigabytes = float(memory) / 1024.0;
        let of = format!(" at {memory} MiB");
        items.push(item(prices::LAMBDA_TIME, requests * SECONDS * gigabytes, &of, seen(apps)));
    }
    items
}

/// Memory of the largest app's function, in MiB.
fn function_memory(server: &Server, apps: &[&Service]) -> u64 {
    apps.iter().map(|app| requested(server, app).2).max().unwrap_or(128)
}

/// The figures that no file of the server states.
pub(super) fn assumptions(server: &Server) -> Vec<Assumption> {
    let mut list = Vec::new();
    let mut add = |what: &str, figure: String| {
        list.push(Assumption { what: what.to_owned(), figure });
    };
    add("hours in a month", short(MONTH));
    add("hours in a month that are like the busiest one", format!("{PEAK_HOURS} (10 on 22 days)"));
    match &server.inventory.traffic {
        Some(traffic) => add(
            "requests in the busiest hour, counted in the access logs",
            format!(
                "{} ({} requests in {:.1} h{})",
                traffic.busiest_hour,
                traffic.requests,
                float(traffic.seconds) / 3600.0,
                if traffic.partial { ", the logs read in part" } else { "" }
            ),
        ),
        None => add("requests a second at peak, as no access log tells", short(RATE)),
    }
    let apps = server.apps();
    if !apps.is_empty() {
        add("requests a second that one replica takes", short(REPLICA));
        add("time of one request in a function", format!("{} ms", short(SECONDS * 1000.0)));
        let memory = function_memory(server, &apps);
        add("memory of a function, the limit of its container", format!("{memory} MiB"));
        if !server.static_locations().is_empty() {
            add("share of requests that reach a function (files would not)", "100 %".to_owned());
        }
    }
    if !server.of(Role::Job).is_empty() {
        add("a job's run", format!("{} s, {} times a month", JOB.0, JOB.1));
    }
    if server.of(Role::Database).iter().any(|store| is_here(store)) {
        add("disk of a managed database", format!("twice the data, at least {SMALLEST_DISK} GiB"));
    }
    add("a node's part that its system keeps", format!("{RESERVED} %"));
    add("CPU and memory requested", "what the plan requests for each kind of service".to_owned());
    list
}
