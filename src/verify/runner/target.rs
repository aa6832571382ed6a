//! Where a pass connects to, and fresh connections to it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::Url;

use crate::error::{Error, Result};
use crate::verify::observation::{Failure, FailureKind};

/// How long a connection and its TLS handshake may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Either end of a connection, plain or TLS.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection.
pub(crate) type Stream = Box<dyn Duplex>;

/// One side of the proof: where to connect, and which host to ask for.
#[derive(Clone)]
pub(crate) struct Target {
    url: Url,
    /// Value of `Host`, port included when it is not the scheme's own.
    pub(crate) host: String,
    tls: Option<Arc<ClientConfig>>,
}

impl Target {
    /// A side at `url`, asked for `host`.
    pub(crate) fn new(url: &str, host: Option<&str>, tls: &Arc<ClientConfig>) -> Result<Self> {
        let url = parse(url)?;
        let tls = (url.scheme() == "https").then(|| Arc::clone(tls));
        let host = host.map_or_else(|| authority(&url), str::to_owned);
        Ok(Self { url, host, tls })
    }

    /// Scheme and `Host`.
    pub(crate) fn base(&self) -> String {
        format!("{}://{}", self.url.scheme(), self.host)
    }

    /// The address as the user gave it.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// A fresh connection and this machine's own address on it.
    pub(crate) async fn connect(&self) -> Result<(Stream, IpAddr), Failure> {
        match tokio::time::timeout(CONNECT, self.connect_now()).await {
            Ok(result) => result,
            Err(_) => Err(failure(FailureKind::Connect, "no connection within 10 s")),
        }
    }

    async fn connect_now(&self) -> Result<(Stream, IpAddr), Failure> {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.url.port_or_known_default().unwrap_or(80);
        let tcp = TcpStream::connect((host, port))
            .await
            .map_err(|error| failure(FailureKind::Connect, error))?;
        let _ = tcp.set_nodelay(true);
        let own = tcp.local_addr().map_err(|error| failure(FailureKind::Connect, error))?.ip();
        let Some(config) = &self.tls else { return Ok((Box::new(tcp), own)) };
        let name = self.host.rsplit_once(':').map_or(self.host.as_str(), |(name, _)| name);
        let name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned())
            .map_err(|error| failure(FailureKind::Tls, error))?;
        let stream = tokio_rustls::TlsConnector::from(Arc::clone(config))
            .connect(name, tcp)
            .await
            .map_err(|error| failure(FailureKind::Tls, error))?;
        Ok((Box::new(stream), own))
    }
}

/// Parses an address given by the user.
pub(crate) fn parse(url: &str) -> Result<Url> {
    let parsed = Url::parse(url)
        .map_err(|error| Error::usage(format!("`{url}` is no URL: {error}")).help(EXAMPLE))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(Error::usage(format!("`{url}` is no http or https URL")).help(EXAMPLE));
    }
    Ok(parsed)
}

const EXAMPLE: &str = "an address looks like http://192.0.2.10 or https://shop.example.org:8443";

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

pub(crate) fn failure(kind: FailureKind, message: impl std::fmt::Display) -> Failure {
    Failure { kind, message: message.to_string() }
}
