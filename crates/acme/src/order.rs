//! One order: a host proves itself, a key is made, a certificate issued.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName};

use crate::challenges::{Answer, Challenges};
use crate::key::Key;
use crate::{Error, Host};

/// Orders a certificate, and gives its new key and its chain in PEM.
///
/// It asks again and again whether the server is done; whoever calls sets the limit, `patience` is not less than that.
pub(crate) async fn place(
    account: &Account,
    host: &Host,
    challenges: &Arc<Challenges>,
    patience: Duration,
) -> Result<String, Error> {
    let names = [Identifier::Dns(host.to_string())];
    let ordered = account.new_order(&NewOrder::new(&names)).await;
    let mut order = ordered.map_err(Error::server("the order was not taken"))?;
    let retries = RetryPolicy::new().backoff(1.5).timeout(patience);
    {
        let _ready = prove(&mut order, host, challenges).await?;
        let status = order.poll_ready(&retries).await;
        if status.map_err(Error::server("the host did not prove itself"))? == OrderStatus::Invalid {
            return Err(unproven(&mut order).await);
        }
    }
    let key = Key::generate()?;
    let request = request(host, &key)?;
    order.finalize_csr(&request).await.map_err(Error::server("the certificate was not issued"))?;
    let chain = order.poll_certificate(&retries).await;
    Ok(key.to_pem()? + &chain.map_err(Error::server("the certificate was not issued"))?)
}

/// Gets the answers to all challenges ready, and tells the server to come and see.
async fn prove(order: &mut Order, host: &Host, challenges: &Arc<Challenges>) -> Result<Vec<Answer>, Error> {
    let mut answers = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(Error::server("the order could not be read"))?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let mut challenge = authorization.challenge(ChallengeType::TlsAlpn01).ok_or(Error::NoChallenge)?;
        let digest = challenge.key_authorization().digest();
        let digest = <[u8; 32]>::try_from(digest.as_ref()).map_err(Error::crypto)?;
        let (challenges, host) = (Arc::clone(challenges), host.clone());
        let answer = tokio::task::spawn_blocking(move || challenges.answer(&host, &digest)).await;
        answers.push(answer.map_err(Error::crypto)??);
        challenge.set_ready().await.map_err(Error::server("the challenge was not taken"))?;
    }
    Ok(answers)
}

/// What the server says that it saw.
async fn unproven(order: &mut Order) -> Error {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return Error::Unproven(problem.to_string());
        }
    }
    Error::Unproven("the ACME server does not say why".to_owned())
}

/// The request to certify a key.
fn request(host: &Host, key: &Key) -> Result<Vec<u8>, Error> {
    let mut params = CertificateParams::new(vec![host.to_string()]).map_err(Error::crypto)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key.to_signer()?).map_err(Error::crypto)?;
    Ok(request.der().to_vec())
}
