//! How much a workload may use.

use crate::model::inventory::{Inventory, Role, Service};
use crate::model::plan::Resources;

/// Reserved and allowed amounts by role and runtime, generous enough that what fitted on the
/// server fits here.
pub(crate) fn decide(_inventory: &Inventory, service: &Service) -> Resources {
    let (cpu, memory, limit) = match (service.role, service.runtime.name.as_str()) {
        (Role::Database, _) => ("250m", "256Mi", 1024),
        (Role::Proxy, _) => ("50m", "64Mi", 256),
        (Role::Cache, _) => ("50m", "64Mi", 512),
        (_, "java") => ("250m", "512Mi", 1536),
        (_, "go") => ("50m", "64Mi", 256),
        _ => ("100m", "128Mi", 512),
    };
    // A heap that the server grants must fit, with what the runtime needs beside it.
    let limit = heap_mebibytes(service).map_or(limit, |heap| limit.max(heap + heap / 2 + 128));
    Resources { cpu: cpu.into(), memory: memory.into(), memory_limit: format!("{limit}Mi") }
}

/// The heap that `--max-old-space-size` (MiB) or `-Xmx` grants.
fn heap_mebibytes(service: &Service) -> Option<u64> {
    let values = service
        .environment
        .iter()
        .filter_map(|variable| variable.default.as_deref())
        .chain(service.command.as_deref());
    values.flat_map(str::split_whitespace).find_map(|word| {
        if let Some(size) = word.strip_prefix("--max-old-space-size=") {
            return size.parse::<u64>().ok().filter(|size| *size < 1 << 20);
        }
        let size = word.strip_prefix("-Xmx")?;
        let (number, unit) = size.split_at(size.len().checked_sub(1)?);
        let number: u64 = number.parse().ok().filter(|number| *number < 1 << 20)?;
        match unit {
            "g" | "G" => Some(number * 1024),
            "m" | "M" => Some(number),
            _ => None,
        }
    })
}
