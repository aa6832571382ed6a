//! Services and edges as a drawing: three columns, users' side left, data right.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::inventory::{Inventory, Role};

const WIDTH: i32 = 190;
const HEIGHT: i32 = 52;
const ACROSS: i32 = 290;
const DOWN: i32 = 78;
const MARGIN: i32 = 12;

/// A box.
#[derive(Debug, Serialize)]
pub(super) struct Node {
    x: i32,
    y: i32,
    text_x: i32,
    text_y: i32,
    sub_y: i32,
    id: String,
    runtime: String,
    role: &'static str,
}

/// A line between two boxes.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    x1: i32,
    y1: i32,
    x2: i32,
    y2: i32,
    mid_x: i32,
    mid_y: i32,
    label: String,
}

/// The drawing.
#[derive(Debug, Serialize)]
pub(super) struct Drawing {
    width: i32,
    height: i32,
    box_width: i32,
    box_height: i32,
    nodes: Vec<Node>,
    lines: Vec<Line>,
}

const fn column(role: Role) -> i32 {
    match role {
        Role::Proxy => 0,
        Role::App | Role::Job | Role::Static => 1,
        Role::Database | Role::Cache => 2,
    }
}

/// Draws an inventory.
pub(super) fn draw(inventory: &Inventory) -> Drawing {
    let mut rows = [0_i32; 3];
    let mut places: BTreeMap<&str, (i32, i32, i32)> = BTreeMap::new();
    let mut nodes = Vec::new();
    for service in &inventory.services {
        let column = column(service.role);
        let row = rows.get_mut(usize::try_from(column).unwrap_or(0));
        let Some(row) = row else { continue };
        let (x, y) = (MARGIN + column * ACROSS, MARGIN + *row * DOWN);
        *row += 1;
        places.insert(&service.id, (column, x, y));
        let version = service.runtime.version.as_deref().unwrap_or("");
        nodes.push(Node {
            x,
            y,
            text_x: x + 12,
            text_y: y + 22,
            sub_y: y + 40,
            id: cut(&service.id, 22),
            runtime: cut(&format!("{} {version}", service.runtime.name), 24),
            role: service.role.name(),
        });
    }
    let lines = inventory
        .edges
        .iter()
        .filter_map(|edge| {
            let (from_column, from_x, from_y) = *places.get(edge.from.as_str())?;
            let (to_column, to_x, to_y) = *places.get(edge.to.as_str())?;
            let (x1, x2) = match from_column.cmp(&to_column) {
                std::cmp::Ordering::Less => (from_x + WIDTH, to_x),
                std::cmp::Ordering::Greater => (from_x, to_x + WIDTH),
                std::cmp::Ordering::Equal => (from_x + WIDTH / 2, to_x + WIDTH / 2),
            };
            let (y1, y2) = (from_y + HEIGHT / 2, to_y + HEIGHT / 2);
            Some(Line {
                x1,
                y1,
                x2,
                y2,
                mid_x: i32::midpoint(x1, x2),
                mid_y: i32::midpoint(y1, y2) - 6,
                label: if edge.port == 0 { "socket".to_owned() } else { edge.port.to_string() },
            })
        })
        .collect();
    Drawing {
        width: 2 * ACROSS + WIDTH + 2 * MARGIN,
        height: rows.iter().max().copied().unwrap_or(0).max(1) * DOWN + MARGIN,
        box_width: WIDTH,
        box_height: HEIGHT,
        nodes,
        lines,
    }
}

fn cut(text: &str, most: usize) -> String {
    let mut out: String = text.trim().chars().take(most).collect();
    if text.trim().chars().count() > most {
        out.push('…');
    }
    out
}
