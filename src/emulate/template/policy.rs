//! CloudFront's policies: those that AWS itself provides, by their fixed ids, and the template's.

use super::fields::Fields;
use super::types::{CachePolicy, OriginRequestPolicy, ResponseHeaders, Which};
use crate::error::Result;

/// A cache policy of AWS's own.
pub(super) fn managed_cache(id: &str) -> Option<CachePolicy> {
    let policy = |min, default, max, encodings| CachePolicy {
        min,
        default,
        max,
        gzip: encodings,
        brotli: encodings,
        cookies: Which::None,
        headers: Which::None,
        queries: Which::None,
    };
    Some(match id {
        // CachingOptimized
        "658327ea-f89d-4fab-a63d-7e88639e58f6" => policy(1, 86_400, 31_536_000, true),
        // CachingOptimizedForUncompressedObjects
        "b2884449-e4de-46a7-ac36-70bc7f1ddd6d" => policy(1, 86_400, 31_536_000, false),
        // CachingDisabled
        "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" => policy(0, 0, 0, false),
        // UseOriginCacheControlHeaders
        "83da9c7e-98b4-4e11-a168-04f0df8e2c65" => CachePolicy {
            cookies: Which::All,
            headers: origin_headers(),
            ..policy(0, 0, 31_536_000, true)
        },
        // UseOriginCacheControlHeaders-QueryStrings
        "4cc15a8a-d715-48a4-82b8-cc0b614638fe" => CachePolicy {
            cookies: Which::All,
            queries: Which::All,
            headers: origin_headers(),
            ..policy(0, 0, 31_536_000, true)
        },
        _ => return None,
    })
}

fn origin_headers() -> Which {
    let names = ["host", "origin", "x-http-method-override", "x-http-method", "x-method-override"];
    Which::Only(names.map(ToOwned::to_owned).to_vec())
}

/// An origin request policy of AWS's own.
pub(super) fn managed_forward(id: &str) -> Option<OriginRequestPolicy> {
    let all = |headers| OriginRequestPolicy { cookies: Which::All, headers, queries: Which::All };
    Some(match id {
        // AllViewer
        "216adef6-5c7f-47e4-b989-5492eafa07d3" => all(Which::All),
        // AllViewerExceptHostHeader
        "b689b0a8-53d0-40ab-baf2-68738e2966ac" => all(Which::Except(vec!["host".to_owned()])),
        // UserAgentRefererHeaders
        "acba4595-bd28-49b8-b9fe-13317c0390fa" => OriginRequestPolicy {
            cookies: Which::None,
            queries: Which::None,
            headers: Which::Only(vec!["user-agent".to_owned(), "referer".to_owned()]),
        },
        _ => return None,
    })
}

/// A response headers policy of AWS's own.
pub(super) fn managed_headers(id: &str) -> Option<ResponseHeaders> {
    let set = |list: &[(&str, &str, bool)]| ResponseHeaders {
        set: list.iter().map(|(n, v, o)| ((*n).to_owned(), (*v).to_owned(), *o)).collect(),
        remove: Vec::new(),
    };
    Some(match id {
        // SecurityHeadersPolicy
        "67f7725c-6f97-4210-82d7-5512b31e9d03" => set(&[
            ("Referrer-Policy", "strict-origin-when-cross-origin", false),
            ("Strict-Transport-Security", "max-age=31536000", false),
            ("X-Content-Type-Options", "nosniff", true),
            ("X-Frame-Options", "SAMEORIGIN", false),
            ("X-XSS-Protection", "1; mode=block", false),
        ]),
        _ => return None,
    })
}

/// `CachePolicyConfig`.
pub(super) fn cache(mut config: Fields<'_>) -> Result<CachePolicy> {
    let line = config.line();
    let min = config.number("MinTTL")?;
    let default = config.number("DefaultTTL")?;
    let max = config.number("MaxTTL")?;
    let (Some(min), Some(default), Some(max)) = (min, default, max) else {
        return Err(config.error(line, "needs MinTTL, DefaultTTL and MaxTTL"));
    };
    let mut policy = CachePolicy {
        min,
        default,
        max,
        gzip: false,
        brotli: false,
        cookies: Which::None,
        headers: Which::None,
        queries: Which::None,
    };
    if let Some(mut key) = config.map("ParametersInCacheKeyAndForwardedToOrigin")? {
        policy.gzip = key.boolean("EnableAcceptEncodingGzip")?.unwrap_or(false);
        policy.brotli = key.boolean("EnableAcceptEncodingBrotli")?.unwrap_or(false);
        policy.cookies = which(key.map("CookiesConfig")?, "CookieBehavior", "Cookies")?;
        policy.headers = which(key.map("HeadersConfig")?, "HeaderBehavior", "Headers")?;
        policy.queries =
            which(key.map("QueryStringsConfig")?, "QueryStringBehavior", "QueryStrings")?;
        key.done()?;
    }
    config.ignore(&["Name", "Comment"]);
    config.done()?;
    Ok(policy)
}

