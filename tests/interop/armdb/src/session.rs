//! The one open store and everything that runs on it: leader, follower, churn.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use armdb::ShutdownSignal;
use armdb::fixed_replication::{FixedReplicationClient, FixedReplicationServer};

use crate::churn::{Churn, Mix, OperationNumbers, Pace, burst};
use crate::scan_gate::{Gate, GatedEngine};
use crate::shapes;
use crate::store::{Answer, OpenOptions, Store};

struct Server {
    server: FixedReplicationServer,
    signal: ShutdownSignal,
}

/// An open store. Dropping it does not close it cleanly, just as the end of the process does not.
pub struct Session {
    store: Arc<dyn Store>,
    gate: Arc<Gate>,
    server: Option<Server>,
    client: Option<FixedReplicationClient>,
    churn: Option<Churn>,
    numbers: OperationNumbers,
    served_before: bool,
}

impl Session {
    /// Opens or makes the directory.
    pub fn open(dir: &Path, shape: &str, options: &OpenOptions) -> Answer<Self> {
        Ok(Self {
            store: shapes::open(dir, shape, options)?,
            gate: Arc::default(),
            server: None,
            client: None,
            churn: None,
            numbers: Arc::new(AtomicU64::new(0)),
            served_before: false,
        })
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// The gate in the leader's scans.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Starts armdb's leader; port 0 picks a free one. Answers the address.
    pub fn serve(&mut self, address: SocketAddr) -> Answer<SocketAddr> {
        if self.server.is_some() {
            return Err("it serves already".into());
        }
        // 0.1.14 panics in its acceptor at the first connection of a second server over one store.
        if cfg!(feature = "protocol1") && self.served_before {
            return Err("armdb 0.1.14 serves a store once: close and open it first".into());
        }
        let address = with_port(address)?;
        let engine = Arc::new(GatedEngine { engine: self.store.engine(), gate: self.gate.clone() });
        let signal = ShutdownSignal::new();
        let server = FixedReplicationServer::start(address, engine, signal.clone())
            .map_err(|error| format!("cannot serve {address}: {error}"))?;
        self.server = Some(Server { server, signal });
        self.served_before = true;
        Ok(address)
    }

    /// Stops the leader and waits for its threads. A held scan ends as armdb ends one: with a partial CaughtUp.
    pub fn unserve(&mut self) -> Answer<()> {
        let Server { server, signal } = self.server.take().ok_or("it does not serve")?;
        signal.shutdown();
        self.gate.release();
        drop(server);
        Ok(())
    }

    /// Starts armdb's own follower.
    pub fn follow(&mut self, address: SocketAddr) -> Answer<()> {
        if self.client.is_some() {
            return Err("it follows already".into());
        }
        let client = FixedReplicationClient::start(address, self.store.target(), ShutdownSignal::new())
            .map_err(|error| error.to_string())?;
        self.client = Some(client);
        Ok(())
    }

    /// Stops the follower and waits for its threads.
    pub fn unfollow(&mut self) -> Answer<()> {
        drop(self.client.take().ok_or("it does not follow")?);
        Ok(())
    }

    /// Starts a churn in the background.
    pub fn start_churn(&mut self, mix: Mix, pace: Pace) -> Answer<()> {
        if self.churn.as_ref().is_some_and(|churn| !churn.finished()) {
            return Err("it churns already".into());
        }
        self.churn = Some(Churn::start(self.store.clone(), mix, self.numbers.clone(), pace));
        Ok(())
    }

    /// Stops the churn; answers how many operations wrote.
    pub fn stop_churn(&mut self) -> Answer<u64> {
        self.churn.take().ok_or("it does not churn")?.stop()
    }

    /// Does `count` operations at full speed; answers how many wrote.
    pub fn burst(&self, mix: Mix, count: u64) -> Answer<u64> {
        burst(self.store(), &mix, &self.numbers, count)
    }

    /// Stops everything and closes the store cleanly.
    pub fn close(mut self) -> Answer<()> {
        if self.churn.is_some() {
            self.stop_churn()?;
        }
        if self.client.is_some() {
            self.unfollow()?;
        }
        if self.server.is_some() {
            self.unserve()?;
        }
        self.store.close()
    }
}

/// The server tells nobody its port, so a free one is found before it starts.
fn with_port(address: SocketAddr) -> Answer<SocketAddr> {
    if address.port() != 0 {
        return Ok(address);
    }
    let listener = TcpListener::bind(address).map_err(|error| error.to_string())?;
    listener.local_addr().map_err(|error| error.to_string())
}

/// Repeats `ask` every 2 ms until it answers `done`; fails with what it last answered.
pub fn wait(limit: Duration, mut ask: impl FnMut() -> Answer<(bool, String)>) -> Answer<String> {
    let started = Instant::now();
    loop {
        let (done, answer) = ask()?;
        if done {
            return Ok(answer);
        }
        if started.elapsed() >= limit {
            return Err(format!("still {answer} after {} ms", limit.as_millis()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
