//! What was typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// A container registry.
#[derive(Debug, Parser)]
#[command(name = "wharf", version, about = "A container registry", disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// What to do; nothing means `serve`.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a registry
    Serve {
        /// A configuration file as Distribution reads it [default: $REGISTRY_CONFIGURATION_PATH, or else a registry on
        /// 127.0.0.1:5000 stored under ./registry-data]
        file: Option<PathBuf>,
    },
    /// Look at a configuration
    Config {
        /// What to do with it.
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

/// What is done with a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether a file would start a registry, and what in it is wrong, risky or unknown
    Check {
        /// The file.
        file: PathBuf,
    },
}
