//! From oxc's tree to ours: statements.

mod binding;
mod expression;

use oxc_ast::ast::{
    Declaration, ExportDefaultDeclarationKind, ForStatementInit, ImportDeclarationSpecifier,
    Program, Statement, VariableDeclaration,
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
