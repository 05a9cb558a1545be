//! The suite as a program: a URL in, a line per test out.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use wharf_conformance::{Credentials, Filter, Report, Sparse, Target, TestReport, run_each};

/// Checks a registry against the OCI distribution specification.
#[derive(Debug, Parser)]
#[command(name = "wharf-conformance", version)]
struct Arguments {
    /// Where the registry is, such as http://127.0.0.1:5000
    url: String,
    /// Run only tests whose name or section holds this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Print one JSON document at the end instead of lines
    #[arg(long)]
    json: bool,
    /// The registry was configured to take manifests whose parts are missing
    #[arg(long)]
    sparse: bool,
    /// Credentials for the Basic scheme
    #[arg(long, value_name = "NAME:PASSWORD")]
    user: Option<String>,
    /// The first components of every repository that is used
    #[arg(long, value_name = "NAME", default_value = "conformance")]
    prefix: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match report(&arguments).await {
        Ok(report) if report.failed().is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            // Nobody is left to tell when even this cannot be written.
            let _ = writeln!(std::io::stderr(), "wharf-conformance: {error}");
            ExitCode::from(2)
        }
    }
}

async fn report(arguments: &Arguments) -> Result<Report, Box<dyn std::error::Error>> {
    let mut target = Target::new(&arguments.url)?;
    target.repository_prefix.clone_from(&arguments.prefix);
    target.sparse = if arguments.sparse { Sparse::Accepted } else { Sparse::Refused };
    target.credentials = arguments.user.as_deref().map(credentials).transpose()?;
    let filter = arguments.filter.clone().map_or(Filter::All, Filter::Containing);
    let mut out = std::io::stdout();
    let mut line = |test: &TestReport| {
        if !arguments.json {
            // A reader that went away does not stop the run.
            let _ = writeln!(out, "{test}");
        }
    };
    let report = run_each(&target, &filter, &mut line).await;
    let closing = if arguments.json { report.to_json() } else { report.to_string() };
    writeln!(out, "{closing}")?;
    Ok(report)
}

fn credentials(pair: &str) -> Result<Credentials, &'static str> {
    let (user, password) = pair.split_once(':').ok_or("--user is NAME:PASSWORD")?;
    Ok(Credentials { user: user.to_owned(), password: password.to_owned() })
}
