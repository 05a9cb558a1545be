//! A look into a store behind the driver.

use std::time::{Duration, Instant};

use aws_sdk_s3::Client;

use crate::stores::Place;

/// How long what the driver throws away in the background may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is in the store though no file is: keys, and what was begun in parts.
pub(crate) async fn leftovers(place: &Place) -> Vec<String> {
    let client = place.client();
    let begun = Instant::now();
    loop {
        let found = look(place, &client).await;
        if found.is_empty() || begun.elapsed() > PATIENCE {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn look(place: &Place, client: &Client) -> Vec<String> {
    let prefix = format!("{}/", place.root);
    let ours = format!("{prefix}~wharf/");
    let keys = client.list_objects_v2().bucket(&place.bucket).prefix(&prefix).send().await.unwrap();
    let keys = keys.contents().iter().filter_map(|object| object.key());
    let begun = client.list_multipart_uploads().bucket(&place.bucket).prefix(&prefix).send().await.unwrap();
    let begun = begun.uploads().iter().filter_map(|upload| upload.key());
    keys.filter(|key| !key.starts_with(&ours)).chain(begun).map(str::to_owned).collect()
}
