//! Which elements of two lists belong together.

use serde_json::Value;

use crate::verify::learn::{name, time, token};

/// Largest product of lengths for which lists are aligned element by element.
const LARGEST: usize = 40_000;

/// A longest common subsequence, as pairs of indices; equal ends are taken off first.
pub(super) fn common(
    one: usize,
    two: usize,
    same: &dyn Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let mut front = 0;
    while front < one && front < two && same(front, front) {
        front += 1;
    }
    let mut back = 0;
    while back < one - front && back < two - front && same(one - 1 - back, two - 1 - back) {
        back += 1;
    }
    let (rows, columns) = (one - front - back, two - front - back);
    let mut pairs: Vec<(usize, usize)> = (0..front).map(|index| (index, index)).collect();
    if rows > 0 && columns > 0 && rows * columns <= LARGEST {
        let width = columns + 1;
        let mut matches = vec![false; rows * columns];
        let mut best = vec![0_u32; (rows + 1) * width];
        for row in (0..rows).rev() {
            for column in (0..columns).rev() {
                let equal = same(front + row, front + column);
                matches[row * columns + column] = equal;
                best[row * width + column] = if equal {
                    best[(row + 1) * width + column + 1] + 1
                } else {
                    best[(row + 1) * width + column].max(best[row * width + column + 1])
                };
            }
        }
        let (mut row, mut column) = (0, 0);
        while row < rows && column < columns {
            if matches[row * columns + column] {
                pairs.push((front + row, front + column));
                row += 1;
                column += 1;
            } else if best[(row + 1) * width + column] >= best[row * width + column + 1] {
                row += 1;
            } else {
                column += 1;
            }
        }
    }
    pairs.extend((0..back).rev().map(|index| (one - 1 - index, two - 1 - index)));
    pairs
}

/// For each element of the first list one of the second that is alike, if there is one for each.
pub(super) fn matching(one: &[&Value], two: &[&Value], pointer: &str) -> Option<Vec<usize>> {
    if one.len() != two.len() || one.len() * two.len() > LARGEST {
        return None;
    }
    let key = name::last(pointer);
    let mut free: Vec<usize> = (0..two.len()).collect();
    one.iter()
        .map(|element| {
            let found = free.iter().position(|index| alike(element, two[*index], key))?;
            Some(free.remove(found))
        })
        .collect()
}

/// Whether two values are the same but for times, ids and counts.
pub(super) fn alike(left: &Value, right: &Value, key: &str) -> bool {
    match (left, right) {
        (Value::Object(one), Value::Object(two)) => {
            one.len() == two.len()
                && one
                    .iter()
                    .all(|(key, value)| two.get(key).is_some_and(|other| alike(value, other, key)))
        }
        (Value::Array(one), Value::Array(two)) => {
            one.len() == two.len()
                && one.iter().zip(two).all(|(left, right)| alike(left, right, key))
        }
        (Value::String(one), Value::String(two)) => {
            one == two
                || (time::parse(one).is_some() && time::parse(two).is_some())
                || (token::is_random(one) && token::is_random(two) && token::fits(one, one, two))
        }
        (Value::Number(one), Value::Number(two)) => {
            one == two || name::is_id(key) && fresh(one) && fresh(two) || name::is_count(key)
        }
        _ => left == right,
    }
}

/// Whether a number can be an id: elements that have an id but nothing else are told apart by it.
fn fresh(number: &serde_json::Number) -> bool {
    number.is_u64()
}
