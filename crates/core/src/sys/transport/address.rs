//! The address of a manager. Pure, except that it depends on whether the system has pipes or paths.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::{Error, Kind, Result, sys};

/// An address as a user writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket, by its absolute path.
    Unix(PathBuf),
    /// A Windows pipe, by its whole name.
    Pipe(String),
    /// `tcp://host:port`.
    Tcp(SocketAddr),
}

impl Address {
    /// Parses an address: an absolute path (on Windows `\\.\pipe\` and a name), or `tcp://` with a numeric host or
    /// `localhost`, and a port.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] for anything else; [`Kind::Unsupported`] for a Windows pipe elsewhere.
    pub fn parse(address: &str) -> Result<Self> {
        let pipe = [r"\\.\pipe\", r"\\?\pipe\"].iter().find_map(|prefix| address.strip_prefix(prefix));
        if pipe.is_some() && !sys::HAS_PIPES {
            return Err(Error::new(
                Kind::Unsupported,
                "managers listen at pipes on Windows only: use a path, or tcp://127.0.0.1:0",
            ));
        }
        if let Some(name) = pipe.filter(|name| is_pipe_name(name)) {
            return Ok(Self::Pipe(format!(r"\\.\pipe\{name}")));
        }
        let read = match address.split_once("://") {
            Some(("tcp", host)) => tcp(host).map(Self::Tcp),
            Some(_) => None,
            None => (!sys::HAS_PIPES && address.starts_with('/') && !address.ends_with('/') && !address.contains('\0'))
                .then(|| Self::Unix(address.into())),
        };
        read.ok_or_else(|| {
            Error::new(
                Kind::InvalidValue,
                format!(
                    "{address:?} is not the address of a manager: use {}, or tcp://host:port with a numeric host or \
                     localhost, such as {}",
                    if sys::HAS_PIPES { r"\\.\pipe\ and a name" } else { "the path of a Unix socket" },
                    suggestion(address),
                ),
            )
        })
    }
}

/// Returns whether the system accepts it as the name of a pipe: up to 256 characters with the prefix.
fn is_pipe_name(name: &str) -> bool {
    (1..=247).contains(&name.encode_utf16().count()) && !name.contains(['\\', '\0'])
}

/// Returns the TCP address that was probably meant, or an example.
fn suggestion(address: &str) -> String {
    let host = address.strip_prefix("tcp:").unwrap_or(address).trim_start_matches('/');
    match (tcp(host), host.parse::<IpAddr>()) {
        (Some(_), _) => format!("tcp://{host}"),
        (None, Ok(host)) => format!("tcp://{}", SocketAddr::new(host, 0)),
        (None, Err(_)) => "tcp://127.0.0.1:0".to_owned(),
    }
}

fn tcp(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => port.parse().ok().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_and_tcp_addresses_are_read() {
        if sys::HAS_PIPES {
            assert_eq!(Address::parse(r"\\.\pipe\a b").unwrap(), Address::Pipe(r"\\.\pipe\a b".to_owned()));
            assert_eq!(Address::parse(r"\\?\pipe\a").unwrap(), Address::Pipe(r"\\.\pipe\a".to_owned()));
        } else {
            assert_eq!(Address::parse("/tmp/a b").unwrap(), Address::Unix("/tmp/a b".into()));
        }
        assert_eq!(Address::parse("tcp://127.0.0.1:0").unwrap(), Address::Tcp("127.0.0.1:0".parse().unwrap()));
        assert_eq!(Address::parse("tcp://localhost:80").unwrap(), Address::Tcp("127.0.0.1:80".parse().unwrap()));
        assert_eq!(Address::parse("tcp://[::1]:8080").unwrap(), Address::Tcp("[::1]:8080".parse().unwrap()));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "relative", "/tmp/", "/a\0b", "tcp://", "tcp://host:1", "tcp://1.2.3.4", "http://127.0.0.1:1"]
        {
            assert_eq!(Address::parse(text).map_err(|e| e.kind()), Err(Kind::InvalidValue), "{text:?}");
        }
        let (pipe, odd) =
            if sys::HAS_PIPES { (None, Kind::InvalidValue) } else { (Some(Kind::Unsupported), Kind::Unsupported) };
        assert_eq!(Address::parse(r"\\.\pipe\x").err().map(|e| e.kind()), pipe);
        for text in [r"\\.\pipe\", r"\\.\pipe\a\b", &format!(r"\\.\pipe\{}", "x".repeat(248))] {
            assert_eq!(Address::parse(text).map_err(|e| e.kind()), Err(odd), "{text:?}");
        }
    }

    #[test]
    fn the_error_for_an_address_without_a_scheme_suggests_one() {
        for (text, meant) in [
            ("127.0.0.1:50000", "tcp://127.0.0.1:50000"),
            ("localhost:80", "tcp://localhost:80"),
            ("[::1]:8080", "tcp://[::1]:8080"),
            ("tcp:/127.0.0.1:80", "tcp://127.0.0.1:80"),
            ("tcp:127.0.0.1:80", "tcp://127.0.0.1:80"),
            ("10.0.0.1", "tcp://10.0.0.1:0"),
            ("::1", "tcp://[::1]:0"),
            ("db.example:80", "tcp://127.0.0.1:0"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidValue, "{text:?}");
            assert!(error.message().ends_with(&format!("such as {meant}")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = Address::parse(&text);
        }
    }
}
