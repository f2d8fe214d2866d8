//! `ringgate origin`: the sample origin alone.

use std::net::TcpListener;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::config::units::SocketAddress;

/// Run the sample origin alone.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate origin --address 127.0.0.1:8000
  curl 'http://127.0.0.1:8000/a?status=404'       chosen status
  curl 'http://127.0.0.1:8000/a?size=1MiB'        chosen size
  curl 'http://127.0.0.1:8000/a?delay=250ms'      chosen delay
  curl 'http://127.0.0.1:8000/a?chunked=1'        chunked instead of a length")]
pub struct Origin {
    /// Where it listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8000")]
    address: SocketAddress,
}

impl Origin {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let addr = self.address.get();
        let listener = TcpListener::bind(addr).with_context(|| format!("cannot listen on {addr}"))?;
        println!("sample origin http://{}", listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(super::origin::serve(listener, stop()))?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
