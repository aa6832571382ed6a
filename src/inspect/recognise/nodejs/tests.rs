use super::*;
use crate::inspect::source::memory::Memory;
use crate::model::inventory::{Location, LocationKind, Site, State};

/// A service as whatever starts it leaves it for us.
fn facts(command: &str, directory: &str, environment: &[(&str, &str)]) -> Facts {
    let runtime = Runtime { name: "nodejs".to_owned(), version: None };
    let mut service = Service::new("app", Role::App, runtime);
    service.command = Some(command.to_owned());
    service.directory = Some(directory.to_owned());
    for (name, value) in environment {
        service.environment.push(Variable {
            name: (*name).to_owned(),
            secret: false,
            default: Some((*value).to_owned()),
            set_in: Some(Evidence::line("/etc/app.env", 1)),
            read_in: None,
        });
    }
    let mut facts = Facts::default();
    facts.services.push(service);
    facts
}

fn routes(service: &Service) -> Vec<String> {
    service.routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect()
}

/// CommonJS, routers in files, a config module, a table of message handlers.
const SPLIT: [(&str, &str); 7] = [
    (
        "/opt/talk/package.json",
        r#"{"name":"talk","scripts":{"start":"NODE_ENV=production node src/main.js"},
            "dependencies":{"express":"4","ws":"8","multer":"1","express-session":"1"}}"#,
    ),
    (
        "/opt/talk/src/main.js",
        "const http = require('node:http');\nconst settings = require('./settings');\n\
         const express = require('express');\nconst app = express();\n\
         app.set('trust proxy', settings.trust);\n\
         app.use('/api', require('./things'));\n\
         require('./pages')(app);\n\
         app.use(require('express-session')({ secret: settings.key }));\n\
         const server = http.createServer(app);\n\
         require('./live').attach(server);\n\
         server.listen({ port: settings.port, host: settings.host });\n",
    ),
    (
        "/opt/talk/src/settings.js",
        "function whole(name, other) { return Number(process.env[name] || other); }\n\
         module.exports = {\n  port: whole('TALK_PORT', 4000),\n\
           host: process.env.TALK_HOST || '127.0.0.1',\n\
           trust: process.env.TALK_TRUST ?? 'loopback',\n  key: process.env.TALK_KEY,\n\
           store: process.env.TALK_FILES || '/var/lib/talk/files',\n};\n",
    ),
    (
        "/opt/talk/src/things.js",
        "const { Router } = require('express');\nconst multer = require('multer');\n\
         const settings = require('./settings');\nconst { check } = require('./check');\n\
         const take = multer({ storage: multer.diskStorage({ destination: settings.store }) });\n\
         const router = Router();\n\
         router.get('/things', (req, res) => res.json(req.query.page));\n\
         router.route('/things/:id')\n  .get((req, res) => res.end())\n\
           .put(async (req, res) => { const { title, note: n } = req.body; });\n\
         router.post('/things', check, (req, res) => { const b = req.body; b.title; req.body?.tags; });\n\
         router.post('/files', take.single('document'), (req, res) => res.end());\n\
         router.post('/names', (req, res) => rename(req));\n\
         function rename(request) { request.body.name; }\n\
         module.exports = router;\n",
    ),
    ("/opt/talk/src/check.js", "exports.check = (req, res, next) => { req.body.token; next(); };"),
    (
        "/opt/talk/src/pages.js",
        "module.exports = function (web) {\n  web.get('/feed', (req, res) => {\n\
             res.writeHead(200, { 'Content-Type': 'text/event-stream' });\n  });\n};\n",
    ),
    (
        "/opt/talk/src/live.js",
        "const { WebSocketServer } = require('ws');\nconst wss = new WebSocketServer({ noServer: true });\n\
         const members = new Map();\n\
         const actions = {\n  enter(socket, { place }) { members.set(place, socket); },\n\
           say(socket, msg) { msg.place; msg.words; socket.send('x'); },\n};\n\
         function hear(socket, data) {\n  const msg = JSON.parse(data);\n\
           if (!Object.hasOwn(actions, msg.op)) return;\n  actions[msg.op](socket, msg);\n}\n\
         setInterval(() => { for (const s of wss.clients) s.ping(); }, 1000);\n\
         exports.attach = (server) => {\n  server.on('upgrade', (req, socket, head) => {\n\
             if (new URL(req.url, 'http://x').pathname !== '/live') return;\n\
             wss.handleUpgrade(req, socket, head, (ws) => ws.on('message', (d) => hear(ws, d)));\n  });\n};\n",
    ),
];

