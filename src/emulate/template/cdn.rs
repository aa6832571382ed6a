//! CloudFront's resources and bucket policies, put together once all of them are read.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::Fields;
use super::policy;
use super::resolve::{ACCOUNT, distribution_domain};
use super::types::{
    Application, Behaviour, CachePolicy, Distribution, ErrorPage, Origin, OriginRequestPolicy,
    ResponseHeaders, Target,
};
use crate::error::{Error, Result};

/// The largest function that CloudFront takes.
const FUNCTION_LIMIT: usize = 10 * 1024;

/// What was read and waits for the distribution.
#[derive(Default)]
pub(super) struct Parts {
    cache: BTreeMap<String, CachePolicy>,
    forward: BTreeMap<String, OriginRequestPolicy>,
    headers: BTreeMap<String, ResponseHeaders>,
    /// Source by ARN.
    functions: BTreeMap<String, String>,
    distribution: Option<Raw>,
    /// ARNs of buckets that CloudFront may list.
    pub(super) listed: BTreeSet<String>,
}

struct Raw {
    id: String,
    line: u64,
    root_object: String,
    origins: Vec<RawOrigin>,
    behaviours: Vec<RawBehaviour>,
    error_pages: Vec<ErrorPage>,
}

/// Id, domain, path and headers.
type RawOrigin = (String, String, String, Vec<(String, String)>);

struct RawBehaviour {
    line: u64,
    pattern: String,
    origin: String,
    methods: Vec<String>,
    compress: bool,
    cache: String,
    forward: Option<String>,
    headers: Option<String>,
    on_request: Option<String>,
    on_response: Option<String>,
}

impl Parts {
    pub(super) fn cache_policy(&mut self, id: String, mut fields: Fields<'_>) -> Result<()> {
        let line = fields.line();
        let config = fields.map("CachePolicyConfig")?;
        let config = config.ok_or_else(|| fields.error(line, "has no CachePolicyConfig"))?;
        self.cache.insert(id, policy::cache(config)?);
        fields.done()
    }

    pub(super) fn forward_policy(&mut self, id: String, mut fields: Fields<'_>) -> Result<()> {
        let line = fields.line();
        let config = fields.map("OriginRequestPolicyConfig")?;
        let config =
            config.ok_or_else(|| fields.error(line, "has no OriginRequestPolicyConfig"))?;
        self.forward.insert(id, policy::forward(config)?);
        fields.done()
    }

    pub(super) fn headers_policy(&mut self, id: String, mut fields: Fields<'_>) -> Result<()> {
        let line = fields.line();
        let config = fields.map("ResponseHeadersPolicyConfig")?;
        let config =
            config.ok_or_else(|| fields.error(line, "has no ResponseHeadersPolicyConfig"))?;
        self.headers.insert(id, policy::headers(config)?);
        fields.done()
    }

    pub(super) fn function(&mut self, name: &str, mut fields: Fields<'_>) -> Result<()> {
        let line = fields.line();
        let code = fields.needed("FunctionCode")?;
        if code.len() > FUNCTION_LIMIT {
            return Err(fields.error(
                line,
                format_args!(
                    "the function has {} bytes, CloudFront takes {FUNCTION_LIMIT}",
                    code.len()
                ),
            ));
        }
        if fields.boolean("AutoPublish")? != Some(true) {
            return Err(fields.error(line, "without AutoPublish: true the function is never live"));
        }
        if let Some(mut config) = fields.map("FunctionConfig")? {
            let runtime = config.needed("Runtime")?;
            if runtime != "cloudfront-js-2.0" {
                return Err(config.error(line, format_args!("runtime {runtime} is not emulated")));
            }
            config.ignore(&["Comment"]);
            config.done()?;
        }
        fields.ignore(&["Name", "Tags"]);
        fields.done()?;
        self.functions.insert(format!("arn:aws:cloudfront::{ACCOUNT}:function/{name}"), code);
        Ok(())
    }

