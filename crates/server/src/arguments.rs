//! What was typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use wharf_reference::RepositoryName;

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
#[cfg_attr(
    feature = "client",
    expect(clippy::large_enum_variant, reason = "there is one, and it is taken apart at once")
)]
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
    /// Look at who may do what
    Access {
        /// What to look at.
        #[command(subcommand)]
        command: AccessCommand,
    },
    /// Print the document of the API, made from the routes that this program serves
    ApiDescriptor {
        /// In which form
        #[arg(long, value_name = "FORMAT", default_value = "markdown", conflicts_with = "template")]
        format: DocumentFormat,
        /// A template of Go's text/template to render instead, as Distribution's registry-api-descriptor-template does
        template: Option<PathBuf>,
    },
    /// Do something with the images of registries and of OCI layouts on disk
    #[cfg(feature = "client")]
    #[command(flatten)]
    Images(crate::images::ImageCommand),
}

/// In which form the API is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentFormat {
    /// For people
    Markdown,
    /// OpenAPI 3.1, as JSON
    Openapi,
}

/// What is done with a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print what a file and the environment come to: defaults are marked, secrets are left out
    Show {
        /// The file.
        file: PathBuf,
    },
    /// Say whether a file would start a registry, and what in it is wrong, risky or unknown
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// What is looked at of who may do what.
#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// Say whether the rules of a file allow something, and which of them decides; ends with 0 if so, with 1 if not
    Explain(Question),
}

/// Who wants to do what to which repository.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("caller").required(true).args(["user", "anonymous"])))]
pub(crate) struct Question {
    /// The configuration file
    pub(crate) file: PathBuf,
    /// The user that wants it
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// It is somebody who has not logged in
    #[arg(long)]
    pub(crate) anonymous: bool,
    /// What the token of the user says; may be given several times
    #[arg(long = "claim", value_name = "KEY=VALUE", conflicts_with = "anonymous", value_parser = claim)]
    pub(crate) claims: Vec<(String, String)>,
    /// What is wanted
    #[arg(long)]
    pub(crate) action: ActionArgument,
    /// To which repository; the catalog needs none
    #[arg(
        long,
        value_name = "NAME",
        required_if_eq_any = [("action", "pull"), ("action", "push"), ("action", "delete")]
    )]
    pub(crate) repository: Option<RepositoryName>,
}

/// What can be wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ActionArgument {
    Pull,
    Push,
    Delete,
    Catalog,
}

fn claim(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