#[test]
fn reads_an_application_of_many_files() {
    let mut facts = facts("/usr/bin/npm start", "/opt/talk", &[("TALK_PORT", "4100")]);
    recognise(&Memory::new(&SPLIT), &mut facts);
    let app = &facts.services[0];
    assert_eq!(
        routes(app),
        [
            "GET /api/things",
            // A chain is met from its end.
            "PUT /api/things/:id",
            "GET /api/things/:id",
            "POST /api/things",
            "POST /api/files",
            "POST /api/names",
            "GET /feed"
        ]
    );
    let find = |path: &str, method: &str| {
        app.routes.iter().find(|route| route.path == path && route.method == method).unwrap()
    };
    assert_eq!(find("/api/things", "GET").query, ["page"]);
    assert_eq!(find("/api/things/:id", "PUT").fields, ["title", "note"]);
    assert_eq!(find("/api/things", "POST").fields, ["token", "title", "tags"]);
    assert_eq!(find("/api/names", "POST").fields, ["name"]);
    assert_eq!(find("/api/files", "POST").upload.as_deref(), Some("document"));
    assert!(find("/feed", "GET").events);
    assert_eq!(find("/api/things", "GET").evidence, Evidence::line("/opt/talk/src/things.js", 7));

    let listen = &app.listens[0];
    assert_eq!((listen.address.as_str(), listen.port), ("127.0.0.1", 4100));
    assert_eq!(listen.port_from.as_deref(), Some("TALK_PORT"));
    assert_eq!(listen.address_from.as_deref(), Some("TALK_HOST"));
    let trust = app.trust_proxy.as_ref().unwrap();
    assert_eq!((trust.value.as_str(), trust.variable.as_deref()), ("loopback", Some("TALK_TRUST")));

    assert_eq!(
        app.state,
        [State {
            path: "/var/lib/talk/files".to_owned(),
            kind: StateKind::Uploads,
            bytes: 0,
            path_from: Some("TALK_FILES".to_owned()),
        }]
    );
    let variable = |name: &str| app.environment.iter().find(|v| v.name == name).unwrap();
    assert_eq!(variable("TALK_PORT").read_in, Some(Evidence::line("/opt/talk/src/settings.js", 3)));
    assert_eq!(variable("TALK_HOST").default.as_deref(), Some("127.0.0.1"));
    assert_eq!(variable("TALK_KEY").default, None);
    assert!(facts.questions.is_empty(), "{:?}", facts.questions);
}

#[test]
fn reads_sockets_and_state_in_memory() {
    let mut facts = facts("node src/main.js", "/opt/talk", &[]);
    recognise(&Memory::new(&SPLIT), &mut facts);
    let app = &facts.services[0];
    assert_eq!(app.sockets.len(), 1);
    let socket = &app.sockets[0];
    assert_eq!((socket.path.as_deref(), socket.library.as_str()), (Some("/live"), "ws"));
    let messages: Vec<_> = socket
        .messages
        .iter()
        .map(|m| (m.tag.as_str(), m.value.as_str(), m.fields.join(",")))
        .collect();
    assert_eq!(
        messages,
        [("op", "enter", "place".to_owned()), ("op", "say", "place,words".to_owned())]
    );
    let what: Vec<&str> = app.in_process.iter().map(|fact| fact.what.as_str()).collect();
    // The heartbeat is no timer; the server and the map of members both are broadcast.
    assert_eq!(what, ["broadcast", "broadcast", "sessions"]);
}

/// One ESM file: other names, everything in it, a switch, fields checked by a schema.
const SINGLE: &str = "import express from 'express';\nimport { env } from 'node:process';\n\
    import path from 'node:path';\nimport { fileURLToPath } from 'node:url';\n\
    import { WebSocketServer as Hub } from 'ws';\nimport { writeFile } from 'node:fs/promises';\n\
    const here = path.dirname(fileURLToPath(import.meta.url));\n\
    const { DATABASE_URL, LEVEL = 'info' } = env;\n\
    const web = express();\n\
    web.enable('trust proxy');\n\
    const Shape = z.object({ subject: z.string(), size: z.number() });\n\
    web.post('/notes', async ({ body }, out) => { body.text; Shape.parse(body); });\n\
    web.get(['/a', '/b'], (q, out) => { const { from } = q.query; });\n\
    web.delete('/notes/:key', wrap(async (q, out) => { await writeFile(path.join(here, 'store', q.params.key), 'x'); }));\n\
    const main = web.listen(process.env.PORT || 8080);\n\
    const hub = new Hub({ server: main, path: '/hub' });\n\
    hub.on('connection', (c) => c.on('message', (raw) => {\n\
      const { kind, ...rest } = JSON.parse(raw);\n\
      const m = JSON.parse(raw);\n\
      switch (m.kind) {\n case 'hello': m.nick; break;\n case 'bye':\n case 'leave': hub.clients.forEach((x) => x.send(m.reason)); }\n\
    }));\n";

