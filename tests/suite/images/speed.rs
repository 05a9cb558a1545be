//! How fast many small images are copied, beside skopeo in the same run. A figure, and no test: it is run by name.

use std::time::{Duration, Instant};

use wharf_tests::{Client, scratch};

use super::{Person, registry, write_images};

/// How many images are copied.
const IMAGES: usize = 200;

/// How often each does it; they take turns.
const ROUNDS: usize = 5;

#[test]
#[ignore = "a benchmark: cargo test -p wharf-tests many_small_images -- --ignored --nocapture"]
fn many_small_images_beside_skopeo() {
    let Some(skopeo) = Client::installed("skopeo") else { return };
    let (source, destination, person, folder) = (registry(), registry(), Person::new(), scratch());
    write_images(&folder.path().join("images"), IMAGES);
    let from = format!("{}/team/app", source.address());
    person.run(&["copy", "--all-tags", &format!("oci:{}", folder.path().join("images").display()), &from]);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let to = format!("{}/ours-{round}/app", destination.address());
        ours.push(timed(|| drop(person.run(&["copy", "--all-tags", &from, &to]))));
        let to = format!("{}/theirs-{round}", destination.address());
        let arguments = [
            "--insecure-policy",
            "sync",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            "--src",
            "docker",
            "--dest",
            "docker",
            &from,
            &to,
        ];
        theirs.push(timed(|| drop(skopeo.run(&arguments))));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    println!(
        "\nTHROUGHPUT {IMAGES} small images: wharf copy {ours:.2?}, skopeo sync {theirs:.2?}, {ratio:.1} times as fast"
    );
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
