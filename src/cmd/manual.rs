//! `migrate completions` and `migrate man`.

use clap::CommandFactory;

use crate::cli::Arguments;
use crate::console::Console;
use crate::error::{Context, Exit, Result};

pub(super) fn completions(console: Console, shell: clap_complete::Shell) -> Exit {
    // Not straight to stdout: clap takes a reader that has gone away for a fault of its own.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "migrate", &mut script);
    console.print(&String::from_utf8_lossy(&script));
    Exit::Yes
}

pub(super) fn page(console: Console) -> Result<Exit> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Arguments::command()).render(&mut page).input("make the manual page")?;
    console.print(&String::from_utf8_lossy(&page));
    Ok(Exit::Yes)
}