#[test]
fn reads_an_application_of_one_file() {
    let source = Memory::new(&[
        ("/home/web/notes/package.json", r#"{"type":"module","dependencies":{"express":"5"}}"#),
        ("/home/web/notes/package-lock.json", "{}"),
        ("/home/web/notes/index.mjs", SINGLE),
    ]);
    let mut facts =
        facts("/opt/node/bin/node --enable-source-maps index.mjs", "/home/web/notes", &[]);
    recognise(&source, &mut facts);
    let app = &facts.services[0];
    assert_eq!(routes(app), ["POST /notes", "GET /a", "GET /b", "DELETE /notes/:key"]);
    assert_eq!(app.routes[0].fields, ["text", "subject", "size"]);
    assert_eq!(app.routes[1].query, ["from"]);
    assert_eq!((app.listens[0].port, app.listens[0].address.as_str()), (8080, "::"));
    assert_eq!(app.trust_proxy.as_ref().unwrap().value, "true");
    assert_eq!(app.state[0].path, "/home/web/notes/store");
    assert_eq!(app.sockets[0].path.as_deref(), Some("/hub"));
    let values: Vec<_> = app.sockets[0].messages.iter().map(|m| m.value.as_str()).collect();
    assert_eq!(values, ["hello", "bye", "leave"]);
    assert_eq!(app.sockets[0].messages[0].fields, ["nick"]);
    assert_eq!(app.sockets[0].messages[1].fields, ["reason"]);
    let names: Vec<_> = app.environment.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["DATABASE_URL", "LEVEL", "PORT"]);
    assert_eq!(app.program, ["/home/web/notes"]);
    assert!(app.evidence.contains(&Evidence::file("/home/web/notes/package-lock.json")));
}

