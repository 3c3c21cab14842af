//! `duet-mutant`: serves a broken reference server, for the conformance suite to find out.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use duet_mutants::serve::Ready;
use duet_mutants::{MUTANTS, NULLS};
use serde_json::json;

/// Serves a broken reference server, for the conformance suite to find out.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  duet-mutant list
  duet-mutant glare-is-busy --listen 127.0.0.1:4433 --ca-out ca.pem
  duet-mutant none --listen 127.0.0.1:0 --ca-out ca.pem     the unbroken reference"
)]
struct Cli {
    /// A mutant, `none` for the unbroken reference, or `list`
    name: String,
    /// Where to listen; with port 0 the system chooses, and the first line of output says what
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddr,
    /// Where to write the certificate, in PEM
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,
    /// The token of services, at the second server, which asks them everything
    #[arg(long, default_value = "conformance-suite", value_name = "TOKEN")]
    service_token: String,
    /// With `list`: as JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.name == "list" {
        list(cli.json);
        return ExitCode::SUCCESS;
    }
    match serve(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("duet-mutant: {why}");
            ExitCode::from(3)
        }
    }
}

fn list(as_json: bool) {
    if as_json {
        let mutants: Vec<_> = MUTANTS
            .iter()
            .map(|row| {
                json!({
                    "name": row.name,
                    "requirement": row.requirement,
                    "breaks": row.breaks,
                    "checks": row.checks,
                })
            })
            .collect();
        println!(
            "{:#}",
            json!({ "version": 1, "mutants": mutants, "nulls": NULLS })
        );
        return;
    }
    for row in MUTANTS {
        println!(
            "{:<24} {:<10} {} (killed by {})",
            row.name,
            row.requirement,
            row.breaks,
            row.checks.join(", ")
        );
    }
    for name in NULLS {
        println!("{name:<24} must pass no negative case");
    }
}

fn serve(cli: &Cli) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let ready = Ready::bind(&cli.name, cli.listen, &cli.service_token)?;
        if let Some(path) = &cli.ca_out {
            std::fs::write(path, &ready.certificate)
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
        println!("{} listens on {}", cli.name, ready.address);
        println!(
            "one that asks a linked service listens on {}",
            ready.clients
        );
        println!("and takes its services on {}", ready.services);
        ready
            .serve(async { drop(tokio::signal::ctrl_c().await) })
            .await
    })
}
