//! The account at the ACME server: one key for all that share the folder, registered when it is first needed.

use instant_acme::Account;
use tracing::warn;
use wharf_http_client::HttpClient;

use crate::client::Client;
use crate::folder::{ACCOUNT_KEY, Folder, OLD_ACCOUNT_KEY};
use crate::key::Key;
use crate::{Error, Options};

/// Signs in with a key, which registers it if the server does not know it.
///
/// That is agreeing to the terms of service, as in Distribution: who configures an ACME server wants that.
pub(crate) async fn sign_in(key: &Key, options: &Options, client: HttpClient) -> Result<Account, Error> {
    let failed = Error::server("the account could not be used");
    let pkcs8 = key.to_pkcs8()?;
    let signer = match instant_acme::Key::from_pkcs8_der(pkcs8.clone_key()) {
        Ok(signer) => signer,
        Err(error) => return Err(failed(error)),
    };
    let builder = Account::builder_with_http(Box::new(Client(client)));
    let created = builder.create_from_key((signer, pkcs8.into()), options.directory.clone()).await;
    let (account, _) = created.map_err(failed)?;
    if let Some(email) = &options.email {
        let contact = format!("mailto:{email}");
        if let Err(error) = account.update_contacts(&[&contact]).await {
            // It is for their mail alone: certificates do not depend on it.
            warn!(
                error = &error as &dyn std::error::Error,
                "the ACME server does not take the address of mail"
            );
        }
    }
    Ok(account)
}

/// Reads the key of the folder, or makes one. Of several that make one at once, the first wins.
pub(crate) fn key(folder: &Folder) -> Result<Key, Error> {
    for name in [ACCOUNT_KEY, OLD_ACCOUNT_KEY] {
        if let Some(text) = folder.read(name)? {
            return Key::from_pem(&text).ok_or_else(|| Error::AccountKey(folder.path(name)));
        }
    }
    folder.write_new(ACCOUNT_KEY, Key::generate()?.to_pem()?.as_bytes())?;
    let text = folder.read(ACCOUNT_KEY)?.unwrap_or_default();
    Key::from_pem(&text).ok_or_else(|| Error::AccountKey(folder.path(ACCOUNT_KEY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_stays_the_key() {
        let above = tempfile::tempdir().unwrap();
        let folder = Folder::open(above.path()).unwrap();
        let first = key(&folder).unwrap().to_pkcs8().unwrap();
        assert!(key(&folder).unwrap().to_pkcs8().unwrap() == first);
        std::fs::rename(folder.path(ACCOUNT_KEY), folder.path(OLD_ACCOUNT_KEY)).unwrap();
        assert!(key(&folder).unwrap().to_pkcs8().unwrap() == first, "the old name counts too");
    }

    #[test]
    fn a_key_that_cannot_be_used_is_never_replaced() {
        let above = tempfile::tempdir().unwrap();
        let folder = Folder::open(above.path()).unwrap();
        folder.write(ACCOUNT_KEY, b"nonsense").unwrap();
        let error = key(&folder).err().unwrap().to_string();
        assert!(error.contains(ACCOUNT_KEY) && !error.contains("nonsense"), "{error}");
        assert_eq!(folder.read(ACCOUNT_KEY).unwrap().unwrap(), b"nonsense");
    }
}