#[test]
fn reads_fastify_and_socket_io() {
    let source = Memory::new(&[
        ("/srv/a/package.json", r#"{"main":"app.ts","dependencies":{"fastify":"4"}}"#),
        (
            "/srv/a/app.ts",
            "import Fastify from 'fastify';\nimport { Server } from 'socket.io';\n\
             import users from './users.js';\n\
             const app = Fastify({ trustProxy: true });\n\
             app.register(users, { prefix: '/v1' });\n\
             const io = new Server(app.server);\n\
             io.on('connection', (socket) => { socket.on('chat', ({ text }: any) => io.emit('chat', text)); });\n\
             app.listen({ port: Number(process.env.PORT ?? 3000) });\n",
        ),
        (
            "/srv/a/users.ts",
            "export default async function (router: any) {\n\
             router.get('/users', async (request: any) => request.query.q);\n\
             router.route({ method: 'POST', url: '/users', handler: async (r: any) => r.body.mail });\n}\n",
        ),
    ]);
    let mut facts = facts("node .", "/srv/a", &[]);
    recognise(&source, &mut facts);
    let app = &facts.services[0];
    assert_eq!(routes(app), ["GET /v1/users", "POST /v1/users"]);
    assert_eq!(app.routes[1].fields, ["mail"]);
    assert_eq!((app.listens[0].address.as_str(), app.listens[0].port), ("127.0.0.1", 3000));
    assert_eq!(app.sockets[0].path.as_deref(), Some("/socket.io/"));
    assert_eq!(app.sockets[0].messages[0].value, "chat");
    assert_eq!(app.sockets[0].messages[0].fields, ["text"]);
}

#[test]
fn asks_what_the_code_does_not_say() {
    let source = Memory::new(&[
        ("/srv/a/package.json", "{}"),
        ("/srv/a/app.js", "const s = require('http').createServer(); s.listen(process.argv[2]);"),
    ]);
    let mut known = facts("node app.js", "/srv/a", &[]);
    recognise(&source, &mut known);
    assert!(known.services[0].listens.is_empty());
    assert_eq!(known.questions[0].id, "app-port");
    assert_eq!(known.questions[0].evidence, [Evidence::line("/srv/a/app.js", 1)]);

    let mut lost = facts("node gone.js", "/srv/a", &[]);
    recognise(&source, &mut lost);
    assert_eq!(lost.questions[0].id, "app-entry");
}

#[test]
fn a_bare_folder_is_an_application() {
    let source = Memory::new(&[
        ("/package.json", r#"{"name":"@x/shop","main":"lib/start"}"#),
        ("/lib/start.js", "require('express')().listen(81, '0.0.0.0');"),
        ("/.nvmrc", "v20.11.1\n"),
    ]);
    let mut facts = Facts::default();
    recognise(&source, &mut facts);
    let app = &facts.services[0];
    assert_eq!((app.id.as_str(), app.listens[0].port), ("shop", 81));
    assert_eq!(app.runtime.version.as_deref(), Some("20.11.1"));
}

#[test]
fn a_password_in_a_module_makes_it_a_secret() {
    let source = Memory::new(&[
        ("/srv/a/package.json", "{}"),
        ("/srv/a/app.js", "require('./db'); require('http').createServer().listen(1);"),
        (
            "/srv/a/db.js",
            "module.exports = { host: 'localhost', user: 'a', password: 'hunter22' };",
        ),
    ]);
    let mut facts = facts("node app.js", "/srv/a", &[]);
    recognise(&source, &mut facts);
    let files: Vec<_> =
        facts.services[0].configuration.iter().map(|f| (&*f.path, f.secret)).collect();
    assert_eq!(files, [("/srv/a/db.js", true)]);
}

#[test]
fn what_the_app_writes_and_the_proxy_serves_is_shared() {
    let mut facts = facts("node src/main.js", "/opt/talk", &[]);
    let mut proxy =
        Service::new("nginx", Role::Proxy, Runtime { name: "nginx".to_owned(), version: None });
    proxy.program = vec!["/var/lib/talk/files".to_owned(), "/var/www".to_owned()];
    proxy.sites.push(Site {
        locations: vec![Location {
            modifier: String::new(),
            path: "/f/".to_owned(),
            kind: LocationKind::Static,
            target: Some("/var/lib/talk/files/".to_owned()),
            status: None,
            body_limit: 0,
            auth: false,
            rate_limited: false,
            rate: None,
            upgrade: false,
            unbuffered: false,
            internal: false,
            fallback: None,
            alias: true,
            evidence: Evidence::line("/etc/nginx/nginx.conf", 1),
        }],
        ..Site::default()
    });
    facts.services.push(proxy);
    recognise(&Memory::new(&SPLIT), &mut facts);
    let proxy = &facts.services[1];
    assert_eq!(proxy.program, ["/var/www"]);
    assert_eq!(proxy.state[0].path, "/var/lib/talk/files");
}

#[test]
fn a_fixed_address_and_what_is_outside_carry_their_line() {
    let source = Memory::new(&[
        ("/srv/a/package.json", "{}"),
        (
            "/srv/a/app.js",
            "const axios = require('axios');\nconst mail = require('nodemailer');\n\
             const GEO = 'https://geo.example.com/v1';\n\
             const pay = axios.create({ baseURL: 'https://pay.example.com' });\n\
             fetch(`${GEO}/x`);\nfetch(GEO);\nfetch('http://127.0.0.1:9/self');\n\
             fetch(`https://cdn.example.com/a/${1}`);\n\
             mail.createTransport({ host: 'mail.example.com', port: 587 });\n\
             res.redirect('https://www.example.com/');\n\
             require('http').createServer().listen(81, '127.0.0.1');\n",
        ),
    ]);
    let mut facts = facts("node app.js", "/srv/a", &[]);
    recognise(&source, &mut facts);
    let app = &facts.services[0];
    assert_eq!(app.listens[0].evidence, Some(Evidence::line("/srv/a/app.js", 11)));
    let found: Vec<String> = app
        .outgoing
        .iter()
        .map(|out| format!("{}:{} {}", out.host, out.port.unwrap_or(0), out.evidence))
        .collect();
    assert_eq!(
        found,
        [
            "pay.example.com:443 /srv/a/app.js:4",
            "geo.example.com:443 /srv/a/app.js:6",
            "cdn.example.com:443 /srv/a/app.js:8",
            "mail.example.com:587 /srv/a/app.js:9"
        ]
    );
}
