use super::*;
use crate::inspect::source::memory::Memory;
use crate::model::inventory::{Location, Site};

const MAIN_TEXT: &str = r"
user www-data;
include /etc/nginx/modules-enabled/*.conf;
events { worker_connections 768; }
http {
    client_max_body_size 2m;
    include mime.types;
    access_log /var/log/nginx/access.log;
    include /etc/nginx/sites-enabled/*;
}
";

const SITE_TEXT: &str = r#"
upstream backend { server 10.0.0.7:8080; server unix:/run/app/a.sock; }
map $http_upgrade $c { default upgrade; '' close; }
server {
    listen 443 ssl http2 default_server;
    listen [::]:8081;
    server_name _ shop.example.org www.example.org;
    ssl_certificate /etc/ssl/shop.pem;
    ssl_certificate_key /etc/ssl/private/shop.key;
    root /var/www/shop;
    auth_basic "x"; auth_basic_user_file htpasswd;
    location / { try_files $uri $uri/ @app; auth_basic off; }
    location @app { proxy_pass http://backend/base; client_max_body_size 0; }
    location ^~ /live {
        proxy_set_header Upgrade $http_upgrade;
        proxy_pass http://127.0.0.1:9000;
        proxy_buffering off;
        location ~ \.secret$ { deny all; }
    }
    location /media/ { alias /var/lib/shop/media/; }
    location =/old { return 308 /new; }
    location /gone { return 410; }
    location /r/ { rewrite ^/r/(.*)$ /s/$1 permanent; limit_req zone=a; }
    location /part { rewrite ^/part/old$ /new permanent; }
    location = /one { rewrite ^/one$ /new permanent; }
    location ~* \.php$ { fastcgi_pass unix:/run/php/fpm.sock; }
}
server { listen 80; return 301 https://$host$request_uri; location /x { root /a; } }
"#;

fn recognised() -> (Service, Facts) {
    let source = Memory::new(&[
        ("/etc/nginx/nginx.conf", MAIN_TEXT),
        ("/etc/nginx/mime.types", "types { text/html html; }"),
        ("/etc/nginx/htpasswd", "a:b"),
        ("/etc/ssl/shop.pem", "CERTIFICATE"),
        ("/etc/ssl/private/shop.key", "PRIVATE KEY"),
        ("/etc/nginx/sites-available/shop", SITE_TEXT),
        ("/etc/nginx/sites-enabled/shop", "-> ../sites-available/shop"),
        ("/etc/nginx/sites-enabled/loop", "include sites-enabled/loop;"),
        ("/var/www/shop/index.html", "hello"),
        ("/var/lib/shop/media/a.png", "12345"),
        ("/usr/sbin/nginx", ""),
    ]);
    let mut facts = Facts::default();
    facts.enabled.insert(UNIT.to_owned());
    facts.packages.insert("nginx-light".to_owned(), "1.22.1".to_owned());
    facts.owners.insert("/usr/sbin/nginx".to_owned(), "nginx-light".to_owned());
    recognise(&source, &mut facts);
    (facts.services[0].clone(), facts)
}

fn location<'s>(site: &'s Site, path: &str) -> &'s Location {
    site.locations.iter().find(|location| location.path == path).unwrap()
}

#[test]
fn reads_sites_with_what_locations_inherit() {
    let (service, _) = recognised();
    assert_eq!(service.sites.len(), 2);
    let shop = &service.sites[0];
    assert_eq!(shop.server_names, ["shop.example.org", "www.example.org"]);
    assert_eq!((shop.default, shop.tls, &*shop.ports), (true, true, &[443, 8081][..]));
    let top = location(shop, "/");
    assert_eq!((top.kind, top.auth, top.body_limit), (LocationKind::Static, false, 2 << 20));
    assert_eq!(top.fallback.as_deref(), Some("@app"));
    assert_eq!(top.target.as_deref(), Some("/var/www/shop"));
    let app = location(shop, "app");
    assert_eq!((&*app.modifier, app.internal, app.body_limit), ("@", true, 0));
    assert_eq!(app.target.as_deref(), Some("http://10.0.0.7:8080/base"));
    let live = location(shop, "/live");
    assert!(live.upgrade && live.unbuffered && live.auth);
    assert_eq!(location(shop, "\\.secret$").kind, LocationKind::Deny);
    let media = location(shop, "/media/");
    assert_eq!((media.alias, media.target.as_deref()), (true, Some("/var/lib/shop/media/")));
    let old = location(shop, "/old");
    assert_eq!((&*old.modifier, old.kind, old.status), ("=", LocationKind::Redirect, Some(308)));
    assert_eq!(location(shop, "/gone").kind, LocationKind::Return);
    let moved = location(shop, "/r/");
    assert_eq!((moved.status, moved.rate_limited), (Some(301), true));
    assert_eq!(
        location(shop, "\\.php$").target.as_deref(),
        Some("fastcgi://unix:/run/php/fpm.sock")
    );
    let plain = &service.sites[1];
    assert_eq!(plain.locations.len(), 1);
    assert_eq!(plain.locations[0].kind, LocationKind::Redirect);
    assert_eq!(plain.locations[0].target.as_deref(), Some("https://$host$request_uri"));
}

#[test]
fn keeps_secrets_out_of_what_is_captured() {
    let (service, facts) = recognised();
    let secret = |path: &str| {
        service.configuration.iter().find(|file| file.path == path).map(|file| file.secret)
    };
    assert_eq!(secret("/etc/nginx/htpasswd"), Some(true));
    assert_eq!(secret("/etc/ssl/private/shop.key"), Some(true));
    assert_eq!(secret("/etc/ssl/shop.pem"), Some(false));
    assert_eq!(secret("/etc/nginx/sites-available/shop"), Some(false));
    assert!(facts.captured.contains_key("/etc/nginx/sites-available/shop"));
    assert!(!facts.captured.keys().any(|path| path.contains("htpasswd") || path.contains(".key")));
}

#[test]
fn finds_upstreams_files_state_and_packages() {
    let (service, facts) = recognised();
    let to: Vec<&str> = facts.edges.iter().map(|edge| edge.to.as_str()).collect();
    assert_eq!(
        to,
        ["10.0.0.7:8080", "unix:/run/app/a.sock", "127.0.0.1:9000", "unix:/run/php/fpm.sock"]
    );
    assert_eq!(facts.edges[0].evidence, [Evidence::line("/etc/nginx/sites-available/shop", 2)]);
    assert_eq!(service.program, ["/var/www/shop"]);
    assert_eq!(service.packages, ["nginx-light"]);
    assert_eq!(service.runtime.version.as_deref(), Some("1.22.1"));
    let kinds: Vec<_> = service.state.iter().map(|s| (&*s.path, s.kind, s.bytes)).collect();
    assert_eq!(
        kinds,
        [
            ("/var/lib/shop/media", StateKind::Uploads, 5),
            ("/var/log/nginx/access.log", StateKind::Logs, 0)
        ]
    );
    assert!(service.listens.iter().any(|l| l.port == 443 && l.protocol == "https"));
    assert!(service.listens.iter().any(|l| l.port == 8081 && l.address == "::"));
}

#[test]
fn a_credential_in_the_text_makes_the_file_a_secret() {
    let source = Memory::new(&[(
        "/etc/nginx/nginx.conf",
        "http { server { location / { proxy_pass http://a:1; proxy_set_header Authorization \"Basic eA==\"; } } }",
    )]);
    let mut facts = Facts::default();
    facts.enabled.insert(UNIT.to_owned());
    recognise(&source, &mut facts);
    assert!(facts.services[0].configuration[0].secret);
    assert!(facts.captured.is_empty());
}

#[test]
fn reports_what_it_cannot_read() {
    let source = Memory::new(&[
        ("/etc/nginx/nginx.conf", "http { include a.conf; include missing.conf; }"),
        ("/etc/nginx/a.conf", "server {\n listen 80\n"),
    ]);
    let mut facts = Facts::default();
    facts.enabled.insert(UNIT.to_owned());
    recognise(&source, &mut facts);
    assert_eq!(facts.findings.len(), 2);
    assert_eq!(facts.findings[0].evidence, [Evidence::line("/etc/nginx/a.conf", 3)]);
}

#[test]
fn a_rewrite_of_some_paths_is_no_redirect_of_all() {
    let (service, _) = recognised();
    let kind = |path: &str| location(&service.sites[0], path).kind;
    assert_eq!(kind("/part"), LocationKind::Static);
    assert_eq!(kind("/one"), LocationKind::Redirect);
    assert_eq!(kind("/r/"), LocationKind::Redirect);
}
