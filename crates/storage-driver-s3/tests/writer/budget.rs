//! How much memory uploads take together.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use wharf_storage_driver::Sync;

use crate::stage::{PART, Stage, assert_holds, begin, path, some, write};

pub(crate) async fn many_files_at_once_stay_within_the_budget(stage: &Stage) {
    for parts in [2, 5] {
        let mut config = stage.config();
        config.upload_memory_bytes = (parts * PART) as u64;
        let driver = stage.driver_as(config).await;
        let files = (0..12_usize).map(|index| {
            let driver = driver.clone();
            async move {
                let at = format!("/f/{index}");
                let mut writer = begin(&driver, &at).await;
                write(&mut writer, &some(index, index * PART / 3 + index)).await.unwrap();
                writer.commit(&path(&at)).await.unwrap();
            }
        });
        timeout(Duration::from_secs(60), join_all(files)).await.expect("nobody waits for ever");
        let used = driver.upload_memory();
        assert_eq!(used.reserved_bytes, 0);
        assert!(used.peak_bytes <= (parts * PART) as u64, "{used:?}");
        assert!(used.peak_bytes >= PART as u64, "{used:?}");
        for index in 0..12 {
            assert_holds(&driver, &format!("/f/{index}"), &[&some(index, index * PART / 3 + index)]).await;
        }
    }
}

/// One upload alone holds no more than its parts on their way and the one that is filled.
pub(crate) async fn a_slow_file_leaves_room_for_another(stage: &Stage) {
    let mut config = stage.config();
    config.upload_concurrency = 2;
    let driver = stage.driver_as(config).await;
    let mut slow = begin(&driver, "/u/slow").await;
    write(&mut slow, &some(1, 8 * PART + 1)).await.unwrap();
    assert!(driver.upload_memory().peak_bytes <= 3 * PART as u64, "{:?}", driver.upload_memory());
    let mut other = begin(&driver, "/f/other").await;
    write(&mut other, &some(2, PART + 1)).await.unwrap();
    other.commit(&path("/f/other")).await.unwrap();
    slow.close(Sync::Durable).await.unwrap();
    assert_eq!(driver.upload_memory().reserved_bytes, 0);
}
