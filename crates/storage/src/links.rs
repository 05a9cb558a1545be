//! Links: small files that hold a digest and make it belong somewhere.

use bytes::Bytes;
use wharf_digest::{Algorithm, Digest};
use wharf_registry::Error;
use wharf_storage_driver::{ErrorKind, PutMode, PutOptions, StorageDriver, StoragePath, Version};

use crate::error::{Damage, LinkFault, failed, found};

/// How much of a link is read, in bytes: more than any digest and some white space.
const LINK_LIMIT_BYTES: usize = 1024;

/// The digest that a link holds; none when there is no such link.
pub(crate) async fn read(driver: &dyn StorageDriver, path: &StoragePath) -> Result<Option<Digest>, Error> {
    Ok(read_version(driver, path).await?.map(|(digest, _)| digest))
}

/// As [`read`], with the version that the link had.
pub(crate) async fn read_version(
    driver: &dyn StorageDriver,
    path: &StoragePath,
) -> Result<Option<(Digest, Version)>, Error> {
    let object = match driver.get(path, LINK_LIMIT_BYTES).await {
        Err(error) if error.kind() == ErrorKind::TooLarge => return Err(broken(path, LinkFault::Large)),
        result => found(result)?,
    };
    object.map(|object| Ok((parse(path, &object.bytes)?, object.version))).transpose()
}

/// As [`read`], for a link to data: that is named by a sha256, which for a link under a sha256 is the very
/// same.
pub(crate) async fn read_canonical(
    driver: &dyn StorageDriver,
    path: &StoragePath,
    digest: &Digest,
) -> Result<Option<Digest>, Error> {
    let Some(target) = read(driver, path).await? else { return Ok(None) };
    let right = match digest.algorithm() {
        Algorithm::Sha256 => target == *digest,
        _ => target.algorithm() == Algorithm::Sha256,
    };
    if right { Ok(Some(target)) } else { Err(broken(path, LinkFault::Target(target))) }
}

/// Makes a link, durably.
pub(crate) async fn write(
    driver: &dyn StorageDriver,
    path: &StoragePath,
    target: &Digest,
) -> Result<(), Error> {
    driver.put(path, Bytes::from(target.to_string()), PutOptions::default()).await.map_err(failed)?;
    Ok(())
}

/// Makes a link, durably, where there is none; says whether it did.
pub(crate) async fn create(
    driver: &dyn StorageDriver,
    path: &StoragePath,
    target: &Digest,
) -> Result<bool, Error> {
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    match driver.put(path, Bytes::from(target.to_string()), options).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Exists => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

fn parse(path: &StoragePath, bytes: &[u8]) -> Result<Digest, Error> {
    let text = str::from_utf8(bytes.trim_ascii_end()).map_err(|_| broken(path, LinkFault::Text))?;
    text.parse().map_err(|error| broken(path, LinkFault::Digest(error)))
}

fn broken(path: &StoragePath, source: LinkFault) -> Error {
    Damage::Link { path: path.clone(), source }.into()
}

#[cfg(test)]
mod tests {
    use wharf_storage_driver::MemoryDriver;

    use super::*;

    async fn link_of(content: &[u8]) -> Result<Option<Digest>, Error> {
        let driver = MemoryDriver::new();
        let path: StoragePath = "/link".parse().unwrap();
        driver.put(&path, Bytes::copy_from_slice(content), PutOptions::default()).await.unwrap();
        read(&driver, &path).await
    }

    #[tokio::test]
    async fn white_space_at_the_end_of_a_link_is_tolerated() {
        let digest = Algorithm::Sha256.digest(b"x");
        for end in ["", "\n", "\r\n", "  \n\n"] {
            assert_eq!(link_of(format!("{digest}{end}").as_bytes()).await.unwrap(), Some(digest));
        }
    }

    #[tokio::test]
    async fn a_broken_link_is_an_error_that_names_it() {
        let digest = Algorithm::Sha256.digest(b"x");
        let large = vec![b' '; LINK_LIMIT_BYTES + 1];
        for content in [b"".as_slice(), b"nonsense", b"\xff", format!(" {digest}").as_bytes(), &large] {
            let Err(Error::Internal(source)) = link_of(content).await else {
                panic!("{content:?} is no link")
            };
            assert_eq!(source.to_string(), "link /link is broken");
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_no_error() {
        assert_eq!(read(&MemoryDriver::new(), &"/link".parse().unwrap()).await.unwrap(), None);
    }
}
