//! `AWS::Serverless::Function` and `AWS::Serverless::HttpApi`.

use jiff::tz::TimeZone;

use super::fields::Fields;
use super::node::{Node, Value};
use super::schedule::{self, Schedule};
use super::types::{Api, Function, Route};
use crate::error::{Error, Result};

/// The longest that API Gateway waits for an integration, in milliseconds.
pub(crate) const API_TIMEOUT: u64 = 30_000;

/// The HTTP API.
pub(super) fn api(mut fields: Fields<'_>, id: &str, region: &str) -> Result<Api> {
    let stage = fields.text("StageName")?.unwrap_or_else(|| "$default".to_owned());
    fields.ignore(&[
        "Name",
        "Description",
        "Tags",
        "PropagateTags",
        "FailOnWarnings",
        "AccessLogSettings",
        // Throttling of the whole API: its figures are far above what one machine serves.
        "DefaultRouteSettings",
    ]);
    fields.done()?;
    Ok(Api { id: id.to_owned(), stage, domain: format!("{id}.execute-api.{region}.amazonaws.com") })
}

/// A function; what it does not say is taken from `Globals`.
pub(super) fn function<'a>(
    mut fields: Fields<'a>,
    path: &'a str,
    name: &str,
    physical: &str,
    globals: Option<&Node>,
) -> Result<Function> {
    let common = globals.and_then(|globals| globals.get("Function"));
    let mut common = Fields::of(path, "Globals.Function", common)?;
    let line = fields.line();
    let mut function = Function {
        name: name.to_owned(),
        physical: fields.text("FunctionName")?.unwrap_or_else(|| physical.to_owned()),
        ..Function::default()
    };
    let package = first(fields.text("PackageType")?, common.text("PackageType")?);
    if package.as_deref() != Some("Image") {
        return Err(fields
            .error(line, "only functions with PackageType: Image are emulated")
            .help("`packaging: image` in plan.yaml makes one"));
    }
    function.image = fields.needed("ImageUri")?;
    if let Some(mut config) = fields.map("ImageConfig")? {
        function.entry_point = config.texts("EntryPoint")?;
        function.command = config.texts("Command")?;
        function.working_directory = config.text("WorkingDirectory")?;
        config.done()?;
    }
    function.memory =
        first(fields.number("MemorySize")?, common.number("MemorySize")?).unwrap_or(128);
    if !(128..=10_240).contains(&function.memory) {
        return Err(fields.error(line, "MemorySize is not between 128 and 10240"));
    }
    function.timeout = first(fields.number("Timeout")?, common.number("Timeout")?).unwrap_or(3);
    if !(1..=900).contains(&function.timeout) {
        return Err(fields.error(line, "Timeout is not between 1 and 900 seconds"));
    }
    function.reserved = fields.number("ReservedConcurrentExecutions")?;
    function.scratch = match fields.map("EphemeralStorage")? {
        Some(mut storage) => storage.number("Size")?.unwrap_or(512),
        None => 512,
    };
    for source in [&mut common, &mut fields] {
        if let Some(mut environment) = source.map("Environment")? {
            if let Some(variables) = environment.map("Variables")? {
                for (variable, node) in variables.rest() {
                    let Value::Text(value) = node.value else {
                        return Err(Error::input_at(
                            path,
                            node.line,
                            format_args!("{name}: variable {variable} must be text"),
                        ));
                    };
                    function.environment.insert(variable, value);
                }
            }
            environment.done()?;
        }
    }
    if let Some(events) = fields.map("Events")? {
        for (event, node) in events.rest() {
            self::event(path, &event, &node, &mut function)?;
        }
    }
    for source in [&mut common, &mut fields] {
        source.ignore(&[
            "Description",
            "Architectures",
            "Policies",
            "Role",
            "LoggingConfig",
            "Tags",
            "PropagateTags",
            "Tracing",
            "VpcConfig",
            "AutoPublishAlias",
            "Metadata",
        ]);
    }
    common.done()?;
    fields.done()?;
    Ok(function)
}

fn first<T>(own: Option<T>, common: Option<T>) -> Option<T> {
    own.or(common)
}

fn event(path: &str, name: &str, node: &Node, function: &mut Function) -> Result<()> {
    let what = format!("{}.Events.{name}", function.name);
    let mut fields = Fields::of(path, what.clone(), Some(node))?;
    let line = fields.line();
    let kind = fields.needed("Type")?;
    let mut properties = Fields::of(path, what, fields.take("Properties").as_ref())?;
    fields.done()?;
    match kind.as_str() {
        "HttpApi" => {
            let version = properties.text("PayloadFormatVersion")?;
            if version.as_deref().is_some_and(|version| version != "2.0") {
                return Err(properties.error(line, "only payload format 2.0 is emulated"));
            }
            let timeout = properties.number("TimeoutInMillis")?.unwrap_or(API_TIMEOUT);
            if !(50..=API_TIMEOUT).contains(&timeout) {
                return Err(properties.error(line, "TimeoutInMillis is not between 50 and 30000"));
            }
            let method = properties.text("Method")?.map(|method| method.to_ascii_uppercase());
            let path = properties.text("Path")?.filter(|path| path != "$default");
            function.routes.push(Route {
                method: method.filter(|method| !matches!(method.as_str(), "ANY" | "*")),
                path,
                timeout,
            });
            properties.ignore(&["ApiId"]);
        }
        "Schedule" | "ScheduleV2" => {
            let scheduler = kind == "ScheduleV2";
            let key = if scheduler { "ScheduleExpression" } else { "Schedule" };
            let text = properties.needed(key)?;
            let expression = schedule::parse(&text)
                .map_err(|why| properties.error(line, format_args!("{text}: {why}")))?;
            let zone =
                if scheduler { properties.text("ScheduleExpressionTimezone")? } else { None };
            let timezone = match zone {
                None => TimeZone::UTC,
                Some(zone) => TimeZone::get(&zone).map_err(|_| {
                    properties.error(line, format_args!("there is no time zone {zone}"))
                })?,
            };
            let state = properties.text("State")?;
            let enabled = properties.boolean("Enabled")?.unwrap_or(true);
            function.schedules.push(Schedule {
                name: name.to_owned(),
                text,
                expression,
                timezone,
                input: properties.text("Input")?,
                enabled: enabled && state.as_deref() != Some("DISABLED"),
                scheduler,
            });
            properties.ignore(&[
                "Name",
                "Description",
                // A window lets AWS choose the minute; here it is the first.
                "FlexibleTimeWindow",
                // Failed calls are said and not repeated.
                "RetryPolicy",
                "RoleArn",
                "OmitName",
                "PermissionsBoundary",
            ]);
        }
        other => {
            return Err(properties.error(line, format_args!("events of {other} are not emulated")));
        }
    }
    properties.done()
}
