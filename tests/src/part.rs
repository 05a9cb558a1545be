//! The object stores that `tests/run` starts: which there are, and how each is spoken to.

use std::net::SocketAddr;

use crate::skip::skip;

/// Is an object store on this machine, empty but for one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// S3 with strict signatures and atomic conditions.
    Minio,
    /// S3 over a folder tree.
    VersityGw,
    /// Ceph's gateway: S3 with few conditions.
    Ceph,
    /// Azure's blob storage.
    Azurite,
}

/// Is where the bucket of a part is, and who may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whether it speaks Azure's language instead of S3's.
    pub azure: bool,
    /// The server.
    pub address: SocketAddr,
    /// The access key, or the name of the account.
    pub user: String,
    /// The secret key, or the key of the account.
    pub secret: String,
    /// The bucket, or the container.
    pub bucket: String,
}

impl Part {
    /// Every one of them.
    pub const ALL: [Part; 4] = [Part::Minio, Part::VersityGw, Part::Ceph, Part::Azurite];

    /// Gives the variable that says where it is.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Part::Minio => "WHARF_TESTS_MINIO",
            Part::VersityGw => "WHARF_TESTS_VERSITYGW",
            Part::Ceph => "WHARF_TESTS_CEPH",
            Part::Azurite => "WHARF_TESTS_AZURITE",
        }
    }

    /// Finds it. Where it does not run, says so as [`skip`](crate::skip()) does.
    ///
    /// # Panics
    ///
    /// When its variable holds something else.
    #[must_use]
    pub fn place(self) -> Option<Place> {
        let Some(url) = std::env::var(self.variable()).ok().filter(|url| !url.is_empty()) else {
            skip(&format!("{} names no store; `tests/parts/with COMMAND` starts one", self.variable()));
            return None;
        };
        let place = Place::parse(&url, self == Part::Azurite);
        Some(place.unwrap_or_else(|| panic!("{} is no http://KEY:SECRET@ADDRESS/BUCKET", self.variable())))
    }
}

impl Place {
    fn parse(url: &str, azure: bool) -> Option<Place> {
        let (who, at) = url.strip_prefix("http://")?.split_once('@')?;
        let (user, secret) = who.split_once(':')?;
        let (address, bucket) = at.split_once('/')?;
        let address = address.parse().ok()?;
        Some(Place {
            azure,
            address,
            user: user.to_owned(),
            secret: secret.to_owned(),
            bucket: bucket.to_owned(),
        })
    }

    /// Gives the same bucket as it is seen through a proxy.
    #[must_use]
    pub fn through(&self, proxy: SocketAddr) -> Place {
        Place { address: proxy, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_from_a_url() {
        let place = Place::parse("http://key:secret@127.0.0.1:9000/bucket", false).unwrap();
        assert_eq!((place.user.as_str(), place.secret.as_str()), ("key", "secret"));
        assert_eq!((place.address.port(), place.bucket.as_str()), (9000, "bucket"));
        assert_eq!(Place::parse("http://127.0.0.1:9000/bucket", false), None);
    }
}
