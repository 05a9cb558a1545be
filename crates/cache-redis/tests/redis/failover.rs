//! The master dies: another takes over, and is used.

use wharf_cache::{Cache, Content};

use crate::setups::{Setup, wait_until};
use crate::{find, open, remember, repository, sample, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_name_another_master() {
    let Some(mut setup) = Setup::sentinel() else { return };
    let cache = open(setup.config.clone()).await;
    let ((kept, entry), (deleted, other)) = (sample("kept"), sample("deleted"));
    remember(&cache, Content::Blob, &kept, &entry).await;
    remember(&cache, Content::Blob, &deleted, &other).await;
    wait_until(|| setup.servers[1..3].iter().all(|replica| replica.ask(&["GET", "wharf::era"]).len() > 4));
    setup.servers[0].kill();
    assert!(cache.forget(&repository("a"), Content::Blob, &[deleted]).await.is_err());
    wait_for(&cache).await;
    assert_eq!(find(&cache, Content::Blob, &deleted).await, None);
    remember(&cache, Content::Blob, &kept, &entry).await;
    assert_eq!(find(&cache, Content::Blob, &kept).await, Some(entry));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_goes_on_with_a_replica() {
    let Some(mut setup) = Setup::cluster() else { return };
    let cache = open(setup.config.clone()).await;
    let samples: Vec<_> = (0..50).map(|index| sample(&index.to_string())).collect();
    for (digest, entry) in &samples {
        remember(&cache, Content::Blob, digest, entry).await;
    }
    setup.servers[0].kill();
    let a = repository("a");
    // Until the replica has taken over some keys cannot be had: then nothing is found, and nothing wrong either.
    let mut failures = 0;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let mut answered = 0;
        for (digest, entry) in &samples {
            let ticket = cache.ticket(&a, digest).await;
            let remembered = match ticket {
                Ok(ticket) => cache.remember(&a, Content::Blob, digest, entry, ticket).await,
                Err(error) => Err(error),
            };
            answered += usize::from(remembered.is_ok());
        }
        if answered == samples.len() {
            break;
        }
        failures += 1;
        assert!(std::time::Instant::now() < until, "the cluster is not used again");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(failures > 0, "nobody noticed");
    for (digest, entry) in &samples {
        assert_eq!(find(&cache, Content::Blob, digest).await.as_ref(), Some(entry));
    }
}
