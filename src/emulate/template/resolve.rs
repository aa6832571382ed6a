//! CloudFormation's functions and conditions: a template becomes plain values.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Node, Value};
use crate::error::{Error, Result};

/// The region that the emulator says it is in, unless `samconfig.toml` names one.
pub(crate) const REGION: &str = "us-east-1";
/// The account that examples in AWS's documentation have.
pub(crate) const ACCOUNT: &str = "123456789012";

/// What references stand for.
pub(super) struct Names<'a> {
    pub(super) path: &'a str,
    pub(super) stack: &'a str,
    pub(super) region: &'a str,
    pub(super) parameters: &'a BTreeMap<String, String>,
    /// Resource types by logical name.
    pub(super) resources: &'a BTreeMap<String, String>,
    pub(super) conditions: BTreeMap<String, bool>,
}

impl Names<'_> {
    fn error(&self, line: u64, what: impl std::fmt::Display) -> Error {
        Error::input_at(self.path, line, what)
    }

    /// Decides the `Conditions` of a template.
    pub(super) fn decide(&mut self, conditions: Option<&Node>) -> Result<()> {
        let all = conditions.map(Node::entries).unwrap_or_default();
        for (name, node) in all {
            let mut open = BTreeSet::new();
            let value = self.condition(node, all, &mut open)?;
            self.conditions.insert(name.clone(), value);
        }
        Ok(())
    }

    fn condition(
        &self,
        node: &Node,
        all: &[(String, Node)],
        open: &mut BTreeSet<String>,
    ) -> Result<bool> {
        let wrong = || self.error(node.line, "is no condition that is understood");
        let [(function, argument)] = node.entries() else { return Err(wrong()) };
        let list = match &argument.value {
            Value::List(list) => list.as_slice(),
            _ => &[],
        };
        match (function.as_str(), list) {
            ("Fn::Equals", [a, b]) => {
                Ok(self.resolve(a)?.map(|n| n.value) == self.resolve(b)?.map(|n| n.value))
            }
            ("Fn::Not", [one]) => Ok(!self.condition(one, all, open)?),
            ("Fn::And", many @ [_, ..]) => many
                .iter()
                .try_fold(true, |so_far, one| Ok(so_far & self.condition(one, all, open)?)),
            ("Fn::Or", many @ [_, ..]) => many
                .iter()
                .try_fold(false, |so_far, one| Ok(so_far | self.condition(one, all, open)?)),
            ("Condition", _) => {
                let Value::Text(name) = &argument.value else { return Err(wrong()) };
                let (_, other) = all.iter().find(|(known, _)| known == name).ok_or_else(|| {
                    self.error(node.line, format_args!("there is no condition {name}"))
                })?;
                if !open.insert(name.clone()) {
                    return Err(
                        self.error(node.line, format_args!("condition {name} needs itself"))
                    );
                }
                let value = self.condition(other, all, open);
                open.remove(name);
                value
            }
            _ => Err(wrong()),
        }
    }

    /// The value with every function carried out; `None` is `AWS::NoValue`.
    pub(super) fn resolve(&self, node: &Node) -> Result<Option<Node>> {
        let line = node.line;
        let value = match &node.value {
            Value::Null | Value::Text(_) => node.value.clone(),
            Value::List(list) => {
                let mut resolved = Vec::new();
                for one in list {
                    resolved.extend(self.resolve(one)?);
                }
                Value::List(resolved)
            }
            Value::Map(entries) => {
                if let [(function, argument)] = entries.as_slice()
                    && (function == "Ref" || function.starts_with("Fn::"))
                {
                    return self.function(line, function, argument);
                }
                let mut resolved = Vec::new();
                for (key, one) in entries {
                    if let Some(one) = self.resolve(one)? {
                        resolved.push((key.clone(), one));
                    }
                }
                Value::Map(resolved)
            }
        };
        Ok(Some(Node { line, value }))
    }

    fn function(&self, line: u64, function: &str, argument: &Node) -> Result<Option<Node>> {
        let text = |text: String| Ok(Some(Node::text(line, text)));
        match (function, &argument.value) {
            ("Ref", Value::Text(name)) if name == "AWS::NoValue" => Ok(None),
            ("Ref", Value::Text(name)) => text(self.reference(line, name)?),
            ("Fn::GetAtt", Value::Text(path)) => {
                let (resource, attribute) = path
                    .split_once('.')
                    .ok_or_else(|| self.error(line, "GetAtt needs RESOURCE.ATTRIBUTE"))?;
                text(self.attribute(line, resource, attribute)?)
            }
            ("Fn::GetAtt", Value::List(list)) => match list.as_slice() {
                [
                    Node { value: Value::Text(resource), .. },
                    Node { value: Value::Text(attribute), .. },
                ] => text(self.attribute(line, resource, attribute)?),
                _ => Err(self.error(line, "GetAtt needs a resource and an attribute")),
            },
            ("Fn::Sub", Value::Text(pattern)) => text(self.substitute(line, pattern, &[])?),
            ("Fn::Sub", Value::List(list)) => match list.as_slice() {
                [Node { value: Value::Text(pattern), .. }, own] => {
                    let own = self.resolve(own)?;
                    let own = own.as_ref().map(Node::entries).unwrap_or_default();
                    text(self.substitute(line, pattern, own)?)
                }
                _ => Err(self.error(line, "Sub needs a text and its values")),
            },
            ("Fn::Join", Value::List(list)) => match list.as_slice() {
                [Node { value: Value::Text(with), .. }, parts] => {
                    let parts = self.resolve(parts)?.map(|parts| parts.value);
                    let Some(Value::List(parts)) = parts else {
                        return Err(self.error(line, "Join needs a list"));
                    };
                    let mut texts = Vec::new();
                    for part in parts {
                        let Value::Text(part) = part.value else {
                            return Err(self.error(line, "Join needs texts"));
                        };
                        texts.push(part);
                    }
                    text(texts.join(with))
                }
                _ => Err(self.error(line, "Join needs a separator and a list")),
            },
            ("Fn::If", Value::List(list)) => match list.as_slice() {
                [Node { value: Value::Text(name), .. }, yes, no] => {
                    let holds = self.conditions.get(name).ok_or_else(|| {
                        self.error(line, format_args!("there is no condition {name}"))
                    })?;
                    self.resolve(if *holds { yes } else { no })
                }
                _ => Err(self.error(line, "If needs a condition and two values")),
            },
            _ => Err(self.error(line, format_args!("{function} is not emulated in this form"))),
        }
    }

    fn substitute(&self, line: u64, pattern: &str, own: &[(String, Node)]) -> Result<String> {
        let mut out = String::new();
        let mut rest = pattern;
        while let Some(at) = rest.find("${") {
            out.push_str(&rest[..at]);
            let (name, after) = rest[at + 2..]
                .split_once('}')
                .ok_or_else(|| self.error(line, "Sub: ${ without }"))?;
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str("${");
                out.push_str(literal);
                out.push('}');
            } else if let Some((_, node)) = own.iter().find(|(known, _)| known == name) {
                let Value::Text(value) = &node.value else {
                    return Err(self.error(line, format_args!("Sub: {name} is no text")));
                };
                out.push_str(value);
            } else {
                out.push_str(&match name.split_once('.') {
                    Some((resource, attribute)) => self.attribute(line, resource, attribute)?,
                    None => self.reference(line, name)?,
                });
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn reference(&self, line: u64, name: &str) -> Result<String> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        if let Some(kind) = self.resources.get(name) {
            return Ok(physical(self.stack, name, kind));
        }
        Ok(match name {
            "AWS::Region" => self.region.to_owned(),
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::StackName" => self.stack.to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            _ => {
                return Err(self
                    .error(line, format_args!("{name} is no parameter or resource with a value")));
            }
        })
    }

    fn attribute(&self, line: u64, resource: &str, attribute: &str) -> Result<String> {
        let kind = self
            .resources
            .get(resource)
            .ok_or_else(|| self.error(line, format_args!("there is no resource {resource}")))?;
        let name = physical(self.stack, resource, kind);
        let region = self.region;
        Ok(match (kind.as_str(), attribute) {
            ("AWS::S3::Bucket", "RegionalDomainName") => {
                format!("{name}.s3.{region}.amazonaws.com")
            }
            ("AWS::S3::Bucket", "DomainName") => format!("{name}.s3.amazonaws.com"),
            ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{name}"),
            ("AWS::Serverless::HttpApi", "ApiEndpoint") => {
                format!("https://{name}.execute-api.{region}.amazonaws.com")
            }
            ("AWS::CloudFront::Distribution", "DomainName") => distribution_domain(&name),
            (
                "AWS::CloudFront::Distribution"
                | "AWS::CloudFront::OriginAccessControl"
                | "AWS::CloudFront::CachePolicy"
                | "AWS::CloudFront::ResponseHeadersPolicy"
                | "AWS::CloudFront::OriginRequestPolicy",
                "Id",
            ) => name,
            ("AWS::CloudFront::Function", "FunctionARN" | "FunctionMetadata.FunctionARN") => {
                format!("arn:aws:cloudfront::{ACCOUNT}:function/{name}")
            }
            ("AWS::Serverless::Function", "Arn") => function_arn(region, &name),
            ("AWS::Logs::LogGroup", "Arn") => {
                format!("arn:aws:logs:{region}:{ACCOUNT}:log-group:{name}:*")
            }
            _ => {
                return Err(
                    self.error(line, format_args!("{resource}.{attribute} is not emulated"))
                );
            }
        })
    }
}

/// What a resource is called once it exists, where the template does not say.
pub(super) fn physical(stack: &str, logical: &str, kind: &str) -> String {
    match kind {
        "AWS::S3::Bucket" => format!("{stack}-{}", logical.to_ascii_lowercase()),
        "AWS::Serverless::HttpApi" => logical.to_ascii_lowercase(),
        "AWS::CloudFront::Distribution" => format!("E{}", logical.to_ascii_uppercase()),
        "AWS::Serverless::Function" => format!("{stack}-{logical}"),
        _ => logical.to_owned(),
    }
}

/// The name that CloudFront gives a distribution.
pub(crate) fn distribution_domain(id: &str) -> String {
    format!("d{}.cloudfront.net", id.to_ascii_lowercase())
}

/// A function's ARN.
pub(crate) fn function_arn(region: &str, name: &str) -> String {
    format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{name}")
}
