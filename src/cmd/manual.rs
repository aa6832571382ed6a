//! `migrate completions` and `migrate man`.

use clap::CommandFactory;

use crate::cli::Arguments;
use crate::error::{Context, Exit, Result};

pub(super) fn completions(shell: clap_complete::Shell) -> Exit {
    clap_complete::generate(shell, &mut Arguments::command(), "migrate", &mut std::io::stdout());
    Exit::Yes
}

pub(super) fn page() -> Result<Exit> {
    clap_mangen::Man::new(Arguments::command())
        .render(&mut std::io::stdout())
        .remote("write the manual page")?;
    Ok(Exit::Yes)
}
