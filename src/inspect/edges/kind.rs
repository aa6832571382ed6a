//! Kinds of service that an application connects to.

use crate::model::inventory::Role;

/// A kind of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// MariaDB or MySQL.
    Mysql,
    /// `PostgreSQL`.
    Postgresql,
    /// Redis or Valkey.
    Redis,
    /// Memcached.
    Memcached,
    /// `MongoDB`.
    Mongodb,
    /// `RabbitMQ`.
    Rabbitmq,
    /// Elasticsearch or `OpenSearch`.
    Elasticsearch,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Mysql,
        Self::Postgresql,
        Self::Redis,
        Self::Memcached,
        Self::Mongodb,
        Self::Rabbitmq,
        Self::Elasticsearch,
    ];

    /// The name of the runtime.
    pub(super) const fn runtime(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Postgresql => "postgresql",
            Self::Redis => "redis",
            Self::Memcached => "memcached",
            Self::Mongodb => "mongodb",
            Self::Rabbitmq => "rabbitmq",
            Self::Elasticsearch => "elasticsearch",
        }
    }

    /// Whether a runtime of this name is of this kind.
    pub(super) fn is(self, runtime: &str) -> bool {
        runtime == self.runtime()
            || matches!((self, runtime), (Self::Mysql, "mariadb") | (Self::Redis, "valkey"))
    }

    /// Where it listens when nothing else is said.
    #[expect(clippy::unnecessary_wraps, reason = "kinds without a usual port may come")]
    pub(super) const fn port(self) -> Option<u16> {
        Some(match self {
            Self::Mysql => 3306,
            Self::Postgresql => 5432,
            Self::Redis => 6379,
            Self::Memcached => 11211,
            Self::Mongodb => 27017,
            Self::Rabbitmq => 5672,
            Self::Elasticsearch => 9200,
        })
    }

    /// The kind that usually listens on a port.
    pub(super) fn of_port(port: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.port() == Some(port))
    }

    /// What it is for.
    pub(super) const fn role(self) -> Role {
        match self {
            Self::Redis | Self::Memcached => Role::Cache,
            _ => Role::Database,
        }
    }

    /// The kind that a URL's scheme names.
    pub(super) fn of_scheme(scheme: &str) -> Option<Self> {
        // `mysql2`, `postgresql+asyncpg`, `jdbc:mysql`.
        let scheme = scheme.trim_start_matches("jdbc:");
        let scheme = scheme.split('+').next().unwrap_or(scheme);
        Some(match scheme {
            "mysql" | "mysql2" | "mariadb" => Self::Mysql,
            "postgres" | "postgresql" | "pgsql" => Self::Postgresql,
            "redis" | "rediss" | "valkey" => Self::Redis,
            "memcached" | "memcache" => Self::Memcached,
            "mongodb" => Self::Mongodb,
            "amqp" | "amqps" => Self::Rabbitmq,
            _ => return None,
        })
    }

    /// The kind that a variable's prefix names.
    pub(super) fn of_prefix(prefix: &str) -> Option<Self> {
        let prefix = prefix.to_ascii_uppercase();
        let has = |names: &[&str]| prefix.split('_').any(|word| names.contains(&word));
        if has(&["MYSQL", "MARIADB"]) {
            Some(Self::Mysql)
        } else if has(&["POSTGRES", "POSTGRESQL", "PG", "PGSQL"]) {
            Some(Self::Postgresql)
        } else if has(&["REDIS", "VALKEY"]) {
            Some(Self::Redis)
        } else if has(&["MEMCACHED", "MEMCACHE"]) {
            Some(Self::Memcached)
        } else if has(&["MONGO", "MONGODB"]) {
            Some(Self::Mongodb)
        } else if has(&["RABBITMQ", "AMQP", "RABBIT"]) {
            Some(Self::Rabbitmq)
        } else if has(&["ELASTICSEARCH", "ELASTIC", "OPENSEARCH"]) {
            Some(Self::Elasticsearch)
        } else {
            None
        }
    }
}
