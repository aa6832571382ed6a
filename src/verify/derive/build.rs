//! Puts steps together: ids that are unique, requests in short.

use std::collections::BTreeSet;

use crate::inspect::recognise::label;
use crate::model::evidence::Evidence;
use crate::model::scenario::{Action, Body, Burst, Capture, Effect, Origin, Request, Step};

/// More steps than this take too long to wait for.
const MAX_STEPS: usize = 190;

/// The steps so far.
#[derive(Default)]
pub(super) struct Builder {
    pub steps: Vec<Step>,
    ids: BTreeSet<String>,
}

/// A step in the making.
pub(super) struct Draft {
    step: Step,
}

impl Builder {
    /// Adds a step; its id gets a number when it is taken.
    pub(super) fn add(&mut self, draft: Draft) {
        if self.steps.len() < MAX_STEPS {
            self.insist(draft);
        }
    }

    /// Adds a step whatever there is.
    pub(super) fn insist(&mut self, draft: Draft) {
        let mut step = draft.step;
        let base = label(&step.id);
        let mut id = base.clone();
        let mut number = 2;
        while !self.ids.insert(id.clone()) {
            id = format!("{base}-{number}");
            number += 1;
        }
        step.id = id;
        self.steps.push(step);
    }
}

impl Draft {
    /// A step with a name that becomes its id.
    pub(super) fn new(id: &str, action: Action) -> Self {
        Self {
            step: Step {
                id: id.to_owned(),
                client: "a".to_owned(),
                action,
                capture: Vec::new(),
                effect: Effect::Read,
                repeat: 1,
                burst: None,
                origin: None,
            },
        }
    }

    /// A request without a body.
    pub(super) fn request(id: &str, method: &str, path: &str) -> Self {
        let request =
            Request { method: method.to_owned(), path: path.to_owned(), ..Request::default() };
        Self::new(id, Action::Request(request))
    }

    /// A `GET`.
    pub(super) fn get(id: &str, path: &str) -> Self {
        Self::request(id, "GET", path)
    }

    /// With a header.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        if let Action::Request(request) = &mut self.step.action {
            request.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// With headers.
    pub(super) fn headers(mut self, headers: &[(String, String)]) -> Self {
        if let Action::Request(request) = &mut self.step.action {
            request.headers.extend(headers.iter().cloned());
        }
        self
    }

    /// With a body.
    pub(super) fn body(mut self, body: Body) -> Self {
        if let Action::Request(request) = &mut self.step.action {
            request.body = Some(body);
        }
        self
    }

    /// By another client.
    pub(super) fn client(mut self, client: &str) -> Self {
        client.clone_into(&mut self.step.client);
        self
    }

    /// That writes.
    pub(super) fn writes(mut self) -> Self {
        self.step.effect = Effect::Write;
        self
    }

    /// Several times over.
    pub(super) fn repeat(mut self, times: u32) -> Self {
        self.step.repeat = times;
        self
    }

    /// Several times over at once, against a rate limit.
    pub(super) fn burst(mut self, times: u32, burst: Burst) -> Self {
        self.step.repeat = times;
        self.step.burst = Some(burst);
        self
    }

    /// With a header kept.
    pub(super) fn keep_header(mut self, name: &str, header: &str) -> Self {
        self.step.capture.push(Capture {
            name: name.to_owned(),
            header: Some(header.to_owned()),
            ..Capture::default()
        });
        self
    }

    /// With a part of the body kept.
    pub(super) fn keep_match(mut self, name: &str, regex: &str) -> Self {
        self.step.capture.push(Capture {
            name: name.to_owned(),
            regex: Some(regex.to_owned()),
            ..Capture::default()
        });
        self
    }

    /// For a fact.
    pub(super) fn origin(
        mut self,
        service: &str,
        fact: String,
        evidence: Option<&Evidence>,
    ) -> Self {
        self.step.origin =
            Some(Origin { service: service.to_owned(), fact, evidence: evidence.cloned() });
        self
    }
}
