//! Command lines: from a unit's or crontab's text to program and arguments.

use crate::model::inventory::{Role, Service};

/// Program and arguments of a workload.
pub(super) fn decide(service: &Service) -> Vec<String> {
    let text = service.command.as_deref().unwrap_or_default();
    match service.runtime.name.as_str() {
        "nginx" => nginx(&loose(text)),
        "mariadb" => mariadb(service, &loose(text)),
        "redis" | "valkey" if service.role == Role::Cache => redis(service, &loose(text)),
        "memcached" if service.role == Role::Cache => memcached(&loose(text)),
        _ => parse(text),
    }
}

/// Words of a command line whose program is known, so that no shell is needed: what a shell or
/// systemd would fill in stays as it stands.
fn loose(text: &str) -> Vec<String> {
    let text = unmarked(text);
    words(text).unwrap_or_else(|| text.split_whitespace().map(str::to_owned).collect())
}

/// Without systemd's marks in front of the program.
fn unmarked(text: &str) -> &str {
    text.trim().trim_start_matches(['-', '@', ':', '+', '!']).trim()
}

/// Reads a command line. What needs a shell is given to one.
fn parse(text: &str) -> Vec<String> {
    let text = unmarked(text);
    match words(text) {
        Some(words) => words,
        None if text.is_empty() => Vec::new(),
        None => vec!["/bin/sh".into(), "-c".into(), text.to_owned()],
    }
}

/// Words of a command line; `None` when it means more than words to a shell.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        end if end == character => break,
                        '$' | '`' if character == '"' => return None,
                        '\\' if character == '"' => word.push(characters.next()?),
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(characters.next()?),
            '$' | '`' | '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '#' | '~'
            | '\n' => {
                return None;
            }
            space if space.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    // `NAME=value program` is an assignment to a shell.
    let assigns = words.first().is_some_and(|first: &String| first.contains('='));
    (!words.is_empty() && !assigns).then_some(words)
}

fn program<'a>(stated: &'a [String], default: &'a str) -> &'a str {
    stated.first().map_or(default, String::as_str)
}

/// In the foreground; a main file that the server names is kept.
fn nginx(stated: &[String]) -> Vec<String> {
    let mut command = vec![program(stated, "/usr/sbin/nginx").to_owned()];
    let mut arguments = stated.iter().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-c" | "-p" => {
                command.push(argument.clone());
                command.extend(arguments.next().cloned());
            }
            "-g" => {
                arguments.next();
            }
            _ => {}
        }
    }
    command.extend(["-g".to_owned(), "daemon off;".to_owned()]);
    command
}

/// The server itself, without wrappers, with the main configuration file by name: on Debian the
/// usual name is a link that an image may not have.
fn mariadb(service: &Service, stated: &[String]) -> Vec<String> {
    let program = match program(stated, "/usr/sbin/mariadbd") {
        wrapper if wrapper.ends_with("_safe") || wrapper.ends_with("-safe") => "/usr/sbin/mariadbd",
        program => program,
    };
    let mut command = vec![program.to_owned()];
    let names = ["/mariadb.cnf", "/my.cnf"];
    let main = names.iter().find_map(|name| {
        service.configuration.iter().find(|file| file.path.ends_with(name) && !file.secret)
    });
    command.extend(main.map(|file| format!("--defaults-file={}", file.path)));
    let kept = stated.iter().skip(1).filter(|argument| {
        // systemd fills variables of Galera in here; `--user` is for root only.
        argument.starts_with("--")
            && !argument.contains('$')
            && !argument.starts_with("--user")
            && !argument.starts_with("--defaults-file")
            && !argument.starts_with("--bind-address")
    });
    command.extend(kept.cloned());
    command
}

fn redis(service: &Service, stated: &[String]) -> Vec<String> {
    let mut command = vec![program(stated, "/usr/bin/redis-server").to_owned()];
    let stated_file = stated.iter().skip(1).find(|argument| argument.starts_with('/')).cloned();
    let file = stated_file
        .or_else(|| service.configuration.first().map(|configuration| configuration.path.clone()));
    command.extend(file);
    let options = ["--daemonize", "no", "--supervised", "no", "--logfile", "", "--bind", "0.0.0.0"];
    command.extend(options.map(str::to_owned));
    // Other workloads reach it through a network policy, which stands in for the loopback.
    command.extend(["--protected-mode", "no"].map(str::to_owned));
    command
}

fn memcached(stated: &[String]) -> Vec<String> {
    let mut command = vec![program(stated, "/usr/bin/memcached").to_owned()];
    command.extend(["-l", "0.0.0.0"].map(str::to_owned));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_need_no_shell() {
        assert_eq!(parse("/usr/bin/node server.js"), ["/usr/bin/node", "server.js"]);
        assert_eq!(parse("-/usr/bin/node \"my app.js\" 'x'"), ["/usr/bin/node", "my app.js", "x"]);
    }

    #[test]
    fn shell_syntax_goes_to_a_shell() {
        let text = "cd /srv/app && node tidy.js > /dev/null 2>&1";
        assert_eq!(parse(text), ["/bin/sh", "-c", text]);
        assert_eq!(parse("A=1 node x.js"), ["/bin/sh", "-c", "A=1 node x.js"]);
        assert_eq!(parse(""), Vec::<String>::new());
    }

    #[test]
    fn nginx_stays_in_the_foreground() {
        let stated = loose("/usr/sbin/nginx -g 'daemon on; master_process on;'");
        assert_eq!(nginx(&stated), ["/usr/sbin/nginx", "-g", "daemon off;"]);
    }
}
