//! How fast a large file goes through the driver, beside the SDK alone.
//!
//! ```text
//! cargo run --release -p wharf-storage-driver-s3 --example throughput -- http://KEY:SECRET@HOST:PORT/BUCKET [MiB] [rounds]
//! ```
//!
//! Both write a file of so many MiB in parts of 10 MiB, four on their way at once, and read it again: the driver as one
//! stream, the SDK as one stream, too, and in ranges of 10 MiB, four at once. They take turns within one run, since machine
//! and store have moods, and the median of the rounds counts. The first round of the driver is with bytes of its own, as a server receives them, and says how
//! much memory that takes.

#![expect(clippy::print_stdout, reason = "it is a program")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that cannot go on ends")]

#[path = "../tests/contract/stores.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod stores;

use std::time::Instant;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver::{StorageDriver, StoragePath, WriterStart};
use wharf_storage_driver_s3::S3Driver;

use stores::Place;

const MIB: usize = 1 << 20;
const PART: usize = 10 * MIB;
/// What a connection reads at once.
const PIECE: usize = 256 * 1024;
/// What is measured.
const STEPS: [&str; 5] =
    ["driver writes", "SDK writes", "driver reads", "SDK reads in one stream", "SDK reads in ranges at once"];
/// How many parts are on their way at once.
const AT_ONCE: usize = 4;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("the address of a bucket: http://KEY:SECRET@HOST:PORT/BUCKET");
    let mut number = |otherwise| arguments.next().map_or(otherwise, |text| text.parse().unwrap());
    let (parts, rounds) = (number(1024) * MIB / PART, number(5));
    let place = Place::at(&url);
    let driver = S3Driver::new(place.config(), HttpClient::new(Options::default()).unwrap()).await.unwrap();
    let noise = noise();

    write_by_driver(&driver, &noise, parts, |piece| Bytes::copy_from_slice(&piece)).await;
    read_by_driver(&driver).await;
    let used = driver.upload_memory();
    println!(
        "memory: {} MiB at most, of which {} MiB for parts",
        high_water() / 1024,
        used.peak_bytes as usize / MIB
    );

    let client = plain(&place);
    let mut times = [const { Vec::new() }; STEPS.len()];
    for round in 0..rounds {
        // Nobody always comes first.
        for step in if round % 2 == 0 { [0, 1, 2, 3, 4] } else { [1, 0, 4, 3, 2] } {
            let since = Instant::now();
            match step {
                0 => write_by_driver(&driver, &noise, parts, |piece| piece).await,
                1 => write_by_sdk(&client, &place, &noise, parts).await,
                2 => read_by_driver(&driver).await,
                3 => read_by_sdk(&client, &place, 1, parts).await,
                _ => read_by_sdk(&client, &place, parts, 1).await,
            }
            times[step].push(since.elapsed().as_secs_f64());
        }
    }
    let rates = times.map(|mut times| (parts * PART / MIB) as f64 / median(&mut times));
    for (step, beside) in [(0, 0), (1, 0), (2, 2), (3, 2), (4, 2)] {
        println!(
            "{}: {:.0} MiB/s, driver to this {:.2}",
            STEPS[step],
            rates[step],
            rates[beside] / rates[step]
        );
    }
    driver.delete(&path("/f")).await.unwrap();
}

/// A part that cannot be compressed.
fn noise() -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    Bytes::from(words.take(PART / 8).flatten().collect::<Vec<u8>>())
}

fn path(text: &str) -> StoragePath {
    text.parse().unwrap()
}

/// The SDK, not made slower than it has to be.
fn plain(place: &Place) -> Client {
    let config = place.client().config().to_builder();
    let config = config
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    Client::from_conf(config.build())
}

async fn write_by_driver(driver: &S3Driver, noise: &Bytes, parts: usize, take: impl Fn(Bytes) -> Bytes) {
    let mut writer = driver.writer(&path("/f/ours"), WriterStart::New).await.unwrap();
    for _ in 0..parts {
        for start in (0..PART).step_by(PIECE) {
            writer.write(take(noise.slice(start..start + PIECE))).await.unwrap();
        }
    }
    writer.commit(&path("/f/ours")).await.unwrap();
}

async fn read_by_driver(driver: &S3Driver) {
    let stored = driver.read(&path("/f/ours"), 0..u64::MAX).await.unwrap();
    let mut pieces = stored.content.into_stream();
    let mut len = 0;
    while let Some(piece) = pieces.next().await {
        len += piece.unwrap().len() as u64;
    }
    assert_eq!(len, stored.size);
}

fn plain_key(place: &Place) -> String {
    format!("{}/f/plain", place.root)
}

async fn write_by_sdk(client: &Client, place: &Place, noise: &Bytes, parts: usize) {
    let (bucket, key) = (&place.bucket, &plain_key(place));
    let begun = client.create_multipart_upload().bucket(bucket).key(key).send().await.unwrap();
    let upload = begun.upload_id().unwrap();
    let sent = (1..=parts as i32).map(|number| async move {
        let part = client.upload_part().bucket(bucket).key(key).upload_id(upload).part_number(number);
        let answer = part.body(noise.clone().into()).customize().disable_payload_signing().send().await?;
        Ok::<_, aws_sdk_s3::Error>(
            CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag).build(),
        )
    });
    let sent: Vec<_> = stream::iter(sent).buffered(AT_ONCE).try_collect().await.unwrap();
    let all = CompletedMultipartUpload::builder().set_parts(Some(sent)).build();
    let end = client.complete_multipart_upload().bucket(bucket).key(key).upload_id(upload);
    end.multipart_upload(all).send().await.unwrap();
}

async fn read_by_sdk(client: &Client, place: &Place, ranges: usize, parts: usize) {
    let (bucket, key, range_len) = (&place.bucket, &plain_key(place), parts * PART);
    let read = (0..ranges).map(|index| async move {
        let range = format!("bytes={}-{}", index * range_len, (index + 1) * range_len - 1);
        let answer = client.get_object().bucket(bucket).key(key).range(range).send().await.unwrap();
        let mut body = answer.body;
        let mut len = 0;
        while let Some(piece) = body.next().await {
            len += piece.unwrap().len();
        }
        assert_eq!(len, range_len);
    });
    stream::iter(read).buffered(AT_ONCE).collect::<Vec<()>>().await;
}

/// The most memory this process ever had, in KiB.
fn high_water() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