    /// Looks only for `s3:ListBucket`: it decides how what is missing answers.
    pub(super) fn bucket_policy(&mut self, mut fields: Fields<'_>) -> Result<()> {
        fields.ignore(&["Bucket"]);
        if let Some(mut document) = fields.map("PolicyDocument")? {
            for mut statement in document.maps("Statement")? {
                let allow = statement.text("Effect")?.as_deref() == Some("Allow");
                let actions = statement.texts("Action")?.unwrap_or_default();
                let resources = statement.texts("Resource")?.unwrap_or_default();
                let list =
                    |action: &String| matches!(action.as_str(), "s3:ListBucket" | "s3:*" | "*");
                if allow && actions.iter().any(list) {
                    self.listed.extend(resources);
                }
            }
        }
        fields.done()
    }

    pub(super) fn distribution(&mut self, id: String, mut fields: Fields<'_>) -> Result<()> {
        let line = fields.line();
        let mut config = fields
            .map("DistributionConfig")?
            .ok_or_else(|| fields.error(line, "has no DistributionConfig"))?;
        if self.distribution.is_some() {
            return Err(fields.error(line, "a second distribution is not emulated"));
        }
        fields.ignore(&["Tags"]);
        fields.done()?;
        let mut raw = Raw {
            id,
            line,
            root_object: config.text("DefaultRootObject")?.unwrap_or_default(),
            origins: Vec::new(),
            behaviours: Vec::new(),
            error_pages: Vec::new(),
        };
        for origin in config.maps("Origins")? {
            raw.origins.push(self::origin(origin)?);
        }
        for behaviour in config.maps("CacheBehaviors")? {
            raw.behaviours.push(self::behaviour(behaviour, None)?);
        }
        let default = config
            .map("DefaultCacheBehavior")?
            .ok_or_else(|| config.error(line, "has no DefaultCacheBehavior"))?;
        raw.behaviours.push(self::behaviour(default, Some("*"))?);
        for mut page in config.maps("CustomErrorResponses")? {
            let code = |text: Option<u64>| text.and_then(|code| u16::try_from(code).ok());
            let line = page.line();
            let error = code(page.number("ErrorCode")?)
                .ok_or_else(|| page.error(line, "has no ErrorCode"))?;
            raw.error_pages.push(ErrorPage {
                code: error,
                path: page.text("ResponsePagePath")?,
                becomes: code(page.number("ResponseCode")?),
            });
            page.ignore(&["ErrorCachingMinTTL"]);
            page.done()?;
        }
        if config.boolean("Enabled")? == Some(false) {
            return Err(config.error(line, "the distribution is not enabled"));
        }
        config.ignore(&[
            "Aliases",
            "Comment",
            "HttpVersion",
            "IPV6Enabled",
            "Logging",
            "PriceClass",
            "ViewerCertificate",
        ]);
        config.done()?;
        self.distribution = Some(raw);
        Ok(())
    }

    /// The distribution with its policies, functions and origins in their places.
    pub(super) fn assemble(
        self,
        path: &str,
        application: &Application,
    ) -> Result<Option<Distribution>> {
        let Some(raw) = &self.distribution else { return Ok(None) };
        let mut origins = BTreeMap::new();
        for (id, domain, folder, headers) in &raw.origins {
            let bucket = application.buckets.iter().find(|bucket| {
                domain.strip_prefix(&bucket.physical).is_some_and(|rest| {
                    rest.starts_with(".s3.") && rest.ends_with(".amazonaws.com")
                })
            });
            let target = match (bucket, &application.api) {
                (Some(bucket), _) => Target::Bucket(bucket.physical.clone()),
                (None, Some(api)) if api.domain == *domain => Target::Api,
                _ => {
                    return Err(Error::input_at(
                        path,
                        raw.line,
                        format_args!(
                            "origin {id} at {domain} is neither a bucket nor the HTTP API of this template"
                        ),
                    ));
                }
            };
            let origin = Origin {
                target,
                path: folder.clone(),
                headers: headers.clone(),
                domain: domain.clone(),
            };
            origins.insert(id.clone(), origin);
        }
        let mut behaviours = Vec::new();
        for one in &raw.behaviours {
            behaviours.push(self.behaviour(path, one, &origins)?);
        }
        Ok(Some(Distribution {
            domain: distribution_domain(&raw.id),
            id: raw.id.clone(),
            root_object: raw.root_object.clone(),
            origins,
            behaviours,
            error_pages: raw.error_pages.clone(),
        }))
    }

