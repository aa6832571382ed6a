//! Which kinds of store an application has a client library for.

use super::kind::Kind;
use crate::inspect::source::Source;
use crate::model::evidence::Evidence;
use crate::model::inventory::Service;

/// npm packages that speak to one kind of store and to nothing else.
const PACKAGES: [(&str, Kind); 17] = [
    ("mysql", Kind::Mysql),
    ("mysql2", Kind::Mysql),
    ("mariadb", Kind::Mysql),
    ("pg", Kind::Postgresql),
    ("postgres", Kind::Postgresql),
    ("pg-promise", Kind::Postgresql),
    ("redis", Kind::Redis),
    ("ioredis", Kind::Redis),
    ("connect-redis", Kind::Redis),
    ("@redis/client", Kind::Redis),
    ("memcached", Kind::Memcached),
    ("memjs", Kind::Memcached),
    ("mongodb", Kind::Mongodb),
    ("mongoose", Kind::Mongodb),
    ("amqplib", Kind::Rabbitmq),
    ("@elastic/elasticsearch", Kind::Elasticsearch),
    ("@opensearch-project/opensearch", Kind::Elasticsearch),
];

/// The kinds that a service's package.json names a library for, each once.
pub(super) fn drivers(source: &dyn Source, service: &Service) -> Vec<Kind> {
    let mut found = Vec::new();
    for place in &service.evidence {
        let Evidence::File { path, .. } = place else { continue };
        if !path.ends_with("/package.json") {
            continue;
        }
        let Ok(bytes) = source.read(path, 1 << 20) else { continue };
        let Ok(manifest) = serde_json::from_slice::<serde_json::Value>(&bytes) else { continue };
        for (name, kind) in PACKAGES {
            let needed = manifest.get("dependencies").is_some_and(|list| list.get(name).is_some());
            if needed && !found.contains(&kind) {
                found.push(kind);
            }
        }
    }
    found
}
