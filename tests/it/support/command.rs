//! Runs other programs with a time limit and shows everything about them when they fail.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for the slowest step of a move on two cores; a command that hangs must not take the whole run with it.
const LIMIT: Duration = Duration::from_mins(15);

/// A program about to be run.
pub(crate) struct Run {
    command: Command,
    shown: String,
    limit: Duration,
}

/// What a program did.
pub(crate) struct Output {
    /// The command line, for messages.
    pub(crate) shown: String,
    /// Its exit code; -1 if a signal ended it.
    pub(crate) code: i32,
    /// All of its standard output, as text.
    pub(crate) stdout: String,
    /// All of its standard error, as text.
    pub(crate) stderr: String,
}

/// A program by name (searched in `PATH`) or path, with its arguments.
pub(crate) fn command<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
) -> Run {
    let arguments: Vec<OsString> =
        arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
    let mut shown = program.as_ref().to_string_lossy().into_owned();
    for argument in &arguments {
        shown.push(' ');
        shown.push_str(&argument.to_string_lossy());
    }
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Run { command, shown, limit: LIMIT }
}

/// Runs docker, which must succeed; returns its standard output.
pub(crate) fn docker<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> String {
    command("docker", arguments).run().expect_code(0).stdout
}

impl Run {
    /// With an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Without an environment variable.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// With a time limit of its own.
    pub(crate) fn within(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started or takes too long.
    pub(crate) fn run(self) -> Output {
        let shown = self.shown.clone();
        self.try_run().unwrap_or_else(|error| panic!("{shown}: {error}"))
    }

    /// Runs it to its end; an error when it cannot be started or takes too long.
    pub(crate) fn try_run(self) -> io::Result<Output> {
        self.start()?.end()
    }

    /// Starts it and does not wait.
    pub(crate) fn start(mut self) -> io::Result<Started> {
        let mut child = self.command.spawn()?;
        let stdout = Collected::from(child.stdout.take());
        let stderr = Collected::from(child.stderr.take());
        Ok(Started { child, stdout, stderr, shown: self.shown, limit: self.limit })
    }
}

/// A program that runs.
pub(crate) struct Started {
    child: Child,
    stdout: Collected,
    stderr: Collected,
    shown: String,
    limit: Duration,
}

impl Started {
    /// Sends it a signal (INT, TERM, KILL).
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let out = command("sh", ["-c", "kill -s \"$0\" \"$1\"", name, &id]).run();
        assert!(out.code == 0 || out.stderr.contains("No such process"), "{out}");
    }

    /// Waits until it hears this signal itself, so that its default no longer ends it.
    pub(crate) fn hears(&self, number: u32) {
        let path = format!("/proc/{}/status", self.child.id());
        let end = Instant::now() + self.limit;
        loop {
            let status = std::fs::read_to_string(&path).unwrap_or_default();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let mask = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
            if mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1) {
                return;
            }
            assert!(Instant::now() < end, "{} never heard signal {number}", self.shown);
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for its end; an error when that takes too long.
    pub(crate) fn end(mut self) -> io::Result<Output> {
        let status = wait(&mut self.child, self.limit)?;
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        let Some(status) = status else {
            let message = format!("stopped after {} s\n{stdout}\n{stderr}", self.limit.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        };
        Ok(Output { shown: self.shown, code: status.code().unwrap_or(-1), stdout, stderr })
    }
}

/// A stream read beside the waiting: a full pipe would stop the program.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
}

impl Collected {
    fn from(stream: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let Some(mut stream) = stream else { return };
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).extend(&buffer[..count]);
            }
        });
        Self { bytes, reader }
    }

    /// What came; something the program left running may hold the stream open, and is not waited for.
    fn text(self) -> String {
        let end = Instant::now() + Duration::from_secs(5);
        while !self.reader.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
            .into_owned()
    }
}

/// None when the limit passed; the program is killed then.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

impl Output {
    /// The output itself if the exit code is this one.
    ///
    /// # Panics
    /// Otherwise, with all that the program wrote.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        // What the program said comes last: a log that is cut keeps its end.
        assert!(self.code == code, "exit code {}, not {code}\n{self}", self.code);
        self
    }

    /// Its standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not JSON: {error}\n{self}"))
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "$ {}\nexit code {}\n--- stdout\n{}\n--- stderr\n{}",
            self.shown, self.code, self.stdout, self.stderr
        )
    }
}
