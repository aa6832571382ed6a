//! A scenario from what is known of a server: every site's files, locations, routes and sockets
//! are asked in the way that shows the faults a move brings.
//!
//! Nothing here knows the application: names of fields and routes are read as people mean them,
//! and a step that turns out to make no sense fails on both sides alike.

mod build;
mod files;
mod guess;
mod limits;
mod locations;
mod realtime;
mod routes;
mod sample;
mod session;

use crate::inspect::source::Source;
use crate::model::inventory::{Inventory, Location, LocationKind, Role, Service, Site};
use crate::model::scenario::{SCHEMA, Scenario};
use crate::verify::cause::nginx::choose;

use build::Builder;

/// What is asked: the proxy's main site, and the application behind it.
struct Subject<'i> {
    source: &'i dyn Source,
    proxy: Option<&'i Service>,
    site: Option<&'i Site>,
    app: Option<&'i Service>,
}

impl<'i> Subject<'i> {
    fn new(inventory: &'i Inventory, source: &'i dyn Source) -> Self {
        let proxy = inventory.services.iter().find(|service| !service.sites.is_empty());
        // The site with most to ask; one that only redirects has one location.
        let site = proxy.and_then(|proxy| {
            proxy.sites.iter().rev().max_by_key(|site| (site.locations.len(), site.default))
        });
        // The app with most routes that the proxy passes to, else any.
        let app = inventory
            .services
            .iter()
            .filter(|service| service.role == Role::App)
            .rev()
            .max_by_key(|app| {
                let behind = proxy.is_some_and(|proxy| {
                    inventory.edges.iter().any(|edge| edge.from == proxy.id && edge.to == app.id)
                });
                (behind, app.routes.len() + app.sockets.len())
            });
        Self { source, proxy, site, app }
    }

    /// The location that takes a path.
    fn location(&self, path: &str) -> Option<&'i Location> {
        let site = self.site?;
        let path = path.split('?').next().unwrap_or(path);
        let open: Vec<(usize, &str, &str)> = site
            .locations
            .iter()
            .enumerate()
            .filter(|(_, location)| location.modifier != "@")
            .map(|(index, location)| (index, location.modifier.as_str(), location.path.as_str()))
            .collect();
        choose(&open, path).map(|index| &site.locations[index])
    }

    /// Whether users reach the app under a path.
    fn reaches_app(&self, path: &str) -> bool {
        match self.site {
            None => true,
            Some(site) => self.location(path).is_some_and(|it| passes(site, it)),
        }
    }

    /// A route's path as users can ask for it: with the slash that the proxy's location has.
    fn outside(&self, path: &str) -> Option<String> {
        if self.reaches_app(path) {
            return Some(path.to_owned());
        }
        let slashed = format!("{path}/");
        let is = |location: &Location| location.path == slashed;
        (self.location(&slashed).is_some_and(is) && self.reaches_app(&slashed)).then_some(slashed)
    }

    fn proxy_id(&self) -> &str {
        self.proxy.or(self.app).map_or("", |service| &service.id)
    }
}

/// Whether a location passes requests on: by itself, or what is no file by a named location.
fn passes(site: &Site, location: &Location) -> bool {
    let name = location.fallback.as_deref().and_then(|it| it.strip_prefix('@'));
    location.kind == LocationKind::Proxy
        || location.kind == LocationKind::Static
            && name.is_some_and(|name| {
                site.locations.iter().any(|other| {
                    other.modifier == "@" && other.path == name && other.kind == LocationKind::Proxy
                })
            })
}

/// Derives the scenario.
pub fn derive(inventory: &Inventory, source: &dyn Source) -> Scenario {
    let subject = Subject::new(inventory, source);
    let mut builder = Builder::default();
    files::steps(&subject, &mut builder);
    locations::steps(&subject, &mut builder);
    routes::open(&subject, &mut builder);
    let people = session::steps(&subject, &mut builder);
    let known = routes::known(&subject, &mut builder, &people);
    realtime::steps(&subject, &mut builder, &people, &known);
    session::end(&subject, &mut builder, &people);
    limits::steps(&subject, &mut builder);
    Scenario {
        schema: SCHEMA.to_owned(),
        name: "derived".to_owned(),
        variables: std::collections::BTreeMap::new(),
        steps: builder.steps,
    }
}

#[cfg(test)]
mod tests;
