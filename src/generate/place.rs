//! Where in `plan.yaml` a wrong value stands, found by the path that the error names.

/// The line of the text that a message such as `workloads[web].user.uid is root` is about.
pub(crate) fn line(text: &str, message: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let place = message.split([' ', ':']).next().unwrap_or_default();
    let (top, rest) = place.split_once('[').unwrap_or((place, ""));
    let top = top.split('.').next().unwrap_or(top);
    let begin = lines.iter().position(|line| line.starts_with(&format!("{top}:"))).unwrap_or(0);
    let end = lines[(begin + 1).min(lines.len())..]
        .iter()
        .position(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .map_or(lines.len(), |offset| begin + 1 + offset);
    let is_entry = |line: &str| {
        let line = line.trim_start();
        line.starts_with("- id:") || line.starts_with("- name:")
    };
    // What the message says of a value: `"x"`, or its last word.
    let quoted = message.split('"').nth(1).filter(|value| !value.is_empty());
    let twice = message.split_once("two entries with id ").map(|(_, id)| id.trim());
    if let Some(id) = twice {
        let named =
            |line: &&str| line.trim_start().strip_prefix("- id:").map(str::trim) == Some(id);
        let second = lines.iter().enumerate().filter(|(_, line)| named(line)).nth(1);
        return second.map_or(begin, |(at, _)| at) + 1;
    }
    let mut block = begin..end;
    let mut keys = String::new();
    if let Some((id, after)) = rest.split_once(']') {
        let starts = |line: &str| {
            let line = line.trim_start().trim_start_matches("- id:").trim();
            line.trim_matches(['"', '\'']) == id
        };
        if let Some(at) = (begin..end).find(|at| is_entry(lines[*at]) && starts(lines[*at])) {
            let indent = |line: &str| line.len() - line.trim_start().len();
            let last = (at + 1..end)
                .find(|next| {
                    lines[*next].trim_start().starts_with("- id:")
                        && indent(lines[*next]) <= indent(lines[at])
                })
                .unwrap_or(end);
            block = at..last;
        }
        after.clone_into(&mut keys);
    }
    // Each part of the path narrows the block.
    let mut from = block.start;
    for key in keys.split(['.', '[', ']']).filter(|key| !key.is_empty()) {
        let found = (from..block.end).find(|at| {
            let line = lines[*at].trim_start().trim_start_matches("- ");
            line.starts_with(&format!("{key}:"))
                || line
                    .strip_prefix("name:")
                    .is_some_and(|name| name.trim().trim_matches(['"', '\'']) == key)
        });
        match found {
            Some(at) => from = at,
            None => break,
        }
    }
    let missing = message.rsplit_once(" has no ").map(|(_, name)| name.trim());
    let wanted = quoted.or(missing);
    let exact = wanted.and_then(|value| (from..block.end).find(|at| lines[*at].contains(value)));
    exact.unwrap_or(from) + 1
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn lines_are_found() {
        let text = "schema: migrate/plan/1\nname: X\nworkloads:\n- id: a\n  user:\n    uid: 5\n- id: b\n  \
                    user:\n    name: u\n    uid: 0\n  environment:\n  - name: A\n    value: x\n  - name: B\n    \
                    secret: NOPE\n  files:\n  - path: /x\n  - path: /../y\n- id: a\nsecrets: []\n";
        for (message, expected) in [
            ("name: \"X\" is no name of lower case", 2),
            ("workloads[b].user.uid is root, which no workload runs as", 10),
            ("workloads[b].environment[B]: secrets has no NOPE", 15),
            ("workloads[b].files: \"/../y\" is no absolute path", 18),
            ("workloads has two entries with id a", 19),
            ("workloads[b].schedule is missing", 7),
            ("something else", 1),
        ] {
            assert_eq!(line(text, message), expected, "{message}");
        }
        assert_eq!(line("", "workloads[b].x"), 1);
    }
}
