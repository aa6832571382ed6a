//! `sam/template.yaml` as typed data: the resources and properties that docs/emulator.md lists.
//! Any other is an error with its line, because what this program would ignore is not what would
//! be deployed.

mod cdn;
mod fields;
mod node;
mod policy;
mod resolve;
pub(crate) mod schedule;
mod serverless;
pub(crate) mod types;

use std::collections::BTreeMap;

pub(crate) use resolve::{ACCOUNT, REGION, function_arn};
pub(crate) use types::Application;

use fields::Fields;
use node::{Node, Value};
use resolve::{Names, physical};
use types::Bucket;

use crate::error::{Error, Result};

/// What a template is read with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub(crate) stack: String,
    pub(crate) region: String,
    /// Values of parameters.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// `Metadata.migrate.database`: which parameters take the address of which workload's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DatabaseParameters {
    pub(crate) workload: String,
    pub(crate) host: String,
    pub(crate) port: Option<String>,
}

/// A template whose parameters have no values yet.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    root: Node,
    path: String,
}

impl Template {
    /// Parses the text.
    pub(crate) fn parse(text: &str, path: &str) -> Result<Self> {
        Ok(Self { root: node::parse(text, path)?, path: path.to_owned() })
    }

    /// The database that the template's functions talk to.
    pub(crate) fn database(&self) -> Result<Option<DatabaseParameters>> {
        let own = self.root.get("Metadata").and_then(|node| node.get("migrate"));
        let Some(node) = own.and_then(|own| own.get("database")) else { return Ok(None) };
        let mut fields = Fields::of(&self.path, "Metadata.migrate.database", Some(node))?;
        let found = DatabaseParameters {
            workload: fields.needed("workload")?,
            host: fields.needed("host")?,
            port: fields.text("port")?,
        };
        fields.done()?;
        Ok(Some(found))
    }

    /// The application, with all functions of CloudFormation carried out.
    pub(crate) fn application(&self, around: &Surroundings) -> Result<Application> {
        let mut top = Fields::of(&self.path, "the template", Some(&self.root))?;
        top.ignore(&["AWSTemplateFormatVersion", "Description", "Metadata", "Outputs"]);
        let transform = top.texts("Transform")?.unwrap_or_default();
        if transform != ["AWS::Serverless-2016-10-31"] {
            return Err(Error::input(format!("{}: is no SAM template", self.path))
                .help("emulate runs what `migrate generate --to sam` writes"));
        }
        let parameters = self.parameters(top.take("Parameters").as_ref(), around)?;
        let conditions = top.take("Conditions");
        let globals = top.take("Globals");
        let resources = top
            .take("Resources")
            .ok_or_else(|| Error::input(format!("{}: has no Resources", self.path)))?;
        top.done()?;
        let kinds = self.kinds(&resources)?;
        let mut names = Names {
            path: &self.path,
            stack: &around.stack,
            region: &around.region,
            parameters: &parameters,
            resources: &kinds,
            conditions: BTreeMap::new(),
        };
        names.decide(conditions.as_ref())?;
        let mut present = Vec::new();
        for (name, node) in resources.entries() {
            let holds = match node.get("Condition") {
                Some(Node { value: Value::Text(condition), line }) => {
                    *names.conditions.get(condition).ok_or_else(|| {
                        Error::input_at(
                            &self.path,
                            *line,
                            format_args!("there is no condition {condition}"),
                        )
                    })?
                }
                _ => true,
            };
            if holds {
                present.push((name.as_str(), node, kinds[name].as_str()));
            }
        }
        let globals = match globals {
            Some(globals) => names.resolve(&globals)?,
            None => None,
        };
        self.read(&names, globals.as_ref(), &present)
    }

    fn parameters(
        &self,
        node: Option<&Node>,
        around: &Surroundings,
    ) -> Result<BTreeMap<String, String>> {
        let mut values = BTreeMap::new();
        let fields = Fields::of(&self.path, "Parameters", node)?;
        for (name, node) in fields.rest() {
            let default = match node.get("Default").map(|node| &node.value) {
                Some(Value::Text(text)) => Some(text.clone()),
                Some(Value::Null) => Some(String::new()),
                _ => None,
            };
            let value = around.parameters.get(&name).cloned().or(default).ok_or_else(|| {
                Error::input_at(
                    &self.path,
                    node.line,
                    format_args!("parameter {name} has no value"),
                )
                .help("give it under parameter_overrides in samconfig.toml, or give it a Default")
            })?;
            values.insert(name, value);
        }
        Ok(values)
    }

