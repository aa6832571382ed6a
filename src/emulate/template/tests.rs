//! A template of the shape that `migrate generate --to sam` writes, read as a whole.

use super::types::{Target, Which};
use super::*;

const FIXTURE: &str = include_str!("fixture.yaml");

fn around() -> Surroundings {
    Surroundings {
        stack: "notes-ab12".to_owned(),
        region: "eu-central-1".to_owned(),
        parameters: BTreeMap::from([("DatabaseHost".to_owned(), "mariadb".to_owned())]),
    }
}

fn read(text: &str) -> Result<Application> {
    Template::parse(text, "sam/template.yaml")?.application(&around())
}

fn function<'a>(application: &'a Application, name: &str) -> &'a types::Function {
    application.functions.iter().find(|one| one.name == name).unwrap()
}

#[test]
fn functions_have_their_values_and_secrets_stay_references() {
    let application = read(FIXTURE).unwrap();
    let app = function(&application, "App");
    assert_eq!(app.image, "notes-ab12/app-lambda:1");
    assert_eq!((app.memory, app.timeout, app.scratch), (512, 29, 512));
    assert_eq!(app.environment["DB_HOST"], "mariadb");
    assert_eq!(app.environment["DB_PORT"], "3306");
    assert_eq!(
        app.environment["DB_PASSWORD"],
        "{{resolve:secretsmanager:notes-ab12:SecretString:APP_DB_PASSWORD}}"
    );
    assert_eq!(app.routes[0].key(), "$default");
    let nightly = function(&application, "Nightly");
    assert_eq!(nightly.command.as_deref().unwrap()[1], "/srv/notes/expire.js");
    assert_eq!(nightly.schedules[0].text, "cron(15 3 * * ? *)");
    let parameters = Template::parse(FIXTURE, "t").unwrap().database().unwrap().unwrap();
    assert_eq!(
        (parameters.workload.as_str(), parameters.host.as_str()),
        ("mariadb", "DatabaseHost")
    );
}

#[test]
fn the_distribution_is_put_together() {
    let application = read(FIXTURE).unwrap();
    let cdn = application.distribution.unwrap();
    let patterns: Vec<_> = cdn.behaviours.iter().map(|one| one.pattern.as_str()).collect();
    assert_eq!(patterns, ["/static/*", "*"]);
    let fixed = &cdn.behaviours[0];
    assert_eq!(cdn.origins[&fixed.origin].target, Target::Bucket("notes-ab12-static".to_owned()));
    assert_eq!(fixed.cache.default, 86_400);
    assert_eq!(fixed.headers.as_ref().unwrap().set[0].1, "max-age=3600");
    let rest = &cdn.behaviours[1];
    assert_eq!(cdn.origins[&rest.origin].target, Target::Api);
    assert_eq!(rest.forward.as_ref().unwrap().headers, Which::Except(vec!["host".to_owned()]));
    assert!(rest.on_request.as_ref().unwrap().contains("function handler"));
    assert!(application.buckets[0].listed);
    assert_eq!(application.buckets[0].types["css"], "text/css");
}

#[test]
fn what_is_not_emulated_is_an_error_with_its_line() {
    let line_of = |text: &str, part: &str| {
        text.lines().position(|line| line.contains(part)).map(|at| at + 1).unwrap()
    };
    let cases = [
        ("MemorySize: 512", "SnapStart: {ApplyOn: PublishedVersions}", "SnapStart"),
        ("Type: AWS::Logs::LogGroup", "Type: AWS::SQS::Queue", "AWS::SQS::Queue"),
        ("Compress: true", "SmoothStreaming: true", "SmoothStreaming"),
        ("StageName: $default", "CorsConfiguration: {AllowOrigins: ['*']}", "CorsConfiguration"),
    ];
    for (old, new, word) in cases {
        let text = FIXTURE.replacen(old, new, 1);
        let error = read(&text).unwrap_err().to_string();
        let line = line_of(&text, new);
        // A type is reported at its resource's name, one line above.
        let places = [line, line - 1].map(|line| format!("sam/template.yaml:{line}:"));
        assert!(
            places.iter().any(|place| error.starts_with(place)) && error.contains(word),
            "{error}"
        );
    }
}

#[test]
fn a_parameter_without_a_value_is_named() {
    let template = Template::parse(FIXTURE, "t.yaml").unwrap();
    let error = template.application(&Surroundings::default()).unwrap_err();
    assert!(error.to_string().contains("DatabaseHost"), "{error}");
}

#[test]
fn conditions_choose() {
    let text = FIXTURE
        .replacen(
            "Resources:",
            "Conditions:\n  Big: !Not [!Equals [!Ref SecretId, other]]\nResources:",
            1,
        )
        .replacen("MemorySize: 512", "MemorySize: !If [Big, 1024, 256]", 1);
    assert_eq!(function(&read(&text).unwrap(), "App").memory, 1024);
}

#[test]
fn what_generate_writes_is_read() {
    let text = include_str!("../../../tests/golden/talk/sam/template.yaml");
    let application = read(text).unwrap();
    assert_eq!(function(&application, "Talk").environment["DB_HOST"], "mariadb");
    assert_eq!(function(&application, "Nightly").schedules.len(), 1);
    let cdn = application.distribution.unwrap();
    assert_eq!(cdn.behaviours.last().unwrap().pattern, "*");
    assert!(cdn.behaviours.iter().all(|one| one.on_request.is_some()));
}
