//! Where a manager listens. Pure.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::{Error, Kind, Result};

/// An address as a program writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket, by its absolute path.
    Unix(PathBuf),
    /// `tcp://host:port`.
    Tcp(SocketAddr),
}

impl Address {
    /// Reads an address: an absolute path, or `tcp://` with a numeric host or `localhost`, and a port.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] for anything else; [`Kind::Unsupported`] for a Windows pipe.
    pub fn parse(address: &str) -> Result<Self> {
        if address.starts_with(r"\\.\pipe\") || address.starts_with(r"\\?\pipe\") {
            return Err(Error::new(
                Kind::Unsupported,
                "managers at Windows pipes are not supported yet: use a path, or tcp://127.0.0.1:0",
            ));
        }
        let read = match address.split_once("://") {
            Some(("tcp", host)) => tcp(host).map(Self::Tcp),
            Some(_) => None,
            None => (address.starts_with('/') && !address.ends_with('/') && !address.contains('\0'))
                .then(|| Self::Unix(address.into())),
        };
        read.ok_or_else(|| {
            Error::new(
                Kind::InvalidValue,
                format!(
                    "{address:?} is no address of a manager: it is the path of a Unix socket, or tcp://host:port with \
                     a numeric host or localhost"
                ),
            )
        })
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
        assert_eq!(Address::parse("/tmp/a b").unwrap(), Address::Unix("/tmp/a b".into()));
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
        assert_eq!(Address::parse(r"\\.\pipe\x").map_err(|e| e.kind()), Err(Kind::Unsupported));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = Address::parse(&text);
        }
    }
}