/// `OriginRequestPolicyConfig`.
pub(super) fn forward(mut config: Fields<'_>) -> Result<OriginRequestPolicy> {
    let policy = OriginRequestPolicy {
        cookies: which(config.map("CookiesConfig")?, "CookieBehavior", "Cookies")?,
        headers: which(config.map("HeadersConfig")?, "HeaderBehavior", "Headers")?,
        queries: which(config.map("QueryStringsConfig")?, "QueryStringBehavior", "QueryStrings")?,
    };
    config.ignore(&["Name", "Comment"]);
    config.done()?;
    Ok(policy)
}

fn which(config: Option<Fields<'_>>, behaviour: &str, names: &str) -> Result<Which> {
    let Some(mut config) = config else { return Ok(Which::None) };
    let line = config.line();
    let kind = config.needed(behaviour)?;
    let list = config.texts(names)?.unwrap_or_default();
    let which = match kind.as_str() {
        "none" => Which::None,
        // CloudFront's own headers are added whenever a policy names them: see `cdn::forward`.
        "all" | "allViewer" | "allViewerAndWhitelistCloudFront" => Which::All,
        "whitelist" => Which::Only(list),
        "allExcept" => Which::Except(list),
        _ => return Err(config.error(line, format_args!("{behaviour} {kind:?} is not emulated"))),
    };
    config.done()?;
    Ok(which)
}

/// `ResponseHeadersPolicyConfig`.
pub(super) fn headers(mut config: Fields<'_>) -> Result<ResponseHeaders> {
    let mut policy = ResponseHeaders::default();
    if let Some(mut custom) = config.map("CustomHeadersConfig")? {
        for mut item in custom.maps("Items")? {
            let replaces = item.boolean("Override")?.unwrap_or(false);
            policy.set.push((item.needed("Header")?, item.needed("Value")?, replaces));
            item.done()?;
        }
        custom.done()?;
    }
    if let Some(mut remove) = config.map("RemoveHeadersConfig")? {
        for mut item in remove.maps("Items")? {
            policy.remove.push(item.needed("Header")?);
            item.done()?;
        }
        remove.done()?;
    }
    if let Some(security) = config.map("SecurityHeadersConfig")? {
        security_headers(security, &mut policy)?;
    }
    config.ignore(&["Name", "Comment"]);
    config.done()?;
    Ok(policy)
}

fn security_headers(mut config: Fields<'_>, policy: &mut ResponseHeaders) -> Result<()> {
    let mut set = |name: &str, value: String, replaces: Option<bool>| {
        policy.set.push((name.to_owned(), value, replaces.unwrap_or(false)));
    };
    if let Some(mut one) = config.map("ContentTypeOptions")? {
        set("X-Content-Type-Options", "nosniff".to_owned(), one.boolean("Override")?);
        one.done()?;
    }
    if let Some(mut one) = config.map("FrameOptions")? {
        let replaces = one.boolean("Override")?;
        set("X-Frame-Options", one.needed("FrameOption")?, replaces);
        one.done()?;
    }
    if let Some(mut one) = config.map("ReferrerPolicy")? {
        let replaces = one.boolean("Override")?;
        set("Referrer-Policy", one.needed("ReferrerPolicy")?, replaces);
        one.done()?;
    }
    if let Some(mut one) = config.map("ContentSecurityPolicy")? {
        let replaces = one.boolean("Override")?;
        set("Content-Security-Policy", one.needed("ContentSecurityPolicy")?, replaces);
        one.done()?;
    }
    if let Some(mut one) = config.map("StrictTransportSecurity")? {
        let mut value = format!("max-age={}", one.number("AccessControlMaxAgeSec")?.unwrap_or(0));
        if one.boolean("IncludeSubdomains")? == Some(true) {
            value.push_str("; includeSubDomains");
        }
        if one.boolean("Preload")? == Some(true) {
            value.push_str("; preload");
        }
        set("Strict-Transport-Security", value, one.boolean("Override")?);
        one.done()?;
    }
    if let Some(mut one) = config.map("XSSProtection")? {
        let on = one.boolean("Protection")?.unwrap_or(false);
        let block = one.boolean("ModeBlock")?.unwrap_or(false);
        let value = match (on, block) {
            (false, _) => "0",
            (true, false) => "1",
            (true, true) => "1; mode=block",
        };
        set("X-XSS-Protection", value.to_owned(), one.boolean("Override")?);
        one.done()?;
    }
    config.done()
}
