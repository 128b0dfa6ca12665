//! The manual page, made from the definitions of the command line.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_mangen::Man;

use super::arguments::Arguments;
use super::exit;

/// Returns the page in roff.
pub(crate) fn manual() -> Vec<u8> {
    let mut page = Vec::new();
    write_manual(&mut page).expect("writing to memory does not fail");
    page
}

fn write_manual(page: &mut Vec<u8>) -> io::Result<()> {
    let program = Arguments::command().disable_help_subcommand(true);
    let man = Man::new(program.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    for command in program.get_subcommands() {
        write_command(command, program.get_name(), page)?;
    }
    write_exit_codes(page)
}

/// Writes a command, or each of its subcommands, as a section.
fn write_command(command: &clap::Command, parent: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let name = format!("{parent} {}", command.get_name());
    if command.has_subcommands() {
        return command.get_subcommands().try_for_each(|below| write_command(below, &name, page));
    }
    let mut section = Vec::new();
    let man = Man::new(command.clone().bin_name(&name).disable_help_flag(true));
    man.render_description_section(&mut section)?;
    man.render_synopsis_section(&mut section)?;
    man.render_options_section(&mut section)?;
    writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
    page.write_all(below_section(&String::from_utf8_lossy(&section)).as_bytes())
}

/// Turns the sections of a separate page into parts of one section.
fn below_section(section: &str) -> String {
    section
        .replace(".SH DESCRIPTION\n", "")
        .replace(".SH SYNOPSIS\n", ".PP\n")
        .replace(".SH OPTIONS\n", "")
}

fn write_exit_codes(page: &mut Vec<u8>) -> io::Result<()> {
    writeln!(page, ".SH \"EXIT STATUS\"")?;
    exit::TABLE.iter().try_for_each(|exit| writeln!(page, ".TP\n{}\n{}", exit.code, exit.meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_every_command_and_every_exit_code() {
        let page = String::from_utf8(manual()).expect("roff is text");
        for command in
            ["RUN", "CHECK", "TEST", "KEY NEW", "KEY CHECK", "SCHEMA", "COMPLETIONS", "MAN"]
        {
            assert!(page.contains(&format!(".SH \"SEGPREP {command}\"\n")), "{command}\n{page}");
        }
        for exit in exit::TABLE {
            assert!(page.contains(&format!(".TP\n{}\n", exit.code)), "{}", exit.code);
        }
    }
}
