//! Functions, classes, and the patterns that bind names.

use oxc_ast::ast::{
    BindingPattern, Class, ClassElement, Expression, FormalParameters, Function as OxcFunction,
    PropertyKey,
};

use super::super::{Function, Kind, Node, Pattern};
use super::{Lower, MAX_DEPTH};

impl Lower {
    pub(super) fn function(&mut self, function: &OxcFunction<'_>) -> Node {
        let name = function.id.as_ref().map(|id| id.name.to_string());
        let parameters = self.parameters(&function.params);
        let body =
            function.body.as_ref().map_or_else(Vec::new, |body| self.statements(&body.statements));
        self.node(function.span, Kind::Function(Function { name, parameters, body }))
    }

    pub(super) fn parameters(&mut self, parameters: &FormalParameters<'_>) -> Vec<Pattern> {
        parameters
            .items
            .iter()
            .map(|item| {
                let pattern = self.pattern(&item.pattern);
                match &item.initializer {
                    Some(default) => Pattern::Default(Box::new(pattern), self.boxed(default)),
                    None => pattern,
                }
            })
            .collect()
    }

    pub(super) fn class(&mut self, class: &Class<'_>) -> Node {
        let mut members = Vec::new();
        for element in &class.body.body {
            match element {
                ClassElement::MethodDefinition(it) => {
                    let name = key(&it.key).unwrap_or_default();
                    members.push((name, self.function(&it.value)));
                }
                ClassElement::PropertyDefinition(it) => {
                    if let Some(value) = &it.value {
                        members.push((key(&it.key).unwrap_or_default(), self.expression(value)));
                    }
                }
                ClassElement::StaticBlock(it) => {
                    let body = Kind::Other(self.statements(&it.body));
                    members.push((String::new(), self.node(it.span, body)));
                }
                _ => {}
            }
        }
        let name = class.id.as_ref().map(|id| id.name.to_string());
        self.node(class.span, Kind::Class(name, members))
    }

    pub(super) fn pattern(&mut self, pattern: &BindingPattern<'_>) -> Pattern {
        if self.depth >= MAX_DEPTH {
            return Pattern::Other;
        }
        self.depth += 1;
        let lowered = match pattern {
            BindingPattern::BindingIdentifier(it) => Pattern::Name(it.name.to_string()),
            BindingPattern::ObjectPattern(it) => Pattern::Object(
                it.properties
                    .iter()
                    .filter_map(|property| {
                        Some((key(&property.key)?, self.pattern(&property.value)))
                    })
                    .collect(),
            ),
            BindingPattern::ArrayPattern(it) => Pattern::Array(
                it.elements
                    .iter()
                    .map(|element| element.as_ref().map_or(Pattern::Other, |it| self.pattern(it)))
                    .collect(),
            ),
            BindingPattern::AssignmentPattern(it) => {
                Pattern::Default(Box::new(self.pattern(&it.left)), self.boxed(&it.right))
            }
        };
        self.depth -= 1;
        lowered
    }
}

pub(super) fn key(key: &PropertyKey<'_>) -> Option<String> {
    match key {
        PropertyKey::StaticIdentifier(it) => Some(it.name.to_string()),
        PropertyKey::PrivateIdentifier(it) => Some(format!("#{}", it.name)),
        other => match other.as_expression()? {
            Expression::StringLiteral(it) => Some(it.value.to_string()),
            Expression::NumericLiteral(it) => Some(it.value.to_string()),
            _ => None,
        },
    }
}