    fn behaviour(
        &self,
        path: &str,
        raw: &RawBehaviour,
        origins: &BTreeMap<String, Origin>,
    ) -> Result<Behaviour> {
        let missing = |what: &str, id: &str| {
            Error::input_at(
                path,
                raw.line,
                format_args!("behaviour {}: {what} {id} is not known to the emulator", raw.pattern),
            )
        };
        if !origins.contains_key(&raw.origin) {
            return Err(missing("origin", &raw.origin));
        }
        let cache = self
            .cache
            .get(&raw.cache)
            .cloned()
            .or_else(|| policy::managed_cache(&raw.cache))
            .ok_or_else(|| missing("cache policy", &raw.cache))?;
        let forward = match &raw.forward {
            None => None,
            Some(id) => Some(
                self.forward
                    .get(id)
                    .cloned()
                    .or_else(|| policy::managed_forward(id))
                    .ok_or_else(|| missing("origin request policy", id))?,
            ),
        };
        let headers = match &raw.headers {
            None => None,
            Some(id) => Some(
                self.headers
                    .get(id)
                    .cloned()
                    .or_else(|| policy::managed_headers(id))
                    .ok_or_else(|| missing("response headers policy", id))?,
            ),
        };
        let function = |arn: &Option<String>| match arn {
            None => Ok(None),
            Some(arn) => {
                self.functions.get(arn).cloned().map(Some).ok_or_else(|| missing("function", arn))
            }
        };
        Ok(Behaviour {
            pattern: raw.pattern.clone(),
            origin: raw.origin.clone(),
            methods: raw.methods.clone(),
            compress: raw.compress,
            cache,
            forward,
            headers,
            on_request: function(&raw.on_request)?,
            on_response: function(&raw.on_response)?,
        })
    }
}

fn origin(mut fields: Fields<'_>) -> Result<RawOrigin> {
    let id = fields.needed("Id")?;
    let domain = fields.needed("DomainName")?;
    let folder = fields.text("OriginPath")?.unwrap_or_default();
    let mut headers = Vec::new();
    for mut header in fields.maps("OriginCustomHeaders")? {
        headers.push((
            header.needed("HeaderName")?.to_ascii_lowercase(),
            header.needed("HeaderValue")?,
        ));
        header.done()?;
    }
    fields.ignore(&[
        "S3OriginConfig",
        "CustomOriginConfig",
        "OriginAccessControlId",
        "OriginShield",
        "ConnectionAttempts",
        "ConnectionTimeout",
    ]);
    fields.done()?;
    Ok((id, domain, folder, headers))
}

fn behaviour(mut fields: Fields<'_>, pattern: Option<&str>) -> Result<RawBehaviour> {
    let line = fields.line();
    let pattern = match pattern {
        Some(pattern) => pattern.to_owned(),
        None => fields.needed("PathPattern")?,
    };
    let methods = fields.texts("AllowedMethods")?;
    let methods = methods.unwrap_or_else(|| vec!["GET".to_owned(), "HEAD".to_owned()]);
    let mut on_request = None;
    let mut on_response = None;
    for mut one in fields.maps("FunctionAssociations")? {
        let arn = one.needed("FunctionARN")?;
        match one.needed("EventType")?.as_str() {
            "viewer-request" => on_request = Some(arn),
            "viewer-response" => on_response = Some(arn),
            other => return Err(one.error(line, format_args!("{other} is no event of a function"))),
        }
        one.done()?;
    }
    let behaviour = RawBehaviour {
        line,
        pattern,
        origin: fields.needed("TargetOriginId")?,
        methods,
        compress: fields.boolean("Compress")?.unwrap_or(false),
        cache: fields.needed("CachePolicyId")?,
        forward: fields.text("OriginRequestPolicyId")?,
        headers: fields.text("ResponseHeadersPolicyId")?,
        on_request,
        on_response,
    };
    // The listener here stands for the HTTPS one, so there is nothing to redirect.
    fields.ignore(&["ViewerProtocolPolicy", "CachedMethods"]);
    fields.done()?;
    Ok(behaviour)
}
