//! The contract of caches on every setup, and what refuses whom.

use wharf_cache::contract;
use wharf_cache_redis::{Config, Identity, Tls};

use crate::setups::{Certificates, Setup};
use crate::{config, open, repository, sample};

macro_rules! keeps_the_contract {
    ($($setup:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $setup() {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            if let Some(setup) = Setup::$setup() {
                keeps_the_contract(&setup.config).await;
            }
        })*
    };
}

keeps_the_contract! { plain password user unix tls sentinel cluster }

async fn keeps_the_contract(config: &Config) {
    let cache = open(config.clone()).await;
    let cache = &cache;
    contract::what_was_remembered_is_found(cache).await;
    contract::what_was_never_remembered_is_not_found(cache).await;
    contract::a_repository_does_not_see_anothers(cache).await;
    contract::a_blob_is_not_a_manifest(cache).await;
    contract::what_was_forgotten_is_gone(cache).await;
    contract::forgetting_in_one_repository_leaves_the_other(cache).await;
    contract::forgetting_one_digest_leaves_the_others(cache).await;
    contract::several_are_forgotten_at_once(cache).await;
    contract::an_alias_names_its_data(cache).await;
    contract::remembering_again_replaces(cache).await;
    contract::a_ticket_of_a_reader_is_void_once_its_digest_was_forgotten(cache).await;
    contract::a_ticket_of_a_writer_is_void_once_its_digest_was_forgotten(cache).await;
    contract::a_ticket_from_after_a_deletion_is_good(cache).await;
    contract::any_media_type_and_size_come_back_as_they_were(cache).await;
}

async fn is_refused(config: Config) {
    let cache = open(config).await;
    let (digest, _) = sample("a");
    assert!(wharf_cache::Cache::ticket(&cache, &repository("a"), &digest).await.is_err());
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_and_a_client_without_a_certificate_are_refused() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Some(setup) = Setup::tls() else { return };
    let tls = setup.config.tls.clone().unwrap();
    let stranger = Certificates::new().tls();
    is_refused(Config { tls: Some(Tls { roots: stranger.roots, ..tls.clone() }), ..setup.config.clone() })
        .await;
    is_refused(Config { tls: Some(Tls { identity: None, ..tls.clone() }), ..setup.config.clone() }).await;
    is_refused(Config { tls: Some(Tls { identity: stranger.identity, ..tls }), ..setup.config.clone() })
        .await;
}

#[tokio::test]
async fn a_wrong_password_is_an_outage_and_not_an_error_at_the_start() {
    let Some(setup) = Setup::password() else { return };
    is_refused(Config { password: Some("wrong".into()), ..setup.config.clone() }).await;
}

#[tokio::test]
async fn what_can_never_work_is_an_error_at_the_start() {
    let Some(setup) = Setup::plain() else { return };
    let nonsense = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
    let identity = Identity { certificate: nonsense.clone(), key: b"no key".to_vec() };
    for tls in [Tls { roots: Some(nonsense), identity: None }, Tls { roots: None, identity: Some(identity) }]
    {
        let config = Config { tls: Some(tls), ..config(setup.servers[0].servers()) };
        assert!(wharf_cache_redis::RedisCache::open(config).await.is_err());
    }
}
