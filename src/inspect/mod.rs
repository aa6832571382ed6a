//! Reading a server: from a source to facts with evidence. Changes nothing, runs nothing of it.

use std::collections::BTreeMap;

use crate::inspect::source::Source;
use crate::model::finding::Question;
use crate::model::inventory::{self, Inventory, Role};

pub(crate) mod edges;
pub mod parse;
pub mod recognise;
mod secrecy;
pub mod source;

/// What was read from a source.
#[derive(Debug)]
pub struct Inspection {
    /// What is on the server; findings and fit are not assessed yet.
    pub inventory: Inventory,
    /// Configuration files that hold no secret: path on the source → text.
    pub captured: BTreeMap<String, String>,
}

/// Reads a source.
pub fn inspect(source: &dyn Source) -> Inspection {
    let mut facts = recognise::run(source);
    edges::find(source, &mut facts);
    if facts.services.is_empty() {
        nothing_found(source, &mut facts);
    }
    for service in &mut facts.services {
        service.evidence.dedup();
    }
    facts.services.sort_by(|a, b| (order(a.role), &a.id).cmp(&(order(b.role), &b.id)));
    secrecy::enforce(&mut facts);
    let traffic = recognise::traffic::count(source, &facts.services);
    let inventory = Inventory {
        schema: inventory::SCHEMA.to_owned(),
        source: source.describe().to_owned(),
        os: facts.os,
        services: facts.services,
        edges: facts.edges,
        findings: facts.findings,
        questions: facts.questions,
        fit: inventory::Fit::default(),
        traffic,
        choice: crate::model::choice::Choice::default(),
    };
    Inspection { inventory, captured: facts.captured }
}

/// Places in the list of services: as a request passes through them.
const fn order(role: Role) -> u8 {
    match role {
        Role::Proxy => 0,
        Role::App => 1,
        Role::Job => 2,
        Role::Database => 3,
        Role::Cache => 4,
        Role::Static => 5,
    }
}

fn nothing_found(source: &dyn Source, facts: &mut recognise::Facts) {
    facts.questions.push(Question {
        id: "what-runs".to_owned(),
        service: None,
        question: format!(
            "nothing in {} is known to run by itself: is it the root of the server, or an \
             application's folder?",
            source.describe()
        ),
        answer_in: "workloads".to_owned(),
        blocking: true,
        evidence: Vec::new(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    #[test]
    fn an_empty_source_is_a_question() {
        let inspection = inspect(&Memory::new(&[("/README", "hello")]));
        assert!(inspection.inventory.services.is_empty());
        assert_eq!(inspection.inventory.questions[0].id, "what-runs");
        assert!(inspection.inventory.questions[0].blocking);
    }

    /// One value in many disguises: it reaches neither the inventory, the plan nor a captured file.
    #[test]
    fn no_secret_leaves_the_source() {
        const CANARY: &str = "canary-8Qz7Lw";
        let place = |text: &str| text.replace("{}", CANARY);
        let files: Vec<(&str, String)> = vec![
            ("/etc/passwd", "shop:x:900:901::/opt/shop:/bin/false\n".to_owned()),
            (
                "/etc/systemd/system/shop.service",
                place(
                    "[Service]\nUser=shop\nWorkingDirectory=/opt/shop\nEnvironment=API_TOKEN={}\n\
                     EnvironmentFile=/etc/shop/shop.env\n\
                     ExecStart=/opt/shop/run --db-password={} --again {}\n",
                ),
            ),
            (
                "/etc/systemd/system/multi-user.target.wants/shop.service",
                "-> ../shop.service".into(),
            ),
            (
                "/etc/shop/shop.env",
                place(
                    "DB_HOST=127.0.0.1\nDB_PASSWORD={}\nDATABASE_URL=mysql://shop:{}@db/shop\nPLAIN=a{}b\n",
                ),
            ),
            ("/opt/shop/.env", place("SECRET_KEY=\"{}\"\nNOTE='{}'\n")),
            ("/opt/shop/run", "#!/usr/bin/env python3\n".into()),
            ("/usr/sbin/mariadbd", "x".into()),
            (
                "/etc/systemd/system/multi-user.target.wants/mariadb.service",
                "-> /lib/systemd/system/mariadb.service".into(),
            ),
            ("/lib/systemd/system/mariadb.service", "[Service]\n".into()),
            (
                "/etc/mysql/my.cnf",
                place("[mysqld]\nport=3306\ninit_connect='{}'\n[client]\nuser=x\n"),
            ),
            (
                "/etc/cron.d/shop",
                place(
                    "BACKUP_PASSWORD={}\n0 1 * * * shop mysqldump -p{} shop > /b\n5 1 * * * shop /opt/shop/job {}\n",
                ),
            ),
            ("/opt/shop/job", place("#!/bin/sh\nDB_PASSWORD={} mysql\n")),
            (
                "/etc/nginx/nginx.conf",
                place("http { server { listen 80; location / { return 200 '{}'; } } }\n"),
            ),
            ("/usr/sbin/nginx", "x".into()),
            (
                "/etc/systemd/system/multi-user.target.wants/nginx.service",
                "-> /lib/systemd/system/nginx.service".into(),
            ),
            ("/lib/systemd/system/nginx.service", "[Service]\n".into()),
        ];
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let Inspection { mut inventory, captured } = inspect(&Memory::new(&files));
        inventory.questions.extend(crate::plan::questions(&inventory));
        crate::assess::assess(&mut inventory, jiff::civil::date(2026, 11, 24));
        assert!(inventory.services.len() >= 5, "{:?}", inventory.services);
        let text = crate::workspace::to_yaml(&inventory).unwrap();
        assert!(!text.contains("8Qz7Lw"), "{text}");
        let workspace = crate::workspace::Workspace::new("migration");
        assert!(!crate::report::summary::text(&inventory, &workspace).contains("8Qz7Lw"));
        let plan = crate::plan::render(&crate::plan::plan(&inventory, "shop-abcd")).unwrap();
        assert!(!plan.contains("8Qz7Lw"), "{plan}");
        for (path, text) in captured {
            assert!(!text.contains("8Qz7Lw"), "{path}: {text}");
        }
    }
}
