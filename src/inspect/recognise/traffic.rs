//! How many requests the server takes: lines of nginx's access logs, counted by the hour.
//! Nothing else of a line is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};

use jiff::civil::{DateTime, date};

use crate::inspect::source::{Kind, Source};
use crate::model::choice::Traffic;
use crate::model::evidence::Evidence;
use crate::model::inventory::{Role, Service, StateKind};

/// Bytes that are read of all logs together, at most.
const BYTES: u64 = 64 << 20;

/// Logs that are read, at most.
const FILES: usize = 40;

/// The folder where access logs lie unless the configuration says otherwise.
const FOLDER: &str = "/var/log/nginx";

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Counts the requests in the access logs of a source; `None` when there are none with a time.
pub(crate) fn count(source: &dyn Source, services: &[Service]) -> Option<Traffic> {
    let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    let mut traffic =
        Traffic { requests: 0, seconds: 0, busiest_hour: 0, evidence: Vec::new(), partial: false };
    let mut left = BYTES;
    // Compressed logs are older ones: the rate of late is what matters.
    let folders: BTreeSet<&str> = services
        .iter()
        .filter(|service| service.role == Role::Proxy)
        .flat_map(|service| &service.state)
        .filter(|state| state.kind == StateKind::Logs && state.path.len() > 1)
        .map(|state| state.path.as_str())
        .chain([FOLDER])
        .collect();
    let logs: BTreeMap<&str, u64> = folders
        .into_iter()
        .flat_map(|folder| source.below(folder))
        .filter(|(path, entry)| entry.kind == Kind::File && is_access_log(path))
        .map(|(path, entry)| (path, entry.size))
        .collect();
    traffic.partial = logs.len() > FILES;
    for (path, size) in logs.into_iter().take(FILES) {
        let Ok(file) = source.open(path) else { continue };
        traffic.partial |= size > left;
        let mut lines = BufReader::new(file.take(left.min(size)));
        left = left.saturating_sub(size);
        let before = traffic.requests;
        let mut line = Vec::new();
        loop {
            line.clear();
            if !lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                break;
            }
            let Some(second) = time(&line) else { continue };
            first = first.min(second);
            last = last.max(second);
            traffic.requests += 1;
            // A hostile log could name a new hour in each line.
            if hours.len() < 100_000 || hours.contains_key(&(second / 3600)) {
                *hours.entry(second / 3600).or_default() += 1;
            }
        }
        if traffic.requests > before {
            traffic.evidence.push(Evidence::file(path));
        }
    }
    traffic.busiest_hour = hours.values().copied().max()?;
    traffic.seconds = u64::try_from(last - first).ok()?;
    Some(traffic)
}

fn is_access_log(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let plain = name.ends_with(".log") || name.ends_with(".log.1");
    name.contains("access") && plain
}

/// The time in brackets of the common log format (`[24/Nov/2026:10:00:00 +0000]`), in seconds.
/// The zone is left aside: within one server's log it does not matter for a rate.
fn time(line: &[u8]) -> Option<i64> {
    let start = line.iter().take(4096).position(|byte| *byte == b'[')? + 1;
    let text = std::str::from_utf8(line.get(start..start + 20)?).ok()?;
    let mut parts = text.split(['/', ':']);
    let day: i8 = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let month = i8::try_from(MONTHS.iter().position(|month| *month == name)? + 1).ok()?;
    let year: i16 = parts.next()?.parse().ok()?;
    let mut part = || parts.next().and_then(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (part()?, part()?, part()?);
    let time = DateTime::new(year, month, day, hour, minute, second.min(59), 0).ok()?;
    let epoch = date(1970, 1, 1).at(0, 0, 0, 0);
    time.duration_since(epoch).as_secs().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    #[test]
    fn lines_with_a_time_count() {
        let log = "192.0.2.1 - - [24/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5\n\
                   192.0.2.1 - - [24/Nov/2026:10:59:00 +0000] \"GET / HTTP/1.1\" 200 5\n\
                   nonsense [99/Nov/2026:10:59:00 +0000]\n[\n\
                   192.0.2.1 - - [24/Nov/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 5\n";
        let source = Memory::new(&[
            ("/var/log/nginx/shop.access.log", log),
            ("/var/log/nginx/error.log", log),
            ("/var/log/nginx/access.log.2.gz", log),
        ]);
        let traffic = count(&source, &[]).unwrap();
        assert_eq!((traffic.requests, traffic.seconds, traffic.busiest_hour), (3, 7200, 2));
        assert_eq!(traffic.evidence, [Evidence::file("/var/log/nginx/shop.access.log")]);
        assert!(count(&Memory::new(&[("/var/log/nginx/access.log", "")]), &[]).is_none());
    }
}