    fn kinds(&self, resources: &Node) -> Result<BTreeMap<String, String>> {
        let mut kinds = BTreeMap::new();
        for (name, node) in resources.entries() {
            match node.get("Type").map(|node| &node.value) {
                Some(Value::Text(kind)) => kinds.insert(name.clone(), kind.clone()),
                _ => {
                    return Err(Error::input_at(
                        &self.path,
                        node.line,
                        format_args!("{name} has no Type"),
                    ));
                }
            };
        }
        Ok(kinds)
    }

    fn read(
        &self,
        names: &Names<'_>,
        globals: Option<&Node>,
        present: &[(&str, &Node, &str)],
    ) -> Result<Application> {
        let mut application =
            Application { region: names.region.to_owned(), ..Application::default() };
        let mut parts = cdn::Parts::default();
        for (name, node, kind) in present {
            let properties = match node.get("Properties") {
                Some(properties) => names.resolve(properties)?,
                None => None,
            };
            let fields = Fields::of(&self.path, *name, properties.as_ref())?;
            let physical = physical(names.stack, name, kind);
            match *kind {
                "AWS::Serverless::HttpApi" => {
                    let api = serverless::api(fields, &physical, names.region)?;
                    if application.api.replace(api).is_some() {
                        return Err(Error::input_at(
                            &self.path,
                            node.line,
                            "a second HTTP API is not emulated",
                        ));
                    }
                }
                "AWS::Serverless::Function" => {
                    let function =
                        serverless::function(fields, &self.path, name, &physical, globals)?;
                    application.functions.push(function);
                }
                "AWS::S3::Bucket" => {
                    let mut bucket =
                        Bucket { name: (*name).to_owned(), physical, ..Bucket::default() };
                    self.bucket(fields, node.get("Metadata"), &mut bucket)?;
                    application.buckets.push(bucket);
                }
                "AWS::S3::BucketPolicy" => parts.bucket_policy(fields)?,
                "AWS::CloudFront::CachePolicy" => parts.cache_policy(physical, fields)?,
                "AWS::CloudFront::OriginRequestPolicy" => parts.forward_policy(physical, fields)?,
                "AWS::CloudFront::ResponseHeadersPolicy" => {
                    parts.headers_policy(physical, fields)?;
                }
                "AWS::CloudFront::Function" => parts.function(&physical, fields)?,
                "AWS::CloudFront::Distribution" => parts.distribution(physical, fields)?,
                // Access between the parts is not checked here; logs are this program's output.
                "AWS::CloudFront::OriginAccessControl" | "AWS::Logs::LogGroup" => {}
                other => {
                    return Err(Error::input_at(
                        &self.path,
                        node.line,
                        format_args!("{name}: {other} is not emulated"),
                    )
                    .help(
                        "docs/emulator.md lists what is; `sam deploy` to an account runs the rest",
                    ));
                }
            }
        }
        for bucket in &mut application.buckets {
            bucket.listed = parts.listed.contains(&format!("arn:aws:s3:::{}", bucket.physical));
        }
        application.distribution = parts.assemble(&self.path, &application)?;
        Ok(application)
    }

    fn bucket(
        &self,
        mut fields: Fields<'_>,
        metadata: Option<&Node>,
        bucket: &mut Bucket,
    ) -> Result<()> {
        if fields.take("WebsiteConfiguration").is_some() {
            return Err(fields.error(fields.line(), "website hosting is not emulated"));
        }
        fields.ignore(&[
            "BucketName",
            "BucketEncryption",
            "PublicAccessBlockConfiguration",
            "OwnershipControls",
            "VersioningConfiguration",
            "LifecycleConfiguration",
            "Tags",
        ]);
        fields.done()?;
        let own = metadata.and_then(|node| node.get("migrate"));
        let mut own = Fields::of(&self.path, format!("{}.Metadata.migrate", bucket.name), own)?;
        bucket.content = own.text("content")?;
        if let Some(types) = own.map("types")? {
            for (ending, node) in types.rest() {
                let Value::Text(kind) = node.value else { continue };
                bucket.types.insert(ending, kind);
            }
        }
        own.done()
    }
}

#[cfg(test)]
mod tests;
