//! What can be said on the command line: types only.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::model::target::Target;

/// Takes an application off its virtual machines and proves that it still behaves as it did.
#[derive(Debug, Parser)]
#[command(name = "migrate", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Folder of this engagement
    #[arg(
        short = 'C',
        long,
        global = true,
        help_heading = "Everywhere",
        default_value = "migration",
        value_name = "DIR"
    )]
    pub workspace: PathBuf,
    /// What stdout carries; messages and progress go to stderr
    #[arg(long, global = true, help_heading = "Everywhere", value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Say only what failed
    #[arg(short, long, global = true, help_heading = "Everywhere", conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; twice for even more
    #[arg(short, long, global = true, help_heading = "Everywhere", action = ArgAction::Count)]
    pub verbose: u8,
    /// When to colour
    #[arg(long, global = true, help_heading = "Everywhere", value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// What stdout carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ValueEnum for Target {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Compose => "A Docker engine",
            Self::K8s => "A Kubernetes cluster",
            Self::Sam => "Functions, by AWS SAM",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read a server; write inventory.yaml, plan.yaml and scenario/derived.yaml
    Analyze(Analyze),
    /// Write the files of a target from plan.yaml
    Generate(Generate),
    /// Build the images
    Build(Build),
    /// Bring the application up on a target
    Deploy(Deploy),
    /// Take the application down
    Undeploy(Undeploy),
    /// Move databases and folders, and check that all has arrived
    #[command(subcommand)]
    Data(Data),
    /// Replay scenarios against the original and the migrated, and compare
    Verify(Verify),
    /// Run sam/ on this machine until Ctrl-C
    Emulate(Emulate),
    /// Say where this engagement stands and what comes next
    Status,
    /// Write one page on this engagement that opens from disk
    Report(Report),
    /// Print a shell's completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// `migrate analyze`
#[derive(Debug, Clone, Args)]
pub struct Analyze {
    /// A folder (a whole root filesystem or an application's folder), a .tar[.gz|.zst|.xz] of
    /// one, or `docker://CONTAINER`
    pub source: String,
    /// Plan only these services and what they need
    #[arg(long, value_name = "SERVICE")]
    pub only: Vec<String>,
}

/// `migrate generate`
#[derive(Debug, Clone, Args)]
pub struct Generate {
    /// The target
    #[arg(long, value_enum)]
    pub to: Target,
    /// Overlay to write beside the base (k8s)
    #[arg(long, default_value = "private")]
    pub overlay: String,
    /// Show what would change and write nothing
    #[arg(long)]
    pub diff: bool,
    /// Write nothing; exit 1 if anything would change
    #[arg(long)]
    pub check: bool,
}

/// `migrate build`
#[derive(Debug, Args)]
pub struct Build {
    /// Build what this target's tree needs; the only generated one when left out
    #[arg(long, value_enum)]
    pub to: Option<Target>,
    /// Push to this registry (localhost:5000)
    #[arg(long, value_name = "REGISTRY")]
    pub push: Option<String>,
    /// Save the images to a file that `docker load` reads
    #[arg(long, value_name = "FILE.tar")]
    pub save: Option<PathBuf>,
}

/// `migrate deploy`
#[derive(Debug, Args)]
pub struct Deploy {
    /// The target
    #[arg(long, value_enum)]
    pub to: Target,
    /// Overlay to apply (k8s)
    #[arg(long, default_value = "private")]
    pub overlay: String,
    /// Kubeconfig context (k8s)
    #[arg(long)]
    pub context: Option<String>,
    /// Namespace (k8s); the plan's name when left out
    #[arg(long)]
    pub namespace: Option<String>,
    /// Address to publish on (compose); a free port of 127.0.0.1 when left out
    #[arg(long, value_name = "ADDR[:PORT]")]
    pub listen: Option<String>,
    /// Show what would be done and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Take secrets from this file of NAME=VALUE lines before the source
    #[arg(long, value_name = "FILE")]
    pub secrets_from: Option<PathBuf>,
}

/// `migrate undeploy`
#[derive(Debug, Args)]
pub struct Undeploy {
    /// The target
    #[arg(long, value_enum)]
    pub to: Target,
    /// Delete volumes and secrets, too
    #[arg(long)]
    pub delete_data: bool,
}

/// `migrate data`
#[derive(Debug, Subcommand)]
pub enum Data {
    /// Copy databases and folders
    Copy(Ends),
    /// Compare databases and folders
    Check(Ends),
}

/// The two ends of `migrate data`: source, compose, k8s[:CONTEXT[/NAMESPACE]], emulate or
/// `mysql://user@host:port/db`.
#[derive(Debug, Args)]
pub struct Ends {
    /// Where the data is; the analyzed source when left out
    #[arg(long, value_name = "END")]
    pub from: Option<String>,
    /// Where it goes; the last deployed target when left out
    #[arg(long, value_name = "END")]
    pub to: Option<String>,
    /// Take passwords from this file of NAME=VALUE lines before the source
    #[arg(long, value_name = "FILE")]
    pub secrets_from: Option<PathBuf>,
}

/// `migrate verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// Address of the original
    #[arg(long, value_name = "URL")]
    pub original: Option<String>,
    /// Address of the migrated; that of the last deploy when left out
    #[arg(long, value_name = "URL")]
    pub migrated: Option<String>,
    /// Replay only these files; all of scenario/ when left out
    #[arg(long, value_name = "FILE")]
    pub scenario: Vec<PathBuf>,
    /// Host header sent to both sides; the main server name when left out
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Trust this CA (PEM)
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub cacert: Option<PathBuf>,
    /// Do not check certificates
    #[arg(long)]
    pub insecure: bool,
    /// Carry out steps that write
    #[arg(long)]
    pub allow_writes: bool,
    /// Run this in a shell before each pass, with `MIGRATE_BASE_URL` set
    #[arg(long, value_name = "CMD")]
    pub reset: Option<String>,
}

/// `migrate emulate`
#[derive(Debug, Args)]
pub struct Emulate {
    /// Address to listen on; a free port of 127.0.0.1 when left out
    #[arg(long, value_name = "ADDR[:PORT]")]
    pub listen: Option<String>,
    /// Database of the functions: emulate (the compose tree's image, started here), compose, or
    /// `mysql://host:port`
    #[arg(long, value_name = "END")]
    pub database: Option<String>,
    /// Execution environments of each function at most
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub instances: u32,
    /// Take secrets from this file of NAME=VALUE lines before the source
    #[arg(long, value_name = "FILE")]
    pub secrets_from: Option<PathBuf>,
    /// Delete the database's volume at the end, too
    #[arg(long)]
    pub delete_data: bool,
}

/// `migrate report`
#[derive(Debug, Args)]
pub struct Report {
    /// Where to write; verdict/report.html when left out
    #[arg(short, long, value_name = "FILE.html")]
    pub output: Option<PathBuf>,
}
