//! From oxc's tree to ours.

use oxc_ast::ast::{
    ArrayExpressionElement, ArrowFunctionBody, AssignmentTarget, BindingPattern, ChainElement,
    Class, ClassElement, Declaration, ExportDefaultDeclarationKind, Expression, ForStatementInit,
    FormalParameters, Function as OxcFunction, ImportDeclarationSpecifier, MemberExpression,
    ObjectPropertyKind, Program, PropertyKey, Statement, VariableDeclaration,
};
use oxc_span::{GetSpan, Span};

use super::{Function, Kind, Node, Pattern};

/// Code within code; deeper parts become empty.
const MAX_DEPTH: usize = 500;

/// The statements of a file.
pub(super) fn program(program: &Program<'_>, text: &str) -> Vec<Node> {
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut lower = Lower { starts, depth: 0 };
    lower.statements(&program.body)
}

struct Lower {
    starts: Vec<usize>,
    depth: usize,
}

impl Lower {
    fn node(&self, span: Span, kind: Kind) -> Node {
        let line = self.starts.partition_point(|start| *start <= span.start as usize);
        Node { kind, line: u32::try_from(line).unwrap_or(u32::MAX) }
    }

    fn statements(&mut self, statements: &[Statement<'_>]) -> Vec<Node> {
        statements.iter().map(|statement| self.statement(statement)).collect()
    }

    /// The statements of a body that may be a block.
    fn body(&mut self, statement: &Statement<'_>) -> Vec<Node> {
        match statement {
            Statement::BlockStatement(block) => self.statements(&block.body),
            other => vec![self.statement(other)],
        }
    }

    fn statement(&mut self, statement: &Statement<'_>) -> Node {
        if self.depth >= MAX_DEPTH {
            return self.node(statement.span(), Kind::Other(Vec::new()));
        }
        self.depth += 1;
        let kind = self.statement_kind(statement);
        self.depth -= 1;
        self.node(statement.span(), kind)
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of statement")]
    fn statement_kind(&mut self, statement: &Statement<'_>) -> Kind {
        match statement {
            Statement::BlockStatement(it) => Kind::Other(self.statements(&it.body)),
            Statement::ExpressionStatement(it) => self.expression(&it.expression).kind,
            Statement::IfStatement(it) => Kind::If(
                Box::new(self.expression(&it.test)),
                self.body(&it.consequent),
                it.alternate.as_ref().map_or_else(Vec::new, |other| self.body(other)),
            ),
            Statement::SwitchStatement(it) => Kind::Switch(
                Box::new(self.expression(&it.discriminant)),
                it.cases
                    .iter()
                    .map(|case| {
                        let test = case.test.as_ref().map(|test| self.expression(test));
                        (test, self.statements(&case.consequent))
                    })
                    .collect(),
            ),
            Statement::ReturnStatement(it) => Kind::Return(
                it.argument.as_ref().map(|argument| Box::new(self.expression(argument))),
            ),
            Statement::ThrowStatement(it) => Kind::Other(vec![self.expression(&it.argument)]),
            Statement::TryStatement(it) => {
                let mut parts = self.statements(&it.block.body);
                if let Some(handler) = &it.handler {
                    parts.extend(self.statements(&handler.body.body));
                }
                if let Some(last) = &it.finalizer {
                    parts.extend(self.statements(&last.body));
                }
                Kind::Other(parts)
            }
            Statement::ForOfStatement(it) => {
                let mut parts = vec![self.expression(&it.right)];
                parts.extend(self.body(&it.body));
                Kind::Other(parts)
            }
            Statement::ForInStatement(it) => {
                let mut parts = vec![self.expression(&it.right)];
                parts.extend(self.body(&it.body));
                Kind::Other(parts)
            }
            Statement::ForStatement(it) => {
                let mut parts = Vec::new();
                match &it.init {
                    Some(ForStatementInit::VariableDeclaration(declaration)) => {
                        parts.extend(self.declarators(declaration));
                    }
                    Some(other) => parts.extend(other.as_expression().map(|e| self.expression(e))),
                    None => {}
                }
                parts.extend(it.test.as_ref().map(|test| self.expression(test)));
                parts.extend(self.body(&it.body));
                Kind::Other(parts)
            }
            Statement::WhileStatement(it) => {
                let mut parts = vec![self.expression(&it.test)];
                parts.extend(self.body(&it.body));
                Kind::Other(parts)
            }
            Statement::DoWhileStatement(it) => {
                let mut parts = self.body(&it.body);
                parts.push(self.expression(&it.test));
                Kind::Other(parts)
            }
            Statement::LabeledStatement(it) => Kind::Other(self.body(&it.body)),
            Statement::ImportDeclaration(it) => {
                let names = it.specifiers.iter().flatten().map(|specifier| match specifier {
                    ImportDeclarationSpecifier::ImportSpecifier(it) => {
                        (it.imported.name().to_string(), it.local.name.to_string())
                    }
                    ImportDeclarationSpecifier::ImportDefaultSpecifier(it) => {
                        ("default".to_owned(), it.local.name.to_string())
                    }
                    ImportDeclarationSpecifier::ImportNamespaceSpecifier(it) => {
                        ("*".to_owned(), it.local.name.to_string())
                    }
                });
                Kind::Import(it.source.value.to_string(), names.collect())
            }
            Statement::ExportAllDeclaration(it) => {
                let name =
                    it.exported.as_ref().map_or("*".to_owned(), |name| name.name().to_string());
                Kind::ExportFrom(it.source.value.to_string(), vec![("*".to_owned(), name)])
            }
            Statement::ExportFromDeclaration(it) => {
                let names = it.specifiers.iter().map(|specifier| {
                    (specifier.local.name().to_string(), specifier.exported.name().to_string())
                });
                Kind::ExportFrom(it.source.value.to_string(), names.collect())
            }
            Statement::ExportNamedDeclaration(it) => {
                let names = it.specifiers.iter().map(|specifier| {
                    let value = Kind::Name(specifier.local.name().to_string());
                    let value = Box::new(self.node(specifier.span, value));
                    let kind = Kind::Export(specifier.exported.name().to_string(), value);
                    self.node(specifier.span, kind)
                });
                Kind::Other(names.collect())
            }
            Statement::ExportDefaultDeclaration(it) => {
                let value = match &it.declaration {
                    ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                        self.function(function)
                    }
                    ExportDefaultDeclarationKind::ClassDeclaration(class) => self.class(class),
                    other => match other.as_expression() {
                        Some(expression) => self.expression(expression),
                        None => self.node(it.span, Kind::Other(Vec::new())),
                    },
                };
                Kind::Export("default".to_owned(), Box::new(value))
            }
            Statement::ExportDeclaration(it) => {
                let declared = self.declaration(&it.declaration);
                // The declarations themselves, and each name once more as an export.
                let mut parts = Vec::new();
                for node in declared {
                    for name in declared_names(&node) {
                        let value = Box::new(self.node(it.span, Kind::Name(name.clone())));
                        parts.push(self.node(it.span, Kind::Export(name, value)));
                    }
                    parts.push(node);
                }
                Kind::Other(parts)
            }
            Statement::TSExportAssignment(it) => {
                Kind::Export("default".to_owned(), Box::new(self.expression(&it.expression)))
            }
            other => match other.as_declaration() {
                Some(declaration) => {
                    let mut nodes = self.declaration(declaration);
                    if nodes.len() == 1 { nodes.remove(0).kind } else { Kind::Other(nodes) }
                }
                None => Kind::Other(Vec::new()),
            },
        }
    }

    fn declaration(&mut self, declaration: &Declaration<'_>) -> Vec<Node> {
        match declaration {
            Declaration::VariableDeclaration(it) => self.declarators(it),
            Declaration::FunctionDeclaration(it) => vec![self.function(it)],
            Declaration::ClassDeclaration(it) => vec![self.class(it)],
            _ => Vec::new(),
        }
    }

    fn declarators(&mut self, declaration: &VariableDeclaration<'_>) -> Vec<Node> {
        declaration
            .declarations
            .iter()
            .map(|it| {
                let pattern = self.pattern(&it.id);
                let value = it.init.as_ref().map(|init| Box::new(self.expression(init)));
                self.node(it.span, Kind::Declare(pattern, value))
            })
            .collect()
    }

    fn expressions<'e, 'a: 'e>(
        &mut self,
        expressions: impl Iterator<Item = &'e Expression<'a>>,
    ) -> Vec<Node> {
        expressions.map(|expression| self.expression(expression)).collect()
    }

