//! What can be typed.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::place::{Listed, Place};

/// What is done with images.
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Copy an image, or all of a repository, between registries and OCI layouts on disk
    ///
    /// What is there is skipped, so a copy that was stopped can be started again.
    Copy(CopyArguments),
    /// List the repositories of a registry, or the tags of a repository or of a layout
    Ls(ListArguments),
    /// Show an image: its digest, its manifest, its configuration and who refers to it, as JSON
    Inspect(InspectArguments),
    /// Delete a tag, or with @DIGEST a manifest and all of its tags
    Rm(RemoveArguments),
}

/// What is copied where.
#[derive(Debug, Args)]
pub(crate) struct CopyArguments {
    /// What to copy: HOST[:PORT]/NAME[:TAG|@DIGEST], or oci:DIR[:TAG]; without a tag it is `latest`, or the only image of a layout
    #[arg(value_name = "SRC")]
    pub(crate) source: Place,
    /// Where to: HOST[:PORT]/NAME[:TAG], or oci:DIR[:TAG]; without a tag it is that of the source
    #[arg(value_name = "DST")]
    pub(crate) destination: Place,
    /// Copy every tag
    #[arg(long)]
    pub(crate) all_tags: bool,
    /// Copy what refers to the images too: signatures, attestations, whatever has them as its subject
    #[arg(long)]
    pub(crate) referrers: bool,
    /// How many blobs and manifests to move at once
    #[arg(long, value_name = "N", default_value = "8")]
    pub(crate) jobs: NonZeroUsize,
    /// Who to be at the source, when that differs; its password is that of WHARF_FROM_PASSWORD [env: WHARF_FROM_USER]
    #[arg(long, value_name = "NAME[:PASSWORD]")]
    pub(crate) from_user: Option<String>,
    /// How to connect.
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// What is listed.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// HOST[:PORT] for its repositories, HOST[:PORT]/NAME or oci:DIR for its tags
    #[arg(value_name = "HOST[/NAME]")]
    pub(crate) what: Listed,
    /// How to connect.
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// What is shown.
#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// HOST[:PORT]/NAME[:TAG|@DIGEST] or oci:DIR[:TAG]
    #[arg(value_name = "REF")]
    pub(crate) place: Place,
    /// Print the manifest as it is, byte by byte
    #[arg(long)]
    pub(crate) raw: bool,
    /// How to connect.
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// What is deleted.
#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// HOST[:PORT]/NAME:TAG, HOST[:PORT]/NAME@DIGEST, or the same of oci:DIR
    #[arg(value_name = "REF")]
    pub(crate) place: Place,
    /// How to connect.
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// How a registry is reached, and as whom.
#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// Speak plain HTTP to hosts other than this machine, which is spoken to so unless --ca, --cert or --insecure is there
    #[arg(long, conflicts_with_all = ["ca", "cert", "insecure"])]
    pub(crate) plain_http: bool,
    /// Who to be; the password comes from WHARF_PASSWORD or --password-stdin, as everybody on this machine can read arguments.
    /// Of a copy it is for the destination, unless that is a layout [env: WHARF_USER] [default: the logins of docker and podman]
    #[arg(long, value_name = "NAME[:PASSWORD]")]
    pub(crate) user: Option<String>,
    /// Read the password of --user from the first line of standard input
    #[arg(long, requires = "user")]
    pub(crate) password_stdin: bool,
    /// Trust the authorities of this PEM file, beside those of the machine
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The certificates to show, a PEM file
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The key of --cert, a PEM file
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Take any certificate: whoever sits in between can read and change everything
    #[arg(long)]
    pub(crate) insecure: bool,
}

impl Reach {
    /// Whether something was typed that makes sense with TLS only.
    pub(crate) fn wants_tls(&self) -> bool {
        self.ca.is_some() || self.cert.is_some() || self.insecure
    }
}
