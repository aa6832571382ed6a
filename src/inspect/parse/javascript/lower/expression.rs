//! Expressions.

use oxc_ast::ast::{
    ArrayExpressionElement, ArrowFunctionBody, AssignmentTarget, ChainElement, Expression,
    MemberExpression, ObjectPropertyKind,
};
use oxc_span::GetSpan;

use super::super::{Function, Kind, Node};
use super::binding::key;
use super::{Lower, MAX_DEPTH};

impl Lower {
    pub(super) fn expressions<'e, 'a: 'e>(
        &mut self,
        expressions: impl Iterator<Item = &'e Expression<'a>>,
    ) -> Vec<Node> {
        expressions.map(|expression| self.expression(expression)).collect()
    }

    pub(super) fn expression(&mut self, expression: &Expression<'_>) -> Node {
        if self.depth >= MAX_DEPTH {
            return self.node(expression.span(), Kind::Other(Vec::new()));
        }
        self.depth += 1;
        let kind = self.expression_kind(expression);
        self.depth -= 1;
        self.node(expression.span(), kind)
    }

    pub(super) fn boxed(&mut self, expression: &Expression<'_>) -> Box<Node> {
        Box::new(self.expression(expression))
    }

    pub(super) fn arguments(&mut self, arguments: &[oxc_ast::ast::Argument<'_>]) -> Vec<Node> {
        arguments
            .iter()
            .map(|argument| match argument {
                oxc_ast::ast::Argument::SpreadElement(it) => {
                    let inner = self.boxed(&it.argument);
                    self.node(it.span, Kind::Spread(inner))
                }
                other => match other.as_expression() {
                    Some(expression) => self.expression(expression),
                    None => self.node(other.span(), Kind::Other(Vec::new())),
                },
            })
            .collect()
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of expression")]
    pub(super) fn expression_kind(&mut self, expression: &Expression<'_>) -> Kind {
        match expression {
            Expression::BooleanLiteral(it) => Kind::Bool(it.value),
            Expression::NullLiteral(_) => Kind::Null,
            Expression::NumericLiteral(it) => Kind::Number(it.value),
            Expression::StringLiteral(it) => Kind::Text(it.value.to_string()),
            Expression::RegExpLiteral(it) => {
                Kind::Regex(it.raw.as_ref().map_or_else(String::new, ToString::to_string))
            }
            Expression::TemplateLiteral(it) => {
                let texts = it.quasis.iter().map(|quasi| {
                    quasi.value.cooked.as_ref().unwrap_or(&quasi.value.raw).to_string()
                });
                Kind::Template(texts.collect(), self.expressions(it.expressions.iter()))
            }
            Expression::Identifier(it) => Kind::Name(it.name.to_string()),
            Expression::ThisExpression(_) => Kind::Name("this".to_owned()),
            Expression::ArrayExpression(it) => Kind::Array(
                it.elements
                    .iter()
                    .map(|element| match element {
                        ArrayExpressionElement::SpreadElement(it) => {
                            let inner = self.boxed(&it.argument);
                            self.node(it.span, Kind::Spread(inner))
                        }
                        other => match other.as_expression() {
                            Some(expression) => self.expression(expression),
                            None => self.node(other.span(), Kind::Null),
                        },
                    })
                    .collect(),
            ),
            Expression::ObjectExpression(it) => Kind::Object(
                it.properties
                    .iter()
                    .map(|property| match property {
                        ObjectPropertyKind::ObjectProperty(it) => {
                            (key(&it.key), self.expression(&it.value))
                        }
                        ObjectPropertyKind::SpreadProperty(it) => {
                            (None, self.expression(&it.argument))
                        }
                    })
                    .collect(),
            ),
            Expression::ArrowFunctionExpression(it) => {
                let parameters = self.parameters(&it.params);
                let body = match &it.body {
                    ArrowFunctionBody::FunctionBody(body) => self.statements(&body.statements),
                    other => match other.as_expression() {
                        Some(expression) => {
                            let value = self.boxed(expression);
                            vec![self.node(expression.span(), Kind::Return(Some(value)))]
                        }
                        None => Vec::new(),
                    },
                };
                Kind::Function(Function { name: None, parameters, body })
            }
            Expression::FunctionExpression(it) => self.function(it).kind,
            Expression::ClassExpression(it) => self.class(it).kind,
            Expression::CallExpression(it) => {
                Kind::Call(self.boxed(&it.callee), self.arguments(&it.arguments))
            }
            Expression::NewExpression(it) => {
                Kind::New(self.boxed(&it.callee), self.arguments(&it.arguments))
            }
            Expression::ImportExpression(it) => {
                let callee = self.node(it.span, Kind::Name("import".to_owned()));
                Kind::Call(Box::new(callee), vec![self.expression(&it.source)])
            }
            Expression::AssignmentExpression(it) => {
                let target = self.target(&it.left);
                Kind::Assign(Box::new(target), self.boxed(&it.right))
            }
            Expression::LogicalExpression(it) if it.operator.as_str() == "&&" => {
                Kind::Binary("&&", self.boxed(&it.left), self.boxed(&it.right))
            }
            Expression::LogicalExpression(it) => {
                Kind::Or(self.boxed(&it.left), self.boxed(&it.right))
            }
            Expression::BinaryExpression(it) => {
                Kind::Binary(it.operator.as_str(), self.boxed(&it.left), self.boxed(&it.right))
            }
            Expression::UnaryExpression(it) => {
                Kind::Unary(it.operator.as_str(), self.boxed(&it.argument))
            }
            Expression::ConditionalExpression(it) => Kind::Conditional(
                self.boxed(&it.test),
                self.boxed(&it.consequent),
                self.boxed(&it.alternate),
            ),
            Expression::AwaitExpression(it) => self.expression(&it.argument).kind,
            Expression::ParenthesizedExpression(it) => self.expression(&it.expression).kind,
            Expression::TSAsExpression(it) => self.expression(&it.expression).kind,
            Expression::TSSatisfiesExpression(it) => self.expression(&it.expression).kind,
            Expression::TSTypeAssertion(it) => self.expression(&it.expression).kind,
            Expression::TSNonNullExpression(it) => self.expression(&it.expression).kind,
            Expression::TSInstantiationExpression(it) => self.expression(&it.expression).kind,
            Expression::SequenceExpression(it) => {
                Kind::Other(self.expressions(it.expressions.iter()))
            }
            Expression::YieldExpression(it) => Kind::Other(self.expressions(it.argument.iter())),
            Expression::TaggedTemplateExpression(it) => {
                let mut parts = vec![self.expression(&it.tag)];
                parts.extend(self.expressions(it.quasi.expressions.iter()));
                Kind::Other(parts)
            }
            Expression::ChainExpression(it) => match &it.expression {
                ChainElement::CallExpression(call) => {
                    Kind::Call(self.boxed(&call.callee), self.arguments(&call.arguments))
                }
                ChainElement::TSNonNullExpression(it) => self.expression(&it.expression).kind,
                other => match other.as_member_expression() {
                    Some(member) => self.member(member),
                    None => Kind::Other(Vec::new()),
                },
            },
            other => match other.as_member_expression() {
                Some(member) => self.member(member),
                None => Kind::Other(Vec::new()),
            },
        }
    }

    pub(super) fn member(&mut self, member: &MemberExpression<'_>) -> Kind {
        match member {
            MemberExpression::StaticMemberExpression(it) => {
                Kind::Member(self.boxed(&it.object), it.property.name.to_string())
            }
            MemberExpression::PrivateFieldExpression(it) => {
                Kind::Member(self.boxed(&it.object), format!("#{}", it.field.name))
            }
            MemberExpression::ComputedMemberExpression(it) => {
                let object = self.boxed(&it.object);
                let index = self.boxed(&it.expression);
                match index.text() {
                    Some(name) => Kind::Member(object, name.to_owned()),
                    None => Kind::Index(object, index),
                }
            }
        }
    }

    pub(super) fn target(&mut self, target: &AssignmentTarget<'_>) -> Node {
        let kind = match target {
            AssignmentTarget::AssignmentTargetIdentifier(it) => Kind::Name(it.name.to_string()),
            other => match other.as_member_expression() {
                Some(member) => self.member(member),
                None => Kind::Other(Vec::new()),
            },
        };
        self.node(target.span(), kind)
    }
}