    fn expression(&mut self, expression: &Expression<'_>) -> Node {
        if self.depth >= MAX_DEPTH {
            return self.node(expression.span(), Kind::Other(Vec::new()));
        }
        self.depth += 1;
        let kind = self.expression_kind(expression);
        self.depth -= 1;
        self.node(expression.span(), kind)
    }

    fn boxed(&mut self, expression: &Expression<'_>) -> Box<Node> {
        Box::new(self.expression(expression))
    }

    fn arguments(&mut self, arguments: &[oxc_ast::ast::Argument<'_>]) -> Vec<Node> {
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
    fn expression_kind(&mut self, expression: &Expression<'_>) -> Kind {
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

    fn member(&mut self, member: &MemberExpression<'_>) -> Kind {
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

    fn target(&mut self, target: &AssignmentTarget<'_>) -> Node {
        let kind = match target {
            AssignmentTarget::AssignmentTargetIdentifier(it) => Kind::Name(it.name.to_string()),
            other => match other.as_member_expression() {
                Some(member) => self.member(member),
                None => Kind::Other(Vec::new()),
            },
        };
        self.node(target.span(), kind)
    }

    fn function(&mut self, function: &OxcFunction<'_>) -> Node {
        let name = function.id.as_ref().map(|id| id.name.to_string());
        let parameters = self.parameters(&function.params);
        let body =
            function.body.as_ref().map_or_else(Vec::new, |body| self.statements(&body.statements));
        self.node(function.span, Kind::Function(Function { name, parameters, body }))
    }

    fn parameters(&mut self, parameters: &FormalParameters<'_>) -> Vec<Pattern> {
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

    fn class(&mut self, class: &Class<'_>) -> Node {
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

    fn pattern(&mut self, pattern: &BindingPattern<'_>) -> Pattern {
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

fn key(key: &PropertyKey<'_>) -> Option<String> {
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

/// The names that a declaration makes.
fn declared_names(node: &Node) -> Vec<String> {
    fn names(pattern: &Pattern, into: &mut Vec<String>) {
        match pattern {
            Pattern::Name(name) => into.push(name.clone()),
            Pattern::Object(keys) => keys.iter().for_each(|(_, pattern)| names(pattern, into)),
            Pattern::Array(items) => items.iter().for_each(|pattern| names(pattern, into)),
            Pattern::Default(inner, _) => names(inner, into),
            Pattern::Other => {}
        }
    }
    let mut found = Vec::new();
    match &node.kind {
        Kind::Declare(pattern, _) => names(pattern, &mut found),
        Kind::Function(Function { name: Some(name), .. }) | Kind::Class(Some(name), _) => {
            found.push(name.clone());
        }
        _ => {}
    }
    found
}
