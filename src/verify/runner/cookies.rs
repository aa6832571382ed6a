//! A client's cookies, kept as a browser keeps them for one site.

/// The cookies of one client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jar {
    cookies: Vec<Cookie>,
}

#[derive(Debug, Clone)]
struct Cookie {
    name: String,
    value: String,
    path: String,
    secure: bool,
}

impl Jar {
    /// Takes in a `Set-Cookie` header of an answer to `path`.
    pub(crate) fn take(&mut self, header: &str, path: &str) {
        let mut parts = header.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let mut cookie = Cookie {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            path: default_path(path),
            secure: false,
        };
        let mut gone = false;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.trim().to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "secure" => cookie.secure = true,
                "max-age" => gone |= value.trim().parse::<i64>().is_ok_and(|age| age <= 0),
                "expires" => gone |= value.contains(" 1970 ") || value.contains("-1970 "),
                _ => {}
            }
        }
        self.cookies.retain(|old| old.name != cookie.name || old.path != cookie.path);
        if !gone {
            self.cookies.push(cookie);
        }
    }

    /// The `Cookie` header for a request to `path`, longest paths first.
    pub(crate) fn header(&self, path: &str, tls: bool) -> Option<String> {
        let path = path.split('?').next().unwrap_or_default();
        let mut matching: Vec<&Cookie> = self
            .cookies
            .iter()
            .filter(|cookie| (tls || !cookie.secure) && path_matches(path, &cookie.path))
            .collect();
        matching.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> =
            matching.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// RFC 6265, 5.1.4.
fn default_path(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    match path.rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(at) => path[..at].to_owned(),
    }
}

fn path_matches(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_replaces_and_forgets() {
        let mut jar = Jar::default();
        jar.take("sid=1; Path=/; HttpOnly", "/api/login");
        jar.take("lang=de", "/api/login");
        assert_eq!(jar.header("/api/orders?x=/", false).as_deref(), Some("lang=de; sid=1"));
        assert_eq!(jar.header("/", false).as_deref(), Some("sid=1"));
        jar.take("sid=2; Path=/", "/");
        assert_eq!(jar.header("/", false).as_deref(), Some("sid=2"));
        jar.take("sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/");
        assert_eq!(jar.header("/", false), None);
    }

    #[test]
    fn a_secure_cookie_needs_tls() {
        let mut jar = Jar::default();
        jar.take("sid=1; Path=/; Secure", "/");
        assert_eq!(jar.header("/", false), None);
        assert_eq!(jar.header("/", true).as_deref(), Some("sid=1"));
    }
}
